"""The actions of the Admin API and the page, which run the commands' code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.composition import decisions
from veracore_sync.composition.container import Container
from veracore_sync.composition.decisions import Choice
from veracore_sync.composition.event_delivery import deliver_at_the_end
from veracore_sync.composition.inventory import sync_inventory
from veracore_sync.composition.locked_run import CommandReport, Job, Work, run_locked
from veracore_sync.composition.orders import doubt_resolver, sync_orders
from veracore_sync.composition.reconcile import accept_difference
from veracore_sync.composition.tracking import sync_tracking
from veracore_sync.config import Settings
from veracore_sync.domain.advice import command
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import LedgerError, SyncError, UsageError
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.retry import execute, plan
from veracore_sync.jobs.unknown_order import order_to_act_on
from veracore_sync.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """The result: the command's ``--json`` document, or why it failed.

    `sentences` say what was done, where the document does not.
    """

    success: bool
    error: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()


class Actions:
    """Runs the commands' code, each with a container of its own and under its lock.

    A `SyncError` becomes an unsuccessful outcome. Each is in the audit trail before it begins.

    Args:
        container: The server's, whose ledger is read.
        actor: Who acts; ``None``: nobody, who may only read.
    """

    def __init__(self, container: Container, actor: Actor | None = None) -> None:
        self._container = container
        self._actor = actor

    def by(self, actor: Actor) -> Actions:
        """The same, in the name of somebody."""
        return Actions(self._container, actor)

    @property
    def ledger(self) -> Ledger:
        """The ledger, for reading."""
        return self._container.ledger

    @property
    def settings(self) -> Settings:
        """The shop's settings."""
        return self._container.settings

    def retry_order(self, name: str) -> ActionOutcome:
        """Queue an order again, or look it up; then send it if it is due."""
        try:
            row = order_to_act_on(self.ledger.orders, name)
        except UsageError as error:
            return ActionOutcome(False, error.message)
        return self._recorded("retry", row.code, lambda: self._retry_order(row.code))

    def _retry_order(self, code: str) -> ActionOutcome:
        outcome = self._run("retry", "orders", lambda container: _retry(container, code))
        after = self.ledger.orders.get(code)
        if not outcome.success or after is None or after.state in ("synced", "shipped"):
            return outcome
        why = f": {after.error_message}" if after.error_message else ""
        return ActionOutcome(False, f"{code} is {after.state}{why}", outcome.result)

    def sync_orders(self) -> ActionOutcome:
        """``sync-orders``."""
        return self._recorded(
            "sync-orders",
            None,
            lambda: self._run(
                "sync-orders", "orders", lambda container: sync_orders(container, RunOptions())
            ),
        )

    def resolve(
        self, name: str, choice: Choice, *, veracore_id: str | None = None, reason: str = ""
    ) -> ActionOutcome:
        """``resolve``; with ``accept``, `name` may be the kind of an alert."""
        row = self.ledger.orders.find(name)
        if row is None and choice != "accept":
            return _unknown_order(name)
        return self._recorded(
            f"resolve --{choice}",
            name if row is None else row.code,
            lambda: self._run(
                "resolve",
                "orders",
                lambda container: decisions.resolve(
                    container, name, choice, veracore_id=veracore_id, reason=reason
                ),
            ),
        )

    def cancel(self, name: str) -> ActionOutcome:
        """``cancel``."""
        row = self.ledger.orders.find(name)
        if row is None:
            return _unknown_order(name)
        return self._recorded(
            "cancel",
            row.code,
            lambda: self._run(
                "cancel", "orders", lambda container: decisions.cancel(container, [name])
            ),
        )

    def accept_difference(self, type: DifferenceType, name: str, reason: str) -> ActionOutcome:
        """``reconcile --accept``."""
        return self._recorded(
            "reconcile --accept",
            name,
            lambda: self._run(
                "reconcile",
                "reconcile",
                lambda container: accept_difference(container, type, name, reason),
                record=False,
            ),
        )

    def inventory_without_guards(self) -> ActionOutcome:
        """``sync-inventory --allow-mass-change``."""
        return self._inventory(
            RunOptions(allow_mass_change=True), "sync-inventory --allow-mass-change"
        )

    def force_inventory(self) -> ActionOutcome:
        """``sync-inventory --force``."""
        return self._inventory(RunOptions(force=True))

    def inventory_for(self, sku: str) -> ActionOutcome:
        """``sync-inventory --sku``."""
        return self._inventory(RunOptions(only=(sku,)))

    def _inventory(self, options: RunOptions, action: str = "sync-inventory") -> ActionOutcome:
        return self._recorded(
            action,
            next(iter(options.only), None),
            lambda: self._run(
                "sync-inventory", "inventory", lambda container: sync_inventory(container, options)
            ),
        )

    def force_tracking(self) -> ActionOutcome:
        """``sync-tracking --force``."""
        return self._tracking(RunOptions(force=True))

    def tracking_for(self, name: str) -> ActionOutcome:
        """``sync-tracking --order``."""
        row = self.ledger.orders.find(name)
        if row is None:
            return _unknown_order(name)
        return self._tracking(RunOptions(only=(name,)), row.code)

    def _tracking(self, options: RunOptions, code: str | None = None) -> ActionOutcome:
        return self._recorded(
            "sync-tracking",
            code,
            lambda: self._run(
                "sync-tracking", "tracking", lambda container: sync_tracking(container, options)
            ),
        )

    def _recorded(
        self, action: str, target: str | None, work: Callable[[], ActionOutcome]
    ) -> ActionOutcome:
        """Do it, in the audit trail.

        Raises:
            LedgerError: It cannot be recorded, and was not begun.
        """
        if self._actor is None:
            raise RuntimeError(f"nobody asks for {action}")
        audit = self.ledger.audit
        number = audit.begin(self._actor, action, target)
        success = False
        try:
            outcome = work()
            success = outcome.success
        finally:
            with suppress(LedgerError):
                audit.end(number, success=success)
        return outcome

    def _run(self, command: str, lock: str, work: Work, *, record: bool = True) -> ActionOutcome:
        job = Job(command, lock, record=record, force=True)
        container = Container(
            self._container.loaded, self._container.clock, family=lock, force=True
        )
        try:
            _, report = run_locked(job, container, work)
            deliver_at_the_end(container)
        except SyncError as error:
            return ActionOutcome(False, f"{error.message}; {error.hint}")
        finally:
            container.close()
        if report.error is not None:
            return ActionOutcome(
                False, f"{report.error.message}; {report.error.hint}", report.document
            )
        news = {"news": report.news} if report.news else {}
        return ActionOutcome(
            True, None, {**report.document, **news}, sentences=tuple(report.sentences)
        )


def _retry(container: Container, code: str) -> CommandReport:
    container.bind()
    chosen = plan(container.ledger, (code,), every=False, error_class=None)
    for _, why in chosen.refused:
        raise UsageError(why, hint=f"{command('stats --order CODE', CODE=code)} shows its history")
    report = OrdersReport()
    doubts = doubt_resolver(container, report) if chosen.look_up else None
    execute(chosen, container.ledger, report, doubts)
    return sync_orders(container, RunOptions(only=(code,)))


def _unknown_order(name: str) -> ActionOutcome:
    return ActionOutcome(False, f"the ledger holds no order {name}")

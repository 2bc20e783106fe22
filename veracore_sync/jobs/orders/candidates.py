"""Which orders a run works on: what the shop lists, compared with what the ledger has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import SyncError, UsageError
from veracore_sync.domain.states import UNSENT, OrderCause, OrderState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import SHOP, BadRecords, Reader
from veracore_sync.jobs.orders.change_detection import Windows, passed_states
from veracore_sync.jobs.orders.identity import Identities, stub_of
from veracore_sync.jobs.orders.render import settings_hash
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.select import Selection, Selector
from veracore_sync.ports.shop import Poll


@dataclass(slots=True)
class Candidates(RunPart[OrdersReport]):
    """Lists and chooses."""

    _unread: dict[str, SyncError] = field(default_factory=dict)

    @property
    def not_before(self) -> datetime:
        """Orders placed before this time (UTC) are never sent."""
        return self.settings.orders.not_before or self.ledger.meta.live_since

    def list_orders(self, span: Windows) -> Poll:
        """List the shop's orders, or read those that a person named.

        Raises:
            UsageError: The shop has no order with that code.
            ConfigError: A setting names a custom field that the shop cannot give.
            SyncError: The shop as a whole cannot be read.
        """
        triggers = self.settings.orders.trigger_states
        if not self.options.only:
            poll = self.shop.poll(
                trigger_states=triggers,
                moved_since=span.moved_since,
                passed_states=passed_states(triggers),
                passed_since=span.passed_since,
                defer=True,
            )
            # Said of the run: with it, each order would fail alike.
            if poll.refused is not None:
                raise poll.refused
            return poll
        reader = Reader(self.shop, self.ledger.meta.probe_id)
        orders = list(reader.read(self.options.only, self._unread.__setitem__))
        found = {order.code for order in orders}
        missing = sorted(set(self.options.only) - found - self._unread.keys())
        if missing:
            raise UsageError(
                f"the shop has no order {', '.join(missing)}", hint=self._missing_hint(missing)
            )
        # No list is needed, only the channel's code and the money precision.
        poll = self.shop.poll(
            trigger_states=(), moved_since=None, passed_states=(), passed_since=None
        )
        return Poll(
            waiting=tuple(stub_of(order) for order in orders if order.state in triggers),
            moved=tuple(stub_of(order) for order in orders if order.state not in triggers),
            passed=(),
            money_precision=poll.money_precision,
            channel_code=poll.channel_code,
        )

    def _missing_hint(self, codes: Sequence[str]) -> str:
        found = ((code, self.ledger.orders.find(code)) for code in codes)
        name, row = next(((name, row) for name, row in found if row is not None), ("", None))
        if row is None:
            return "check the code; it is case-sensitive"
        if row.code != name and not row.is_set_aside:
            sends = command("sync-orders --order CODE", CODE=row.code)
            return f"it is {row.code} in the shop: {sends}"
        shows = command("stats --order CODE", CODE=row.code)
        return f"{shows} shows what the ledger knows of it"

    def choose(self, poll: Poll, now: datetime) -> Selection:
        """Which of the listed and stored orders this run works on."""
        taken = Identities(self.context).check([*poll.moved, *poll.passed, *poll.waiting])
        waiting = poll.waiting
        if self.context.must_not_write:
            waiting = tuple(stub for stub in waiting if stub.code not in taken)
        held = self.ledger.orders.held([stub.code for stub in waiting])
        rows = self.ledger.orders.in_states(UNSENT)
        if self.options.only:
            rows = list(self.ledger.orders.held(self.options.only).values())
        if not self.context.must_not_write:
            back = [
                row.code for row in rows if row.cause == OrderCause.WAITING and row.code in held
            ]
            self.ledger.transitions.came_back(back)
        known = {row.code for row in rows}
        rows += [
            row
            for row in held.values()
            if row.code not in known and row.state == OrderState.SKIPPED
        ]
        selector = Selector(
            settings=self.settings.orders,
            settings_hash=settings_hash(
                self.settings.orders, self.settings.skus, self.context.order_hooks.identity
            ),
            not_before=self.not_before,
            now=now,
            longest=self.settings.longest_order_wait,
            explicit=bool(self.options.only),
            unread=self.ledger.unread.of(SHOP),
        )
        return selector.select(waiting, held, rows, poll.channel_code)

    def raise_unread(self) -> None:
        """End the run with the reason why an order that a person named could not be read.

        Raises:
            SyncError: The first such order's error.
        """
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.report)
        for code, error in self._unread.items():
            bad.failed(SHOP, code, error)
            self.report.notify(f"{code} cannot be read: {error.message}")
        for error in self._unread.values():
            raise error

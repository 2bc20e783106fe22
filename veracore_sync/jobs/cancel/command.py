"""``cancel``: a person wants orders cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from veracore_sync.clock import to_text
from veracore_sync.domain.advice import command
from veracore_sync.domain.cancellations import WantedBy
from veracore_sync.domain.errors import ConfigError, SyncError, UpstreamError
from veracore_sync.domain.failures import OF_ONE_DECISION
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.orders import Order
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import CancelState, OrderCause, OrderState
from veracore_sync.jobs.cancel.run import OPEN_TO_WITHDRAW, Canceller
from veracore_sync.jobs.cancel.words import FORBIDDEN, cancelled_in_shop, standing
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.stats import order_document
from veracore_sync.jobs.unknown_order import order_to_act_on
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import NET

Deed = Literal["ask", "look up", "withdraw", "nothing", "refuse"]
_GONE = ("Shipped", "PartiallyShipped", "Delivered", "PartiallyDelivered")
"""States of an order of which a fulfilment of the shop says that goods have left."""
_IN_DOUBT = (OrderState.IN_DOUBT, OrderState.SENDING)


@dataclass(frozen=True, slots=True)
class Step:
    """What the command does about one order, and why."""

    row: OrderRow
    deed: Deed
    reason: str

    def document(self) -> dict[str, Any]:
        """As in ``--dry-run --json``."""
        return {"action": self.deed, "vendureOrderCode": self.row.code, "reason": self.reason}


def plan(ledger: Ledger, names: Sequence[str], *, can_cancel: bool) -> list[Step]:
    """What the command does about each order; changes nothing.

    Args:
        ledger: Where the orders are.
        names: Order codes, Vendure ids or VeraCore ids.
        can_cancel: Whether VeraCore's API can cancel orders.

    Raises:
        UsageError: The ledger does not know one of them, or knows several.
    """
    rows: dict[str, OrderRow] = {}
    for name in names:
        row = order_to_act_on(ledger.orders, name)
        rows[row.code] = row
    return [_step(row, can_cancel) for row in rows.values()]


def _step(row: OrderRow, can_cancel: bool) -> Step:
    if row.state == OrderState.CANCELLED:
        return Step(row, "nothing", "it is cancelled at VeraCore already")
    if row.state == OrderState.SHIPPED:
        return Step(row, "refuse", "it is too late to cancel it: it has shipped")
    if row.state == OrderState.SKIPPED and row.cause == OrderCause.RESOLVED:
        return Step(row, "nothing", "it is never sent")
    if row.state == OrderState.SKIPPED and row.cause == OrderCause.CHANNEL:
        # Another configuration may have sent it, to this VeraCore or to another.
        reason = (
            "it was sold in another channel: cancel it with the configuration that sends those; if "
            "that is this one by now, have it planned again first"
        )
        return Step(row, "refuse", reason)
    if row.state in OPEN_TO_WITHDRAW:
        return Step(row, "withdraw", "it was not sent, so VeraCore need not be asked")
    if row.state in _IN_DOUBT:
        return Step(row, "look up", "VeraCore may have it or not: it is looked up first")
    if row.state == OrderState.CONFLICT:
        reason = f"it is in conflict: decide first: {command('stats --order CODE', CODE=row.code)}"
        return Step(row, "refuse", reason)
    if not can_cancel:
        reason = "the rest API of VeraCore cannot cancel an order: cancel it there by hand"
        return Step(row, "refuse", reason)
    return Step(row, "ask", f"VeraCore has it as {row.veracore_id}")


@dataclass(slots=True)
class CancelOrders(RunPart[OrdersReport]):
    """Carries the command out. The caller holds the lock of the orders job.

    `sentences` says what came of each order, by code.
    """

    sentences: dict[str, str] = field(default_factory=dict)
    _canceller: Canceller = field(init=False)
    _read: dict[str, Order | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._canceller = Canceller(self.context, is_by_person=True)

    def execute(self, names: Sequence[str]) -> list[str]:
        """Cancel these orders; the codes of those that were found.

        Raises:
            UsageError: The ledger does not know one of them; nothing was done.
            ConfigError: The shop that answers is not the configured one; nothing was done.
            SyncError: VeraCore cannot be asked. The wishes are kept: the next run goes on.
        """
        # The caller holds the job lock, so what is `sending` or `asking` was left by a killed run.
        self.ledger.transitions.recover()
        self.ledger.cancellations.recover()
        steps = plan(self.ledger, names, can_cancel=self.warehouse.capabilities.can_cancel)
        codes = [step.row.code for step in steps]
        for step in steps:
            if step.deed in ("nothing", "refuse"):
                self.sentences[step.row.code] = step.reason
            if step.deed == "refuse":
                self.report.escalate(f"{step.row.code}: {step.reason}")
        others = self._codes_of_others(
            [step.row for step in steps if step.row.code not in self.sentences]
        )
        steps = [step for step in steps if step.row.code not in others]
        self._withdraw([step.row for step in steps if step.deed == "withdraw"])
        asked = [step.row for step in steps if step.deed in ("ask", "look up")]
        if asked:
            self._ask(asked)
        for code in codes:
            self.sentences.setdefault(code, self._sentence(code))
        return codes

    def _codes_of_others(self, rows: Sequence[OrderRow]) -> set[str]:
        """The codes that mean another order in the shop by now: which one is meant is unknown."""
        others: set[str] = set()
        for row in rows:
            order = self._in_shop(row.code)
            if order is None or not is_another(row, order.id, order.placed_at):
                continue
            others.add(row.code)
            self.sentences[row.code] = (
                "another order of the shop has this code now, so nothing was cancelled: run "
                "`veracore-sync sync-orders`, which keeps the two apart, then cancel the one that "
                "is meant"
            )
            self.report.escalate(f"{row.code}: {self.sentences[row.code]}")
        return others

    # ---- never sent -----------------------------------------------------------------------------

    def _withdraw(self, rows: Sequence[OrderRow]) -> None:
        for row in rows:
            try:
                Resolver(self.context).skip(row.code)
            except SyncError as error:
                if error not in OF_ONE_DECISION:
                    raise
                self.sentences[row.code] = error.message
                self.report.escalate(f"{row.code}: {error.message}")
                continue
            self.sentences[row.code] = f"withdrawn: it is never sent{self._in_the_shop(row.code)}"

    # ---- at VeraCore ----------------------------------------------------------------------------

    def _ask(self, rows: Sequence[OrderRow]) -> None:
        newest = self.ledger.orders.newest_synced()
        failure: SyncError | None = None
        try:
            self.warehouse.check_connection(newest.veracore_id if newest else None)
        except UpstreamError as error:
            failure = error
        self.context.check_warehouse()
        if self.context.must_not_write:
            return
        if self.ledger.meta.get(FORBIDDEN):
            # Perhaps the permission was added: ask again, if not now then in the next run.
            self.ledger.meta.put(FORBIDDEN, to_text(self.clock.now() - NET))
        # The wish is kept although VeraCore is down: the next run of `sync-orders` goes on.
        for done, row in enumerate(rows):
            self.context.progress("reading the shop", done, len(rows))
            shop = self._shop_state(row.code)
            by: WantedBy = "shop" if shop == "Cancelled" else "person"
            self.ledger.cancellations.want(row.code, row.veracore_id or row.code, by)
            # What a person has accepted of the shop is no alert again: the next run would end it.
            may_tell = row.shop_cancelled_at is None or row.code in standing(self.context)
            if shop == "Cancelled" and may_tell:
                alert = cancelled_in_shop(self.context, row.code)
                self.ledger.transitions.cancelled_in_shop(row.code, alert)
        if failure is not None:
            raise failure
        doubtful = self.ledger.orders.held([row.code for row in rows if row.state in _IN_DOUBT])
        DoubtResolver(self.context).settle(doubtful.values())
        self._canceller.withdraw_unsent()
        wishes = [self.ledger.cancellations.get(row.code) for row in rows]
        self._canceller.work(one for one in wishes if one is not None)
        if self._canceller.failure is not None:
            raise self._canceller.failure

    # ---- what to tell ---------------------------------------------------------------------------

    def _sentence(self, code: str) -> str:
        row = self.ledger.orders.held([code])[code]
        wish = self.ledger.cancellations.get(code)
        shop = self._in_the_shop(code)
        if row.state == OrderState.CANCELLED:
            return f"it is cancelled at VeraCore{shop}"
        if row.state == OrderState.SKIPPED:
            return f"withdrawn: VeraCore does not have it, and it is never sent{shop}"
        if row.state != OrderState.SYNCED or wish is None:
            state = STATE_LABELS[row.state]
            return f"it is {state}: it is cancelled once a look-up shows that VeraCore has it"
        if wish.state in (CancelState.TOO_LATE, CancelState.REFUSED):
            return wish.message or wish.state
        if wish.seen_at is not None:
            seen = "a look-up shows it as cancelled; a second one, by sync-orders, confirms that"
            return f"{seen}{shop}"
        if wish.state == CancelState.WANTED:
            why = f" ({wish.message})" if wish.message else ""
            return f"VeraCore was not asked yet{why}: the next sync-orders goes on{shop}"
        return f"VeraCore was asked; the look-ups of the next sync-orders decide{shop}"

    def _in_the_shop(self, code: str) -> str:
        """What is left to do in the shop, which is never changed from here."""
        state = self._shop_state(code)
        if state == "Cancelled":
            return ""
        if state is None:
            return "; nothing is cancelled or refunded in the shop by this"
        if state in _GONE:
            return f"; the shop shows it as {state}: unless it left by hand, refund it there"
        return f"; the shop still shows it as {state}: cancel and refund it there"

    def _shop_state(self, code: str) -> str | None:
        """The order's state in the shop; ``None``: it cannot be read."""
        row = self.ledger.orders.get(code)
        if row is not None and row.shop_cancelled_at is not None:
            return "Cancelled"
        order = self._in_shop(code)
        return order.state if order is not None else None

    def _in_shop(self, code: str) -> Order | None:
        """The order in the shop; ``None``: it cannot be read, or is not there."""
        if code not in self._read:
            try:
                found = self.shop.orders([code])
            except ConfigError:
                # Another channel or another shop answers: what it says of the code is of others.
                raise
            except SyncError:
                found = []
            self._read[code] = found[0] if found else None
        return self._read[code]

    def document(self, codes: Sequence[str]) -> dict[str, Any]:
        """As in ``--json``."""
        held = self.ledger.orders.held(list(codes))
        return {"orders": [self._order_document(held[code]) for code in codes]}

    def _order_document(self, row: OrderRow) -> dict[str, Any]:
        wish = self.ledger.cancellations.get(row.code)
        return order_document(row) | {
            "cancelState": wish.state if wish else None,
            "cancelMessage": self.sentences.get(row.code),
        }

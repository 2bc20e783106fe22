"""After an order was handed over: changes in the shop that the warehouse does not know of.

Vendure moves ``updatedAt`` on cancellation and modification, not on state transitions
(docs/vendure.md); so cancellations and modifications are seen by time, everything else by state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category, SyncError
from veracore_sync.domain.held_orders import AcceptedOrder
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure, OrderRow, SentLines
from veracore_sync.domain.orders import Order, OrderStub
from veracore_sync.domain.states import HANDED_OVER, Applied, OrderCause, OrderState
from veracore_sync.jobs.cancel.words import asks_by_itself, cancelled_in_shop
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import LOOK_UP, SHOP, BadRecords, Reader, in_batches
from veracore_sync.jobs.orders.changes import (
    Judged,
    as_it_was,
    change,
    has_ended,
    held_lines,
    is_all_that_ships,
    is_followed,
    missing_units,
)
from veracore_sync.jobs.orders.plan import PASSED_STATES
from veracore_sync.jobs.orders.render import Renderer, content_hash
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import NET, is_ahead

_MOVED = "watch.updated_at"
_SAFETY_SCAN = "net.checked_at"
_FULL_SCAN = "net.deep_at"
_MOVED_OVERLAP = timedelta(minutes=2)
_SAFETY_OVERLAP = timedelta(days=1)
_FULL_REACH = timedelta(days=30)

_JUDGED = "watch.judged:"
_DRIFT = AlertKind.ORDER_DRIFT
_UNREAD = "the shop gives no usable answer about it, so changes made there cannot be detected,"


@dataclass(frozen=True, slots=True)
class Windows:
    """How far back this run lists orders (UTC); ``None``: not at all."""

    moved_since: datetime | None
    passed_since: datetime | None
    is_full_scan: bool


def windows(ledger: Ledger, now: datetime, not_before: datetime) -> Windows:
    """Since when the shop is asked for changed and for passed orders.

    Changes are listed from the newest change seen; passed orders (the safety scan) from a day
    before the last run, and once a day over the last thirty days (the full scan).
    """
    # The windows overlap: the shop's clock may differ from ours, and on SQLite `updatedAt` has
    # whole seconds (docs/vendure.md).
    moved = ledger.meta.moment(_MOVED) or max(ledger.meta.live_since, now - _FULL_REACH)
    checked, full_at = ledger.meta.moment(_SAFETY_SCAN), ledger.meta.moment(_FULL_SCAN)
    is_full = full_at is None or now - full_at >= NET
    reach = now - _FULL_REACH if is_full or checked is None else checked - _SAFETY_OVERLAP
    return Windows(moved - _MOVED_OVERLAP, max(reach, not_before), is_full)


@dataclass(slots=True)
class ChangeDetector(RunPart[OrdersReport]):
    """Finds changes made in the shop after an order was sent."""

    def changed(self, moved: Sequence[OrderStub], waiting: Sequence[OrderStub] = ()) -> None:
        """Raise ``order.cancelled_in_shop`` or ``order.drift`` for orders that were sent.

        Args:
            moved: Orders whose ``updatedAt`` moved.
            waiting: Orders in a trigger state: one that has ended, or whose content was never
                read, may have units that VeraCore does not have.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        stubs = {stub.code: stub for stub in (*waiting, *moved)}
        held = self.ledger.orders.held(list(stubs))
        moved_codes = {stub.code for stub in moved}
        unseen = [
            stub
            for code, stub in stubs.items()
            if code in held and self._is_unseen(stub, held[code], has_moved=code in moved_codes)
        ]
        for stub in unseen:
            if stub.state == "Cancelled":
                self._cancelled(stub, held[stub.code])
        still_there = [stub.code for stub in unseen if stub.state != "Cancelled"]
        self._read([*still_there, *self._cut_since()])
        now = self.clock.now()
        # One order with an `updatedAt` years ahead would move the window past all other changes.
        passed = [stub.updated_at for stub in moved if not is_ahead(stub.updated_at, now)]
        if passed:
            self.ledger.meta.put(_MOVED, to_text(max(passed)))

    def _is_unseen(self, stub: OrderStub, row: OrderRow, *, has_moved: bool) -> bool:
        """Whether the order may have changed since it was sent or last examined."""
        is_known = row.content_hash is not None and not has_ended(row)
        if not is_followed(row) or (is_known and not has_moved):
            return False
        judged = self._judged(row.code)
        if judged is not None:
            return judged.at != to_text(stub.updated_at) or judged.state != row.state
        if has_moved and row.shop_updated_at is not None:
            # "Different", not "later": after the shop's clock was ahead, the next time is earlier.
            return row.shop_updated_at != to_text(stub.updated_at)
        return True

    def _cut_since(self) -> list[str]:
        """Orders with drift of which VeraCore has cancelled units: both sides may agree now."""
        standing = self.ledger.alerts.standing()
        drifted = [one.code for one in standing if one.kind == _DRIFT and one.code]
        rows = self.ledger.orders.held(list(self.ledger.holdings.cut(drifted)))
        return [code for code, row in rows.items() if not has_ended(row)]

    def _cancelled(self, stub: OrderStub, row: OrderRow) -> None:
        message = cancelled_in_shop(stub.code, self.settings, self.warehouse.capabilities)
        change = self.ledger.transitions.cancelled_in_shop(stub.code, message)
        if change is Applied.NEWS:
            self.report.outcomes.setdefault(stub.code, "drift")
            # With `auto` VeraCore is asked by this run, and reports if that fails.
            if not asks_by_itself(self.settings, self.warehouse.capabilities):
                self.report.escalate(f"{stub.code}: {message}")
        self._note(row, stub.updated_at, row.content_hash or "")

    def _read(self, codes: Sequence[str]) -> None:
        """Read and examine these in batches, and earlier bad records one by one."""
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.report)
        remembered = list(self.ledger.unread.of(SHOP))
        rows = self.ledger.orders.held([*codes, *remembered])
        followed = [code for code in remembered if code in rows and is_followed(rows[code])]
        first, last = bad.asked_last(list(dict.fromkeys([*codes, *followed])), all_due=False)
        reader = Reader(self.shop, self.ledger.meta.probe_id)
        renderer = Renderer(self.settings.orders, self.settings.skus)

        def unread(code: str, error: SyncError) -> None:
            bad.report_failure(bad.failed(SHOP, code, error), _UNREAD)

        for batch in [*in_batches(first), *([code] for code in last)]:
            for order in reader.read(batch, unread):
                bad.answered(SHOP, order.code)
                bad.answered(LOOK_UP, order.code)
                self._judge(order, rows[order.code], renderer)

    def _judge(self, order: Order, row: OrderRow, renderer: Renderer) -> None:
        if order.state == "Cancelled":
            return
        judged = self._judged(row.code)
        before = judged.content if judged else row.content_hash
        now = content_hash(order, self.ledger.meta.hash_key)
        held = self._held(row)
        seen_ended = judged is not None and judged.state == row.state
        missing = missing_units(order, held, renderer)
        message = change(row, before, now, missing, seen_ended=seen_ended)
        cut = None if has_ended(row) else self.ledger.holdings.cut([row.code]).get(row.code)
        is_followed_there = cut is not None and self._is_partially_cancelled_alike(
            order, row, cut, renderer
        )
        with self.ledger.unit_of_work():
            self._note(row, order.updated_at, now)
            if cut is not None and is_followed_there:
                if is_all_that_ships(order, cut, renderer):
                    self.ledger.alerts.resolve(_DRIFT, code=order.code)
            elif message:
                self._raise(_DRIFT, order.code, message, again=True)

    def _is_partially_cancelled_alike(
        self, order: Order, row: OrderRow, cut: AcceptedOrder, renderer: Renderer
    ) -> bool:
        """Whether the only change since the order was sent is what both sides cancelled."""
        was = as_it_was(order, cut, renderer)
        return content_hash(was, self.ledger.meta.hash_key) == row.content_hash

    def _held(self, row: OrderRow) -> SentLines | None:
        """What VeraCore has of the order: from its record if one was seen, else what was sent."""
        known = self.ledger.holdings.known(row.code) if row.state in HANDED_OVER else None
        if known is not None:
            return known
        return held_lines(row, self.ledger.orders.attempts(row.code))

    def _judged(self, code: str) -> Judged | None:
        text = self.ledger.meta.get(_JUDGED + code)
        return Judged(**json.loads(text)) if text else None

    def _note(self, row: OrderRow, at: datetime, content: str) -> None:
        judged = Judged(to_text(at), row.state, content)
        self.ledger.meta.put(_JUDGED + row.code, json.dumps(asdict(judged)))
        self.ledger.transitions.touch(row.code, shop_updated_at=to_text(at))

    def _raise(self, kind: AlertKind, code: str, message: str, *, again: bool = False) -> None:
        if raise_alert(self.ledger, self.report, kind, message, code=code, again=again):
            self.report.outcomes.setdefault(code, "drift")

    def passed(self, stubs: Sequence[OrderStub], span: Windows) -> None:
        """Record orders that left the trigger states between two runs, once each.

        A partly shipped one opens an alert, because its rest is not sent automatically.
        """
        held = self.ledger.orders.held([stub.code for stub in stubs])
        missed = [s for s in stubs if s.code not in held and s.type == "Regular"]
        self.ledger.transitions.discover(_missed(stub) for stub in missed)
        for stub in missed:
            if stub.state.startswith("Partially"):
                self._raise(AlertKind.ORDER_PASSED_BY, stub.code, _missed_message(stub))
            self.report.record(stub.code, "skipped")
        now = to_text(self.clock.now())
        self.ledger.meta.put(_SAFETY_SCAN, now)
        if span.is_full_scan:
            self.ledger.meta.put(_FULL_SCAN, now)


def passed_states(trigger_states: Sequence[str]) -> tuple[str, ...]:
    """The states after the trigger states that are not trigger states themselves."""
    return tuple(state for state in PASSED_STATES if state not in trigger_states)


def _missed(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.STATE,
        trouble=Failure(Category.VALIDATION, _missed_message(stub)),
    )


def _missed_message(stub: OrderStub) -> str:
    rest = ": its rest is not sent automatically" if stub.state.startswith("Partially") else ""
    return f"it was {stub.state} in the shop before it could be sent{rest}"

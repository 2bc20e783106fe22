"""Whether an order that is to be sent was sent, and one that was sent is still there; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.advice import typed
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.fulfilments import SHIPPED_STATES
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.plan import ParkOrder, SubmitOrder
from veracore_sync.jobs.orders.select import comes_back
from veracore_sync.jobs.reconcile.evidence import NO_ORDER, ledger_words, record_words, shop_words
from veracore_sync.jobs.reconcile.found import Found, OnItsWay, accepts
from veracore_sync.jobs.reconcile.rules import CompareRules, as_order
from veracore_sync.jobs.reconcile.sides import OrderSides
from veracore_sync.jobs.reconcile.sights import Sights, may_be_ours
from veracore_sync.waits import RECHECK

_T = DifferenceType
CANCELLED = "Cancelled"
"""The shop's state of an order of which nothing is wanted any more."""


def row_of(sides: OrderSides) -> OrderRow | None:
    """The ledger's row, if there is one."""
    return sides.ledger.row if sides.ledger is not None else None


def difference(
    type: DifferenceType,
    sides: OrderSides,
    warehouse: str,
    *,
    since: datetime | None,
    record: WarehouseRecord | None = None,
    detail: str = "",
    repair: str = "",
    shop: str = "",
) -> Difference:
    """A difference of this order, with what ledger and shop have of it."""
    row = row_of(sides)
    known_as = row.veracore_id if row is not None else None
    return Difference(
        type=type,
        name=sides.code,
        ledger=ledger_words(row),
        shop=shop or shop_words(sides.shop),
        warehouse=warehouse,
        since=since,
        detail=detail,
        veracore_id=record.id if record is not None else known_as or "",
        repair=repair,
    )


# ---- orders that the ledger does not know as sent ------------------------------------------------


def unsent(sides: OrderSides, sights: Sights, rules: CompareRules) -> Iterator[Found]:
    """What differs of an order that the ledger does not hold, or has not sent."""
    row, shop = row_of(sides), sides.shop
    if sights.live:
        if rules.is_fresh(_waits_since(row, shop)):
            yield OnItsWay("it was placed or changed a short time ago")
        else:
            yield from unknown_there(sides, sights.live)
        return
    if shop is None or not is_to_be_sent(row, shop, rules):
        return
    if rules.is_fresh(_waits_since(row, shop), _first_wait(row, rules)):
        yield OnItsWay("it was placed or changed a short time ago")
    elif sights.cancelled and (row is None or row.state is not OrderState.CONFLICT):
        yield from cancelled_there(sides, sights.cancelled[-1])
    else:
        yield _not_sent(sides, sights, shop)


def is_to_be_sent(row: OrderRow | None, shop: WholeOrder, rules: CompareRules) -> bool:
    """Whether ``sync-orders`` would send the order, or would once what parks it is corrected."""
    content = shop.content
    if row is None and not may_be_ours(shop, rules):
        return False
    if (
        row is not None
        and row.state is OrderState.SKIPPED
        and row.cause is not OrderCause.RULE
        and not comes_back(row, content.placed_at, rules.not_before)
    ):
        return False
    known = row or fresh_row(shop.code, content.id, to_text(rules.now))
    return isinstance(rules.planner.decide(as_order(shop), known), SubmitOrder | ParkOrder)


def _waits_since(row: OrderRow | None, shop: WholeOrder | None) -> datetime | None:
    """The newest moment of which it is known that something happened to it."""
    # It may have been placed days before its payment was settled.
    known = (_placed(shop), _changed(shop), shop.paid_at if shop is not None else None)
    moments = [one for one in known if one is not None]
    if row is not None and row.state is OrderState.PENDING:
        # A doubt that ended, or a person, has put it back into the queue.
        moments.append(from_text(row.updated_at))
    is_held = row is not None and (
        row.state is OrderState.SKIPPED or row.cause is OrderCause.WAITING
    )
    if row is not None and is_held and row.checked_at:
        # Then it was not to be sent, so it is since.
        moments.append(from_text(row.checked_at))
    return max(moments, default=None)


def _first_wait(row: OrderRow | None, rules: CompareRules) -> timedelta:
    """How much longer than usual it may take until the order is sent."""
    least = timedelta(minutes=rules.planner.settings.min_age_minutes)
    is_rechecked = row is not None and row.state is OrderState.SKIPPED
    return least + (RECHECK if is_rechecked else timedelta(0))


def _placed(shop: WholeOrder | None) -> datetime | None:
    return shop.content.placed_at if shop is not None else None


def _changed(shop: WholeOrder | None) -> datetime | None:
    return shop.content.updated_at if shop is not None else None


def _not_sent(sides: OrderSides, sights: Sights, shop: WholeOrder) -> Difference:
    if sights.foreign is not None:
        there = f"{one_line(sights.foreign.id)} is another order there"
    elif sights.cancelled:
        there = "; ".join(map(record_words, sights.cancelled))
    else:
        there = NO_ORDER
    repair = _sending(row_of(sides), sides.code)
    since = shop.paid_at or shop.content.placed_at
    return difference(_T.PAID_NOT_SENT, sides, there, since=since, repair=repair)


def _sending(row: OrderRow | None, code: str) -> str:
    if row is not None and row.state in (OrderState.FAILED, OrderState.PARKED):
        return typed("retry CODE", CODE=code)
    if row is not None and row.state is OrderState.CONFLICT:
        return typed("resolve CODE --new-id", CODE=code)
    return typed("sync-orders --order CODE", CODE=code)


def unknown_there(sides: OrderSides, records: tuple[WarehouseRecord, ...]) -> Iterator[Found]:
    """VeraCore ships the order, and the ledger does not know it under these ids."""
    row, since = row_of(sides), _placed(sides.shop)
    knows_one = row is not None and row.state in (OrderState.SYNCED, OrderState.SHIPPED)
    for index, record in enumerate(records):
        is_second = knows_one or index > 0
        yield difference(
            _T.SENT_NOT_IN_LEDGER,
            sides,
            record_words(record),
            since=since,
            record=record,
            detail=record.id if is_second else "",
            repair="" if is_second else _adopting(sides, record),
        )


def _adopting(sides: OrderSides, record: WarehouseRecord) -> str:
    row, code = row_of(sides), sides.code
    # What the shop cancelled is adopted by nobody on its own.
    is_cancelled = sides.shop is not None and sides.shop.content.state == CANCELLED
    if row is None and is_cancelled:
        return ""
    if row is not None and (
        is_cancelled or row.state is OrderState.CONFLICT or row.cause is OrderCause.RESOLVED
    ):
        return typed("resolve CODE --adopt ID", CODE=code, ID=record.id)
    return typed(f"reconcile --apply {_T.SENT_NOT_IN_LEDGER} --order CODE", CODE=code)


# ---- orders that VeraCore accepted ---------------------------------------------------------------


def missing(
    sides: OrderSides, sights: Sights, row: OrderRow, rules: CompareRules
) -> Iterator[Found]:
    """The ledger knows the order as accepted, and a look-up does not find it."""
    shop = sides.shop
    if row.state is not OrderState.SYNCED:
        return  # nothing of it is left to ship, so it may be gone
    if shop is not None and not is_open(shop, rules):
        return  # shipped by hand, or no longer wanted
    if accepts(sides, AlertKind.ORDER_MISSING):
        return
    accepted_at = row.last_successful_sync
    if rules.is_fresh(from_text(accepted_at) if accepted_at else None):
        yield OnItsWay("VeraCore accepted it a short time ago")
        return
    foreign = sights.foreign
    there = NO_ORDER if foreign is None else f"{one_line(foreign.id)} is another order there"
    yield difference(_T.IN_LEDGER_NOT_AT_WAREHOUSE, sides, there, since=None)


def cancelled_there(sides: OrderSides, record: WarehouseRecord | None) -> Iterator[Found]:
    """VeraCore cancelled an order that is open in the shop."""
    row = row_of(sides)
    if accepts(sides, AlertKind.ORDER_CANCELLED):
        return
    is_known = row is not None and row.state is OrderState.CANCELLED
    since = from_text(row.updated_at) if row is not None and is_known else None
    there = record_words(record) if record is not None else NO_ORDER
    repair = "" if is_known else _recording(row, sides.code)
    yield difference(
        _T.CANCELLED_THERE_OPEN_HERE, sides, there, since=since, record=record, repair=repair
    )


def _recording(row: OrderRow | None, code: str) -> str:
    """The command that has the ledger know of it; what follows is a person's decision."""
    if row is not None and row.state is OrderState.SYNCED:
        return typed("sync-tracking --order CODE", CODE=code)
    return typed("sync-orders --order CODE", CODE=code)


def is_open(shop: WholeOrder, rules: CompareRules) -> bool:
    """Whether the shop still waits for units that VeraCore could ship."""
    if shop.content.state in (*SHIPPED_STATES, CANCELLED):
        return False
    lines = (one for one in shop.content.lines if not rules.renderer.is_excluded(one.sku))
    return any(line.open_quantity for line in lines)

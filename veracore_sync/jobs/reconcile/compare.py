"""Compares what ledger, shop and warehouse have of one order; pure.

Each cause is reported once, by the type that says most about it: an order that VeraCore does not
have tells nothing of its units, one that the shop cancelled nothing of its fulfilments.
"""

from __future__ import annotations

from collections.abc import Iterator

from veracore_sync.clock import from_text
from veracore_sync.domain.advice import typed
from veracore_sync.domain.cancellations import is_cancelled_wholly, left_slips
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import CANCELLING, HANDED_OVER, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.reconcile.account import account_of
from veracore_sync.jobs.reconcile.content import content_differs, passes
from veracore_sync.jobs.reconcile.evidence import record_words
from veracore_sync.jobs.reconcile.found import Found, OnItsWay, Unread, accepts
from veracore_sync.jobs.reconcile.rules import CompareRules, rules_of
from veracore_sync.jobs.reconcile.sending import (
    CANCELLED,
    cancelled_there,
    difference,
    is_open,
    missing,
    unknown_there,
    unsent,
)
from veracore_sync.jobs.reconcile.shipping import (
    shipped_though_cancelled,
    shipped_without_order,
    shipping_differs,
)
from veracore_sync.jobs.reconcile.sides import Examined, LedgerSide, OrderSides
from veracore_sync.jobs.reconcile.sights import (
    IN_DOUBT,
    Sights,
    may_leave,
    sights_of,
    wanted_ids,
)
from veracore_sync.ports.warehouse import Absent, LookUpFailed

__all__ = ["CompareRules", "examine_order", "rules_of", "wanted_ids"]

_T = DifferenceType


def examine_order(sides: OrderSides, rules: CompareRules) -> Examined:
    """All that the sides disagree about of one order."""
    if sides.shop_unread:
        return Examined(sides.code, unseen=sides.shop_unread)
    if sides.ledger is None and sides.shop is None:
        return Examined(sides.code)
    if reason := _why_moving(sides):
        return Examined(sides.code, moving=reason)
    if reason := _why_unseen(sides, rules):
        return Examined(sides.code, unseen=reason)
    found = list(_compare(sides, sights_of(sides, rules), rules))
    for one in found:
        if isinstance(one, Unread):
            return Examined(sides.code, unseen=one.reason)
        if isinstance(one, OnItsWay):
            return Examined(sides.code, moving=one.reason)
    return Examined(sides.code, tuple(one for one in found if isinstance(one, Difference)))


def _why_moving(sides: OrderSides) -> str:
    side, shop = sides.ledger, sides.shop
    if side is None:
        return ""
    row, wish = side.row, side.cancellation
    if row.state in IN_DOUBT:
        return f"it is {row.state}: sync-orders looks it up"
    if wish is not None and wish.state in CANCELLING:
        return "it is being cancelled"
    if shop is None or row.is_set_aside:
        return ""
    if is_another(row, shop.content.id, shop.content.placed_at):
        return "the shop has another order under its code: sync-orders keeps the two apart"
    return ""


def _why_unseen(sides: OrderSides, rules: CompareRules) -> str:
    # Reasons name nothing of the order: a run counts the orders of each.
    if wanted_ids(sides.ledger, sides.shop, rules, sides.seen, sides.listed):
        return "VeraCore was not asked about it"
    for found in sides.seen.values():
        if isinstance(found, LookUpFailed):
            return "VeraCore gives no usable answer about it"
        if isinstance(found, Absent) and not rules.finds_orders:
            return "these credentials find no order at VeraCore, so 'absent' proves nothing"
    return ""


def _compare(sides: OrderSides, sights: Sights, rules: CompareRules) -> Iterator[Found]:
    side = sides.ledger
    state = side.row.state if side is not None else None
    if side is not None and state in HANDED_OVER:
        others = _live_others(side, sights)
        if not others or (sights.own is not None and not is_cancelled_wholly(sights.own)):
            yield from _handed_over(sides, side, sights, rules)
        # Else a person at VeraCore has put another order in its place.
        yield from unknown_there(sides, others)
    elif side is not None and state is OrderState.CANCELLED:
        yield from _cancelled(sides, side, sights, rules)
    else:
        yield from unsent(sides, sights, rules)


def _live_others(side: LedgerSide, sights: Sights) -> tuple[WarehouseRecord, ...]:
    """The order under other ids, if any of it may leave, or left and the ledger has not seen it."""
    known = {(one.veracore_id.casefold(), one.slip) for one in side.slips}
    return tuple(
        record
        for record in sights.others
        if may_leave(record)
        or any((record.id.casefold(), slip) not in known for slip in left_slips(record))
    )


# ---- orders that VeraCore accepted ---------------------------------------------------------------


def _handed_over(
    sides: OrderSides, side: LedgerSide, sights: Sights, rules: CompareRules
) -> Iterator[Found]:
    row, shop, record = side.row, sides.shop, sights.own
    if record is None:
        yield from missing(sides, sights, row, rules)
    elif row.is_set_aside:
        return  # it is followed to its end at VeraCore; the shop has nothing to compare it with
    elif is_cancelled_wholly(record):
        yield from _is_cancelled_there(sides, side, record, rules)
    elif shop is None:
        if row.state is OrderState.SYNCED:
            yield from shipped_without_order(sides, side, record, rules)
    elif passes(side, shop, rules):
        yield OnItsWay("a person is changing it in the shop")
    elif any(one.problem for one in record.shipments):
        yield Unread("a slip of it at VeraCore cannot be read")
    elif shop.content.state == CANCELLED:
        yield from _cancelled_here(sides, side, shop, record, rules)
    else:
        account = account_of(side, shop, record, rules.tracking.names)
        yield from content_differs(sides, side, shop, account, rules)
        yield from shipping_differs(sides, side, account, rules)


def _is_cancelled_there(
    sides: OrderSides, side: LedgerSide, record: WarehouseRecord, rules: CompareRules
) -> Iterator[Found]:
    shop = sides.shop
    if side.row.state is not OrderState.SYNCED or shop is None or not is_open(shop, rules):
        return
    looked_at = side.tracked.looked_at if side.tracked is not None else None
    if looked_at and rules.is_fresh(from_text(looked_at)):
        yield OnItsWay("VeraCore cancelled it a short time ago")
        return
    yield from cancelled_there(sides, record)


def _cancelled_here(
    sides: OrderSides,
    side: LedgerSide,
    shop: WholeOrder,
    record: WarehouseRecord,
    rules: CompareRules,
) -> Iterator[Found]:
    known = side.compared
    is_accepted = known is not None and known.accepted_at is not None
    if known is not None and is_accepted and known.base and known.base.state == CANCELLED:
        return
    if not may_leave(record):
        account = account_of(side, shop, record, rules.tracking.names)
        yield from shipped_though_cancelled(sides, account, rules)
        return
    if accepts(sides, AlertKind.ORDER_NOT_CANCELLED, AlertKind.ORDER_CANCELLED_IN_SHOP):
        return
    if _is_cancelled_lately(side, rules):
        yield OnItsWay("the shop cancelled it a short time ago")
        return
    since = side.row.shop_cancelled_at
    can_be_asked = rules.capabilities.can_cancel and side.row.state is OrderState.SYNCED
    yield difference(
        _T.CANCELLED_HERE_LIVE_THERE,
        sides,
        record_words(record),
        since=from_text(since) if since else None,
        record=record,
        repair=typed("cancel CODE", CODE=sides.code) if can_be_asked else "",
    )


def _is_cancelled_lately(side: LedgerSide, rules: CompareRules) -> bool:
    row, known = side.row, side.compared
    if row.shop_cancelled_at is not None:
        return rules.is_fresh(from_text(row.shop_cancelled_at))
    # Whoever compared it a short time ago, or sent it, did not see it cancelled.
    seen = known.seen if known is not None else None
    compared_at = known.compared_at if known is not None else None
    if compared_at and (seen is None or seen.state != CANCELLED):
        return rules.is_fresh(from_text(compared_at))
    accepted_at = row.last_successful_sync
    return rules.is_fresh(from_text(accepted_at) if accepted_at else None)


# ---- orders that VeraCore cancelled --------------------------------------------------------------


def _cancelled(
    sides: OrderSides, side: LedgerSide, sights: Sights, rules: CompareRules
) -> Iterator[Found]:
    row, shop = side.row, sides.shop
    if row.is_set_aside or shop is None:
        return
    if not sights.live:
        if is_open(shop, rules):
            yield from cancelled_there(sides, sights.own)
    elif rules.is_fresh(from_text(row.updated_at)):
        yield OnItsWay("it was recorded as cancelled a short time ago")
    elif shop.content.state == CANCELLED:
        yield from _cancelled_here(sides, side, shop, sights.live[0], rules)
    else:
        yield from unknown_there(sides, sights.live)

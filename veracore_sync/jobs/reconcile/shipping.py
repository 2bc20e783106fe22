"""Whether the shop's fulfilments are what VeraCore shipped; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from veracore_sync.clock import from_text
from veracore_sync.domain.advice import typed
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import OPEN_SLIPS, PickSlipState
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import Shipment, WarehouseRecord
from veracore_sync.jobs.reconcile.account import Account
from veracore_sync.jobs.reconcile.content import is_by_hand_lately
from veracore_sync.jobs.reconcile.evidence import (
    counted,
    record_words,
    shop_words,
    slips_words,
)
from veracore_sync.jobs.reconcile.found import Found, OnItsWay, accepts
from veracore_sync.jobs.reconcile.rules import CompareRules
from veracore_sync.jobs.reconcile.sending import difference
from veracore_sync.jobs.reconcile.sides import LedgerSide, OrderSides
from veracore_sync.jobs.reconcile.sights import may_leave
from veracore_sync.jobs.tracking.carriers import tracking_code
from veracore_sync.jobs.tracking.slips import is_relabelled, live

_T, _A = DifferenceType, AlertKind
_UNFULFILLED = (
    _A.ORDER_UNFULFILLABLE,
    _A.ORDER_UNFULFILLED,
    _A.ORDER_SHIPMENT_WAITING,
    _A.ORDER_PENDING_BY_HAND,
)
_FULFILLED = (PickSlipState.DONE, PickSlipState.COVERED, PickSlipState.ADDED)
_LEFT_LATELY = "VeraCore shipped it a short time ago"
_UNSHIPPED = (_A.ORDER_VOIDED, _A.ORDER_DOUBLED)


def shipping_differs(
    sides: OrderSides, side: LedgerSide, account: Account, rules: CompareRules
) -> Iterator[Found]:
    """What differs of an order that the shop did not cancel."""
    if account.is_known:
        if excess := account.excess():
            yield from _excess(sides, account, excess, rules)
        if rules.is_tracked:
            yield from _unfulfilled(sides, side, account, rules)
            yield from _unshipped(sides, side, account, rules)
    if rules.is_tracked:
        yield from _relabelled(sides, side, account, rules)


# ---- units --------------------------------------------------------------------------------------


def _unfulfilled(
    sides: OrderSides, side: LedgerSide, account: Account, rules: CompareRules
) -> Iterator[Found]:
    units = account.unfulfilled()
    pending = [] if units else account.unfinished()
    if pending:
        units = account.unfulfilled(finished=True)
    if not units:
        return
    slips = account.unmade
    if accepts(sides, *_UNFULFILLED, slips=[one.slip for one in slips]):
        return
    if reason := _moves(side, slips, rules):
        yield OnItsWay(reason)
        return
    record, state = account.record, account.order.state
    words = shop_words(sides.shop)
    if pending:
        named = ", ".join(one_line(f"{one.id} ({one.state})") for one in pending)
        words += f", in fulfilment {named}"
    by_hand = [one for one in pending if not account.may_be_ours(one)]
    is_done_by_us = state in rules.tracking.states and not by_hand
    yield difference(
        _T.SHIPPED_NOT_FULFILLED,
        sides,
        f"{record_words(record)}; not fulfilled: {counted(account.by_sku(units))}",
        since=_left_at(slips),
        record=record,
        shop=words,
        repair=_again(sides) if is_done_by_us else "",
    )


def _unshipped(
    sides: OrderSides, side: LedgerSide, account: Account, rules: CompareRules
) -> Iterator[Found]:
    units = account.unshipped()
    void = _void_slips(account)
    if not units and void:
        units = account.unexplained()
    if not units:
        return
    if accepts(sides, *_UNSHIPPED) or _is_accepted_by_hand(side, account.by_sku(units)):
        return
    if any(_is_asked(row, rules) for row in account.slips.values()):
        yield OnItsWay("the shop may still be adding a fulfilment")
        return
    shop = sides.shop
    if not void and shop is not None and is_by_hand_lately(side, shop, rules):
        yield OnItsWay("a person fulfilled it a short time ago")
        return
    there = record_words(account.record)
    if void:
        there += f"; all labels of {slips_words(void)} are void"
    yield difference(
        _T.FULFILLED_NOT_SHIPPED,
        sides,
        f"{there}; not shipped: {counted(account.by_sku(units))}",
        since=None,
        record=account.record,
    )


def _is_accepted_by_hand(side: LedgerSide, units: dict[str, int]) -> bool:
    """Whether a person accepted that so many units were fulfilled by hand."""
    known = side.compared
    if known is None or known.base is None or known.accepted_at is None:
        return False
    by_hand = known.base.by_hand
    return all(by_hand.get(sku, 0) >= count for sku, count in units.items())


def _void_slips(account: Account) -> list[str]:
    """Slips whose fulfilment stands although all of their labels are void."""
    return [
        one.slip for one in account.record.shipments if one.is_void and account.is_made(one.slip)
    ]


def _excess(
    sides: OrderSides, account: Account, excess: dict[str, int], rules: CompareRules
) -> Iterator[Found]:
    if accepts(sides, _A.ORDER_BEYOND):
        return
    if rules.is_fresh(_left_at(account.left, newest=True), rules.tracking.settle):
        yield OnItsWay(_LEFT_LATELY)
        return
    yield difference(
        _T.SHIPPED_NOT_ORDERED,
        sides,
        f"{record_words(account.record)}; beyond the order: {counted(excess)}",
        since=_left_at(account.left),
        record=account.record,
        shop=shop_words(sides.shop),
    )


# ---- an order that the shop cancelled, or does not have ------------------------------------------


def shipped_though_cancelled(
    sides: OrderSides, account: Account, rules: CompareRules
) -> Iterator[Found]:
    """What left of an order that the shop cancelled, and was never fulfilled there."""
    # What was fulfilled left before the cancellation: a customer has sent it back, most likely.
    earlier = {row.slip for row in account.slips.values() if row.state in _FULFILLED}
    slips = [one for one in account.left if one.slip not in earlier]
    if not slips or account.is_covered(slips):
        return
    named = [one.slip for one in slips]
    if accepts(sides, _A.ORDER_SHIPPED_CANCELLED, slips=named):
        return
    if rules.is_fresh(_left_at(slips, newest=True), rules.tracking.settle):
        yield OnItsWay(_LEFT_LATELY)
        return
    yield difference(
        _T.SHIPPED_NOT_ORDERED,
        sides,
        record_words(account.record),
        since=_left_at(slips),
        record=account.record,
    )


def shipped_without_order(
    sides: OrderSides, side: LedgerSide, record: WarehouseRecord, rules: CompareRules
) -> Iterator[Found]:
    """What VeraCore has of an order that the shop has no longer."""
    fulfilled = {row.slip for row in side.slips if row.state in _FULFILLED}
    slips = [one for one in record.shipments if live(one) and one.slip not in fulfilled]
    if not slips and not may_leave(record):
        return
    if rules.is_fresh(_left_at(slips, newest=True), rules.tracking.settle):
        yield OnItsWay(_LEFT_LATELY)
        return
    type = _T.SHIPPED_NOT_FULFILLED if slips else _T.CONTENT_DIFFERS
    yield difference(type, sides, record_words(record), since=_left_at(slips), record=record)


# ---- tracking numbers ----------------------------------------------------------------------------


def _relabelled(
    sides: OrderSides, side: LedgerSide, account: Account, rules: CompareRules
) -> Iterator[Found]:
    """Slips whose numbers changed since they were reported, by their fulfilment or by an event."""
    missing = account.is_known and account.unfulfilled()
    for shipment in account.left:
        row = account.slips.get(shipment.slip)
        if row is None or not live(shipment) or not is_relabelled(row, shipment):
            continue
        if missing and account.is_cancelled(row):
            continue  # `shipped_not_fulfilled` tells of it
        if _moves(side, [shipment], rules, is_known=False):
            yield OnItsWay("it was labelled anew a short time ago")
            continue
        shown, code = one_line(row.tracking_code or ""), one_line(tracking_code(live(shipment)))
        made = f"fulfilment {one_line(row.fulfilment_id or '')}"
        yield difference(
            _T.TRACKING_DIFFERS,
            sides,
            f"{one_line(account.record.id)}, {slips_words([row.slip])}: {code or 'no number'}",
            since=None,
            record=account.record,
            detail=row.slip,
            shop=f"{one_line(account.order.state)}, {made}, {shown or 'no number'}",
            repair=_again(sides),
        )


def _again(sides: OrderSides) -> str:
    return typed("sync-tracking --order CODE --force", CODE=sides.code)


# ---- what is on its way --------------------------------------------------------------------------


def _moves(
    side: LedgerSide, slips: Sequence[Shipment], rules: CompareRules, *, is_known: bool = True
) -> str:
    """Why ``sync-tracking`` is about to deal with these slips; empty: it had time to.

    Args:
        is_known: Whether a slip counts as seen if the ledger has its packages as they are.
    """
    rows = {one.slip: one for one in side.slips}
    if rules.is_fresh(_left_at(slips, newest=True), rules.tracking.settle):
        return _LEFT_LATELY
    for shipment in slips:
        row = rows.get(shipment.slip)
        if row is not None and _is_asked(row, rules):
            return "the shop may still be adding a fulfilment"
        if row is not None and row.state in OPEN_SLIPS:
            if rules.is_fresh(from_text(row.since), rules.tracking.settle):
                return "its packages changed a short time ago"
        elif row is None or not is_known:
            # Whoever looked a short time ago saw it otherwise: it is that new.
            looked_at = side.tracked.looked_at if side.tracked is not None else None
            if looked_at and rules.is_fresh(from_text(looked_at)):
                return "VeraCore shows it since a short time ago"
    return ""


def _is_asked(row: SlipRow, rules: CompareRules) -> bool:
    is_open = row.state in (PickSlipState.INTENDED, PickSlipState.ADDED)
    return is_open and rules.is_fresh(from_text(row.updated_at))


def _left_at(slips: Iterable[Shipment], *, newest: bool = False) -> datetime | None:
    """When the first or the last package of these slips left."""
    times = [
        package.shipped_at
        for shipment in slips
        for package in live(shipment)
        if package.shipped_at is not None
    ]
    return (max if newest else min)(times, default=None)

"""Which ids of an order are looked up at VeraCore, and what the look-ups show; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.clock import from_text
from veracore_sync.domain.cancellations import is_cancelled_wholly, open_slips
from veracore_sync.domain.held_orders import cancelled_units, totals, unit_key, units_held
from veracore_sync.domain.identity import left_before
from veracore_sync.domain.order_records import OrderRow, SentLines
from veracore_sync.domain.states import HANDED_OVER, OrderCause, OrderState
from veracore_sync.domain.warehouse import ShippedRow, WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.acts import open_ids
from veracore_sync.jobs.orders.changes import UNPAID_STATES
from veracore_sync.jobs.orders.ids import is_derived, most_absent, other_ids, warehouse_id
from veracore_sync.jobs.orders.interpret_lookup import SHORTEST_CUT, as_sent, is_ours, may_stand_for
from veracore_sync.jobs.reconcile.rules import CompareRules, as_order
from veracore_sync.jobs.reconcile.sides import LedgerSide, OrderSides
from veracore_sync.ports.warehouse import LookUp, Present

IN_DOUBT = (OrderState.SENDING, OrderState.IN_DOUBT)
"""The states of an order that ``sync-orders`` looks up by itself."""
_ELSEWHERE = (OrderCause.EARLY, OrderCause.TYPE, OrderCause.CHANNEL)
_ACCEPTED = (*HANDED_OVER, OrderState.CANCELLED)
_CARTS = ("Created", "Draft")


# ---- which ids ----------------------------------------------------------------------------------


def wanted_ids(
    ledger: LedgerSide | None,
    shop: WholeOrder | None,
    rules: CompareRules,
    seen: Mapping[str, LookUp] | None = None,
    listed: Sequence[ShippedRow] = (),
) -> tuple[str, ...]:
    """The VeraCore ids that have to be looked up to compare an order; the likeliest first.

    Asked again with what was `seen`, it may want more: an order may have got a next id after one
    that was cancelled, so the renewed ones are looked up until `most_absent` in a row are absent.

    Args:
        ledger: What the ledger has of it, if anything.
        shop: The shop's order, if there is one.
        seen: What look-ups found so far, by the id that was asked for.
        listed: What VeraCore lists as shipped of this order.
    """
    found = {one.casefold(): look_up for one, look_up in (seen or {}).items()}
    ids = [*_known_ids(ledger, shop, rules, found), *_listed_ids(ledger, shop, rules, listed)]
    distinct = {one.casefold(): one for one in reversed(ids)}
    return tuple(one for key, one in reversed(distinct.items()) if key not in found)


def _known_ids(
    ledger: LedgerSide | None,
    shop: WholeOrder | None,
    rules: CompareRules,
    seen: Mapping[str, LookUp],
) -> list[str]:
    row = ledger.row if ledger is not None else None
    attempts = ledger.attempts if ledger is not None else ()
    if row is None:
        return _derived_ids(None, shop, rules, seen) if shop and may_be_ours(shop, rules) else []
    if row.state in IN_DOUBT:
        return []  # nothing is concluded of it
    if is_elsewhere(row, shop, rules):
        return []
    if row.state is OrderState.SKIPPED and row.cause is OrderCause.RESOLVED:
        # What became of it was looked up when the person decided; an order that VeraCore accepted
        # earlier is seen again.
        return list(open_ids(row, attempts))
    if row.is_set_aside and row.state is not OrderState.SYNCED:
        return []
    if row.state in _ACCEPTED:
        own = [row.veracore_id or row.reference]
        return [*own, *open_ids(row, attempts)]
    return [*_derived_ids(row, shop, rules, seen), *open_ids(row, attempts)]


def _derived_ids(
    row: OrderRow | None, shop: WholeOrder | None, rules: CompareRules, seen: Mapping[str, LookUp]
) -> list[str]:
    """The order's own id, and those that a person may have given it in a ledger that was lost."""
    code = row.reference if row is not None else shop.code if shop is not None else ""

    def is_taken(one: str) -> bool:
        return rules.planner.id_taken(one, code)

    own = (row.veracore_id if row is not None else None) or warehouse_id(
        code, rules.prefixes[0], is_taken
    )
    ids, absent = [own], 0
    for one in other_ids(code, rules.prefixes, own, is_taken):
        if is_taken(one):
            continue
        ids.append(one)
        absent = 0 if isinstance(seen.get(one.casefold()), Present) else absent + 1
        if absent == most_absent(rules.prefixes):
            break
    return ids


def _listed_ids(
    ledger: LedgerSide | None,
    shop: WholeOrder | None,
    rules: CompareRules,
    listed: Iterable[ShippedRow],
) -> list[str]:
    if ledger is not None and ledger.row.state in IN_DOUBT:
        return []
    if shop is None or not _is_wanted(ledger, shop, rules):
        return []
    ids = (one.order_id for one in listed if one.reference.strip() == shop.code)
    # Another order of the shop may have had the same code, and went out under one of them.
    return [one for one in ids if not rules.planner.id_taken(one, shop.code)]


def _is_wanted(ledger: LedgerSide | None, shop: WholeOrder, rules: CompareRules) -> bool:
    if ledger is None:
        return may_be_ours(shop, rules)
    return not ledger.row.is_set_aside and not is_elsewhere(ledger.row, shop, rules)


def is_elsewhere(row: OrderRow, shop: WholeOrder | None, rules: CompareRules) -> bool:
    """Whether it is skipped as an order of another system or configuration, and still is that."""
    if row.state is not OrderState.SKIPPED or row.cause not in _ELSEWHERE:
        return False
    is_named_only = row.cause is OrderCause.CHANNEL
    return is_named_only or shop is None or not may_be_ours(shop, rules)


def may_be_ours(shop: WholeOrder, rules: CompareRules) -> bool:
    """Whether an order that the ledger does not know may have been sent with these settings."""
    content, orders = shop.content, rules.planner.settings
    if content.placed_at is None or content.placed_at < rules.not_before:
        return False
    if content.type not in rules.planner.types or orders.claim(shop.channels) == "others":
        return False
    unpaid = content.state in UNPAID_STATES or content.state in _CARTS
    return content.state in orders.trigger_states or not unpaid


# ---- what they show -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sights:
    """What the look-ups of one order show.

    Args:
        own: What VeraCore has under the order's own id, if that is this order.
        foreign: What it has there instead, if that is another order.
        others: This order under other ids.
    """

    own: WarehouseRecord | None = None
    foreign: WarehouseRecord | None = None
    others: tuple[WarehouseRecord, ...] = ()

    @property
    def records(self) -> tuple[WarehouseRecord, ...]:
        """All of the order's records."""
        return (self.own, *self.others) if self.own is not None else self.others

    @property
    def live(self) -> tuple[WarehouseRecord, ...]:
        """Those of which something has left, or may leave."""
        return tuple(one for one in self.records if not is_cancelled_wholly(one))

    @property
    def cancelled(self) -> tuple[WarehouseRecord, ...]:
        """Those that are wholly cancelled."""
        return tuple(one for one in self.records if is_cancelled_wholly(one))


def units_held_by(record: WarehouseRecord) -> SentLines | None:
    """The units that VeraCore ships or shipped, by offer; ``None``: this dialect does not show."""
    if record.lines is None:
        return None
    return units_held(as_sent(record.lines), cancelled_units(record))


def may_leave(record: WarehouseRecord) -> bool:
    """Whether VeraCore may ship more of an order."""
    if record.is_complete or record.status == "complete":
        return False
    if open_slips(record):
        # Also of an order that is shown as cancelled.
        return True
    if record.status == "cancelled" or record.may_be_cancelled:
        return False
    return record.status != "shipped" or _is_due(record)


def _is_due(record: WarehouseRecord) -> bool:
    """Whether an order of which something has left lacks units that are not cancelled."""
    due: Counter[str] = Counter()
    for product in record.products:
        due[unit_key(product.sku)] += product.ordered - product.cancelled
    if not record.products:
        due = totals(as_sent(record.lines or ()))
    gone = totals(
        (line.sku, line.quantity)
        for shipment in record.shipments
        if any(package.is_live for package in shipment.packages)
        for line in shipment.lines or ()
    )
    return bool(due - gone)


def sights_of(sides: OrderSides, rules: CompareRules) -> Sights:
    """What the look-ups show: whose each record is, by the rule of every adoption."""
    side, shop = sides.ledger, sides.shop
    row = side.row if side is not None else None
    code = row.reference if row is not None else sides.code
    sent = [one.lines for one in side.attempts] if side is not None else []
    would_send = _would_send(sides, rules)
    units = [*sent, would_send] if would_send is not None else sent
    placed_at = _placed_at(row, shop)
    is_known = row is not None and row.state in _ACCEPTED
    own_id = _own_id(row, code, rules).casefold()
    own: WarehouseRecord | None = None
    foreign: WarehouseRecord | None = None
    others: list[WarehouseRecord] = []
    for asked, found in sides.seen.items():
        if not isinstance(found, Present):
            continue
        record = found.record
        is_own = asked.casefold() == own_id
        if is_own and is_known:
            is_this = _does_not_deny(record, code)
        else:
            is_this = is_ours(code, record, units) and not left_before(record, placed_at)
        if is_this and not is_own:
            is_this = _is_of(code, asked, record, rules)
        if is_this and is_own:
            own = record
        elif is_this:
            others.append(record)
        elif is_own:
            foreign = record
    return Sights(own, foreign, tuple(others))


def _does_not_deny(record: WarehouseRecord, code: str) -> bool:
    """Whether the id that VeraCore accepted may still be the order's, whatever its units are."""
    reference = record.reference
    return reference is None or reference.strip() == code or may_stand_for(reference, code)


def _is_of(code: str, asked: str, record: WarehouseRecord, rules: CompareRules) -> bool:
    # As for adoptions from the list of shipments: a reference of this length may have been cut, and
    # be the beginning of another order's.
    return is_derived(asked, code, rules.prefixes) or (
        (record.reference or "").strip() == code and len(code) < SHORTEST_CUT
    )


def _own_id(row: OrderRow | None, code: str, rules: CompareRules) -> str:
    if row is not None and row.veracore_id:
        return row.veracore_id
    if row is not None and row.state in _ACCEPTED:
        return row.reference
    return warehouse_id(code, rules.prefixes[0], lambda one: rules.planner.id_taken(one, code))


def _placed_at(row: OrderRow | None, shop: WholeOrder | None) -> datetime | None:
    if shop is not None and shop.content.placed_at is not None:
        return shop.content.placed_at
    return from_text(row.placed_at) if row is not None and row.placed_at else None


def _would_send(sides: OrderSides, rules: CompareRules) -> SentLines | None:
    """The lines that would be sent of an order that was not: they tell whose a record is."""
    if sides.shop is None or (sides.ledger is not None and sides.ledger.attempts):
        return None
    lines = rules.renderer.sendable_lines(as_order(sides.shop))
    return tuple((rules.renderer.offer(line.sku), line.open_quantity) for line in lines)

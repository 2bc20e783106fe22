"""Demand, *U*: units of open orders that the warehouse does not have; pure (docs/inventory.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.held_orders import AcceptedOrder
from veracore_sync.domain.identity import differs
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.shop_stock import OpenOrder
from veracore_sync.jobs.inventory.sent_names import sent_names
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key


@dataclass(frozen=True, slots=True)
class Shortage:
    """Units of a part that an accepted order needs and that the warehouse does not have for it.

    `part` is called as it was sent, `part_now` (as `sku_key`) as it would be sent now.
    """

    part: str
    asked: int
    held: int
    missing: int
    part_now: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UnheldDemand:
    """U, and what was found while computing it.

    Args:
        parts: U by part (as `sku_key`).
        ordered: Units of open orders, by variant id.
        short: Orders that the warehouse accepted and will not ship completely, by code.
        unjudged: Orders of which that is unknown: placed too early to count, accepted as a whole,
            unreadable, or sent at a time that is unknown after a part had been fulfilled by hand.
        unread: Orders that could not be read, and why, by code (or id).
        uncertain: Parts of unread orders as far as the ledger knows them (as `sku_key`), and the
            units that U counts of each: the true number may be greater.
        orders: The open orders themselves.
        unbounded: No part of at least one unread order is known: U of every part may be greater.
    """

    parts: Mapping[str, int]
    ordered: Mapping[str, int]
    short: Mapping[str, tuple[Shortage, ...]] = field(default_factory=dict)
    unjudged: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    uncertain: Mapping[str, int] = field(default_factory=dict)
    unbounded: bool = False
    orders: Sequence[OpenOrder] = ()

    def is_certain(self, parts: Iterable[str]) -> bool:
        """Whether U of all of these parts (as `sku_key`) is known."""
        return not self.unbounded and self.uncertain.keys().isdisjoint(parts)

    def unexplained(self, variant_id: str, part: str, allocated: int) -> int:
        """Units that Vendure allocated to orders that could not be read, beyond those in U.

        How many of them the warehouse has is unknown; none is assumed, which oversells nothing.
        """
        if not self.unread:
            return 0
        explained = self.ordered.get(variant_id, 0) + self.uncertain.get(part, 0)
        return max(0, allocated - explained)


def demand(
    orders: Sequence[OpenOrder],
    held: Iterable[AcceptedOrder],
    *,
    names: SkuMap,
    stock_read_at: datetime,
    not_before: datetime | None,
    sent: Mapping[str, SentLines] | None = None,
    types: Collection[str] = ("Regular", "Seller"),
    at_sending: Mapping[str, Facets] | None = None,
) -> UnheldDemand:
    """U, from the shop's orders and what the ledger knows of the warehouse.

    Args:
        orders: Every order in a state in which Vendure allocates stock.
        held: What the warehouse has of them, and all that it accepted since the stock was read.
        stock_read_at: When the read of the stock began (UTC).
        not_before: Orders placed earlier do not count; ``None`` counts all.
        sent: What was to be sent of an unreadable order that is not accepted, by code.
        types: The types of order that count. Of an Aggregate and its Seller orders only one may,
            or each sale would count twice.
        at_sending: How orders were when they were read for sending, by code, as far as known.
    """
    began = to_text(stock_read_at)
    held_orders = {one.code: one for one in held}
    parts: Counter[str] = Counter()
    for one_held in held_orders.values():
        if one_held.is_unseen(began):
            # Accepted after the stock read began: the stock as read still had these units, even if
            # they have shipped since.
            parts.update(+_held_parts(one_held, names))
    short: dict[str, tuple[Shortage, ...]] = {}
    unread: dict[str, str] = {}
    unjudged: set[str] = set()
    uncertain: Counter[str] = Counter()
    unbounded = False
    for order in orders:
        if order.type and order.type not in types:
            continue
        holding = held_orders.get(order.code)
        if holding is not None and _is_of_another(holding, order):
            # The shop has given the code to another order, of which the warehouse has nothing.
            holding = None
        is_early = order.placed_at is not None and _is_before(order.placed_at, not_before)
        if is_early or order.unreadable is not None or (holding is not None and holding.is_whole):
            unjudged.add(order.code)
        if is_early:
            continue
        if order.unreadable is None:
            wanted = (at_sending or {}).get(order.code)
            gone = _gone_before(order, holding, wanted)
            missing = _missing(order, holding, names, began, gone)
            if missing and holding is not None:
                missing = _missing_as_sent(order, holding, names, began, gone, wanted)
            for one in missing:
                parts[one.part_now] += one.missing
            if holding is not None and missing:
                if _may_be_from_before(holding, wanted):
                    unjudged.add(order.code)
                else:
                    short[order.code] = missing
            continue
        unread[order.name] = order.unreadable
        # Its lines cannot be read; what was accepted or was to be sent is the best estimate.
        known = holding.lines if holding is not None else (sent or {}).get(order.code, ())
        unbounded = unbounded or not known
        counted = _exploded(known, names)
        if holding is not None:
            counted = Counter(dict.fromkeys(counted, 0))
        parts.update(counted)
        uncertain.update(counted)
    return UnheldDemand(
        parts,
        _ordered(orders),
        short,
        frozenset(unjudged),
        unread,
        uncertain,
        unbounded,
        orders,
    )


def _is_of_another(held: AcceptedOrder, order: OpenOrder) -> bool:
    return differs(held.vendure_id, held.placed_at, order.id, order.placed_at)


def _is_before(placed_at: datetime, not_before: datetime | None) -> bool:
    return not_before is not None and placed_at < not_before


def _missing_as_sent(
    order: OpenOrder,
    held: AcceptedOrder,
    names: SkuMap,
    began: str,
    gone: Sequence[int],
    wanted: Facets | None,
) -> tuple[Shortage, ...]:
    """As `_missing`, under the names that the order was sent with.

    Args:
        wanted: The shop's order when it was sent, if known.
    """
    lines = [(line.variant_id, line.sku) for line in order.lines]
    skus, then = sent_names(lines, names, held.lines, wanted)
    return _missing(order, held, names, began, gone, skus, then)


def _missing(
    order: OpenOrder,
    held: AcceptedOrder | None,
    names: SkuMap,
    began: str,
    gone: Sequence[int],
    skus: Sequence[str] | None = None,
    then: SkuMap | None = None,
) -> tuple[Shortage, ...]:
    """Open units by part that the warehouse does not have for this order.

    Args:
        gone: Of each line, the units that were not sent because they had been fulfilled.
        skus: Of each line, the SKU that it was sent with, if that is another.
        then: The names that it was sent with, if they were others.
    """
    then = then or names
    if held is not None and held.is_whole and not held.is_unseen(began):
        return ()
    spelled: dict[str, str] = {}
    open_units: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    parts_now: dict[str, str] = {}
    called = skus or [line.sku for line in order.lines]
    for line, before, sku in zip(order.lines, gone, called, strict=True):
        if names.is_excluded(line.sku):
            continue
        for part, each in then.parts(sku).items():
            key = sku_key(part)
            spelled[key] = part
            if then.kit(sku) is None:
                parts_now[key] = sku_key(names.part(line.sku))
            open_units[key] += each * line.open_quantity
            asked[key] += each * (line.quantity - before)
    holding = _held_parts(held, then) if held is not None else Counter()
    # More is cancelled of a part than the lines hold: it belongs to a kit that only the warehouse
    # knows, and these units are owed to the customer beside those of the lines.
    beyond = -holding if +open_units else Counter()
    for key in beyond:
        spelled.setdefault(key, key)
    found = (
        Shortage(
            part,
            asked[key],
            holding[key],
            min(open_units[key], asked[key] - holding[key]) + beyond[key],
            parts_now.get(key, key),
        )
        for key, part in spelled.items()
    )
    return tuple(one for one in found if one.missing > 0)


def _held_parts(held: AcceptedOrder, names: SkuMap) -> Counter[str]:
    """Units by part that the warehouse has for an order; negative for cancelled parts of a kit."""
    parts = _exploded(held.lines, names)
    for part, units in held.cancelled:
        parts[sku_key(part)] -= units
    return parts


def _gone_before(
    order: OpenOrder, held: AcceptedOrder | None, at_sending: Facets | None
) -> list[int]:
    """Of each line, the units that were fulfilled before the order was sent, so were not sent."""
    if held is None or held.sent_at is None:
        return [0] * len(order.lines)
    sent_at, left = from_text(held.sent_at), Counter(at_sending.by_hand if at_sending else {})
    found = []
    for line in order.lines:
        units = sum(units for units, made_at in line.fulfilments if made_at < sent_at)
        # The shop dates fulfilments by its clock, and the host's may have been ahead.
        if at_sending is not None:
            sku = at_sending.sku_of(line.variant_id, line.sku)
            units = min(units, left[sku])
            left[sku] -= units
        found.append(units)
    return found


def _may_be_from_before(held: AcceptedOrder, at_sending: Facets | None) -> bool:
    """Whether units that seem to lack may be those that a hand fulfilled before it was sent.

    A clock that was ahead then leaves no time to tell them from those that were fulfilled since.
    They are kept off sale; but nobody is asked to add them at the warehouse, which would ship them
    twice.
    """
    return held.sent_at is None and at_sending is not None and bool(at_sending.by_hand)


def _exploded(lines: Iterable[tuple[str, int]], names: SkuMap) -> Counter[str]:
    parts: Counter[str] = Counter()
    for offer, units in lines:
        for part, each in names.exploded(offer).items():
            parts[part] += max(0, units) * each
    return parts


def _ordered(orders: Iterable[OpenOrder]) -> Counter[str]:
    found: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            found[line.variant_id] += line.open_quantity
    return found

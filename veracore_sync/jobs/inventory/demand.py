"""U: units open in the shop that the warehouse does not hold; pure (docs/inventory.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.clock import from_text, to_text
from veracore_sync.jobs.inventory.names import Names, sku_key
from veracore_sync.ledger.stock import Held
from veracore_sync.vendure.stock import OpenOrder


@dataclass(frozen=True, slots=True)
class Demand:
    """U by part (as `sku_key`), and the units that open orders ask for by variant id."""

    parts: Mapping[str, int]
    ordered: Mapping[str, int]


def demand(
    orders: Sequence[OpenOrder],
    held: Iterable[Held],
    *,
    names: Names,
    stock_read_at: datetime,
    not_before: datetime | None,
) -> Demand:
    """U, from the shop's own orders and what the ledger knows of the warehouse.

    Args:
        orders: Every order in a state that allocates.
        held: What the warehouse holds of them, and all that it took since the stock was read.
        names: Aliases, exclusions and kits.
        stock_read_at: When the read of the stock began.
        not_before: Orders placed earlier do not count; ``None`` counts all.
    """
    began = to_text(stock_read_at)
    held_orders = {one.code: one for one in held}
    offers: Counter[str] = Counter()
    for one in held_orders.values():
        if one.is_unseen(began):
            # The stock as read still had these units, whatever has happened to them since.
            for offer, units in one.lines:
                offers[sku_key(offer)] += units
    for order in orders:
        if not_before is None or order.placed_at is None or order.placed_at >= not_before:
            offers.update(_unheld(order, held_orders.get(order.code), names, began))
    return Demand(_exploded(offers, names), _ordered(orders))


def _unheld(order: OpenOrder, held: Held | None, names: Names, began: str) -> Counter[str]:
    """Open units by offer that are not among those that the warehouse took."""
    if held is not None and held.is_whole and not held.is_unseen(began):
        return Counter()
    open_units: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for line in order.lines:
        if names.is_excluded(line.sku):
            continue
        offer = sku_key(names.part(line.sku))
        open_units[offer] += line.open_quantity
        owed[offer] += line.quantity - _gone_before(line.fulfilments, held)
    for offer, units in held.lines if held is not None else ():
        owed[sku_key(offer)] -= units
    return Counter({offer: max(0, min(open_units[offer], owed[offer])) for offer in open_units})


def _gone_before(fulfilments: Iterable[tuple[int, datetime]], held: Held | None) -> int:
    """Units that were fulfilled before the order was sent, and so were never sent."""
    if held is None or held.sent_at is None:
        return 0
    sent_at = from_text(held.sent_at)
    return sum(units for units, made_at in fulfilments if made_at < sent_at)


def _exploded(offers: Mapping[str, int], names: Names) -> Counter[str]:
    parts: Counter[str] = Counter()
    for offer, units in offers.items():
        for part, each in names.exploded(offer).items():
            parts[part] += units * each
    return parts


def _ordered(orders: Iterable[OpenOrder]) -> Counter[str]:
    found: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            found[line.variant_id] += line.open_quantity
    return found

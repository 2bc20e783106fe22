"""What has to be the same, and what an order moved; pure (docs/inventory.md).

A level is right for its basis: VeraCore's stock of the part, the demand of it, and the rules by
which both become a level. Vendure moves a level by itself only with an order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

from veracore_sync import __version__
from veracore_sync.config import Settings
from veracore_sync.domain.shop_stock import OpenOrder, StockDefaults
from veracore_sync.domain.stock_baseline import SeenOrder
from veracore_sync.jobs.inventory.location_map import LocationMap

_NOT_RULES = {"interval_minutes", "full_every_minutes", "max_run_minutes"}


def rules_digest(
    settings: Settings, places: LocationMap, defaults: StockDefaults, live_since: datetime
) -> str:
    """A digest of all but the two sides that a level depends on; another one forces a full run.

    Args:
        settings: The whole configuration.
        places: The locations in their order.
        defaults: What the shop says of all variants.
        live_since: Orders placed earlier do not count.
    """
    early = settings.orders.not_before or live_since
    facts = [
        __version__,
        settings.inventory.model_dump_json(exclude=_NOT_RULES),
        settings.skus.model_dump_json(),
        sorted(settings.orders.counted_types),
        early.astimezone(UTC).isoformat(),
        places.order,
        sorted((places.by_warehouse or {}).items()),
        [defaults.tracked, defaults.threshold],
    ]
    return _digest(facts)


def seen(orders: Iterable[OpenOrder]) -> dict[str, SeenOrder]:
    """The orders by id, as they are remembered."""
    return {order.id or order.code: _seen(order) for order in orders}


def _seen(order: OpenOrder) -> SeenOrder:
    lines = sorted(
        [line.variant_id, line.quantity, sorted((n, at.isoformat()) for n, at in line.fulfilments)]
        for line in order.lines
    )
    variants = sorted({line.variant_id for line in order.lines})
    return SeenOrder(_digest([order.code, order.type, lines]), tuple(variants))


def moved_variants(
    before: Mapping[str, SeenOrder], now: Mapping[str, SeenOrder], touched: Iterable[OpenOrder]
) -> set[str]:
    """The ids of the variants of which an order may have moved the level.

    Args:
        before: The open orders when the levels were right.
        now: Those of today.
        touched: Orders, open or not, that the shop dates after that moment.
    """
    found = {line.variant_id for order in touched for line in order.lines}
    for id in before.keys() | now.keys():
        was, order = before.get(id), now.get(id)
        if was != order:
            for one in (was, order):
                found.update(one.variants if one is not None else ())
    return found


def differing_parts(one: Mapping[str, int], other: Mapping[str, int]) -> set[str]:
    """The parts of which the demand is another in two listings of the orders."""
    return {part for part in one.keys() | other.keys() if one.get(part, 0) != other.get(part, 0)}


def _digest(facts: object) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=12).hexdigest()

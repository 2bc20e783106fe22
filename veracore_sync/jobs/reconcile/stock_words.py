"""A level that may be wrong, and how it is reported; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.advice import typed
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.texts import one_line
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.planning import PlannedVariant
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.ports.stock_staging import StagingStore

_PARTS = 5

ByLocation = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A variant as one look found it; equal if neither side moved.

    Args:
        id: The variant's.
        sku: As the shop spells it.
        sold: What is for sale now, by location.
        set_aside: What is allocated, by location.
        offer: What may be sold, by location.
        changes: What a stock run would set, by location; empty if all is right.
        stock: Available units at VeraCore, by part.
        taken: Units of these parts that open orders take and VeraCore does not hold.
    """

    id: str
    sku: str
    sold: ByLocation
    set_aside: ByLocation
    offer: ByLocation
    changes: ByLocation
    stock: ByLocation
    taken: int

    @property
    def name(self) -> str:
        """How the difference is called."""
        return one_line(self.sku)

    @property
    def beyond(self) -> int:
        """How many units more than allowed are for sale; below zero: so many fewer."""
        sold = dict(self.sold)
        return sum(sold.get(at, 0) - units for at, units in self.changes)


def suspect(
    one: PlannedVariant, demand: UnheldDemand, book: StagingStore, names: SkuMap
) -> Suspect:
    """What a look found of a variant."""
    stock: list[tuple[str, int]] = []
    taken = 0
    if one.changes:
        parts = names.parts(one.match.variant.sku)
        for part in list(parts)[:_PARTS]:
            there = book.stock_of(sku_key(part)) or {}
            stock.append((one_line(part), sum(there.values())))
        taken = sum(demand.parts.get(sku_key(part), 0) for part in parts)
    return Suspect(
        one.match.variant.id,
        one.match.variant.sku,
        _in_order({at: level.saleable for at, level in one.now.items()}),
        _in_order({at: level.allocated for at, level in one.now.items()}),
        _in_order(one.offer),
        _in_order(one.changes),
        tuple(stock),
        taken,
    )


def _in_order(units: Mapping[str, int]) -> ByLocation:
    return tuple(sorted(units.items()))


def difference(
    one: Suspect, since: datetime | None, why: str = "", told_by: AlertKind | None = None
) -> Difference:
    """How it is reported.

    Args:
        one: What both looks found.
        since: When somebody set it (UTC), if that is the reason.
        why: Why a stock run does not correct it; empty: it does.
        told_by: The alert of the stock run that says so.
    """
    way = "oversold" if one.beyond > 0 else "undersold" if one.beyond < 0 else "misplaced"
    units = abs(one.beyond) or sum(abs(_sold(one, at) - units) for at, units in one.changes) // 2
    sells = _by_location(one.sold)
    shop = f"offers {sells}; {way} by {units}"
    if since is not None:
        shop += "; somebody set the level in the shop after the last sync-inventory"
    has = ", ".join(f"{units} of {part}" for part, units in one.stock)
    warehouse = f"available {has or 'nothing'}; open orders take {one.taken} that it does not hold"
    may = _by_location(one.offer)
    repair = typed("sync-inventory --sku SKU", SKU=one.name)
    if told_by is AlertKind.STOCK_GUARDED:
        repair = "sync-inventory --allow-mass-change"
        why += ": check the plan with `sync-inventory --dry-run` first"
    return Difference(
        DifferenceType.STOCK_DIFFERS,
        one.name,
        ledger=why,
        shop=shop,
        warehouse=f"{warehouse}; {may} may be sold",
        since=since,
        detail=told_by or "",
        repair=repair,
    )


def _sold(one: Suspect, location: str) -> int:
    return dict(one.sold).get(location, 0)


def _by_location(units: ByLocation) -> str:
    if len(units) == 1:
        return str(units[0][1])
    each = ", ".join(f"{count} at location {at}" for at, count in units)
    return f"{sum(count for _, count in units)} ({each})"

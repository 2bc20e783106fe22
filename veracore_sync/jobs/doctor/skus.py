"""Checks which SKUs are on one side only. Reads all stock of both sides once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from veracore_sync.config import SkuSettings
from veracore_sync.domain.errors import AuthRefused, SyncError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.doctor.known_names import unknown_skus
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.ports.shop import ShopStock
from veracore_sync.ports.warehouse import Warehouse

_NAMED = 5
_TODO = "correct the SKU on either side, or add it to skus.aliases or skus.exclude"


def skus(
    settings: SkuSettings, shop: ShopStock, warehouse: Warehouse, *, buffers: Collection[str] = ()
) -> Iterator[CheckResult]:
    """Compare the SKUs of both sides.

    Args:
        settings: ``[skus]``.
        buffers: The names in ``[inventory.buffers]``.
    """
    names = SkuMap(settings)
    counts: Counter[str] = Counter()
    wanted: dict[str, str] = {}
    blank = 0
    seen: dict[str, str] = {}
    try:
        for variant in shop.variants():
            blank += not variant.sku.strip()
            seen[sku_key(variant.sku)] = variant.sku.strip()
            if not variant.sku.strip() or names.is_excluded(variant.sku):
                continue
            counts[sku_key(variant.sku)] += 1
            for part in names.parts(variant.sku):
                wanted[sku_key(part)] = variant.sku.strip()
        there = {sku_key(row.sku) for row in warehouse.stock(None)}
    except AuthRefused as error:
        yield warn("SKUs", error.message, f"for sync-inventory: {error.hint}")
        return
    except SyncError as error:
        yield fail("SKUs", error)
        return
    lacking = sorted({sku for part, sku in wanted.items() if part not in there})
    if lacking:
        yield warn("SKUs", f"{_some(lacking)} of the shop are not in VeraCore's stock", _TODO)
    several = sorted(sku for sku, count in counts.items() if count > 1)
    if several:
        todo = "give each variant its own SKU: the stock of shared ones is not written"
        yield warn("SKUs", f"{_some(several)} are shared by several variants", todo)
    for problem in unknown_skus(settings, buffers, seen, wanted):
        yield warn("SKUs", problem, "correct the names, or take them out")
    if blank:
        todo = "give each a SKU in the shop: an order with one of them is parked"
        yield warn("SKUs", f"{blank} variants have no SKU", todo)
    only_there = len(there - set(wanted))
    both = len(wanted) - sum(part not in there for part in wanted)
    yield ok("SKUs", f"{both} on both sides, {only_there} only at VeraCore")


def _some(found: list[str]) -> str:
    more = ", …" if len(found) > _NAMED else ""
    return f"{len(found)} ({', '.join(found[:_NAMED])}{more})"

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
    settings: SkuSettings,
    shop: ShopStock,
    warehouse: Warehouse,
    *,
    buffers: Collection[str] = (),
    backorders: bool = False,
) -> Iterator[CheckResult]:
    """Compare the SKUs of both sides.

    Args:
        settings: ``[skus]``.
        buffers: The names in ``[inventory.buffers]``.
        backorders: ``inventory.backorders``.
    """
    names = SkuMap(settings)
    counts: Counter[str] = Counter()
    wanted: dict[str, str] = {}
    blank = 0
    seen: dict[str, str] = {}
    untracked: list[str] = []
    oversold: list[str] = []
    try:
        for variant in shop.variants():
            blank += not variant.sku.strip()
            seen[sku_key(variant.sku)] = variant.sku.strip()
            if not variant.sku.strip() or names.is_excluded(variant.sku):
                continue
            if variant.enabled:
                counts[sku_key(variant.sku)] += 1
            if variant.tracked and variant.oversold:
                oversold.append(variant.sku.strip())
            if not variant.tracked:
                untracked.append(variant.sku.strip())
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
        todo = "give each variant its own SKU: the stock of shared ones only goes down"
        yield warn("SKUs", f"{_some(several)} are shared by several variants", todo)
    for problem in unknown_skus(settings, buffers, seen, wanted):
        yield warn("SKUs", problem, "correct the names, or take them out")
    if blank:
        todo = "give each a SKU in the shop: an order with one of them is parked"
        yield warn("SKUs", f"{blank} variants have no SKU", todo)
    if untracked:
        todo = "switch trackInventory on, there or in the shop's settings, if VeraCore ships them"
        yield warn("SKUs", f"{_some(untracked)} are sold without limit: Vendure tracks none", todo)
    if oversold:
        yield _below_zero(oversold, wanted=backorders)
    only_there = len(there - set(wanted))
    both = len(wanted) - sum(part not in there for part in wanted)
    yield ok("SKUs", f"{both} on both sides, {only_there} only at VeraCore")


def _below_zero(skus: list[str], *, wanted: bool) -> CheckResult:
    found = f"{_some(skus)} have an outOfStockThreshold below zero"
    if wanted:
        todo = "set inventory.backorders to false if they must not be"
        return warn("SKUs", f"{found} and are sold beyond VeraCore's stock", todo)
    return ok("SKUs", f"{found}; their levels make up for it")


def _some(found: list[str]) -> str:
    more = ", …" if len(found) > _NAMED else ""
    return f"{len(found)} ({', '.join(found[:_NAMED])}{more})"

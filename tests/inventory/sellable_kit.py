"""A variant, its stock and the orders, as the table of what may be sold of it names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fakes import make_settings

from veracore_sync.domain.staged_stock import Matched, StagedVariant
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.location_map import LocationMap
from veracore_sync.jobs.inventory.sellable import SellableCalculator
from veracore_sync.jobs.inventory.sku_map import SkuMap

ONE, TWO = LocationMap(("a",), None), LocationMap(("a", "b"), {"w": "a", "e": "b"})
KITS = {"kits": {"BOX": {"MUG": 2, "TEA": 1}}}


class Book:
    """Stock by part, and why variants were left alone."""

    def __init__(
        self,
        stock: Mapping[str, dict[str, int]] | None = None,
        unread: Mapping[str, dict[str, int]] | None = None,
        twice: Sequence[str] = (),
    ) -> None:
        self.stock, self.unread, self.twice = stock or {}, unread or {}, twice
        self.left: list[tuple[str, list[int]]] = []

    def stock_of(self, part: str) -> dict[str, int] | None:
        return self.stock.get(part)

    def unread_of(self, part: str) -> dict[str, int]:
        return self.unread.get(part, {})

    def is_spelled_twice(self, part: str) -> bool:
        return part in self.twice

    def set_kind(self, kind: str, ordinals: Sequence[int]) -> None:
        self.left.append((kind, list(ordinals)))


def demand(units: Mapping[str, int] | None = None, **facts: Any) -> UnheldDemand:
    return UnheldDemand(units or {}, facts.pop("ordered", {}), **facts)


def matched(
    stock: Mapping[str, int] | None,
    levels: Mapping[str, tuple[int, int, int]] | None = None,
    **facts: Any,
) -> Matched:
    sku = facts.pop("sku", "MUG")
    part = facts.pop("part", sku.casefold())
    kind, oversold = facts.pop("kind", "plain"), facts.pop("oversold", 0)
    variant = StagedVariant(
        facts.pop("id", "v1"), sku, sku.casefold(), part, kind, levels or {}, True, oversold
    )
    given = {"unread": {}, "state": "known", "missing": 0, **facts}
    return Matched(given.pop("ordinal", 1), variant, stock, **given)


def calculator(
    book: Book | None = None,
    places: LocationMap = ONE,
    *,
    is_absence_proven: bool = True,
    skus: dict[str, Any] | None = None,
    **inventory: Any,
) -> SellableCalculator:
    settings = make_settings(skus=skus or {}, inventory=inventory)
    staging: Any = book or Book()
    return SellableCalculator(
        staging, settings, SkuMap(settings.skus), places, is_absence_proven=is_absence_proven
    )

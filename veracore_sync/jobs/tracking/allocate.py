"""From a shipping order's products to the lines of the shop's order; pure.

A shipping order lists products, an order lists offers. The names are mostly equal, but a kit is
picked as its parts, and an offer may refer to another product (docs/wire.md 3.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from veracore_sync.domain.fulfilments import Line
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key

Recipes = Mapping[str, Mapping[str, int]]
"""The products that one unit of an offer is picked as: units by product, both as keys."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units by line id, and the products that no line has room for."""

    lines: Counter[str]
    left: Counter[str]


def units_of(lines: Iterable[RecordLine]) -> Counter[str]:
    """Units by product key."""
    found: Counter[str] = Counter()
    for line in lines:
        found[sku_key(line.sku)] += max(0, line.quantity)
    return found


def allocate(
    units: Mapping[str, int],
    lines: Sequence[Line],
    capacity: Mapping[str, int],
    names: SkuMap,
    recipes: Recipes,
) -> Allocation:
    """Give products to lines, in line order, each line up to its capacity.

    Args:
        units: What shipped, by product key.
        lines: The order's.
        capacity: Units that each line may take, by its id.
        recipes: The products of offers that are not in the settings.
    """
    left = Counter(units)
    taken: Counter[str] = Counter()
    if not units:
        return Allocation(taken, left)
    # Lines that name the product come first: a kit must not take a part that was sold by itself.
    for line in lines:
        key = sku_key(names.part(line.sku))
        _take(line, {key: 1}, capacity, left, taken)
    for line in lines:
        key = sku_key(names.part(line.sku))
        recipe = kit_of(line, names) or recipes.get(key)
        if recipe:
            _take(line, recipe, capacity, left, taken)
    return Allocation(+taken, +left)


def kit_of(line: Line, names: SkuMap) -> Mapping[str, int] | None:
    """The parts of a line's kit, as keys, and the units of each; ``None`` if it is no kit."""
    kit = names.kit(line.sku)
    return {sku_key(part): each for part, each in kit.items()} if kit else None


def _take(
    line: Line,
    recipe: Mapping[str, int],
    capacity: Mapping[str, int],
    left: Counter[str],
    taken: Counter[str],
) -> None:
    whole = min(left[part] // each for part, each in recipe.items())
    count = min(whole, capacity.get(line.id, 0) - taken[line.id])
    if count <= 0:
        return
    taken[line.id] += count
    for part, each in recipe.items():
        left[part] -= count * each


def recipes_of(record: WarehouseRecord, names: SkuMap, lines: Sequence[Line]) -> Recipes:
    """The products of an offer, if the bill of materials leaves only one answer.

    It does if exactly one offer is no product, and all other products belong to the other offers.
    """
    offers = units_of(record.lines or ())
    products: Counter[str] = Counter()
    for product in record.products:
        products[sku_key(product.sku)] += product.ordered
    known = {part for line in lines for part in (kit_of(line, names) or {})}
    kits = {sku_key(names.part(line.sku)) for line in lines if names.kit(line.sku)}
    unknown = [offer for offer in offers if offer not in products and offer not in kits]
    parts = {
        key: count for key, count in products.items() if key not in offers | dict.fromkeys(known)
    }
    if len(unknown) != 1 or not parts:
        return {}
    ordered = offers[unknown[0]]
    if ordered <= 0 or any(count <= 0 or count % ordered for count in parts.values()):
        return {}
    return {unknown[0]: {key: count // ordered for key, count in parts.items()}}

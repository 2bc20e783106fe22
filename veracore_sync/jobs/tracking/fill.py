"""How an order's slips fill its lines; pure.

The capacity of a line are the units that no fulfilment of somebody else's holds. All slips that
were fulfilled, and those that are ready, fill the lines in their order; what a slip adds to that is
its own fulfilment. So a slip's lines do not depend on how many runs it took to get there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veracore_sync.jobs.inventory.names import Names, sku_key
from veracore_sync.jobs.tracking.allocate import Recipes, allocate, recipes_of, units_of
from veracore_sync.model import RecordLine, Shipment, WarehouseRecord
from veracore_sync.vendure.fulfilment import FulfilledOrder, Fulfilment


@dataclass(slots=True)
class Filling:
    """The units of one order, while its slips are planned one after the other.

    Args:
        record: What the warehouse says.
        sent: What was sent of it, where the record tells no lines.
        order: What the shop says.
        names: Aliases and kits.
        claimed: The ids of the fulfilments that are slips' own.
        planned: Units by line id of the fulfilments that are planned.
        counted: Products of the slips that are fulfilled or planned, by key.
    """

    record: WarehouseRecord
    sent: Sequence[RecordLine]
    order: FulfilledOrder
    names: Names
    claimed: set[str]
    planned: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    recipes: Recipes = field(init=False)

    def __post_init__(self) -> None:
        self.recipes = recipes_of(self.record, self.names, self.order.lines)

    def count(self, shipment: Shipment) -> None:
        """A slip is fulfilled, or planned."""
        self.counted += units_of(shipment.lines or ())

    def own_lines(
        self, shipment: Shipment, *, last: bool, beside: Fulfilment | None = None
    ) -> Mapping[str, int]:
        """What a slip adds to the fulfilments of all slips before it: units by line id.

        Args:
            shipment: The slip.
            last: Nothing else is awaited: of a complete order it takes all that is left.
            beside: A fulfilment that may be the slip's own, and so does not count as another's.
        """
        capacity = self._capacity(beside)
        if last and self.record.is_complete and not self.record.is_cut:
            filled = self._filled(self._offered(), capacity)
        else:
            filled = self._filled(self.counted + units_of(shipment.lines or ()), capacity)
        ours, left = self._ours(beside), self.left(beside)
        own = {id: min(units - ours[id], left[id]) for id, units in filled.items()}
        return {id: units for id, units in own.items() if units > 0}

    def left(self, beside: Fulfilment | None = None) -> Counter[str]:
        """Units by line id that are in no live fulfilment, and in none that is planned."""
        left = Counter({line.id: line.quantity for line in self.order.lines})
        for one in self.order.fulfilments:
            if one.is_live and one is not beside:
                left.subtract(one.lines)
        left.subtract(self.planned)
        return left

    def is_of_the_order(self, shipment: Shipment) -> bool:
        """Whether any of its products is an offer of the order, or picked for one."""
        if shipment.lines is None or self.record.is_complete:
            return True
        parts = {sku_key(part) for line in self.order.lines for part in self.names.parts(line.sku)}
        inferred = {part for recipe in self.recipes.values() for part in recipe}
        return any(key in self._offers | parts | inferred for key in units_of(shipment.lines))

    def beyond(self, shipment: Shipment) -> dict[str, int]:
        """Units of the order's own offers that shipped beyond what it holds, by SKU; the slip is
        counted already."""
        whole = {line.id: line.quantity for line in self.order.lines}
        left = allocate(self.counted, self.order.lines, whole, self.names, self.recipes).left
        own = units_of(shipment.lines or ())
        spelled = {sku_key(self.names.part(line.sku)): line.sku for line in self.order.lines}
        return {
            spelled[key]: min(left[key], own[key]) for key in left if key in spelled and own[key]
        }

    @property
    def _offers(self) -> set[str]:
        return {sku_key(self.names.part(line.sku)) for line in self.order.lines}

    def _offered(self) -> Counter[str] | None:
        """What VeraCore held of the order; ``None`` where nobody knows: all that was ordered."""
        lines = self.record.lines if self.record.lines is not None else self.sent
        return units_of(lines) if lines else None

    def _filled(
        self, units: Mapping[str, int] | None, capacity: Mapping[str, int]
    ) -> Mapping[str, int]:
        if units is None:
            return capacity
        return allocate(units, self.order.lines, capacity, self.names, self.recipes).lines

    def _ours(self, beside: Fulfilment | None) -> Counter[str]:
        """Units that fulfilments of slips hold, and those planned."""
        units = Counter(self.planned)
        for one in self.order.fulfilments:
            if one.is_live and one.id in self.claimed and one is not beside:
                units.update(one.lines)
        return units

    def _capacity(self, beside: Fulfilment | None) -> dict[str, int]:
        capacity = {line.id: line.quantity for line in self.order.lines}
        for one in self.order.fulfilments:
            if one.is_live and one.id not in self.claimed and one is not beside:
                for id, units in one.lines.items():
                    capacity[id] = max(0, capacity.get(id, 0) - units)
        return capacity

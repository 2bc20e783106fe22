"""How an order's slips fill its lines; pure.

One account for all slips of an order: what they shipped, by product, against what their fulfilments
contain, by line. A slip adds what shipped and is in no slip's fulfilment yet, as far as the lines
have room. So a slip's lines do not depend on the number of runs, on what was refused in between, or
on which slip was ready first; and parts of a kit are carried over from slip to slip until the kit
is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.held_orders import short_units, totals
from veracore_sync.domain.warehouse import RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.jobs.tracking.allocate import Recipes, allocate, kit_of, recipes_of, units_of


@dataclass(slots=True)
class LineAllocation:
    """The units of one order, while its slips are planned one after the other.

    A slip must be counted with its fulfilment, or not at all: a fulfilment whose slip is not
    counted would take the place of other slips' units.

    Args:
        sent: The lines that were sent, if the record shows none.
        wanted: What the shop asked for when VeraCore's order was found, where nothing shows what
            was sent: what was added later is not in it. Empty if that is unknown, too.
        takes_rest: Whether the last slip of a complete order takes all that is left.
        claimed: The ids of the fulfilments that belong to a slip; no other slip adopts them.
        planned: Units by line id of the fulfilments that are planned.
        counted: Products of the slips that are fulfilled, covered or planned, by key.
        held: Units by line id in the fulfilments of those slips.
        short: Units by product key that a complete order did not ship: no slip takes them.
    """

    record: WarehouseRecord
    sent: Sequence[RecordLine]
    order: FulfilledOrder
    names: SkuMap
    wanted: Sequence[RecordLine] = ()
    takes_rest: bool = True
    claimed: set[str] = field(default_factory=set)
    planned: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    recipes: Recipes = field(init=False)
    short: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.recipes = recipes_of(self.record, self.names, self.order.lines)
        short = {sku_key(sku): units for sku, units in short_units(self.record).items()}
        # Whose part a product is may be unknown; then no line can be said to lack it.
        named = set[str]().union(*map(self._products_of, self.order.lines))
        self.short = {key: units for key, units in short.items() if key in named}

    def own(self, shipment: Shipment, fulfilment: Fulfilment) -> None:
        """Count a slip with its live fulfilment."""
        self.claimed.add(fulfilment.id)
        self._count(shipment, fulfilment.lines)

    def plan(self, shipment: Shipment, lines: Mapping[str, int]) -> None:
        """Count a slip with a planned fulfilment of these units by line id."""
        self.planned.update(lines)
        self._count(shipment, lines)

    def cover(self, shipment: Shipment) -> None:
        """Count a slip without a fulfilment: its units are in others, or it is part of a kit."""
        self._count(shipment, {})

    def _count(self, shipment: Shipment, lines: Mapping[str, int]) -> None:
        self.counted += units_of(shipment.lines or ())
        self.held.update(lines)

    def own_lines(
        self, shipment: Shipment, *, last: bool, beside: Collection[Fulfilment] = ()
    ) -> Mapping[str, int]:
        """What a slip adds to the fulfilments of all other slips: units by line id.

        Args:
            last: No other slip is expected: of a complete order this one takes all that is left.
            beside: Fulfilments that may be the slip's own, and so do not count as another's.
        """
        left = self.left(beside)
        if (
            last
            and self.takes_rest
            and not self.is_as_fulfilled
            and self.record.is_complete
            and not self.record.partially_cancelled
            and not self.short
        ):
            offered = self.offered()
            if offered is None:
                own = self.all_of(left)
            else:
                own = self._fill(self._not_held(offered), left)
            own -= self.excluded(own)
        else:
            shipped = self.counted + units_of(shipment.lines or ())
            own = self._fill(self._not_held(shipped) - self._with_others(beside), left)
        return own

    def all_of(self, left: Mapping[str, int]) -> Counter[str]:
        """Which of these units, by line id, an order that VeraCore completed as a whole contained.

        That is where nothing shows what it accepted, and no fulfilment was made yet.
        """
        return self._fill(units_of(self.wanted), left) if self.wanted else Counter(left)

    def left(self, beside: Collection[Fulfilment] = ()) -> Counter[str]:
        """Units by line id that are in no live fulfilment, and in none that is planned."""
        left = Counter({line.id: line.quantity for line in self.order.lines})
        for one in self.order.fulfilments:
            if one.is_live and one not in beside:
                left.subtract(one.lines)
        left.subtract(self.planned)
        return left

    def excluded(self, units: Mapping[str, int]) -> Counter[str]:
        """Which of these units, by line id, VeraCore never had (``skus.exclude``)."""
        held = self.offered() or Counter[str]()
        found: Counter[str] = Counter()
        for line in self.order.lines:
            # Sent before the setting named it: then VeraCore ships it.
            is_held = sku_key(self.names.part(line.sku)) in held
            if self.names.is_excluded(line.sku) and not is_held:
                found[line.id] = units.get(line.id, 0)
        return +found

    def unshipped(self) -> Counter[str]:
        """Units by line id that no fulfilment shows as shipped."""
        left = Counter({line.id: line.quantity for line in self.order.lines})
        for one in self.order.fulfilments:
            if one.state in SHIPPED_STATES:
                left.subtract(one.lines)
        return +left

    def short_lines(self, left: Mapping[str, int]) -> Counter[str]:
        """Which of the units left, by line id, are those that a complete order did not ship."""
        short = self._fill(self.short, left)
        for line in self.order.lines:
            # A kit that lacks one part cannot be fulfilled, whatever else of it shipped.
            products = self._products_of(line)
            named = {sku_key(self.names.part(line.sku)), sku_key(line.sku)}
            if not named & set(self.short) and products & set(self.short):
                short[line.id] = max(0, left.get(line.id, 0))
        return short

    def _products_of(self, line: Line) -> set[str]:
        """The products, as keys, that a line is known to be picked as."""
        key = sku_key(self.names.part(line.sku))
        parts = {sku_key(part) for part in self.names.parts(line.sku)}
        return {key, sku_key(line.sku), *parts, *self.recipes.get(key, ())}

    def is_of_the_order(self, shipment: Shipment) -> bool:
        """Whether any of the slip's products is an offer of the order, or part of one."""
        if shipment.lines is None or self.record.is_complete:
            return True
        parts = {sku_key(part) for line in self.order.lines for part in self.names.parts(line.sku)}
        inferred = {part for recipe in self.recipes.values() for part in recipe}
        return any(key in self._offers | parts | inferred for key in units_of(shipment.lines))

    def has_pieces(self, number: str) -> bool:
        """Whether a slip has parts of kits that all slips together do not complete."""
        lines, names, recipes = self.order.lines, self.names, self.recipes
        kits = (
            kit_of(one, names) or recipes.get(sku_key(names.part(one.sku)), {}) for one in lines
        )
        live = [one for one in self.record.shipments if not one.is_void]
        slips = {one.slip: units_of(one.lines or ()) for one in live}
        shipped = sum(slips.values(), Counter[str]())
        left = self._left_of(shipped, {one.id: shipped.total() for one in lines})
        return bool(left.keys() & set[str]().union(*kits) & slips.get(number, {}).keys())

    def beyond(
        self,
        own: Counter[str],
        products: Counter[str] | None = None,
        capacity: Counter[str] | None = None,
    ) -> dict[str, int]:
        """Units that shipped beyond the lines, by SKU or a kit's part, as far as among `own`.

        Args:
            own: A slip's products, by key.
            products: What shipped; if not given, by the slips that are counted, this one too.
            capacity: What the lines have room for; if not given, what is ordered.
        """
        products = self.counted if products is None else products
        lines = self.order.lines
        whole = Counter({line.id: line.quantity for line in lines})
        capacity = whole if capacity is None else capacity
        placed = allocate(products, lines, capacity, self.names, self.recipes)
        over, parts = placed.left, dict[str, str]()
        for line in lines:
            key = sku_key(self.names.part(line.sku))
            lacks = capacity[line.id] - placed.lines[line.id]
            # Parts of a kit that is not complete yet are none too many.
            for part, each in (kit_of(line, self.names) or self.recipes.get(key, {})).items():
                over[part] -= each * lacks
            parts |= {sku_key(part): part for part in self.names.kit(line.sku) or ()}
        there = totals((one.sku, one.ordered) for one in self.record.products)
        for key in parts.keys() - self._offers:
            # A kit may have had more parts when it was sent.
            over[key] = min(over[key], products[key] - there[key])
        spelled = parts | {sku_key(self.names.part(line.sku)): line.sku for line in lines}
        several = {key: min(over[key], own[key]) for key in spelled}
        return {spelled[key]: units for key, units in several.items() if units > 0}

    @property
    def is_known(self) -> bool:
        """Whether it is known what VeraCore accepted of the order."""
        return self.offered() is not None

    @property
    def is_as_fulfilled(self) -> bool:
        """Whether nothing shows what shipped but the fulfilments of the slips themselves.

        So it is in the dialect `rest` for a ledger that was lost: what was added to the order after
        it had been sent is then in no slip.
        """
        return not self.is_known and bool(self.held)

    @property
    def _offers(self) -> set[str]:
        return {sku_key(self.names.part(line.sku)) for line in self.order.lines}

    def offered(self) -> Counter[str] | None:
        """What VeraCore accepted of the order; ``None`` if unknown: then all that was ordered."""
        lines = self.record.lines if self.record.lines is not None else self.sent
        return units_of(lines) if lines else None

    def _with_others(self, beside: Collection[Fulfilment]) -> Counter[str]:
        """What other slips shipped but could not add, because fulfilments of no slip contain it."""
        others: Counter[str] = Counter()
        for one in self.order.fulfilments:
            if one.is_live and one.id not in self.claimed and one not in beside:
                others.update(one.lines)
        unplaced = self._not_held(self.counted)
        return unplaced - self._left_of(unplaced, others)

    def _not_held(self, products: Mapping[str, int]) -> Counter[str]:
        """Of these products those that are not in the slips' fulfilments."""
        return self._left_of(products, self.held)

    def _left_of(self, products: Mapping[str, int], capacity: Mapping[str, int]) -> Counter[str]:
        return allocate(products, self.order.lines, capacity, self.names, self.recipes).left

    def _fill(self, products: Mapping[str, int], capacity: Mapping[str, int]) -> Counter[str]:
        return allocate(products, self.order.lines, capacity, self.names, self.recipes).lines


def listed(lines: Sequence[Line], units: Mapping[str, int]) -> str:
    """Units by line id, for a person."""
    return ", ".join(
        f"{units[line.id]} x {line.sku}" for line in lines if units.get(line.id, 0) > 0
    )

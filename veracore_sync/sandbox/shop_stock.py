"""How the stock of the small shop moves with its orders (docs/vendure.md, "Stock").

Vendure keeps every allocation of a line permanently and takes later movements from the locations of
the first allocations, even if those were released. This does the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from veracore_sync.sandbox.shop_catalogue import Catalogue
from veracore_sync.sandbox.shop_records import Allocation, Location, OrderLine

_ENDLESS = 2**53 - 1
Units = Iterable[tuple[OrderLine, int]]


class Stock(Catalogue):
    """The four movements. None of them checks anything; `Orders` and above do."""

    def allocate(self, lines: Units, channel: str, at: datetime | None = None) -> None:
        """Set units aside for lines that are now ordered, at the locations of their channel."""
        for line, quantity in lines:
            for location, units in self._allocation_places(line, quantity, channel):
                line.allocations.append((location.id, units))
                made = Allocation(self.new_id("movement"), at or self.now(), units, line.id)
                line.variant.allocations.append(made)
                self._move(line, location.id, allocated=units)

    def take(self, lines: Units) -> None:
        """Take units out, for a fulfilment: from what is on hand and from what was set aside."""
        for line, quantity in lines:
            for location, units in _places(line, quantity):
                line.sold += quantity
                self._move(line, location, on_hand=-units, allocated=-units)

    def put_back(self, lines: Units) -> None:
        """Put units that had left back on hand."""
        for line, quantity in lines:
            for location, units in _places(line, quantity):
                line.put_back += quantity
                self._move(line, location, on_hand=units)

    def release(self, lines: Units) -> None:
        """No longer set units aside."""
        for line, quantity in lines:
            for location, units in _places(line, quantity):
                line.released += quantity
                self._move(line, location, allocated=-units)

    def _move(self, line: OrderLine, location: str, on_hand: int = 0, allocated: int = 0) -> None:
        if self.tracked(line.variant):
            level = self.level(line.variant, location)
            level.on_hand += on_hand
            level.allocated += allocated

    def _allocation_places(
        self, line: OrderLine, quantity: int, channel: str
    ) -> Iterator[tuple[Location, int]]:
        """Where an order's units are set aside.

        An order that is split over locations takes its whole quantity at each of them again.
        """
        placed = 0
        for location in self.locations.values():
            level = line.variant.levels.get(location.id)
            if level is None or channel not in location.channels:
                continue
            free = level.on_hand - level.allocated - self.kept_back(line.variant)
            units = min(quantity, free if self.tracked(line.variant) else _ENDLESS)
            if units > 0:
                placed += units
                yield location, units
            if placed >= quantity:
                return


def _places(line: OrderLine, quantity: int) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    left = quantity
    for location, allocated in line.allocations:
        if left <= 0:
            break
        units = min(allocated, left)
        found[location] = found.get(location, 0) + units
        left -= units
    return list(found.items())

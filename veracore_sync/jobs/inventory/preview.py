"""The whole plan of a stock run that must not write, and what a guard withholds of it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.inventory.plan import LevelNow

MOST_SHOWN = 1000
LARGEST = 10


@dataclass(slots=True)
class Totals:
    """What a plan comes to, in variants and in units for sale.

    `moved` change their locations and not what can be bought; `to_zero` are among `decreases`.
    """

    increases: int = 0
    decreases: int = 0
    to_zero: int = 0
    moved: int = 0
    unchanged: int = 0
    units_more: int = 0
    units_less: int = 0

    def add(self, now: Mapping[str, LevelNow], offer: Mapping[str, int], change: int) -> None:
        """Count a variant of which anything is written or withheld."""
        before = sum(now[at].saleable for at in offer)
        if change > 0:
            self.increases += 1
            self.units_more += change
        elif change < 0:
            self.decreases += 1
            self.units_less -= change
            self.to_zero += before > 0 and before + change <= 0
        elif any(now[at].saleable != units for at, units in offer.items()):
            self.moved += 1
        else:
            self.unchanged += 1


@dataclass(slots=True)
class Preview:
    """The plan, and what a guard withholds of it.

    Args:
        written: The first variants that would be written, with those of their levels.
        withheld: The first of which levels are withheld, with those.
        written_count: How many there are in all; `withheld_count` alike.
        totals: Of the plan as a whole, withheld or not.
    """

    written: list[Planned] = field(default_factory=list)
    withheld: list[Planned] = field(default_factory=list)
    written_count: int = 0
    withheld_count: int = 0
    totals: Totals = field(default_factory=Totals)
    _largest: list[tuple[int, int, Planned]] = field(default_factory=list)

    def add(
        self,
        whole: Planned,
        now: Mapping[str, LevelNow],
        offer: Mapping[str, int],
        written: Mapping[str, int],
    ) -> None:
        """Add a variant.

        Args:
            whole: All of its changes.
            written: The levels that would be written, by location.
        """
        held = {at for at, units in whole.saleable.items() if written.get(at) != units}
        if written:
            self.written_count += 1
            if len(self.written) < MOST_SHOWN:
                self.written.append(_of(whole, now, written))
        if held:
            self.withheld_count += 1
            if len(self.withheld) < MOST_SHOWN:
                part = {at: whole.saleable[at] for at in whole.saleable if at in held}
                self.withheld.append(_of(whole, now, part))
        change = sum(units - whole.before[at] for at, units in whole.saleable.items())
        self.totals.add(now, offer, change)
        # By ordinal next, so that equal changes are never compared as plans.
        entry = (abs(change), -whole.ordinal, whole)
        if len(self._largest) < LARGEST:
            heapq.heappush(self._largest, entry)
        else:
            heapq.heappushpop(self._largest, entry)

    @property
    def largest(self) -> list[Planned]:
        """The changes of the most units, the largest first."""
        ordered = sorted(self._largest, key=lambda one: one[:2], reverse=True)
        return [whole for size, _, whole in ordered if size]


def _of(whole: Planned, now: Mapping[str, LevelNow], levels: Mapping[str, int]) -> Planned:
    return Planned(
        ordinal=whole.ordinal,
        id=whole.id,
        sku=whole.sku,
        saleable=levels,
        before={at: now[at].saleable for at in levels},
        allocated={at: now[at].allocated for at in levels},
    )

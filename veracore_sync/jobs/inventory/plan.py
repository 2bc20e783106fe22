"""What may be sold, and what has to be written for it; pure (docs/inventory.md).

S = max(0, Available - U - buffer)      what may be sold
stockOnHand := S + A                    A is Vendure's own stockAllocated, whatever it is

Vendure sells stockOnHand - stockAllocated, and its stockAllocated can be wrong: concurrent
checkouts lose allocations on PostgreSQL. So the target is S, and A is added as read, not clamped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from veracore_sync.config import InventorySettings
from veracore_sync.config.types import Buffer
from veracore_sync.domain.staged_stock import ANY

GUARD_LEAST = 20
"""Fewer SKUs trigger no guard, whatever their share, so that a small shop can change."""

_ENDLESS = 1 << 60
"""More units than all that may be owed of a SKU."""


@dataclass(frozen=True, slots=True)
class LevelNow:
    """A level as Vendure returned it. `offered` is what was for sale there when the run read it."""

    on_hand: int
    allocated: int
    offered: int

    @property
    def saleable(self) -> int:
        """What is for sale now; Vendure subtracts the allocated units."""
        return self.on_hand - self.allocated

    def oversold_by(self, more: int) -> LevelNow:
        """The level if Vendure sells so many units more than that."""
        return LevelNow(self.on_hand, self.allocated - more, self.offered + more)


NOTHING = LevelNow(0, 0, 0)
"""The level of a variant at a location for which Vendure has none yet."""


def saleable(
    available: Mapping[str, int], demand: int, held_back: int, locations: Sequence[str]
) -> dict[str, int]:
    """S per location; their sum is max(0, Available - demand - held back).

    Args:
        available: Units per location; negative if oversold.
        demand: U, in units.
        held_back: The buffer, in units.
        locations: In the order in which demand is taken from them, each down to zero.
    """
    owed = demand + held_back + sum(-units for units in available.values() if units < 0)
    left = {}
    for location in locations:
        there = max(0, available.get(location, 0))
        given = min(there, owed)
        left[location] = there - given
        owed -= given
    return left


def most_saleable(
    available: Mapping[str, int],
    unread: Mapping[str, int],
    demand: int,
    buffer: Buffer,
    locations: Sequence[str],
) -> dict[str, int]:
    """The most that S can be at each location, whatever the unread rows prove to be.

    Args:
        available: As in `saleable`; an upper bound where `unread` says so.
        unread: As in `Matched.unread`; if empty, the most is S. Where it says `ANY`, there is none.
        demand: U, in units.
        buffer: Of all locations together.
        locations: As in `saleable`.
    """
    bound = {at: _ENDLESS if unread.get(at) == ANY else available.get(at, 0) for at in locations}
    counted = {at: min(0, most) if at in unread else most for at, most in bound.items()}
    found = {}
    for at in locations:
        # A location before it covers most of what is owed if it has the most, and one after it
        # holds back least, as a share, if it has nothing.
        counted[at] = bound[at]
        held_back = buffer.held_back(sum(counted.values()))
        found[at] = saleable(counted, demand, held_back, locations)[at]
    return {at: units for at, units in found.items() if unread.get(at) != ANY}


def saleable_kits(
    parts: Iterable[tuple[Mapping[str, int], int]], held_back: int, locations: Sequence[str]
) -> dict[str, int]:
    """S of a kit per location: as many as its scarcest part allows, less what is held back.

    Args:
        parts: S of each part per location, and units of it in one kit; a part whose stock at a
            location is unknown has no S there, nor has a kit of only such parts.
        held_back: The kit's own buffer, in kits.
        locations: As in `saleable`.
    """
    several = list(parts)
    kits = {}
    for location in locations:
        known = [there[location] // units for there, units in several if location in there]
        if known:
            kits[location] = min(known)
    return saleable(kits, 0, held_back, tuple(kits))


def plan_variant(
    now: Mapping[str, LevelNow],
    targets: Mapping[str, int],
    *,
    decreases_only: bool,
    everything: bool = False,
) -> dict[str, int]:
    """The locations whose saleable units have to be set, and to what.

    Args:
        now: Vendure's levels by location; a missing location has nothing.
        targets: S by location.
        decreases_only: Never above what was for sale there when the run read it.
        everything: Also unchanged levels.
    """
    found = {}
    for location, target in targets.items():
        level = now.get(location, NOTHING)
        wanted = min(target, level.offered) if decreases_only else target
        # Differences only: each changed variant costs the shop an indexing job.
        if everything or level.saleable != wanted:
            found[location] = wanted
    return found


@dataclass(slots=True)
class PlanSummary:
    """The shop's sellable SKUs, and how many of them the plan sets to zero or changes."""

    sellable: int = 0
    zeroed: int = 0
    changing: int = 0
    rising: int = 0

    def add(self, now: Mapping[str, LevelNow], targets: Mapping[str, int]) -> None:
        """Count one variant."""
        levels = {location: now.get(location, NOTHING) for location in targets}
        before = sum(level.saleable for level in levels.values())
        self.sellable += before > 0
        self.zeroed += before > 0 and sum(targets.values()) == 0
        self.changing += any(targets[at] != level.saleable for at, level in levels.items())
        self.rising += any(targets[at] > level.saleable for at, level in levels.items())


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard that stops a plan.

    Args:
        name: In ``--json`` and in the ledger.
        cause: What it saw.
        decreases: Whether decreases are still written.
        withheld: How many increases are withheld, if decreases are written.
    """

    name: str
    cause: str
    decreases: bool
    withheld: int = 0

    @property
    def sentence(self) -> str:
        """The cause, and what followed."""
        if not self.decreases:
            return f"{self.cause}: nothing was written"
        return f"{self.cause}: decreases were written, {self.withheld} increases were withheld"

    @property
    def prospect(self) -> str:
        """The cause, and what would follow if the run might write."""
        if not self.decreases:
            return f"{self.cause}: nothing would be written"
        return (
            f"{self.cause}: decreases would be written, {self.withheld} increases would be withheld"
        )


def guard(summary: PlanSummary, settings: InventorySettings, *, first: bool) -> Guard | None:
    """The guard that stops a plan, or ``None``.

    Args:
        first: No full run with ``--allow-mass-change`` has completed on this ledger.
    """
    # A wrong address, company or mapping looks like a valid read of another stock, and would sell
    # out or oversell the whole shop. Decreases oversell nothing, so most guards still write them.
    if _exceeds(summary.zeroed, summary.sellable, settings.max_zero_percent):
        return Guard(
            "zero",
            f"{summary.zeroed} of {summary.sellable} sellable SKUs would go to zero, more than "
            f"inventory.max_zero_percent ({settings.max_zero_percent})",
            decreases=False,
        )
    if not summary.rising:
        return None
    if first:
        return Guard(
            "first",
            "no full run with --allow-mass-change has completed on this ledger",
            decreases=True,
            withheld=summary.rising,
        )
    if _exceeds(summary.changing, summary.sellable, settings.max_change_percent):
        return Guard(
            "change",
            f"{summary.changing} SKUs would change and {summary.sellable} are sellable, more than "
            f"inventory.max_change_percent ({settings.max_change_percent})",
            decreases=True,
            withheld=summary.rising,
        )
    return None


def _exceeds(count: int, of: int, percent: int) -> bool:
    return count >= GUARD_LEAST and count * 100 > of * percent

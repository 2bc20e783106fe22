"""What a run of ``reconcile`` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.differences import Difference, DifferenceRow
from veracore_sync.jobs.report import RunReport

_NAMED = 10


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """A difference that a run found.

    Args:
        difference: As it is now.
        row: As the ledger remembers it; ``None``: it does not.
        is_new: Whether it is news.
    """

    difference: Difference
    row: DifferenceRow | None
    is_new: bool

    @property
    def is_accepted(self) -> bool:
        """Whether a person accepted it as it is now."""
        return self.row is not None and self.row.accepted_mark == self.difference.mark

    @property
    def reason(self) -> str | None:
        """Why it was accepted."""
        return self.row.reason if self.row is not None and self.is_accepted else None


@dataclass(slots=True)
class Grouped:
    """How many have something in common; the first of them by name."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.names) < _NAMED:
            self.names.append(name)


@dataclass(slots=True)
class ReconcileReport(RunReport):
    """The report of a run.

    Args:
        in_scope: Orders that are to be compared.
        compared: Those that were, or whose end all sides had agreed about before.
        differing: Those of them of which the sides disagree.
        left: Those that the next runs look up.
        not_read: Those that could not be read.
        on_their_way: Those of which nothing is concluded now.
        looked_up: Look-ups at VeraCore.
        skus: SKUs that were compared; ``None``: stock was not.
        found: What differs, of orders and of stock.
        ended: How many differences were seen to be gone.
        unseen: What could not be read, by reason: orders, SKUs and packages.
        moving: What is on its way, by reason: orders and SKUs.
        plan: Of a run that must not write, what it would store; ``None`` otherwise.
        is_whole: Whether the whole scope was listed.
    """

    job: ClassVar[str] = "reconcile"
    writing: ClassVar[tuple[str, str]] = ("stored", "store")
    in_scope: int = 0
    compared: int = 0
    differing: int = 0
    left: int = 0
    not_read: int = 0
    on_their_way: int = 0
    looked_up: int = 0
    skus: int | None = None
    found: list[FoundDifference] = field(default_factory=list)
    ended: int = 0
    unseen: dict[str, Grouped] = field(default_factory=dict)
    moving: dict[str, Grouped] = field(default_factory=dict)
    plan: list[FoundDifference] | None = None
    is_whole: bool = True

    def add_unread(self, order: str, why: str) -> None:
        """An order could not be read."""
        self.not_read += 1
        self.note_unseen(order, why)

    def add_moving(self, order: str, why: str) -> None:
        """Nothing is concluded about an order now."""
        self.on_their_way += 1
        self.note_moving(order, why)

    def note_unseen(self, name: str, why: str) -> None:
        """Something could not be read."""
        self.unseen.setdefault(why, Grouped()).add(name)

    def note_moving(self, name: str, why: str) -> None:
        """Nothing is concluded about something now."""
        self.moving.setdefault(why, Grouped()).add(name)

    @property
    def new_count(self) -> int:
        """How many differences are news."""
        return sum(1 for one in self.found if one.is_new)

    @property
    def accepted_count(self) -> int:
        """How many differences a person accepted as they are."""
        return sum(1 for one in self.found if one.is_accepted)

    def completeness(self) -> str:
        """How much was compared, in one sentence."""
        rest = []
        if self.left:
            rest.append(f"{self.left:,} left for the next runs")
        if self.on_their_way:
            rest.append(f"{self.on_their_way:,} on their way")
        if self.not_read:
            rest.append(f"{self.not_read:,} not read")
        if not self.is_whole:
            rest.append("the list was not read to its end")
        done = f"{self.compared:,} of {self.in_scope:,} orders compared, {self.differing:,} differ"
        return f"{done}; {', '.join(rest)}" if rest else done

"""What a run of the stock stages, as the run sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from veracore_sync.domain.staged_stock import Matched, Planned, StagedStock, StagedVariant


class StagingStore(Protocol):
    """What one run has staged of the stock, and what is remembered of SKUs; for one thread."""

    def clear(self) -> None:
        """Begin a run: empty staging tables."""

    def add_variants(self, variants: Iterable[StagedVariant]) -> None:
        """Stage variants, in the order in which they will be written."""

    def add_stock(self, rows: Iterable[StagedStock]) -> None:
        """Stage rows of stock."""

    def add_up(self) -> None:
        """Add up the rows of each part."""

    def count_variants(self, *kinds: str) -> int:
        """How many variants are staged, of these kinds; of all where none is named."""

    def count_parts(self) -> int:
        """How many parts have stock, or had none left."""

    def count_known(self) -> tuple[int, int]:
        """How many staged variants were matched by an earlier read, and how many of them lack."""

    def matched(self, *, written_only: bool = False) -> Iterator[Matched]:
        """Plain variants and kits in the order of their staging, a chunk in memory at a time."""

    def stock_of(self, part: str) -> dict[str, int] | None:
        """Available units of a part by location; ``None`` where it was not reported."""

    def unread_of(self, part: str) -> dict[str, int]:
        """The locations of which a row of that part could not be read, as `Matched.unread`."""

    def count_unread(self) -> int:
        """Of how many parts a row could not be read."""

    def unread_parts(self, limit: int) -> list[str]:
        """Parts of which a row could not be read, as VeraCore spells them."""

    def is_spelled_twice(self, part: str) -> bool:
        """Whether the warehouse reported the part in two spellings."""

    def set_kind(self, kind: str, ordinals: Iterable[int]) -> None:
        """Note what became of variants: ``unknown``, ``missing``, …"""

    def clear_plan(self) -> None:
        """Forget what was planned."""

    def add_plan(self, actions: Iterable[Planned]) -> None:
        """Plan variants."""

    def count_plan(self) -> int:
        """How many variants are planned."""

    def planned(self) -> Iterator[Planned]:
        """What is planned, in the order of staging, a chunk in memory at a time."""

    def note_levels(
        self, levels: Mapping[str, Mapping[str, Sequence[int]]], *, wrote: bool
    ) -> None:
        """Replace (on hand, allocated) of staged variants by what Vendure has just said."""

    def count_written(self) -> int:
        """How many variants were written."""

    def names(self, kind: str, limit: int) -> list[str]:
        """SKUs of the staged variants of that kind."""

    def new_names(self, state: str, limit: int) -> tuple[int, list[str]]:
        """How many staged variants are of that kind and were not so before; some of their SKUs."""

    def remember(self, *, complete: bool) -> None:
        """Keep what was matched, unknown and ambiguous; after a complete read also what lacked."""

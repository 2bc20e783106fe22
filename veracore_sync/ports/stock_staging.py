"""The staging of a stock run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from veracore_sync.domain.staged_stock import Matched, Planned, StagedStock, StagedVariant


class StagingStore(Protocol):
    """The staging of one stock run, and what the ledger remembers of SKUs; for one thread."""

    def clear(self) -> None:
        """Begin a run with empty staging tables."""

    def add_variants(self, variants: Iterable[StagedVariant]) -> None:
        """Stage variants, in the order in which they will be written."""

    def add_stock(self, rows: Iterable[StagedStock]) -> None:
        """Stage rows of stock."""

    def add_up(self) -> None:
        """Sum the rows of each part; mark ambiguous variants."""

    def mark_ambiguous(self) -> None:
        """Mark ambiguous variants again, where some were staged after the stock.

        Live variants that share a key, or whose part has two spellings, become ``ambiguous``; a
        variant that is not sold and shares its key becomes ``disabled``.
        """

    def count_variants(self, *kinds: str) -> int:
        """How many variants of these kinds are staged; of all kinds if none is named."""

    def count_parts(self) -> int:
        """How many parts the warehouse reported, including those with no units left."""

    def count_known(self) -> tuple[int, int]:
        """How many staged variants an earlier read matched, and how many of these are missing."""

    def matched(self, *, written_only: bool = False) -> Iterator[Matched]:
        """Plain variants and kits, also unmatched and ambiguous ones, in the order of staging.

        Args:
            written_only: Only those whose levels were read again, and all ambiguous ones.
        """

    def stock_of(self, part: str) -> dict[str, int] | None:
        """Available units of a part by location; ``None`` if it was not reported."""

    def unread_of(self, part: str) -> dict[str, int]:
        """The locations with an unreadable row of that part, as in `Matched.unread`."""

    def count_unread(self) -> int:
        """How many parts have an unreadable row."""

    def unread_parts(self, limit: int) -> list[str]:
        """Parts with an unreadable row, as VeraCore spells them."""

    def is_spelled_twice(self, part: str) -> bool:
        """Whether the warehouse reported the part in two spellings."""

    def set_kind(self, kind: str, ordinals: Iterable[int]) -> None:
        """Set the kind of variants: ``unknown``, ``missing``, …"""

    def clear_plan(self) -> None:
        """Delete the plan."""

    def add_plan(self, actions: Iterable[Planned]) -> None:
        """Add variants to the plan, or replace them there."""

    def count_plan(self) -> int:
        """How many variants are in the plan."""

    def planned(self) -> Iterator[Planned]:
        """The plan in the order of staging, read in chunks."""

    def note_levels(
        self, levels: Mapping[str, Mapping[str, Sequence[int]]], *, wrote: bool
    ) -> None:
        """Replace (on hand, allocated) of staged variants by what Vendure has just returned."""

    def count_written(self) -> int:
        """How many variants were written."""

    def names(self, kind: str, limit: int) -> list[str]:
        """SKUs of the staged variants of that kind."""

    def new_names(self, state: str, limit: int) -> tuple[int, list[str]]:
        """How many staged variants are newly of that kind, and up to `limit` of their SKUs."""

    def remember(self, *, complete: bool, whole: bool = True) -> None:
        """Store which SKUs are known, unknown, ambiguous; after a complete read, also missing.

        Args:
            complete: Every row of the stock named its SKU.
            whole: All variants are staged; else which are unknown or ambiguous is not stored.
        """

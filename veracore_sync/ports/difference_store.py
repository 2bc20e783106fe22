"""The port of the differences between ledger, shop and warehouse, a part of the ledger's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from veracore_sync.domain.differences import AgreedRow, Difference, DifferenceRow, DifferenceType


class DifferenceStore(Protocol):
    """What was found to differ, what a person accepted of it, and what agreed."""

    def standing(self, limit: int = ...) -> list[DifferenceRow]:
        """The differences that have not ended, oldest first; accepted ones too."""

    def some(self, limit: int, after: tuple[str, str, str] | None = None) -> list[DifferenceRow]:
        """A page of those, in the order of their keys, after that key."""

    def of(self, names: Sequence[str]) -> list[DifferenceRow]:
        """The standing differences of these names, oldest first."""

    def get(self, type: DifferenceType, name: str, detail: str = "") -> DifferenceRow | None:
        """That difference, or ``None``; also one that has ended."""

    def saw(self, found: Iterable[Difference]) -> list[Difference]:
        """Store what was found; returns the news: what did not stand, or was accepted with other
        evidence. What came back after it had ended is as new: no acceptance of it is left."""

    def ended(
        self,
        types: Collection[DifferenceType],
        names: Iterable[str],
        *,
        but: Collection[tuple[str, str, str]] = (),
    ) -> list[DifferenceRow]:
        """Of these names, which were compared and no longer differ in these types: end what stands
        of them, except what has one of the keys in `but`, and return it."""

    def accept(self, type: DifferenceType, name: str, reason: str) -> list[DifferenceRow]:
        """A person accepts the standing differences of that type and name, as they are."""

    def agreed(self, rows: Iterable[AgreedRow]) -> None:
        """Store of which orders all sides agreed; each replaces what was stored for its code."""

    def agreed_of(self, codes: Sequence[str]) -> dict[str, AgreedRow]:
        """The rows of these orders by code; only of those that have one."""

    def summary(self) -> dict[str, Any]:
        """For ``stats``: how many stand, how many of them are accepted, by type."""

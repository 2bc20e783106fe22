"""The records of a stock run: variants, their stock, and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_AT, ANY = 1, 2
"""What an unreadable row says about the available units: an upper bound, or nothing."""


@dataclass(frozen=True, slots=True)
class StagedStock:
    """A row of stock. `part` is a key; `place` distinguishes the rows of a part.

    `unread`: `available` is an upper bound (`MAX_AT`), or says nothing (`ANY`).
    """

    part: str
    location: str
    place: str
    spelling: str
    available: int
    unread: int = 0


@dataclass(frozen=True, slots=True)
class StagedVariant:
    """A variant of the shop. No two live variants may share `key`; `part` names its stock.

    `kind` is ``plain``, ``kit``, ``untracked``, ``excluded``, ``blank``, ``unread``,
    ``ambiguous`` or ``disabled`` (and another variant has its `key`); `levels` are (on hand,
    allocated, sellable when first read) by location. `oversold` is as in `Variant`.
    """

    id: str
    sku: str
    key: str
    part: str
    kind: str
    levels: Mapping[str, Sequence[int]]
    enabled: bool = True
    oversold: int = 0

    @property
    def is_kit(self) -> bool:
        """Whether it is a kit, whatever else is known of it."""
        return not self.part


@dataclass(frozen=True, slots=True)
class Matched:
    """A staged variant with the stock of its part; `stock` is ``None`` if it was not reported.

    `unread` holds the locations with an unreadable row, by `StagedStock.unread`. `state` and
    `missing` are what the ledger remembers of the part.
    """

    ordinal: int
    variant: StagedVariant
    stock: Mapping[str, int] | None
    unread: Mapping[str, int]
    state: str | None
    missing: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant to write; by location the units for sale, those before, and those allocated."""

    ordinal: int
    id: str
    sku: str
    saleable: Mapping[str, int]
    before: Mapping[str, int]
    allocated: Mapping[str, int]

"""The records of a stock run: variants, the stock beside them, and what is to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_AT, ANY = 1, 2
"""What a row that cannot be read tells of what is available: an upper bound, or nothing."""


@dataclass(frozen=True, slots=True)
class StagedStock:
    """A row of stock. `part` is a key; `place` tells the rows of a part apart.

    `unread`: `available` is what there can be (`MAX_AT`), or says nothing (`ANY`).
    """

    part: str
    location: str
    place: str
    spelling: str
    available: int
    unread: int = 0


@dataclass(frozen=True, slots=True)
class StagedVariant:
    """A variant of the shop. `key` is what no two variants may share, `part` what it is made of.

    `kind` is ``plain``, ``kit``, ``untracked``, ``excluded``, ``blank``, ``unread`` or
    ``ambiguous``; levels are (on hand, allocated, offered at first) by location.
    """

    id: str
    sku: str
    key: str
    part: str
    kind: str
    levels: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Matched:
    """A staged variant beside the stock of its part; `stock` is ``None`` where there is none.

    `unread` says of which locations a row could not be read, and how far (`StagedStock`). `state`
    and `missing` are what the ledger remembers of the part.
    """

    ordinal: int
    variant: StagedVariant
    stock: Mapping[str, int] | None
    unread: Mapping[str, int]
    state: str | None
    missing: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant to write: by location what may be sold, what could be, and what was set aside."""

    ordinal: int
    id: str
    sku: str
    saleable: Mapping[str, int]
    before: Mapping[str, int]
    allocated: Mapping[str, int]

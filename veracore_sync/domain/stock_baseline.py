"""What the shop's levels were last found right for (docs/inventory.md, "Reading what changed")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BaselineFacts:
    """About the baseline as a whole.

    Args:
        rules: A digest of all but the two sides that the levels depend on.
        full_at: When the last full run began (UTC).
        since: When the run that stored it began, by the shop's clock (UTC).
        variants: How many the shop had at the last full run.
        sellable: How many of them Vendure sold.
        known: How many of them were plain and known at VeraCore.
    """

    rules: str
    full_at: datetime
    since: datetime
    variants: int
    sellable: int
    known: int


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order that allocated stock: a digest of its lines and fulfilments, and its variants."""

    content: str
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunBaseline:
    """What a run found, to be stored once it has ended well.

    Args:
        orders: The open orders, listed before any level was read.
        suspects: Those that stood when the run began: id and mark.
        moved: Keys of variants whose demand was another at the end of the run.
        is_whole: All variants were read.
    """

    facts: BaselineFacts
    orders: Mapping[str, SeenOrder]
    suspects: Mapping[str, str] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()
    is_whole: bool = False

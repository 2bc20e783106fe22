"""What a comparison yields, before it is put together; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from veracore_sync.domain.differences import Difference
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.reconcile.sides import OrderSides


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """Something that a job is about to deal with: nothing is concluded; `reason` says what."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that cannot be read, so nothing is concluded; `reason` says what."""

    reason: str


Found = Difference | OnItsWay | Unread


def accepts(sides: OrderSides, *kinds: AlertKind, slips: Iterable[str] = ()) -> bool:
    """Whether a person accepted such alerts of the order; with `slips`, all that name these."""
    side = sides.ledger
    texts = [one.difference for one in side.accepted if one.kind in kinds] if side else []
    named = [re.compile(rf"(?<![\w-]){re.escape(slip)}(?![\w-])") for slip in slips]
    if named:
        return all(any(name.search(text) for text in texts) for name in named)
    return bool(texts)

"""How much the last run of ``reconcile`` compared, and when all was compared last."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from veracore_sync.clock import to_text
from veracore_sync.ports.ledger import Ledger

KEY = "reconcile.coverage"
"""The entry of the ledger's `meta`: run records are pruned, this stays."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was compared. Times are UTC texts.

    Args:
        ended_at: When the last run that could read both sides ended.
        in_scope: Orders that were to be compared.
        compared: Those that were, or whose end all sides had agreed about before.
        left: Those that the next runs look up.
        unseen: Those that could not be read.
        moving: Those that are on their way, so that nothing is concluded.
        complete_at: When a run ended last that left nothing for the next; ``None``: none has yet.
    """

    ended_at: str
    in_scope: int
    compared: int
    left: int
    unseen: int
    moving: int
    complete_at: str | None


def remember(
    ledger: Ledger,
    now: datetime,
    *,
    in_scope: int,
    compared: int,
    left: int = 0,
    unseen: int = 0,
    moving: int = 0,
    complete: bool,
) -> Coverage:
    """Store how much a run over the whole scope compared; not called for a run of some orders.

    Args:
        ledger: The ledger.
        now: When it ended (UTC).
        in_scope: As in `Coverage`, as the other counts.
        compared: See there.
        left: See there.
        unseen: See there.
        moving: See there.
        complete: Whether the whole scope was listed and nothing is left for the next runs.
    """
    at = to_text(now)
    before = last(ledger)
    complete_at = at if complete else before.complete_at if before is not None else None
    coverage = Coverage(at, in_scope, compared, left, unseen, moving, complete_at)
    ledger.meta.put(KEY, json.dumps(asdict(coverage)))
    return coverage


def last(ledger: Ledger) -> Coverage | None:
    """What the last run compared; ``None``: there was none yet."""
    stored = ledger.meta.get(KEY)
    return Coverage(**json.loads(stored)) if stored else None

"""The result of a restore."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore.

    Args:
        orders: How many orders the restored ledger holds.
        kept: The replaced ledger, a file or the name of a schema; ``None`` if there was none.
    """

    orders: int
    kept: Path | str | None

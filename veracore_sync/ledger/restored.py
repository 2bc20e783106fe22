"""A restore: what a backup's copy must pass before it takes the ledger's place, and the result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.meta import as_prefixes
from veracore_sync.ledger.stores import SqlLedger


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore.

    Args:
        orders: How many orders the restored ledger holds.
        kept: The replaced ledger, a file or the name of a schema; ``None`` if there was none.
    """

    orders: int
    kept: Path | str | None


def check_copy(
    copy: SqlLedger, examine: Callable[[SqlLedger], None], now: datetime, prefixes: str | None
) -> int:
    """Check the copy while the old ledger is still in place; returns its orders.

    Args:
        copy: The backup's copy, opened, and so upgraded.
        examine: Raises if the ledger must not be used here.
        now: The time, by the ledger's clock.
        prefixes: What the old ledger says under `ID_PREFIXES`, if it can be read.

    Raises:
        LedgerError: The backup is damaged.
    """
    problems = copy.upkeep.check()
    if problems:
        raise LedgerError(
            f"the backup is damaged: {problems[0]}; nothing was changed",
            hint="name an older backup",
        )
    examine(copy)
    # Orders that the old ledger sent after this backup are unknown here, so each is looked up
    # before it is sent.
    copy.meta.note_restored(now)
    # A damaged ledger may say anything.
    with suppress(ValueError, TypeError):
        for prefix in as_prefixes(prefixes):
            copy.meta.note_id_prefix(prefix)
    return sum(copy.orders.counts().values())

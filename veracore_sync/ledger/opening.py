"""Opening a ledger. Only this module, outside of a backend's package, names a backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.sqlite.file import HAS_WAL_RESET_BUG, SQLITE_VERSION, is_being_restored
from veracore_sync.ledger.sqlite.restoring import Restored, restore
from veracore_sync.ledger.stores import SqlLedger

__all__ = [
    "HAS_WAL_RESET_BUG",
    "SQLITE_VERSION",
    "Restored",
    "is_there",
    "open_ledger",
    "restore",
]


def open_ledger(
    path: Path | None,
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    hooks: Sequence[str] = (),
) -> SqlLedger:
    """Open a ledger; create or upgrade it if necessary.

    Args:
        path: The SQLite file; ``None``: in memory.
        read_only: Refuse every write (dry runs, ``stats``); the file must exist.
        clock: The clock for every time that is stored.
        hooks: The names of the hooks that get events; without any, no event is stored.

    Raises:
        LedgerError: It cannot be opened, or is damaged.
    """
    database = SqliteDatabase(path, read_only=read_only)
    return SqlLedger(database, clock or SystemClock(), hooks)


def is_there(path: Path) -> bool:
    """Whether there is a ledger at that path, or a restore is putting one there."""
    # Without the second half, a dry run during a restore would plan with an empty ledger.
    return path.exists() or is_being_restored(path)

"""Putting a backup in the ledger's place.

A file cannot be replaced under a process that has it open: what that one writes would be lost. So
every job's lock is held meanwhile, and a marker beside the ledger makes every command refuse until
the new file is in place, also after a crash between two steps. Whoever had the old one open (a
`stats` that runs) notices at its next use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.clock import Clock
from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.copying import copy_whole, sync_folder
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION, SqliteDatabase, schema_version
from veracore_sync.ledger.sqlite.errors import ledger_errors
from veracore_sync.ledger.stores import SqlLedger


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Args:
        orders: How many orders the restored ledger holds.
        kept: Where the replaced ledger lies now; ``None`` where there was none.
    """

    orders: int
    kept: Path | None


def restore(
    source: Path, target: Path, clock: Clock, examine: Callable[[SqlLedger], None]
) -> Restored:
    """Put a copy of `source` in the place of the ledger `target`, and keep the old one aside.

    Args:
        source: A backup; it is left as it is.
        target: ``ledger.path``.
        clock: The time, for the name of the file that is kept.
        examine: Refuses a ledger that must not serve here, by raising.

    Raises:
        LedgerError: The backup is damaged, is no ledger, or the disk failed; nothing was replaced,
            or the next restore goes on.
        LockHeld: A run or a listener is at work.
    """
    path = target.resolve()
    if source.resolve() == path:
        raise LedgerError(f"{source} is the ledger itself", hint="name a backup of it")
    with ledger_errors(path), _every_lock(path):
        fresh = path.with_name(path.name + ".partial")
        _copy(source, fresh)
        orders = _examined(fresh, clock, examine)
        kept = _replace(path, fresh, clock)
    return Restored(orders, kept)


@contextmanager
def _every_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        for job in JOBS:
            lock = lock_file.take(lock_file.lock_path(path, job))
            if lock is None:
                raise LockHeld(
                    f"{job} is at work on {path}; nothing was changed",
                    hint="stop the timers and the listeners, then restore again",
                )
            stack.callback(lock.release)
            if _is_held_by_a_deleted_file(path, job, lock):
                raise LockHeld(
                    f"{job} is at work on {path}; nothing was changed",
                    hint="stop the timers and the listeners, then restore again",
                )
        yield


def _is_held_by_a_deleted_file(path: Path, job: str, lock: lock_file.LockFile) -> bool:
    """Whether the last known holder still has the file that it locked, deleted since."""
    if not path.exists():
        return False
    try:
        with closing(sqlite_file.connect(path, "ro")) as old:
            row = old.execute(
                "SELECT pid, lock_inode FROM job_locks WHERE job = ?", (job,)
            ).fetchone()
    except sqlite3.Error:
        return False  # an older version's, or damaged: it is to be replaced
    if row is None or row[1] in (None, lock.inode):
        return False
    return lock_file.is_held_by(row[0], row[1])


def _copy(source: Path, fresh: Path) -> None:
    if not source.is_file():
        raise LedgerError(f"{source} is not a file", hint="name a file that `ledger backup` made")
    try:
        with closing(sqlite_file.connect(source.absolute(), "ro")) as found:
            version = schema_version(found)
            orders = found.execute("SELECT 1 FROM sqlite_master WHERE name = 'orders'").fetchone()
            if not 0 < version <= SCHEMA_VERSION or orders is None:
                raise LedgerError(
                    f"{source} is no ledger that this version can read",
                    hint="name a file that `ledger backup` made, or upgrade veracore-sync",
                )
            copy_whole(found, fresh)
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"{source} cannot be read: {error}", hint="it is damaged: name an older backup"
        ) from None


def _examined(fresh: Path, clock: Clock, examine: Callable[[SqlLedger], None]) -> int:
    """Check the copy and bring it up to date, before anything depends on it."""
    with closing(SqlLedger(SqliteDatabase(fresh), clock)) as copy:
        problems = copy.upkeep.check()
        if problems:
            raise LedgerError(
                f"the backup is damaged: {problems[0]}; nothing was changed",
                hint="name an older backup",
            )
        examine(copy)
        copy.meta.note_restored(clock.now())
        return sum(copy.orders.counts().values())


def _replace(path: Path, fresh: Path, clock: Clock) -> Path | None:
    _settle_log(path)
    marker = sqlite_file.restore_marker(path)
    sqlite_file.create_private(marker)
    sync_folder(path.parent)
    pass_failpoint("restore marked")
    kept = _move_aside(path, clock)
    pass_failpoint("restore moved")
    fresh.rename(path)
    sync_folder(path.parent)
    pass_failpoint("restore placed")
    marker.unlink()
    sync_folder(path.parent)
    return kept


def _settle_log(path: Path) -> None:
    """Bring the old ledger's log into its file where it can still be read, so that one is kept."""
    with suppress(sqlite3.Error), closing(sqlite_file.connect(path, "rw")) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _move_aside(path: Path, clock: Clock) -> Path | None:
    moment = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    kept = path.with_name(f"{path.name}.replaced-{moment}")
    found = path.exists()
    # The log first: left alone beside the new file, SQLite would take it for that one's.
    for one in (*sqlite_file.companions(path), path):
        with suppress(FileNotFoundError):
            one.rename(kept.with_name(kept.name + one.name.removeprefix(path.name)))
    sync_folder(path.parent)
    return kept if found else None

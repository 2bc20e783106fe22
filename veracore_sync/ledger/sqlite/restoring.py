"""Replacing the ledger by a backup.

What a process writes to a file that was replaced under it is lost. So a restore holds every job's
lock, and a marker beside the ledger makes every command refuse to start until the new file is in
place, also after a crash between two steps: a command that found no file would create an empty
ledger and send every order again. A process that only reads (`stats`) notices at its next use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from veracore_sync.clock import Clock
from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.files import resolved, sync_folder
from veracore_sync.ledger.backups import BackupFound
from veracore_sync.ledger.closed import MOVED, incomplete, refuse_closed
from veracore_sync.ledger.meta import ID_PREFIXES
from veracore_sync.ledger.restored import Restored, check_copy
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.copying import copy_whole
from veracore_sync.ledger.sqlite.database import (
    SCHEMA_VERSION,
    SqliteDatabase,
    damage,
    schema_version,
)
from veracore_sync.ledger.sqlite.errors import ledger_errors
from veracore_sync.ledger.stores import SqlLedger


def restore(
    source: Path, target: Path, clock: Clock, examine: Callable[[SqlLedger], None]
) -> Restored:
    """Replace the ledger `target` by a copy of `source`, and keep the old file.

    Args:
        source: A backup; it is not changed.
        target: ``ledger.path``.
        clock: The time, for the name of the old file.
        examine: Raises if the ledger must not be used here.

    Raises:
        LedgerError: The backup is damaged or not a ledger, or the disk failed. Nothing was
            replaced, or repeating the restore completes it.
        ConfigError: The ledger was moved to another place.
        LockHeld: A run or a listener is active.
    """
    path = resolved(target)
    if resolved(source) == path:
        raise LedgerError(f"{source} is the ledger itself", hint="name a backup of it")
    with ledger_errors(path), _every_lock(path):
        _refuse_moved(path)
        fresh = path.with_name(path.name + ".partial")
        with _removed_unless_good(fresh):
            _copy(source, fresh)
            orders = _examined(fresh, clock, examine, _prefixes_of(path))
        kept = _replace(path, fresh, clock)
    return Restored(orders, kept)


@contextmanager
def _removed_unless_good(fresh: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # It may have taken the last of the disk.
        for left in (fresh, *sqlite_file.companions(fresh)):
            left.unlink(missing_ok=True)
        raise


@contextmanager
def _every_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        for job in JOBS:
            lock = lock_file.take(lock_file.lock_path(path, job))
            if lock is None:
                raise _in_use(path, job)
            stack.callback(lock.release)
            if _is_held_by_a_deleted_file(path, job, lock):
                raise _in_use(path, job)
        yield


def _in_use(path: Path, job: str) -> LockHeld:
    return LockHeld(
        f"{job} is at work on {path}; nothing was changed",
        hint="stop the timers and the listeners, then restore again",
    )


def _is_held_by_a_deleted_file(path: Path, job: str, lock: lock_file.LockFile) -> bool:
    """Whether the recorded holder still has the lock on a file that was deleted since."""
    if not path.exists():
        return False
    try:
        with closing(sqlite_file.connect(path, "ro")) as old:
            row = old.execute(
                "SELECT pid, lock_inode FROM job_locks WHERE job = ?", (job,)
            ).fetchone()
    except sqlite3.Error:
        # From an older version, or damaged: that is a reason to restore, not to refuse it.
        return False
    if row is None or row[1] in (None, lock.inode):
        return False
    return lock_file.is_held_by(row[0], row[1])


def _refuse_moved(path: Path) -> None:
    # Beside the ledger that goes on elsewhere, a restored one would be a second that sends.
    if sqlite_file.incoming(path).exists():
        raise incomplete(path)
    found = []
    if path.exists():
        with suppress(sqlite3.Error), closing(sqlite_file.connect(path, "ro")) as old:
            found = old.execute("SELECT key, value FROM meta WHERE key = ?", (MOVED,)).fetchall()
    refuse_closed(dict(found), path)


def _unseal(fresh: Path) -> None:
    """A ledger that was moved away is a backup of the one that goes on."""
    with closing(sqlite_file.connect(fresh, "rw")) as copy:
        seals = copy.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'moved%'"
        ).fetchall()
        for (name,) in seals:
            copy.execute(f'DROP TRIGGER "{name}"')
        copy.execute("DELETE FROM meta WHERE key = ?", (MOVED,))


def _copy(source: Path, fresh: Path) -> None:
    if not source.is_file():
        raise LedgerError(
            f"{source} is not a file",
            hint="name a file that `veracore-sync ledger backup FILE` made",
        )
    try:
        with closing(sqlite_file.connect(source.absolute(), "ro")) as found:
            _refuse_others(found, source)
            copy_whole(found, fresh)
        _unseal(fresh)
    except sqlite3.DatabaseError as error:
        # About the disk that the copy is on: the backup may be the last good one.
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE")):
            raise
        raise LedgerError(
            f"{source} cannot be read: {error}", hint="it is damaged, or PostgreSQL's: name another"
        ) from None


def read_backup(source: Path) -> BackupFound:
    """Read a backup to its end.

    Raises:
        LedgerError: It cannot be read, or is no ledger that this version knows.
    """
    if not source.is_file():
        raise LedgerError(
            f"{source} is not a file",
            hint="name a file that `veracore-sync ledger backup FILE` made",
        )
    try:
        with closing(sqlite_file.connect(source.absolute(), "ro")) as found:
            _refuse_others(found, source)
            problems = damage(found)
            orders = found.execute("SELECT count(*) FROM orders").fetchone()[0]
    except sqlite3.Error as error:
        return BackupFound([f"it cannot be read: {error}"])
    return BackupFound(problems, orders)


def _refuse_others(found: sqlite3.Connection, source: Path) -> None:
    version = schema_version(found)
    orders = found.execute("SELECT 1 FROM sqlite_master WHERE name = 'orders'").fetchone()
    if not 0 < version <= SCHEMA_VERSION or orders is None:
        raise LedgerError(
            f"{source} is not a ledger that this version can read",
            hint="name a file that `veracore-sync ledger backup FILE` made, or "
            "upgrade veracore-sync",
        )


def _prefixes_of(path: Path) -> str | None:
    """What the old ledger says of ids; ``None`` if there is none, or it cannot be read."""
    with suppress(sqlite3.Error), closing(sqlite_file.connect(path, "ro")) as old:
        row = old.execute("SELECT value FROM meta WHERE key = ?", (ID_PREFIXES,)).fetchone()
        return row[0] if row is not None else None
    return None


def _examined(
    fresh: Path, clock: Clock, examine: Callable[[SqlLedger], None], prefixes: str | None
) -> int:
    with closing(SqlLedger(SqliteDatabase(fresh), clock)) as copy:
        return check_copy(copy, examine, clock.now(), prefixes)


def _replace(path: Path, fresh: Path, clock: Clock) -> Path | None:
    checkpoint(path)
    # Each step is synced before the next: after a power loss the marker exists unless the new
    # ledger is in place.
    marker = sqlite_file.restore_marker(path)
    sqlite_file.create_private(marker)
    sync_folder(path.parent)
    pass_failpoint("restore marked")
    kept = move_aside(path, clock)
    pass_failpoint("restore moved")
    fresh.rename(path)
    sync_folder(path.parent)
    pass_failpoint("restore placed")
    marker.unlink()
    sync_folder(path.parent)
    return kept


def checkpoint(path: Path) -> None:
    """Write the old ledger's log into its file, if it is readable, so that one file is kept."""
    with suppress(sqlite3.Error), closing(sqlite_file.connect(path, "rw")) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def move_aside(path: Path, clock: Clock) -> Path | None:
    """Give a ledger's file and its log another name beside it; the name, or ``None``."""
    moment = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    kept = path.with_name(f"{path.name}.replaced-{moment}")
    found = path.exists()
    # The log first: a crash must not leave it beside the new file, to which SQLite would apply it.
    for one in (*sqlite_file.companions(path), path):
        with suppress(FileNotFoundError):
            one.rename(kept.with_name(kept.name + one.name.removeprefix(path.name)))
    sync_folder(path.parent)
    return kept if found else None

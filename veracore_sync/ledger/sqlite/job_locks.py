"""Job locks: the lock file is the lock; a row records who holds it and the inode of the file."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.lock_file import LockFile

if TYPE_CHECKING:
    from veracore_sync.ledger.sqlite.database import SqliteDatabase


def try_lock(
    database: SqliteDatabase, path: Path, job: str, command: str, now: datetime
) -> LockFile | None:
    """Lock the job's file beside the ledger `path` and record who did; ``None`` if it is held."""
    lock = lock_file.take(lock_file.lock_path(path, job))
    if lock is None:
        return None
    try:
        if _record_holder(database, job, command, lock, now):
            return lock
    except BaseException:
        lock.release()
        raise
    lock.release()
    return None


def is_locked(database: SqliteDatabase, path: Path, job: str) -> bool:
    """Whether a process holds the job of the ledger `path`."""
    file = lock_file.lock_path(path, job)
    # A question must not create lock files: the ledger may be opened read-only, or as another user.
    if not file.exists():
        return _is_held_elsewhere(database, job, None)
    try:
        lock = lock_file.take(file)
    except LedgerError:
        return False
    if lock is None:
        return True
    try:
        return _is_held_elsewhere(database, job, lock.inode)
    finally:
        lock.release()


def _record_holder(
    database: SqliteDatabase, job: str, command: str, lock: LockFile, now: datetime
) -> bool:
    """Record the holder; ``False`` if another process still holds the job by a deleted file."""
    with database.transaction() as connection:
        if _is_held_elsewhere(database, job, lock.inode):
            return False
        connection.execute(
            "INSERT OR REPLACE INTO job_locks (job, command, pid, since, lock_inode) "
            "VALUES (?, ?, ?, ?, ?)",
            (job, command, os.getpid(), to_text(now), lock.inode),
        )
    # If the file was deleted before the row was committed, another run may have locked a new file
    # without seeing this row.
    return lock.is_in_place()


def _is_held_elsewhere(database: SqliteDatabase, job: str, inode: int | None) -> bool:
    row = database.row("SELECT pid, lock_inode FROM job_locks WHERE job = ?", (job,))
    if row is None or row["lock_inode"] in (None, inode):
        return False
    return lock_file.is_held_by(row["pid"], row["lock_inode"])

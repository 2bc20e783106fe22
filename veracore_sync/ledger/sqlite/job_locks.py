"""Job locks by lock files: the kernel keeps the lock, a row says who holds it, by which file."""

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
    """Lock the job's file beside the ledger `path` and write down who did, or neither."""
    lock = lock_file.take(lock_file.lock_path(path, job))
    if lock is None:
        return None
    try:
        if _name_holder(database, job, command, lock, now):
            return lock
    except BaseException:
        lock.release()
        raise
    lock.release()
    return None


def is_locked(database: SqliteDatabase, path: Path, job: str) -> bool:
    """Whether a process holds the job of the ledger `path` now."""
    file = lock_file.lock_path(path, job)
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


def _name_holder(
    database: SqliteDatabase, job: str, command: str, lock: LockFile, now: datetime
) -> bool:
    """Write down who holds the job; ``False`` where another still does, by a deleted file."""
    with database.transaction() as connection:
        if _is_held_elsewhere(database, job, lock.inode):
            return False
        connection.execute(
            "INSERT OR REPLACE INTO job_locks (job, command, pid, since, lock_inode) "
            "VALUES (?, ?, ?, ?, ?)",
            (job, command, os.getpid(), to_text(now), lock.inode),
        )
    # Deleted before it was written down, it would not have been seen by who took the next one.
    return lock.is_in_place()


def _is_held_elsewhere(database: SqliteDatabase, job: str, inode: int | None) -> bool:
    row = database.row("SELECT pid, lock_inode FROM job_locks WHERE job = ?", (job,))
    if row is None or row["lock_inode"] in (None, inode):
        return False
    return lock_file.is_held_by(row["pid"], row["lock_inode"])

"""Lock files: the kernel holds a lock for a process and releases it when the process ends.

A lock with a time limit would expire under a process that was only stopped for a while (SIGSTOP, a
suspended machine), and two runs would send orders; so this is ``flock``, which cannot expire.

If a lock file is deleted while it is held (by a cleaner of old files), the next run would create
and lock a new one. So a run that takes a lock also checks in ``/proc/locks`` whether the previous
holder still has the file that it locked.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.sqlite.errors import ledger_errors

_PROC_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock that this process holds until it calls `release`."""

    path: Path
    descriptor: int

    @property
    def inode(self) -> int:
        """The inode of the locked file."""
        return os.fstat(self.descriptor).st_ino

    def is_in_place(self) -> bool:
        """Whether the locked file still exists under its name, so that others lock the same one."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Unlock."""
        os.close(self.descriptor)


def lock_path(ledger: Path, job: str) -> Path:
    """The lock file of a job, beside the ledger.

    Args:
        ledger: The path with symbolic links resolved: otherwise a ledger that is reached by a link
            and by its real path would have two sets of locks.
        job: One of `veracore_sync.ledger.runs.JOBS`.
    """
    return ledger.with_name(f"{ledger.name}.{job}.lock")


def take(path: Path) -> LockFile | None:
    """Lock that file; ``None`` if another process holds it.

    Raises:
        LedgerError: The file cannot be created or locked.
    """
    while True:
        lock = _take_once(path)
        if lock is None or lock.is_in_place():
            return lock
        # Deleted between open() and flock(): this lock excludes nobody.
        lock.release()


def _take_once(path: Path) -> LockFile | None:
    with ledger_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise LedgerError(
            f"cannot lock {path}: {error.strerror}",
            hint="the file system of ledger.path must be able to lock files: use a local disk",
        ) from error
    return LockFile(path, descriptor)


def is_held_by(pid: int, inode: int) -> bool:
    """Whether that process holds a lock on a file with that inode, deleted or not.

    ``False`` if ``/proc/locks`` does not show it (no ``/proc``, a process of another container).
    """
    try:
        lines = _PROC_LOCKS.read_text().splitlines()
    except OSError:
        return False
    return any(_matches(line.split(), pid, inode) for line in lines)


def _matches(words: list[str], pid: int, inode: int) -> bool:
    # 1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF
    return words[1:2] == ["FLOCK"] and words[4] == str(pid) and words[5].endswith(f":{inode}")

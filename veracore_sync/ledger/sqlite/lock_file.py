"""Lock files: held by the kernel for a process, freed when it dies and never while it lives.

A lock file that somebody deletes while it is held (a cleaner of old files) would let a second run
in: it makes a new file and locks that. So who takes a lock also asks the kernel whether the last
known holder still has the file that it locked.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.sqlite.errors import ledger_errors

_KERNELS_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock that this process holds until `release`."""

    path: Path
    descriptor: int

    @property
    def inode(self) -> int:
        """The number of the locked file."""
        return os.fstat(self.descriptor).st_ino

    def is_in_place(self) -> bool:
        """Whether the locked file is still the one that others would lock."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let others take it."""
        os.close(self.descriptor)


def lock_path(ledger: Path, job: str) -> Path:
    """The lock file of a job: beside the ledger, whose path has no links."""
    return ledger.with_name(f"{ledger.name}.{job}.lock")


def take(path: Path) -> LockFile | None:
    """Lock that file, or ``None`` where another holds it.

    Raises:
        LedgerError: The file cannot be made or locked.
    """
    while True:
        lock = _take_once(path)
        if lock is None or lock.is_in_place():
            return lock
        # It was deleted between the opening and the locking.
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
        raise LedgerError(f"cannot lock {path}: {error.strerror}") from error
    return LockFile(path, descriptor)


def is_held_by(pid: int, inode: int) -> bool:
    """Whether that process holds a lock on a file of that number, deleted or not.

    Where the kernel does not tell (no ``/proc``, a process of another container), ``False``.
    """
    try:
        lines = _KERNELS_LOCKS.read_text().splitlines()
    except OSError:
        return False
    return any(_names(line.split(), pid, inode) for line in lines)


def _names(words: list[str], pid: int, inode: int) -> bool:
    # 1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF
    return words[1:2] == ["FLOCK"] and words[4] == str(pid) and words[5].endswith(f":{inode}")

"""Creating a SQLite file, connecting to it, and noticing when it was replaced.

No other module opens a database file, its ``-wal`` or its ``-shm``. On POSIX, ``close()`` of *any*
descriptor of a file drops *all* locks that the process holds on it, SQLite's included: the next
command then takes the file for unused and removes the log, and what this process commits is lost
(https://sqlite.org/howtocorrupt.html, 2.2). So a file is created before SQLite opens it, only if
none exists, and afterwards inspected only with ``stat``.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import resolved
from veracore_sync.ledger.closed import incomplete

SQLITE_VERSION = sqlite3.sqlite_version
HAS_WAL_RESET_BUG = sqlite3.sqlite_version_info < (3, 51, 3)
"""Fixed in SQLite 3.51.3; a distribution may have patched an older one."""
BUSY_SECONDS = 10.0
_RESTORING = ".restoring"
_INCOMING = ".incoming"
_COMPANIONS = ("-wal", "-shm", "-journal")


def connect(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """Connect to an existing file.

    Args:
        path: Absolute; SQLite follows symbolic links in it.
        mode: ``ro`` refuses every write.

    Raises:
        sqlite3.Error: SQLite cannot open it.
    """
    # A mode without "c": SQLite never creates the file, so a ledger that was moved away is an error
    # and not silently an empty one, which would send every order again.
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_SECONDS,
    )


def in_memory() -> sqlite3.Connection:
    """A database in memory."""
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def create_private(path: Path) -> bool:
    """Create an empty file with mode 0600 unless the name is taken; whether it was created.

    Raises:
        OSError: It cannot be created.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # O_EXCL: an existing file is never opened here. It may be a ledger in use by this process,
        # and closing this descriptor would drop SQLite's locks. O_NOFOLLOW: a planted symbolic link
        # must not decide where orders are stored.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)
    return True


def companions(path: Path) -> list[Path]:
    """The log and journal files that SQLite may keep beside that database."""
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def restore_marker(path: Path) -> Path:
    """The file that exists beside a ledger while a restore replaces it."""
    return path.with_name(path.name + _RESTORING)


def incoming(path: Path) -> Path:
    """The file that becomes a ledger when it is moved to that path; until then it bars the path."""
    return path.with_name(path.name + _INCOMING)


def is_being_restored(path: Path) -> bool:
    """Whether a restore to that path is running or was interrupted."""
    return restore_marker(resolved(path)).exists()


def is_being_moved_in(path: Path) -> bool:
    """Whether a move to that path is running or was interrupted."""
    return incoming(resolved(path)).exists()


def refuse_unsafe(path: Path) -> None:
    """Refuse a file that must not be opened now, or not under this name.

    Args:
        path: The file, with symbolic links resolved.

    Raises:
        LedgerError: A restore is replacing it, a ledger is being moved to it, it is not a regular
            file, or it has hard links.
    """
    if incoming(path).exists():
        raise incomplete(path)
    if restore_marker(path).exists():
        raise LedgerError(
            f"the ledger {path} is being restored, or a restore was interrupted",
            hint="wait for it; or run the same `veracore-sync ledger restore FILE` again",
        )
    with suppress(FileNotFoundError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError(f"the ledger {path} is not a file", hint="correct ledger.path")
        if found.st_nlink > 1:
            # SQLite names the log after the path. Opened under two names, one file has two logs
            # and becomes corrupt (https://sqlite.org/howtocorrupt.html, 2.3).
            raise LedgerError(
                f"the ledger {path} has {found.st_nlink} names (hard links)",
                hint=f"remove the other one (`find / -xdev -samefile {shlex.quote(str(path))}`); "
                "copy a ledger with `veracore-sync ledger backup FILE`",
            )


class OpenFile:
    """The identity of the file that a connection has open. Create it before the connection.

    A process keeps writing to a file that was moved, replaced or deleted, and no other process
    would ever read what it writes. Comparing device and inode shows this.

    Args:
        name: The path as configured, so that a symbolic link that changes is noticed.
        path: The same with symbolic links resolved; SQLite's log lies beside it.
    """

    def __init__(self, name: Path, path: Path) -> None:
        self._name = str(name)
        self._log = str(path) + "-wal"
        self._process = os.getpid()
        self._identity = _identity(self._name)
        self._log_identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Check that the file, its log and the process are still the ones that opened it.

        Raises:
            LedgerReplaced: Nothing more may be written through this connection.
        """
        # A forked child shares the descriptors: when it closes them, the parent's locks are gone.
        if os.getpid() != self._process:
            raise self._replaced("was opened before this process was forked")
        now = _identity(self._name)
        if now != self._identity:
            raise self._replaced("was removed" if now is None else "was replaced by another file")
        log = _identity(self._log)
        if self._log_identity is None:
            # SQLite creates the log with the first read and keeps it until the last connection
            # closes. If it changes, someone removed it, and commits of this connection go nowhere.
            self._log_identity = log
        elif log != self._log_identity:
            raise self._replaced("has lost its -wal file, which was removed or replaced")

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process opened the file; false in a forked child."""
        return os.getpid() == self._process

    def _replaced(self, what: str) -> LedgerReplaced:
        return LedgerReplaced(
            f"the ledger {self._name} {what} while it was in use; nothing more is written",
            hint="start the command again; if the ledger was not restored on purpose, "
            "run `veracore-sync ledger check`",
        )


class LedgerReplaced(LedgerError):
    """The file under an open connection is no longer the ledger (exit 74)."""


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every transaction, and three times as fast
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino

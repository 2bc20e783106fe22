"""The one door to a SQLite file: creating it, connecting to it, and knowing that it is still there.

Nothing else in this program opens a database file, its ``-wal`` or its ``-shm``. On POSIX a
``close()`` of *any* descriptor of a file drops *all* locks that the process holds on it, SQLite's
included: the next short command then believes that it is alone, removes the log, and what this
process commits is lost (https://sqlite.org/howtocorrupt.html, 2.2). So a file is created before
SQLite ever sees it, only where there is none, and looked at by ``stat`` alone afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from veracore_sync.domain.errors import LedgerError

SQLITE_VERSION = sqlite3.sqlite_version
HAS_WAL_RESET_BUG = sqlite3.sqlite_version_info < (3, 51, 3)
"""Fixed in 3.51.3; a distribution may have repaired an older one."""
BUSY_SECONDS = 10.0
_RESTORING = ".restoring"
_COMPANIONS = ("-wal", "-shm", "-journal")


def connect(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """Connect to a file that exists.

    Args:
        path: Absolute; links in it are followed by SQLite.
        mode: ``ro`` refuses every write.

    Raises:
        sqlite3.Error: SQLite cannot open it.
    """
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_SECONDS,
    )


def in_memory() -> sqlite3.Connection:
    """A database that ends with the process."""
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def create_private(path: Path) -> bool:
    """Create an empty file that its owner alone may read, where nothing is; whether it was made.

    Raises:
        OSError: It cannot be created.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)
    return True


def companions(path: Path) -> list[Path]:
    """The names under which SQLite keeps what belongs to that database."""
    return [path.with_name(path.name + suffix) for suffix in _COMPANIONS]


def restore_marker(path: Path) -> Path:
    """The file that stands beside a ledger for as long as it is being replaced."""
    return path.with_name(path.name + _RESTORING)


def is_being_restored(path: Path) -> bool:
    """Whether a ledger is being put there, or was until the restore was interrupted."""
    return restore_marker(path.resolve()).exists()


def refuse_unsafe(path: Path) -> None:
    """Refuse a file that must not be opened now, or not under this name.

    Args:
        path: The file, with every symbolic link resolved.

    Raises:
        LedgerError: It is being replaced, is no regular file, or has a second name.
    """
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
            # SQLite keeps one log a name: two names of one file corrupt each other.
            raise LedgerError(
                f"the ledger {path} has {found.st_nlink} names (hard links)",
                hint=f"remove the other one (`find / -xdev -samefile {path}`); "
                "copy a ledger with `veracore-sync ledger backup`",
            )


class OpenFile:
    """Which file a connection has open, so that a replaced or removed one is noticed.

    A ledger that was moved, restored or deleted under a running process lives on as an orphan:
    everything written there would be lost. To be made before the connection is.

    Args:
        name: The file as it was named; a link that leads elsewhere later is noticed, too.
        path: The same with every symbolic link resolved: SQLite's log lies beside it.
    """

    def __init__(self, name: Path, path: Path) -> None:
        self._name = str(name)
        self._log = str(path) + "-wal"
        self._process = os.getpid()
        self._identity = _identity(self._name)
        self._log_identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise where the file, its log or the process is no longer the one that was opened.

        Raises:
            LedgerReplaced: Nothing more may be written through this connection.
        """
        if os.getpid() != self._process:
            raise self._replaced("was opened before this process was forked")
        now = _identity(self._name)
        if now != self._identity:
            raise self._replaced("was removed" if now is None else "was replaced by another file")
        log = _identity(self._log)
        if self._log_identity is None:
            # It comes with the first read, and then stays for as long as the connection does.
            self._log_identity = log
        elif log != self._log_identity:
            raise self._replaced("has lost its -wal file, which somebody removed or replaced")

    @property
    def is_of_this_process(self) -> bool:
        """Whether no fork lies between the opening and now."""
        return os.getpid() == self._process

    def _replaced(self, what: str) -> LedgerReplaced:
        return LedgerReplaced(
            f"the ledger {self._name} {what} while it was in use; nothing is written any more",
            hint="start the command again; if nobody restored it on purpose, "
            "`veracore-sync ledger check`",
        )


class LedgerReplaced(LedgerError):
    """The file under an open connection is no longer the ledger (exit 74)."""


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every transaction, and three times as fast
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino

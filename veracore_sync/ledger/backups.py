"""Backups in a folder: their names, whether one is whole, and which go when the newest are kept.

A rotation deletes. So it knows a file as its own by the whole name, which has the mark of this
ledger (a lost one that began anew has another), and it begins only after the new backup was read
to its end. Everything else in the folder stays, whatever it is.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import put_in_place, sync_folder, unfinished

_TIME = "%Y%m%dT%H%M%SZ"
_UNFINISHED = timedelta(days=1)
_MARK_LENGTH = 8
PARTIAL = "partial"
"""What the name of a file has that is being copied."""
_NEW = "new"
_UNFINISHED_NAME = re.compile(
    r"\.new(?:-[0-9a-f]+)?(?:\.partial(?:-[0-9a-f]+)?(?:-journal|-wal|-shm)?)?"
)


_WAIT = "wait a second, then try again"


def being_made(target: Path) -> Path:
    """The name of a backup to that file before it is whole: of no other run.

    What killed runs left of backups to the same file is removed after a day.
    """
    # Locks would tell at once who is at work, but not on every share.
    before = time.time() - _UNFINISHED.total_seconds()
    with suppress(OSError):
        for left in target.parent.iterdir():
            is_ours = left.name.startswith(f"{target.name}.{PARTIAL}")
            if is_ours and left.lstat().st_mtime < before:
                left.unlink(missing_ok=True)
    return unfinished(target, PARTIAL)


def exists_already(target: Path) -> LedgerError:
    """The error for a backup that would overwrite a file."""
    return LedgerError(f"{target} exists already", hint="name a file that does not exist")


@dataclass(frozen=True, slots=True)
class BackupFound:
    """What a backup holds, as read to its end.

    Args:
        problems: What is damaged; empty if nothing is.
        orders: How many orders it holds; ``None``: the dump is not read that far.
    """

    problems: list[str]
    orders: int | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new backup in its folder.

    Args:
        path: The new backup.
        size: Its size in bytes.
        removed: The older ones that were deleted.
    """

    path: Path
    size: int
    removed: list[Path]


class BackupFolder:
    """The backups of one ledger in a folder.

    Args:
        folder: Where they are.
        mark: What tells this ledger from any other; letters and digits.
        suffix: What their names end with.
    """

    def __init__(self, folder: Path, mark: str, suffix: str) -> None:
        self._folder = folder
        self._begin = f"ledger-{mark[:_MARK_LENGTH].lower()}-"
        self._suffix = suffix
        self._name = re.compile(rf"{re.escape(self._begin)}(\d{{8}}T\d{{6}}Z)\.(?:db|dump)")

    def add(
        self,
        backup: Callable[[Path], int],
        check: Callable[[Path], BackupFound],
        now: datetime,
        keep: int | None,
    ) -> Rotated:
        """Make a backup, check it, and then delete all but the newest.

        Args:
            backup: Writes one to a file that does not exist; returns its size.
            check: Reads one to its end.
            now: The time (UTC), for the name.
            keep: How many stay, the new one among them; ``None``: all.

        Raises:
            LedgerError: It could not be made, or is damaged; no older one was deleted.
        """
        path = self._folder / f"{self._begin}{now:{_TIME}}{self._suffix}"
        # A backup that was not read back has another name: it is no reason to delete one that was.
        fresh = unfinished(path, _NEW)
        if os.path.lexists(path):
            raise LedgerError(f"{path} exists already", hint=_WAIT)
        try:
            size = backup(fresh)
            found = check(fresh)
            if found.problems:
                raise LedgerError(
                    f"the new backup is damaged: {found.problems[0]}; none was deleted",
                    hint="run `veracore-sync ledger check`, and look at the folder's disk",
                )
        except LedgerError:
            fresh.unlink(missing_ok=True)
            raise
        try:
            put_in_place(fresh, path)
            removed = [] if keep is None else self._rotate(path, now, keep)
        except FileExistsError:
            # Another run was faster, within the same second.
            fresh.unlink(missing_ok=True)
            raise LedgerError(f"{path} exists already", hint=_WAIT) from None
        except OSError as error:
            raise LedgerError(
                f"{error.filename or self._folder}: {error.strerror}",
                hint=f"the backup was made; look at {self._folder}",
            ) from error
        return Rotated(path, size, removed)

    def _rotate(self, new: Path, now: datetime, keep: int) -> list[Path]:
        names = [one.name for one in os.scandir(self._folder) if _is_plain(one)]
        gone = [self._folder / name for name in self.surplus(names, new.name, keep)]
        for path in (*gone, *(self._folder / name for name in self._left_over(names, now))):
            # Another run of the same may have been there first.
            path.unlink(missing_ok=True)
        if gone:
            sync_folder(self._folder)
        return gone

    def surplus(self, names: Sequence[str], new: str, keep: int) -> list[str]:
        """Which of these files go, the oldest first; never `new`, never one of another name."""
        # By the time in the name: a copied file has another time of change. The new one stays also
        # where the clock was put back.
        ours = sorted((one for one in names if self._name.fullmatch(one)), key=self._time)
        older = [one for one in ours if one != new]
        return older[: max(0, len(older) - (keep - 1))]

    def _left_over(self, names: Sequence[str], now: datetime) -> list[str]:
        """What backups that were killed left behind; not what one at work is writing."""
        before = f"{now - _UNFINISHED:{_TIME}}"
        found = []
        for name in names:
            own, new, end = name.partition(f".{_NEW}")
            is_ours = self._name.fullmatch(own) and _UNFINISHED_NAME.fullmatch(new + end)
            if is_ours and self._time(own) < before:
                found.append(name)
        return found

    def _time(self, name: str) -> str:
        return name.removeprefix(self._begin).partition(".")[0]


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file and no link, of the user who asks."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False  # another run deleted it just now
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()

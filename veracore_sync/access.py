"""What cures a path that this user cannot read or write: another user, another place, or room."""

from __future__ import annotations

import errno
import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path


def as_its_reader(path: Path) -> str:
    """What to do to read a file that this user may not read, to stand behind the reason."""
    reader = _reader_of(path)
    if reader in ("", me()):
        closed = next((one for one in reversed(path.parents) if not _may_enter(one)), path)
        what = "the folder" if closed != path else "the file"
        return f"correct owner and mode of {what} {closed}"
    return f"it is kept for {reader}: put {_before(reader)} before the command"


def to_write(path: Path, error: OSError) -> str:
    """What to do to write a file, to stand behind the reason why it cannot be.

    Args:
        path: The file.
        error: What the system said.
    """
    folder = next((one for one in path.parents if one.exists()), Path(os.sep))
    if error.errno == errno.EROFS:
        return f"mount the file system of {folder} writable, or name another place"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"free some space on the disk of {folder}"
    if error.errno == errno.ENOTDIR or not folder.is_dir():
        return f"{folder} is a file and not a folder: name another place"
    if error.errno == errno.ENOENT:
        return f"make the folder {path.parent}"
    if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
        return f"name another place: {path} leads to itself, is a link, or is too long"
    if error.errno == errno.EISDIR:
        return f"{path} is a folder: name a file"
    owner = _reader_of(folder)
    if isinstance(error, PermissionError) and owner not in ("", me()):
        return f"it is {owner}'s: put {_before(owner)} before the command, or name another place"
    return f"correct owner and mode of the folder {folder}, or name another place"


def me() -> str:
    """The name of the user who runs this process, or the number."""
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _before(user: str) -> str:
    return "`sudo`" if user == "root" else f"`sudo -u {user}`"


def _reader_of(path: Path) -> str:
    """By the file, or the nearest folder that can be looked at; empty if that tells nothing."""
    for place in (path, *path.parents):
        try:
            found = place.stat()
        except OSError:
            continue
        with suppress(KeyError):
            # root's, for the group of the units' user (docs/install.md).
            group = grp.getgrgid(found.st_gid).gr_name
            is_for_group = found.st_uid == 0 and found.st_gid != 0
            if is_for_group and pwd.getpwnam(group).pw_gid == found.st_gid:
                return group
            return pwd.getpwuid(found.st_uid).pw_name
        return ""
    return ""


def _may_enter(folder: Path) -> bool:
    return os.access(folder, os.X_OK, effective_ids=os.access in os.supports_effective_ids)

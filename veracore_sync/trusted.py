"""Reading files that decide what this program does, and refusing those that a stranger may write.

Whoever writes the configuration chooses the commands that run and where passwords are sent. So
each such file must belong to root or to the caller, and nobody else may write it, or replace it:
by its own mode, by that of a folder above it, or through a symbolic link on the way to it.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 16 * 1024 * 1024
_MOST_LINKS = 40
_ACL = "system.posix_acl_access"
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Untrusted(OSError):
    """A file or folder that a stranger may have written; `strerror` says why and what to do.

    Args:
        path: What is at fault: the file, or a folder or a link on the way to it.
        reason: Stands behind the name of the file that was asked for.
        todo: What to do, in words.
    """

    def __init__(self, path: Path, reason: str, todo: str) -> None:
        super().__init__(errno.EPERM, f"{reason}; {todo}", str(path))
        self.reason, self.todo = reason, todo


@dataclass(frozen=True, slots=True)
class TrustedFile:
    """What was read.

    Args:
        raw: The content.
        found: The file's status, of the same descriptor.
    """

    raw: bytes
    found: os.stat_result

    @property
    def readers(self) -> str:
        """Who may read it beside root and the caller; empty if nobody."""
        if self.found.st_mode & stat.S_IROTH:
            return "anybody"
        if self.found.st_mode & stat.S_IRGRP and not _is_own_group(self.found.st_gid):
            return "a group"
        return ""


def read_trusted(path: Path, most: int = MOST_BYTES) -> TrustedFile:
    """Read a file that only root and the caller can have written; never waits for a writer.

    Args:
        path: The file; relative to the working directory.
        most: Its greatest size in bytes; one more is read, so that the caller notices.

    Raises:
        Untrusted: Somebody else may write it, or it is no regular file.
        OSError: It cannot be read.
        ValueError: It is not a path.
    """
    real = check_trusted(path)
    # Non-blocking, should it have become a pipe in between; all that counts is asked of the
    # descriptor, which cannot change under us.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(real, flags)
    try:
        found = os.fstat(descriptor)
        _check_kind(path, found)
        _check_one(path, real, found)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return TrustedFile(file.read(most + 1), found)
    finally:
        os.close(descriptor)


def check_trusted(path: Path, *, folder: bool = False) -> Path:
    """Check a file, or a folder, without opening it.

    Args:
        path: The file; relative to the working directory.
        folder: Whether it must be a folder.

    Returns:
        The path without symbolic links.

    Raises:
        Untrusted: Somebody else than root and the caller may write or replace it, or it is of
            another kind.
        OSError: It cannot be looked at.
        ValueError: It is not a path.
    """
    # Through all links first: what /dev/stdin names cannot be walked to.
    _check_kind(path, path.stat(), folder=folder)
    real = Path(os.sep)
    for real, found in _steps(path):
        _check_one(path, real, found)
    return real


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Each folder and each link on the way, from the root; at last the file itself."""
    todo = list(reversed(path.absolute().parts[1:]))
    here = Path(os.sep)
    yield here, here.lstat()
    links = 0
    while todo:
        name = todo.pop()
        if name == os.pardir:
            here = here.parent
            continue
        step = here / name
        found = step.lstat()
        yield step, found
        if not stat.S_ISLNK(found.st_mode):
            here = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = step.readlink()
        if target.is_absolute():
            here = Path(os.sep)
        todo += reversed([part for part in target.parts if part != os.sep])


def _check_kind(path: Path, found: os.stat_result, *, folder: bool = False) -> None:
    wanted = "a folder" if folder else "a file"
    kind = next((name for is_it, name in _KINDS if is_it(found.st_mode)), "a file")
    if kind != wanted:
        raise Untrusted(path, f"is {kind}, not {wanted}", f"name {wanted}")


def _check_one(path: Path, step: Path, found: os.stat_result) -> None:
    """Check one step of the way to `path`.

    Raises:
        Untrusted: Its owner, or its mode, lets a stranger decide what `path` is.
    """
    link, folder = stat.S_ISLNK(found.st_mode), stat.S_ISDIR(found.st_mode)
    is_way = step != path.absolute()
    kind = "the link" if link else "the folder" if folder else "the file"
    who = f"is reached through {kind} {step}, which " if is_way else ""
    if found.st_uid not in _owners():
        owner = _name_of(found.st_uid)
        reason = f"{who}belongs to {owner}, neither to root nor to you"
        raise Untrusted(step, reason, _give_back(step, owner, link=link))
    # The mode of a link means nothing: its folder decides who may replace it. In a sticky folder
    # everybody may add, and nobody may rename or remove what is not theirs.
    if link or (folder and found.st_mode & stat.S_ISVTX):
        return
    writers = _writers(step, found)
    if writers:
        todo = f"if you trust what it holds, run `chmod go-w {shlex.quote(str(step))}`"
        raise Untrusted(step, f"{who}may be written by {writers}", todo)


def _give_back(step: Path, owner: str, *, link: bool) -> str:
    me, name = _name_of(os.geteuid()), shlex.quote(str(step))
    if link:
        return f"if you trust where it leads, run `chown -h {me} {name}` as root"
    reader = f", and `chmod g+r {name}` where {owner} is to read it still" if me == "root" else ""
    return f"if you trust what it holds, run `chown {me} {name}` as root{reader}"


def _owners() -> set[int]:
    return {0, os.geteuid()}


def _writers(step: Path, found: os.stat_result) -> str:
    """Who may write it beside root and the caller; empty if nobody."""
    if found.st_mode & stat.S_IWOTH:
        return "anybody"
    if found.st_mode & stat.S_IWGRP and not _is_harmless(step, found.st_gid):
        return "a group"
    return ""


def _is_harmless(step: Path, gid: int) -> bool:
    """Whether writing by that group is writing by root or the caller.

    Distributions with a group for each user make files and folders that this group may write.
    """
    if not any(_is_private(gid, uid) for uid in _owners()):
        return False
    # With an access list these bits are the most that any of its entries may do.
    with suppress(OSError):
        return _ACL not in os.listxattr(step)
    return True


def _is_private(gid: int, uid: int) -> bool:
    """Whether it is the group of that user alone: the user's own, of the same name."""
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except (KeyError, OSError):
        return False
    is_own = user.pw_gid == gid and user.pw_name == group.gr_name
    return is_own and set(group.gr_mem) <= {user.pw_name}


def _is_own_group(gid: int) -> bool:
    """Whether that group may read what the caller reads: the caller's, or a single account's."""
    if gid in {0, os.getegid(), *os.getgroups()}:
        return True
    try:
        group = grp.getgrgid(gid)
        user = pwd.getpwnam(group.gr_name)
    except (KeyError, OSError):
        return False
    return user.pw_gid == gid and set(group.gr_mem) <= {user.pw_name}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return str(uid)

"""Writing small files atomically: a reader sees the old content or the new, never a part; homes."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def expanded(path: Path) -> Path:
    """The path with its ``~`` replaced; as it is for a user without a home, as in a container."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def resolved(path: Path) -> Path:
    """The path without symbolic links; one that leads to itself stays, and cannot be opened."""
    # Before Python 3.13 `Path.resolve` raises what no handler of files expects.
    return Path(os.path.realpath(path))


def write_whole(
    path: Path,
    text: str,
    *,
    mode: int = 0o644,
    owner: int | None = None,
    group: int | None = None,
    replace: bool = True,
) -> None:
    """Write a file atomically and durably (UTF-8).

    Args:
        path: The file; its folder must exist.
        text: The content.
        mode: The file's mode, regardless of the umask.
        owner: The file's owner; ``None`` is the caller.
        group: The file's group; ``None`` leaves it to the folder.
        replace: Overwrite an existing file.

    Raises:
        FileExistsError: The file exists and `replace` is false.
        OSError: The file cannot be written; an existing one is unchanged.
    """
    number, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if owner is not None or group is not None:
                os.fchown(number, -1 if owner is None else owner, -1 if group is None else group)
            os.fchmod(number, mode)
            os.fsync(number)
        if replace:
            Path(partial).replace(path)
        else:
            # rename() would overwrite a file that another process created meanwhile; link() fails.
            path.hardlink_to(partial)
    finally:
        with suppress(FileNotFoundError):
            Path(partial).unlink()


def unfinished(target: Path, word: str) -> Path:
    """A name beside `target` for what is not whole yet; no other process gets the same."""
    return target.with_name(f"{target.name}.{word}-{os.urandom(4).hex()}")


def put_in_place(whole: Path, target: Path) -> None:
    """Give a file its name, which no other has, and make that durable.

    Raises:
        FileExistsError: Another process has put a file there meanwhile.
        OSError: The folder cannot be written.
    """
    try:
        target.hardlink_to(whole)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links (of a share, or a stick): nothing better can be done there.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        whole.rename(target)
    else:
        whole.unlink()
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Sync the entries of `folder` to disk; only then does a rename survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Writing small files whole: under their name stands the old text or the new one, never a half."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write a file so that it appears complete.

    Args:
        path: The file; its folder must exist.
        text: What it will hold.
        mode: Its mode, whatever the umask.
        replace: Take the place of a file that is there.

    Raises:
        FileExistsError: There is one, and it is not to be replaced.
        OSError: It cannot be written; what was there is as it was.
    """
    number, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(number, mode)
            os.fsync(number)
        if replace:
            Path(partial).replace(path)
        else:
            # A link, unlike a rename, never takes the place of a file that came meanwhile.
            path.hardlink_to(partial)
    finally:
        with suppress(FileNotFoundError):
            Path(partial).unlink()

"""Describing an error without its text, which may contain secrets or personal data."""

from __future__ import annotations

import traceback
from errno import errorcode

from veracore_sync.domain.errors import SyncError


def describe(error: BaseException) -> str:
    """An error for log and ``/readyz``: type, errno and place, or a `SyncError`'s own message."""
    if isinstance(error, SyncError):
        return error.message
    number = getattr(error, "errno", None)
    name = f" {errorcode[number]}" if isinstance(number, int) and number in errorcode else ""
    return f"{type(error).__name__}{name}{_place(error)}"


def _place(error: BaseException) -> str:
    """The innermost line of this package, as ``" at module:line"``."""
    # Without traceback.extract_tb: it reads source files, which fails when no file descriptor is
    # left, and that is an error that has to be described.
    frames = [
        (frame.f_globals.get("__name__", ""), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [(name, line) for name, line in frames if name.startswith("veracore_sync.")]
    return " at {}:{}".format(*ours[-1]) if ours else ""

"""How an error is described where its own text may hold anything."""

from __future__ import annotations

import traceback
from errno import errorcode

from veracore_sync.domain.errors import SyncError


def describe(error: BaseException) -> str:
    """An error for log and ``/readyz``: what and where, and not its text, which may hold anything.

    A `SyncError`'s own message is kept: it is made to be read.
    """
    if isinstance(error, SyncError):
        return error.message
    number = getattr(error, "errno", None)
    name = f" {errorcode[number]}" if isinstance(number, int) and number in errorcode else ""
    return f"{type(error).__name__}{name}{_place(error)}"


def _place(error: BaseException) -> str:
    """The innermost line of ours; no source is read, which would want a descriptor."""
    frames = [
        (frame.f_globals.get("__name__", ""), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [(name, line) for name, line in frames if name.startswith("veracore_sync.")]
    return " at {}:{}".format(*ours[-1]) if ours else ""

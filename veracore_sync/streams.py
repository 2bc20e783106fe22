"""stdin, stdout and stderr as the caller left them: closed, full, or without a reader.

Output never decides how a command ends: what cannot be written is dropped, the work is done and
recorded, and the exit code is the work's own. Only a command that was run for its output (`stats`,
`doctor`, a dry run) ends with 74 instead of 0.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

LOST = 74
_NUMBERS = ("COLUMNS", "LINES", "TERMINAL_WIDTH")
_WIDEST = 10_000
_COMPLETE = "_VERACORE_SYNC_COMPLETE"
_LEFT = (errno.EPIPE, errno.ECONNRESET)


class _Outlet(io.RawIOBase):
    """Writes to a file descriptor until that fails once; `error` says why."""

    def __init__(self, number: int, error: OSError | None) -> None:
        self._number = number
        self.error = error

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any, /) -> int:
        while self.error is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                # Another process has made the terminal so: it takes more in a moment.
                select.select((), (self._number,), ())
            except OSError as error:
                self.error = error
        return len(data)


_stdout: _Outlet | None = None
_is_purpose = True


def take_over() -> None:
    """Make the three streams usable, whatever they are, and what libraries read about a terminal.

    Called once, before anything is written or opened.
    """
    global _stdout
    closed = [_reopened(number) for number in (0, 1, 2)]
    if closed[0]:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process
    # Not where a test has put its own in their place.
    if sys.stdout is sys.__stdout__:
        _stdout = _Outlet(1, closed[1])
        sys.stdout = _text(_stdout, sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Outlet(2, closed[2]), sys.__stderr__)
    for name in _NUMBERS:
        width = os.environ.get(name, "")
        if not (width.isascii() and width.isdigit() and 0 < int(width[:9]) <= _WIDEST):
            os.environ.pop(name, None)
    if not _is_asked_to_complete():
        os.environ.pop(_COMPLETE, None)
    try:
        Path.cwd()
    except OSError:
        # Relative paths need a beginning. This one is there, and nobody else's.
        os.chdir("/")


def _is_asked_to_complete() -> bool:
    """Whether a shell asks for completions; else the variable would keep every job from running."""
    wanted = os.environ.get(_COMPLETE, "")
    if wanted.startswith("source_"):
        return len(sys.argv) == 1
    if wanted.startswith("complete_bash"):
        return "COMP_WORDS" in os.environ and os.environ.get("COMP_CWORD", "").isdecimal()
    return wanted.startswith("complete_") and "_TYPER_COMPLETE_ARGS" in os.environ


def _reopened(number: int) -> OSError | None:
    """Open nothing in the place of a closed descriptor; the error that writing to it would be."""
    try:
        os.fstat(number)
    except OSError as error:
        # Else the next file that is opened gets this number, and what is printed is written into
        # it: the ledger, for all we know.
        nothing = os.open(os.devnull, os.O_RDWR)
        if nothing != number:
            os.dup2(nothing, number)
            os.close(nothing)
        return error
    return None


def _text(outlet: _Outlet, before: TextIO | None) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding=before.encoding if before is not None else "utf-8",
        # A terminal that cannot show a character shows its number.
        errors="backslashreplace",
        line_buffering=outlet.isatty() or outlet.fileno() == 2,
    )


def output_was_extra() -> None:
    """Say that the command has done its work, and that its output was not what it was run for."""
    global _is_purpose
    _is_purpose = False


def exit_code(code: int, warn: Callable[[str], None] | None = None) -> int:
    """The exit code of the command, after everything was written that could be.

    Args:
        code: What its work ended with.
        warn: Writes a message to stderr; ``None``: as text.
    """
    sys.stdout.flush()
    lost = _stdout.error if _stdout is not None else None
    # A reader that left has read what it wanted.
    if lost is None or lost.errno in _LEFT:
        return code
    if not _is_purpose and lost.errno == errno.EBADF:
        return code
    why = f"the output could not be written ({lost.strerror})"
    tail = "" if _is_purpose else "; the work itself is done and recorded"
    text = f"veracore-sync: {why}{tail}"
    if warn is None:
        sys.stderr.write(f"{text}\n")
    else:
        warn(text)
    return LOST if _is_purpose and code == 0 else code

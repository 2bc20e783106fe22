"""``--watch``: a report that is made again and again, in place."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from contextlib import closing, redirect_stdout

from rich.live import Live
from rich.text import Text

from veracore_sync.cli.output import on_terminal
from veracore_sync.clock import to_text
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.errors import UsageError

_LEAST = 0.1


class _Screen(io.StringIO):
    """Takes what is shown as the terminal would."""

    def isatty(self) -> bool:
        return True


def watched(
    parts: Container, work: Callable[[Container], CommandReport], seconds: float
) -> CommandReport:
    """Show the report until Ctrl-C, which is a good end.

    Args:
        parts: Of the command; each look has its own, for a ledger that appears meanwhile.
        work: Makes the report.
        seconds: Between two looks.

    Raises:
        UsageError: There is no terminal, or time between two looks.
    """
    if not on_terminal():
        raise UsageError("--watch needs a terminal", hint="leave it out, and look once")
    if not seconds >= _LEAST:
        raise UsageError(f"--watch {seconds:g}: too fast", hint=f"at least {_LEAST:g} seconds")
    try:
        with Live(screen=True, auto_refresh=False) as live:
            while True:
                live.update(Text.from_ansi(_look(parts, work, seconds)), refresh=True)
                time.sleep(seconds)
    except KeyboardInterrupt as stop:
        if stop.args:
            # Another signal's number: that is no good end (cli/signals.py).
            raise
        return CommandReport({})


def _look(parts: Container, work: Callable[[Container], CommandReport], seconds: float) -> str:
    screen = _Screen()
    with (
        closing(Container(parts.loaded, parts.clock, read_only=True)) as fresh,
        redirect_stdout(screen),
    ):
        sys.stdout.write(f"{to_text(fresh.clock.now())}, every {seconds:g} s, Ctrl-C ends\n\n")
        report = work(fresh)
        if report.show:
            report.show()
    return screen.getvalue()

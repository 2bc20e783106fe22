"""``--watch``: a report that is refreshed in place."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from contextlib import closing, redirect_stdout

from rich.live import Live
from rich.text import Text

from veracore_sync.cli.output import on_terminal
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.readable import exact

_MIN_SECONDS = 0.1


class _Screen(io.StringIO):
    """Collects output that is formatted for the terminal."""

    def isatty(self) -> bool:
        return True


def watched(
    container: Container, work: Callable[[Container], CommandReport], seconds: float
) -> CommandReport:
    """Show the report until Ctrl-C, which ends it with success.

    Args:
        container: The command's; each refresh opens another, as a ledger may be created meanwhile.
        work: Makes the report.
        seconds: Between two refreshes.

    Raises:
        UsageError: There is no terminal, or the interval is too short.
    """
    if not on_terminal():
        raise UsageError("--watch needs a terminal", hint="run the command without --watch")
    if not seconds >= _MIN_SECONDS:
        raise UsageError(
            f"--watch {seconds:g}: too fast", hint=f"at least {_MIN_SECONDS:g} seconds"
        )
    try:
        with Live(screen=True, auto_refresh=False) as live:
            while True:
                live.update(Text.from_ansi(_render(container, work, seconds)), refresh=True)
                time.sleep(seconds)
    except KeyboardInterrupt as stop:
        if stop.args:
            # Only SIGTERM comes with a number (cli/signals.py); it has an exit code of its own.
            raise
        return CommandReport({})


def _render(
    container: Container, work: Callable[[Container], CommandReport], seconds: float
) -> str:
    screen = _Screen()
    with (
        closing(Container(container.loaded, container.clock, read_only=True)) as fresh,
        redirect_stdout(screen),
    ):
        sys.stdout.write(f"{exact(fresh.clock.now())}, every {seconds:g} s, Ctrl-C ends\n\n")
        report = work(fresh)
        if report.show:
            report.show()
    return screen.getvalue()

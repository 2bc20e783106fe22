"""What the first Ctrl-C says, at once: how the command ends, and what a second Ctrl-C means."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from textwrap import wrap

from veracore_sync.cli.journal import WARNING, prefix
from veracore_sync.cli.logs import JsonFormatter
from veracore_sync.cli.progress import LiveLine
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import Job

_AT_ONCE: Mapping[str, str] = {
    "orders": "an order in flight is then in doubt, and the next run looks it up; "
    "nothing is sent twice",
    "inventory": "the next run reads all levels again",
    "tracking": "the next run finds out what became of a fulfilment in flight",
    "returns": "the next run lists those days again",
    "reconcile": "the next run goes on",
    "deliver": "the next run delivers the rest; an event in flight may come twice, with its id",
    "ledger rebuild": "the same command goes on",
    "ledger move": "the same command begins anew, or ends what is left",
}
"""What follows where a job, or a command without one, is ended at once."""
_READS = "nothing is written"
_WIDTH = 90


def teller(job: Job, container: Container) -> Callable[[], None] | None:
    """What is to be called at the first Ctrl-C; ``None`` where a command ends at once anyway."""
    after = _AT_ONCE.get(job.lock or job.command)
    if after is None:
        return None
    settings = container.settings
    seconds = max(settings.vendure.timeout_seconds, settings.veracore.timeout_seconds)
    lines = stopping_lines(seconds, _READS if job.read_only else after)
    if settings.log.format == "json":
        # One object a line, as every message is then.
        words = " ".join(line.strip() for line in lines).removeprefix("veracore-sync: ")
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, None, None)
        text = f"{JsonFormatter().format(record)}\n"
    else:
        text = "".join(f"{prefix(WARNING)}{line}\n" for line in lines)

    def tell() -> None:
        # Not through sys.stderr: the signal may have interrupted a write to it.
        clear = "\r\x1b[K" if os.isatty(2) else ""
        os.write(2, f"{clear}{text}".encode())
        if LiveLine.current is not None:
            LiveLine.current.update("waiting for the requests in flight", 0, 0)

    return tell


def stopping_lines(seconds: float, after: str) -> list[str]:
    """The message, line by line.

    Args:
        seconds: How long a request in flight may take.
        after: What follows if the process is ended at once.
    """
    return [
        f"veracore-sync: stopping after the requests in flight (one may take up to {seconds:g} s)",
        *wrap(
            f"Ctrl-C again ends it at once: {after}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="  ",
        ),
    ]

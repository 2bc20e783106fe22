"""Real processes that go for one ledger at the same moment."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection
from pathlib import Path

import forked

RACERS = 4


def race(program: str, ledger: Path | str) -> list[str]:
    """Fork four, let them go together; the last line of each, sorted.

    Args:
        program: Python; prints ``ready``, and goes on when it has read a line.
        ledger: Its argument.
    """
    context = forked.context()
    with ExitStack() as stack:
        racers = []
        for _ in range(RACERS):
            ours, theirs = context.Pipe()
            stack.enter_context(closing(ours))
            process = context.Process(target=_run, args=(program, str(ledger), theirs))
            process.start()
            theirs.close()
            racers.append((process, stack.enter_context(open(ours.fileno(), closefd=False))))
            stack.callback(process.kill)
        for _, told in racers:
            assert told.readline() == "ready\n"
        for _, told in racers:
            os.write(told.fileno(), b"go\n")
        lines = sorted(told.read().strip() for _, told in racers)
        for process, _ in racers:
            process.join(600)
            assert process.exitcode == 0
        return lines


def _run(program: str, ledger: str, end: Connection) -> None:
    """The program as an interpreter would run it, its streams joined to the other end."""
    for number in (0, 1):
        os.dup2(end.fileno(), number)
    end.close()
    sys.argv = ["-c", ledger]
    with open(0, closefd=False) as sys.stdin, open(1, "w", closefd=False) as sys.stdout:
        exec(program, {"__name__": "__main__"})
    for number in (0, 1):
        os.close(number)

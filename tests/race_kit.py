"""Real processes that start on one ledger at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

RACERS = 4


def race(program: str, ledger: Path | str) -> list[str]:
    """Start four, let them go together; the last line of each, sorted.

    Args:
        program: Python; prints ``ready``, and goes on when it has read a line.
        ledger: Its argument.
    """
    command = [sys.executable, "-c", program, str(ledger)]
    # What this process imports, it does.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        pipe = subprocess.PIPE
        racers = [
            stack.enter_context(
                subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, env=environ)
            )
            for _ in range(RACERS)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        return sorted(racer.communicate(timeout=600)[0].strip() for racer in racers)

"""A command on a pseudo-terminal, with somebody who types."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def on_terminal(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    *,
    answers: Sequence[str] = (),
    until: str = "",
) -> tuple[int, str]:
    """Run it to its end, typing an answer at each question; its exit code and what was seen.

    Args:
        command: The program and its arguments.
        env: Its environment.
        cwd: Where it runs.
        answers: What is typed behind each ``": "``.
        until: Ctrl-C is pressed when this was seen.
    """
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        env={**env, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen, waiting = "", list(answers)
        while True:
            try:
                seen += os.read(mine, 4096).decode(errors="replace")
            except OSError:
                break
            if waiting and re.search(r": $", seen):
                os.write(mine, f"{waiting.pop(0)}\n".encode())
                seen += "\n"
            if until and until in seen:
                process.send_signal(signal.SIGINT)
                until = ""
        os.close(mine)
        return process.wait(timeout=60), seen

"""A command on a pseudo-terminal, with somebody who types."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def on_terminal(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    *,
    answers: Sequence[str] = (),
    asked: str = r": $",
    until: str = "",
    when: Mapping[str, Callable[[int], object]] | None = None,
) -> tuple[int, str]:
    """Run it to its end, typing an answer at each question; its exit code and what was seen.

    Args:
        command: The program and its arguments.
        env: Its environment.
        cwd: Where it runs.
        answers: What is typed behind each question.
        asked: How a question ends; a pattern.
        until: Ctrl-C is pressed when this was seen.
        when: What is done, with the process's id, when a text was seen.
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
        seen, waiting, then = "", list(answers), dict(when or {})
        while True:
            try:
                seen += os.read(mine, 4096).decode(errors="replace")
            except OSError:
                break
            if waiting and re.search(asked, seen):
                os.write(mine, f"{waiting.pop(0)}\n".encode())
                seen += "\n"
            for text in [text for text in then if text in seen]:
                then.pop(text)(process.pid)
            if until and until in seen:
                process.send_signal(signal.SIGINT)
                until = ""
        os.close(mine)
        return process.wait(timeout=60), seen

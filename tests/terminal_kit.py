"""A command on a pseudo-terminal, with somebody who types."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_SILENCE_SECONDS = 600


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
        try:
            seen = _talk(process, mine, answers, asked, until, dict(when or {}))
            return process.wait(timeout=600), seen
        finally:
            os.close(mine)
            process.kill()


def _talk(
    process: subprocess.Popen[bytes],
    mine: int,
    answers: Sequence[str],
    asked: str,
    until: str,
    when: dict[str, Callable[[int], object]],
) -> str:
    seen, waiting = "", list(answers)
    while select.select([mine], [], [], _SILENCE_SECONDS)[0]:
        try:
            seen += os.read(mine, 4096).decode(errors="replace")
        except OSError:
            return seen
        if waiting and re.search(asked, seen):
            os.write(mine, f"{waiting.pop(0)}\n".encode())
            seen += "\n"
        for text in [text for text in when if text in seen]:
            when.pop(text)(process.pid)
        if until and until in seen:
            process.send_signal(signal.SIGINT)
            until = ""
    raise AssertionError(f"it has said nothing for long: {seen}")

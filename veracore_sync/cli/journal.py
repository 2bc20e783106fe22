"""Priorities for the journal: under systemd each line begins with one (sd-daemon(3), "<4>…")."""

from __future__ import annotations

import os
import sys

ERROR, WARNING, INFO, DEBUG = 3, 4, 6, 7


def prefix(priority: int) -> str:
    """The beginning of a line on stderr: its priority in the journal, otherwise nothing.

    Args:
        priority: As syslog counts: 3 error, 4 warning, 6 info, 7 debug.
    """
    return f"<{priority}>" if _is_the_journal() else ""


def _is_the_journal() -> bool:
    """Whether stderr goes to the journal (systemd.exec(5), ``JOURNAL_STREAM``)."""
    # The variable alone is no proof: a command started by a unit inherits it, stderr redirected.
    wanted = os.environ.get("JOURNAL_STREAM")
    if not wanted:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return wanted == f"{found.st_dev}:{found.st_ino}"

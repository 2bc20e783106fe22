"""Whether the work of a thread was too much for the server, told by whoever sees the answer."""

from __future__ import annotations

import threading


class _Task(threading.local):
    is_one = False
    is_overloaded = False


TASK = _Task()
"""What the current thread does: whether it is one of several side by side, and was one too many."""


def note_overload() -> None:
    """The request of the current thread was one too many for the server.

    If a repeat of it succeeds, nobody else learns of it.
    """
    TASK.is_overloaded = True

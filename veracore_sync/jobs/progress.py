"""Progress of a run."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many (0: unknown)."""


def no_progress(what: str, done: int, of: int) -> None:
    """Ignore progress."""

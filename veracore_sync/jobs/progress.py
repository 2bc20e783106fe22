"""Progress of a run."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and of how many (0: not known)."""


def no_progress(what: str, done: int, of: int) -> None:
    """Does nothing."""

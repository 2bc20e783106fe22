"""Constants as SQL text."""

from __future__ import annotations

from collections.abc import Iterable


def in_sql(words: Iterable[str]) -> str:
    """The list for ``IN (…)``. Only for constants of this program: nothing is escaped."""
    return ", ".join(f"'{word}'" for word in words)

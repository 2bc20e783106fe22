"""Our own words as SQL text."""

from __future__ import annotations

from collections.abc import Iterable


def in_sql(words: Iterable[str]) -> str:
    """What stands between the brackets of ``IN (…)``; only for words of our own."""
    return ", ".join(f"'{word}'" for word in words)

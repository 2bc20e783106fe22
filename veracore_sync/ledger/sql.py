"""Constants as SQL text, and lists as one parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable


def in_sql(words: Iterable[str]) -> str:
    """The list for ``IN (…)``. Only for constants of this program: nothing is escaped."""
    return ", ".join(f"'{word}'" for word in words)


IN_LIST = "IN (SELECT value FROM json_each(?))"
"""With `as_list`: however many names there are, they are one parameter of a constant statement."""


def as_list(names: Iterable[str]) -> str:
    """The parameter of `IN_LIST`."""
    return json.dumps(list(names))

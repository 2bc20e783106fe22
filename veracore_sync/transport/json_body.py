"""JSON that a stranger wrote: limited in depth, values and digits.

Python's reader takes whatever fits into memory: a body of 16 MB of ``{}`` becomes half a gigabyte,
a number of 5,000 digits is an error of the whole document, and what is nested a thousand times is
read, but ends the first function that walks through it.
"""

from __future__ import annotations

import json
from typing import Any

MOST_DEPTH = 64
MOST_VALUES = 1_000_000
_MOST_DIGITS = 18
"""A number with more fits into no ledger."""


class UnreadableJson(ValueError):
    """It is no JSON, or is nested too deeply, or has too many values."""


def read_json(body: bytes) -> Any:
    """The document. A number that cannot be computed with is handed on as text.

    Raises:
        UnreadableJson: There is none that is read.
    """
    # Each value is followed by one of these, or is within a container that is.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise UnreadableJson("too many values")
    try:
        document = json.loads(body, **NUMBERS)
    except (ValueError, RecursionError):
        # Not the reader's own words: they may quote the document.
        raise UnreadableJson("no JSON") from None
    check_depth(document)
    return document


def check_depth(document: object) -> None:
    """Check that functions which call themselves can walk through it.

    Raises:
        UnreadableJson: It is nested too deeply.
    """
    level = [document]
    for _ in range(MOST_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise UnreadableJson("nested too deeply")


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits.lstrip("-")) <= _MOST_DIGITS else digits


def _broken(digits: str) -> float | str:
    number = float(digits)
    return number if abs(number) < 1e300 else digits


NUMBERS: dict[str, Any] = {"parse_int": _whole, "parse_float": _broken, "parse_constant": str}
"""For `json.JSONDecoder`: a text in place of a number spoils only the record that it is in."""

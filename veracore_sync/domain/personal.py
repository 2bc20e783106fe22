"""An order's texts that may identify a person, and a message without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import Party, WarehouseOrder

_MAX = 200
_WHOLE_WORD_BELOW = 4
# Kept in messages: without them nobody finds the order, SKU or setting that a refusal is about.
_NOT_PERSONAL = {"id", "reference", "po_number", "classification", "freight", "lines"}


def quote(text: str, hidden: Iterable[str] = ()) -> str:
    """One printable line of at most 200 characters, with `hidden` values blanked.

    Args:
        text: What the upstream said.
        hidden: Personal data and secrets that it may have echoed, in whatever case.
    """
    line = one_line(text)
    for value in sorted({one_line(one) for one in hidden}, key=len, reverse=True):
        line = _hide(line, value)
    return line if len(line) <= _MAX else line[: _MAX - 1] + "…"


def _hide(line: str, value: str) -> str:
    if not value:
        return line
    if len(value) < _WHOLE_WORD_BELOW:
        # Only whole words: the name "Li" must not be blanked inside "Invalid".
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", line)
    return re.sub(re.escape(value), "…", line, flags=re.IGNORECASE)


def personal(order: WarehouseOrder) -> list[str]:
    """Every text of the order that may identify a person.

    All fields but `_NOT_PERSONAL`, at any depth.
    """
    # Not a list of what to hide: a field missing in such a list would reach logs and ledger
    # whenever VeraCore quotes it.
    names = [field.name for field in fields(order) if field.name not in _NOT_PERSONAL]
    return [text for name in names for text in texts_in(getattr(order, name))]


def texts_in(value: object) -> Iterator[str]:
    """The filled strings in a value of the model, at whatever depth."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)
    elif is_dataclass(value):
        if isinstance(value, Party):
            # A name that is quoted whole is blanked as one word.
            yield f"{value.first_name} {value.last_name}"
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))

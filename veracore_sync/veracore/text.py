"""An order's texts in VeraCore's messages: what is never repeated, what may be, and its id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import Freight, Party, WarehouseOrder

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


def blank_id(text: str, order_id: str) -> str:
    """The text in lower case, the order id taken out wherever it stands as a word of its own."""
    if not order_id.strip():
        return _folded(text)
    name = re.escape(_folded(order_id.strip()))
    return re.sub(rf"(?<![\w/-]){name}(?![\w/-])", "", _folded(text))


def names_id(text: str, order_id: str) -> bool:
    """Whether the text names the order id as a word of its own, not as a part of a path."""
    return blank_id(text, order_id) != _folded(text)


def _folded(text: str) -> str:
    # VeraCore may quote a SKU in another Unicode form than it was sent in.
    return unicodedata.normalize("NFC", text.casefold())


def personal(order: WarehouseOrder) -> list[str]:
    """Every text of the order that may identify a person.

    All fields but `_NOT_PERSONAL`, at any depth.
    """
    # Not a list of what to hide: a field missing in such a list would reach logs and ledger
    # whenever VeraCore quotes it.
    names = [field.name for field in fields(order) if field.name not in _NOT_PERSONAL]
    return [text for name in names for text in _texts(getattr(order, name))]


def ours(order: WarehouseOrder) -> list[str]:
    """What of the order may be repeated: ids, SKUs, and what the settings say."""
    freight, codes = order.freight or Freight(), order.classification
    settings = (freight.carrier, freight.service, freight.code, freight.shipping_option)
    classes = (codes.source, codes.price_class, codes.project, codes.campaign)
    variables = (one.name for one in order.variables)
    skus = (line.sku for line in order.lines)
    return [order.id, order.reference, *skus, *variables, *settings, *classes]


def _texts(value: object) -> Iterator[str]:
    """The filled strings in a value of the model, at whatever depth."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif is_dataclass(value):
        if isinstance(value, Party):
            # A name that is quoted whole is blanked as one word.
            yield f"{value.first_name} {value.last_name}"
        for field in fields(value):
            yield from _texts(getattr(value, field.name))

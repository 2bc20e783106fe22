"""``/api/inventory``: an array of SKUs, read item by item as it streams in."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import cast

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.veracore.streams import UnreadableStream

_MAX_ITEM = 1_000_000
_MAX = 10**9
_QUOTED = 20
_SPACE = " \t\r\n"


def name_of(sku: str) -> str:
    """The SKU as the API expects it.

    Raises:
        UsageError: It is empty or made of wildcards alone.
    """
    if not sku.strip().strip("%*"):
        raise UsageError(f"{sku!r} is a pattern, not a SKU", hint="name one SKU")
    return sku.strip()


def stock_row(item: object) -> StockRow:
    """One item of stock."""
    if not isinstance(item, dict):
        return UnreadableStock("", "", "an item of stock is no object")
    sku = item.get("SKU")
    if not isinstance(sku, str) or not sku.strip():
        return UnreadableStock("", "", "an item of stock has no SKU")
    available_text = item.get("AvailableQuantity")
    available, on_hand = _units(available_text), _units(item.get("OnHandQuantity"))
    if available is None:
        problem = f"AvailableQuantity is {str(available_text)[:_QUOTED]!r}"
        return UnreadableStock(sku.strip(), "", problem, on_hand)
    return StockLevel(sku.strip(), "", available, available if on_hand is None else on_hand)


def _units(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX:
        return None
    return value


def items(pieces: Iterable[bytes]) -> Iterator[object]:
    """Each item of a JSON array; memory holds one piece and one item at a time.

    Raises:
        UnreadableStream: It is no array, or ends before the array does.
    """
    return _Array(pieces).items()


class _Array:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._texts = codecs.iterdecode(pieces, "utf-8-sig", errors="replace")
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0

    def items(self) -> Iterator[object]:
        if self._next() != "[":
            raise UnreadableStream("the answer is no array")
        self._at += 1
        if self._next() == "]":
            self._at += 1
        else:
            yield from self._filled()
        if self._next() != "":
            raise UnreadableStream("something follows the array")

    def _filled(self) -> Iterator[object]:
        while True:
            yield self._item()
            mark = self._next()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise UnreadableStream("the array is cut short")

    def _next(self) -> str:
        """The next character that is no space, not taken; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _item(self) -> object:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > _MAX_ITEM or not self._more():
                    raise UnreadableStream("an item of the array is cut short") from error
                continue
            # A number at the end of a piece may go on in the next one.
            if end == len(self._text) and not isinstance(value, dict) and self._more():
                continue
            self._at = end
            return cast(object, value)

    def _more(self) -> bool:
        piece = next(self._texts, None)
        if piece is None:
            return False
        self._text = self._text[self._at :] + piece
        self._at = 0
        return True

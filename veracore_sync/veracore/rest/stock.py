"""``/api/inventory``: an array of SKUs, read item by item as it streams in."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from veracore_sync.errors import UsageError
from veracore_sync.model import StockLevel
from veracore_sync.veracore.streams import Unreadable

_ITEM_MOST = 1_000_000
_MOST = 2**53 - 1
_SPACE = " \t\r\n"


def name_of(sku: str) -> str:
    """The SKU as it is asked for.

    Raises:
        UsageError: It is empty or made of wildcards alone.
    """
    if not sku.strip().strip("%*"):
        raise UsageError(f"{sku!r} is no SKU that can be asked for alone", hint="name one SKU")
    return sku.strip()


def stock_level(item: Mapping[str, Any]) -> StockLevel:
    """One item of stock.

    Raises:
        Unreadable: It has no SKU or no whole number of available units.
    """
    sku, available = item.get("SKU"), item.get("AvailableQuantity")
    if not isinstance(sku, str) or not sku.strip():
        raise Unreadable("an item of stock has no SKU")
    on_hand = item.get("OnHandQuantity", available)
    return StockLevel(sku.strip(), "", _units(available), _units(on_hand))


def _units(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MOST:
        raise Unreadable("an item of stock has no whole number of units")
    return value


def items(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Each object of a JSON array; memory holds one piece and one object at a time.

    Raises:
        Unreadable: It is no array of objects, or ends before the array does.
    """
    return _Array(pieces).items()


class _Array:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._texts = codecs.iterdecode(pieces, "utf-8-sig", errors="replace")
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0

    def items(self) -> Iterator[dict[str, Any]]:
        if self._next() != "[":
            raise Unreadable("the answer is no array")
        self._at += 1
        if self._next() == "]":
            self._at += 1
        else:
            yield from self._filled()
        if self._next() != "":
            raise Unreadable("something follows the array")

    def _filled(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._object()
            mark = self._next()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise Unreadable("the array is cut short")

    def _next(self) -> str:
        """The next character that is no space, not taken; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _object(self) -> dict[str, Any]:
        if self._next() != "{":
            raise Unreadable("an item of the array is no object")
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > _ITEM_MOST or not self._more():
                    raise Unreadable("an item of the array is cut short") from error
                continue
            found: dict[str, Any] = value
            return found

    def _more(self) -> bool:
        piece = next(self._texts, None)
        if piece is None:
            return False
        self._text = self._text[self._at :] + piece
        self._at = 0
        return True

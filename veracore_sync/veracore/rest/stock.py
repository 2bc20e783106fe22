"""``/api/inventory``: an array of SKUs, read item by item as it streams in."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.listed_words import shown_number
from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, one_line
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.transport.json_body import NUMBERS, check_depth
from veracore_sync.veracore.streams import UnreadableStream

_MAX_ITEM = 1_000_000
_MAX = 10**9
_NAMED_AT_MOST = 60
_SPACE = " \t\r\n"
_START = 2000
_NAMED = re.compile(r'"SKU"\s*:\s*"\s*([^"\\]*[^"\\\s])\s*"')
_TOKEN = re.compile(r'["\\{}\[\],]')


def name_of(sku: str) -> str:
    """The SKU as the API expects it.

    Raises:
        UsageError: It is empty or made of wildcards alone.
    """
    if not sku.strip().strip("%*"):
        raise UsageError(f"{sku!r} is a pattern, not a SKU", hint="name one SKU")
    return sku.strip()


@dataclass(frozen=True, slots=True)
class BrokenItem:
    """An item that is not valid JSON, or too large; `start` is how it begins."""

    start: str


def stock_row(item: object) -> StockRow:
    """One item of stock."""
    if isinstance(item, BrokenItem):
        named = _NAMED.search(item.start)
        sku = named[1] if named and not hides_something(named[1]) else ""
        return UnreadableStock(sku, "", "an item of stock is not valid JSON")
    if not isinstance(item, dict):
        return UnreadableStock("", "", "an item of stock is no object")
    sku = item.get("SKU")
    if not isinstance(sku, str) or not sku.strip():
        return UnreadableStock("", "", "an item of stock has no SKU")
    if hides_something(sku.strip(_SPACE)):
        problem = f"an item cannot be used: {HAS_HIDDEN} ({one_line(sku)[:_NAMED_AT_MOST]})"
        return UnreadableStock("", "", problem, _units(item.get("OnHandQuantity")))
    available_text = item.get("AvailableQuantity")
    available, on_hand = _units(available_text), _units(item.get("OnHandQuantity"))
    if available is None:
        problem = f"AvailableQuantity is {shown_number(str(available_text))}"
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

    One that cannot be read is a `BrokenItem`, as long as its end can be found.

    Raises:
        UnreadableStream: It is no array, or ends before the array does.
    """
    return _Array(pieces).items()


class _Array:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._texts = codecs.iterdecode(pieces, "utf-8-sig", errors="replace")
        # Control characters in a text cost no item.
        self._decoder = json.JSONDecoder(strict=False, **NUMBERS)
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
            if self._next() not in (",", "]"):
                yield self._broken()
            mark = self._next()
            self._at += 1
            if mark == "]":
                return

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
                check_depth(value)
            except (ValueError, RecursionError):
                is_whole = _ItemEnd().find(self._text, self._at) is not None
                if is_whole or len(self._text) - self._at > _MAX_ITEM or not self._more():
                    return self._broken()
                continue
            # A number at the end of a piece may go on in the next one.
            if end == len(self._text) and not isinstance(value, dict) and self._more():
                continue
            self._at = end
            return cast(object, value)

    def _broken(self) -> BrokenItem:
        """Pass by the rest of an item, up to the comma or bracket after it.

        Raises:
            UnreadableStream: The answer ends before.
        """
        item = BrokenItem(self._text[self._at : self._at + _START])
        scan = _ItemEnd()
        while (end := scan.find(self._text, self._at)) is None:
            self._at = len(self._text)
            if not self._more():
                raise UnreadableStream("the array is cut short")
        self._at = end
        return item

    def _more(self) -> bool:
        piece = next(self._texts, None)
        if piece is None:
            return False
        self._text = self._text[self._at :] + piece
        self._at = 0
        return True


class _ItemEnd:
    """Finds where an item ends, although it cannot be decoded; it may come in several pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def find(self, text: str, start: int) -> int | None:
        """The place of the comma or bracket after it; ``None``: it goes on in the next piece."""
        # A backslash may be the last character of a piece.
        skipped = start if self._escaped else -1
        for token in _TOKEN.finditer(text, start):
            at, mark = token.start(), token[0]
            if at == skipped:
                continue
            if self._in_text:
                if mark == "\\":
                    skipped = at + 1
                elif mark == '"':
                    self._in_text = False
            elif mark == '"':
                self._in_text = True
            elif mark in "{[":
                self._depth += 1
            elif self._depth:
                self._depth -= mark in "}]"
            elif mark in ",]":
                return at
        self._escaped = skipped == len(text)
        return None

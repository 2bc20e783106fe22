"""Reading XML answers: no DTD, limited depth and record size, unlimited total size.

Namespaces are dropped, so that both faces and SOAP 1.1 and 1.2 are read by the same code.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from xml.parsers import expat
from zoneinfo import ZoneInfo

from veracore_sync.veracore.text import blank_id

# A small document can expand to gigabytes in memory by entities (hence no DTD), nesting, or
# millions of empty elements (hence a weight for each). The total is unlimited: stock may have a
# million rows.
_MAX_DEPTH = 40
_MAX_RECORD = 4_000_000
_ELEMENT_WEIGHT = 32
_ENCODINGS = ("utf-8", "utf-16", "us-ascii", "iso-8859-1", "windows-1252")
_FRACTION = re.compile(r"(\.\d{6})\d+")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class UnreadableXml(Exception):
    """The answer is not acceptable XML: broken, truncated, with a DTD, too deep or too large."""


def read_document(body: bytes) -> ET.Element:
    """The whole answer as one element, names without namespaces.

    Raises:
        UnreadableXml: It is not acceptable XML.
    """
    for element in read_records([body], record=None):
        return element
    raise UnreadableXml("the answer holds no element")


def read_records(pieces: Iterable[bytes], record: str | None) -> Iterator[ET.Element]:
    """Each element named `record` once it is complete; one at a time is in memory.

    Args:
        pieces: The answer as it comes.
        record: A local name; ``None`` takes the root element.

    Raises:
        UnreadableXml: It is not acceptable XML, or ends before its root is closed.
    """
    reader = _Reader(record)
    for piece in pieces:
        reader.feed(piece)
        yield from reader.take()
    reader.close()
    yield from reader.take()


class _Reader:
    def __init__(self, record: str | None) -> None:
        self._record = record
        self._depth = 0
        self._size = 0
        self._open: list[ET.Element] = []
        self._last: ET.Element | None = None
        self._ready: list[ET.Element] = []
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.XmlDeclHandler = self._declaration

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.Parse(piece, False)
        except (expat.ExpatError, ValueError) as error:
            raise UnreadableXml(str(error)) from error

    def close(self) -> None:
        try:
            self._parser.Parse(b"", True)
        except (expat.ExpatError, ValueError) as error:
            raise UnreadableXml(str(error)) from error

    def take(self) -> list[ET.Element]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableXml("the answer is nested too deeply")
        local = name.rpartition("}")[2]
        if not self._open and self._record not in (None, local):
            return
        if not self._open:
            self._size = 0
        plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        written = sum(len(key) + len(value) for key, value in plain.items())
        self._grow(_ELEMENT_WEIGHT + len(local) + written)
        element = ET.Element(local, plain)
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)
        self._last = None

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        self._last = self._open.pop()
        if not self._open:
            self._ready.append(self._last)
            self._last = None

    def _text(self, text: str) -> None:
        if not self._open:
            return
        self._grow(len(text))
        if self._last is None:
            self._open[-1].text = (self._open[-1].text or "") + text

    def _grow(self, more: int) -> None:
        self._size += more
        if self._size > _MAX_RECORD:
            raise UnreadableXml("a record of the answer is too large")

    def _doctype(self, *_: object) -> None:
        raise UnreadableXml("the answer has a document type declaration")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        # expat passes any other name to Python's codecs, some of which raise errors of other kinds.
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise UnreadableXml("the answer is in an encoding that is not read")


def text(element: ET.Element | None, path: str) -> str:
    """The trimmed text at `path` below `element`; empty where there is none."""
    found = element.find(path) if element is not None else None
    return (found.text or "").strip() if found is not None else ""


def whole_number(element: ET.Element | None, path: str) -> int | None:
    """The integer at `path`; ``None`` where there is none that can be read."""
    written = text(element, path)
    return int(written) if _WHOLE.fullmatch(written) else None


def moment(element: ET.Element, path: str, zone: ZoneInfo) -> datetime | None:
    """The moment at `path`, aware and UTC; ``None`` for none, and for .NET's year 1, "not yet".

    Args:
        element: Where to look.
        path: Of the element that holds it.
        zone: The warehouse's, for times without an offset.

    Raises:
        UnreadableXml: There is a text that is not a time.
    """
    written = text(element, path)
    if not written:
        return None
    # .NET writes up to seven decimals of a second; Python reads six.
    cut = _FRACTION.sub(r"\1", written)
    try:
        # VeraCore writes local times without an offset (docs/wire.md 7).
        parsed = datetime.fromisoformat(cut)
        if parsed.year == 1:
            return None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableXml(f"{path} is no moment") from None


def is_nil(element: ET.Element) -> bool:
    """Whether the element says that it holds nothing, or holds nothing."""
    if element.get("nil", "").lower() in ("true", "1"):
        return True
    return len(element) == 0 and not (element.text or "").strip()


def shape(element: ET.Element, order_id: str) -> str:
    """Names and texts without the order id, so that two answers of one kind compare equal."""
    inner = "".join(shape(child, order_id) for child in element)
    own = "".join(blank_id(element.text or "", order_id).split())
    return f"<{element.tag}>{own}{inner}</>"

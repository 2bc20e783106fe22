"""Reading SOAP answers: no DTD, limited depth, record and token; the total is the transport's.

Elements are found by the parser and compared with their namespace: the response's own decides what
belongs to the answer, and what is in another one is read as if it were not there. The elements that
are returned have local names, so that both faces and SOAP 1.1 and 1.2 are read by the same code.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from xml.parsers import expat
from zoneinfo import ZoneInfo

from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, plain_words
from veracore_sync.veracore.moments import UnreadableMoment, read_moment
from veracore_sync.veracore.oms.decode import UnknownEncoding, XmlText
from veracore_sync.veracore.text import blank_id

# A small document can expand to gigabytes in memory by entities (hence no DTD), nesting, or
# millions of empty elements (hence a weight for each). The total is not limited here: stock may
# have a million rows.
_MAX_DEPTH = 40
_MAX_DEPTH_UNREAD = 400
_MAX_RECORD = 4_000_000
_ELEMENT_WEIGHT = 32
# The parser keeps an unfinished token, and every name that it has met.
MAX_TOKEN = 1_048_576
MAX_NAMES = 10_000
MAX_ATTRIBUTES = 256
_BEGINNING = 65536
_XSI_NIL = "http://www.w3.org/2001/XMLSchema-instance}nil"
_CUT = "cut"
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,18})?")


class UnreadableXml(Exception):
    """The answer is not acceptable XML: broken, truncated, with a DTD, too deep or too large."""


class AnswerReader:
    """Reads one SOAP answer as it comes; one record at a time is in memory.

    `is_envelope`: its root is a SOAP envelope. `is_answer`: its body holds the operation's
    response. `fault` is the SOAP fault in its body, else ``None``.

    Args:
        operation: The operation's name.
        record: The local name of the elements to return; ``None``: the response as one.
        content_type: The answer's ``Content-Type``.
    """

    def __init__(self, operation: str, record: str | None, content_type: str = "") -> None:
        self._response, self._result = f"{operation}Response", f"{operation}Result"
        self._record = record
        self._text_of = XmlText(content_type)
        self.is_envelope = False
        self.is_answer = False
        self.fault: ET.Element | None = None
        # Where the parser is.
        self._depth = 0
        self._soap = ""
        self._in_body = self._in_response = False
        self._namespaces: tuple[str, ...] = ()
        self._unread_from = 0
        # What is being built.
        self._open: list[ET.Element] = []
        self._last: ET.Element | None = None
        self._texts: list[str] = []
        self._size = self._record_depth = 0
        self._is_cut = False
        self._ready: list[ET.Element] = []
        # In one encoding, so that the parser counts the bytes that it is given.
        self._parser = expat.ParserCreate("utf-8", "}")
        self._fed = 0
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, pieces: Iterable[bytes]) -> Iterator[ET.Element]:
        """Each record once it is complete.

        A record that is too large or nested too deeply ends where it became so: see `cut_short`.

        Raises:
            UnreadableXml: It is not acceptable XML, or ends before its root is closed.
        """
        for piece in pieces:
            for start in range(0, len(piece), _BEGINNING):
                yield from self._parse(piece[start : start + _BEGINNING], is_last=False)
        yield from self._parse(b"", is_last=True)

    def begins_envelope(self, body: bytes) -> bool:
        """Whether an answer that may not be complete is a SOAP envelope."""
        with suppress(UnreadableXml):
            self._parse(body[:_BEGINNING], is_last=False)
        return self.is_envelope

    def _parse(self, piece: bytes, *, is_last: bool) -> list[ET.Element]:
        try:
            content = self._text_of.feed(piece, is_last=is_last).encode()
            self._fed += len(content)
            self._parser.Parse(content, is_last)
        except (expat.ExpatError, UnknownEncoding, ValueError) as error:
            raise UnreadableXml(str(error)) from error
        if self._fed - max(0, self._parser.CurrentByteIndex) > MAX_TOKEN:
            raise UnreadableXml("the answer has a token that is too large")
        if len(self._parser.intern) > MAX_NAMES:
            raise UnreadableXml("the answer has too many names")
        ready, self._ready = self._ready, []
        return ready

    # ---- events of the parser -----------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH_UNREAD:
            raise UnreadableXml("the answer is nested too deeply")
        if len(attributes) > MAX_ATTRIBUTES:
            raise UnreadableXml("the answer has an element with too many attributes")
        if self._unread_from or (self._open and self._is_cut):
            return
        namespace, _, local = name.rpartition("}")
        if self._open:
            self._inside(namespace, local, attributes)
        else:
            self._outside(namespace, local, attributes)

    def _outside(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        """An element that belongs to no record: find the way to them."""
        if self._depth == 1:
            self.is_envelope = local == "Envelope"
            self._soap = namespace
        elif self._depth == 2:
            self._in_body = self.is_envelope and (namespace, local) == (self._soap, "Body")
        elif self._depth == 3 and self._in_body:
            self._enter_body(namespace, local, attributes)
        elif self._in_response:
            if self._depth == 4 and local == self._result and not namespace:
                # Its content may be unqualified, where all of it is.
                self._namespaces = ("",)
            if namespace not in self._namespaces:
                self._unread_from = self._depth
            elif local == self._record:
                self._open_record(local, attributes)

    def _enter_body(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        if (namespace, local) == (self._soap, "Fault"):
            # SOAP 1.1 writes its parts without a namespace, SOAP 1.2 with its own.
            self._namespaces = (self._soap, "")
            self._open_record(local, attributes)
        elif local == self._response and not self.is_answer:
            self._namespaces = (namespace,)
            self._in_response = self.is_answer = True
            if self._record is None:
                self._open_record(local, attributes)

    def _open_record(self, local: str, attributes: dict[str, str]) -> None:
        self._size, self._is_cut, self._record_depth = 0, False, self._depth
        self._build(local, attributes)

    def _inside(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        if self._depth == 4 and local == self._result and not namespace:
            self._namespaces = ("",)
        if namespace not in self._namespaces:
            self._unread_from = self._depth
        elif self._depth > _MAX_DEPTH:
            self._cut("it is nested too deeply")
        else:
            self._build(local, attributes)

    def _build(self, local: str, attributes: dict[str, str]) -> None:
        written, element = 0, ET.Element(local)
        if attributes:
            written = sum(len(key) + len(value) for key, value in attributes.items())
            if _XSI_NIL in attributes:
                element.set("nil", attributes[_XSI_NIL])
        self._end_text()
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)
        self._last = None
        self._grow(_ELEMENT_WEIGHT + len(local) + written)

    def _end(self, _name: str) -> None:
        depth = self._depth
        self._depth -= 1
        if self._unread_from:
            if depth == self._unread_from:
                self._unread_from = 0
        elif self._open:
            if not self._is_cut or depth == self._record_depth:
                self._close()
        elif depth <= 3:
            self._in_response = False
            self._in_body = self._in_body and depth == 3

    def _close(self) -> None:
        self._end_text()
        self._last = self._open.pop()
        if self._open:
            return
        if self._record_depth == 3 and self._last.tag == "Fault":
            self.fault = self._last
        else:
            self._ready.append(self._last)
        if self._record_depth == 3:
            self._in_response = False
        self._last = None

    def _text(self, text: str) -> None:
        if not self._open or self._unread_from or self._is_cut:
            return
        if self._last is None:
            self._texts.append(text)
        self._grow(len(text))

    def _end_text(self) -> None:
        """Give the open element its text at once; piece by piece would take far longer."""
        if self._texts and self._open:
            self._open[-1].text = "".join(self._texts)
        self._texts.clear()

    def _grow(self, more: int) -> None:
        self._size += more
        if self._size > _MAX_RECORD:
            self._cut("it is too large")

    def _cut(self, why: str) -> None:
        """Drop the rest of the record, and what of it is not complete."""
        record = self._open[0]
        if self._record is None or self._record_depth == 3:
            raise UnreadableXml(f"the answer cannot be read: {why}")
        self._texts.clear()
        if len(self._open) > 1:
            record.remove(self._open[1])
        self._open, self._is_cut = [record], True
        record.text = None
        record.set(_CUT, why)

    def _doctype(self, *_: object) -> None:
        raise UnreadableXml("the answer has a document type declaration")


class _DocumentReader(AnswerReader):
    def _outside(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        self._open_record(local, attributes)

    def _inside(self, namespace: str, local: str, attributes: dict[str, str]) -> None:
        if self._depth > _MAX_DEPTH:
            self._cut("it is nested too deeply")
        self._build(local, attributes)


def read_document(body: bytes, content_type: str = "") -> ET.Element:
    """The whole document with local names: for a service whose namespaces are not known.

    Raises:
        UnreadableXml: It is not acceptable XML.
    """
    return next(_DocumentReader("", None, content_type).read([body]))


def cut_short(record: ET.Element) -> str:
    """Why the record's end was not read; empty if all of it was."""
    return record.get(_CUT, "")


def text(element: ET.Element | None, path: str) -> str:
    """The trimmed text at `path` below `element`; empty where there is none."""
    found = element.find(path) if element is not None else None
    return (found.text or "").strip() if found is not None and not _says_nil(found) else ""


def identifier(element: ET.Element | None, path: str) -> str:
    """The identifier at `path`; empty where there is none.

    Raises:
        UnreadableXml: It holds characters that nobody sees, so it may look like another.
    """
    found = text(element, path)
    if hides_something(found):
        raise UnreadableXml(f"its {path.rpartition('/')[2]} cannot be used: {HAS_HIDDEN}")
    return found


def words(element: ET.Element | None, path: str) -> str:
    """A text that is only shown, like a carrier's name, without what nobody sees."""
    return plain_words(text(element, path))


def whole_number(element: ET.Element | None, path: str) -> int | None:
    """The integer at `path`; ``None`` where there is none that can be read."""
    written = text(element, path)
    return int(written) if _WHOLE.fullmatch(written) else None


def amount(element: ET.Element | None, path: str) -> Decimal | None:
    """The amount of money at `path`; ``None`` where there is none that can be read."""
    written = text(element, path)
    return Decimal(written) if _AMOUNT.fullmatch(written) else None


def moment(element: ET.Element, path: str, zone: ZoneInfo) -> datetime | None:
    """The moment at `path`, aware and UTC; ``None`` for none, and for the signs for "not yet".

    Args:
        element: Where to look.
        path: Of the element that holds it.
        zone: The warehouse's, for times without an offset.

    Raises:
        UnreadableXml: There is a text that is not a time.
    """
    try:
        return read_moment(text(element, path), zone)
    except UnreadableMoment:
        raise UnreadableXml(f"{path} is not a time") from None


def rows(element: ET.Element, path: str) -> list[ET.Element]:
    """The elements at `path` that hold something."""
    return [row for row in element.findall(path) if not is_nil(row)]


def is_nil(element: ET.Element) -> bool:
    """Whether the element says that it holds nothing, or holds nothing."""
    return _says_nil(element) or (len(element) == 0 and not (element.text or "").strip())


def _says_nil(element: ET.Element) -> bool:
    return element.get("nil", "").strip().lower() in ("true", "1")


def shape(element: ET.Element, order_id: str) -> str:
    """Names and texts without the order id, so that two answers of one kind compare equal."""
    inner = "".join(shape(child, order_id) for child in element)
    own = "".join(blank_id(element.text or "", order_id).split())
    return f"<{element.tag}>{own}{inner}</>"

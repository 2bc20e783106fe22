"""The text of an XML answer, whatever its encoding, as it streams in.

One character that XML does not allow must not cost an answer of a million rows, so such characters
are marked here, before the parser sees them: .NET writes control characters as ``&#x1F;``, which
no parser accepts. So are those that nobody sees, which XML allows. The value that holds one no
longer equals any SKU, id or number.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from veracore_sync.domain.texts import HIDDEN_IN_MARKUP, MARK

_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")
_LONGEST_REFERENCE = 16
_DECLARED = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)
_HEAD = 1024
_EIGHT_BITS = {
    "utf-8": "utf-8",
    "us-ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "windows-1252": "windows-1252",
}
_SIXTEEN_BITS = ("utf-16", "utf-16le", "utf-16be")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class UnknownEncoding(ValueError):
    """The answer names an encoding that is not read."""


class XmlText:
    """Turns the pieces of an answer into text.

    Args:
        content_type: The answer's ``Content-Type``, whose charset counts before the declaration.
    """

    def __init__(self, content_type: str = "") -> None:
        found = _CHARSET.search(content_type)
        self._charset = found[1].lower() if found else ""
        self._head = b""
        self._rest = ""
        self._decode: Callable[[bytes, bool], str] | None = None

    def feed(self, piece: bytes, *, is_last: bool = False) -> str:
        """The text so far that was not returned before.

        Raises:
            UnknownEncoding: It is in an encoding that is not read.
        """
        if self._decode is None:
            self._head += piece
            if not is_last and not _is_enough(self._head):
                return ""
            encoding = _encoding_of(self._head, self._charset)
            self._decode = codecs.getincrementaldecoder(encoding)("replace").decode
            piece = self._head
        text = self._rest + self._decode(piece, is_last)
        # A reference may go on in the next piece.
        cut = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
        if is_last or cut < 0 or ";" in text[cut:]:
            cut = len(text)
        self._rest = text[cut:]
        return _REFERENCE.sub(_legal, HIDDEN_IN_MARKUP.sub(MARK, text[:cut]))


def _legal(reference: re.Match[str]) -> str:
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    is_legal = number <= 0x10FFFF and not HIDDEN_IN_MARKUP.match(chr(number))
    return reference[0] if is_legal else MARK


def _is_enough(head: bytes) -> bool:
    """Whether the beginning shows the encoding."""
    if len(head) >= _HEAD:
        return True
    return len(head) >= 5 and (not head.startswith(b"<?xml") or b"?>" in head)


def _encoding_of(head: bytes, charset: str) -> str:
    """A codec's name: by the mark, the bytes themselves, the charset, the declaration."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    # An answer begins with "<" or blanks, which take one byte or, in UTF-16, two of which one is 0.
    if len(head) >= 2 and 0 in head[:2]:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    if charset in _EIGHT_BITS:
        return _EIGHT_BITS[charset]
    declared = _DECLARED.match(head)
    name = declared[1].decode("latin-1").lower() if declared else "utf-8"
    if name in _SIXTEEN_BITS:
        # .NET declares what its string was in memory, also where it is sent as UTF-8.
        return "utf-8"
    if name not in _EIGHT_BITS:
        raise UnknownEncoding("the answer is in an encoding that is not read")
    return _EIGHT_BITS[name]

"""The shape of an answer: which elements in which order, and what kinds of values; no value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from veracore_sync.veracore.oms.decode import XmlText
from veracore_sync.veracore.oms.parse import UnreadableXml
from veracore_sync.veracore.probe.words import Cleaner, name

_MOST_PATHS = 2000
_MOST_DEPTH = 40
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?\d{1,18}[.,]\d{1,18}")
_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_AMERICAN = re.compile(r"\d{1,2}/\d{1,2}/\d{4}( .{1,15})?")
# Years that stand for "not yet" (docs/wire.md 7).
_NO_YEARS = ("0001", "1753", "1899", "1900", "1970", "9999")
_NIL = "http://www.w3.org/2001/XMLSchema-instance}nil"
_SOAP = {
    "http://schemas.xmlsoap.org/soap/envelope/": "1.1",
    "http://www.w3.org/2003/05/soap-envelope": "1.2",
}


@dataclass(slots=True)
class _Entry:
    namespace: str = ""
    kinds: set[str] = field(default_factory=set)
    longest: int = 0
    is_padded: bool = False

    def note(self, value: str) -> None:
        self.kinds.add(kind_of(value))
        self.longest = max(self.longest, len(value))
        self.is_padded = self.is_padded or (bool(value.strip()) and value != value.strip())


def kind_of(value: str) -> str:
    """What kind of value a text is."""
    text = value.strip()
    if not text:
        return "empty"
    if text.lower() in ("true", "false"):
        return "flag"
    if _WHOLE.fullmatch(text):
        return "whole"
    if _DECIMAL.fullmatch(text):
        return "decimal"
    time = _TIME.fullmatch(text)
    if time is not None:
        if time[1] in _NO_YEARS:
            return "no time"
        return "time with offset" if time[3] else "time"
    return "american time" if _AMERICAN.fullmatch(text) else "text"


class XmlShape:
    """The shape of a SOAP answer.

    `version` is that of its envelope, `response` the local name of what its body has, and
    `namespace` that of it.

    Args:
        body: The answer, or its beginning.
        content_type: Its ``Content-Type``.
        is_whole: Whether it is all of it.

    Raises:
        UnreadableXml: It is not acceptable XML.
    """

    def __init__(self, body: bytes, content_type: str, *, is_whole: bool = True) -> None:
        self.version = self.response = self.namespace = ""
        self._entries: dict[str, _Entry] = {}
        # Of every open element below the response: its path, and whether it has children.
        self._open: list[tuple[str, bool]] = []
        self._depth = 0
        self._text = ""
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _doctype
        try:
            parser.Parse(XmlText(content_type).feed(body, is_last=is_whole), is_whole)
        except (expat.ExpatError, ValueError) as error:
            raise UnreadableXml(str(error)) from error

    def document(self, cleaner: Cleaner) -> dict[str, Any]:
        """The elements by their paths, in the order of their first appearance."""
        elements = []
        for path, entry in self._entries.items():
            one = _described(path, entry)
            if entry.namespace != self.namespace:
                one["namespace"] = cleaner.namespace(entry.namespace)
            elements.append(one)
        return {"namespace": cleaner.namespace(self.namespace), "elements": elements}

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        namespace, _, local = tag.rpartition("}")
        if self._depth == 1:
            self.version = _SOAP.get(namespace, "")
        if not self._open:
            # A header is not part of the answer; the body's first element is.
            if self._depth == 3 and local.endswith(("Response", "Fault")) and not self.response:
                self.response, self.namespace = local, namespace
                self._open.append(("", True))
            return
        above, _ = self._open[-1]
        self._open[-1] = (above, True)
        path = f"{above}/{name(local)}" if above else name(local)
        self._open.append((path, False))
        self._text = ""
        if path not in self._entries and len(self._entries) < _MOST_PATHS:
            self._entries[path] = _Entry(namespace)
        if attributes.get(_NIL, "").lower() in ("true", "1") and path in self._entries:
            self._entries[path].kinds.add("nil")

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        path, has_children = self._open.pop()
        entry = self._entries.get(path)
        if entry is None:
            return
        if has_children:
            entry.kinds.add("group")
        else:
            entry.note(self._text)
        self._text = ""

    def _characters(self, text: str) -> None:
        if self._open:
            self._text += text


def json_shape(document: Any) -> list[dict[str, Any]]:
    """The members of a JSON document by their paths; ``[]`` is an item of a list."""
    entries: dict[str, _Entry] = {}

    def walk(value: Any, path: str, depth: int) -> None:
        if depth > _MOST_DEPTH or (path not in entries and len(entries) >= _MOST_PATHS):
            return
        entry = entries.setdefault(path, _Entry())
        if isinstance(value, dict):
            entry.kinds.add("object")
            for key, inner in value.items():
                walk(inner, f"{path}/{name(key)}" if path else name(key), depth + 1)
        elif isinstance(value, list):
            entry.kinds.add("list")
            for inner in value:
                walk(inner, f"{path}[]", depth + 1)
        elif isinstance(value, str):
            entry.note(value)
        else:
            entry.kinds.add(_JSON_KINDS.get(type(value), "number"))

    walk(document, "", 0)
    return [_described(path, entry) for path, entry in entries.items()]


_JSON_KINDS: dict[type, str] = {type(None): "null", bool: "flag"}


def _described(path: str, entry: _Entry) -> dict[str, Any]:
    one: dict[str, Any] = {"path": path, "kinds": sorted(entry.kinds)}
    if entry.longest:
        one["longest"] = entry.longest
    if entry.is_padded:
        one["padded"] = True
    return one


def _doctype(*_: object) -> None:
    raise ValueError("it has a document type declaration")

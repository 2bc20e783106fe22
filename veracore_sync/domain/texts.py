"""Texts from outside, made safe: the one door by which they come in, and what all ways out use.

A character that nobody sees can move a cursor, turn a line around, end it, or make two different
names look the same. So an identifier that holds one is no identifier: it is marked, and its record
is a bad one. A text that is only shown, printed or passed on is cleaned. What leaves goes through
`one_line` once more, because a ledger may hold texts of an earlier version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MARK = "\ufffd"
"""Stands in an identifier for each character that may not be in it, so that it equals no other."""

# Controls (C0, C1), line and paragraph separators.
_BREAKS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
# Zero-width marks, bidi marks, embeddings and isolates, invisible operators, fillers, the tags
# block, the variation selectors by which text is smuggled, surrogates, and what is no character.
_UNSEEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IN_NO_NAME = re.compile(f"[{_BREAKS}{_UNSEEN}{MARK}]")
_HIDDEN = re.compile(f"[{_BREAKS}{_UNSEEN}]")
_BREAK = re.compile(f"[{_BREAKS}]")
# A joiner between two signs that are no ASCII is a part of a word or an emoji.
_JOINED = re.compile("(?<=[^\x00-\x7f\u2000-\u206f])[\u200c\u200d](?=[^\x00-\x7f\u2000-\u206f])")
_JOINERS = "\u200c\u200d"

HAS_HIDDEN = "it holds characters that nobody sees"
"""Why a record with such an identifier is a bad one."""


def hides_something(text: str) -> bool:
    """Whether a text that should be an identifier holds a character that none may hold."""
    return _IN_NO_NAME.search(text) is not None


def marked(text: str) -> str:
    """An identifier whose hidden characters are marked: it stays different from every other."""
    return _HIDDEN.sub(MARK, text)


def one_line(text: str) -> str:
    """The text in one printable line; each run of blanks is one space."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    spaced = "".join(
        one if one.isprintable() else " " if one.isspace() or _BREAK.match(one) else MARK
        for one in _HIDDEN.sub(lambda one: " " if _BREAK.match(one[0]) else MARK, text)
    )
    return " ".join(spaced.split())


def for_people(text: str) -> str:
    """What a customer wrote, for a label or a letter: unchanged but for what nobody sees.

    A joiner stays where it belongs to a word (Persian, Indic scripts) or to an emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = {found.start() for found in _JOINED.finditer(text)}
    return "".join(
        " " if _BREAK.match(one) else "" if at not in kept and _HIDDEN.match(one) else one
        for at, one in enumerate(text)
    )


def without_markup(text: str) -> str:
    """One line in which no program finds a tag, whether it escapes what it shows or not."""
    return one_line(text).replace("<", "\u2039").replace(">", "\u203a")


def to_json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """A document as JSON that a terminal may show: what nobody sees is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    # json.dumps has escaped C0 itself; what is left of breaks is its own indentation.
    return _HIDDEN.sub(lambda one: one[0] if one[0] == "\n" else _escaped(one[0]), text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]

"""Texts from outside, made safe: the one door by which they come in, and what all ways out use.

A character that nobody sees can move a cursor, turn a line around, end it, or make two different
names look the same. So an identifier that holds one is no identifier: it is marked, and its record
is a bad one. A text that is only shown, printed or passed on is cleaned. What leaves goes through
`one_line` once more, because a ledger may hold texts of an earlier version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from veracore_sync.domain.lazy_pattern import lazy_pattern

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
_IN_NO_NAME = lazy_pattern(f"[{_BREAKS}{_UNSEEN}{MARK}]")
_HIDDEN = lazy_pattern(f"[{_BREAKS}{_UNSEEN}]")
_CONTROLS = frozenset({*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029"})
_LINE_ENDS = "\t\n\r\u2028\u2029"
HIDDEN_IN_MARKUP = lazy_pattern(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{_UNSEEN}]")
"""What no value in a document of markup may hold; its own lines and indentation may stay."""
# A joiner between two signs of no Latin script is a part of a word or of an emoji; a selector
# behind a Mongolian letter, or a character of a Japanese name, chooses how that one is written.
_JOINED = lazy_pattern(
    "(?<=[\u0530-\u1fff\u2190-\U000dffff])[\u200c\u200d](?=[\u0530-\u1fff\u2190-\U000dffff])|"
    "(?<=[\u1820-\u18aa])[\u180b-\u180f]|"
    "(?<=[\u3400-\u9fff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
)

HAS_HIDDEN = "it holds characters that nobody sees"
"""Why a record with such an identifier is a bad one."""


def hides_something(text: str) -> bool:
    """Whether a text that should be an identifier holds a character that none may hold."""
    if text.isascii() and text.isprintable():
        return False
    return _IN_NO_NAME.search(text) is not None


def marked(text: str) -> str:
    """An identifier whose hidden characters are marked: it stays different from every other."""
    return _HIDDEN.sub(MARK, text)


def visible(text: str) -> str:
    """The text in one line, as long as it was: a blank for a break, a mark for what is unseen."""
    if text.isprintable() and not _HIDDEN.search(text):
        return text
    return "".join(" " if one.isspace() else one if _is_seen(one) else MARK for one in text)


def _is_seen(char: str) -> bool:
    return char.isprintable() and not _HIDDEN.match(char)


def one_line(text: str) -> str:
    """The text in one printable line; each run of blanks is one space."""
    return " ".join(visible(text).split())


def plain_words(text: str) -> str:
    """The name of a thing that is only shown (a carrier, a service), without what is unseen."""
    return one_line(_IN_NO_NAME.sub(lambda one: " " if one[0] in _CONTROLS else "", text))


def for_people(text: str) -> str:
    """What a customer wrote, for a label or a letter: unchanged but for what nobody sees.

    A joiner stays where it belongs to a word (Persian, Indic scripts) or to an emoji, and a
    selector behind the letter that it is for.
    """
    if text.isprintable() and not _HIDDEN.search(text):
        return text
    joined = {found.start() for found in _JOINED.finditer(text)}
    return "".join(
        one if at in joined else " " if one in _LINE_ENDS else _HIDDEN.sub("", one)
        for at, one in enumerate(text)
    )


def without_markup(text: str) -> str:
    """One line in which no program finds a tag, whether it escapes what it shows or not.

    What nobody sees is a blank, as in every text that was written into a shop before.
    """
    seen = "".join(one if _is_seen(one) else " " for one in text)
    return " ".join(seen.split()).replace("<", "\u2039").replace(">", "\u203a")


def to_json(
    document: Mapping[str, Any],
    *,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
) -> str:
    """A document as JSON that a terminal may show: what nobody sees is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators)
    bare = text.replace("\n", "")
    if bare.isprintable() and not _HIDDEN.search(bare):
        return text
    # json.dumps escapes C0 itself; the line ends that are left are its own.
    return "".join(one if one == "\n" or _is_seen(one) else json.dumps(one)[1:-1] for one in text)

"""Texts in the form in which every database of a Vendure takes them (docs/vendure.md, "Texts").

A text that one database refuses would keep its order from moving for ever, so all are written as
the strictest takes them: MariaDB and MySQL have 255 characters for a code or a method, refuse
characters of four bytes where the tables are in `utf8mb3`, and PostgreSQL refuses NUL. A shop's
pages and mails show them, so none holds a tag.
"""

from __future__ import annotations

from veracore_sync.domain.texts import without_markup

SHORT = 255
"""Characters of a code or a method: ``varchar(255)``."""
LONG = 16_000
"""Characters of a note: ``text``, 65,535 bytes, at three bytes a character and as JSON."""
_END = 100
_LAST_OF_THREE_BYTES = "\uffff"


def plain(text: str) -> str:
    """The text in one line, without markup, what nobody sees, and characters of four bytes."""
    return "".join("?" if one > _LAST_OF_THREE_BYTES else one for one in without_markup(text))


def code_text(code: str, most: int = SHORT) -> str:
    """A tracking code: as many whole ids as fit, then how many more there are."""
    code = plain(code)
    ids = code.split(", ")
    for count in range(len(ids), 0, -1):
        text = ", ".join(ids[:count])
        text += f" +{len(ids) - count} more" if count < len(ids) else ""
        if len(text) <= most:
            return text
    return f"{code[: most - 3]}..."


def is_shortened(code: str) -> bool:
    """Whether the shop holds less of a tracking code than there is."""
    return code_text(code) != plain(code)


def is_code_of(shown: str, code: str) -> bool:
    """Whether what the shop shows is this tracking code, cut or not."""
    return shown.strip() in (code, code_text(code))


def short_text(text: str) -> str:
    """A fulfilment's method."""
    text = plain(text)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."


def note_text(text: str) -> str:
    """A note; a long one keeps its end, by which it may be found again."""
    text = plain(text)
    return text if len(text) <= LONG else f"{text[: LONG - _END - 3]}...{text[-_END:]}"

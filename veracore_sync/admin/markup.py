"""HTML, written so that no text can become markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape


class Html(str):
    """Markup that was made here; every other text is escaped when it is put in."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as markup: itself if it is some, else escaped; nothing for ``None``."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value), quote=True))


def tag(name: str, /, *inside: object, **attributes: object) -> Html:
    """An element. ``class_`` is ``class``, underscores are hyphens; ``None`` leaves one out, and
    ``True`` sets one without a value."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(inside)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other."""
    return Html("".join(text(part) for part in parts))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table with a caption and column headers that a screen reader tells with each cell."""
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    body = (tag("tr", *_cells(columns, row)) for row in rows)
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))


def _cells(columns: Sequence[str], row: Sequence[object]) -> Iterator[Html]:
    for name, cell in zip(columns, row, strict=True):
        yield tag("td", cell, data_label=name)


_VOID = frozenset({"input", "meta", "link", "br"})


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'

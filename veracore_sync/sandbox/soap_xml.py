"""XML text and the forms of values in the answers of VeraCore (docs/wire.md §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

NEVER = "0001-01-01T00:00:00"
NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

# What every package weighs and costs; nothing depends on it.
WEIGHT = "1.4"
FREIGHT_COST = "8.11"
PACKAGE_TYPE = "Box - 8 x 8 x 8"


def tag(name: str, *content: object) -> str:
    """An element around elements that are already XML."""
    inner = "".join(map(str, content))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name} />"


def leaf(name: str, value: object = "") -> str:
    """An element around a value; characters that XML cannot hold are left out."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return tag(name, escape(NOT_XML.sub("", text)))


def nil(name: str) -> str:
    """An element that is there without a value; the envelope declares the prefix."""
    return f'<{name} xsi:nil="true" />'


def leaves(pairs: Iterable[tuple[str, object]]) -> str:
    """Elements in a row, one a value."""
    return "".join(leaf(name, value) for name, value in pairs)


def local(moment: str | None, zone: ZoneInfo, timespec: str = "seconds") -> str:
    """A time as the warehouse writes it: local, without an offset; `NEVER` for None."""
    if moment is None:
        return NEVER
    there = datetime.fromisoformat(moment).astimezone(zone)
    return there.replace(tzinfo=None).isoformat(timespec=timespec)


def double(text: str) -> str:
    """A number as .NET prints a double: without zeros at its end."""
    return f"{Decimal(text).normalize():f}"

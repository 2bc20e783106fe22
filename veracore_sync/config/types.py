"""The kinds of values of settings, each with an error message that says what is allowed.

The `ValueError` texts below end up behind "<key> (<origin>): " in a `ConfigError`; they must make
sense there and must never quote a secret.
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from veracore_sync.domain.lazy_pattern import lazy_pattern

FIELD_NAME = lazy_pattern(r"[_A-Za-z][_0-9A-Za-z]*")
_PREFIX = lazy_pattern(r"[A-Za-z0-9-]{0,8}")
_PERCENT = lazy_pattern(r"(\d{1,3})\s*%")
_MOST_UNITS = 1_000_000_000
_OF_ITS_OWN = ("CREDENTIALS_DIRECTORY", "PGPASSWORD")

_SHOP_STATES = (
    "PaymentAuthorized",
    "PaymentSettled",
    "PartiallyShipped",
    "Shipped",
    "PartiallyDelivered",
    "Delivered",
)
_NEVER_SENT = (
    "Created",
    "Draft",
    "AddingItems",
    "ArrangingPayment",
    "ArrangingAdditionalPayment",
    "Modifying",
    "Cancelled",
)


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What docs/configuration.md calls a kind of value."""

    name: str


@dataclass(frozen=True, slots=True)
class Buffer:
    """Units held back from sale: a fixed number, or a share of what is available.

    Args:
        units: Units, when `percent` is 0.
        percent: Percent of the available units, 0 to 100.
    """

    units: int = 0
    percent: int = 0

    def held_back(self, available: int) -> int:
        """Units to hold back of so many available; a share is rounded up."""
        if self.percent:
            return -(-max(0, available) * self.percent // 100)
        return self.units

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent else str(self.units)


def closest(name: str, known: Iterable[str]) -> str:
    """``'; did you mean "…"?'`` where one of the known names is near, else an empty text."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


def unknown(missing: Iterable[str], there: Iterable[str], what: str) -> str:
    """That the shop has none of these names, each with the one that may be meant."""
    known = tuple(there)
    named = " and ".join(f'"{one}"{closest(one, known)}' for one in missing)
    return f"the shop has no {what} {named}"


def plain(text: str) -> str:
    """The text itself, where it holds neither control characters nor broken Unicode."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError("holds a control character or broken text; it must be one plain line")
    return text


def _trimmed(text: str) -> str:
    return plain(text.strip())


def _named(text: str) -> str:
    if not _trimmed(text):
        raise ValueError("must not be empty")
    return _trimmed(text)


def _country_code(text: str) -> str:
    code = _trimmed(text).upper()
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError('must be a country code of two letters, such as "CW"')
    return code


def _currency(text: str) -> str:
    code = _trimmed(text).upper()
    if code and not re.fullmatch(r"[A-Z]{3}", code):
        raise ValueError('must be a currency code of three letters, such as "USD"')
    return code


def _whole_path(text: str) -> str:
    text = _trimmed(text)
    if text and not text.startswith("/"):
        raise ValueError("must be a whole path, which begins with /")
    return text


def _textfile(text: str) -> str:
    text = _trimmed(text)
    if text and not (text.startswith("/") and text.endswith(".prom")):
        raise ValueError("must be a whole path that ends in .prom, or node_exporter passes it over")
    return text


def _zone(name: str) -> str:
    name = name.strip()
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = closest(name, available_timezones())
        raise ValueError(f'must be a time zone such as "UTC" or "America/New_York"{near}') from None
    return name


def _field_name(name: str) -> str:
    if name and not FIELD_NAME.fullmatch(name):
        raise ValueError("must be the name of a custom field, such as poNumber")
    return name


def _variable(text: str) -> str:
    name = _trimmed(text)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("must be the name of an environment variable, such as SLACK_TOKEN")
    if name.startswith(("VERACORE_", "VENDURE_")) or name in _OF_ITS_OWN:
        raise ValueError("must not be a variable that holds secrets of veracore-sync itself")
    return name


def _id_prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError('must be at most 8 of A-Z, a-z, 0-9 and "-"')
    return text


def _moment(value: object) -> object:
    right = "must be a moment with its offset, such as 2026-01-31T00:00:00Z"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(right) from None
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise ValueError(f"has no offset from UTC; it {right}")
    if isinstance(value, date) and not isinstance(value, datetime):
        raise ValueError(f"is a day without a time; it {right}")
    if not isinstance(value, datetime):
        raise ValueError(right)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(right) from None


def _buffer(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_UNITS:
        return Buffer(units=value)
    if isinstance(value, str):
        text = value.strip()
        percent = _PERCENT.fullmatch(text)
        if percent and int(percent[1]) <= 100:
            return Buffer(percent=int(percent[1]))
        if re.fullmatch(r"[0-9]{1,9}", text):
            return Buffer(units=int(text))
    if isinstance(value, Buffer):
        return value
    raise ValueError('must be whole units from 0, or a share such as "5%"')


def _state(text: str) -> str:
    text = _named(text)
    for state in _SHOP_STATES:
        if text.casefold() == state.casefold() and text != state:
            raise ValueError(f'is no state of Vendure; did you mean "{state}"?')
    if text.casefold() in {state.casefold() for state in _NEVER_SENT}:
        raise ValueError(
            f'"{text}" cannot trigger: an order in it is not ready to ship; "PaymentSettled" is'
        )
    return text


def _at_least_one(states: tuple[str, ...]) -> tuple[str, ...]:
    if not states:
        raise ValueError("must name at least one")
    return states


def _command(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError:
        raise ValueError("has an open quote; write the command as a list of words") from None


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    if words and not words[0].strip():
        raise ValueError("begins with an empty word; it must begin with a program")
    if any("\0" in word or not _is_unicode(word) for word in words):
        raise ValueError("holds a zero byte or broken text; it must be plain words")
    return words


def _is_unicode(text: str) -> bool:
    return not any(unicodedata.category(char) == "Cs" for char in text)


def _path(value: object) -> object:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("must be a path in quotes")
    plain(str(value))
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("begins with a ~ that has no home; write the whole path") from None


def _distinct(table: object) -> object:
    return _checked_names(table, _folded, ", which are the same without case")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _distinct_trimmed(table: object) -> object:
    return _checked_names(table, str, ", which are the same without spaces around them")


def _checked_names(table: object, fold: Callable[[str], str], why: str) -> object:
    if not isinstance(table, dict):
        return table
    seen: dict[str, str] = {}
    for name in map(str, table):
        other = seen.setdefault(fold(name.strip()), name)
        if other != name:
            raise ValueError(f'names "{other}" and "{name}"{why}; keep one')
    return table


Text = Annotated[str, AfterValidator(_trimmed)]
Name = Annotated[str, AfterValidator(_named)]
WholePath = Annotated[str, AfterValidator(_whole_path), ValueKind("whole path")]
Zone = Annotated[str, AfterValidator(_zone), ValueKind("time zone")]
OptionalZone = Annotated[
    str, AfterValidator(lambda name: _zone(name) if name.strip() else ""), ValueKind("time zone")
]
FieldName = Annotated[str, AfterValidator(_field_name)]
IdPrefix = Annotated[str, AfterValidator(_id_prefix)]
IdPrefixes = Annotated[tuple[IdPrefix, ...], Field(strict=False)]
Moment = Annotated[datetime, BeforeValidator(_moment), ValueKind("moment")]
Units = Annotated[int, Field(ge=1, le=_MOST_UNITS), ValueKind("units")]
Share = Annotated[int, Field(ge=0, le=100)]
HeldBack = Annotated[
    Buffer, BeforeValidator(_buffer), PlainSerializer(str), ValueKind("units or percent")
]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Variables = Annotated[tuple[Annotated[str, AfterValidator(_variable)], ...], Field(strict=False)]
Currency = Annotated[str, AfterValidator(_currency)]
CountryCodes = Annotated[
    tuple[Annotated[str, AfterValidator(_country_code)], ...], Field(strict=False)
]
States = Annotated[
    tuple[Annotated[str, AfterValidator(_state)], ...],
    Field(strict=False),
    AfterValidator(_at_least_one),
]
Command = Annotated[
    tuple[str, ...],
    Field(strict=False),
    BeforeValidator(_command),
    AfterValidator(_words),
    ValueKind("text or list of text"),
]
Textfile = Annotated[str, AfterValidator(_textfile), ValueKind("whole path ending in `.prom`")]
Location = Annotated[Path, BeforeValidator(_path), ValueKind("path")]
Distinct = BeforeValidator(_distinct)
DistinctCodes = BeforeValidator(_distinct_trimmed)

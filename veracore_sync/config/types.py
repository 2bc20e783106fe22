"""The kinds of values of settings, each with an error message that says what is allowed.

The `ValueError` texts below end up behind "<key> (<origin>): " in a `ConfigError`; they must make
sense there and must never quote a secret.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr

from veracore_sync.config.address import names_service
from veracore_sync.domain.lazy_pattern import lazy_pattern

FIELD_NAME = lazy_pattern(r"[_A-Za-z][_0-9A-Za-z]*")
_HEADER_NAME = lazy_pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "host",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_PREFIX = lazy_pattern(r"[A-Za-z0-9-]{0,8}")
# A password stands before an @, and a key behind a ?: neither is quoted.
_BARE_HOST = lazy_pattern(r"[\w-]+(\.[\w-]+)+(:\d+)?(/[\w./-]*)?")
_PERCENT = lazy_pattern(r"(\d{1,3})\s*%")
_MOST_UNITS = 1_000_000_000
_TOKEN_LEAST = 32
_TOKEN_DISTINCT = 8
_LOGIN_LEAST = 4
_OF_ITS_OWN = ("CREDENTIALS_DIRECTORY", "PGPASSWORD")
_SIGNING_LEAST = 24

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


_SCHEMA = lazy_pattern(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What docs/configuration.md calls a kind of value."""

    name: str


class _Called:
    """Marks an address that is called over HTTP."""


CALLED = _Called()


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


def _secret(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value())
    # What Vendure asks of its passwords; the other side chose it, so a stricter rule has no use.
    if 0 < len(text) < _LOGIN_LEAST:
        raise ValueError(
            f"is shorter than {_LOGIN_LEAST} characters, which no login is; copy it whole, or set "
            "a longer one there and here"
        )
    return value


def _proxy(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value().strip())
    if text and text != "none" and "://" not in text:
        # The address itself is not quoted: it may hold a password.
        raise ValueError('must be an address such as http://proxy.example.com:3128, or "none"')
    return SecretStr(text)


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


def _webhook_secret(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value())
    key = text.encode()
    if text.startswith("whsec_"):
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(
                'must be base64 after "whsec_", as VeraCore or `sign` gave it'
            ) from None
    # Whoever has one signed delivery can try keys as fast as a machine computes them.
    if text and len(key) < _SIGNING_LEAST:
        raise ValueError(
            f"is shorter than {_SIGNING_LEAST} bytes and could be guessed; make one with "
            '`echo "whsec_$(head -c 32 /dev/urandom | base64)"` and give it to the other side too'
        )
    return value


def _url(text: str) -> str:
    text = _trimmed(text).rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not an address; write it as https://host/path") from None
    if parts.scheme not in ("http", "https") or not host or " " in text:
        meant = f'; did you mean "https://{text}"?' if _BARE_HOST.fullmatch(text) else ""
        raise ValueError(f"must be an address such as https://host/path{meant}")
    if not _is_host(host):
        raise ValueError("has a host that no name server can know; write it as https://host/path")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password; they have settings of their own")
    if "?" in text or "#" in text:
        raise ValueError("must end with the path, without ? or #")
    return text


def _is_host(host: str) -> bool:
    if host.isascii():
        return ".." not in host
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _service_url(text: str) -> str:
    """As any address; of one that names a service, what follows the path is left out."""
    # The page of a service is pasted with its `?wsdl` or `?op=AddOrder`. Behind anything else a
    # query may be a key, and is refused.
    text = _trimmed(text)
    bare = re.split(r"[?#]", text, maxsplit=1)[0]
    return _url(bare if names_service(bare) else text)


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


def _header_name(name: str) -> str:
    name = name.strip()
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("must be the name of an HTTP header, such as vendure-token")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"must not be {name}, which HTTP uses itself")
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
Secret = Annotated[SecretStr, AfterValidator(_secret)]
"""A login that another side gave out."""


def _token(value: SecretStr) -> SecretStr:
    token = plain(value.get_secret_value())
    if token and (len(token) < _TOKEN_LEAST or not token.isascii() or not token.isprintable()):
        raise ValueError(f"must be at least {_TOKEN_LEAST} characters of plain ASCII; {_MAKE_ONE}")
    if " " in token:
        raise ValueError("must not hold spaces")
    if token and len(set(token)) < _TOKEN_DISTINCT:
        raise ValueError(f"is too easily guessed; {_MAKE_ONE}")
    return value


_MAKE_ONE = 'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def _database_url(text: str) -> str:
    text = text.strip()
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql://, for example postgresql://db.example/shop1")
    return text


def _schema_name(text: str) -> str:
    name = text.strip()
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_") or name in _NO_SCHEMAS:
        raise ValueError(
            "must be a schema of its own: at most 63 lower-case letters, digits and _, for "
            "example shop1"
        )
    return name


_NO_SCHEMAS = ("public", "information_schema")

Token = Annotated[
    SecretStr, AfterValidator(_token), ValueKind(f"secret, at least {_TOKEN_LEAST} characters")
]
"""A bearer token: long enough that nobody guesses it, and fit for a header."""

WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
Url = Annotated[str, AfterValidator(_url), ValueKind("address"), CALLED]
Link = Annotated[str, AfterValidator(_url), ValueKind("address")]
"""An address that is shown and never called."""
Proxy = Annotated[SecretStr, AfterValidator(_proxy), ValueKind("address or `none`")]
WholePath = Annotated[str, AfterValidator(_whole_path), ValueKind("whole path")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url), ValueKind("address")]
SchemaName = Annotated[str, AfterValidator(_schema_name)]
ServiceUrl = Annotated[str, AfterValidator(_service_url), ValueKind("address"), CALLED]
Zone = Annotated[str, AfterValidator(_zone), ValueKind("time zone")]
OptionalZone = Annotated[
    str, AfterValidator(lambda name: _zone(name) if name.strip() else ""), ValueKind("time zone")
]
FieldName = Annotated[str, AfterValidator(_field_name)]
HeaderName = Annotated[str, AfterValidator(_header_name), ValueKind("header name")]
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

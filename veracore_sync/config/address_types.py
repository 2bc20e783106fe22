"""The kinds of settings that name something in a network.

The `ValueError` texts below end up behind "<key> (<origin>): " in a `ConfigError`; they must make
sense there and must never quote a secret.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from veracore_sync.config.address import names_service
from veracore_sync.config.types import ValueKind, plain
from veracore_sync.domain.lazy_pattern import lazy_pattern

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
# A password stands before an @, and a key behind a ?: neither is quoted.
_BARE_HOST = lazy_pattern(r"[\w-]+(\.[\w-]+)+(:\d+)?(/[\w./-]*)?")
_SCHEMA = lazy_pattern(r"[a-z_][a-z0-9_]{0,62}")
_NO_SCHEMAS = ("public", "information_schema")


class _Called:
    """Marks an address that is called over HTTP."""


CALLED = _Called()


def _url(text: str) -> str:
    text = plain(text.strip()).rstrip("/")
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
    text = plain(text.strip())
    bare = re.split(r"[?#]", text, maxsplit=1)[0]
    return _url(bare if names_service(bare) else text)


def _proxy(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value().strip())
    if text and text != "none" and "://" not in text:
        # The address itself is not quoted: it may hold a password.
        raise ValueError('must be an address such as http://proxy.example.com:3128, or "none"')
    return SecretStr(text)


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


def _header_name(name: str) -> str:
    name = name.strip()
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("must be the name of an HTTP header, such as vendure-token")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"must not be {name}, which HTTP uses itself")
    return name


Url = Annotated[str, AfterValidator(_url), ValueKind("address"), CALLED]
Link = Annotated[str, AfterValidator(_url), ValueKind("address")]
"""An address that is shown and never called."""
Proxy = Annotated[SecretStr, AfterValidator(_proxy), ValueKind("address or `none`")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url), ValueKind("address")]
SchemaName = Annotated[str, AfterValidator(_schema_name)]
ServiceUrl = Annotated[str, AfterValidator(_service_url), ValueKind("address"), CALLED]
HeaderName = Annotated[str, AfterValidator(_header_name), ValueKind("header name")]

"""Addresses of a monitor that learns of each run, in the manner of Healthchecks."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from veracore_sync.config.address import is_loopback
from veracore_sync.config.types import ValueKind, plain

PLACE = "{job}"
"""Stands for the job in `hooks.ping_url`."""
PingedJob = Literal[
    "orders", "inventory", "tracking", "returns", "reconcile", "deliver", "prune", "backup"
]
"""The jobs that timers run, by the names of their units."""


def _address(value: SecretStr) -> SecretStr:
    text = plain(value.get_secret_value().strip())
    if not text:
        return SecretStr("")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or not text.isprintable() or " " in text:
        raise ValueError("must be an address such as https://hc-ping.com/your-uuid")
    if "@" in parts.netloc or "#" in text:
        raise ValueError("must not hold a user, a password or a #")
    return SecretStr(text)


def _template(value: SecretStr) -> SecretStr:
    address = _address(value)
    text = address.get_secret_value()
    if text and PLACE not in urlsplit(text).path:
        raise ValueError(
            "must hold {job} in its path, as each job has a check of its own, such as "
            "https://hc-ping.com/your-ping-key/veracore-{job}; hooks.ping_urls has an address for "
            "each job"
        )
    return address


def is_exposed(address: SecretStr) -> bool:
    """Whether it leads over http:// to another machine."""
    text = address.get_secret_value()
    return text.lower().startswith("http:") and not is_loopback(text)


PingAddress = Annotated[SecretStr, AfterValidator(_address), ValueKind("address")]
PingTemplate = Annotated[SecretStr, AfterValidator(_template), ValueKind("address")]

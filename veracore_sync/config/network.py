"""Hosts and networks as values of settings."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from veracore_sync.config.types import ValueKind, plain
from veracore_sync.domain.lazy_pattern import lazy_pattern

_HOST = lazy_pattern(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def _host(text: str) -> str:
    name = plain(text.strip()).lower().rstrip(".")
    bare = name.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    if not _HOST.fullmatch(name):
        raise ValueError(
            "must be a host name or an IP address without scheme, port or path, such as "
            "admin.example.com"
        )
    return name


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(plain(text.strip())))
    except ValueError:
        raise ValueError(
            "must be an IP address or a network, such as 127.0.0.1 or 10.1.0.0/16"
        ) from None


HostNames = Annotated[
    tuple[Annotated[str, AfterValidator(_host), ValueKind("host name")], ...], Field(strict=False)
]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network), ValueKind("network")], ...], Field(strict=False)
]

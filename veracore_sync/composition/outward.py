"""How each upstream is reached, as ``doctor`` tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from veracore_sync.config import Settings
from veracore_sync.domain.errors import ConfigError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.schedule import PINGED
from veracore_sync.transport.ways import (
    Upstream,
    tls_context,
    trusted,
    unreadable_exceptions,
    upstream_of,
    way_to,
)

_NAME = "network path"


def ways(settings: Settings, environ: Mapping[str, str]) -> Iterator[CheckResult]:
    """The way to each upstream that is configured; nothing is connected.

    Args:
        settings: All settings.
        environ: The environment.
    """
    upstreams = {
        "vendure.admin_api_url": upstream_of(
            "vendure", settings.vendure.admin_api_url, settings.vendure
        ),
        "veracore.api_url": upstream_of("veracore", settings.veracore.api_url, settings.veracore),
        "hooks.url": upstream_of("hooks", settings.hooks.url, settings.hooks),
        "hooks.ping_url": upstream_of("hooks", _pinged(settings), settings.hooks),
    }
    for key, upstream in upstreams.items():
        if upstream.url:
            yield _way(key, upstream, environ)
    for entry in unreadable_exceptions(environ):
        shown = entry if entry.isprintable() and "@" not in entry else "an entry"
        yield warn(
            _NAME,
            f"NO_PROXY: {shown} names neither a host nor a network, and is passed over",
            "write host names, addresses or networks such as 10.0.0.0/8, with commas between them",
        )
    if environ.get("SSLKEYLOGFILE"):
        yield warn(
            _NAME,
            "SSLKEYLOGFILE is set: the keys of every connection are written to a file",
            "unset it, and delete the file; who has it can read the credentials that were sent",
        )


def _pinged(settings: Settings) -> str:
    """The address that one of the jobs pings; empty if none does."""
    addresses = map(settings.hooks.ping_of, PINGED.values())
    return next((one for one in addresses if one), "")


def _way(key: str, upstream: Upstream, environ: Mapping[str, str]) -> CheckResult:
    try:
        way = way_to(upstream.url, upstream, environ)
        if upstream.url.startswith("https:"):
            tls_context(upstream, environ)
    except ConfigError as error:
        return fail(_NAME, error)
    _, origin = trusted(upstream, environ)
    whose = f"; it trusts {origin}" if origin and upstream.url.startswith("https:") else ""
    return ok(_NAME, f"{key} is reached {way.shown}{whose}")

"""The check of the warehouse, in the configured dialect and, if that fails, in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import ConfigError, SyncError, WrongEndpoint
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.ports.warehouse import Warehouse

OtherDialects = Mapping[str, Callable[[], Warehouse]]
"""By name, a function that connects to the same address in that dialect."""


def warehouse(
    settings: VeracoreSettings, client: Warehouse, others: OtherDialects
) -> Iterator[CheckResult]:
    """Check the warehouse: login and dialect.

    Args:
        others: The dialects that are not configured.
    """
    try:
        client.check_connection(None)
    except WrongEndpoint as error:
        yield fail("VeraCore", _other_dialect(settings, others) or error)
        return
    except SyncError as error:
        yield fail("VeraCore", error)
        return
    yield ok("VeraCore", f"logged in, it answers as {settings.dialect}")
    if client.is_sandbox:
        yield warn("VeraCore", "this is a simulator", "set veracore.api_url to the real VeraCore")


def _other_dialect(settings: VeracoreSettings, others: OtherDialects) -> ConfigError | None:
    """The error if the address answers in another dialect; ``None`` if it answers in none."""
    for name, connect in others.items():
        with closing(connect()) as client:
            try:
                client.check_connection(None)
            except SyncError:
                continue
        return ConfigError(
            f"veracore.api_url answers as {name}, not as {settings.dialect} "
            f"({settings.dialect_reason})",
            hint=f'set veracore.api = "{name}"',
        )
    return None

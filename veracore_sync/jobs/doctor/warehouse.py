"""What the warehouse says, in the dialect that is set and, where that fails, in the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import ConfigError, SyncError, WrongEndpoint
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.ports.warehouse import Warehouse

OtherDialects = Mapping[str, Callable[[], Warehouse]]
"""By name, what makes a client of the same address in that dialect."""


def warehouse(
    settings: VeracoreSettings, client: Warehouse, others: OtherDialects
) -> Iterator[CheckResult]:
    """Look at the warehouse; the first finding is whether it listens to us.

    Args:
        settings: ``[veracore]``.
        client: Of the warehouse.
        others: The dialects that are not set.
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
        yield warn("VeraCore", "this is a simulator", "set veracore.api_url for the real one")


def _other_dialect(settings: VeracoreSettings, others: OtherDialects) -> ConfigError | None:
    """What to say where the address speaks another dialect; ``None`` where it speaks none."""
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

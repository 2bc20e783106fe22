"""What the warehouse says, in the dialect that is set and, where that fails, in the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from veracore_sync.config import VeracoreSettings
from veracore_sync.errors import ConfigError, SyncError, WrongEndpoint
from veracore_sync.jobs.doctor.finding import Finding, fail, ok, warn
from veracore_sync.veracore.port import Warehouse

OTHER = {"oms": "rest", "rest": "oms"}


def warehouse(
    settings: VeracoreSettings, client: Warehouse, in_the_other_dialect: Callable[[], Warehouse]
) -> Iterator[Finding]:
    """Look at the warehouse; the first finding is whether it listens to us.

    Args:
        settings: ``[veracore]``.
        client: Of the warehouse.
        in_the_other_dialect: Makes a client of the same address in the other dialect.
    """
    try:
        client.control(None)
    except WrongEndpoint as error:
        yield fail("VeraCore", _dialect(settings, in_the_other_dialect) or error)
        return
    except SyncError as error:
        yield fail("VeraCore", error)
        return
    yield ok("VeraCore", f"logged in, it answers as {settings.dialect}")
    if client.is_sandbox:
        yield warn("VeraCore", "this is a simulator", "set veracore.api_url for the real one")


def _dialect(settings: VeracoreSettings, other: Callable[[], Warehouse]) -> ConfigError | None:
    """What to say where the address speaks the other dialect; ``None`` where it does not either."""
    spoken = OTHER[settings.dialect]
    try:
        other().control(None)
    except SyncError:
        return None
    return ConfigError(
        f"veracore.api_url answers as {spoken}, not as {settings.dialect} "
        f"({settings.dialect_reason})",
        hint=f'set veracore.api = "{spoken}"',
    )

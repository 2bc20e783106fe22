"""Opening a ledger. Only this module, outside of a backend's package, names a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.domain.errors import ConfigError
from veracore_sync.ledger.restored import Restored
from veracore_sync.ledger.sqlite import restoring
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.sqlite.file import HAS_WAL_RESET_BUG, SQLITE_VERSION, is_being_restored
from veracore_sync.ledger.stores import SqlLedger

if TYPE_CHECKING:
    from veracore_sync.config.services import LedgerSettings
    from veracore_sync.domain.ledger_server import LedgerServer
    from veracore_sync.ledger.database import Database
    from veracore_sync.ledger.postgres.database import PostgresPlace

__all__ = [
    "HAS_WAL_RESET_BUG",
    "SQLITE_VERSION",
    "Restored",
    "is_there",
    "open_ledger",
    "place_of",
    "restore",
    "server_of",
]


def open_ledger(
    place: Path | PostgresPlace | None,
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    hooks: Sequence[str] = (),
) -> SqlLedger:
    """Open a ledger; create or upgrade it if necessary.

    Args:
        place: The SQLite file, or the PostgreSQL schema; ``None``: in memory.
        read_only: Refuse every write (dry runs, ``stats``); the ledger must exist.
        clock: The clock for every time that is stored.
        hooks: The names of the hooks that get events; without any, no event is stored.

    Raises:
        LedgerError: It cannot be opened, or is damaged.
    """
    database: Database
    if place is None or isinstance(place, Path):
        database = SqliteDatabase(place, read_only=read_only)
    else:
        from veracore_sync.ledger.postgres.database import PostgresDatabase

        database = opened = PostgresDatabase(place, read_only=read_only)
        if clock is None or isinstance(clock, SystemClock):
            clock = opened.clock()
    return SqlLedger(database, clock or SystemClock(), hooks)


def place_of(settings: LedgerSettings) -> Path | PostgresPlace:
    """Where the settings put the ledger.

    Raises:
        ConfigError: PostgreSQL's client is not installed, or does not understand the address.
    """
    if not settings.url:
        return settings.path
    # The driver takes a tenth of a second to load, which a ledger in a file does not need.
    try:
        from veracore_sync.ledger.postgres.database import PostgresPlace
    except ImportError as error:
        raise ConfigError(
            "ledger.url: the driver for PostgreSQL is not installed",
            hint="install veracore-sync[postgres], which brings psycopg; or unset ledger.url",
        ) from error
    place = PostgresPlace(
        settings.url,
        settings.schema_name,
        settings.password.get_secret_value(),
        settings.lease_seconds,
    )
    place.check()
    return place


def is_there(place: Path | PostgresPlace) -> bool:
    """Whether there is a ledger at that place, or a restore is putting one there.

    Raises:
        LedgerError: The server cannot be asked.
    """
    if not isinstance(place, Path):
        from veracore_sync.ledger.postgres.database import exists

        return exists(place)
    # Without the second half, a dry run during a restore would plan with an empty ledger.
    return place.exists() or is_being_restored(place)


def server_of(place: Path | PostgresPlace) -> LedgerServer | None:
    """What is known of the server that keeps the ledger; ``None`` without one.

    Raises:
        LedgerError: It cannot be asked.
    """
    if isinstance(place, Path):
        return None
    from veracore_sync.ledger.postgres.database import PostgresDatabase

    with closing(PostgresDatabase(place, as_it_is=True)) as database:
        return database.server()


def restore(
    source: Path,
    place: Path | PostgresPlace,
    clock: Clock,
    examine: Callable[[SqlLedger], None],
) -> Restored:
    """Replace the ledger by a copy of a backup, and keep the old one.

    Args:
        source: A backup; it is not changed.
        place: The ledger.
        clock: This machine's.
        examine: Raises if the ledger must not be used here.

    Raises:
        LedgerError: The backup cannot be used, or the disk or the server failed. Nothing was
            replaced, or repeating the restore completes it.
        LockHeld: A run or a listener is active.
    """
    if isinstance(place, Path):
        return restoring.restore(source, place, clock, examine)
    from veracore_sync.ledger.postgres.restoring import restore as restore_schema

    return restore_schema(source, place, examine)

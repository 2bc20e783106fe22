"""Opening a ledger. Only this module, outside of a backend's package, names a backend."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from veracore_sync.clock import Clock, SystemClock, to_text
from veracore_sync.domain.errors import ConfigError, LedgerError, LockHeld, UsageError
from veracore_sync.files import expanded, resolved
from veracore_sync.ledger.backups import BackupFolder, BackupFound, Rotated
from veracore_sync.ledger.closed import being_rebuilt
from veracore_sync.ledger.restored import Restored
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.sqlite import restoring
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.sqlite.errors import ledger_errors, refuse_unwritable
from veracore_sync.ledger.sqlite.file import (
    HAS_WAL_RESET_BUG,
    SQLITE_VERSION,
    is_being_moved_in,
    is_being_restored,
)
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.ports.ledger import Ledger

if TYPE_CHECKING:
    from veracore_sync.config.services import LedgerSettings
    from veracore_sync.domain.ledger_server import LedgerServer
    from veracore_sync.ledger.database import Database
    from veracore_sync.ledger.moving import Moved, Side
    from veracore_sync.ledger.postgres.place import PostgresPlace

__all__ = [
    "HAS_WAL_RESET_BUG",
    "SQLITE_VERSION",
    "Restored",
    "Rotated",
    "back_up",
    "every_job",
    "is_there",
    "move",
    "open_ledger",
    "place_of",
    "read_backup",
    "refuse_unwritable",
    "restore",
    "server_of",
]


_MOVE = "ledger move"


def open_ledger(
    place: Path | PostgresPlace | None,
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    hooks: Sequence[str] = (),
    rebuilds: bool = False,
    as_it_is: bool = False,
) -> SqlLedger:
    """Open a ledger; create or upgrade it if necessary.

    Args:
        place: The SQLite file, or the PostgreSQL schema; ``None``: in memory.
        read_only: Refuse every write (dry runs, ``stats``); the ledger must exist.
        clock: The clock for every time that is stored.
        hooks: The names of the hooks that get events; without any, no event is stored.
        rebuilds: The caller fills it: it may be one that is being rebuilt.
        as_it_is: Also one that an earlier version wrote, without upgrading it. Only what every
            version has may be used of it: facts about it, its check, its backup.

    Raises:
        ConfigError: It was moved to another place, or is being rebuilt.
        LedgerError: It cannot be opened, is damaged, or is not complete.
    """
    database: Database
    if place is None or isinstance(place, Path):
        database = SqliteDatabase(place, read_only=read_only, as_it_is=as_it_is)
    else:
        from veracore_sync.ledger.postgres.database import PostgresDatabase

        database = opened = PostgresDatabase(place, read_only=read_only, as_it_is=as_it_is)
        if clock is None or isinstance(clock, SystemClock):
            clock = opened.clock()
    try:
        ledger = SqlLedger(database, clock or SystemClock(), hooks)
        if not read_only and not rebuilds and ledger.meta.rebuilding:
            raise being_rebuilt(ledger.place)
        return ledger
    except BaseException:
        # One that was moved away is refused; the connection must not stay.
        database.close()
        raise


def place_of(settings: LedgerSettings) -> Path | PostgresPlace:
    """Where the settings put the ledger.

    Raises:
        ConfigError: PostgreSQL's client is not installed, or does not understand the address.
    """
    if not settings.url:
        return settings.path
    # The driver takes a tenth of a second to load, which a ledger in a file does not need.
    try:
        from veracore_sync.ledger.postgres.place import PostgresPlace
    except ImportError as error:
        raise ConfigError(
            "ledger.url: the driver for PostgreSQL is not installed",
            hint="install veracore-sync[postgres], which brings psycopg (with the Debian package: "
            "libpq5); or unset ledger.url",
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
    """Whether there is a ledger at that place, or a restore or a move is putting one there.

    Raises:
        LedgerError: The server cannot be asked, or this user may not look into the folder.
    """
    if not isinstance(place, Path):
        from veracore_sync.ledger.postgres.migrations import exists

        return exists(place)
    with ledger_errors(place):
        # A folder that may not be entered is an error: to a newer Python nothing would exist in it.
        with suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
            return True
        # Without this, a dry run during a restore would plan with an empty ledger.
        return is_being_restored(place) or is_being_moved_in(place)


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


_DUMP = b"PGDMP"


def back_up(ledger: Ledger, folder: Path, now: datetime, keep: int | None) -> Rotated:
    """Put a backup into a folder, read it to its end, and keep only the newest ones there.

    Args:
        ledger: The ledger.
        folder: It exists.
        now: The time (UTC).
        keep: How many of this ledger's backups stay; ``None``: all.

    Raises:
        LedgerError: It could not be made, or is damaged; no older one was deleted.
    """
    suffix = ".db" if isinstance(ledger.place, Path) else ".dump"
    backups = BackupFolder(folder, ledger.meta.probe_id, suffix)
    return backups.add(ledger.upkeep.backup, read_backup, now, keep)


def read_backup(source: Path) -> BackupFound:
    """Read a backup to its end; it is not changed.

    Raises:
        LedgerError: It cannot be read, or is none of a ledger that this version knows.
    """
    try:
        with source.open("rb") as file:
            is_dump = file.read(len(_DUMP)) == _DUMP
    except OSError as error:
        raise LedgerError(
            f"{source}: {error.strerror}",
            hint="name a file that `veracore-sync ledger backup FILE` made",
        ) from None
    if not is_dump:
        return restoring.read_backup(source)
    from veracore_sync.ledger.postgres.dump import read_backup as read_dump

    return read_dump(source)


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


def move(
    settings: LedgerSettings,
    to: str,
    clock: Clock,
    examine: Callable[[SqlLedger], None],
    progress: Callable[[int], None] = lambda rows: None,
) -> Moved:
    """Move the ledger to a PostgreSQL address or to a file; ends an interrupted move.

    Args:
        settings: Where the ledger is; of PostgreSQL also schema and password, if it goes there.
        to: The address, or the path of the file.
        clock: The time.
        examine: Raises if the ledger must not be used here.
        progress: Called with how many rows were copied or compared.

    Raises:
        UsageError: It is there already.
        LockHeld: A job or a listener is at work; nothing was changed.
        ConfigError: The ledger was moved elsewhere, or belongs to another pair.
        LedgerError: It cannot be read or written, or the target is taken.
    """
    from veracore_sync.ledger import moving

    source, target = place_of(settings), place_of(_moved_settings(settings, to))
    if _is_same_file(source, target):
        raise UsageError(f"the ledger is at {source} already", hint="name another place")

    @contextmanager
    def in_use() -> Iterator[None]:
        # Opened here, which upgrades it.
        with closing(open_ledger(source, clock=clock)) as ledger:
            examine(ledger)
            with every_job(ledger, source, _MOVE, "moved"):
                yield

    sides = [_side_of(place, clock) for place in (source, target)]
    return moving.move(sides[0], sides[1], in_use, to_text(clock.now()), progress)


def _is_same_file(one: object, other: object) -> bool:
    if not isinstance(one, Path) or not isinstance(other, Path):
        return False
    return resolved(one) == resolved(other)


def _moved_settings(settings: LedgerSettings, to: str) -> LedgerSettings:
    if to.startswith(("postgresql://", "postgres://")):
        return settings.model_copy(update={"url": to})
    # Words like `host=db dbname=ledger` would be the name of a file here.
    if "://" in to or not to.strip() or re.match(r"\s*(host|hostaddr|dbname|service|user)\s*=", to):
        raise UsageError(
            "--to is neither an address of PostgreSQL nor a file",
            hint="for example --to postgresql://veracore@db.example/veracore, or "
            "--to /var/lib/veracore-sync/ledger.db",
        )
    return settings.model_copy(update={"url": "", "path": expanded(Path(to)).absolute()})


def _side_of(place: Path | PostgresPlace, clock: Clock) -> Side:
    if isinstance(place, Path):
        from veracore_sync.ledger.sqlite.moving import SqliteSide

        return SqliteSide(place, clock)
    from veracore_sync.ledger.postgres.moving import PostgresSide

    return PostgresSide(place)


@contextmanager
def every_job(
    ledger: Ledger, place: Path | PostgresPlace, command: str, done: str
) -> Iterator[None]:
    """Hold every job of the ledger at that place, while it is `done`: ``"moved"``, say.

    Raises:
        LockHeld: One is at work; nothing was changed.
    """
    with ExitStack() as stack:
        for job in JOBS:
            patience = _patience(ledger, place, job, command)
            try:
                stack.enter_context(ledger.runs.lock(job, command, wait_seconds=patience))
            except LockHeld as error:
                raise LockHeld(
                    f"{error.message}; nothing was {done}",
                    hint="stop the timers and the listeners on every host, then run it again",
                ) from None
        yield


def _patience(ledger: Ledger, place: Path | PostgresPlace, job: str, command: str) -> float:
    """How long to wait for a job: for the leases of such a command that was killed."""
    if isinstance(place, Path):
        return 0
    holder = ledger.runs.holder(job)
    return place.lease_seconds + 1 if holder is not None and holder.command == command else 0

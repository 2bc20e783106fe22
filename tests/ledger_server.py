"""A PostgreSQL for ledgers: one private cluster a test process, a new schema a ledger."""

from __future__ import annotations

import atexit
import itertools
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import quote

from pooler import PORT, pooled
from present import missing
from vendure_bed import BedBroken, BedMissing, PostgresCluster

from veracore_sync.ledger.postgres.place import PostgresPlace

_DATABASE = "ledger"
_numbers = itertools.count(1)


@cache
def cluster() -> PostgresCluster:
    """The cluster of this process, started on first use and removed at its end."""
    try:
        made = PostgresCluster()
        made.start()
    except (BedBroken, BedMissing, OSError) as error:
        missing(error)
    atexit.register(made.stop)
    made.ask("postgres", f"CREATE DATABASE {_DATABASE}")
    return made


def url() -> str:
    """The address of the ledgers' database."""
    return address(cluster().folder / "home")


def address(folder: Path, port: int = 5432) -> str:
    """The address of that database behind a socket in `folder`."""
    return f"postgresql://vendure@/{_DATABASE}?host={quote(str(folder))}&port={port}"


def new_place(lease_seconds: float = 60) -> PostgresPlace:
    """A schema that is not there yet."""
    return PostgresPlace(url(), f"ledger_{next(_numbers)}", lease_seconds=lease_seconds)


def end_leases(place: PostgresPlace, in_seconds: float = 0) -> None:
    """Let the leases of processes that were killed end, as time would.

    With short leases instead, the limits of each statement would be as short, and a busy machine
    exceeds those.
    """
    table = f"{place.schema}.leases"
    cluster().ask(
        _DATABASE,
        f"""
        DO $$ BEGIN IF to_regclass('{table}') IS NOT NULL THEN
            UPDATE {table} SET expires_at = clock_timestamp() + interval '{in_seconds} seconds'
            WHERE expires_at > clock_timestamp();
        END IF; END $$
        """,
    )


@cache
def pooler() -> Path:
    """The folder of a pooler in transaction mode before the cluster."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(pooled(cluster().folder / "home"))


def new_pooled_place() -> PostgresPlace:
    """A schema that is not there yet, by way of the pooler."""
    return replace(new_place(), url=address(pooler(), PORT))


def drop(place: PostgresPlace) -> None:
    """Remove a ledger."""
    cluster().ask(_DATABASE, f"DROP SCHEMA IF EXISTS {place.schema} CASCADE")


def restored(place: PostgresPlace, backup: Path) -> PostgresPlace:
    """The ledger of a backup, in a database of its own."""
    database = f"copy_{next(_numbers)}"
    cluster().ask("postgres", f"CREATE DATABASE {database}")
    target = place.url.replace(f"/{_DATABASE}?", f"/{database}?")
    subprocess.run(["pg_restore", "--no-owner", "-d", target, str(backup)], check=True)
    return PostgresPlace(target, place.schema)

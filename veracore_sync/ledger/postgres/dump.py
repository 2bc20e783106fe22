"""Backups with PostgreSQL's own program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from veracore_sync.domain.errors import LedgerError

if TYPE_CHECKING:
    from veracore_sync.ledger.postgres.database import PostgresPlace


def backup(place: PostgresPlace, target: Path) -> int:
    """Dump the ledger's schema into a new file of mode 0600; returns its size in bytes.

    Raises:
        LedgerError: It cannot be read or written, `target` exists, or there is no ``pg_dump``.
    """
    if os.path.lexists(target):
        raise LedgerError(f"{target} exists already", hint="name a file that does not exist")
    program = shutil.which("pg_dump")
    if program is None:
        raise LedgerError(
            "there is no pg_dump on this machine",
            hint="install PostgreSQL's client programs, or let the server's own backups have the "
            f"schema {place.schema}",
        )
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _dump(program, place, partial)
        partial.rename(target)
    except OSError as error:
        raise LedgerError(
            f"{target}: {error.strerror}", hint="check the folder and its free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _dump(program: str, place: PostgresPlace, partial: Path) -> None:
    given = conninfo_to_dict(place.conninfo)
    # Not among the arguments, which every user of the machine can read.
    password = given.pop("password", None)
    environ = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    command = [program, "--format=custom", "--no-owner", f'--schema="{place.schema}"', "-w"]
    command += ["--file", str(partial), "--dbname", make_conninfo("", **given)]
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise LedgerError(
            f"pg_dump failed: {said[-1] if said else done.returncode}",
            hint="pg_dump must not be older than the server; nothing was changed",
        )

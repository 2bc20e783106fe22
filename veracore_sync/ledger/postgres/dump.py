"""Backups with PostgreSQL's own program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from veracore_sync.child_environment import for_child
from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import put_in_place
from veracore_sync.ledger.backups import BackupFound, being_made, exists_already

if TYPE_CHECKING:
    from veracore_sync.ledger.postgres.place import PostgresPlace


def backup(place: PostgresPlace, target: Path) -> int:
    """Dump the ledger's schema into a new file of mode 0600; returns its size in bytes.

    Raises:
        LedgerError: It cannot be read or written, `target` exists, or there is no ``pg_dump``.
    """
    if os.path.lexists(target):
        raise exists_already(target)
    program = client_program("pg_dump")
    partial = being_made(target)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        options = ["--format=custom", "--no-owner", f'--schema="{place.schema}"', "-w"]
        run_client([program, *options, "--file", str(partial)], place)
        size = partial.stat().st_size
        put_in_place(partial, target)
    except FileExistsError:
        raise exists_already(target) from None
    except OSError as error:
        raise LedgerError(
            f"{target}: {error.strerror}", hint="check the folder and its free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return size


def read_backup(source: Path) -> BackupFound:
    """Read a dump to its end, as a restore would.

    Raises:
        LedgerError: There is no ``pg_restore``, or it is of an older version.
    """
    program = client_program("pg_restore")
    try:
        run_client([program, "--file", os.devnull, str(source.absolute())])
    except LedgerError as error:
        if error.hint == _TOO_OLD:
            raise
        said = error.message
        return BackupFound([said.partition("; nothing")[0]])
    return BackupFound([])


def client_program(name: str) -> str:
    """The path of one of PostgreSQL's client programs.

    Raises:
        LedgerError: It is not on this machine.
    """
    found = shutil.which(name)
    if found is None:
        raise LedgerError(
            f"there is no {name} on this machine",
            hint="install PostgreSQL's client programs, of the server's version or newer; or let "
            "the server's own backups have the schema",
        )
    return found


_TOO_OLD = (
    "it is older than the pg_dump that made the backup: install the client programs of that version"
)
_HINTS = (
    (
        "server version mismatch",
        "it is older than the server: install the client programs of the server's version",
    ),
    ("unsupported version", _TOO_OLD),
    (
        "unrecognized configuration parameter",
        "the server is older than the client programs on this machine: restore with those of the "
        "server's version",
    ),
    (
        "permission denied",
        "the ledger's user needs CREATE on the database, and must own the schema",
    ),
    ("must be owner", "the ledger's user must own the schema and its tables"),
)


def run_client(command: list[str], place: PostgresPlace | None = None) -> str:
    """Run one of PostgreSQL's client programs; returns what it printed.

    Args:
        command: The program and its arguments.
        place: Where it connects to; ``None``: nowhere.

    Raises:
        LedgerError: It failed.
    """
    # The messages are searched for words.
    libpq = [name for name in os.environ if name.startswith("PG")]
    environ = {**for_child(os.environ, libpq), "LC_ALL": "C"}
    if place is not None:
        given = conninfo_to_dict(place.conninfo)
        # Not among the arguments, which every user of the machine can read.
        password = given.pop("password", None)
        if password:
            environ["PGPASSWORD"] = str(password)
        command = [*command, "--dbname", make_conninfo("", **given)]
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise _failed(Path(command[0]).name, done.stderr, done.returncode)
    return done.stdout


def _failed(program: str, stderr: str, code: int) -> LedgerError:
    # The first line that says it: those behind it may quote values of a row.
    lines = [line.strip() for line in stderr.splitlines() if "rror:" in line.lower()]
    said = lines[0].split("rror:", 1)[-1].split("RROR:", 1)[-1].strip() if lines else str(code)
    known = next((hint for words, hint in _HINTS if words in stderr), "")
    hint = known or "look into the server's log, then try again"
    return LedgerError(f"{program} failed: {said}; nothing was changed", hint=hint)

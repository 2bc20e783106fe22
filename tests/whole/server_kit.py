"""A durable PostgreSQL that dies, comes up again, and has a standby to take its place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from present import missing

DATABASE = "ledger"
_USER = "vendure"
_PORT = 5432


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found:
        return found[-1]
    where = shutil.which("initdb")
    if where is None:
        missing("PostgreSQL is not installed")
    return Path(where).parent


class Node:
    """One PostgreSQL in a folder of its own, reached by a unix socket in it.

    Args:
        folder: Which is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bin = _binaries()
        self._as = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o755)
        if self._as:
            shutil.chown(folder, self._as, self._as)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            cwd="/",
            capture_output=True,
            user=self._as,
            group=self._as,
            extra_groups=[] if self._as else None,
            timeout=600,
        )
        assert done.returncode == 0, (name, done.stderr[-2000:])

    def create(self) -> None:
        """An empty database."""
        self.tool("initdb", "-D", str(self.data), "-U", _USER, "-A", "trust", "--locale=C.UTF-8")
        self.start()
        with self.connected("postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = ("listen_addresses=", "shared_buffers=64MB", "max_connections=120")
        command = [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        for one in settings:
            command += ["-c", one]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                stdout=log,
                stderr=log,
                user=self._as,
                group=self._as,
                extra_groups=[] if self._as else None,
            )
        deadline = time.monotonic() + 600
        while True:
            with suppress(psycopg.OperationalError), self.connected("postgres"):
                return
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def crash(self) -> None:
        """End it without a checkpoint, as a loss of power would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)

    def stop(self) -> None:
        """End it in good order, as an upgrade of its package does; clients are cut off."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def follow(self, primary: Node) -> None:
        """Become a standby of another, from a fresh copy of it."""
        shutil.rmtree(self.data, ignore_errors=True)
        where = f"host={primary.folder} port={_PORT} user={_USER} application_name=standby"
        self.tool("pg_basebackup", "-D", str(self.data), "-R", "-c", "fast", "-d", where)
        self.start()

    def promote(self) -> None:
        """Take the primary's place."""
        self.tool("pg_ctl", "promote", "-D", str(self.data), "-w")

    def dump(self, target: Path) -> None:
        """Write all that it has in the ledger's database as a script."""
        where = f"host={self.folder} port={_PORT} user={_USER} dbname={DATABASE}"
        self.tool("pg_dump", "-d", where, "-f", f"{self.folder}/dump.sql")
        shutil.copy(self.folder / "dump.sql", target)

    def connected(self, database: str = DATABASE) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the test."""
        return psycopg.connect(
            host=str(self.folder), port=_PORT, user=_USER, dbname=database, autocommit=True
        )


def address(*folders: Path, port: int = _PORT) -> str:
    """The database behind one of those sockets: that which accepts writes, where there are more."""
    hosts = ",".join(quote(str(one), safe="") for one in folders)
    ports = ",".join(str(port) for _ in folders)
    more = "&target_session_attrs=read-write" if len(folders) > 1 else ""
    return f"postgresql:///{DATABASE}?user={_USER}&host={hosts}&port={ports}{more}"


@contextmanager
def node_pair() -> Iterator[tuple[Node, Node]]:
    """A server that runs, and the place for its standby."""
    with ExitStack() as stack:
        # Run by another user it could not enter a folder of mode 0700, as pytest's are.
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="hosts-", dir="/tmp"))
        Path(made).chmod(0o777)
        nodes = Node(Path(made) / "a"), Node(Path(made) / "b")
        for one in nodes:
            stack.callback(one.crash)
        nodes[0].create()
        yield nodes

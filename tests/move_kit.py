"""A ledger with rows in every table, moved by a real process that may be killed at any moment."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ledger_server

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import SyncError
from veracore_sync.ledger.closed import ABOUT_MOVES, MOVED
from veracore_sync.ledger.moving import Contents, Side, in_order
from veracore_sync.ledger.opening import is_there, open_ledger
from veracore_sync.ledger.postgres.moving import PostgresSide
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.sqlite.moving import SqliteContents, SqliteSide
from veracore_sync.ledger.stores import SqlLedger

Place = Path | PostgresPlace
_BETWEEN = 0.004
_AT_A_STEP = 0.3
LATE = ("move copied", "move sealed", "move put aside")


def fill(ledger: SqlLedger, count: int) -> None:
    """Store rows in every table that the schema has, with a value in every column."""
    with closing(open_ledger(None)) as pattern:
        connection = pattern.database.connection  # type: ignore[attr-defined]
        tables = SqliteContents(connection).tables()
        shapes = {name: _shape(connection, name) for name in tables}
    with ledger.database.transaction() as transaction:
        for name in in_order(tables):
            if name == "meta":
                continue
            columns = shapes[name]
            statement = (
                f"INSERT INTO {name} ({', '.join(columns)}) "
                f"VALUES ({', '.join('?' * len(columns))})"
            )
            transaction.executemany(
                statement, [[_value(columns[one], one, n) for one in columns] for n in range(count)]
            )


def _shape(connection: Any, table: str) -> dict[str, tuple[str, tuple[str, ...], bool]]:
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    found = {}
    numbers = connection.execute(f"PRAGMA table_info({table})").fetchall()
    keys = [row["name"] for row in numbers if row["pk"]]
    for row in numbers:
        column = row["name"]
        words = re.search(rf"CHECK \({column} IN \((.*?)\)\)", sql, re.DOTALL)
        allowed = tuple(re.findall(r"'(\w+)'", words.group(1))) if words else ()
        # Numbered by the ledger itself.
        if keys == [column] and row["type"] == "INTEGER":
            continue
        required = bool(row["notnull"] or row["pk"])
        found[column] = (row["type"], allowed, required)
    return found


def _value(shape: tuple[str, tuple[str, ...], bool], column: str, n: int) -> Any:
    kind, allowed, required = shape
    if not required and n % 3 == 2:
        return None
    if allowed:
        return allowed[n % len(allowed)]
    if column == "seq":
        return n + 1
    if kind == "INTEGER":
        return n * 1_000_003
    if kind == "REAL":
        return n / 7
    return f"C{n}" if column == "code" else f"{column} {n} ü 🚚 \\ \t\n'\""


def contents(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a ledger, whether commands may use it or not."""
    with _whole(place) as found:
        return {
            name: sorted(
                (row for row in found.rows(name, table) if row[0] not in ABOUT_MOVES), key=repr
            )
            for name, table in found.tables().items()
        }


@contextmanager
def _whole(place: Place) -> Iterator[Contents]:
    with _side(place).frozen() as found:
        yield found


def _side(place: Place) -> Side:
    return SqliteSide(place, SystemClock()) if isinstance(place, Path) else PostgresSide(place)


def accepts(place: Place, key: str) -> bool:
    """Whether the ledger at that place accepts a write of a new process."""
    try:
        # None is made where there is none.
        if not is_there(place):
            return False
        with closing(open_ledger(place)) as ledger:
            ledger.meta.put(key, "written")
    except SyncError:
        return False
    return True


@dataclass
class Bed:
    """Two places, of which one has the ledger.

    Args:
        folder: Of the file.
        server: The schema.
    """

    folder: Path
    server: PostgresPlace
    accepted: list[str] = field(default_factory=list)
    took: float = 0.0

    @property
    def path(self) -> Path:
        return self.folder / "ledger.db"

    def places(self, *, back: bool) -> tuple[Place, Place]:
        """Whence and whereto."""
        return (self.server, self.path) if back else (self.path, self.server)

    def env(self, *, back: bool) -> dict[str, str]:
        """The environment that configures the command."""
        env = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
            if name in os.environ
        }
        env |= {
            "VENDURE_ADMIN_API_URL": "http://127.0.0.1:9/admin-api",
            "VENDURE_USERNAME": "u",
            "VENDURE_PASSWORD": "pass",
            "VERACORE_API_URL": "http://127.0.0.1:9",
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            "VERACORE_SYNC_LEDGER__PATH": str(self.path),
            "VERACORE_SYNC_LEDGER__SCHEMA_NAME": self.server.schema,
        }
        return env | ({"VERACORE_SYNC_LEDGER__URL": self.server.url} if back else {})

    def start(self, *, back: bool, failpoint: str = "") -> subprocess.Popen[str]:
        """Start the command."""
        failing = {"VERACORE_SYNC_TEST_FAILPOINT": failpoint} if failpoint else {}
        to = str(self.path) if back else self.server.url
        words = [sys.executable, "-m", "veracore_sync", "ledger", "move", "--to", to, "--json"]
        return subprocess.Popen(
            words,
            env=self.env(back=back) | failing,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *, back: bool, failpoint: str = "") -> tuple[int, str, str]:
        """Run the command to its end: exit code, stdout and stderr."""
        process = self.start(back=back, failpoint=failpoint)
        out, err = process.communicate(timeout=600)
        assert "Traceback" not in err, err
        if process.returncode == -signal.SIGKILL:
            ledger_server.end_leases(self.server, in_seconds=1)
        return process.returncode, out, err

    def never_two(self, key: str) -> list[Place]:
        """Try to write to both; at most one accepts, and what it accepts must not be lost."""
        takers = [place for place in (self.path, self.server) if accepts(place, key)]
        assert len(takers) <= 1, takers
        if takers:
            self.accepted.append(key)
        return takers

    def nothing_lost(self, place: Place) -> None:
        """Check that what was accepted, and what was there at first, is in the ledger there."""
        held = {row[0] for row in contents(place)["meta"]}
        assert set(self.accepted) <= held, sorted(set(self.accepted) - held)


@dataclass
class Writer:
    """Writes to both places all the time, by new openings and by one that it keeps open.

    Args:
        bed: The two places.
    """

    bed: Bed
    written: list[str] = field(default_factory=list)
    unexpected: list[Exception] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Writes during the block."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(60)
            self.bed.accepted += self.written
        assert not self.unexpected, self.unexpected

    def _work(self) -> None:
        kept: dict[int, SqlLedger] = {}
        number = 0
        try:
            while not self._ended.is_set():
                for side, place in enumerate((self.bed.path, self.bed.server)):
                    number += 1
                    self._write(kept, side, place, f"w:{id(self)}:{number}")
                time.sleep(_BETWEEN)
        except Exception as error:  # noqa: BLE001 - shown in the test's own thread
            self.unexpected.append(error)
        finally:
            for ledger in kept.values():
                ledger.close()

    def _write(self, kept: dict[int, SqlLedger], side: int, place: Place, key: str) -> None:
        try:
            if side not in kept:
                if not is_there(place):
                    return
                kept[side] = open_ledger(place)
            kept[side].meta.put(key, "written")
            self.written.append(key)
        except SyncError:
            # One that was opened before a move stays open for a while: it must be refused, too.
            if random.random() < 0.2 and side in kept:
                kept.pop(side).close()


def kill_moves(bed: Bed, kills: int, seed: int) -> Counter[str]:
    """Move there and back, each move killed at random moments and repeated; what the kills met."""
    chance = random.Random(seed)
    met: Counter[str] = Counter()
    back, took = False, 0.0
    while met["killed"] < kills:
        source, target = bed.places(back=back)
        before = _rows(source)
        with Writer(bed).at_work():
            # The first moves there and back are only timed.
            lives = chance.randint(1, 4) if met["moved"] >= 2 else 0
            while not _one_life(bed, met, chance, took, back=back, killed=lives > 0):
                lives -= 1
                met[_state(source, target)] += 1
                bed.never_two(f"k:{met['killed']}")
            if met["moved"] < 2:
                took = max(took, bed.took)
        met["moved"] += 1
        bed.nothing_lost(target)
        assert _rows(target) == before
        assert bed.never_two(f"m:{met['moved']}") == [target]
        back = not back
    return met


def _rows(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows for name, rows in contents(place).items() if name != "meta"}


def _one_life(
    bed: Bed, met: Counter[str], chance: random.Random, took: float, *, back: bool, killed: bool
) -> bool:
    """Start the move, perhaps kill it; whether it came to its end."""
    began = time.monotonic()
    # Random moments seldom meet the short steps after the copying.
    at_a_step = killed and chance.random() < _AT_A_STEP
    process = bed.start(back=back, failpoint=f"{chance.choice(LATE)}:kill" if at_a_step else "")
    if killed and not at_a_step:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.4, 1.0) * took)
        process.send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    bed.took = time.monotonic() - began
    if process.returncode == 0:
        return True
    assert process.returncode == -signal.SIGKILL, (process.returncode, err)
    met["killed"] += 1
    ledger_server.end_leases(bed.server)
    return False


def _state(source: Place, target: Place) -> str:
    sides = [_side(place) for place in (source, target)]
    found, coming, there = sides[0].facts() or {}, sides[1].incoming(), sides[1].facts()
    if MOVED not in found:
        return "before the seal" if coming is not None else "before anything"
    is_live = coming is None and there is not None and MOVED not in there
    return "after the move" if is_live else "between seal and opening"

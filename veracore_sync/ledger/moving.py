"""Moving the ledger to another place, so that never two ledgers accept a write.

The old ledger is frozen: no process writes to it from before the first row is read until it is
sealed. The new one is made where no command can use it, filled and compared row by row; then the
old one is sealed, which is the moment of the move; then the new one is opened. A move that is
killed before that moment has done nothing, and the next begins anew, because the old ledger may
have been written to since. One that is killed after it has only the opening left.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from veracore_sync.domain.errors import LedgerError
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.ledger.closed import ABOUT_MOVES, ARRIVED, INCOMING, MOVED, refuse_closed
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.sql import in_sql

Row = tuple[Any, ...]
Facts = dict[str, str]
FACTS = (*ABOUT_MOVES, "probe_id")
"""What a move reads of `meta`; the probe id is drawn once a ledger and tells which one it is."""
_REPORTED_AT_ONCE = 100
_FACTS = f"SELECT key, value FROM meta WHERE key IN ({in_sql(FACTS)})"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Table:
    """A table that both backends have.

    Args:
        columns: Sorted by name.
        references: The tables that must be filled before.
    """

    columns: tuple[str, ...]
    references: frozenset[str]

    @property
    def listed(self) -> str:
        """The columns, as SQL."""
        return ", ".join(f'"{column}"' for column in self.columns)


class Contents(Protocol):
    """The rows of one ledger within a transaction that keeps every other writer out."""

    def facts(self) -> Facts:
        """`FACTS` of this ledger."""

    def tables(self) -> dict[str, Table]:
        """Every table but those that a backend has for itself."""

    def rows(self, name: str, table: Table) -> Iterator[Row]:
        """The rows of a table, in any order, a batch at a time in memory."""

    def fitting(self, row: Row) -> Row:
        """A row as this backend can keep it."""

    def put(self, name: str, table: Table, rows: Iterable[Row]) -> None:
        """Store rows, a batch at a time in memory."""

    def numbers(self) -> dict[str, int]:
        """The last number that each table that numbers its rows has given."""

    def continue_after(self, numbers: Mapping[str, int]) -> None:
        """Give only greater numbers from now on."""

    def note(self, key: str, value: str) -> None:
        """Set a value in `meta`."""

    def seal(self) -> None:
        """Refuse every later write, also by processes that have the ledger open."""


class SharedContents:
    """What both backends say in the same SQL."""

    def __init__(self, statements: Transaction) -> None:
        self._statements = statements

    def facts(self) -> Facts:
        """`FACTS` of this ledger."""
        return {row[0]: row[1] for row in self._statements.execute(_FACTS).fetchall()}

    def note(self, key: str, value: str) -> None:
        """Set a value in `meta`."""
        self._statements.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )


class Side(Protocol):
    """A place where a ledger is, or will be."""

    @property
    def name(self) -> str:
        """The place in words, without secrets."""

    @property
    def setting(self) -> str:
        """What to set so that commands use this place."""

    def facts(self) -> Facts | None:
        """`FACTS` of the ledger at this place; ``None`` if there is none."""

    def incoming(self) -> Facts | None:
        """`FACTS` of the ledger that is being made here; ``None`` if there is none."""

    def frozen(self) -> AbstractContextManager[Contents]:
        """The ledger for reading and sealing; stored at the end."""

    def reserved(self) -> AbstractContextManager[None]:
        """Keep other processes of this program from replacing what is here."""

    def prepare(self, marker: str, check: Callable[[Facts | None], None]) -> None:
        """Make an empty ledger that no command can use, instead of one that is sealed.

        Args:
            marker: For `INCOMING`.
            check: Raises if what is at this place must not be replaced.
        """

    def filling(self) -> AbstractContextManager[Contents]:
        """The ledger that is being made; stored at the end."""

    def go_live(self, move: str) -> str | None:
        """Let commands use the ledger that came by that move; what was kept of an old one."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a move.

    Args:
        source: The place of the old ledger.
        target: The place of the new one.
        rows: How many rows each table has.
        kept: Where an old, sealed ledger was put that was in the way; ``None`` if none was.
        setting: What to set now.
    """

    source: str
    target: str
    rows: Mapping[str, int]
    kept: str | None
    setting: str


@dataclass
class _Seen:
    """Tells how many rows of all tables were copied or compared, some at a time."""

    progress: Callable[[int], None]
    rows: int = 0

    def one_more(self) -> None:
        self.rows += 1
        if self.rows % _REPORTED_AT_ONCE == 0:
            self.progress(self.rows)


@dataclass
class _Sum:
    """A count and a checksum of rows, whatever their order."""

    seen: _Seen = field(compare=False)
    count: int = 0
    total: int = field(default=0)

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, counted."""
        for row in rows:
            digest = blake2b(repr(row).encode(), digest_size=16).digest()
            self.total = (self.total + int.from_bytes(digest, "big")) % (1 << 128)
            self.count += 1
            self.seen.one_more()
            yield row


def move(
    source: Side,
    target: Side,
    in_use: Callable[[], AbstractContextManager[None]],
    now: str,
    progress: Callable[[int], None] = lambda rows: None,
) -> Moved:
    """Move a ledger, or end a move that was interrupted.

    Args:
        source: Where it is.
        target: Where it shall be.
        in_use: Opens and upgrades the old ledger, checks whose it is, and takes every job's lock.
        now: The time, for the seal.
        progress: Called with how many rows were copied or compared.

    Raises:
        LockHeld: A job or a listener is at work; nothing was changed.
        ConfigError: The ledger has been moved elsewhere.
        LedgerError: It cannot be read or written, or the target is taken. The old ledger goes on,
            or repeating the move completes it.
    """
    found = source.facts()
    if found is None:
        raise LedgerError(
            f"there is no ledger at {source.name}", hint="check ledger.path and ledger.url"
        )
    if INCOMING in found:
        refuse_closed(found, source.name)
    with target.reserved():
        if MOVED in found:
            return _ended(source, target, found)
        with in_use(), source.frozen() as old:
            # Again: another move may have ended while this one waited.
            found = old.facts()
            refuse_closed(found, source.name)
            number = secrets.token_hex(8)
            rows = _copied(old, target, number, found, progress)
            pass_failpoint("move copied")
            seal = {
                "id": number,
                "to": target.name,
                "hint": f"on every host, {target.setting}",
                "at": now,
                "rows": rows,
            }
            old.note(MOVED, json.dumps(seal))
            old.seal()
        pass_failpoint("move sealed")
        kept = target.go_live(number)
    pass_failpoint("move done")
    return Moved(source.name, target.name, rows, kept, target.setting)


def _ended(source: Side, target: Side, found: Facts) -> Moved:
    """End the move that sealed the source."""
    seal = json.loads(found[MOVED])
    coming, there = target.incoming(), target.facts()
    kept = None
    if coming is not None and coming.get(ARRIVED) == seal["id"]:
        kept = target.go_live(seal["id"])
    elif there is None or there.get(ARRIVED) != seal["id"]:
        refuse_closed(found, source.name)
    else:
        refuse_closed(there, target.name)
    return Moved(source.name, target.name, seal["rows"], kept, target.setting)


def _copied(
    old: Contents, target: Side, number: str, found: Facts, progress: Callable[[int], None]
) -> dict[str, int]:
    probe = found.get("probe_id", "")

    def check(there: Facts | None) -> None:
        _refuse_taken(target, there, probe)

    check(target.incoming())
    check(target.facts())
    target.prepare(json.dumps({"id": number, "probe": probe}), check)
    pass_failpoint("move prepared")
    with target.filling() as new:
        tables = old.tables()
        if tables != new.tables():
            raise LedgerError(
                "the two ledgers have not the same tables; nothing was changed",
                hint="move it with the version of veracore-sync that wrote it last",
            )
        seen = _Seen(progress)
        counts = {name: _copy(old, new, name, tables[name], seen) for name in in_order(tables)}
        new.continue_after(old.numbers())
        new.note(ARRIVED, number)
        pass_failpoint("move compared")
    return counts


def _refuse_taken(target: Side, there: Facts | None, probe: str) -> None:
    if not there:
        return
    if INCOMING in there:
        if json.loads(there[INCOMING])["probe"] != probe:
            raise LedgerError(
                f"another ledger is being moved to {target.name}; nothing was changed",
                hint="end that move first, or name another place",
            )
    elif MOVED not in there or there.get("probe_id") != probe:
        raise LedgerError(
            f"there is a ledger at {target.name} already; nothing was changed",
            hint="name another place; or, if a command made it there by mistake and it holds "
            "nothing, remove it first",
        )


def _copy(old: Contents, new: Contents, name: str, table: Table, seen: _Seen) -> int:
    ours, theirs = _Sum(seen), _Sum(seen)
    new.put(name, table, ours.over(_to_copy(map(new.fitting, old.rows(name, table)), name, table)))
    for _ in theirs.over(_to_copy(new.rows(name, table), name, table)):
        pass
    if ours != theirs:
        raise LedgerError(
            f"the copy of the table {name} differs from the original; nothing was changed",
            hint="run the move again; if this repeats, check both disks",
        )
    return ours.count


def _to_copy(rows: Iterable[Row], name: str, table: Table) -> Iterable[Row]:
    if name != "meta":
        return rows
    key = table.columns.index("key")
    return (row for row in rows if row[key] not in ABOUT_MOVES)


def in_order(tables: Mapping[str, Table]) -> Sequence[str]:
    """The tables, each after those that it refers to."""
    done: list[str] = []
    while len(done) < len(tables):
        done += sorted(
            name
            for name, table in tables.items()
            if name not in done and table.references - {name} <= set(done)
        )
    return done

"""The stores' SQL as PostgreSQL takes it: placeholders, lists, values and rows.

The stores write what both backends understand. What is left is here: numbered placeholders, a list
as one parameter, and ``IS NOT`` between values. The functions of two values that SQLite has and
PostgreSQL has not (``min``, ``max``, ``json_extract``) are in the schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Any

from psycopg import Connection, Cursor
from psycopg.adapt import Buffer, Loader
from psycopg.sql import Literal
from psycopg.types.string import StrDumper

_AT_ONCE = 200
_PLACE = re.compile(r"\$(\d+)")
_MARK = re.compile(r"'[^']*'|::|\?(\d*)|:([a-z_]+)")


class NamedRow(tuple[Any, ...]):
    """A row, with columns by name or by number, as SQLite's."""

    _names: list[str]

    def __getitem__(self, column: Any) -> Any:
        if isinstance(column, str):
            return super().__getitem__(self._names.index(column))
        return super().__getitem__(column)

    def keys(self) -> list[str]:
        """The names of the columns."""
        return self._names


def rows_of(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], NamedRow]:
    """The maker of `NamedRow`: psycopg's row factory."""
    names = [column.name for column in cursor.description or ()]

    def make(values: Sequence[Any]) -> NamedRow:
        row = NamedRow(values)
        row._names = names
        return row

    return make


@cache
def translated(sql: str) -> tuple[str, tuple[int | str, ...]]:
    """A statement with PostgreSQL's placeholders, and the place or name of each one's value."""
    wanted: list[int | str] = []

    def place(found: re.Match[str]) -> str:
        number, name = found.group(1), found.group(2)
        if number is None and name is None:
            return found.group()
        key: int | str = name or (int(number) - 1 if number else len(wanted))
        if key not in wanted:
            wanted.append(key)
        return f"${wanted.index(key) + 1}"

    text = _MARK.sub(place, sql)
    text = re.sub(r"json_each\((\$\d+)\)", r"json_array_elements_text(CAST(\1 AS json))", text)
    return re.sub(r"\bIS NOT (\$\d+)", r"IS DISTINCT FROM \1", text), tuple(wanted)


def bound(parameters: Sequence[Any] | Mapping[str, Any], wanted: Sequence[int | str]) -> list[Any]:
    """The values of a statement in the order of its placeholders."""
    if not wanted:
        return []
    pick: Any = itemgetter(*wanted)
    found = pick(parameters)
    return [_value(found)] if len(wanted) == 1 else list(map(_value, found))


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        # PostgreSQL cannot keep this character; what the shop or VeraCore says may have it.
        return str(value).replace("\0", "\ufffd")
    return value


class _BoolLoader(Loader):
    """Truth as a number, as SQLite has it, so that rows and JSON mean the same."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _NumberLoader(Loader):
    """Sums of whole numbers, which PostgreSQL returns as decimals."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


def adapt(connection: Connection[Any]) -> None:
    """Make values of this connection what they are in SQLite."""
    connection.adapters.register_loader("bool", _BoolLoader)
    connection.adapters.register_loader("numeric", _NumberLoader)
    # Not of an unknown type, as by default: texts alone then decide what an expression is.
    connection.adapters.register_dumper(str, StrDumper)
    connection.row_factory = rows_of


def whole(connection: Connection[Any], text: str, values: Sequence[Any]) -> str:
    """A statement with its values in it, to be sent with others in one message.

    A pipeline would do the same in one round trip; but the server counts the time that a
    transaction may be idle only between messages that end one, and a process that is stopped in
    the middle of a pipeline would hold up all others until it wakes.
    """
    quoted = [Literal(value).as_string(connection) for value in values]
    return _PLACE.sub(lambda found: quoted[int(found.group(1)) - 1], text)


class Many:
    """The result of a statement that was run many times: how many rows it wrote."""

    def __init__(self) -> None:
        self.rowcount = 0


class Statements:
    """The open transaction, as the stores use it."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def execute(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /
    ) -> Cursor[Any]:
        """Run one statement."""
        text, wanted = translated(sql)
        return self._connection.execute(text, bound(parameters, wanted))

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each set of parameters."""
        text, wanted = translated(sql)
        done = Many()
        every = iter(parameters)
        # Not psycopg's executemany, which is a pipeline: see `whole`.
        while part := list(islice(every, _AT_ONCE)):
            texts = [whole(self._connection, text, bound(one, wanted)) for one in part]
            cursor = self._connection.execute(";\n".join(texts))
            done.rowcount += cursor.rowcount
            while cursor.nextset():
                done.rowcount += cursor.rowcount
        return done

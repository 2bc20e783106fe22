"""Filters, sorting and pages of list queries, as Vendure turns them into SQL.

The keys of one entry of ``_or`` are joined by OR too (and those of ``_and`` by AND, whatever
``filterOperator`` says): Vendure flattens them. A comparison with a null is never true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from veracore_sync.sandbox.shop_errors import Thrown

LIMIT = 1000


class _Record(Protocol):
    id: str


T = TypeVar("T", bound=_Record)
Test = Callable[[Any], bool]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, and how many items the list has in all."""

    items: Sequence[T]
    total: int


@dataclass(frozen=True, slots=True)
class Columns(Generic[T]):
    """What a list can be filtered and sorted by.

    `values` gives each column of a record; `indexes` finds the records of one value without a
    walk over all. Records come in the order of their ids.
    """

    values: Mapping[str, Callable[[T], Any]]
    indexes: Mapping[str, Callable[[str], Iterable[T]]]

    def page(
        self,
        records: Sequence[T],
        options: Options | None,
        only: Test | None = None,
        limit: int = LIMIT,
    ) -> Page[T]:
        """The page of `records` that list `options` ask for; `only` those that pass a test.

        Raises:
            Thrown: More than `limit` are asked for at once, or by something else than a column.
        """
        options = options or {}
        take = limit if options.get("take") is None else options["take"]
        if take > limit:
            message = f"Cannot take more than {limit} results from a list query"
            raise Thrown(message, "USER_INPUT_ERROR")
        found = self._filtered(records, options, only)
        found = self._sorted(found, options.get("sort") or {})
        skip = max(0, options.get("skip") or 0)
        return Page(found[skip : skip + max(0, take)], len(found))

    # ---- filtering -------------------------------------------------------------------------

    def _filtered(self, records: Sequence[T], options: Options, only: Test | None) -> Sequence[T]:
        wanted = options.get("filter") or {}
        operator = options.get("filterOperator") or "AND"
        tests = self._tests(wanted)
        indexed = self._indexed(wanted) if operator == "AND" else None
        found = records if indexed is None else indexed
        if only is not None:
            found = [one for one in found if only(one)]
        if not tests:
            return found
        test = _joined(operator, tests)
        return [one for one in found if test(one)]

    def _indexed(self, wanted: Mapping[str, Any]) -> list[T] | None:
        """The records that an index finds for some column of a filter; None: no index helps."""
        for column, find in self.indexes.items():
            operators = wanted.get(column) or {}
            values = operators.get("in")
            if operators.get("eq") is not None:
                values = [operators["eq"]]
            if values is not None:
                found = {one.id: one for value in dict.fromkeys(values) for one in find(value)}
                return sorted(found.values(), key=_by_id)
        return None

    def _tests(self, wanted: Mapping[str, Any]) -> list[Test]:
        found: list[Test] = []
        for key, operand in wanted.items():
            if operand is None:
                continue
            if key in ("_and", "_or"):
                parts = [test for entry in operand for test in self._tests(entry)]
                if parts:
                    found.append(_joined(key[1:].upper(), parts))
            else:
                found.extend(self._column_tests(key, operand))
        return found

    def _column_tests(self, key: str, operators: Mapping[str, Any]) -> Iterable[Test]:
        value = self.values.get(key)
        if value is None:
            raise Thrown("error.invalid-filter-field", "USER_INPUT_ERROR")
        return [
            _on(value, _OPERATORS[name](operand))
            for name, operand in operators.items()
            if operand is not None
        ]

    # ---- sorting ---------------------------------------------------------------------------

    def _sorted(self, records: Sequence[T], sort: Mapping[str, str | None]) -> Sequence[T]:
        """By the first key, then the second, in the order of the schema; nulls are smallest."""
        keys = [(key, direction) for key, direction in sort.items() if direction]
        if keys == [("id", "ASC")]:
            return records
        for key, direction in reversed(keys):
            rank = _by_id if key == "id" else _rank(self.values[key])
            records = sorted(records, key=rank, reverse=direction == "DESC")
        return records


def _by_id(record: _Record) -> int:
    return int(record.id)


def _rank(value: Callable[[T], Any]) -> Callable[[T], tuple[bool, Any]]:
    def rank(record: T) -> tuple[bool, Any]:
        found = value(record)
        return (False, 0) if found is None else (True, found)

    return rank


def _joined(operator: str, tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if operator == "AND":
        return lambda record: all(test(record) for test in tests)
    return lambda record: any(test(record) for test in tests)


def _on(value: Callable[[T], Any], holds: Callable[[Any], bool]) -> Test:
    return lambda record: holds(value(record))


# ---- operators ------------------------------------------------------------------------------

_Holds = Callable[[Any], bool]


def _some(holds: _Holds) -> _Holds:
    return lambda value: value is not None and holds(value)


def _like(operand: Any) -> re.Pattern[str]:
    """The pattern of SQL's LIKE with ``%`` around it: ASCII letters of either case match."""
    text = operand.strip() if isinstance(operand, str) else str(operand)
    pattern = "".join({"%": ".*", "_": "."}.get(char) or re.escape(char) for char in text)
    return re.compile(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


def _contains(operand: Any) -> _Holds:
    pattern = _like(operand)
    return _some(lambda value: bool(pattern.search(str(value))))


def _contains_not(operand: Any) -> _Holds:
    pattern = _like(operand)
    return _some(lambda value: not pattern.search(str(value)))


def _regex(operand: str) -> _Holds:
    pattern = re.compile(operand, re.IGNORECASE)
    return _some(lambda value: bool(pattern.search(str(value))))


def _is_in(operand: list[str]) -> _Holds:
    wanted = frozenset(operand)
    return _some(lambda value: value in wanted)


def _is_not_in(operand: list[str]) -> _Holds:
    unwanted = frozenset(operand)
    return _some(lambda value: value not in unwanted) if unwanted else lambda _value: True


def _between(operand: Mapping[str, Any]) -> _Holds:
    start, end = operand["start"], operand["end"]
    return _some(lambda value: bool(start <= value <= end))


_OPERATORS: Mapping[str, Callable[[Any], _Holds]] = {
    "eq": lambda operand: _some(lambda value: value == operand),
    "notEq": lambda operand: _some(lambda value: value != operand),
    "contains": _contains,
    "notContains": _contains_not,
    "in": _is_in,
    "notIn": _is_not_in,
    "regex": _regex,
    "isNull": lambda operand: lambda value: (value is None) == operand,
    "before": lambda operand: _some(lambda value: value < operand),
    "after": lambda operand: _some(lambda value: value > operand),
    "lt": lambda operand: _some(lambda value: value < operand),
    "lte": lambda operand: _some(lambda value: value <= operand),
    "gt": lambda operand: _some(lambda value: value > operand),
    "gte": lambda operand: _some(lambda value: value >= operand),
    "between": _between,
}

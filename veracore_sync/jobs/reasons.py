"""Why a number is what it is: everything that a run left or did, grouped by its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.advice import about

MOST_NAMED = 10
HERE = "NAME"
"""Stands in `Why.todo` for the name of the record: in a command that is about one record."""


@dataclass(frozen=True, slots=True)
class Why:
    """What became of a record, and why.

    Args:
        what: The outcome in a word or two: ``not sent``, ``parked``.
        reason: One sentence without the record's name, equal for all records of one reason; empty
            if the outcome says it all.
        todo: What a person can do, or what follows by itself; `HERE` stands for the name.
        at: When it is tried again (UTC), if that is certain.
    """

    what: str
    reason: str = ""
    todo: str = ""
    at: datetime | None = None


@dataclass(slots=True)
class Reason:
    """The records of one outcome and reason.

    Args:
        names: The first `MOST_NAMED`.
        at: When the first of them is tried again (UTC).
        is_new: They came to this in this run; else it left them as they were.
    """

    what: str
    reason: str
    todo: str
    is_new: bool
    count: int = 0
    names: list[str] = field(default_factory=list)
    at: datetime | None = None

    @property
    def next(self) -> str:
        """`todo` about the first of the names."""
        has_place = bool(self.names) and HERE in self.todo
        return about(self.todo, NAME=self.names[0]) if has_place else self.todo


class Reasons:
    """The reasons of a run, in the order in which they came up."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, bool], Reason] = {}

    def add(self, why: Why, name: str = "", *, count: int = 1, is_new: bool = True) -> None:
        """Count a record, or several without names."""
        key = (why.what, why.reason, is_new)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Reason(why.what, why.reason, why.todo, is_new)
        group.count += count
        if name and len(group.names) < MOST_NAMED and name not in group.names:
            group.names.append(name)
        if why.at is not None and (group.at is None or why.at < group.at):
            group.at = why.at

    def add_all(self, why: Why, names: Iterable[str], count: int, *, is_new: bool = True) -> None:
        """Count records of which only the first are named; nothing if there are none."""
        if not count:
            return
        self.add(why, count=count, is_new=is_new)
        for name in names:
            self.add(why, name, count=0, is_new=is_new)

    def __iter__(self) -> Iterator[Reason]:
        return iter(self._groups.values())

    def __bool__(self) -> bool:
        return bool(self._groups)


def reasons_document(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """As every ``--json`` document shows them (docs/json.md)."""
    return [
        {
            "outcome": one.what,
            "reason": one.reason or None,
            "count": one.count,
            "names": list(one.names),
            "next": one.next or None,
            "at": to_text(one.at) if one.at is not None else None,
            "isNew": one.is_new,
        }
        for one in reasons
    ]

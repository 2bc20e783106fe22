"""A list of orders, page by page; an unreadable entry does not hide the others.

If the server fails a page, smaller pages find the bad entry, which is skipped and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.failures import MAY_BE_AN_ENTRYS, read_error
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.texts import hides_something
from veracore_sync.ports.shop import Unlisted
from veracore_sync.vendure.answers import UPSTREAM
from veracore_sync.vendure.lists import most_missing
from veracore_sync.vendure.node import Node

_NEVER = datetime.max.replace(tzinfo=UTC)
_SMALLER = 50
_MAX_IN_A_ROW = 10

Options = Mapping[str, Any]


class Coded(Protocol):
    """What an entry of a list of orders is read as."""

    @property
    def code(self) -> str:
        """The order's code."""


T = TypeVar("T", bound=Coded)


@dataclass(slots=True)
class OrderListing(Generic[T]):
    """Reads one list.

    Args:
        name: What it is called.
        wanted: The filter.
        read: Makes a record of an entry and the page that contains it.
        ask: Reads a page; raises a `SyncError`.
        names: Reads only ids and codes of a page.
        must_answer: A request for no order; raises if the shop does not answer it.
        most: How many entries a page has at most; ``None``: as many as the shop lists at once.
        is_closed: Whether no entry leaves the list: then one that was counted once is missed.
        unlisted: Filled with the entries that cannot be read.
    """

    name: str
    wanted: Options
    read: Callable[[Node, Node], T]
    ask: Callable[[Options], Node]
    names: Callable[[Options], Node]
    must_answer: Callable[[], object]
    most: int | None = None
    is_closed: bool = False
    unlisted: list[Unlisted] = field(default_factory=list)
    _codes: set[str] = field(default_factory=set)
    _smaller: int | None = None
    _in_a_row: int = 0
    _found_why: bool = False
    _left_out: set[str] = field(default_factory=set)

    def pages(self, page: Node | None = None) -> Iterator[list[T]]:
        """All entries that can be read, by ascending id, a page at a time and each once.

        Args:
            page: The first page, where it is at hand.

        Raises:
            SyncError: The list as a whole cannot be read; also in the middle.
        """
        seen, total, empty = 0, 0, 0
        while True:
            if page is None:
                page = self._page(seen)
            if page is None:
                seen += 1
                yield []
                continue
            items = page.items("items")
            yield [
                record
                for place, item in enumerate(items, seen + 1)
                if (record := self._record(item, page, place)) is not None
            ]
            total = max(total if self.is_closed else 0, page.integer("totalItems"))
            # Vendure counts and lists in two queries, and an order may be placed between them. So
            # one empty page is no proof of a gap; two are: what is counted there is not listed.
            empty = 0 if items else empty + 1
            seen += len(items) if items else min(1, empty - 1)
            if seen >= total or empty > _MAX_IN_A_ROW:
                return self._note_missing(total - len(self._codes) - len(self._left_out))
            page = None

    def _note_missing(self, count: int) -> None:
        """Report entries that the shop counts and does not list.

        Raises:
            UpstreamError: So many that the list as a whole is wrong.
        """
        if count <= 0:
            return
        error = read_error(
            Occurrence.NOT_UNDERSTOOD, "Vendure listed orders incompletely", upstream=UPSTREAM
        )
        if count > most_missing(len(self._codes)):
            raise error
        name = f"an entry of the {self.name} orders that is counted and not listed"
        self.unlisted.append(Unlisted(name, None, self.name, error))

    def _record(self, item: Node | None, page: Node, place: int) -> T | None:
        """The entry as it is read; ``None`` if it cannot be, or was listed before."""
        try:
            if item is None:
                raise Node({}, f"the {self.name} orders").unusable(f"entry {place}")
            record = self.read(item, page)
        except SyncError as error:
            self._leave_out(item, place, error)
            return None
        # An order that is placed meanwhile moves those after it onto the next page.
        if record.code in self._codes:
            return None
        self._codes.add(record.code)
        return record

    def _page(self, skip: int) -> Node | None:
        """The page from there on; ``None`` if the one entry there cannot be read."""
        while True:
            try:
                page = self.ask(options(self.wanted, skip, self._smaller or self.most))
            except SyncError as error:
                if error not in MAY_BE_AN_ENTRYS:
                    raise
                # A shop that is down must not look like a shop full of bad entries.
                self.must_answer()
                length, self._found_why = self._smaller, False
                if length != 1:
                    self._smaller = length // 2 if length else _SMALLER
                    continue
                self._in_a_row += 1
                if self._in_a_row > _MAX_IN_A_ROW:
                    raise
                self._leave_out(self._named(skip), skip + 1, error)
                self._found_why = True
                return None
            self._in_a_row = 0
            if self._smaller:
                self._smaller = min(2 * self._smaller, self._longest())
            return page

    def _longest(self) -> int:
        """How long pages may become again after one that failed."""
        # A page that fails without a bad entry in it was too much for the shop.
        return self.most if self.most and self._found_why else _SMALLER

    def _named(self, skip: int) -> Node | None:
        try:
            items = self.names(options(self.wanted, skip, 1)).items("items")
        except SyncError as error:
            if error not in MAY_BE_AN_ENTRYS:
                raise
            self.must_answer()
            return None
        return items[0] if items else None

    def _leave_out(self, item: Node | None, place: int, error: SyncError) -> None:
        code, identity = _name(item, "code"), _name(item, "id")
        name = f"id {identity}" if identity else f"entry {place} of the {self.name} orders"
        unlisted = Unlisted(code or name, code, self.name, error)
        if unlisted.name not in self._left_out:
            self._left_out.add(unlisted.name)
            self.unlisted.append(unlisted)


def options(wanted: Options, skip: int, take: int | None = None) -> dict[str, Any]:
    """List options; without `take` Vendure's own limit of a page applies."""
    # By id, the only stable order: by orderPlacedAt ties may move between two pages, and of two
    # sort keys the schema's order counts, not ours. Never take: 0, which means everything.
    found: dict[str, Any] = {"filter": wanted, "sort": {"id": "ASC"}, "skip": skip}
    if take is not None:
        found["take"] = take
    return found


def _name(item: Node | None, field: str) -> str | None:
    """What the entry calls itself, if a person could find it by that."""
    value = item.fields.get(field) if item else None
    if isinstance(value, int) and field == "id":
        return str(value)
    return value if isinstance(value, str) and value and not hides_something(value) else None


def oldest_first(stubs: Iterable[OrderStub]) -> tuple[OrderStub, ...]:
    """By placement; those that were never placed come last."""
    return tuple(sorted(stubs, key=lambda s: (s.placed_at or _NEVER, len(s.id), s.id)))

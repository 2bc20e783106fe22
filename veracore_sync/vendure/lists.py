"""Lists of the Admin API, page by page, by ascending id, also with a broken record in them.

Pages overlap: an item that leaves the list between two requests moves the others up, and two pages
that share nothing have a gap between them. Of two pages that share an item, each has all that were
there between its first and its last, whichever was read before the other: so they may be read side
by side. One broken record fails its whole page: then the ids of the page are listed, and the
records are read in halves until the broken one is alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from veracore_sync.domain.errors import Occurrence, ProtocolError, SyncError, UpstreamError
from veracore_sync.domain.failures import MAY_BE_A_RECORDS, read_error
from veracore_sync.domain.texts import hides_something
from veracore_sync.ports.concurrency import ONE_AT_A_TIME, SHOP_PAGES, Concurrency
from veracore_sync.vendure.answers import UPSTREAM
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import Document
from veracore_sync.vendure.node import Node

T = TypeVar("T")
_OVERLAP = 5
_MAX_BROKEN = 20
_MAX_MISSING = 10
_NOTHING_BUT_BROKEN = 3


class Gap(Exception):
    """Two pages of a list share nothing: something may be missing between them."""


class Missing(Exception):
    """The list has ended, and `count` of the records that the shop counts were not in it."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    """A page: where it begins, its ids, how many the shop counts in all, and what could be read."""

    skip: int
    ids: list[str]
    total: int
    records: dict[str, T]

    @property
    def is_last(self) -> bool:
        return not self.ids or self.skip + len(self.ids) >= self.total

    @property
    def overlap(self) -> int:
        """How many of its items the next page has, too."""
        # A shop may list very few in a page, down to a single one, which overlaps nothing.
        return min(_OVERLAP, len(self.ids) // 2)

    @property
    def next_skip(self) -> int:
        return self.skip + len(self.ids) - self.overlap


@dataclass(slots=True)
class _Count:
    """How the single records of a page that failed turned out."""

    read: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class RecordList(Generic[T]):
    """A list of records of one kind.

    Args:
        client: Of the Admin API.
        name: The field of the query that holds the list.
        document: Reads records.
        stubs: Reads only what names them.
        read: Makes a record from an item and the answer that contains it.
        broken: Makes a record from an unreadable item, or its stub, and the reason.
        concurrency: What pages are read by.
    """

    client: Client
    name: str
    document: Document
    stubs: Document
    read: Callable[[Node, Node], T]
    broken: Callable[[Node, str], T]
    concurrency: Concurrency = ONE_AT_A_TIME

    def all(self, options: Mapping[str, Any]) -> Iterator[T]:
        """Each record once; a few pages are in memory.

        Raises:
            Gap: Something may be missing.
            Missing: At the end: a few records are counted and not listed.
            AuthRefused, ConfigError, UpstreamError: As every read of the shop; also in the middle.
        """
        before: set[str] = set()
        count, overlap, least = 0, 0, math.inf
        for page in self._pages(options):
            if overlap and not before.intersection(page.ids):
                raise Gap
            fresh = [id for id in page.ids if id not in before]
            count += len(fresh)
            least = min(least, page.total)
            yield from (page.records[id] for id in fresh if id in page.records)
            if page.is_last or not fresh:
                break
            before, overlap = set(page.ids), page.overlap
        # A later page may have been read before some of the records that it counts left the list.
        if least - count > most_missing(count):
            raise incomplete(self.name)
        if count < least:
            raise Missing(int(least) - count)

    def _pages(self, options: Mapping[str, Any]) -> Iterator[_Page[T]]:
        """Pages that overlap, from the first to the last one."""
        last = self._page(options, 0)
        yield last
        while not last.is_last:
            # Where pages begin is known before, as long as they are as long as the first of them.
            size, end = len(last.ids), last.total - last.overlap
            starts = range(last.next_skip, end, size - last.overlap)
            read = partial(self._page, options)
            pages = self.concurrency.map(SHOP_PAGES, read, starts)
            # Who reads no further leaves this generator to the garbage collector, which must not
            # wait for pages; that a few are still read then does no harm.
            for last in pages:
                yield last
                if len(last.ids) != size:
                    pages.close()
                    break

    def by_id(self, ids: Sequence[str]) -> dict[str, T]:
        """The records of these ids; unknown ids are left out."""
        return self._halves(list(ids), {}, _Count()) if ids else {}

    # ---- one page ---------------------------------------------------------------------------

    def _page(self, options: Mapping[str, Any], skip: int) -> _Page[T]:
        options = {**options, "skip": skip}
        try:
            listing = self._ask(self.document, options)
            records = self._records(listing)
            return _Page(skip, list(records), listing.integer("totalItems"), records)
        except UpstreamError as error:
            if error not in MAY_BE_A_RECORDS:
                raise
        listing = self._ask(self.stubs, options)
        stubs = _by_id(listing)
        records = self._halves(list(stubs), stubs, _Count())
        for id in stubs.keys() - records.keys():
            records[id] = self.broken(stubs[id], "Vendure lists it and does not return it")
        return _Page(skip, list(stubs), listing.integer("totalItems"), records)

    def _halves(self, ids: list[str], stubs: Mapping[str, Node], count: _Count) -> dict[str, T]:
        at_once = self.client.at_once(len(ids))
        if at_once < len(ids):
            whole: dict[str, T] = {}
            for start in range(0, len(ids), at_once):
                whole |= self._halves(ids[start : start + at_once], stubs, count)
            return whole
        try:
            found = self._records(self._ask_by_id(self.document, ids))
            count.read += len(found)
        except UpstreamError as error:
            if error not in MAY_BE_A_RECORDS:
                raise
            # A request that no broken record can fail: it shows whether the shop is down, and its
            # success ends the row of failures that the breaker counts.
            self._ask_by_id(self.stubs, ids)
            if len(ids) == 1:
                count.broken += 1
                if _is_of_all(count):
                    raise
                stub = stubs.get(ids[0], Node({"id": ids[0]}, self.name))
                return {ids[0]: self.broken(stub, error.message)}
        else:
            # In fewer parts than that: the shop has just said how many it lists at once.
            rest = ids[self.client.at_once(len(ids)) :]
            return found | self._halves(rest, stubs, count) if rest else found
        middle = len(ids) // 2
        first = self._halves(ids[:middle], stubs, count)
        return first | self._halves(ids[middle:], stubs, count)

    def _records(self, listing: Node) -> dict[str, T]:
        return {item.text("id"): self._record(item, listing) for item in listing.nodes("items")}

    def _record(self, item: Node, listing: Node) -> T:
        try:
            return self.read(item, listing)
        except ProtocolError as error:
            return self.broken(item, error.message)

    def _ask(self, document: Document, options: Mapping[str, Any]) -> Node:
        wanted = {"sort": {"id": "ASC"}, **options}
        return self._listing(page(self.client, document, wanted))

    def _ask_by_id(self, document: Document, ids: Sequence[str]) -> Node:
        """The first of these records: as many as the shop lists at once."""

        def variables(take: int) -> dict[str, Any]:
            wanted = {"id": {"in": ids[:take]}}
            return {"options": {"sort": {"id": "ASC"}, "filter": wanted, "take": take}}

        return self._listing(self.client.listed(document, len(ids), variables)[0])

    def _listing(self, data: Mapping[str, Any]) -> Node:
        root = Node(data)
        # Fields beside the list, such as the shop's global settings, are kept with each page.
        return Node({**root.node(self.name).fields, **root.fields}, self.name)


def page(client: Client, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
    """The page that these list options ask for; a shorter one where the shop lists fewer.

    Raises:
        AuthRefused, ConfigError, UpstreamError: As every read of the shop.
    """
    if "take" not in options:
        # As many as the shop lists at once; the next page begins where this one ends.
        return client.execute(document, {"options": options})
    wanted = options["take"]
    return client.listed(document, wanted, lambda take: {"options": {**options, "take": take}})[0]


def codes_and_take(codes: Sequence[str]) -> dict[str, Any]:
    """The variables of a document that reads orders by ``$codes`` and ``$take``."""
    return {"codes": codes, "take": len(codes)}


def by_code(
    client: Client,
    document: Document,
    codes: Iterable[str],
    a_request: int,
    variables_for: Callable[[Sequence[str]], Mapping[str, Any]] = codes_and_take,
) -> Iterator[tuple[Node, list[Node]]]:
    """The orders of these codes, some in each answer; unknown codes are left out.

    Args:
        client: Of the Admin API.
        document: Reads orders by code.
        codes: The orders' codes.
        a_request: How many one request reads; fewer where the shop lists fewer.
        variables_for: The document's variables for some codes.

    Yields:
        An answer, and the orders in it.

    Raises:
        AuthRefused, ConfigError, UpstreamError: As every read of the shop; also if an order that
            the shop counts is not listed.
    """
    left = list(dict.fromkeys(codes))

    def variables(take: int) -> Mapping[str, Any]:
        return variables_for(left[:take])

    while left:
        data, count = client.listed(document, min(a_request, len(left)), variables)
        root = Node(data)
        listing = root.node("orders")
        items = listing.nodes("items")
        if len(items) < listing.integer("totalItems"):
            raise incomplete("orders")
        yield root, items
        del left[:count]


def _by_id(listing: Node) -> dict[str, Node]:
    """The items of a list by id, without those that not even have one."""
    items = [item for item in listing.items("items") if item is not None]
    named = [item for item in items if _is_name(item.fields.get("id"))]
    return {item.text("id"): item for item in named}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and not hides_something(value)


def most_missing(listed: int) -> int:
    """How many records a shop may count beyond those it lists; more, and the list is wrong."""
    return max(1, min(_MAX_MISSING, listed))


def incomplete(name: str) -> SyncError:
    """The error for a list of which something may be missing."""
    return read_error(
        Occurrence.NOT_UNDERSTOOD, f"Vendure listed {name} incompletely", upstream=UPSTREAM
    )


def _is_of_all(count: _Count) -> bool:
    only_broken = not count.read and count.broken >= _NOTHING_BUT_BROKEN
    return only_broken or count.broken > _MAX_BROKEN

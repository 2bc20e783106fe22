"""The orders of a run, page by page: the shop's, then those that only the ledger has.

No page is kept. Where fewer orders may be looked up than there are, what is kept of each that needs
it is its code and its place in the queue, and those that are chosen are read anew at their turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import ORDER_TYPES
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import in_batches
from veracore_sync.jobs.reconcile.book import Book
from veracore_sync.jobs.reconcile.examiner import OrderExaminer
from veracore_sync.jobs.reconcile.ledger_side import ledger_sides
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.scope import Need, Queue, fingerprint, is_settled, is_suspect
from veracore_sync.jobs.reconcile.sides import OrderSides
from veracore_sync.ports.shop import Poll, Unlisted

_PAGE = 100
_AT_ONCE = 50
"""So many orders are looked up and stored together, so that little is lost when a run is cut."""
_SURVEY = "reading the shop's orders"
_LOOKING = "comparing with VeraCore"


@dataclass(frozen=True, slots=True)
class _Part:
    """Orders that are compared together, the ids to look up for them, and their fingerprints."""

    orders: Sequence[OrderSides]
    ids: Sequence[str]
    marks: Mapping[str, str]


@dataclass(slots=True)
class Walk(RunPart[ReconcileReport]):
    """Compares every order of the scope, as far as look-ups and time allow.

    Args:
        examiner: Compares.
        book: Stores.
        since: Orders placed or ended since then (UTC).
        poll: The orders that wait to be sent, whatever their age.
        also: Other orders to compare.
    """

    examiner: OrderExaminer
    book: Book
    since: datetime
    poll: Poll
    also: Sequence[str] = ()
    _queue: Queue = field(init=False)
    _codes: set[str] = field(default_factory=set, init=False)
    _has_compared: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._queue = Queue(self.settings.reconcile.lookups_per_run)

    def run(self) -> None:
        """Walk to the end.

        Raises:
            SyncError: A side as a whole cannot be read; what was stored until then is true.
        """
        with self.examiner.look_ups.ahead():
            self._run()

    def _run(self) -> None:
        waiting = self._waiting()
        if not (self._walk(self._placed()) and self._walk(self._others(waiting))):
            self.report.is_whole = False
            self.report.left += self._queue.count
            return
        self._look_up()

    @property
    def codes(self) -> Collection[str]:
        """The orders that were in scope."""
        return self._codes

    # ---- which orders ---------------------------------------------------------------------------

    def _waiting(self) -> list[str]:
        """The codes of orders that wait to be sent and were placed before the scope begins."""
        for one in self.poll.unlisted:
            self._not_listed(one)
        placed_at = ((one.code, one.placed_at) for one in self.poll.waiting)
        return [code for code, at in placed_at if at is None or at < self.since]

    def _placed(self) -> Iterator[list[OrderSides]]:
        """The shop's orders, a page each time."""
        began = self.clock.now()
        for page in self.shop.audit.placed(self.since):
            orders: dict[str, WholeOrder] = {}
            for one in page:
                if isinstance(one, Unlisted):
                    self._not_listed(one)
                elif one.code not in self._codes:
                    orders[one.code] = one
            self._count(orders)
            held = ledger_sides(self.ledger, list(orders))
            yield self.examiner.sides(orders, began, held, orders, {})
            began = self.clock.now()

    def _others(self, waiting: Sequence[str]) -> Iterator[list[OrderSides]]:
        """The orders that the shop did not list: old ones, and those that it does not have."""
        for codes in self._rest(waiting):
            began = self.clock.now()
            self._count(codes)
            held = ledger_sides(self.ledger, codes)
            orders, unread = self.examiner.read_shop(codes, held)
            yield self.examiner.sides(codes, began, held, orders, unread)

    def _rest(self, waiting: Sequence[str]) -> Iterator[Sequence[str]]:
        after, since = "", to_text(self.since)
        while rows := self.ledger.orders.open_or_changed(since, after, _PAGE):
            after = rows[-1].code
            yield from self._new(row.code for row in rows)
        yield from self._new([*waiting, *self.also])
        # What stands of an order is looked at until it is gone, however old the order is.
        standing = self.ledger.differences.standing()
        yield from self._new(
            row.difference.name for row in standing if row.difference.type in ORDER_TYPES
        )

    def _new(self, codes: Iterable[str]) -> Iterator[Sequence[str]]:
        new = [code for code in dict.fromkeys(codes) if code not in self._codes]
        yield from in_batches(new)

    def _count(self, codes: Iterable[str]) -> None:
        before = len(self._codes)
        self._codes.update(codes)
        self.report.in_scope += len(self._codes) - before

    def _not_listed(self, one: Unlisted) -> None:
        if one.code is not None and one.code in self._codes:
            return
        self._count([one.code or f"?{one.name}"])
        self.report.add_unread(one.name, f"the shop cannot list it: {one.error.message}")

    # ---- comparing ------------------------------------------------------------------------------

    def _walk(self, pages: Iterator[list[OrderSides]]) -> bool:
        """Compare what needs no look-up, and queue the rest; whether all pages were read."""
        ahead: list[_Part] = []
        for page in pages:
            if self.context.ends_here():
                self.report.left += len(page)
                break
            self.context.progress(_SURVEY, len(self._codes), 0)
            ahead += self._parts(page)
            self._begin(ahead)
            # The last part of a page is looked up while the next page is read.
            while len(ahead) > 1:
                if not self._next(ahead):
                    return False
        while ahead:
            if not self._next(ahead):
                return False
        return not self.context.ends_here()

    def _parts(self, page: Sequence[OrderSides]) -> Iterator[_Part]:
        """What of a page is compared now; the rest is queued, or is settled."""
        agreed = self.ledger.differences.agreed_of([one.code for one in page])
        now, key = self.clock.now(), self.ledger.meta.hash_key
        rules = self.examiner.rules()
        at_once: list[OrderSides] = []
        ids_of: dict[str, Sequence[str]] = {}
        settled: list[str] = []
        marks: dict[str, str] = {}
        for sides in page:
            ids = self.examiner.wanted(sides, rules)
            if not ids:
                at_once.append(sides)
                continue
            mark, known = fingerprint(sides, key), agreed.get(sides.code)
            if is_settled(sides, known, mark, now, self.examiner.listed.since):
                settled.append(sides.code)
            elif self._queue.most == 0:
                at_once.append(sides)
                ids_of[sides.code], marks[sides.code] = ids, mark
            else:
                suspect = is_suspect(sides, known, mark)
                at = known.at if known is not None else ""
                self._queue.add(Need(sides.code, len(ids), suspect, at))
        self.book.settled(settled)
        for start in range(0, len(at_once), _AT_ONCE):
            part = at_once[start : start + _AT_ONCE]
            asked = [id for one in part for id in ids_of.get(one.code, ())]
            yield _Part(part, asked, marks)

    def _next(self, ahead: list[_Part]) -> bool:
        """Compare the first of these parts, unless the run ends here."""
        # However short its time is, each run gets on.
        if self._has_compared and self.context.ends_here():
            return self._ended(ahead)
        self._has_compared = True
        # VeraCore answers for the next ones while these are compared.
        self._begin(ahead)
        part = ahead.pop(0)
        self.book.keep(self.examiner.confirmed(self.examiner.compare(part.orders, part.marks)))
        return True

    def _begin(self, ahead: Sequence[_Part]) -> None:
        for part in ahead[:2]:
            self.examiner.look_ups.begin(part.ids)

    def _ended(self, ahead: Sequence[_Part]) -> bool:
        self.report.left += sum(len(part.orders) for part in ahead)
        return False

    def _look_up(self) -> None:
        """Read those anew that are looked up in this run, and compare them."""
        chosen = self._queue.chosen()
        done = 0
        for start in range(0, len(chosen), _AT_ONCE):
            if self.context.ends_here():
                break
            self.context.progress(_LOOKING, done, len(chosen))
            part = chosen[start : start + _AT_ONCE]
            self.book.keep(self.examiner.look(part))
            done += len(part)
        self.report.left += self._queue.count - done

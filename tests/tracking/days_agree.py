"""What `reconcile` must report at the end of a day of a shop: what people left open, no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from days_books import Books, Case
from tracking_world import World

from veracore_sync.composition.locked_run import Job, run_locked
from veracore_sync.composition.reconcile import ReconcileOptions, reconcile
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import OrderState
from veracore_sync.sandbox.records import Order as Placed

_T = DifferenceType
_UNKNOWN_AS_SENT = ("", "skipped")
# By then nothing that the timers did last counts as on its way any more.
_SETTLED = {"minutes": 61}
_MOST = 1000


@dataclass
class Agreement:
    """Lets `reconcile` run at rest, and compares what it reports with the books.

    Args:
        bed: Both ends.
        books: All orders.
        standing: How many differences each type had, all days together.
    """

    bed: World
    books: Books
    standing: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Compare; then adopt what an old ledger did not know to be sent, as a person does."""
        self.bed.clock.forward(**_SETTLED)
        document = self._reconcile(ReconcileOptions())
        assert document["complete"], (document["totals"], document["unseen"])
        assert not document["moving"], document["moving"]
        reported = {(one["type"], one["name"]): one for one in document["differences"]}
        expected = set(self._expected())
        told = {what: self._about(what, one) for what, one in reported.items()}
        false = [told[what] for what in reported.keys() - expected - self._open_to_both()]
        assert not false, false
        assert not (missed := [self._about(what) for what in expected - reported.keys()]), missed
        for type, _ in reported:
            self.standing[type] += 1
        if any(type == _T.SENT_NOT_IN_LEDGER for type, _ in reported):
            self._reconcile(ReconcileOptions(apply=(_T.SENT_NOT_IN_LEDGER,), most=_MOST))

    def _reconcile(self, options: ReconcileOptions) -> Any:
        job = Job("reconcile", "reconcile", record=True)
        _, report = run_locked(job, self.bed.parts, lambda parts: reconcile(parts, options))
        assert report.error is None, report.error
        return report.document

    def _about(self, what: tuple[str, str], reported: object = None) -> tuple[object, ...]:
        case = self.books.cases.get(what[1])
        if case is None:
            return (*what, reported)
        hand, ours = dict(case.fulfilled(by_hand=True)), dict(case.fulfilled(by_hand=False))
        units = dict(case.ordered), f"by hand {hand}", f"ours {ours}"
        return (*what, case.story, case.order.state, *units, reported)

    def _expected(self) -> Iterator[tuple[str, str]]:
        """The differences that there are, by type and name."""
        rows = self.bed.parts.ledger.orders.held(list(self.books.cases))
        for code, case in self.books.cases.items():
            placed = self.books.there.get(code)
            if placed is not None:
                for type in self._differences(case, placed, rows.get(code)):
                    yield type, code

    def _differences(
        self, case: Case, placed: Placed, row: OrderRow | None
    ) -> Iterator[DifferenceType]:
        """In which ways the sides disagree about an order that the warehouse got."""
        if placed.is_cancelled:
            if not case.is_ended:
                yield _T.CANCELLED_THERE_OPEN_HERE
        elif row is None or row.state in _UNKNOWN_AS_SENT:
            yield _T.SENT_NOT_IN_LEDGER
        elif case.order.state == "Cancelled":
            if placed.to_pick():
                yield _T.CANCELLED_HERE_LIVE_THERE
            elif placed.shipped():
                yield _T.SHIPPED_NOT_ORDERED
        elif self._has_another_address(case, row):
            yield _T.CONTENT_DIFFERS
        else:
            yield from self._of_units(case, placed)

    def _late(self, case: Case) -> Counter[str]:
        """Units that were fulfilled by hand since a ledger was lost, if one was."""
        _, before = self.books.unshown.get(case.order.code, (None, Counter[str]()))
        return case.fulfilled(by_hand=True) - before

    def _open_to_both(self) -> set[tuple[str, str]]:
        """What may be reported, too.

        A lost ledger does not tell which address was sent. And what a hand gave of a unit that was
        added may be taken for what a slip has shipped of the same SKU.
        """
        found = set()
        for code, case in self.books.cases.items():
            placed, by_hand = self.books.there.get(code), case.fulfilled(by_hand=True)
            is_late = case.story == "changed late"
            if case.goes_elsewhere or (is_late and placed and by_hand & placed.shipped()):
                found.add((_T.CONTENT_DIFFERS, code))
        return found

    def _has_another_address(self, case: Case, row: OrderRow) -> bool:
        books, code = self.books, case.order.code
        is_known = code not in books.lost | books.found_again | books.unshown.keys()
        return case.goes_elsewhere and is_known and row.state is OrderState.SYNCED

    def _of_units(self, case: Case, placed: Placed) -> Iterator[DifferenceType]:
        ordered, by_hand = case.ordered, case.fulfilled(by_hand=True)
        promised, to_pick = self.books.promised(placed), placed.to_pick()
        if case.order.code in self.books.unshown:
            # Of what a lost ledger sent nothing tells what else VeraCore has: each change counts,
            # and what it has still to ship is what it was believed to have.
            to_pick = Counter() if placed.is_complete else promised - placed.shipped()
            by_hand = by_hand if case.is_ended else Counter()
        if self.books.shows_content and placed.shipped() - ordered:
            yield _T.SHIPPED_NOT_ORDERED
        elif (promised - ordered) & to_pick or ordered - by_hand - promised:
            yield _T.CONTENT_DIFFERS
        # The warehouse has still to ship what a hand has given.
        elif (to_pick - (ordered - case.fulfilled())) & self._late(case):
            yield _T.FULFILLED_NOT_SHIPPED

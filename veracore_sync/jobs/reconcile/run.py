"""The run of ``reconcile``: list shipments, compare the orders, then the rest."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import SyncError, UpstreamError
from veracore_sync.domain.failures import NOT_BEGUN, ONLY_THIS_OPERATION
from veracore_sync.domain.warehouse import UnreadableShipment
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.reconcile.book import EXAMINED_TYPES, Book
from veracore_sync.jobs.reconcile.examiner import OrderExaminer
from veracore_sync.jobs.reconcile.listed import ListedShipments
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.walk import Walk
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.window import unreadable_rows

_LOG = logging.getLogger(__name__)
_NO_CONTENT = (
    "this dialect of VeraCore shows neither the content of an order nor a list of shipments: other "
    "units, and orders that the shop does not know, go unnoticed"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of everything is compared.

    Args:
        since: Orders placed or ended since then (UTC); ``None``: as the settings say.
        types: Only what finds these types; empty: everything.
    """

    since: datetime | None = None
    types: frozenset[DifferenceType] = frozenset()

    def asks_for(self, types: Collection[DifferenceType]) -> bool:
        """Whether any of these types is looked for."""
        return not self.types or not self.types.isdisjoint(types)


@dataclass(slots=True)
class ReconcileRun(JobRun[ReconcileReport]):
    """Compares ledger, shop and warehouse, and stores what they disagree about."""

    wanted: Wanted = field(default_factory=Wanted)
    _unlisted: SyncError | None = field(default=None, init=False)

    def run(self) -> ReconcileReport:
        """Run to the end.

        Raises:
            SyncError: A side as a whole cannot be read; what was stored until then is true.
        """
        self.context.begin()
        book = Book(self.context)
        try:
            if self.options.only:
                self._named(book)
            else:
                self._everything(book)
        finally:
            if self.context.must_not_write:
                self.report.plan = self.report.found
        if not self.warehouse.capabilities.tells_content:
            self.report.notify(_NO_CONTENT)
        if self._unlisted is not None:
            raise self._unlisted
        return self.report

    # ---- what is compared -----------------------------------------------------------------------

    def _named(self, book: Book) -> None:
        """Compare the orders that a person named, whatever was compared before."""
        codes = [self._code_of(name) for name in self.options.only]
        self.report.in_scope = len(set(codes))
        book.keep(OrderExaminer(self.context).look(list(dict.fromkeys(codes))))

    def _code_of(self, name: str) -> str:
        row = self.ledger.orders.find(name)
        return row.code if row is not None else name

    def _everything(self, book: Book) -> None:
        reach = timedelta(days=self.settings.reconcile.days)
        since = self.wanted.since or self.clock.now() - reach
        listed = self._list(since)
        if self.wanted.asks_for(EXAMINED_TYPES):
            examiner = OrderExaminer(self.context, listed)
            Walk(self.context, examiner, book, since).run()

    # ---- the list of shipments ------------------------------------------------------------------

    def _list(self, since: datetime) -> ListedShipments:
        """VeraCore's list of shipments since then, once a run; empty if it cannot be read."""
        listed = ListedShipments()
        if not self.warehouse.capabilities.lists_shipped:
            return listed
        unreadable: dict[UnreadableShipment, None] = {}
        try:
            for first, last in self._days(since).parts():
                self.context.progress("listing what shipped", 0, 0)
                for row in self.warehouse.shipped(first, last):
                    if isinstance(row, UnreadableShipment):
                        unreadable[row] = None
                    else:
                        listed.add(row)
        except SyncError as error:
            is_upstreams = isinstance(error, UpstreamError) and error not in NOT_BEGUN
            if not is_upstreams and error not in ONLY_THIS_OPERATION:
                raise
            # Look-ups show the same of each order; only what nobody asks for goes unnoticed.
            _LOG.warning("shipments cannot be listed: %s", error.message)
            self._unlisted = error
            return ListedShipments()
        self.context.check_warehouse()
        if unreadable:
            self.report.notify(unreadable_rows(list(unreadable)))
        return listed

    def _days(self, since: datetime) -> Days:
        zone = self.settings.tracking_zone
        # It is unknown whether the last day belongs to the window (docs/wire.md 5.3).
        last = self.clock.now().astimezone(zone).date() + timedelta(days=2)
        return Days(min(since.astimezone(zone).date(), last - timedelta(days=2)), last)


def listed_rows(listed: ListedShipments) -> Sequence[str]:
    """The ids at VeraCore that were listed."""
    return list(listed.rows)

"""The run of ``reconcile``: list shipments, compare the orders, then the rest."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import SyncError, UpstreamError, UsageError
from veracore_sync.domain.failures import NOT_BEGUN, ONLY_THIS_OPERATION
from veracore_sync.domain.warehouse import UnreadableShipment
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.progress import LISTING, counted
from veracore_sync.jobs.reconcile.book import EXAMINED_TYPES, Book
from veracore_sync.jobs.reconcile.coverage import remember
from veracore_sync.jobs.reconcile.examiner import OrderExaminer
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.foreign import ForeignOrders
from veracore_sync.jobs.reconcile.listed import ListedShipments
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.stock import STOCK_TYPES, StockExaminer
from veracore_sync.jobs.reconcile.walk import Walk
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.window import unreadable_rows
from veracore_sync.ports.shop import Poll

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
    """Compares ledger, shop and warehouse, and stores what they disagree about.

    `listed` is VeraCore's list of shipments, as far as it was read.
    """

    wanted: Wanted = field(default_factory=Wanted)
    listed: ListedShipments = field(default_factory=ListedShipments, init=False)
    _unlisted: SyncError | None = field(default=None, init=False)
    _is_listed: bool = field(default=False, init=False)
    _poll: Poll | None = field(default=None, init=False)

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
        rows = {name: self.ledger.orders.find(name) for name in self.options.only}
        codes = [row.code if row is not None else name for name, row in rows.items()]
        examiner = self.examiner()
        unknown = [name for name, row in rows.items() if row is None]
        orders, unread = examiner.read_shop(unknown, {})
        for name in unknown:
            if name not in orders and name not in unread:
                raise UsageError(
                    f"neither the ledger nor the shop has an order {name}",
                    hint="name it by its code in the shop, or by its id there or at VeraCore",
                )
        distinct = list(dict.fromkeys(codes))
        self.report.in_scope = len(distinct)
        book.keep(examiner.look(distinct))

    def _everything(self, book: Book) -> None:
        reach = timedelta(days=self.settings.reconcile.days)
        since = self.wanted.since or self.clock.now() - reach
        wants_orders = self.wanted.asks_for(EXAMINED_TYPES)
        wants_foreign = self.wanted.asks_for({DifferenceType.FOREIGN_AT_WAREHOUSE})
        if wants_orders or wants_foreign:
            self.listed = self._list(since)
        foreign = ForeignOrders(self.context, self.listed, self.wanted.since)
        if self._is_listed:
            foreign.look()
        codes: Collection[str] | None = None
        if wants_orders:
            also = foreign.codes
            walk = Walk(self.context, self.examiner(), book, since, self._polled(), also)
            walk.run()
            codes = walk.codes
            if self.wanted.since is None:
                self._remember()
        if self._is_listed and wants_foreign:
            is_whole = codes is not None and self.report.is_whole
            self._keep(book, [foreign.findings(codes or (), is_whole=is_whole)])
        if self.wanted.asks_for(STOCK_TYPES) and not self.context.ends_here():
            self._keep(book, StockExaminer(self.context).everything())
        self._note_those_that_stand()

    def _note_those_that_stand(self) -> None:
        """Say how many differences stand that this run has not seen, so neither found nor ended."""
        found = {one.difference.key for one in self.report.found}
        stand = {
            row.difference.key
            for row in self.ledger.differences.standing()
            if self.wanted.asks_for({row.difference.type})
        }
        if stand - found and not self.context.must_not_write:
            self.report.notify(
                "differences of earlier runs that this one did not look at: "
                f"{len(stand - found)}; `veracore-sync stats --differences` shows all that stand"
            )

    def _keep(self, book: Book, parts: Sequence[PartFindings]) -> None:
        """Store what was found of everything but single orders."""
        for part in parts:
            for name, why in part.unseen:
                self.report.note_unseen(name, why)
            for name, why in part.moving:
                self.report.note_moving(name, why)
            for note in part.notes:
                self.report.notify(note)
            if part.type is DifferenceType.STOCK_DIFFERS:
                self.report.skus = part.count
            self._unlisted = self._unlisted or part.error
            book.keep_others(part.differences, part.compared, {part.type})

    def examiner(self) -> OrderExaminer:
        """What compares orders with all that this run has listed.

        Raises:
            SyncError: The shop cannot be read.
        """
        return OrderExaminer(self.context, self._polled().channel_code, self.listed)

    def _polled(self) -> Poll:
        """The orders that wait to be sent, and the channel in use; asked for once."""
        if self._poll is None:
            self._poll = self.shop.poll(
                trigger_states=self.settings.orders.trigger_states,
                moved_since=None,
                passed_states=(),
                passed_since=None,
            )
        return self._poll

    def _remember(self) -> None:
        """Store how much was compared."""
        if self.context.must_not_write:
            return
        report = self.report
        remember(
            self.ledger,
            self.clock.now(),
            in_scope=report.in_scope,
            compared=report.compared,
            left=report.left,
            unseen=report.not_read,
            moving=report.on_their_way,
            complete=report.is_whole and not report.left,
        )

    # ---- the list of shipments ------------------------------------------------------------------

    def _list(self, since: datetime) -> ListedShipments:
        """VeraCore's list of shipments since then, once a run; empty if it cannot be read."""
        listed = ListedShipments()
        if not self.warehouse.capabilities.lists_shipped:
            return listed
        unreadable: dict[UnreadableShipment, None] = {}
        try:
            for first, last in self._days(since).parts():
                self.context.progress(LISTING, 0, 0)
                if self.context.ends_here():
                    return ListedShipments()
                rows = self.warehouse.shipped(first, last)
                for row in counted(rows, self.context.progress, LISTING):
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
        self._is_listed = True
        listed.since = since
        return listed

    def _days(self, since: datetime) -> Days:
        zone = self.settings.tracking_zone
        # It is unknown whether the last day belongs to the window (docs/wire.md 5.3).
        last = self.clock.now().astimezone(zone).date() + timedelta(days=2)
        return Days(min(since.astimezone(zone).date(), last - timedelta(days=2)), last)

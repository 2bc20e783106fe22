"""The stores of one ledger over a backend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from veracore_sync.clock import Clock
from veracore_sync.commit_queue import CommitQueue
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.audit import Audit
from veracore_sync.ledger.breaker import Breakers
from veracore_sync.ledger.budget import Budgets
from veracore_sync.ledger.cancellations import Cancellations
from veracore_sync.ledger.comparisons import Comparisons
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.differences import Differences
from veracore_sync.ledger.holdings import Holdings
from veracore_sync.ledger.inbox import Inbox
from veracore_sync.ledger.meta import Meta
from veracore_sync.ledger.orders import Orders
from veracore_sync.ledger.outbox import Outbox
from veracore_sync.ledger.receipts import Receipts
from veracore_sync.ledger.refusals import Refusals
from veracore_sync.ledger.reporting import Reporting
from veracore_sync.ledger.runs import Runs
from veracore_sync.ledger.shipments import Shipments
from veracore_sync.ledger.stock_baseline import BaselineStore
from veracore_sync.ledger.throughput import Throughput
from veracore_sync.ledger.transitions import OrderTransitions
from veracore_sync.ledger.unread import UnreadRecords
from veracore_sync.ledger.upkeep import Upkeep

T = TypeVar("T")


class SqlLedger:
    """The ledger of one shop and one warehouse.

    Args:
        database: The backend.
        clock: The clock for every time that is stored.
        hooks: The names of the hooks that get events; without any, no event is stored.
    """

    def __init__(self, database: Database, clock: Clock, hooks: Sequence[str] = ()) -> None:
        self.database = database
        self.path = database.path
        self.place = database.place
        self.clock = clock
        self.meta = Meta(database, clock)
        self.outbox = Outbox(database, clock, hooks)
        self.alerts = Alerts(database, self.outbox, clock)
        self.orders = Orders(database, clock)
        self.holdings = Holdings(database, clock)
        self.comparisons = Comparisons(database, clock)
        self.transitions = OrderTransitions(database, self.alerts, self.outbox, clock)
        self.cancellations = Cancellations(database, self.alerts, self.transitions, clock)
        self.shipments = Shipments(database, clock)
        self.receipts = Receipts(database, clock)
        self.stock = BaselineStore(database)
        self.unread = UnreadRecords(database)
        self.differences = Differences(database, clock)
        self.audit = Audit(database, clock)
        self.inbox = Inbox(database, clock)
        self.runs = Runs(database, clock)
        self.breakers = Breakers(database, self.alerts, clock)
        self.budgets = Budgets(database, clock)
        self.refusals = Refusals(database, self.meta, clock)
        self.reporting = Reporting(database)
        self.throughput = Throughput(database)
        self.upkeep = Upkeep(database, clock)
        self._queue: CommitQueue[Callable[[], Any], Any] = CommitQueue(self._commit)
        # The backend lets one thread at a time into a transaction, so one field is enough.
        self._working: int | None = None

    @contextmanager
    def unit_of_work(self) -> Iterator[None]:
        """Everything that the stores write within the block is stored, or nothing.

        Raises:
            LedgerError: Nothing was stored.
        """
        with self.database.transaction():
            outer, self._working = self._working, threading.get_ident()
            try:
                yield
            finally:
                self._working = outer

    def together(self, act: Callable[[], T]) -> T:
        """What `act` writes is stored durably, or nothing; threads share one commit.

        Raises:
            LedgerError: Nothing was stored.
            RuntimeError: This thread is in a unit of work.
        """
        if self._working == threading.get_ident():
            # What it wrote would not be stored when this returns, nor what other threads wrote with
            # it; or the thread that commits would wait for the end of this very unit of work.
            raise RuntimeError("`together` commits, so it cannot be part of a unit of work")
        done, value = self._queue.submit(act)
        if not done:
            raise value
        result: T = value
        return result

    def _commit(self, acts: Sequence[Callable[[], Any]]) -> list[tuple[bool, Any]]:
        """Do these in one transaction, or, if one of them fails, each in its own."""
        has_failed = False
        try:
            with self.unit_of_work():
                try:
                    return [(True, act()) for act in acts]
                except BaseException:
                    has_failed = True
                    raise
        except Exception:
            # Not if the commit itself fails: the acts may be stored then.
            if len(acts) == 1 or not has_failed:
                raise
        return [self._alone(act) for act in acts]

    def _alone(self, act: Callable[[], Any]) -> tuple[bool, Any]:
        try:
            with self.unit_of_work():
                return True, act()
        except Exception as error:  # noqa: BLE001 - raised in the thread that it is of
            return False, error

    def close(self) -> None:
        """Close the backend."""
        self.stock.close()
        self.database.close()

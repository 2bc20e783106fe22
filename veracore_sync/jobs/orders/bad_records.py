"""A record that cannot be read stops no other, unless the whole upstream is shown to be failing.

One rule for every kind: the record is named, remembered, requested last and with growing pauses,
and alerted after an hour. If a control read of the same kind fails too, the upstream is failing,
and that error ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from veracore_sync.clock import Clock
from veracore_sync.config.services import RetrySettings
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import MAY_BE_AN_ORDERS
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.ledger_records import UnreadRow
from veracore_sync.domain.orders import Order
from veracore_sync.jobs.bad_records import BadRecordMemory, longest_untried_first
from veracore_sync.jobs.orders.changes import is_followed
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import Poll, ShopOrders, Unlisted
from veracore_sync.ports.warehouse import Absent, LookUpFailed, Warehouse

KIND = AlertKind.ORDER_UNREADABLE
SHOP, LOOK_UP, DOUBT, LISTED = "orders.shop", "orders.lookup", "orders.doubt", "orders.listed"
"""Topics: an order in full, a look-up before the first send, one of a doubt, an entry of a list."""

_UNLISTED = "its entry in the shop's list cannot be read, so it is skipped,"
_UNLISTED_ALL = "the shop cannot list them"
_MAX_LAST = 20
_BATCH = 50

T = TypeVar("T")

Failed = Callable[[str, SyncError], None]
"""Called for each record that cannot be read: its code and the error."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads orders in full; one that cannot be read stops no other.

    Args:
        probe_code: A code that no order has, for the control read.
    """

    shop: ShopOrders
    probe_code: str

    def read(self, codes: Sequence[str], failed: Failed) -> Iterator[Order]:
        """The orders with these codes; those that the shop lacks or cannot return are left out.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        yield from read_apart(self.shop.orders, codes, self.probe_code, failed)


def read_apart(
    read: Callable[[Sequence[str]], Sequence[T]],
    codes: Sequence[str],
    probe_code: str,
    failed: Failed,
) -> Iterator[T]:
    """Read records by their codes; if the request fails, the halves of it find the bad ones.

    Raises:
        SyncError: The shop as a whole cannot be read.
    """
    try:
        found = read(codes)
    except SyncError as error:
        if error not in MAY_BE_AN_ORDERS:
            raise
        # The control read comes first: if the whole shop is failing, hundreds of smaller reads
        # would each wait for their time-out.
        read([probe_code])
        if len(codes) == 1:
            failed(codes[0], error)
            return
        middle = len(codes) // 2
        for half in (codes[:middle], codes[middle:]):
            yield from read_apart(read, half, probe_code, failed)
        return
    yield from found


def in_batches(codes: Sequence[str]) -> Iterator[Sequence[str]]:
    """The codes in parts of at most 50, the most that one request reads (docs/vendure.md)."""
    for start in range(0, len(codes), _BATCH):
        yield codes[start : start + _BATCH]


def look_ups_must_work(warehouse: Warehouse, ledger: Ledger) -> None:
    """Prove that VeraCore answers look-ups: of the newest synced order, else of an impossible id.

    Raises:
        SyncError: VeraCore answers neither.
    """
    # The newest order may be a bad record itself, so its failure alone proves nothing.
    newest = ledger.orders.newest_synced()
    for veracore_id in (newest.veracore_id if newest else None, ledger.meta.probe_id):
        found = warehouse.look_up(veracore_id) if veracore_id else None
        if veracore_id != ledger.meta.probe_id and isinstance(found, Absent) and found.unless:
            raise found.unless
        if found is not None and not isinstance(found, LookUpFailed):
            return
    if isinstance(found, LookUpFailed):
        raise found.error


def remembered(topic: str, ledger: Ledger, clock: Clock, retry: RetrySettings) -> BadRecordMemory:
    """The bad records of a topic."""
    # The first failure may be chance, so the next run tries again without a pause.
    return BadRecordMemory(ledger, clock, retry.backoff, topic, tried_at_once=1)


@dataclass(frozen=True, slots=True)
class BadRecords:
    """Remembers bad records from run to run.

    Args:
        retry: Its backoff is the pause after repeated failures.
    """

    ledger: Ledger
    clock: Clock
    retry: RetrySettings
    report: OrdersReport

    def of(self, topic: str) -> BadRecordMemory:
        """The bad records of one kind of read."""
        return remembered(topic, self.ledger, self.clock, self.retry)

    def failed(self, topic: str, name: str, error: SyncError) -> UnreadRow:
        """Record a failure; from the second in a row on, the pauses grow."""
        return self.of(topic).failed(name, error.message)

    def answered(self, topic: str, name: str) -> None:
        """The record was read after all, or is no longer needed."""
        if self.of(topic).answered(name):
            self.ledger.alerts.resolve(KIND, code=name)

    def known(self) -> BatchOfBadRecords:
        """The bad records of now, for a batch that is about to be read."""
        return BatchOfBadRecords(
            self, {topic: frozenset(self.of(topic).rows()) for topic in (SHOP, LOOK_UP)}
        )

    def report_failure(self, row: UnreadRow, what: str, *, is_code: bool = True) -> None:
        """Add a notice, and open an alert once the failure has lasted for an hour.

        Args:
            row: As `failed` returned it.
            what: What cannot be read, and the consequence.
            is_code: The record's name is an order's code.
        """
        self.report.notify(f"{row.name}: {what} since {row.since}: {row.message}")
        self.alert_overdue(row, what, is_code=is_code)

    def alert_overdue(self, row: UnreadRow, what: str, *, is_code: bool = True) -> None:
        """Open an alert once the failure has lasted for an hour; arguments as `report_failure`."""
        if not self.of(LISTED).is_overdue(row):
            return
        message = f"{what} since {row.since}: {row.message}"
        if not is_code:
            message = f"{row.name}: {message}"
        code = row.name if is_code else None
        # The error may change from try to try; a person accepts the record as it has been since.
        raise_alert(
            self.ledger, self.report, KIND, message, code=code, difference=f"since {row.since}"
        )

    def listed(self, poll: Poll) -> None:
        """Record the entries that a full run could not list, and forget those listed again."""
        now = {one.name: one for one in poll.unlisted}
        lists = {f"the {name} orders": error for name, error in poll.unread.items()}
        for name in self.of(LISTED).keep_only(now.keys() | lists.keys()):
            self.ledger.alerts.resolve(KIND, code=name)
        for one in now.values():
            row = self.failed(LISTED, one.name, one.error)
            self.report_failure(row, _UNLISTED, is_code=one.code is not None)
        for name, error in lists.items():
            self.report_failure(self.failed(LISTED, name, error), _UNLISTED_ALL, is_code=False)
        if not lists and all(one.code for one in now.values()):
            self.ledger.alerts.resolve(KIND)
        self._follow([one for one in poll.unlisted if one.listed_in == "moved" and one.code])

    def _follow(self, moved: Sequence[Unlisted]) -> None:
        """Have changed orders read in full although their list entry cannot be read."""
        # By the time the entry can be listed again, its `updatedAt` is behind the window.
        rows = self.ledger.orders.held([one.name for one in moved])
        known = self.of(SHOP)
        for one in moved:
            if one.name in rows and is_followed(rows[one.name]) and one.name not in known:
                known.failed(one.name, one.error.message)

    def asked_last(self, codes: Sequence[str], *, all_due: bool) -> tuple[list[str], list[str]]:
        """Separate bad records from the other orders.

        Args:
            codes: Orders to be read in full and looked up.
            all_due: A person named them, so pauses do not apply.

        Returns:
            The codes without failures as they came; and the bad ones that are due, longest untried
            first, at most 20 unless a person named them.
        """
        memory = self.of(SHOP)
        known = {**self.of(LOOK_UP).rows(), **memory.rows()}
        last = longest_untried_first(known[code] for code in codes if code in known)
        due = [row for row in last if all_due or memory.is_due(row)]
        first = [code for code in codes if code not in known]
        return first, [row.name for row in (due if all_due else due[:_MAX_LAST])]


@dataclass(frozen=True, slots=True)
class BatchOfBadRecords:
    """The bad records at the begin of a batch: the ledger is asked once, not for each record."""

    bad: BadRecords
    names: Mapping[str, frozenset[str]]

    def answered(self, topic: str, name: str) -> None:
        """As `BadRecords.answered`, for a record of this batch."""
        if name in self.names[topic]:
            self.bad.answered(topic, name)

"""Orders about which an upstream gives no usable answer: bad records, or a failing upstream.

They are remembered as the bad records of every job are. A run ends only if the upstream as a whole
fails: by an error that says so, or by several new bad records in a row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import REFUSES_ALL, TOO_FAST, FailureBudget
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.bad_records import BadRecordMemory, longest_untried_first
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reasons import Why
from veracore_sync.jobs.report import raise_alert
from veracore_sync.jobs.tracking.report import TrackingReport

KIND = AlertKind.ORDER_UNANSWERED
ORDERS, UNKNOWN_ORDERS = "tracking.unanswered", "tracking.unanswered_unknown"
"""Topics: orders of the ledger, and orders of the shop that the ledger does not know."""
PARTS = "tracking.unreadable_slip"
"""Orders of which a slip cannot be read. They are looked up as often as all others."""


@dataclass(slots=True)
class Unanswered(RunPart[TrackingReport]):
    """The unanswered orders of a run, by code.

    Args:
        key: The topic, `ORDERS` or `UNKNOWN_ORDERS`.
        budget: How many new ones in a row end the run.
        answered_by: The upstreams that gave a usable answer in this run.
        unusable: By upstream, an error that no alert reports yet.
    """

    key: str = ORDERS
    budget: FailureBudget = field(default_factory=FailureBudget)
    answered_by: set[str] = field(default_factory=set)
    unusable: dict[str, SyncError] = field(default_factory=dict)
    _memory: BadRecordMemory = field(init=False)
    _names: set[str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._memory = BadRecordMemory(
            self.ledger,
            self.clock,
            self.settings.retry.backoff,
            self.key,
            is_read_only=lambda: self.context.must_not_write,
        )

    def codes(self) -> list[str]:
        """The orders to retry: those that are due, longest untried first, then the others."""
        rows = longest_untried_first(self._memory.rows().values())
        return [row.name for row in sorted(rows, key=self._memory.is_due, reverse=True)]

    def rests(self, code: str) -> bool:
        """Whether the order failed lately and waits for its next attempt."""
        return code in self._remembered and self._memory.rests(code)

    @property
    def _remembered(self) -> set[str]:
        """Those that may be remembered: nearly no order is, and each would be asked for twice."""
        # Read once: only who holds the job changes them.
        if self._names is None:
            self._names = set(self._memory.rows())
        return self._names

    def __contains__(self, code: str) -> bool:
        return code in self._memory

    def keep_only(self, codes: Collection[str]) -> None:
        """Forget all other orders, which need no more work."""
        for code in self._memory.keep_only(codes):
            self.ledger.alerts.resolve(KIND, code=code)

    def failed(self, code: str, error: SyncError, report: TrackingReport | None = None) -> None:
        """Note an order that could not be worked on.

        Args:
            code: The order.
            error: Why.
            report: Its own report, if it has one.

        Raises:
            SyncError: The upstream as a whole fails, or several orders in a row did.
        """
        upstream = getattr(error, "upstream", "")
        if error in REFUSES_ALL:
            raise error
        report = report or self.report
        report.errors += 1
        report.record(code, "", "failed", error.message)
        is_new = code not in self._memory
        row = self._memory.failed(code, error.message)
        self._remembered.add(code)
        if error in TOO_FAST:
            # Recorded first: if only this order is rejected, it is the last of the next run.
            raise error
        if self.context.must_not_write or not self._memory.is_overdue(row):
            self.unusable[upstream] = error
        if is_new:
            self.budget.spend(upstream)
        if self.budget.is_spent(upstream):
            raise error

    def suspect(self, codes: Sequence[str], error: SyncError) -> None:
        """Read each of these by itself from now on, because reading them together failed.

        Raises:
            SyncError: The upstream as a whole fails.
        """
        if error in REFUSES_ALL or error in TOO_FAST:
            raise error
        self.report.errors += 1
        self.report.notify_once(f"{len(codes)} orders will be read one by one: {error.message}")
        todo = "nothing to do: the next run reads each by itself"
        why = Why("could not be read together", error.message, todo)
        self.report.reasons.add_all(why, codes, len(codes))
        self._memory.suspect(codes)
        self._remembered.update(codes)
        self.unusable[getattr(error, "upstream", "")] = error

    def answered(self, upstream: str) -> None:
        """Note that the upstream gave a usable answer."""
        self.answered_by.add(upstream)
        self.budget.restore(upstream)

    def worked(self, code: str) -> None:
        """Note that the order could be worked on again."""
        if code in self._remembered and self._memory.answered(code):
            self.ledger.alerts.resolve(KIND, code=code)

    def alert_overdue(self) -> None:
        """Alert about orders that have been unanswered for too long."""
        for code, row in self._memory.rows().items():
            if self.context.must_not_write or not row.message or not self._memory.is_overdue(row):
                continue
            message = f"no usable answer about it since {row.since}: {row.message}"
            what = f"since {row.since}"
            raise_alert(self.ledger, self.report, KIND, message, code=code, difference=what)


def conclude(*memories: Unanswered) -> None:
    """End a run.

    Raises:
        SyncError: An upstream gave no usable answer at all, and no alert reports that yet.
    """
    answered = {upstream for one in memories for upstream in one.answered_by}
    for one in memories:
        for upstream, error in one.unusable.items():
            if upstream not in answered:
                raise error

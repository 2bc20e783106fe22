"""One private note a receipt in the order's history: the intent first, never two.

None is requested before the history was read: the ledger before a restored one may have had it
written. It is read after the shop has certainly ended its work on the last request for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import (
    MAY_BE_AN_ORDERS,
    NOT_BEGUN,
    OF_ALL_RECORDS,
    FailureBudget,
)
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.returns import ReceiptRow
from veracore_sync.domain.states import Applied, NoteState
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reasons import Why
from veracore_sync.jobs.returns.plan import is_about, note_text
from veracore_sync.jobs.returns.report import ReturnsReport
from veracore_sync.jobs.tracking.rules import Rules, rules_of
from veracore_sync.waits import is_over

_AT_ONCE = 200


@dataclass(slots=True)
class NoteWriter(RunPart[ReturnsReport]):
    """Writes the notes that are wanted."""

    _rules: Rules = field(init=False)
    _budget: FailureBudget = field(default_factory=FailureBudget, init=False)
    _unread: dict[str, SyncError] = field(default_factory=dict, init=False)
    _was_read: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._rules = rules_of(self.settings)

    def write_all(self) -> None:
        """Write the notes, the least tried first.

        Raises:
            SyncError: The shop cannot be used; the next run goes on.
        """
        self._write_each()
        if len(self._unread) >= self._budget.most and not self._was_read:
            # Not one of many could be read: it is no order's fault.
            raise next(iter(self._unread.values()))

    def _write_each(self) -> None:
        tried: set[int] = set()
        while True:
            rows = self.ledger.receipts.open_notes(len(tried) + _AT_ONCE)
            rows = [row for row in rows if row.id not in tried]
            if not rows:
                return
            for row in rows:
                if self.context.ends_here():
                    return
                tried.add(row.id)
                self._try(row)

    def _try(self, row: ReceiptRow) -> None:
        if row.veracore_id in self._unread or not self._has_ended(row):
            return
        try:
            order_id = self._to_note(row)
        except SyncError as error:
            if error not in MAY_BE_AN_ORDERS:
                raise
            # One order may have many receipts, and all of them would fail: only if nothing can be
            # read is it the shop.
            self.shop.fulfilments.orders([self.ledger.meta.probe_id])
            self._unread[row.veracore_id] = error
            self._not_written(row, error)
            return
        self._was_read = True
        if order_id is None:
            return
        try:
            self._write(row, order_id)
        except SyncError as error:
            if error in OF_ALL_RECORDS or self._budget.spend("vendure") >= self._budget.most:
                raise
            self._not_written(row, error)
        else:
            self._budget.restore("vendure")

    def _not_written(self, row: ReceiptRow, error: SyncError) -> None:
        self.report.errors += 1
        why = Why("without a note in the shop", error.message, "every run tries again")
        self.report.reasons.add(why, _name(row))
        self.report.notify_once(f"the note about {_name(row)} was not written: {error.message}")

    def _has_ended(self, row: ReceiptRow) -> bool:
        """Whether the shop has certainly ended its work on the last request, if there was one."""
        if row.note is not NoteState.ASKED:
            return True
        longest = self._rules.call_limit + self._rules.grace
        ended = row.asked_at + self._rules.grace if row.asked_at else self.clock.now()
        return is_over(ended, self.clock.now(), longest)

    def _to_note(self, row: ReceiptRow) -> str | None:
        """The id of the order that still needs the note."""
        order_id = self._order_of(row)
        if order_id is None:
            self.ledger.receipts.drop(row)
            why = Why("without a note in the shop", "the shop no longer has the order")
            self.report.reasons.add(why, _name(row))
            self.report.notify_once(f"no note about {_name(row)}: the shop no longer has the order")
            return None
        if any(is_about(row, one) for one in self.shop.fulfilments.notes(order_id)):
            self.ledger.receipts.written(row)
            return None
        return order_id

    def _write(self, row: ReceiptRow, order_id: str) -> None:
        ends_by = self.clock.now() + self._rules.call_limit
        if self.ledger.receipts.ask(row, ends_by) is Applied.LOST:
            return
        pass_failpoint("note intended")
        try:
            self.shop.fulfilments.note(order_id, note_text(row))
        except SyncError as error:
            # Even an error that the shop answered may come after the note was written.
            if error in NOT_BEGUN:
                self.ledger.receipts.not_asked(row)
            else:
                self.ledger.receipts.unanswered(row)
            raise
        pass_failpoint("note written")
        self.ledger.receipts.written(row)
        self.report.notes += 1

    def _order_of(self, row: ReceiptRow) -> str | None:
        """The id of the shop's order; ``None`` if the shop has it no longer."""
        held = self.ledger.orders.at_warehouse([row.veracore_id]).get(row.veracore_id.casefold())
        if held is None or held.is_set_aside:
            return None
        order = self.shop.fulfilments.orders([held.code]).get(held.code)
        if order is None or is_another(held, order.id, order.placed_at):
            return None
        return order.id


def _name(row: ReceiptRow) -> str:
    return f"{row.quantity} x {row.product} of VeraCore's order {row.veracore_id}"

"""The run of ``sync-returns``: list what came back, record what is new, write the notes.

Nothing is refunded, and no stock is changed: VeraCore's own stock tells what is for sale again, and
whether money goes back is a person's decision.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import ONLY_THIS_OPERATION
from veracore_sync.domain.kinds import EventKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.returns import (
    FORGOTTEN_TO,
    LISTED_FROM,
    UNAVAILABLE,
    Receipt,
    ReturnedRow,
    UnreadableReturn,
)
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.reasons import Why
from veracore_sync.jobs.returns.notes import NoteWriter
from veracore_sync.jobs.returns.plan import by_key, event_data, new_receipts
from veracore_sync.jobs.returns.report import ReturnsReport
from veracore_sync.jobs.tracking.days import Days, days_to_ask

_COMPLETE = "returns.complete_at"
_UNREADABLE = "returns.unreadable"
"""Rows that could not be read, in the ledger's facts: whether each was reported to a person."""
_AT_ONCE = 500
_NAMED = 10
_KEPT = 100
_NONE_IN_DIALECT = "VeraCore's rest dialect lists no returned goods: nothing to do"


@dataclass(slots=True)
class ReturnsRun(JobRun[ReturnsReport]):
    """Turns the warehouse's receipts of returned goods into events and notes."""

    def run(self) -> ReturnsReport:
        """Run to the end.

        Raises:
            SyncError: The run could not continue; what was recorded until then is true.
        """
        began = self.clock.now()
        self.context.begin()
        if self.context.must_not_write:
            self.report.plan = []
        if not self.warehouse.capabilities.lists_returns:
            self.report.is_available = False
            self.report.notify_once(_NONE_IN_DIALECT)
            self.report.reasons.add(Why("nothing listed", _NONE_IN_DIALECT))
            return self.report
        days = self._days()
        is_complete = self._list_all(days)
        if not self.context.must_not_write:
            if is_complete:
                # Only at the end: days that were not listed completely are listed again.
                with self.ledger.unit_of_work():
                    self.ledger.meta.put(_COMPLETE, to_text(began))
                    self.ledger.meta.put(LISTED_FROM, days.first.isoformat())
            if self.settings.returns.note:
                NoteWriter(self.context).write_all()
        return self.report

    def _days(self) -> Days:
        return days_to_ask(
            self.clock.now(),
            self.settings.veracore.zone,
            last_complete=self.ledger.meta.moment(_COMPLETE),
            not_before=self.settings.orders.not_before or self.ledger.meta.live_since,
            lookback_days=self.settings.returns.lookback_days,
        )

    def _list_all(self, days: Days) -> bool:
        """List everything and record what is new; whether all was listed."""
        unreadable: dict[tuple[str, str], UnreadableReturn] = {}
        try:
            for first, last in days.parts():
                self.context.progress("listing what came back", 0, 0)
                if self.context.ends_here():
                    return False
                self._list(first, last, unreadable)
                self._is_available()
        except SyncError as error:
            if error not in ONLY_THIS_OPERATION:
                raise
            self._must_be_only_this()
            self._is_not_available(error)
            return False
        finally:
            self._name(list(unreadable.values()))
        self._forget_unreadable(unreadable.values())
        return True

    def _list(
        self, first: date, last: date, unreadable: dict[tuple[str, str], UnreadableReturn]
    ) -> None:
        rows: list[ReturnedRow] = []
        try:
            for row in self.warehouse.returned(first, last):
                if isinstance(row, UnreadableReturn):
                    unreadable[row.name, row.problem] = row
                else:
                    rows.append(row)
        except SyncError:
            # Each row that was read whole is a fact of its own, and nothing is concluded from what
            # is missing: receipts are counted, so the next run finds the others. Else an answer
            # that always breaks off at the same place would hide all of them for ever.
            self._record(rows)
            raise
        self._record(rows)

    # ---- recording ------------------------------------------------------------------------------

    def _record(self, rows: Sequence[ReturnedRow]) -> None:
        if not rows:
            return
        self._check_warehouse()
        self.report.listed += len(rows)
        listed = by_key(rows, self.settings.veracore.zone)
        forgotten_to = self.ledger.meta.get(FORGOTTEN_TO) or ""
        known = self.ledger.receipts.known(list(listed))
        for _, planned in self.report.plan or ():
            known.setdefault(planned.key, []).append(planned.details)
        new = new_receipts(listed, known, forgotten_to)
        for start in range(0, len(new), _AT_ONCE):
            self._record_some(new[start : start + _AT_ONCE])

    def _record_some(self, receipts: Sequence[Receipt]) -> None:
        ids = list(dict.fromkeys(one.row.order_id for one in receipts))
        orders = self.ledger.orders.at_warehouse(ids)
        found = [(one, orders.get(one.row.order_id.casefold())) for one in receipts]
        coded = [(order.code if order else None, one) for one, order in found]
        if self.report.plan is not None:
            self.report.plan += coded
            return
        with self.ledger.unit_of_work():
            for one, order in found:
                self.ledger.receipts.record(self._with_note(one, order))
                code = order.code if order else None
                self.ledger.outbox.add(EventKind.RETURN_RECEIVED, code, event_data(one, code))
        self.report.received += coded
        pass_failpoint("receipts recorded")

    def _with_note(self, receipt: Receipt, order: OrderRow | None) -> Receipt:
        # An order that was set aside is no longer in the shop: another one has its code there.
        wanted = self.settings.returns.note and order is not None and not order.is_set_aside
        return Receipt(receipt.row, receipt.key, receipt.details, receipt.day, note=wanted)

    def _check_warehouse(self) -> None:
        """After each answer: from then on a rehearsal must not write."""
        self.context.check_warehouse()
        if self.context.must_not_write and self.report.plan is None:
            self.report.plan = []

    def _name(self, rows: Sequence[UnreadableReturn]) -> None:
        if not rows:
            return
        self._check_warehouse()
        self.report.errors += len(rows)
        for row in rows:
            why = Why("cannot be read", row.problem, "passed by, and read again while it is listed")
            self.report.reasons.add(why, row.name)
        named = [row.name for row in rows if row.name][:_NAMED]
        which = f" ({'; '.join(named)})" if named else ""
        message = (
            f"of the receipts that VeraCore lists, {len(rows)} cannot be read{which}: "
            f"{rows[0].problem}; passed by, and read again while VeraCore lists them"
        )
        if self._are_overdue(rows):
            # Once VeraCore lists them no more, they would have become no event, and nobody knew.
            self.report.escalate(f"{message}; see at VeraCore what came back")
        else:
            self.report.notify_once(message)

    def _are_overdue(self, rows: Sequence[UnreadableReturn]) -> bool:
        """Whether an earlier run could not read one of them either, and none has said so."""
        if self.context.must_not_write:
            return False
        seen = self._unreadable_before()
        names = sorted(map(_named, rows))
        now = {name: name in seen for name in names}
        earlier = {name: reported for name, reported in seen.items() if name not in now}
        kept = [*(earlier | now).items()][-_KEPT:]
        self.ledger.meta.put(_UNREADABLE, json.dumps(dict(kept)))
        return any(seen.get(name) is False for name in names)

    def _forget_unreadable(self, rows: Iterable[UnreadableReturn]) -> None:
        """Forget those that all of a complete list are no longer among."""
        seen, names = self._unreadable_before(), set(map(_named, rows))
        left = {name: reported for name, reported in seen.items() if name in names}
        if left != seen and not self.context.must_not_write:
            self.ledger.meta.put(_UNREADABLE, json.dumps(left))

    def _unreadable_before(self) -> dict[str, bool]:
        return dict(json.loads(self.ledger.meta.get(_UNREADABLE) or "{}"))

    # ---- whether VeraCore lists them at all ------------------------------------------------------

    def _must_be_only_this(self) -> None:
        """Prove that VeraCore refuses nothing else: else it is about the account.

        Raises:
            SyncError: It refuses others, too, or does not answer.
        """
        newest = self.ledger.orders.newest_synced()
        known_id = (newest.veracore_id or newest.code) if newest else None
        self.warehouse.check_connection(known_id)

    def _is_available(self) -> None:
        self._check_warehouse()
        self.report.is_available = True
        if self.context.must_not_write or self.ledger.meta.get(UNAVAILABLE) in (None, ""):
            return
        self.ledger.meta.put(UNAVAILABLE, "")
        self.report.notify("VeraCore lists returned goods for this account again")

    def _is_not_available(self, error: SyncError) -> None:
        """Say so, but only the first time: many accounts have no such operation, and need none."""
        self._check_warehouse()
        self.report.is_available = False
        message = f"VeraCore does not list returned goods for this account: {error.message}"
        todo = "ask VeraCore for it, or disable this timer"
        self.report.reasons.add(Why("nothing listed", message, todo))
        if self.context.must_not_write:
            self.report.notify_once(message)
        elif self.ledger.meta.get(UNAVAILABLE) in (None, ""):
            self.ledger.meta.put(UNAVAILABLE, to_text(self.clock.now()))
            self.report.escalate(f"{message}; ask VeraCore for it, or disable this timer")


def _named(row: UnreadableReturn) -> str:
    return f"{row.name}: {row.problem}"

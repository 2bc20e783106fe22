"""What a look-up showed of an order: it is remembered, and the shop is asked where it has to be.

Nothing here makes a request: several orders are remembered in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veracore_sync.domain.cancellations import left_slips
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import (
    LOST_RACE,
    OPEN_SLIPS,
    Applied,
    OrderState,
    PickSlipState,
)
from veracore_sync.jobs.cancel.run import NOW_IN_THE_SHOP, note_sighting
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.report import raise_alert
from veracore_sync.jobs.tracking.apart import ReadyOrder
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.snapshot import OrderSnapshot
from veracore_sync.jobs.tracking.targets import Targets


@dataclass(slots=True)
class Sightings(RunPart[TrackingReport]):
    """Remembers what look-ups showed."""

    targets: Targets

    def present(self, snapshot: OrderSnapshot) -> ReadyOrder | None:
        """Remember an order that VeraCore has; if the shop has to be asked about it, what to ask.

        Raises:
            LedgerError: It cannot be read or written.
        """
        row, record = snapshot.row, snapshot.record
        self.ledger.alerts.resolve(AlertKind.ORDER_MISSING, code=row.code)
        if row.is_set_aside:
            self._follow_apart(snapshot)
            return None
        snapshot.remember(self.targets.rows_to_keep(snapshot.veracore_id))
        self._tell_what_left(snapshot)
        if row.state == OrderState.CANCELLED:
            return None
        if record.status == "cancelled" and self._is_to_be_cancelled(snapshot):
            return None
        if record.status == "cancelled" and row.state == OrderState.SYNCED:
            message = "it was cancelled at VeraCore after it was placed"
            change = self.ledger.transitions.cancel(row.code, snapshot.veracore_id, message)
            if change is Applied.NEWS:
                self.report.escalate(f"{row.code}: {message}")
            elif change is Applied.LOST:
                self.report.notify(f"{row.code}: {LOST_RACE}")
            return None
        if not snapshot.concerns_the_shop():
            for hold, slip in snapshot.holds():
                self.ledger.shipments.hold(slip, hold.reason, hold.until, failed=False)
                self.report.record(row.code, hold.slip, "waiting", hold.reason, hold.until)
            return None
        return ReadyOrder(row, snapshot.veracore_id, record, snapshot.plan)

    def _follow_apart(self, snapshot: OrderSnapshot) -> None:
        """Follow an order that the shop no longer has to its end at VeraCore.

        Nothing is read or written in the shop: another order has its code there now.
        """
        row, record = snapshot.row, snapshot.record
        rows = self.targets.rows_to_keep(snapshot.veracore_id)
        snapshot.remember(rows, slips=False)
        if record.status == "cancelled" and row.state == OrderState.SYNCED:
            with self.ledger.unit_of_work():
                message = "it was cancelled at VeraCore, and the shop no longer has it"
                self.ledger.transitions.cancel(row.code, snapshot.veracore_id, message)
                # Nobody has to refund it in the shop, which is what ends this alert.
                self.ledger.alerts.resolve(AlertKind.ORDER_CANCELLED, code=row.code)
            self.report.record(row.code, "", "closed", message)
        elif record.is_complete and self.ledger.transitions.ship(row.code):
            self.report.record(row.code, "", "closed", "the shop no longer has it")

    def _is_to_be_cancelled(self, snapshot: OrderSnapshot) -> bool:
        """Whether the order is to be cancelled, so that a second look-up has to confirm it."""
        change = note_sighting(self.context, snapshot.row, snapshot.record)
        if change is Applied.NEWS:
            self.report.escalate(f"{snapshot.row.code}: {NOW_IN_THE_SHOP}")
        return change is not None

    def _tell_what_left(self, snapshot: OrderSnapshot) -> None:
        """Report goods of an order that left although it was cancelled, or was to be."""
        row, gone = snapshot.row, left_slips(snapshot.record)
        wish = self.ledger.cancellations.get(row.code) if gone else None
        if not gone or (wish is None and row.state != OrderState.CANCELLED):
            return
        known = self.ledger.shipments.slips(snapshot.veracore_id)
        # Told before the fulfilment is made, so what has one already left before the wish.
        ended = (PickSlipState.DONE, PickSlipState.COVERED)
        earlier = {one.slip for one in known.values() if one.state in ended}
        slips = [slip for slip in gone if slip not in earlier]
        if not slips:
            return
        left = f"VeraCore shipped slip {', '.join(slips)}"
        if row.state == OrderState.CANCELLED:
            self._left_cancelled(row, [known[slip] for slip in slips if slip in known], left)
            return
        message = f"{left} although the order was to be cancelled"
        if self.ledger.cancellations.leave(row.code, message) is Applied.NEWS:
            self.report.escalate(f"{row.code}: {message}")

    def _left_cancelled(self, row: OrderRow, slips: Sequence[SlipRow], left: str) -> None:
        """Report goods of an order that VeraCore showed as cancelled, and hand them to a person."""
        message = f"{left} although it showed the order as cancelled"
        with self.ledger.unit_of_work():
            for slip in slips:
                if slip.state in OPEN_SLIPS:
                    self.ledger.shipments.hand_over(slip, message)
            kind = AlertKind.ORDER_SHIPPED_CANCELLED
            raise_alert(self.ledger, self.report, kind, message, code=row.code)

    def absent(self, row: OrderRow, veracore_id: str) -> None:
        """Report an order that VeraCore no longer has under its id.

        Raises:
            LedgerError: It cannot be read or written.
        """
        self.report.errors += 1
        message = f"VeraCore no longer has it under {veracore_id}"
        self.report.record(row.code, "", "missing", message)
        if self.context.must_not_write:
            return
        self.ledger.shipments.looked(row.code, veracore_id, reference="", rows=None, seen={})
        if row.state == OrderState.SHIPPED:
            return  # nothing of it is left to ship, so it may be gone
        raise_alert(self.ledger, self.report, AlertKind.ORDER_MISSING, message, code=row.code)

"""Records a rebuilt order, by the transitions that the jobs would have made.

The caller has opened a unit of work. No event is written: the ledger is opened without hooks,
because each of these was an event of the ledger that was lost.
"""

from __future__ import annotations

from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.cancel.words import cancelled_in_shop
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.rebuild.rebuilt import RebuiltOrder
from veracore_sync.jobs.rebuild.report import RebuildReport


class Recorder(RunPart[RebuildReport]):
    """Writes rows of a rebuilt ledger."""

    def record(self, one: RebuiltOrder) -> None:
        """Write an order that the ledger does not hold, with all that belongs to it."""
        is_skipped = one.state is OrderState.SKIPPED and not one.is_partly_shipped
        found = Discovery(
            one.code,
            one.vendure_id,
            one.placed_at,
            state=OrderState.SKIPPED if is_skipped else OrderState.PENDING,
            cause=one.cause if is_skipped else None,
            trouble=Failure(Category.VALIDATION, one.why) if is_skipped else None,
        )
        self.ledger.transitions.discover([found])
        if one.record is not None and one.veracore_id is not None:
            self._accepted(one, one.veracore_id, one.record)
        elif one.state is OrderState.CONFLICT:
            trouble = Failure(Category.CONFLICT, one.why)
            self.ledger.transitions.conflict(one.code, one.veracore_id, trouble)
        elif one.is_partly_shipped:
            cause = one.cause or OrderCause.STATE
            self.ledger.transitions.skip(one.code, cause, one.why, alert=True)

    def _accepted(self, one: RebuiltOrder, veracore_id: str, record: WarehouseRecord) -> None:
        moves, code = self.ledger.transitions, one.code
        version, wanted = one.version, one.wanted
        moves.adopt(code, veracore_id, record, version, wanted=wanted, counts_fulfilled=True)
        self._shipments(one, veracore_id, record)
        if one.is_cancelled_in_shop:
            moves.cancelled_in_shop(code, cancelled_in_shop(self.context, code))
        if one.state is OrderState.CANCELLED:
            moves.cancel(code, veracore_id, one.why)
        elif one.state is OrderState.SHIPPED:
            moves.ship(code, one.why if one.is_cancelled_in_shop else None)
        elif one.drift:
            self.ledger.alerts.open(AlertKind.ORDER_DRIFT, one.drift, code=code)

    def _shipments(self, one: RebuiltOrder, veracore_id: str, record: WarehouseRecord) -> None:
        shipments = self.ledger.shipments
        shipments.looked(
            one.code,
            veracore_id,
            reference=record.reference or "",
            rows=one.shipped.rows,
            seen=one.shipped.seen,
            costs=one.shipped.costs,
            complete=record.is_complete,
        )
        rows = shipments.slips(veracore_id)
        for bound in one.shipped.bound:
            row = rows[bound.slip]
            if bound.fulfilment_id is None:
                shipments.cover(row, bound.tracking_code)
            else:
                shipments.add(row, bound.fulfilment_id, bound.lines, bound.tracking_code)
                shipments.finish(row)

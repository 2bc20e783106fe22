"""One order as a look-up showed it: what to remember, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.order_records import AttemptRow, OrderRow, SentLines
from veracore_sync.domain.pick_slips import (
    PackageFact,
    Rows,
    ShippingCost,
    SlipRow,
    fresh_slip,
)
from veracore_sync.domain.states import OPEN_SLIPS, OrderState, PickSlipState
from veracore_sync.domain.warehouse import Package, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.orders.changes import sent_lines
from veracore_sync.jobs.orders.interpret_lookup import as_sent
from veracore_sync.jobs.tracking.actions import DOUBLED, PENDING_BY_HAND, Action, Hold
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.sent_names import under_sent_names, wanted_at_first
from veracore_sync.jobs.tracking.slips import is_relabelled, shipments_of, unready
from veracore_sync.ports.ledger import Ledger


@dataclass(slots=True)
class OrderSnapshot:
    """A look-up's answer, with the order's row in the ledger."""

    row: OrderRow
    veracore_id: str
    record: WarehouseRecord
    ledger: Ledger
    rules: Rules
    clock: Clock

    def remember(self, rows: Rows | None, *, slips: bool = True) -> None:
        """Store what was seen; changed slips are due at once.

        Args:
            rows: What to remember of the list of shipped packages; ``None``: no change.
            slips: Whether its slips are to be fulfilled in the shop.
        """
        known = self.ledger.shipments.slips(self.veracore_id)
        shipments = self._shipments(known) if slips else ()
        self.ledger.holdings.saw(self.row.code, self.record)
        self.ledger.shipments.looked(
            self.row.code,
            self.veracore_id,
            reference=self.record.reference or "",
            rows=rows,
            seen={one.slip: facts_of(one) for one in shipments},
            costs={one.slip: cost_of(one) for one in shipments},
            complete=self.record.is_complete,
        )

    def seen(self) -> dict[str, SlipRow]:
        """The rows that `remember` would store, without writing any."""
        slips = self.ledger.shipments.slips(self.veracore_id)
        now = to_text(self.clock.now())
        for one in self._shipments(slips):
            if one.slip not in slips:
                slips[one.slip] = fresh_slip(
                    self.row.code, self.veracore_id, one.slip, facts_of(one), now
                )
        return slips

    def plan(self, order: FulfilledOrder, slips: Mapping[str, SlipRow]) -> Sequence[Action]:
        """The actions, given the order as it is in the shop now."""
        now = self.clock.now()
        known = self.ledger.alerts.accepted(order.code)
        accepted = [one.difference for one in known if one.kind in (DOUBLED, PENDING_BY_HAND)]
        attempts, shown = self.ledger.orders.attempts(self.row.code), self.record.lines
        taken = [one.lines for one in attempts if one.lines] if shown is None else []
        sent = _as_lines(taken[-1] if taken else ())
        at_first = self.ledger.comparisons.sent([order.code]).get(order.code)
        order, rules = self._under_sent_names(order, attempts, at_first)
        wanted = _as_lines(wanted_at_first(at_first, order, rules.names))
        return OrderPlan(self.record, sent, slips, order, rules, now, accepted, wanted).plan()

    def _under_sent_names(
        self, order: FulfilledOrder, attempts: Sequence[AttemptRow], wanted: Facets | None
    ) -> tuple[FulfilledOrder, Rules]:
        """The order and the rules with the names that it was sent with."""
        # The record first: a person may have put another offer into it.
        offers = as_sent(self.record.lines or ()) or sent_lines(self.row, attempts) or ()
        known = self.ledger.comparisons.of([self.row.code]).get(self.row.code)
        order, names = under_sent_names(order, self.rules.names, offers, wanted, known)
        return order, replace(self.rules, names=names)

    def concerns_the_shop(self) -> bool:
        """Whether the shop's order has to be read: a request costs more than a look at the rows."""
        slips = self.ledger.shipments.slips(self.veracore_id)
        shipments = {one.slip: one for one in self._shipments(slips)}
        open_rows = [row for row in slips.values() if row.state in OPEN_SLIPS]
        if any(self._is_ready(row, shipments.get(row.slip)) for row in open_rows):
            return True
        if any(is_relabelled(row, shipments.get(row.slip)) for row in slips.values()):
            return True
        return self.record.is_complete and self.row.state == OrderState.SYNCED and not open_rows

    def _is_ready(self, row: SlipRow, shipment: Shipment | None) -> bool:
        if row.state != PickSlipState.OPEN:
            return True
        return shipment is not None and self._unready(row, shipment) is None

    def holds(self) -> Iterator[tuple[Hold, SlipRow]]:
        """The slips that wait, and why."""
        slips = self.ledger.shipments.slips(self.veracore_id)
        shipments = {one.slip: one for one in self._shipments(slips)}
        for row in slips.values():
            if row.state != PickSlipState.OPEN:
                continue
            shipment = shipments.get(row.slip)
            if shipment is None:
                yield Hold(row.slip, "VeraCore no longer lists it"), row
            elif hold := self._unready(row, shipment):
                yield hold, row

    def _unready(self, row: SlipRow, shipment: Shipment) -> Hold | None:
        return unready(shipment, row, self.record, self.rules, self.clock.now())

    def _shipments(self, slips: Mapping[str, SlipRow]) -> tuple[Shipment, ...]:
        if self.row.state == OrderState.SHIPPED:
            return self.record.shipments
        return shipments_of(self.record, slips)


def _as_lines(lines: SentLines) -> tuple[RecordLine, ...]:
    return tuple(RecordLine(sku, units) for sku, units in lines)


def facts_of(shipment: Shipment) -> tuple[PackageFact, ...]:
    """The packages of a shipment as the ledger stores them."""
    return tuple(map(_fact, shipment.packages))


def cost_of(shipment: Shipment) -> ShippingCost:
    """What the packages of a shipment that left cost together."""
    left = [one for one in shipment.packages if one.is_live]
    return ShippingCost(
        _together([one.freight for one in left]), _together([one.charges for one in left])
    )


def _together(amounts: Sequence[Decimal | None]) -> Decimal | None:
    # A part of a cost would pass for the whole.
    known = [one for one in amounts if one is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _fact(one: Package) -> PackageFact:
    shipped_at = to_text(one.shipped_at) if one.shipped_at else None
    return (one.carrier, one.service, one.tracking, shipped_at, one.voided_at is not None)

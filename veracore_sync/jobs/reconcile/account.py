"""What shipped of an order, and what its fulfilments contain, in units of its lines; pure.

Products become lines by the one rule of `jobs.tracking.line_allocation`. All slips are counted
together, so it does not matter which fulfilment was made from which slip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.comparisons import ComparedRow
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.orders import OrderContent
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import PickSlipState
from veracore_sync.domain.warehouse import RecordLine, Shipment, WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.jobs.orders.changes import sent_lines
from veracore_sync.jobs.orders.facets import under_first_names
from veracore_sync.jobs.orders.interpret_lookup import as_sent
from veracore_sync.jobs.reconcile.sides import LedgerSide
from veracore_sync.jobs.reconcile.sights import may_leave, units_held_by
from veracore_sync.jobs.tracking.allocate import allocate, units_of
from veracore_sync.jobs.tracking.line_allocation import LineAllocation
from veracore_sync.jobs.tracking.sent_names import under_sent_names, wanted_at_first
from veracore_sync.jobs.tracking.short import lacking
from veracore_sync.jobs.tracking.slips import live

_P = PickSlipState
_MADE = (_P.ADDED, _P.DONE)
Units = Mapping[str, int]
"""Units by line id."""


@dataclass(slots=True)
class Account:
    """One order's units.

    Args:
        record: What VeraCore has of it.
        sent: The lines that were sent, if the record shows none.
        order: The shop's order.
        content: The same as it is compared with what was sent.
        slips: The ledger's, by slip.
        names: What the shop's SKUs are called at the warehouse.
        wanted: As in `LineAllocation`.
        held: What VeraCore ships or shipped, by offer; ``None`` if unknown.
        before: Units by SKU that were fulfilled before the order was sent: VeraCore never had them.
    """

    record: WarehouseRecord
    sent: Sequence[RecordLine]
    order: FulfilledOrder
    content: OrderContent
    slips: Mapping[str, SlipRow]
    names: SkuMap
    wanted: Sequence[RecordLine]
    held: SentLines | None
    before: Mapping[str, int] = field(default_factory=dict)
    allocation: LineAllocation = field(init=False)
    left: Sequence[Shipment] = field(init=False)
    """The shipments that have left as a whole."""

    def __post_init__(self) -> None:
        self.left = [one for one in self.record.shipments if self._has_left(one)]
        self.allocation = LineAllocation(
            self.record, self.sent, self.order, self.names, self.wanted
        )
        for shipment in self.record.shipments:
            row = self.slips.get(shipment.slip)
            if row is not None and row.state in _MADE and self.is_made(shipment.slip):
                self.allocation.held.update(row.lines or {})

    # ---- slips ----------------------------------------------------------------------------------

    def _has_left(self, shipment: Shipment) -> bool:
        if any(package.is_waiting for package in shipment.packages):
            return False
        return bool(live(shipment)) or (not shipment.packages and self.record.is_complete)

    @property
    def unmade(self) -> list[Shipment]:
        """Those of them that are in no fulfilment as far as the ledger knows."""
        return [one for one in self.left if not self.is_made(one.slip)]

    def is_made(self, slip: str) -> bool:
        """Whether a slip's units are in a fulfilment that stands."""
        row = self.slips.get(slip)
        if row is None:
            return False
        if row.state is PickSlipState.COVERED:
            return True
        made = {one.id: one for one in self.order.fulfilments if one.is_live}
        own = made.get(row.fulfilment_id or "")
        return row.state in _MADE and own is not None and not self._is_unfinished(own)

    def _is_unfinished(self, one: Fulfilment) -> bool:
        """Whether a fulfilment is not Shipped, and never was: a shop may have states beyond it."""
        done = {row.fulfilment_id for row in self.slips.values() if row.state == _P.DONE}
        return one.state not in SHIPPED_STATES and one.id not in done

    def may_be_ours(self, one: Fulfilment) -> bool:
        """Whether a fulfilment was made from a slip, as far as the ledger and its intents tell."""
        return any(
            row.fulfilment_id == one.id
            or (
                # Its answer was lost: the next run adopts it.
                row.state is PickSlipState.INTENDED
                and row.lines == one.lines
                and one.id not in row.known
            )
            for row in self.slips.values()
        )

    def is_cancelled(self, row: SlipRow) -> bool:
        """Whether the slip's fulfilment was cancelled in the shop."""
        return row.fulfilment_id is not None and not any(
            one.is_live for one in self.order.fulfilments if one.id == row.fulfilment_id
        )

    # ---- units ----------------------------------------------------------------------------------

    @property
    def is_known(self) -> bool:
        """Whether it is known which units have left."""
        return self._is_whole or all(one.lines is not None for one in self.left)

    @property
    def _is_whole(self) -> bool:
        """Whether all that VeraCore accepted has left, whatever its slips list."""
        return (
            self.record.is_complete
            and not self.record.partially_cancelled
            and self.record.status != "cancelled"
            and not self.allocation.short
            and not any(
                package.is_waiting for one in self.record.shipments for package in one.packages
            )
        )

    def unfulfilled(self, *, finished: bool = False) -> Counter[str]:
        """Units that have left and are in no fulfilment, as far as the order asks for them.

        Args:
            finished: Only a fulfilment that is Shipped counts.
        """
        room = self._room(self.fulfilled(finished=finished))
        if not room:
            return room
        there = self._ours(finished=finished)
        if not self._is_whole:
            return self._fill(self._beyond(self._shipped(), there), room)
        offered = self.allocation.offered()
        if offered is None:
            return Counter() if self.allocation.is_as_fulfilled else self.allocation.all_of(room)
        return self._fill(self._beyond(offered, there), room)

    def unshipped(self) -> Counter[str]:
        """Units in fulfilments that have not left, and that VeraCore still means to ship."""
        there, extra = self.fulfilled(), self.unexplained()
        if not extra or self.held is None or not may_leave(self.record):
            return Counter()
        ordered = {line.id: max(line.quantity, there[line.id]) for line in self.order.lines}
        gone = self._by_offer(self._fill(self._shipped(), ordered))
        due = units_of(RecordLine(sku, units) for sku, units in self.held) - gone
        is_open = self._by_offer(self._room(there))
        twice = due - is_open
        found: Counter[str] = Counter()
        for line in self.order.lines:
            key = sku_key(self.names.part(line.sku))
            units = min(extra[line.id], twice[key])
            if units > 0:
                found[line.id] = units
                twice[key] -= units
        return found

    def is_covered(self, shipments: Sequence[Shipment]) -> bool:
        """Whether fulfilments that are of no slip contain what these shipments did."""
        taken = {row.fulfilment_id for row in self.slips.values()}
        by_hand: Counter[str] = Counter()
        for one in self.order.fulfilments:
            if one.is_live and one.id not in taken:
                by_hand.update(one.lines)
        products: Counter[str] = Counter()
        for shipment in shipments:
            products += units_of(shipment.lines or ())
        return bool(by_hand) and not self._beyond(products, by_hand)

    def unexplained(self) -> Counter[str]:
        """Units in fulfilments that no slip which has left explains."""
        there = self._ours()
        extra = there - self._fill(self._shipped(), there)
        return extra - self.allocation.excluded(extra)

    def excess(self) -> dict[str, int]:
        """Units by SKU that have left beyond what was ordered, or ever fulfilled from a slip."""
        shipped = self._shipped()
        if not shipped:
            return {}
        made: Counter[str] = Counter()
        for row in self.slips.values():
            if row.state in _MADE and row.lines:
                made.update(row.lines)
        ours = self._ours()
        elsewhere = self.fulfilled() - ours
        ordered = Counter({line.id: line.quantity for line in self.order.lines}) - elsewhere
        most = ordered | ours | made
        return self.allocation.beyond(shipped, shipped, most)

    def lacking(self) -> Counter[str]:
        """Units that the shop waits for, of an order of which VeraCore ships nothing more."""
        is_over = self.record.is_complete and self.order.state not in SHIPPED_STATES
        if not is_over or self.unfulfilled() or not self.is_known:
            return Counter()
        return lacking(self.record, self.allocation)

    def fulfilled(self, *, finished: bool = False) -> Counter[str]:
        """Units in the shop's fulfilments that are not cancelled."""
        found: Counter[str] = Counter()
        for one in self._made(finished=finished):
            found.update(one.lines)
        return found

    def _made(self, *, finished: bool) -> list[Fulfilment]:
        live = [one for one in self.order.fulfilments if one.is_live]
        return [one for one in live if not (finished and self._is_unfinished(one))]

    def _ours(self, *, finished: bool = False) -> Counter[str]:
        """Those of them that may be of what VeraCore had: not fulfilled before it was sent."""
        found = self.fulfilled(finished=finished)
        if not found:
            return found
        bound = {row.fulfilment_id for row in self.slips.values()}
        others: Counter[str] = Counter()
        for one in self._made(finished=finished):
            if one.id not in bound:
                others.update(one.lines)
        left = Counter(self.before)
        for line in self.order.lines:
            units = min(left[line.sku], others[line.id], found[line.id])
            left[line.sku] -= units
            found[line.id] -= units
        return +found

    def unfinished(self) -> list[Fulfilment]:
        """The fulfilments that are not Shipped, of units that have left."""
        found = [one for one in self._made(finished=False) if self._is_unfinished(one)]
        units = self.unfulfilled(finished=True) if found else {}
        return [one for one in found if units.keys() & one.lines.keys()]

    def by_sku(self, units: Units) -> dict[str, int]:
        """These units by the shop's SKU."""
        found: Counter[str] = Counter()
        for line in self.order.lines:
            found[line.sku] += units.get(line.id, 0)
        return dict(+found)

    def _shipped(self) -> Counter[str]:
        """The products of all slips that have left."""
        found: Counter[str] = Counter()
        for shipment in self.left:
            found += units_of(shipment.lines or ())
        return found

    def _room(self, there: Units) -> Counter[str]:
        left = {line.id: line.quantity - there.get(line.id, 0) for line in self.order.lines}
        room = +Counter(left)
        return room - self.allocation.excluded(room)

    def _by_offer(self, units: Units) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in self.order.lines:
            found[sku_key(self.names.part(line.sku))] += units.get(line.id, 0)
        return found

    def _fill(self, products: Units, capacity: Units) -> Counter[str]:
        lines, recipes = self.order.lines, self.allocation.recipes
        return allocate(products, lines, capacity, self.names, recipes).lines

    def _beyond(self, products: Units, capacity: Units) -> Counter[str]:
        lines, recipes = self.order.lines, self.allocation.recipes
        return allocate(products, lines, capacity, self.names, recipes).left


def named_as_sent(side: LedgerSide, content: OrderContent) -> OrderContent:
    """The shop's order with the SKUs that it had when it was sent."""
    known = side.compared or ComparedRow(side.row.code)
    return under_first_names(content, known.seen, known.base, side.sent)


def account_of(
    side: LedgerSide, shop: WholeOrder, record: WarehouseRecord, names: SkuMap
) -> Account:
    """The order's account; its lines bear the SKUs that they had when it was sent."""
    content = named_as_sent(side, shop.content)
    order = FulfilledOrder(
        id=content.id,
        code=content.code,
        state=content.state,
        type=content.type,
        lines=tuple(
            Line(one.id, one.variant_id, one.sku, one.quantity) for one in shop.content.lines
        ),
        fulfilments=shop.fulfilments,
        placed_at=content.placed_at,
        channels=shop.channels,
    )
    sent = sent_lines(side.row, side.attempts) or ()
    held = units_held_by(record)
    shown = as_sent(record.lines or ()) or sent
    order, names = under_sent_names(order, names, shown, side.sent, side.compared)
    # What VeraCore has if neither side shows the lines: what the shop wanted when it was found.
    wanted = wanted_at_first(side.sent, order, names)
    return Account(
        record=record,
        sent=tuple(RecordLine(sku, units) for sku, units in sent) if record.lines is None else (),
        order=order,
        content=content,
        slips={one.slip: one for one in side.slips if one.veracore_id == side.row.veracore_id},
        names=names,
        wanted=[RecordLine(sku, units) for sku, units in wanted],
        held=held if held is not None else tuple(sent) or wanted or None,
        before=side.sent.by_hand if side.sent is not None else {},
    )

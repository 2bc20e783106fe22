"""Which fulfilments of the shop a record's slips are, by tracking's own rules; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.config import Settings
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Line
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.orders import OrderLine
from veracore_sync.domain.pick_slips import fresh_slip
from veracore_sync.domain.shop_texts import is_code_of
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.jobs.rebuild.rebuilt import BoundSlip, Shipped
from veracore_sync.jobs.tracking.actions import AdoptFulfilment, AlreadyFulfilled, Fulfil
from veracore_sync.jobs.tracking.carriers import tracking_code
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.rules import Rules, rules_of
from veracore_sync.jobs.tracking.slips import shipments_of
from veracore_sync.jobs.tracking.snapshot import cost_of, facts_of

_LONG_SETTLED = timedelta(days=1)


def as_fulfilled(order: WholeOrder) -> FulfilledOrder:
    """The order as tracking reads it."""
    content = order.content
    return FulfilledOrder(
        id=content.id,
        code=content.code,
        state=content.state,
        type=content.type,
        lines=tuple(Line(one.id, one.variant_id, one.sku, one.quantity) for one in content.lines),
        fulfilments=order.fulfilments,
        placed_at=content.placed_at,
        channels=order.channels,
    )


def shipped_of(
    order: FulfilledOrder, record: WarehouseRecord, rules: Rules, now: datetime
) -> Shipped:
    """A record's slips, and those of them whose units are in the shop already.

    The others stay open: the next run of tracking settles, adopts or fulfils them.
    """
    # That the labels did not change lately matters before a number is written, and not where it
    # stands in the shop already.
    since = to_text(now - rules.settle - _LONG_SETTLED)
    shipments = record.shipments if order.state in SHIPPED_STATES else shipments_of(record, {})
    seen = {one.slip: facts_of(one) for one in shipments}
    slips = {
        slip: fresh_slip(order.code, record.id, slip, facts, since) for slip, facts in seen.items()
    }
    actions = OrderPlan(record, (), slips, order, rules, now).plan()
    adopted = [one for one in actions if isinstance(one, AdoptFulfilment)]
    covered = [one for one in actions if isinstance(one, AlreadyFulfilled)]
    if any(isinstance(one, Fulfil) for one in actions):
        # What another slip still has to add decides what this one is covered by.
        covered = []
    bound = [_adopted(one) for one in adopted if one.fulfilment.state in SHIPPED_STATES]
    bound += [BoundSlip(one.slip, None, {}, tracking_code(one.packages)) for one in covered]
    costs = {one.slip: cost_of(one) for one in shipments}
    return Shipped(seen, tuple(bound), costs=costs)


def units_there(
    order: FulfilledOrder, record: WarehouseRecord, shipped: Shipped, renderer: Renderer
) -> SentLines:
    """The offers and units that VeraCore may have of an order, where it does not show them."""
    counts = Counter({line.id: line.quantity for line in order.lines})
    if record.is_complete and shipped.units:
        # The order may have grown since its parcel was fulfilled.
        counts = shipped.units
    return tuple(offers_of(order.lines, counts, renderer).items())


def units_shown(
    order: FulfilledOrder, record: WarehouseRecord, settings: Settings, now: datetime
) -> SentLines | None:
    """As `units_there`, of an order that is adopted now; ``None``: the record shows its lines."""
    if record.lines is not None:
        return None
    shipped = shipped_of(order, record, rules_of(settings), now)
    return units_there(order, record, shipped, Renderer(settings.orders, settings.skus))


def offers_of(
    lines: Iterable[Line | OrderLine], counts: Mapping[str, int], renderer: Renderer
) -> Counter[str]:
    """Units by offer, without what VeraCore never has; `counts` are units by line id."""
    units: Counter[str] = Counter()
    for line in lines:
        if not renderer.is_excluded(line.sku):
            units[renderer.offer(line.sku)] += counts.get(line.id, 0)
    return +units


def _adopted(one: AdoptFulfilment) -> BoundSlip:
    ours, whole = one.fulfilment, tracking_code(one.packages)
    # The shop may hold a part of it only; the ledger has the whole, to see later changes.
    code = whole if is_code_of(ours.tracking_code, whole) else ours.tracking_code
    return BoundSlip(one.slip, ours.id, ours.lines, code)

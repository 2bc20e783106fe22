"""Taking over an order that VeraCore has and this ledger did not send: one rule for all who do it.

After a lost ledger, or a go-live, such orders are found by VeraCore's list of shipments, or when
the sides are compared.
"""

from __future__ import annotations

from collections.abc import Collection

from veracore_sync.config import OrdersSettings
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.identity import is_another, left_before
from veracore_sync.domain.order_records import Discovery, OrderRow, SentLines
from veracore_sync.domain.states import Applied, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.orders.ids import is_derived
from veracore_sync.jobs.orders.interpret_lookup import SHORTEST_CUT
from veracore_sync.ports.ledger import Ledger

_PASSED_BY = (OrderCause.STATE, OrderCause.EARLY)


def was_never_sent(row: OrderRow | None) -> bool:
    """Whether the ledger never meant to send the order, so that no look-up of ours is open."""
    return row is None or (row.state == OrderState.SKIPPED and row.cause in _PASSED_BY)


def why_not_in_shop(
    order: FulfilledOrder | None, settings: OrdersSettings, states: Collection[str]
) -> str:
    """Why the shop's order is not one that may be adopted; empty: it may be.

    Args:
        order: The shop's; ``None``: it has none with that code.
        settings: ``[orders]``.
        states: The shop's states in which something may be fulfilled.
    """
    if order is None:
        return "the shop has no such order"
    # An Aggregate order repeats the lines of its Seller orders: only one of them is adopted.
    if order.type not in settings.counted_types:
        return f"it is of the type {order.type}, which is not sent (orders.order_types)"
    if order.state not in states:
        return f"it is {order.state} in the shop"
    if settings.claim(order.channels) != "ours":
        return "it was sold in other channels (orders.channels)"
    return ""


def why_another(
    order: FulfilledOrder,
    record: WarehouseRecord,
    row: OrderRow | None,
    prefixes: Collection[str],
) -> str:
    """Why VeraCore's record is not that order; empty: it is.

    Another system may use this shop's codes as its own, so VeraCore's own record decides.

    Args:
        row: What the ledger has under the order's code.
        prefixes: All that ids may have (`OrdersSettings.id_prefixes`).
    """
    has_our_id = is_derived(record.id, order.code, prefixes)
    if record.reference is None:
        # This dialect shows that the id exists, and nothing else.
        if not has_our_id:
            return f"VeraCore shows no reference of {record.id}, and its id is not ours"
    elif record.reference != order.code:
        return f"the reference of {record.id} at VeraCore is another one"
    # A reference of this length may have been cut, in the list and in the record alike. Then it may
    # be the beginning of a longer code and belong to another order of this shop.
    elif len(order.code) >= SHORTEST_CUT and not has_our_id:
        return f"the reference of {record.id} at VeraCore may be cut, and its id is not ours"
    if left_before(record, order.placed_at):
        return f"{record.id} left VeraCore before the order was placed"
    if row is not None and is_another(row, order.id, order.placed_at):
        return "the shop has another order under this code now"
    return ""


def adopt_unknown(
    ledger: Ledger,
    order: FulfilledOrder,
    veracore_id: str,
    record: WarehouseRecord,
    wanted: SentLines | None = None,
) -> Applied:
    """Discover the order if need be, and adopt what VeraCore has; both or neither.

    Args:
        wanted: The offers and units that it may have been sent with; for a dialect that shows none.
    """
    # An order that is only discovered would be pending, and might be sent a second time.
    with ledger.unit_of_work():
        if ledger.orders.get(order.code) is None:
            ledger.transitions.discover([Discovery(order.code, order.id, order.placed_at)])
        return ledger.transitions.adopt(
            order.code, veracore_id, record, wanted=wanted, counts_fulfilled=True
        )

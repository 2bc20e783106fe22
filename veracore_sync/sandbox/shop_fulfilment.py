"""Fulfilments of the small shop (docs/vendure.md, "Fulfilment"), with Vendure's missing checks.

Negative quantities, a line named twice, and states in which nothing should ship are accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from veracore_sync.sandbox.shop_catalogue import locked
from veracore_sync.sandbox.shop_errors import Refusal, Thrown, not_found, stuck
from veracore_sync.sandbox.shop_orders import Lines, Orders
from veracore_sync.sandbox.shop_process import (
    FULFILMENT_STATES,
    ORDER_STATES,
    live_lines,
    objection,
    wholly,
)
from veracore_sync.sandbox.shop_records import FulfilledLine, Fulfilment, Order, OrderLine

HANDLER = "manual-fulfillment"


class Fulfilling(Orders):
    """Fulfilments, by id."""

    def __init__(self, clock: Callable[[], datetime], seed: int = 0) -> None:
        super().__init__(clock, seed)
        self.fulfilments: dict[str, Fulfilment] = {}

    @locked
    def fulfil(
        self,
        order: Order,
        lines: Lines | None = None,
        state: str = "Shipped",
        *,
        tracking: str = "",
        method: str = "Parcel",
    ) -> Fulfilment:
        """Fulfil some lines by hand (SKU or line id, and quantity); None: all that is left.

        Raises:
            Refusal: Vendure would refuse it.
        """
        wanted = self.open_lines(order) if lines is None else self.line_ids(order, lines)
        arguments = {"method": method, "trackingCode": tracking}
        made = self.add_fulfilment(wanted, HANDLER, arguments)
        if state != "Pending":
            self.transition_fulfilment(made, state)
        return made

    def open_lines(self, order: Order) -> list[tuple[str, int]]:
        """Line ids and the units that are in no live fulfilment."""
        left = {line.id: line.quantity for line in order.lines}
        for part in live_lines(order):
            left[part.line.id] = left.get(part.line.id, 0) - part.quantity
        return [(id, units) for id, units in left.items() if units > 0]

    def line_ids(self, order: Order, lines: Lines) -> list[tuple[str, int]]:
        """`lines` with SKUs replaced by the ids of the order's lines.

        Raises:
            KeyError: The order has no such line.
        """
        ids = {line.variant.sku: line.id for line in order.lines}
        ids |= {line.id: line.id for line in order.lines if line.id not in ids}
        return [(ids[key], quantity) for key, quantity in lines]

    @locked
    def add_fulfilment(
        self,
        lines: Sequence[tuple[str, int]],
        handler: str,
        arguments: Mapping[str, str],
        channel: str | None = None,
    ) -> Fulfilment:
        """``addFulfillmentToOrder``: line ids and quantities, the handler and its arguments.

        Raises:
            Refusal: As Vendure refuses it.
            Thrown: No such line, or a missing ``method``.
        """
        if sum(quantity for _, quantity in lines) == 0:
            message = "At least one OrderLine must be specified"
            code = "EMPTY_ORDER_LINE_SELECTION_ERROR"
            raise Refusal("EmptyOrderLineSelectionError", code, message)
        found = [(self._line(id, channel), quantity) for id, quantity in lines]
        self._refuse_fulfilled(found)
        self._refuse_short(found)
        _refuse_handler(handler, arguments)
        made = self._new_fulfilment(found, arguments)
        self._enter_state(made, "Pending")
        return made

    def _line(self, id: str, channel: str | None) -> tuple[Order, OrderLine]:
        found = self.lines.get(id)
        if found is None or (channel is not None and channel not in found[0].channels):
            raise not_found("OrderLine", id)
        return found

    def _refuse_fulfilled(self, lines: Sequence[tuple[tuple[Order, OrderLine], int]]) -> None:
        for (order, line), quantity in lines:
            done = sum(part.quantity for part in live_lines(order) if part.line is line)
            if line.quantity - done < quantity:
                message = "One or more OrderItems are already part of a Fulfillment"
                code = "ITEMS_ALREADY_FULFILLED_ERROR"
                raise Refusal("ItemsAlreadyFulfilledError", code, message)

    def _refuse_short(self, lines: Sequence[tuple[tuple[Order, OrderLine], int]]) -> None:
        seen: set[str] = set()
        for (order, line), quantity in lines:
            first = line.id not in seen
            seen.add(line.id)
            if not (first and self.tracked(line.variant)):
                continue
            levels = self.levels_in(line.variant, order.channel)
            on_hand = sum(level.on_hand for level in levels)
            if on_hand < quantity:
                raise _short(line, on_hand)

    def _new_fulfilment(
        self, lines: Sequence[tuple[tuple[Order, OrderLine], int]], arguments: Mapping[str, str]
    ) -> Fulfilment:
        now = self.now()
        orders = list({order.id: order for (order, _), _ in lines}.values())
        made = Fulfilment(
            id=self.new_id("fulfilment"),
            created_at=now,
            updated_at=now,
            state="Created",
            method=arguments["method"],
            tracking_code=arguments.get("trackingCode", ""),
            lines=[],
            orders=orders,
        )
        made.lines = [FulfilledLine(line, quantity, made) for (_, line), quantity in lines]
        self.fulfilments[made.id] = made
        for order in orders:
            order.fulfilments.append(made)
            self.note_history(order, "ORDER_FULFILLMENT", {"fulfillmentId": int(made.id)})
        return made

    # ---- states ----------------------------------------------------------------------------

    @locked
    def transition_fulfilment(self, fulfilment: Fulfilment, to_state: str) -> None:
        """Bring a fulfilment to another state, and its order along where its state allows it.

        Raises:
            Refusal: It may not go there from where it is.
            Thrown: Its order may not come along; nothing was changed.
        """
        from_state = fulfilment.state
        if to_state not in FULFILMENT_STATES[from_state]:
            why = f'Cannot transition Fulfillment from "{from_state}" to "{to_state}"'
            key = "errorResult.FULFILLMENT_STATE_TRANSITION_ERROR"
            raise stuck("FulfillmentStateTransitionError", key, why, from_state, to_state)
        self._enter_state(fulfilment, to_state)

    def _enter_state(self, fulfilment: Fulfilment, to_state: str) -> None:
        from_state, fulfilment.state = fulfilment.state, to_state
        reached = [(order, _reached(order, to_state)) for order in fulfilment.orders]
        if any(state and objection(order, state) for order, state in reached):
            fulfilment.state = from_state
            raise Thrown("ORDER_STATE_TRANSITION_ERROR", "INTERNAL_SERVER_ERROR")
        fulfilment.updated_at = self.now()
        self._move_stock(fulfilment)
        data = {"fulfillmentId": int(fulfilment.id), "from": from_state, "to": to_state}
        for order, state in reached:
            self.note_history(order, "ORDER_FULFILLMENT_TRANSITION", data)
            if state:
                self.transition(order, state)

    def _move_stock(self, fulfilment: Fulfilment) -> None:
        units = [(part.line, part.quantity) for part in fulfilment.lines]
        if fulfilment.state == "Pending":
            self.take(units)
        if fulfilment.state == "Cancelled":
            self.put_back(units)
            for line, count in units:
                order, _ = self.lines[line.id]
                self.allocate([(line, count)], order.channel)


def _reached(order: Order, state: str) -> str | None:
    """The state that an order reaches with its fulfilment; None: it stays where it is."""
    if state not in ("Shipped", "Delivered"):
        return None
    reached = state if wholly(order, state) else f"Partially{state}"
    return reached if reached in ORDER_STATES[order.state] else None


def _short(line: OrderLine, on_hand: int) -> Refusal:
    name = line.variant.name
    return Refusal(
        "InsufficientStockOnHandError",
        "INSUFFICIENT_STOCK_ON_HAND_ERROR",
        f'Cannot create a Fulfillment as "{name}" has insufficient stockOnHand ({on_hand})',
        productVariantId=line.variant.id,
        productVariantName=name,
        stockOnHand=on_hand,
    )


def _refuse_handler(handler: str, arguments: Mapping[str, str]) -> None:
    if handler != HANDLER:
        key = "errorResult.INVALID_FULFILLMENT_HANDLER_ERROR"
        code = "INVALID_FULFILLMENT_HANDLER_ERROR"
        raise Refusal("InvalidFulfillmentHandlerError", code, key)
    if "method" not in arguments:
        raise Thrown("SqliteError: NOT NULL constraint failed: fulfillment.method", None)

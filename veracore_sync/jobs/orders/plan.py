"""What to do with one order that was just read in full; pure (docs/order-mapping.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.config import OrdersSettings
from veracore_sync.config.orders import DEFAULT_CHANNEL
from veracore_sync.domain.errors import Category
from veracore_sync.domain.order_records import Failure, Intent, OrderRow, ShopVersion
from veracore_sync.domain.orders import Order
from veracore_sync.domain.states import UNSENT, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.jobs.orders.facets import facets, with_offers
from veracore_sync.jobs.orders.ids import other_ids, warehouse_id
from veracore_sync.jobs.orders.render import (
    Rendered,
    Renderer,
    Unsendable,
    content_hash,
    payload_hash,
)

WAITING_STATES = frozenset({"Modifying", "ArrangingAdditionalPayment", "PaymentAuthorized"})
"""States from which an order may come back to be sent."""

PASSED_STATES = ("PartiallyShipped", "Shipped", "PartiallyDelivered", "Delivered")
"""States after the trigger states. An order that got there without us was handled by hand."""

_LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """Create the order at VeraCore; look it up first if a lost ledger may have sent it.

    With it `other_ids` are looked up, until `most_absent` in a row are absent: a person may have
    given the order a new id in the lost ledger, or ``orders.id_prefix`` was another one.
    """

    code: str
    order: WarehouseOrder
    intent: Intent
    look_up_first: bool
    back_to: OrderState
    other_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParkOrder:
    """The order cannot be sent until a person changes the order or a setting."""

    code: str
    trouble: Failure


@dataclass(frozen=True, slots=True)
class SkipOrder:
    """The order is not sent.

    `cause` is ``rule`` or ``type`` (planned again when the rule may no longer apply), ``channel``
    (when a person names it) or ``state`` (when the shop lists it again); `alert` if a part of it
    would otherwise be forgotten.
    """

    code: str
    reason: str
    cause: OrderCause = OrderCause.RULE
    alert: bool = False


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """The order waits, as pending, until its state in the shop changes."""

    code: str
    reason: str


def foreign_reason(order_type: str) -> str:
    """Why an order of a type that is not sent is skipped."""
    return f"it is of the type {order_type}, which is not sent here (orders.order_types)"


def elsewhere_reason(channels: Collection[str]) -> str:
    """Why an order of other channels is skipped."""
    sold_in = ", ".join(sorted({*channels} - {DEFAULT_CHANNEL} or {*channels}))
    return (
        f"it was sold in the channel {sold_in}, whose orders are not sent here (orders.channels); "
        "even if that is changed, it stays skipped until a person names it"
    )


Action = SubmitOrder | ParkOrder | SkipOrder | HoldOrder


@dataclass(frozen=True, slots=True)
class Planner:
    """The rules of one run.

    Args:
        settings: ``[orders]``.
        settings_hash: Of the settings that decide what is sent.
        ledger_created_at: By the shop's clock: older orders are looked up before they are sent.
        id_taken: Whether an order other than the second argument has or had a VeraCore id.
        unknown_until: By the shop's clock: until then an earlier ledger, which this one replaced,
            may have sent orders, including those that this one has.
        types: The types of order that are sent.
        was_sent: Whether VeraCore may have the order with that code.
    """

    settings: OrdersSettings
    renderer: Renderer
    settings_hash: str
    hash_key: bytes
    ledger_created_at: datetime
    id_taken: Callable[[str, str], bool]
    unknown_until: datetime | None = None
    types: frozenset[str] = frozenset({"Regular", "Seller"})
    was_sent: Callable[[str], bool] = lambda code: False

    def decide(self, order: Order, row: OrderRow) -> Action:
        """The action for an order, `row` being its record in the ledger."""
        return (
            self._foreign(order)
            or self._elsewhere(order)
            or self._withdrawn(order)
            or self._excluded(order)
            or self._submit(order, row)
        )

    def _foreign(self, order: Order) -> SkipOrder | None:
        if order.type not in self.types:
            return SkipOrder(order.code, foreign_reason(order.type), OrderCause.TYPE)
        gone = next(filter(self.was_sent, order.same_goods), None)
        if gone is None:
            return None
        # The setting was changed in between: the goods would ship a second time.
        return SkipOrder(order.code, f"its goods went to VeraCore with the order {gone}")

    def _elsewhere(self, order: Order) -> SkipOrder | ParkOrder | None:
        claim = self.settings.claim(order.channels)
        if claim == "others":
            return SkipOrder(order.code, elsewhere_reason(order.channels), OrderCause.CHANNEL)
        if claim == "shared":
            # Two configurations may each have a claim to it, and neither knows of the other.
            unnamed = {*order.channels} - {*self.settings.channels, DEFAULT_CHANNEL}
            trouble = Failure(
                Category.CONFIG,
                f"it is also in the channel {', '.join(sorted(unnamed))}, which orders.channels "
                "does not name: name it there in the one configuration that sends such orders",
            )
            return ParkOrder(order.code, trouble)
        return None

    def _withdrawn(self, order: Order) -> SkipOrder | HoldOrder | None:
        if order.state in self.settings.trigger_states:
            # A full refund leaves the state and `updatedAt` as they are (docs/vendure.md).
            if order.paid > 0 and order.refunded >= order.paid:
                return SkipOrder(order.code, "fully refunded in the shop")
            return None
        if order.state in WAITING_STATES:
            return HoldOrder(order.code, f"it is in {order.state} in the shop")
        partly = order.state.startswith("Partially")
        return SkipOrder(
            order.code, f"it is {order.state} in the shop, not by us", OrderCause.STATE, partly
        )

    def _excluded(self, order: Order) -> SkipOrder | None:
        methods = {line.method_code for line in order.shipping_lines}
        if methods and methods <= set(self.settings.skip_shipping_methods):
            return SkipOrder(order.code, "its shipping method is in orders.skip_shipping_methods")
        if self.renderer.sendable_lines(order):
            return None
        if any(line.open_quantity for line in order.lines):
            return SkipOrder(order.code, "all its SKUs are in skus.exclude")
        return SkipOrder(order.code, "nothing is left to send: all of it is fulfilled or cancelled")

    def _submit(self, order: Order, row: OrderRow) -> SubmitOrder | ParkOrder:
        # Once stored the id is never derived again: VeraCore refuses a second order under the same
        # id, which is what makes sending again safe.
        def is_taken(candidate: str) -> bool:
            return self.id_taken(candidate, order.code)

        prefixes = self.settings.id_prefixes
        identity = row.veracore_id or warehouse_id(order.code, prefixes[0], is_taken)
        try:
            rendered = self.renderer.render(order, identity)
        except Unsendable as refusal:
            return ParkOrder(order.code, refusal.trouble)
        look_up_first = self._may_be_there(order, row)
        return SubmitOrder(
            code=order.code,
            order=rendered.order,
            intent=self._intent(order, rendered),
            look_up_first=look_up_first,
            back_to=row.state if row.state in UNSENT else OrderState.PENDING,
            other_ids=other_ids(order.code, prefixes, identity, is_taken) if look_up_first else (),
            warnings=rendered.warnings,
        )

    def _intent(self, order: Order, rendered: Rendered) -> Intent:
        return Intent(
            veracore_id=rendered.order.id,
            lines=tuple((line.sku, line.quantity) for line in rendered.order.lines),
            payload_hash=payload_hash(rendered.order, self.hash_key),
            settings_hash=self.settings_hash,
            seen=ShopVersion(
                content_hash(order, self.hash_key),
                order.updated_at,
                with_offers(
                    facets(order, self.settings.prices, self.hash_key), self.renderer.offers(order)
                ),
            ),
            warnings=rendered.warnings,
            paid_at=order.paid_at,
        )

    def _may_be_there(self, order: Order, row: OrderRow) -> bool:
        # A lost ledger, a restored backup or a go-live must not ship a backlog a second time.
        if row.looked_up or order.placed_at is None:
            return False
        if self.unknown_until is not None and order.placed_at < self.unknown_until:
            return True
        if row.attempt:
            return False
        # Seen long after it was placed, or before: this ledger missed it, or a clock was wrong.
        apart = abs(from_text(row.created_at) - order.placed_at)
        return order.placed_at < self.ledger_created_at or apart > _LATE

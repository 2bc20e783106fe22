"""Orders of the small shop: placing, finding, and their transitions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from veracore_sync.sandbox.shop_catalogue import DEFAULT_CHANNEL, locked
from veracore_sync.sandbox.shop_errors import Refusal, not_found, stuck
from veracore_sync.sandbox.shop_prices import apply_promotions, total_with_tax
from veracore_sync.sandbox.shop_process import objection
from veracore_sync.sandbox.shop_records import (
    Customer,
    CustomerGroup,
    HistoryEntry,
    Order,
    OrderLine,
    Payment,
    Promotion,
    ShippingLine,
)
from veracore_sync.sandbox.shop_stock import Stock

ADDRESS: Mapping[str, str] = {
    "fullName": "Ada Lovelace",
    "company": "Analytical Engines",
    "streetLine1": "12 Main Street",
    "streetLine2": "2nd floor",
    "city": "Berlin",
    "province": "Berlin",
    "postalCode": "10115",
    "countryCode": "DE",
    "phoneNumber": "+49 30 123456",
}
CUSTOMER: Mapping[str, str] = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "emailAddress": "ada@example.com",
    "phoneNumber": "+49 30 123456",
}
PLACED_STATES = ("PaymentAuthorized", "PaymentSettled")
_COUNTRIES = {"DE": "Germany", "GB": "United Kingdom", "US": "United States"}
_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# A cart was touched for the last time before it was paid; its updatedAt stays there.
_CART_AGE = timedelta(seconds=1)

Lines = Iterable[tuple[str, int]]


class Orders(Stock):
    """All orders, by id and by code.

    Args:
        clock: Returns the time, aware, UTC.
        seed: Decides the codes that orders get.
    """

    def __init__(self, clock: Callable[[], datetime], seed: int = 0) -> None:
        super().__init__(clock)
        self.orders: dict[str, Order] = {}
        self.by_code: dict[str, Order] = {}
        self.lines: dict[str, tuple[Order, OrderLine]] = {}
        self.payments: dict[str, tuple[Order, Payment]] = {}
        self.customers: dict[str, Customer] = {}
        # Reproducible, not secret.
        self._random = random.Random(seed)  # noqa: S311

    # ---- finding ---------------------------------------------------------------------------

    def order(self, key: str) -> Order:
        """The order with that code, else with that id.

        Raises:
            Thrown: There is none.
        """
        found = self.by_code.get(key) or self.orders.get(key)
        if found is None:
            raise not_found("Order", key)
        return found

    # ---- placing ---------------------------------------------------------------------------

    @locked
    def place_order(
        self,
        lines: Lines,
        *,
        state: str = "PaymentSettled",
        customer: Mapping[str, str] | None = None,
        address: Mapping[str, str] | None = ADDRESS,
        billing: Mapping[str, str] | None = None,
        shipping_method: str = "standard-shipping",
        coupon: str | None = None,
        placed_at: datetime | None = None,
        currency: str | None = None,
        channel: str = DEFAULT_CHANNEL,
        order_type: str = "Regular",
        custom_fields: Mapping[str, Any] | None = None,
        groups: Iterable[str] = (),
    ) -> Order:
        """Take an order, as a shopper would.

        Args:
            lines: SKU (or id of a variant) and quantity.
            state: ``PaymentSettled``, ``PaymentAuthorized``, or ``ArrangingPayment`` and
                ``AddingItems`` for a cart.
            customer: Changes to `CUSTOMER`, in Vendure's field names.
            address: Changes to `ADDRESS`; None: no shipping address.
            billing: Changes to `ADDRESS`; None: no billing address.
            shipping_method: The code of one.
            coupon: A coupon code that a promotion asks for.
            placed_at: When it was placed; None: now.
            currency: None: the channel's.
            channel: The id of the channel that sells it.
            order_type: ``Regular``, ``Seller`` or ``Aggregate``.
            custom_fields: Of those in ``shop_custom_fields.graphql``.
            groups: The names of the customer's groups from now on; none: as before.

        Raises:
            Refusal: There is not enough to sell.
            Thrown: There is no such variant.
            KeyError: There is no such shipping method or channel.
        """
        at = placed_at or self.now()
        order = self._new_order(at - _CART_AGE, channel, currency)
        order.type = order_type
        for variant, quantity in self._wanted(lines, channel).items():
            order.lines.append(self._new_line(order, variant, quantity))
        method = self.shipping_method(shipping_method)
        order.shipping_lines = [ShippingLine(self.new_id("shippingLine"), method, method.price)]
        order.custom_fields = dict(custom_fields or {})
        order.customer = self._customer(order, {**CUSTOMER, **(customer or {})})
        if groups:
            made = (CustomerGroup(self.new_id("customerGroup"), at, name) for name in groups)
            order.customer.groups = list(made)
        order.shipping_address = _address(address)
        order.billing_address = _address(billing)
        self._use_coupon(order, coupon)
        apply_promotions(order, self.promotions.values())
        self._index(order)
        if state != "AddingItems":
            self._enter(order, "ArrangingPayment", at)
        if state in PLACED_STATES:
            self._pay(order, state.removeprefix("Payment"), at)
        return order

    def _new_order(self, at: datetime, channel: str, currency: str | None) -> Order:
        code = "".join(self._random.choices(_CODE_CHARACTERS, k=16))
        order = Order(
            id=self.new_id("order"),
            code=code,
            created_at=at,
            updated_at=at,
            channel=channel,
            channels={DEFAULT_CHANNEL, channel},
            currency=currency or self.channels[channel].currency,
        )
        self.note_history(
            order, "ORDER_STATE_TRANSITION", {"from": "Created", "to": "AddingItems"}, at=at
        )
        return order

    def _wanted(self, lines: Lines, channel: str) -> dict[str, int]:
        """Units by variant id: a variant that is asked for twice makes one line."""
        wanted: dict[str, int] = {}
        for key, quantity in lines:
            id = self.variant(key).id
            wanted[id] = wanted.get(id, 0) + quantity
        for id, quantity in wanted.items():
            self.refuse_oversale(id, quantity, channel)
        return wanted

    def refuse_oversale(self, variant: str, quantity: int, channel: str) -> None:
        """Refuse an order of more than is saleable.

        Raises:
            Refusal: There is not so much.
        """
        free = self.saleable(variant, channel)
        if free is not None and quantity > free:
            raise Refusal(
                "InsufficientStockError",
                "INSUFFICIENT_STOCK_ERROR",
                f"Only {max(0, free)} items were added to the order due to insufficient stock",
                quantityAvailable=max(0, free),
            )

    def _new_line(self, order: Order, variant_id: str, quantity: int) -> OrderLine:
        variant = self.variants[variant_id]
        line = OrderLine(
            id=self.new_id("orderLine"),
            created_at=order.created_at,
            variant=variant,
            quantity=quantity,
            unit_price=variant.price,
            tax_rate=variant.tax_rate,
        )
        self.lines[line.id] = order, line
        return line

    def _customer(self, order: Order, given: Mapping[str, str]) -> Customer:
        """The customer with that mail address; a guest's newest name is that of all orders."""
        email = given["emailAddress"]
        customer = self.customers.get(email)
        if customer is None:
            id = self.new_id("customer")
            customer = Customer(id, order.created_at, "", "", email, None)
            self.customers[email] = customer
        customer.first_name, customer.last_name = given["firstName"], given["lastName"]
        customer.phone = given.get("phoneNumber")
        return customer

    def _use_coupon(self, order: Order, coupon: str | None) -> None:
        if coupon is None:
            return
        promotion = self._promotion_of(coupon)
        order.coupons = [coupon]
        data = {"couponCode": coupon, "promotionId": int(promotion.id)}
        self.note_history(order, "ORDER_COUPON_APPLIED", data, at=order.created_at)

    def _promotion_of(self, coupon: str) -> Promotion:
        for promotion in self.promotions.values():
            if promotion.coupon == coupon:
                return promotion
        code = "COUPON_CODE_INVALID_ERROR"
        message = f'Coupon code "{coupon}" is not valid'
        raise Refusal("CouponCodeInvalidError", code, message, couponCode=coupon)

    def _index(self, order: Order) -> None:
        self.orders[order.id] = order
        self.by_code[order.code] = order

    def _pay(self, order: Order, payment_state: str, at: datetime) -> None:
        automatic = payment_state == "Settled"
        method = "standard-payment" if automatic else "authorize-only"
        self.new_payment(order, method, total_with_tax(order), payment_state, at)
        self._enter(order, f"Payment{payment_state}", at)

    def new_payment(
        self, order: Order, method: str, amount: int, state: str, at: datetime
    ) -> Payment:
        """Record a payment."""
        id = self.new_id("payment")
        transaction = "".join(self._random.choices(_CODE_CHARACTERS.lower(), k=9))
        payment = Payment(id, at, at, method, amount, state, transaction)
        order.payments.append(payment)
        self.payments[id] = order, payment
        self.note_payment(order, payment, "Created", at)
        return payment

    # ---- states ----------------------------------------------------------------------------

    @locked
    def transition(self, order: Order, to_state: str) -> None:
        """Bring an order to another state; its `updated_at` does not move.

        Raises:
            Refusal: It may not go there from where it is.
        """
        self._enter(order, to_state, self.now())

    def _enter(self, order: Order, to_state: str, at: datetime) -> None:
        why = objection(order, to_state) if to_state != order.state else _nowhere(order)
        if why:
            from_state = order.state
            message = f'Cannot transition Order from "{from_state}" to "{to_state}"'
            raise stuck("OrderStateTransitionError", message, why, from_state, to_state)
        data = {"from": order.state, "to": to_state}
        order.state = to_state
        if order.active and to_state in PLACED_STATES:
            self._become_placed(order, at)
        if to_state == "Cancelled":
            order.active = False
        self.note_history(order, "ORDER_STATE_TRANSITION", data, at=at)

    def _become_placed(self, order: Order, at: datetime) -> None:
        order.active, order.placed_at = False, at
        for line in order.lines:
            line.placed_quantity = line.quantity
        self.allocate([(line, line.quantity) for line in order.lines], order.channel, at)

    # ---- history ---------------------------------------------------------------------------

    def note_history(
        self,
        order: Order,
        kind: str,
        data: dict[str, Any],
        *,
        public: bool = True,
        at: datetime | None = None,
    ) -> None:
        """Write down what happened to an order."""
        entry = HistoryEntry(self.new_id("history"), at or self.now(), kind, public, data)
        order.history.append(entry)

    def note_payment(self, order: Order, payment: Payment, before: str, at: datetime) -> None:
        """Write down that a payment changed its state."""
        data = {"paymentId": int(payment.id), "from": before, "to": payment.state}
        self.note_history(order, "ORDER_PAYMENT_TRANSITION", data, at=at)

    @locked
    def add_note(self, order: Order, note: str, public: bool = True) -> None:
        """Add a note to an order; its `updated_at` does not move."""
        self.note_history(order, "ORDER_NOTE", {"note": note}, public=public)


def with_country(address: Mapping[str, str]) -> dict[str, str]:
    """An address with the country's name beside its code."""
    code = address.get("countryCode")
    return {**address, "country": _COUNTRIES.get(code, code)} if code else dict(address)


def _address(changes: Mapping[str, str] | None) -> dict[str, str]:
    return {} if changes is None else with_country({**ADDRESS, **changes})


def _nowhere(order: Order) -> str:
    return f'Cannot transition Order from "{order.state}" to "{order.state}"'

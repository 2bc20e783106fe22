"""What the tests do to a real Vendure: shoppers take orders, staff settle, change and ship them.

Amounts are minor units of the order's currency; SKUs name variants everywhere. Where two lines or
variants bear one SKU, the id of the line or variant names it instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from vendure_bed import Options, Ready, VendureServer
from vendure_catalogue import Catalogue
from vendure_graphql import DEFAULT_HEADERS, AdminEndpoint, Endpoint, Headers, Refused

Lines = Iterable[tuple[str, int]]
Fields = Mapping[str, Any]

ERROR = "... on ErrorResult { errorCode message }"
ADDRESS: Fields = {
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
CUSTOMER: Fields = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "emailAddress": "ada@example.com",
    "phoneNumber": "+49 30 123456",
}
_ADDRESS_FIELDS = """fullName company streetLine1 streetLine2 city province postalCode country
  countryCode phoneNumber"""
_ORDER = f"""query($options: OrderListOptions) {{ orders(options: $options) {{ items {{
  id code state type active createdAt updatedAt orderPlacedAt currencyCode couponCodes nextStates
  subTotal subTotalWithTax shipping shippingWithTax total totalWithTax
  customer {{ id firstName lastName emailAddress phoneNumber }}
  shippingAddress {{ {_ADDRESS_FIELDS} }} billingAddress {{ {_ADDRESS_FIELDS} }}
  lines {{ id quantity orderPlacedQuantity unitPrice unitPriceWithTax discountedUnitPrice
    discountedUnitPriceWithTax proratedUnitPrice proratedUnitPriceWithTax linePrice linePriceWithTax
    proratedLinePrice proratedLinePriceWithTax taxRate productVariant {{ id sku name }}
    discounts {{ adjustmentSource type description amount amountWithTax }}
    fulfillmentLines {{ quantity fulfillment {{ id state }} }} }}
  discounts {{ adjustmentSource type description amount amountWithTax }}
  surcharges {{ sku description price priceWithTax }}
  shippingLines {{ price priceWithTax discountedPriceWithTax shippingMethod {{ id code name }} }}
  payments {{ id method amount state transactionId refunds {{ id total state }} }}
  fulfillments {{ id state method trackingCode createdAt updatedAt
    lines {{ orderLineId quantity }} }}
  history(options: {{ sort: {{ id: ASC }} }}) {{
    items {{ type createdAt data }} }} }} }} }}"""


@dataclass(frozen=True)
class OrderRef:
    """A placed order: its id in the Admin API and the code that people know it by."""

    id: str
    code: str


class RealVendure(Catalogue):
    """A running Vendure with its credentials; ``server`` is the process that the bed started."""

    def __init__(self, ready: Ready, server: VendureServer | None = None) -> None:
        self.admin_url, self.shop_url = ready.adminUrl, ready.shopUrl
        self.username, self.password, self.db = ready.username, ready.password, ready.db
        self.version, self.server = ready.version, server
        options = server.options if server else Options()
        self.headers = Headers(
            options.channel_token_key or DEFAULT_HEADERS.channel,
            options.auth_token_header or DEFAULT_HEADERS.session,
        )
        super().__init__(self.admin_of(None))

    def admin_of(self, channel_token: str | None) -> AdminEndpoint:
        """The Admin API in another channel, to be closed by who asks."""
        return AdminEndpoint(
            self.admin_url, self.username, self.password, channel_token, self.headers
        )

    def close(self) -> None:
        """Close the connections of the Admin API."""
        self._admin.close()

    def create_api_key(self, permissions: Iterable[str]) -> str:
        """As the catalogue's; skips the test where Vendure has no such keys yet."""
        if self.version.startswith("3.0."):
            pytest.skip(f"Vendure {self.version} has no API keys")
        return super().create_api_key(permissions)

    def admin(self, query: str, variables: Fields | None = None) -> Any:
        """Run any operation as superadmin and return its ``data``; raises Refused."""
        return self._admin.data(query, dict(variables or {}))

    # --- shoppers

    def place_order(
        self,
        lines: Lines = (("SKU-000001", 1),),
        payment: str | None = "standard-payment",
        *,
        address: Fields | None = ADDRESS,
        billing: Fields | None = None,
        coupon: str | None = None,
        shipping: str = "standard-shipping",
        customer: Fields | None = None,
        channel_token: str | None = None,
    ) -> OrderRef:
        """Take an order as a guest through the Shop API.

        ``address`` and ``customer`` change single fields of the usual ones; ``address=None`` sets
        none at all. ``payment`` is ``standard-payment`` (settled), ``authorize-only``, or None: the
        order is then left in ArrangingPayment.
        """
        with closing(Endpoint(self.shop_url, channel_token, self.headers)) as shop:
            for key, quantity in lines:
                _add_item(shop, self.variant_id(key), quantity)
            if coupon:
                _on_order(shop, "applyCouponCode", "couponCode", "String!", coupon)
            buyer = {**CUSTOMER, **(customer or {})}
            _on_order(shop, "setCustomerForOrder", "input", "CreateCustomerInput!", buyer)
            _set_addresses(shop, address, billing)
            _choose_shipping(shop, shipping)
            order = _on_order(
                shop, "transitionOrderToState", "state", "String!", "ArrangingPayment"
            )
            if payment:
                paying = {"method": payment, "metadata": {}}
                _on_order(shop, "addPaymentToOrder", "input", "PaymentInput!", paying)
        return OrderRef(order["id"], order["code"])

    def place_orders(self, orders: Sequence[Fields], parallel: int = 4) -> list[OrderRef]:
        """Take many orders, several at a time; each item holds the arguments of place_order."""
        with ThreadPoolExecutor(parallel) as pool:
            return list(pool.map(lambda arguments: self.place_order(**arguments), orders))

    # --- reading

    def order(self, order: OrderRef | str) -> Any:
        """Return one order, by reference or code, with everything the tests look at."""
        code = order.code if isinstance(order, OrderRef) else order
        (found,) = self.orders(code={"eq": code})
        return found

    def orders(self, **filters: Any) -> list[Any]:
        """Return all orders that pass Vendure's own list filters, in the shape of order()."""
        found: list[Any] = self._admin.root(_ORDER, {"options": {"filter": filters}})["items"]
        return found

    # --- staff

    def transition(self, order: OrderRef, state: str) -> None:
        """Bring an order to another state."""
        self._admin.root(
            f"""mutation($id: ID!, $s: String!) {{ transitionOrderToState(id: $id, state: $s) {{
            __typename ... on OrderStateTransitionError {{ transitionError }} {ERROR} }} }}""",
            {"id": order.id, "s": state},
        )

    def settle(self, order: OrderRef) -> None:
        """Settle the payments that are only authorised."""
        for payment in self.order(order)["payments"]:
            if payment["state"] == "Authorized":
                self._admin.root(
                    f"mutation($id: ID!) {{ settlePayment(id: $id) {{ __typename {ERROR} }} }}",
                    {"id": payment["id"]},
                )

    def cancel(self, order: OrderRef, lines: Lines | None = None) -> None:
        """Cancel the whole order, or so many units of some lines."""
        given: dict[str, Any] = {"orderId": order.id, "reason": "test"}
        if lines is not None:
            given["lines"] = self._line_inputs(order, lines)
        self._input("cancelOrder", "CancelOrderInput!", given)

    def refund(self, order: OrderRef, amount: int | None = None) -> None:
        """Refund every settled payment in full, or ``amount`` of the first one."""
        settled = [p for p in self.order(order)["payments"] if p["state"] == "Settled"]
        for payment in settled[: 1 if amount is not None else None]:
            # amount alone is refused by SQLite: the older fields may not be null there
            self._input(
                "refundOrder",
                "RefundOrderInput!",
                {
                    "paymentId": payment["id"],
                    "amount": payment["amount"] if amount is None else amount,
                    "lines": [],
                    "shipping": 0,
                    "adjustment": 0,
                    "reason": "test",
                },
            )

    def modify(
        self,
        order: OrderRef,
        lines: Lines = (),
        *,
        add: Lines = (),
        address: Fields | None = None,
        surcharges: Sequence[Fields] = (),
        finish: bool = True,
    ) -> None:
        """Change quantities (absolute), add variants or surcharges, change address fields; then pay
        or refund.

        With ``finish=False`` the order is left in Modifying.
        """
        self.transition(order, "Modifying")
        given: dict[str, Any] = {"dryRun": False, "orderId": order.id}
        given["adjustOrderLines"] = self._line_inputs(order, lines)
        given["addItems"] = [
            {"productVariantId": self.variant_id(key), "quantity": quantity}
            for key, quantity in add
        ]
        if address is not None:
            given["updateShippingAddress"] = dict(address)
        if surcharges:
            given["surcharges"] = [dict(one) for one in surcharges]
        before = self.order(order)
        given["refunds"] = self._refunds(before, given)
        self._input("modifyOrder", "ModifyOrderInput!", given)
        if finish:
            self._finish_modification(order, before["totalWithTax"])

    def _refunds(self, order: Any, given: Fields) -> list[Fields]:
        dry = {**given, "dryRun": True}
        trial = self._input("modifyOrder", "ModifyOrderInput!", dry, "totalWithTax")
        less = order["totalWithTax"] - trial["totalWithTax"]
        payment = order["payments"][0]["id"]
        return [{"paymentId": payment, "amount": less, "reason": "test"}] if less > 0 else []

    def _finish_modification(self, order: OrderRef, paid: int) -> None:
        if self.order(order)["totalWithTax"] > paid:
            self.transition(order, "ArrangingAdditionalPayment")
            self._input(
                "addManualPaymentToOrder",
                "ManualPaymentInput!",
                {"orderId": order.id, "method": "manual", "transactionId": "more", "metadata": {}},
            )
        self.transition(order, "PaymentSettled")

    def set_address(self, order: OrderRef, **fields: str) -> None:
        """Change fields of the shipping address, as staff do; '' is accepted for any of them."""
        self.modify(order, address=fields)

    def fulfil(
        self,
        order: OrderRef,
        lines: Lines | None = None,
        *,
        state: str = "Shipped",
        tracking: str = "",
        method: str = "Parcel",
    ) -> str:
        """Fulfil some lines (None: all that is left) by hand; returns the fulfilment's id."""
        values = {"method": method, "trackingCode": tracking}
        arguments = [{"name": name, "value": value} for name, value in values.items()]
        made = self._input(
            "addFulfillmentToOrder",
            "FulfillOrderInput!",
            {
                "lines": self._line_inputs(order, self._open(order) if lines is None else lines),
                "handler": {"code": "manual-fulfillment", "arguments": arguments},
            },
            "id",
        )
        if state != "Pending":
            self.transition_fulfilment(made["id"], state)
        return str(made["id"])

    def transition_fulfilment(self, fulfilment: str, state: str) -> None:
        """Bring a fulfilment to Shipped, Delivered or Cancelled."""
        self._admin.root(
            f"""mutation($id: ID!, $s: String!) {{
            transitionFulfillmentToState(id: $id, state: $s) {{ __typename {ERROR} }} }}""",
            {"id": fulfilment, "s": state},
        )

    def _open(self, order: OrderRef) -> list[tuple[str, int]]:
        found = []
        for line in self.order(order)["lines"]:
            live = [f for f in line["fulfillmentLines"] if f["fulfillment"]["state"] != "Cancelled"]
            left = line["quantity"] - sum(f["quantity"] for f in live)
            if left > 0:
                found.append((line["id"], left))
        return found

    def _line_inputs(self, order: OrderRef, lines: Lines) -> list[dict[str, Any]]:
        ids: dict[str, str] = {}
        for line in self.order(order)["lines"]:
            ids[line["productVariant"]["sku"]] = line["id"]
            ids.setdefault(line["id"], line["id"])
        return [{"orderLineId": ids[key], "quantity": quantity} for key, quantity in lines]


def _on_order(shop: Endpoint, name: str, argument: str, kind: str, value: Any) -> Any:
    shape = f"__typename ... on Order {{ id code state }} {ERROR}"
    query = f"mutation($v: {kind}) {{ {name}({argument}: $v) {{ {shape} }} }}"
    return shop.root(query, {"v": value})


def _add_item(shop: Endpoint, variant: str, quantity: int) -> None:
    shop.root(
        f"""mutation($v: ID!, $q: Int!) {{ addItemToOrder(productVariantId: $v, quantity: $q) {{
        __typename {ERROR} }} }}""",
        {"v": variant, "q": quantity},
    )


def _set_addresses(shop: Endpoint, address: Fields | None, billing: Fields | None) -> None:
    if address is not None:
        given = {**ADDRESS, **address}
        _on_order(shop, "setOrderShippingAddress", "input", "CreateAddressInput!", given)
    if billing is not None:
        given = {**ADDRESS, **billing}
        _on_order(shop, "setOrderBillingAddress", "input", "CreateAddressInput!", given)


def _choose_shipping(shop: Endpoint, code: str) -> None:
    methods = {m["code"]: m["id"] for m in shop.root("{ eligibleShippingMethods { id code } }")}
    _on_order(shop, "setOrderShippingMethod", "shippingMethodId", "[ID!]!", [methods[code]])


# starts a server with any fields of vendure_bed.Options
StartVendure = Callable[..., RealVendure]

__all__ = ["ADDRESS", "CUSTOMER", "OrderRef", "RealVendure", "Refused", "StartVendure"]

"""One way to handle a shop under test, be it the small one or a real Vendure.

`RealVendure` of the test bed is the model: the adapter gives the small shop the same methods.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from realvendure import ADDRESS, OrderRef, RealVendure
from vendure_catalogue import ChannelRef, Level
from vendure_graphql import LOGIN, AdminEndpoint, Endpoint, Refused

from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_errors import Refusal

Lines = Iterable[tuple[str, int]]
Fields = Mapping[str, Any]

__all__ = ["LOGIN", "Shop", "SmallVendure", "TestClock", "new_sku"]


class TestClock:
    """A clock that moves only when it is told to."""

    __test__ = False

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def pass_seconds(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def new_sku(stem: str = "SKU") -> str:
    """A SKU that no other test uses."""
    return f"{stem}-{secrets.token_hex(4)}"


class SmallVendure:
    """The small shop, in the words of RealVendure."""

    def __init__(self, small: SmallShop, clock: TestClock) -> None:
        self.small, self.clock = small, clock
        self.state = small.state
        self.admin_url, self.username, self.password = (
            small.admin_url,
            small.username,
            small.password,
        )

    def pass_time(self) -> None:
        self.clock.pass_seconds(2)

    def place_order(
        self,
        lines: Lines,
        payment: str | None = "standard-payment",
        *,
        address: Fields | None = ADDRESS,
        billing: Fields | None = None,
        coupon: str | None = None,
        shipping: str = "standard-shipping",
        customer: Fields | None = None,
        channel_token: str | None = None,
    ) -> OrderRef:
        states = {
            "standard-payment": "PaymentSettled",
            "authorize-only": "PaymentAuthorized",
            None: "ArrangingPayment",
        }
        channels = {one.token: one.id for one in self.state.channels.values()}
        try:
            order = self.state.place_order(
                lines,
                state=states[payment],
                address=address,
                billing=billing,
                coupon=coupon,
                shipping_method=shipping,
                customer=customer,
                channel=channels[channel_token] if channel_token else "1",
            )
        except Refusal as refusal:
            response = httpx.Response(200)
            raise Refused(refusal.code, refusal.message, response) from refusal
        return OrderRef(order.id, order.code)

    def settle(self, order: OrderRef) -> None:
        self.state.settle(self.state.order(order.code))

    def cancel(self, order: OrderRef, lines: Lines | None = None) -> None:
        self.state.cancel(self.state.order(order.code), lines)

    def refund(self, order: OrderRef, amount: int | None = None) -> None:
        self.state.refund(self.state.order(order.code), amount)

    def set_address(self, order: OrderRef, **fields: str) -> None:
        self.state.set_address(self.state.order(order.code), **fields)

    def transition(self, order: OrderRef, state: str) -> None:
        self.state.transition(self.state.order(order.code), state)

    def modify(
        self,
        order: OrderRef,
        lines: Lines = (),
        *,
        add: Lines = (),
        address: Fields | None = None,
        finish: bool = True,
    ) -> None:
        found = self.state.order(order.code)
        self.state.start_modify(found)
        self.state.modify(found, lines, add=add, address=address)
        if finish:
            self.state.finish_modify(found)

    def fulfil(
        self,
        order: OrderRef,
        lines: Lines | None = None,
        *,
        state: str = "Shipped",
        tracking: str = "",
        method: str = "Parcel",
    ) -> str:
        found = self.state.order(order.code)
        return self.state.fulfil(found, lines, state, tracking=tracking, method=method).id

    def transition_fulfilment(self, fulfilment: str, state: str) -> None:
        self.state.transition_fulfilment(self.state.fulfilments[fulfilment], state)

    def create_variant(
        self,
        sku: str,
        *,
        name: str | None = None,
        price: int = 1000,
        tax_percent: float = 20,
        stock: int = 100,
        **more: Any,
    ) -> str:
        track = more.pop("trackInventory", "INHERIT")
        assert not more
        variant = self.state.add_variant(
            sku, name or "", price, stock, tax_rate=tax_percent, track=track
        )
        return variant.id

    def variant_id(self, key: str) -> str:
        return self.state.variant(key).id

    def rename_sku(self, key: str, sku: str) -> None:
        self.state.set_sku(key, sku)

    def delete_variant(self, key: str) -> None:
        self.state.delete_variant(key)

    def set_stock(self, key: str, on_hand: int, location: str | None = None) -> None:
        self.state.set_stock(key, on_hand, location)

    def stock(self, key: str) -> dict[str, Level]:
        levels = self.state.stock(key)
        return {id: Level(one.on_hand, one.allocated) for id, one in levels.items()}

    def locations(self) -> list[str]:
        return list(self.state.locations)

    def create_location(self, name: str) -> str:
        return self.state.add_location(name).id

    def create_coupon(self, code: str, percent: int = 10) -> str:
        return self.state.add_promotion(code, percent, coupon=code).id

    def create_product_discount(self, keys: Iterable[str], percent: int = 25) -> str:
        return self.state.add_promotion("Product discount", percent, skus=keys).id

    def create_channel(self, code: str, currency: str = "USD") -> ChannelRef:
        channel = self.state.add_channel(code, currency)
        return ChannelRef(channel.id, channel.token)

    def create_administrator(self, permissions: Iterable[str]) -> tuple[str, str]:
        name = f"{secrets.token_hex(4)}@example.com"
        self.small.access.add_administrator(name, "secret", permissions)
        return name, "secret"

    def create_api_key(self, permissions: Iterable[str]) -> str:
        return self.small.access.add_api_key(permissions)


class Shop:
    """A shop under test: `vendure` sets things up, the rest asks its Admin API over HTTP."""

    def __init__(self, vendure: SmallVendure | RealVendure) -> None:
        # The two have the methods of this suite in common, not a type.
        self.vendure: Any = vendure
        self.small = isinstance(vendure, SmallVendure)
        # The small shop does as Vendure on SQLite does, where the database shows.
        self.on_postgres = isinstance(vendure, RealVendure) and vendure.db == "postgres"
        self.url = vendure.admin_url
        self._http = Endpoint(self.url)
        self._admin = AdminEndpoint(self.url, vendure.username, vendure.password)
        self._client = httpx.Client(timeout=60, trust_env=False)

    def close(self) -> None:
        for one in (self._http, self._admin, self._client):
            one.close()

    def add_surcharge(self, order: OrderRef, price: int, tax: float) -> None:
        """Bring an order to Modifying and add a surcharge, net."""
        self.vendure.transition(order, "Modifying")
        if self.small:
            found = self.vendure.state.order(order.code)
            self.vendure.state.modify(found, surcharges=[("Engraving", price, tax)])
            return
        surcharge = {"description": "Engraving", "price": price, "priceIncludesTax": False}
        surcharge |= {"sku": "", "taxRate": tax, "taxDescription": ""}
        given = {"dryRun": False, "orderId": order.id, "surcharges": [surcharge]}
        self.vendure.admin(
            "mutation($i: ModifyOrderInput!) { modifyOrder(input: $i) { __typename } }",
            {"i": given},
        )

    def let_time_pass(self) -> None:
        """Let `updatedAt` change visibly: SQLite keeps whole seconds."""
        if self.small:
            self.vendure.pass_time()
        else:
            time.sleep(2)

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send anything at all; `path` is below the host."""
        self._client.cookies.clear()
        return self._client.request(method, httpx.URL(self.url).join(path), **how)

    def send(self, query: str, variables: Fields | None = None, **headers: str) -> httpx.Response:
        """Send a query; only `headers` (underscores become hyphens) say who asks."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.send(query, dict(variables or {}), named)

    def ask(self, query: str, variables: Fields | None = None) -> Any:
        """The body of the answer to superadmin."""
        return self.answer(query, variables).json()

    def answer(self, query: str, variables: Fields | None = None) -> httpx.Response:
        """The answer to superadmin."""
        if self._admin.token is None:
            self._admin.data("{ __typename }")
        response = self.send(query, variables, authorization=f"Bearer {self._admin.token}")
        if "vendure-auth-token" in response.headers:
            self._admin.token = None
        return response

    def root(self, query: str, variables: Fields | None = None) -> Any:
        """The value of the only root field of an answer without errors."""
        body = self.ask(query, variables)
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value

    def error(self, query: str, variables: Fields | None = None) -> tuple[str | None, str]:
        """Code and message of the only error of an answer."""
        response = self.answer(query, variables)
        body = response.json()
        assert response.status_code == 200
        assert body["data"] is None
        (error,) = body["errors"]
        return error.get("extensions", {}).get("code"), error["message"]

    def order(self, order: OrderRef, fields: str) -> Any:
        """Fields of one order."""
        return self.root(f"query($id: ID!) {{ order(id: $id) {{ {fields} }} }}", {"id": order.id})

    def state_of(self, order: OrderRef) -> str:
        """The state of one order."""
        return str(self.order(order, "state")["state"])

    def line_ids(self, order: OrderRef) -> dict[str, str]:
        """The ids of an order's lines by SKU."""
        lines = self.order(order, "lines { id productVariant { sku } }")["lines"]
        return {line["productVariant"]["sku"]: line["id"] for line in lines}

    def level(self, sku: str) -> tuple[int, int]:
        """On hand and allocated of a variant at the first location."""
        first = self.vendure.locations()[0]
        level = self.vendure.stock(sku)[first]
        return level.on_hand, level.allocated

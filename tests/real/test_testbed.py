"""The bed itself: a real Vendure shows the behaviour that the product is built on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from realvendure import OrderRef, RealVendure, Refused, StartVendure
from sample import one_of
from vendure_bed import BedBroken, Options, VendureServer
from vendure_graphql import AdminEndpoint, Endpoint

ACTIVE = "{ orders(options: { take: 1 }) { totalItems } }"


def fresh_variant(vendure: RealVendure, sku: str, **more: object) -> str:
    vendure.create_variant(sku, **more)  # type: ignore[arg-type]
    return sku


def test_an_order_is_placed_through_the_shop(real_vendure_sqljs: RealVendure) -> None:
    placed = real_vendure_sqljs.place_order([("SKU-000002", 2), ("SKU-000007", 1)])
    order = real_vendure_sqljs.order(placed)
    assert order["state"] == "PaymentSettled"
    assert [line["quantity"] for line in order["lines"]] == [2, 1]
    assert order["shippingAddress"]["city"] == "Berlin"
    assert order["shippingLines"][0]["shippingMethod"]["code"] == "standard-shipping"
    assert order["currencyCode"] == "USD"


def test_sixty_orders_in_parallel(real_vendure_sqljs: RealVendure) -> None:
    wanted = [{"lines": [(f"SKU-{1 + n % 40:06}", 1 + n % 3)]} for n in range(60)]
    placed = real_vendure_sqljs.place_orders(wanted)
    assert len({order.code for order in placed}) == 60
    states = {real_vendure_sqljs.order(order)["state"] for order in placed}
    assert states == {"PaymentSettled"}


def test_settling_moves_no_timestamp(real_vendure_sqljs: RealVendure) -> None:
    placed = real_vendure_sqljs.place_order(payment="authorize-only")
    before = real_vendure_sqljs.order(placed)
    time.sleep(1.1)  # SQLite keeps updatedAt in whole seconds
    real_vendure_sqljs.settle(placed)
    after = real_vendure_sqljs.order(placed)
    assert (before["state"], after["state"]) == ("PaymentAuthorized", "PaymentSettled")
    assert after["updatedAt"] == before["updatedAt"]
    assert after["orderPlacedAt"] == before["orderPlacedAt"]


def test_a_list_of_more_than_1000_is_refused(real_vendure_sqljs: RealVendure) -> None:
    with pytest.raises(Refused, match="Cannot take more than 1000") as refused:
        real_vendure_sqljs.admin("{ orders(options: { take: 1001 }) { totalItems } }")
    assert refused.value.code == "USER_INPUT_ERROR"


def test_the_header_tells_a_dead_token_from_a_missing_permission(
    real_vendure_sqljs: RealVendure,
) -> None:
    url = real_vendure_sqljs.admin_url
    user = AdminEndpoint(url, *real_vendure_sqljs.create_administrator(["ReadProduct"]))
    shop = Endpoint(url)
    with pytest.raises(Refused) as no_permission:
        user.data(ACTIVE)
    dead = shop.send(ACTIVE, headers={"authorization": "Bearer dead"})
    user.close()
    shop.close()
    assert no_permission.value.code == "FORBIDDEN"
    assert "vendure-auth-token" not in no_permission.value.response.headers
    assert dead.status_code == 200
    assert dead.headers["vendure-auth-token"] == ""
    assert dead.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_an_api_key_reads_what_its_role_may(real_vendure_sqljs: RealVendure) -> None:
    key = real_vendure_sqljs.create_api_key(["ReadOrder"])
    endpoint = Endpoint(real_vendure_sqljs.admin_url)
    headers = {"vendure-api-key": key}
    orders = endpoint.send(ACTIVE, headers=headers).json()
    channels = endpoint.send("{ channels { totalItems } }", headers=headers).json()
    endpoint.close()
    assert orders["data"]["orders"]["totalItems"] >= 0
    assert channels["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_fulfilling_in_parts(real_vendure_sqljs: RealVendure) -> None:
    sku = fresh_variant(real_vendure_sqljs, "PARTS", stock=10)
    placed = real_vendure_sqljs.place_order([(sku, 3)])
    real_vendure_sqljs.fulfil(placed, [(sku, 1)], state="Pending", tracking="00123")
    assert real_vendure_sqljs.order(placed)["state"] == "PaymentSettled"
    real_vendure_sqljs.fulfil(placed, tracking="T-2")
    order = real_vendure_sqljs.order(placed)
    assert order["state"] == "PartiallyShipped"
    assert {f["trackingCode"]: f["state"] for f in order["fulfillments"]} == {
        "00123": "Pending",
        "T-2": "Shipped",
    }
    (level,) = real_vendure_sqljs.stock(sku).values()
    assert (level.on_hand, level.allocated) == (7, 0)


def test_cancelling_and_refunding(real_vendure_sqljs: RealVendure) -> None:
    vendure = real_vendure_sqljs
    placed = vendure.place_order([("SKU-000003", 3), ("SKU-000004", 1)])
    vendure.cancel(placed, [("SKU-000003", 2)])
    assert [line["quantity"] for line in vendure.order(placed)["lines"]] == [1, 1]
    vendure.refund(placed)
    (payment,) = vendure.order(placed)["payments"]
    assert payment["refunds"][0]["state"] == "Settled"
    assert payment["refunds"][0]["total"] == payment["amount"]
    vendure.cancel(placed)
    assert vendure.order(placed)["state"] == "Cancelled"


@pytest.mark.parametrize(("quantity", "refunds"), [(5, 0), (1, 1)])
def test_modifying_pays_or_refunds_the_difference(
    real_vendure_sqljs: RealVendure, quantity: int, refunds: int
) -> None:
    placed = real_vendure_sqljs.place_order([("SKU-000005", 2)])
    real_vendure_sqljs.modify(placed, [("SKU-000005", quantity)])
    order = real_vendure_sqljs.order(placed)
    assert order["state"] == "PaymentSettled"
    assert order["lines"][0]["quantity"] == quantity
    assert sum(len(payment["refunds"]) for payment in order["payments"]) == refunds


def test_an_order_may_be_left_in_modifying(real_vendure_sqljs: RealVendure) -> None:
    placed = real_vendure_sqljs.place_order()
    real_vendure_sqljs.modify(placed, add=[("SKU-000009", 1)], finish=False)
    assert real_vendure_sqljs.order(placed)["state"] == "Modifying"


def test_a_street_may_be_empty_and_an_address_missing(real_vendure_sqljs: RealVendure) -> None:
    by_shopper = real_vendure_sqljs.place_order(address={"streetLine1": ""})
    by_staff = real_vendure_sqljs.place_order()
    real_vendure_sqljs.set_address(by_staff, streetLine1="")
    without = real_vendure_sqljs.place_order(address=None)
    assert real_vendure_sqljs.order(by_shopper)["shippingAddress"]["streetLine1"] == ""
    assert real_vendure_sqljs.order(by_staff)["shippingAddress"]["streetLine1"] == ""
    assert real_vendure_sqljs.order(without)["state"] == "PaymentSettled"
    assert not (real_vendure_sqljs.order(without)["shippingAddress"] or {}).get("streetLine1")


def test_billing_and_customer_are_kept(real_vendure_sqljs: RealVendure) -> None:
    placed = real_vendure_sqljs.place_order(
        billing={"city": "London", "countryCode": "GB"}, customer={"lastName": "Łukasiewicz-Ōe"}
    )
    order = real_vendure_sqljs.order(placed)
    assert order["billingAddress"]["countryCode"] == "GB"
    assert order["customer"]["lastName"] == "Łukasiewicz-Ōe"


@pytest.mark.parametrize("sku", ["00123", "1E5", "A&B<C", "Größe-Ō-☃", "two words"])
def test_any_sku_can_be_sold(real_vendure_sqljs: RealVendure, sku: str) -> None:
    real_vendure_sqljs.create_variant(sku, price=1999, tax_percent=7, stock=5)
    (line,) = real_vendure_sqljs.order(real_vendure_sqljs.place_order([(sku, 1)]))["lines"]
    assert line["productVariant"]["sku"] == sku
    assert (line["unitPrice"], line["taxRate"]) == (1999, 7)


def test_coupons_and_product_discounts(module_vendure: RealVendure) -> None:
    module_vendure.create_coupon("TEN", 10)
    promotion = module_vendure.create_product_discount(["SKU-000001"], 50)
    placed = module_vendure.place_order([("SKU-000001", 1), ("SKU-000002", 1)], coupon="TEN")
    first, second = module_vendure.order(placed)["lines"]
    module_vendure.delete_promotion(promotion)
    assert first["discountedUnitPrice"] == first["unitPrice"] / 2
    assert second["discountedUnitPrice"] == second["unitPrice"]
    assert second["proratedUnitPrice"] < second["unitPrice"]


def test_a_channel_sells_in_yen(module_vendure: RealVendure) -> None:
    channel = module_vendure.create_channel("japan", "JPY")
    placed = module_vendure.place_order(
        address={"countryCode": "JP", "city": "東京"}, channel_token=channel.token
    )
    order = module_vendure.order(placed)  # the default channel sees the orders of all
    assert order["currencyCode"] == "JPY"
    assert order["shippingAddress"]["countryCode"] == "JP"


def test_renaming(module_vendure: RealVendure) -> None:
    placed = module_vendure.place_order([("SKU-000011", 1)])
    module_vendure.rename_sku("SKU-000011", "NEW-11")
    module_vendure.rename_shipping_method("express-shipping", "overnight")
    second = module_vendure.place_order(shipping="overnight")
    assert module_vendure.order(placed)["lines"][0]["productVariant"]["sku"] == "NEW-11"
    assert module_vendure.order(second)["shippingLines"][0]["shippingMethod"]["code"] == "overnight"


def test_a_server_comes_back_with_its_orders(fresh_vendure: RealVendure) -> None:
    assert fresh_vendure.server is not None
    assert fresh_vendure.orders() == []
    placed = fresh_vendure.place_order()
    fresh_vendure.server.stop()
    fresh_vendure.server.start()
    assert fresh_vendure.order(placed)["state"] == "PaymentSettled"


@pytest.mark.parametrize("db", one_of("sqljs", "postgres"))
def test_a_server_with_fresh_data_is_as_when_it_started(
    start_any_vendure: StartVendure, request: pytest.FixtureRequest, db: str
) -> None:
    used = start_any_vendure(db=db)
    used.place_order()
    used.rename_sku("SKU-000001", "NEW-1")
    used.create_channel("spare")
    assert used.server is not None
    name = ""
    if db == "postgres":
        cluster = request.getfixturevalue("postgres_cluster")
        name = cluster.new_database(used.server.options)
    with closing(RealVendure(used.server.renew(name), used.server)) as vendure:
        assert vendure.orders() == []
        placed = vendure.place_order([("SKU-000001", 1)])
        assert [one["code"] for one in vendure.orders(code={"regex": f"^{placed.code}$"})] == [
            placed.code
        ]
        channels = vendure.admin("{ channels { items { code } } }")["channels"]["items"]
        assert len(channels) == 1
    used.server.freeze()
    used.server.thaw()
    assert not used.server.can_renew


def test_a_server_that_cannot_start_says_why(
    real_vendure_sqljs: RealVendure, tmp_path: Path
) -> None:
    assert real_vendure_sqljs.server is not None
    twin = VendureServer(tmp_path, Options(), port=real_vendure_sqljs.server.port)
    with pytest.raises(BedBroken, match="EADDRINUSE"):
        twin.start()


def test_a_server_with_other_options(start_vendure: StartVendure) -> None:
    vendure = start_vendure(
        currency="JPY",
        uuid=True,
        locations=2,
        prices_include_tax=True,
        custom_fields=True,
        variants=5,
    )
    _, second = vendure.locations()
    vendure.set_stock("SKU-000001", 7, second)
    order = vendure.order(vendure.place_order([("SKU-000001", 1)]))
    assert order["currencyCode"] == "JPY"
    assert order["lines"][0]["unitPriceWithTax"] == 500
    assert len(order["id"]) == 36
    assert vendure.stock("SKU-000001")[second].on_hand == 7
    # Which of the two gives first is up to the order of their random ids.
    assert sum(level.allocated for level in vendure.stock("SKU-000001").values()) == 1


def test_postgres_lets_one_parcel_be_fulfilled_twice(real_vendure_pg: RealVendure) -> None:
    def fulfil(order: OrderRef) -> bool:
        try:
            real_vendure_pg.fulfil(order, [("SKU-000001", 1)], tracking="T")
        except Refused:
            return False
        return True

    outcomes: list[list[bool]] = []
    with ThreadPoolExecutor(2) as pool:
        while [True, True] not in outcomes and len(outcomes) < 40:
            order = real_vendure_pg.place_order()
            outcomes.append(list(pool.map(fulfil, [order, order])))
    assert [True, True] in outcomes
    assert all(any(outcome) for outcome in outcomes)


def test_postgres_servers_share_nothing(start_vendure_pg: StartVendure) -> None:
    vendure = start_vendure_pg()
    assert vendure.orders() == []
    vendure.place_order()
    assert len(vendure.orders()) == 1

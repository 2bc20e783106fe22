"""The contract: orders in full, their prices, their history, and what moves `updatedAt`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from realvendure import ADDRESS
from shop_contract import Shop, new_sku

MEASURED = Path(__file__).with_name("discounted_order.json")
PRICES = """subTotal subTotalWithTax shipping shippingWithTax total totalWithTax
  discounts { type description amount amountWithTax }
  shippingLines { price priceWithTax discountedPrice discountedPriceWithTax }
  lines { quantity orderPlacedQuantity taxRate
    unitPrice unitPriceWithTax discountedUnitPrice discountedUnitPriceWithTax
    proratedUnitPrice proratedUnitPriceWithTax linePrice linePriceWithTax
    discountedLinePrice discountedLinePriceWithTax proratedLinePrice proratedLinePriceWithTax
    lineTax discounts { type description amount amountWithTax } }"""
POSTAL = """fullName company streetLine1 streetLine2 city province postalCode country countryCode
  phoneNumber"""
HISTORY = "history(options: { sort: { id: ASC } }) { totalItems items { type isPublic data } }"


def variants(shop: Shop, *prices: int, tax: float = 20) -> list[str]:
    skus = [new_sku() for _ in prices]
    for sku, price in zip(skus, prices, strict=True):
        shop.vendure.create_variant(sku, price=price, tax_percent=tax)
    return skus


def test_a_placed_order(shop: Shop) -> None:
    sku, other = variants(shop, 1999, 500)
    placed = shop.vendure.place_order([(sku, 2), (other, 1), (sku, 1)])
    order = shop.order(
        placed,
        """id code state type active currencyCode couponCodes totalQuantity nextStates
        customer { firstName lastName emailAddress phoneNumber title }
        lines { quantity productVariant { sku name } fulfillmentLines { quantity } }
        surcharges { id } fulfillments { id } modifications { id }
        shippingLines { shippingMethod { code name fulfillmentHandlerCode } discounts { amount } }
        payments { method amount state errorMessage nextStates refunds { id } }""",
    )
    assert order == {
        "id": placed.id,
        "code": placed.code,
        "state": "PaymentSettled",
        "type": "Regular",
        "active": False,
        "currencyCode": "USD",
        "couponCodes": [],
        "totalQuantity": 4,
        "nextStates": [
            "PartiallyDelivered",
            "Delivered",
            "PartiallyShipped",
            "Shipped",
            "Cancelled",
            "Modifying",
            "ArrangingAdditionalPayment",
        ],
        "customer": {
            "firstName": "Ada",
            "lastName": "Lovelace",
            "emailAddress": "ada@example.com",
            "phoneNumber": "+49 30 123456",
            "title": None,
        },
        "lines": [
            {
                "quantity": 3,
                "productVariant": {"sku": sku, "name": f"Variant {sku}"},
                "fulfillmentLines": [],
            },
            {
                "quantity": 1,
                "productVariant": {"sku": other, "name": f"Variant {other}"},
                "fulfillmentLines": [],
            },
        ],
        "surcharges": [],
        "fulfillments": [],
        "modifications": [],
        "shippingLines": [
            {
                "shippingMethod": {
                    "code": "standard-shipping",
                    "name": "Standard Shipping",
                    "fulfillmentHandlerCode": "manual-fulfillment",
                },
                "discounts": [],
            }
        ],
        "payments": [
            {
                "method": "standard-payment",
                "amount": 8296,
                "state": "Settled",
                "errorMessage": None,
                "nextStates": ["Cancelled"],
                "refunds": [],
            }
        ],
    }


def test_prices_without_a_discount(shop: Shop) -> None:
    (sku,) = variants(shop, 333, tax=7)
    order = shop.order(shop.vendure.place_order([(sku, 7)], shipping="express-shipping"), PRICES)
    (line,) = order["lines"]
    assert (line["unitPrice"], line["unitPriceWithTax"]) == (333, 356)
    assert (line["linePrice"], line["linePriceWithTax"]) == (2331, 2494)
    assert (line["lineTax"], line["taxRate"]) == (163, 7)
    assert (order["shipping"], order["totalWithTax"]) == (1000, 3494)


def test_prices_with_every_discount(shop: Shop) -> None:
    reduced, third, dear = variants(shop, 1999, 333, 12345)
    coupon = new_sku("TEN")
    shop.vendure.create_coupon(coupon, 10)
    shop.vendure.create_product_discount([reduced], 25)
    lines = [(reduced, 3), (third, 7), (dear, 1)]
    order = shop.order(shop.vendure.place_order(lines, coupon=coupon), PRICES)
    # measured on a real Vendure, with a coupon TENX
    assert json.loads(json.dumps(order).replace(coupon, "TENX")) == json.loads(MEASURED.read_text())


def test_prices_after_a_part_was_cancelled(shop: Shop) -> None:
    one, other = variants(shop, 1000, 777)
    coupon = new_sku("TEN")
    shop.vendure.create_coupon(coupon, 15)
    placed = shop.vendure.place_order([(one, 3), (other, 2)], coupon=coupon)
    shop.vendure.cancel(placed, [(one, 2), (other, 2)])
    order = shop.order(placed, PRICES)
    first, second = order["lines"]
    assert (first["quantity"], first["orderPlacedQuantity"]) == (1, 3)
    assert (second["quantity"], second["orderPlacedQuantity"]) == (0, 2)
    assert (first["proratedUnitPrice"], first["proratedUnitPriceWithTax"]) == (850, 1020)
    assert (second["proratedUnitPrice"], second["proratedLinePriceWithTax"]) == (777, 0)
    assert (order["subTotalWithTax"], order["totalWithTax"]) == (1020, 1520)


def test_a_surcharge(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 1)])
    shop.add_surcharge(placed, 333, 20)
    assert shop.order(
        placed,
        """subTotal subTotalWithTax totalWithTax
        surcharges { sku description price priceWithTax taxRate } modifications { priceChange }""",
    ) == {
        "subTotal": 1333,
        "subTotalWithTax": 1600,
        "totalWithTax": 2100,
        "surcharges": [
            {
                "sku": "",
                "description": "Engraving",
                "price": 333,
                "priceWithTax": 400,
                "taxRate": 20,
            }
        ],
        "modifications": [{"priceChange": 400}],
    }


def test_shipping_that_is_cancelled(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 2)])
    (line,) = shop.line_ids(placed).values()
    given = {"orderId": placed.id, "lines": [{"orderLineId": line, "quantity": 1}]}
    cancel = "mutation($i: CancelOrderInput!) { cancelOrder(input: $i) { __typename } }"
    shop.root(cancel, {"i": {**given, "cancelShipping": True}})
    discount = {
        "adjustmentSource": "CANCEL_ORDER",
        "type": "OTHER",
        "description": "shipping cancellation",
        "amount": -500,
        "amountWithTax": -500,
    }
    what = f"discounts {{ {' '.join(discount)} }}"
    assert shop.order(
        placed,
        f"""shippingWithTax totalWithTax {what}
        shippingLines {{ price discountedPrice discountedPriceWithTax {what} }}""",
    ) == {
        "shippingWithTax": 0,
        "totalWithTax": 1200,
        "discounts": [discount],
        "shippingLines": [
            {
                "price": 500,
                "discountedPrice": 0,
                "discountedPriceWithTax": 0,
                "discounts": [discount],
            }
        ],
    }


# ---- addresses ------------------------------------------------------------------------------


def test_addresses(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    fields = f"shippingAddress {{ {POSTAL} }} billingAddress {{ {POSTAL} }}"
    plain = shop.order(shop.vendure.place_order([(sku, 1)]), fields)
    assert plain["shippingAddress"] == {**ADDRESS, "country": "Germany"}
    assert plain["billingAddress"] == dict.fromkeys(POSTAL.split())
    odd = {"fullName": "Zo\u00eb \U0001f600", "streetLine2": "", "company": "A & <B>\u0007"}
    placed = shop.vendure.place_order([(sku, 1)], address=odd, billing={"countryCode": "GB"})
    order = shop.order(placed, fields)
    assert order["shippingAddress"] == {**ADDRESS, **odd, "country": "Germany"}
    assert order["billingAddress"]["country"] == "United Kingdom"
    none = shop.order(shop.vendure.place_order([(sku, 1)], address=None), fields)
    assert none["shippingAddress"] == dict.fromkeys(POSTAL.split())


# ---- history --------------------------------------------------------------------------------


def states(order: Any) -> list[tuple[str, str]]:
    return [
        (entry["data"]["from"], entry["data"]["to"])
        for entry in order["history"]["items"]
        if "from" in entry["data"]
    ]


@pytest.mark.parametrize(
    ("method", "reached"), [("standard-payment", "Settled"), ("authorize-only", "Authorized")]
)
def test_the_history_of_a_placed_order(shop: Shop, method: str, reached: str) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 1)], method)
    order = shop.order(placed, f"payments {{ id }} {HISTORY}")
    payment = int(order["payments"][0]["id"])
    kinds = [
        (entry["type"], entry["isPublic"], entry["data"]) for entry in order["history"]["items"]
    ]
    step = "ORDER_STATE_TRANSITION"
    assert kinds == [
        (step, True, {"from": "Created", "to": "AddingItems"}),
        (step, True, {"from": "AddingItems", "to": "ArrangingPayment"}),
        (
            "ORDER_PAYMENT_TRANSITION",
            True,
            {"paymentId": payment, "from": "Created", "to": reached},
        ),
        (step, True, {"from": "ArrangingPayment", "to": f"Payment{reached}"}),
    ]


def test_the_history_of_what_staff_did(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 3)], "authorize-only")
    shop.vendure.settle(placed)
    fulfilment = shop.vendure.fulfil(placed, [(sku, 1)])
    shop.vendure.cancel(placed, [(sku, 1)])
    shop.vendure.refund(placed, 250)
    order = shop.order(placed, HISTORY)
    entries = [(entry["type"], entry["data"]) for entry in order["history"]["items"][4:]]
    number, line = int(fulfilment), shop.line_ids(placed)[sku]
    moved = "ORDER_FULFILLMENT_TRANSITION"
    assert [kind for kind, _ in entries] == [
        "ORDER_PAYMENT_TRANSITION",
        "ORDER_STATE_TRANSITION",
        "ORDER_FULFILLMENT",
        moved,
        moved,
        "ORDER_STATE_TRANSITION",
        "ORDER_CANCELLATION",
        "ORDER_REFUND_TRANSITION",
    ]
    assert entries[1][1] == {"from": "PaymentAuthorized", "to": "PaymentSettled"}
    assert entries[2][1] == {"fulfillmentId": number}
    assert entries[3][1] == {"fulfillmentId": number, "from": "Created", "to": "Pending"}
    assert entries[5][1] == {"from": "PaymentSettled", "to": "PartiallyShipped"}
    assert [(str(one["orderLineId"]), one["quantity"]) for one in entries[6][1]["lines"]] == [
        (line, 1)
    ]
    assert (entries[7][1]["from"], entries[7][1]["to"]) == ("Pending", "Settled")


NOTE = "mutation($i: AddNoteToOrderInput!) { addNoteToOrder(input: $i) { id } }"


def test_notes(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 1)])
    for note, public in (("first", True), ("second \u2013 \u00fc", True), ("staff", False)):
        shop.root(NOTE, {"i": {"id": placed.id, "note": note, "isPublic": public}})
    newest = shop.order(
        placed,
        """history(options: { filter: { type: { eq: "ORDER_NOTE" }, isPublic: { eq: true } }
        sort: { id: DESC } take: 1 }) { totalItems items { data isPublic } }""",
    )
    assert newest["history"] == {
        "totalItems": 2,
        "items": [{"data": {"note": "second \u2013 \u00fc"}, "isPublic": True}],
    }
    unknown = {"i": {"id": "999999", "note": "x", "isPublic": True}}
    assert shop.error(NOTE, unknown) == (
        "ENTITY_NOT_FOUND",
        'No Order with the id "999999" could be found',
    )


# ---- what moves updatedAt -------------------------------------------------------------------


def test_what_moves_updated_at(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    times = "createdAt updatedAt orderPlacedAt"
    settled, shipped, noted, modified, begun, cancelled, cut, lessened, addressed, charged = (
        shop.vendure.place_order([(sku, 3)], "authorize-only" if first else "standard-payment")
        for first in (True, *[False] * 9)
    )
    orders = [settled, shipped, noted, modified, begun, cancelled, cut, lessened, addressed]
    orders.append(charged)
    before = [shop.order(one, times) for one in orders]
    for one in before:
        created, updated, placed = (datetime.fromisoformat(one[time]) for time in times.split())
        # SQLite writes the row a few milliseconds after Vendure took the time of placing.
        assert created <= updated <= placed + timedelta(seconds=1)
    shop.let_time_pass()
    shop.vendure.settle(settled)
    shop.vendure.fulfil(shipped)
    shop.vendure.refund(noted, 100)
    shop.root(NOTE, {"i": {"id": noted.id, "note": "x", "isPublic": True}})
    shop.vendure.modify(modified, [(sku, 4)])
    shop.vendure.transition(begun, "Modifying")
    shop.vendure.cancel(cancelled)
    shop.vendure.cancel(cut, [(sku, 1)])
    shop.vendure.modify(lessened, [(sku, 2)])
    shop.vendure.set_address(addressed, city="Potsdam")
    shop.add_surcharge(charged, 500, 20)
    after = [shop.order(one, times) for one in orders]
    moved = [old["updatedAt"] < new["updatedAt"] for old, new in zip(before, after, strict=True)]
    assert moved == [False, False, False, True, False, True, True, False, False, True]
    for old, new in zip(before, after, strict=True):
        assert new["orderPlacedAt"] == old["orderPlacedAt"]


def test_a_sku_that_changed_shows_in_old_orders(shop: Shop) -> None:
    (sku,) = variants(shop, 1000)
    placed = shop.vendure.place_order([(sku, 1)])
    shop.vendure.rename_sku(sku, f"{sku}-new")
    assert list(shop.line_ids(placed)) == [f"{sku}-new"]
    shop.vendure.delete_variant(f"{sku}-new")
    assert list(shop.line_ids(placed)) == [f"{sku}-new"]

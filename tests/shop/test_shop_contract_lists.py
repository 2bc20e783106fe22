"""The contract: filters, sorting and pages of the list queries."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from realvendure import OrderRef
from shop_contract import Shop, new_sku

from veracore_sync.clock import from_text, to_text

ON_EACH_DATABASE = True
"""They sort and compare differently."""

LIST = """query($o: OrderListOptions) { orders(options: $o) { totalItems items {
  code state orderPlacedAt createdAt updatedAt totalWithTax } } }"""
VARIANTS = """query($o: ProductVariantListOptions) { productVariants(options: $o) {
  totalItems items { id sku name } } }"""


class Three:
    """A settled order of 1 unit, an authorised one of 2 and a cart of 3, of one customer."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.name = f"L{secrets.token_hex(6)}"
        sku = new_sku()
        shop.vendure.create_variant(sku, price=1000, tax_percent=20)
        customer = {"lastName": self.name, "emailAddress": f"{self.name}@example.com"}
        self.orders: dict[str, OrderRef] = {}
        payments = {"settled": "standard-payment", "authorised": "authorize-only", "cart": None}
        for count, (name, payment) in enumerate(payments.items(), start=1):
            placed = shop.vendure.place_order([(sku, count)], payment, customer=customer)
            self.orders[name] = placed

    def found(self, wanted: dict[str, Any], **options: Any) -> list[str]:
        """The names of those that pass a filter, in the order of the list."""
        ours = {"customerLastName": {"eq": self.name}}
        both = {"_and": [ours, wanted]} if "_or" not in wanted else {**ours, **wanted}
        listed = self.shop.root(LIST, {"o": {"filter": both, **options}})
        names = {ref.code: name for name, ref in self.orders.items()}
        return [names[item["code"]] for item in listed["items"]]

    def code(self, name: str) -> str:
        return self.orders[name].code


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "settled authorised cart"),
    ({"state": {"eq": "PaymentSettled"}}, "settled"),
    ({"state": {"eq": "paymentsettled"}}, ""),
    ({"state": {"notEq": "PaymentSettled"}}, "authorised cart"),
    ({"state": {"in": ["PaymentSettled", "ArrangingPayment"]}}, "settled cart"),
    ({"state": {"in": []}}, ""),
    ({"state": {"notIn": ["PaymentSettled"]}}, "authorised cart"),
    ({"state": {"notIn": []}}, "settled authorised cart"),
    ({"state": {"contains": "payment"}}, "settled authorised cart"),
    ({"state": {"contains": " settled "}}, "settled"),
    ({"state": {"contains": "Payment_ettled"}}, "settled"),
    ({"state": {"contains": "P%d"}}, "settled authorised"),
    ({"state": {"notContains": "SETTLED"}}, "authorised cart"),
    ({"state": {"regex": "^payment(Auth|Set)"}}, "settled authorised"),
    ({"state": {"isNull": False}}, "settled authorised cart"),
    ({"state": {"eq": "PaymentSettled", "notEq": "PaymentSettled"}}, ""),
    ({"type": {"eq": "Regular"}}, "settled authorised cart"),
    ({"active": {"eq": True}}, "cart"),
    ({"active": {"eq": False}}, "settled authorised"),
    ({"orderPlacedAt": {"isNull": True}}, "cart"),
    ({"orderPlacedAt": {"isNull": False}}, "settled authorised"),
    ({"orderPlacedAt": {"after": "2020-01-01T00:00:00Z"}}, "settled authorised"),
    ({"orderPlacedAt": {"before": "2020-01-01T00:00:00+01:00"}}, ""),
    ({"totalWithTax": {"gt": 2800}}, "authorised cart"),
    ({"totalWithTax": {"between": {"start": 1700, "end": 2900}}}, "settled authorised"),
    ({"totalQuantity": {"gte": 2}}, "authorised cart"),
    ({"totalQuantity": {"lt": 2}}, "settled"),
    ({"currencyCode": {"eq": "USD"}}, "settled authorised cart"),
    ({"_or": [{"state": {"eq": "PaymentSettled"}}, {"active": {"eq": True}}]}, "settled cart"),
    (
        # the keys of one entry are joined by OR too
        {"_or": [{"state": {"eq": "PaymentSettled"}, "active": {"eq": True}}]},
        "settled cart",
    ),
    (
        {"_and": [{"active": {"eq": False}}, {"state": {"notEq": "PaymentSettled"}}]},
        "authorised",
    ),
]


def test_filters(shop: Shop) -> None:
    three = Three(shop)
    found = [(wanted, sorted(three.found(wanted))) for wanted, _ in FILTERS]
    assert found == [(wanted, sorted(names.split())) for wanted, names in FILTERS]


def test_filters_joined_by_or(shop: Shop) -> None:
    three = Three(shop)
    wanted = {code: {"eq": three.code(name)} for code, name in (("code", "cart"),)}
    wanted["customerLastName"] = {"eq": "nobody"}
    listed = shop.root(LIST, {"o": {"filter": wanted, "filterOperator": "OR"}})
    assert [item["code"] for item in listed["items"]] == [three.code("cart")]


def test_by_code_and_by_id(shop: Shop) -> None:
    three = Three(shop)
    codes = [three.code("cart"), "NOPE", three.code("settled"), three.code("cart")]
    assert three.found({"code": {"in": codes}}, sort={"id": "ASC"}) == ["settled", "cart"]
    ids = [ref.id for ref in three.orders.values()]
    assert three.found({"id": {"notIn": ids[:2]}}) == ["cart"]
    direct = {"filter": {"code": {"eq": three.code("settled").lower()}}}
    assert shop.root(LIST, {"o": direct})["totalItems"] == 0
    several = {"filter": {"code": {"in": codes}, "active": {"eq": True}}}
    assert [one["code"] for one in shop.root(LIST, {"o": several})["items"]] == codes[:1]


def test_dates_are_strict_and_between_is_not(shop: Shop) -> None:
    three = Three(shop)
    (placed,) = shop.root(LIST, {"o": {"filter": {"code": {"eq": three.code("settled")}}}})["items"]
    at = placed["orderPlacedAt"]
    just_before = to_text(from_text(at) - timedelta(milliseconds=1))
    assert "settled" not in three.found({"orderPlacedAt": {"after": at}})
    assert "settled" in three.found({"orderPlacedAt": {"after": just_before}})
    assert "settled" not in three.found({"orderPlacedAt": {"before": at}})
    assert "settled" in three.found({"orderPlacedAt": {"between": {"start": at, "end": at}}})
    assert "settled" in three.found({"orderPlacedAt": {"eq": at}})


def test_sorting(shop: Shop) -> None:
    three = Three(shop)
    assert three.found({}, sort={"id": "ASC"}) == ["settled", "authorised", "cart"]
    assert three.found({}, sort={"id": "DESC"}) == ["cart", "authorised", "settled"]
    assert three.found({}, sort={"totalWithTax": "DESC"}) == ["cart", "authorised", "settled"]
    assert three.found({}, sort={"state": "ASC"}) == ["cart", "authorised", "settled"]
    # SQLite puts what is null first, PostgreSQL last.
    last = shop.on_postgres
    assert three.found({}, sort={"orderPlacedAt": "ASC"})[-1 if last else 0] == "cart"
    assert three.found({}, sort={"orderPlacedAt": "DESC"})[0 if last else -1] == "cart"
    by_code = sorted(three.orders, key=three.code)
    assert three.found({}, sort={"code": "ASC"}) == by_code


def test_pages(shop: Shop) -> None:
    three = Three(shop)
    by_id = {"sort": {"id": "ASC"}}
    assert three.found({}, **by_id, take=2) == ["settled", "authorised"]
    assert three.found({}, **by_id, skip=2) == ["cart"]
    assert three.found({}, **by_id, skip=1, take=1) == ["authorised"]
    assert three.found({}, **by_id, skip=3) == []
    wanted = {"customerLastName": {"eq": three.name}}
    listed = shop.root(LIST, {"o": {"filter": wanted, "take": 1}})
    assert (listed["totalItems"], len(listed["items"])) == (3, 1)


@pytest.mark.parametrize("root", ["orders", "productVariants", "stockLocations", "channels"])
def test_a_page_of_more_than_1000_is_refused(shop: Shop, root: str) -> None:
    assert shop.error(f"{{ {root}(options: {{ take: 1001 }}) {{ totalItems }} }}") == (
        "USER_INPUT_ERROR",
        "Cannot take more than 1000 results from a list query",
    )


def test_variants_by_sku(shop: Shop) -> None:
    stem = f"ab{secrets.token_hex(4)}"
    ids = {sku: shop.vendure.create_variant(sku) for sku in (f"{stem}-1", f"{stem}-2", f"{stem}-3")}

    def found(**filters: Any) -> list[str]:
        options = {"filter": filters, "sort": {"id": "ASC"}}
        return [item["sku"] for item in shop.root(VARIANTS, {"o": options})["items"]]

    assert found(sku={"eq": f"{stem}-1"}) == [f"{stem}-1"]
    assert found(sku={"eq": f"{stem}-1".upper()}) == []
    assert found(sku={"contains": stem.upper()}) == list(ids)
    assert found(sku={"in": [f"{stem}-3", f"{stem}-1", "nope"]}) == [f"{stem}-1", f"{stem}-3"]
    assert found(id={"in": [ids[f"{stem}-2"]]}) == [f"{stem}-2"]
    assert found(name={"eq": f"Variant {stem}-2"}) == [f"{stem}-2"]
    shop.vendure.delete_variant(f"{stem}-2")
    assert found(sku={"contains": stem}) == [f"{stem}-1", f"{stem}-3"]
    assert found(id={"eq": ids[f"{stem}-2"]}) == []
    by_id = "query($id: ID!) { productVariant(id: $id) { id } }"
    assert shop.root(by_id, {"id": ids[f"{stem}-2"]}) is None


def test_a_mail_address_is_one_customer(shop: Shop) -> None:
    sku = new_sku()
    shop.vendure.create_variant(sku)
    email = f"{secrets.token_hex(6)}@example.com"
    first, _ = (
        shop.vendure.place_order([(sku, 1)], customer={"emailAddress": email, "lastName": name})
        for name in ("Before", "After")
    )
    assert shop.order(first, "customer { lastName }") == {"customer": {"lastName": "After"}}


def test_skus_need_not_be_unique(shop: Shop) -> None:
    sku = new_sku()
    ids = [shop.vendure.create_variant(sku) for _ in range(2)]
    listed = shop.root(VARIANTS, {"o": {"filter": {"sku": {"eq": sku}}, "sort": {"id": "ASC"}}})
    assert [item["id"] for item in listed["items"]] == ids


def test_a_variant_without_a_filter_is_in_the_list_once(shop: Shop) -> None:
    sku = new_sku()
    shop.vendure.create_variant(sku)
    options = {"sort": {"id": "DESC"}, "take": 1}
    listed = shop.root(VARIANTS, {"o": options})
    assert [item["sku"] for item in listed["items"]] == [sku]
    everything = shop.root(VARIANTS, {"o": {"take": 1000}})
    assert everything["totalItems"] == len(everything["items"]) == listed["totalItems"]

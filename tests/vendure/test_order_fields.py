"""Custom fields of the order that settings name: each kind becomes a text or is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_httpx import HTTPXMock
from vendure_kit import AT_ONCE, SETTINGS_PART, login_ok, operations, page, polled, settings, stub

from veracore_sync.domain.errors import ConfigError, ProtocolError
from veracore_sync.ports.shop import Poll
from veracore_sync.vendure.node import Node
from veracore_sync.vendure.order_fields import OrderFields
from veracore_sync.vendure.shop import VendureShop

PO, COMMENT = "orders.po_number_field", "orders.comment_field"


def field(name: str, kind: str, *, many: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "list": many}


def answer(*fields: dict[str, Any]) -> Node:
    config = {"moneyStrategyPrecision": 2, "customFieldConfig": {"Order": list(fields)}}
    return Node({"globalSettings": {"serverConfig": config}})


def text_of(kind: str, value: object) -> str:
    fields = OrderFields({PO: "po"})
    assert fields.refusal(answer(field("po", kind))) is None
    return fields.texts(Node({"customFields": {"po": value}}))["po"]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", "PO 7", "PO 7"),
        ("text", "two\nlines", "two\nlines"),
        ("localeString", "Grüße", "Grüße"),
        ("localeText", "Grüße", "Grüße"),
        ("string", "True", "True"),
        ("string", "2026-01-31T00:00:00.000Z", "2026-01-31T00:00:00.000Z"),
        ("int", 4711, "4711"),
        ("int", 0, "0"),
        ("float", 12.50, "12.5"),
        ("float", 100.0, "100"),
        ("float", 1e-7, "0.0000001"),
        ("float", 3e21, "3000000000000000000000"),
        ("float", 7, "7"),
        ("float", -0.0, "0"),
        ("datetime", "2026-01-31T00:00:00.000Z", "2026-01-31"),
        ("datetime", "2026-01-30T23:00:00.000Z", "2026-01-30 23:00 UTC"),
        ("boolean", True, "yes"),
        ("boolean", False, "no"),
        *((kind, None, "") for kind in ("string", "int", "float", "datetime", "boolean")),
    ],
)
def test_a_kind_as_text(kind: str, value: object, text: str) -> None:
    assert text_of(kind, value) == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", True),
        ("string", {"a": 1}),
        ("int", "7"),
        ("int", True),
        ("float", [1.0]),
        ("datetime", "tomorrow"),
        ("boolean", 1),
    ],
)
def test_a_value_of_another_kind_is_never_guessed_at(kind: str, value: object) -> None:
    with pytest.raises(ProtocolError, match=r"no usable customFields\.po"):
        text_of(kind, value)


SHOPS = (
    field("erpId", "string"),
    field("giftWrap", "boolean"),
    field("tags", "string", many=True),
    field("size", "struct"),
    field("partner", "relation"),
    field("odd", "hologram"),
)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("erpld", 'shows no custom field "erpld" of its orders; did you mean "erpId"?'),
        ("ERPID", 'shows no custom field "ERPID" of its orders; did you mean "erpId"?'),
        ("secret", 'shows no custom field "secret" of its orders'),
        ("tags", 'the custom field "tags" is a list of string, which cannot be sent'),
        ("size", 'the custom field "size" is of the kind struct, which cannot be sent'),
        ("partner", 'the custom field "partner" is of the kind relation, which cannot be sent'),
        ("odd", 'the custom field "odd" is of the kind hologram, which cannot be sent'),
    ],
)
@pytest.mark.parametrize("setting", [PO, COMMENT])
def test_what_cannot_be_sent_is_refused_by_name(name: str, problem: str, setting: str) -> None:
    fields = OrderFields({setting: name})
    refusal = fields.refusal(answer(*SHOPS))
    assert isinstance(refusal, ConfigError)
    assert refusal.exit_code == 78
    assert refusal.message.startswith(f"{setting}: ")
    assert problem in refusal.message
    assert "name one of erpId (string), giftWrap (boolean)" in refusal.hint
    assert "internal" in refusal.hint
    assert not fields.are_known


def test_both_settings_are_named() -> None:
    refusal = OrderFields({COMMENT: "size", PO: "tags"}).refusal(answer(*SHOPS))
    assert refusal is not None
    assert COMMENT in refusal.message
    assert PO in refusal.message


def test_a_shop_without_custom_fields() -> None:
    refusal = OrderFields({PO: "erpId"}).refusal(answer())
    assert refusal is not None
    assert "leave the setting out" in refusal.hint


# ---- in requests ------------------------------------------------------------------------------


def a_shop(**custom_fields: str) -> VendureShop:
    wanted = {f"orders.{name}": field for name, field in custom_fields.items()}
    return VendureShop(settings(), retry=AT_ONCE, custom_fields=wanted)


def poll(shop: VendureShop) -> Poll:
    return shop.poll(
        trigger_states=("PaymentSettled",), moved_since=None, passed_states=(), passed_since=None
    )


def polled_with(*fields: dict[str, Any], **lists: Any) -> dict[str, Any]:
    return {"json": {"data": {**answer(*fields).fields, "activeChannel": {"code": "x"}, **lists}}}


def test_a_shop_without_such_a_setting_is_asked_nothing_more(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(**login_ok())
    httpx_mock.add_response(**polled(waiting=page([stub(1)])))
    assert poll(a_shop()).refused is None
    asked = httpx_mock.get_requests()
    assert operations(asked) == ["Login", "PollOrders"]
    assert b"customField" not in asked[-1].content


def test_the_poll_proves_the_fields_in_the_same_request(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(**login_ok())
    httpx_mock.add_response(**polled_with(*SHOPS, waiting=page([stub(1)])))
    httpx_mock.add_response(json={"data": {**SETTINGS_PART, "orders": page([])}})
    shop = a_shop(po_number_field="giftWrap", comment_field="giftWrap")
    assert poll(shop).refused is None
    assert shop.orders(["A"]) == []
    asked = httpx_mock.get_requests()
    assert operations(asked) == ["Login", "PollOrders", "ReadOrders"]
    assert "customFields { giftWrap }" in json.loads(asked[-1].content)["query"]


def test_a_misspelt_field_is_told_by_the_poll_and_no_order_is_read(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(**login_ok())
    for _ in range(2):
        httpx_mock.add_response(**polled_with(*SHOPS, waiting=page([stub(1)])))
    shop = a_shop(po_number_field="erpld")
    refused = poll(shop).refused
    assert refused is not None
    assert 'did you mean "erpId"?' in refused.message
    with pytest.raises(ConfigError, match=r'orders\.po_number_field: .*"erpId"'):
        shop.orders(["A"])
    assert operations(httpx_mock.get_requests()) == ["Login", "PollOrders", "PollOrders"]


def test_orders_that_are_read_without_a_poll_learn_the_fields_once(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(**login_ok())
    httpx_mock.add_response(**polled_with(*SHOPS))
    for _ in range(2):
        httpx_mock.add_response(json={"data": {**SETTINGS_PART, "orders": page([])}})
    shop = a_shop(po_number_field="erpId")
    shop.orders(["A"])
    shop.orders(["B"])
    told = operations(httpx_mock.get_requests())
    assert told == ["Login", "PollOrders", "ReadOrders", "ReadOrders"]


def test_a_field_that_was_removed_meanwhile(httpx_mock: HTTPXMock) -> None:
    unknown = {
        "message": 'Cannot query field "erpId" on type "OrderCustomFields".',
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
    }
    httpx_mock.add_response(**login_ok())
    httpx_mock.add_response(**polled_with(*SHOPS, waiting=page([])))
    httpx_mock.add_response(status_code=400, json={"errors": [unknown]})
    httpx_mock.add_response(**polled_with(field("erpRef", "string")))
    shop = a_shop(po_number_field="erpId")
    poll(shop)
    with pytest.raises(ConfigError, match=r'no custom field "erpId"'):
        shop.orders(["A"])

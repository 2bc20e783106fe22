"""The contract: logins, permissions, channels, and the shapes of what goes wrong."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from shop_contract import LOGIN, Shop, new_sku

ORDERS = "{ orders(options: { take: 1 }) { totalItems } }"
FORBIDDEN = "You are not currently authorized to perform this action"


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


# ---- who asks -------------------------------------------------------------------------------


def log_in(shop: Shop, user: str, password: str) -> Any:
    return shop.send(LOGIN, {"u": user, "p": password})


def test_a_login_gives_a_bearer_token(shop: Shop) -> None:
    answer = log_in(shop, shop.vendure.username, shop.vendure.password)
    assert answer.json()["data"]["login"]["__typename"] == "CurrentUser"
    token = answer.headers["vendure-auth-token"]
    assert re.fullmatch("[0-9a-f]{64}", token)
    orders = shop.send(ORDERS, authorization=f"Bearer {token}")
    assert orders.json()["data"]["orders"]["totalItems"] >= 0
    assert "vendure-auth-token" not in orders.headers


@pytest.mark.parametrize("user", ["superadmin", "nobody"])
def test_a_wrong_login_is_an_expected_refusal(shop: Shop, user: str) -> None:
    answer = log_in(shop, user, "wr\u00f6ng")
    assert answer.status_code == 200
    assert answer.json() == {
        "data": {
            "login": {
                "__typename": "InvalidCredentialsError",
                "errorCode": "INVALID_CREDENTIALS_ERROR",
                "message": "The provided credentials are invalid",
            }
        }
    }


def test_a_dead_token_shows_in_an_empty_header(shop: Shop) -> None:
    answer = shop.send(ORDERS, authorization="Bearer dead")
    assert answer.status_code == 200
    assert answer.headers["vendure-auth-token"] == ""
    body = answer.json()
    assert body["data"] is None
    assert code_of(body) == "FORBIDDEN"
    assert body["errors"][0]["message"] == FORBIDDEN
    assert body["errors"][0]["path"] == ["orders"]


def test_no_token_at_all_has_no_header(shop: Shop) -> None:
    answer = shop.send(ORDERS)
    assert code_of(answer.json()) == "FORBIDDEN"
    assert "vendure-auth-token" not in answer.headers


@pytest.mark.parametrize(
    ("permissions", "query", "allowed"),
    [
        (["ReadOrder"], ORDERS, True),
        (["ReadCatalog"], ORDERS, False),
        (["ReadProduct"], "{ productVariants { totalItems } }", True),
        (["ReadOrder"], "{ productVariants { totalItems } }", False),
        (["ReadStockLocation"], "{ stockLocations { totalItems } }", True),
        (["ReadOrder"], "{ stockLocations { totalItems } }", False),
        (["ReadOrder"], "{ globalSettings { trackInventory } activeChannel { code } }", True),
        (["ReadOrder"], "{ fulfillmentHandlers { code } }", True),
        (["ReadOrder"], "{ channels { totalItems } }", False),
        (["UpdateOrder"], ORDERS, False),
    ],
)
def test_permissions(shop: Shop, permissions: list[str], query: str, allowed: bool) -> None:
    user, password = shop.vendure.create_administrator(permissions)
    token = log_in(shop, user, password).headers["vendure-auth-token"]
    answer = shop.send(query, authorization=f"Bearer {token}")
    assert "vendure-auth-token" not in answer.headers
    assert ("errors" not in answer.json()) == allowed
    if not allowed:
        assert code_of(answer.json()) == "FORBIDDEN"


def test_an_api_key(shop: Shop) -> None:
    key = shop.vendure.create_api_key(["ReadOrder"])
    assert "errors" not in shop.send(ORDERS, vendure_api_key=key).json()
    variants = shop.send("{ productVariants { totalItems } }", vendure_api_key=key)
    assert code_of(variants.json()) == "FORBIDDEN"
    assert "vendure-auth-token" not in variants.headers
    administrator = shop.send("{ activeAdministrator { id } }", vendure_api_key=key)
    assert administrator.json() == {"data": {"activeAdministrator": None}}
    me = shop.send("{ me { id } }", vendure_api_key=key)
    assert code_of(me.json()) == "FORBIDDEN"


def test_an_unknown_api_key(shop: Shop) -> None:
    key = f"{secrets.token_hex(12)}:{secrets.token_hex(24)}"
    answer = shop.send(ORDERS, vendure_api_key=key)
    assert code_of(answer.json()) == "FORBIDDEN"
    assert answer.headers["vendure-auth-token"] == ""


def test_who_am_i(shop: Shop) -> None:
    assert shop.root("{ me { identifier } }") == {"identifier": shop.vendure.username}
    channels = shop.root("{ me { channels { id code token } } }")["channels"]
    assert channels[0]["code"] == "__default_channel__"
    assert shop.root("{ activeAdministrator { emailAddress } }")


def test_what_i_may(shop: Shop) -> None:
    query = "{ me { channels { permissions } } }"
    everything = shop.root(query)["channels"][0]["permissions"]
    assert {"SuperAdmin", "ReadOrder", "UpdateCatalog"} <= set(everything)
    user, password = shop.vendure.create_administrator(["ReadOrder", "ReadStockLocation"])
    token = log_in(shop, user, password).headers["vendure-auth-token"]
    answer = shop.send(query, authorization=f"Bearer {token}").json()
    held = answer["data"]["me"]["channels"][0]["permissions"]
    assert set(held) == {"Authenticated", "ReadOrder", "ReadStockLocation"}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer dead"}])
def test_asking_who_i_am_makes_an_anonymous_session(shop: Shop, headers: dict[str, str]) -> None:
    administrator = shop.send("{ activeAdministrator { id } }", **headers)
    assert administrator.json() == {"data": {"activeAdministrator": None}}
    assert administrator.headers["vendure-auth-token"]
    me = shop.send("{ me { id } }", **headers)
    assert code_of(me.json()) == "FORBIDDEN"
    assert me.headers["vendure-auth-token"]


def test_a_logout_ends_every_session_of_the_user(shop: Shop) -> None:
    user, password = shop.vendure.create_administrator(["ReadOrder"])
    first, second = (
        f"Bearer {log_in(shop, user, password).headers['vendure-auth-token']}" for _ in range(2)
    )
    assert shop.send("mutation { logout { success } }", authorization=first).json() == {
        "data": {"logout": {"success": True}}
    }
    assert shop.send(ORDERS, authorization=second).headers["vendure-auth-token"] == ""


# ---- channels -------------------------------------------------------------------------------


def test_an_unknown_channel_among_several(shop: Shop) -> None:
    shop.vendure.create_channel(f"c-{secrets.token_hex(3)}")
    answer = shop.send(ORDERS, vendure_token="nope")
    assert answer.status_code == 200
    assert code_of(answer.json()) == "CHANNEL_NOT_FOUND"
    assert answer.json()["errors"][0]["message"] == (
        'No Channel with the token "nope" could be found'
    )


def test_a_channel_has_its_own_orders_and_currency(shop: Shop) -> None:
    sku = new_sku()
    shop.vendure.create_variant(sku)
    channel = shop.vendure.create_channel(f"jp-{secrets.token_hex(3)}", currency="JPY")
    here = shop.vendure.place_order([(sku, 1)])
    there = shop.vendure.place_order([(sku, 1)], channel_token=channel.token)
    token = log_in(shop, shop.vendure.username, shop.vendure.password)
    bearer = f"Bearer {token.headers['vendure-auth-token']}"
    query = "{ activeChannel { defaultCurrencyCode } orders { items { code currencyCode } } }"
    body = shop.send(query, authorization=bearer, vendure_token=channel.token).json()["data"]
    assert body["activeChannel"] == {"defaultCurrencyCode": "JPY"}
    assert body["orders"]["items"] == [{"code": there.code, "currencyCode": "JPY"}]
    by_id = "query($id: ID!) { order(id: $id) { code } }"
    other = shop.send(by_id, {"id": here.id}, authorization=bearer, vendure_token=channel.token)
    assert other.json() == {"data": {"order": None}}
    codes = {"c": [here.code, there.code]}
    both = (
        "query($c: [String!]) { orders(options: { filter: { code: { in: $c } } }) { totalItems } }"
    )
    assert shop.root(both, codes) == {"totalItems": 2}


# ---- shapes of errors -----------------------------------------------------------------------


def plain_shape(answer: Any) -> tuple[int, set[str], str]:
    body = answer.json()
    assert body["statusCode"] == answer.status_code
    return answer.status_code, set(body), body["path"]


PLAIN_KEYS = {"statusCode", "message", "timestamp", "path"}


def padded(length: int) -> bytes:
    start = b'{"query":"{ __typename }","variables":{"x":"'
    return start + b"x" * (length - len(start) - 3) + b'"}}'


def test_the_body_limit(shop: Shop) -> None:
    headers = {"content-type": "application/json"}
    assert len(padded(102_400)) == 102_400
    good = shop.request("POST", "/admin-api", content=padded(102_400), headers=headers)
    assert good.json() == {"data": {"__typename": "Query"}}
    long = shop.request("POST", "/admin-api", content=padded(102_401), headers=headers)
    assert plain_shape(long) == (500, PLAIN_KEYS, "/admin-api")
    assert long.json()["message"] == ""


def test_a_path_that_is_not_there(shop: Shop) -> None:
    answer = shop.request("GET", "/nope")
    assert plain_shape(answer) == (404, PLAIN_KEYS, "/nope")
    assert answer.json()["message"] == "Cannot GET /nope"


def test_health(shop: Shop) -> None:
    assert shop.request("GET", "/health").json()["status"] == "ok"


def test_malformed_json(shop: Shop) -> None:
    headers = {"content-type": "application/json"}
    answer = shop.request("POST", "/admin-api", content=b'{"query": nope', headers=headers)
    assert plain_shape(answer) == (400, PLAIN_KEYS, "/admin-api")


NO_BODY = "POST body missing, invalid Content-Type, or JSON object has no keys."


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"content": b"{}", "headers": {"content-type": "application/json"}}, NO_BODY),
        ({"content": b"query", "headers": {"content-type": "text/html"}}, NO_BODY),
        ({"json": [{"query": "{ __typename }"}]}, "Operation batching disabled."),
        (
            {"json": {"variables": {"a": 1}}},
            "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.",
        ),
    ],
)
def test_bad_requests(shop: Shop, how: dict[str, Any], message: str) -> None:
    answer = shop.request("POST", "/admin-api", **how)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["message"] == message
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ orders { items { nope } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ orders(options: { nope: 1 }) { totalItems } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ orders {", "GRAPHQL_PARSE_FAILED"),
    ],
)
def test_queries_that_do_not_fit(shop: Shop, query: str, code: str) -> None:
    answer = shop.send(query)
    assert answer.status_code == 400
    assert code_of(answer.json()) == code
    assert "data" not in answer.json()


def test_an_operation_that_is_not_there(shop: Shop) -> None:
    body = {"query": "query A { __typename }", "operationName": "B"}
    answer = shop.request("POST", "/admin-api", json=body)
    assert answer.status_code == 400
    assert code_of(answer.json()) == "OPERATION_RESOLUTION_FAILURE"


@pytest.mark.parametrize(
    "options",
    [
        {"take": 1.5},
        {"take": 2**31},
        {"take": "ten"},
        {"filter": {"updatedAt": {"after": "2026-11-23T09:00:00"}}},
        {"filter": {"active": {"eq": "yes"}}},
    ],
)
def test_bad_variables(shop: Shop, options: dict[str, Any]) -> None:
    query = "query($o: OrderListOptions) { orders(options: $o) { totalItems } }"
    answer = shop.answer(query, {"o": options})
    assert answer.status_code == 200
    assert code_of(answer.json()) == "BAD_USER_INPUT"
    assert "data" not in answer.json()


def test_a_whole_float_is_an_int(shop: Shop) -> None:
    query = "query($o: OrderListOptions) { orders(options: $o) { totalItems } }"
    assert shop.root(query, {"o": {"take": 3.0}})["totalItems"] >= 0


def test_the_settings(shop: Shop) -> None:
    assert shop.root(
        """{ globalSettings { trackInventory outOfStockThreshold
        serverConfig { moneyStrategyPrecision } } }"""
    ) == {
        "trackInventory": True,
        "outOfStockThreshold": 0,
        "serverConfig": {"moneyStrategyPrecision": 2},
    }
    codes = [one["code"] for one in shop.root("{ shippingMethods { items { code } } }")["items"]]
    assert codes == ["standard-shipping", "express-shipping"]
    assert shop.root("{ fulfillmentHandlers { code } }") == [{"code": "manual-fulfillment"}]

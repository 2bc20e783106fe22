"""The small shop beyond the contract: its control surface, its faults, its size."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from shop_contract import LOGIN, TestClock

from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_errors import Refusal

COUNT = "query Count { orders { totalItems } }"
NOTE = """mutation Note($i: AddNoteToOrderInput!) { addNoteToOrder(input: $i) { id } }"""


class Client:
    """A logged-in client that never repeats anything."""

    def __init__(self, shop: SmallShop) -> None:
        self.url = shop.admin_url
        self.http = httpx.Client(timeout=60, trust_env=False)
        body = {"query": LOGIN, "variables": {"u": shop.username, "p": shop.password}}
        self.token = self.http.post(self.url, json=body).headers["vendure-auth-token"]

    def ask(self, query: str, timeout: float = 30, **variables: Any) -> httpx.Response:
        body = {"query": query, "variables": variables}
        headers = {"authorization": f"Bearer {self.token}"}
        return self.http.post(self.url, json=body, headers=headers, timeout=timeout)


@pytest.fixture
def client(small: SmallShop) -> Iterator[Client]:
    client = Client(small)
    yield client
    client.http.close()


def test_a_single_channel_takes_any_token(small: SmallShop, client: Client) -> None:
    headers = {"authorization": f"Bearer {client.token}", "vendure-token": "anything"}
    answer = client.http.post(small.admin_url, json={"query": COUNT}, headers=headers)
    assert answer.json() == {"data": {"orders": {"totalItems": 0}}}


def test_another_password_lets_in_and_the_old_one_does_not(
    small: SmallShop, client: Client
) -> None:
    small.access.change_password(small.username, "rotated")
    assert client.ask(COUNT).json()["data"]
    answers = []
    for password in (small.password, "rotated"):
        body = {"query": LOGIN, "variables": {"u": small.username, "p": password}}
        answers.append(client.http.post(small.admin_url, json=body).json()["data"]["login"])
    assert [one["__typename"] for one in answers] == ["InvalidCredentialsError", "CurrentUser"]


def test_sessions_and_keys_end_when_told(small: SmallShop, client: Client) -> None:
    key = small.access.add_api_key()
    small.access.drop_sessions()
    assert client.ask(COUNT).headers["vendure-auth-token"] == ""
    by_key = {"vendure-api-key": key}
    assert client.http.post(client.url, json={"query": COUNT}, headers=by_key).json()["data"]
    small.access.drop_api_key(key)
    dead = client.http.post(client.url, json={"query": COUNT}, headers=by_key)
    assert dead.headers["vendure-auth-token"] == ""


def test_it_keeps_its_port_and_its_orders_over_a_stop(small: SmallShop) -> None:
    small.state.add_variant("A")
    small.state.place_order([("A", 1)])
    url = small.admin_url
    small.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    small.start()
    assert small.admin_url == url
    body = httpx.get(f"{small.url}/_shop/orders", trust_env=False).json()
    assert [order["lines"] for order in body["orders"]] == [[{"sku": "A", "quantity": 1}]]


# ---- the control surface --------------------------------------------------------------------


def test_orders_are_seen_from_another_process(small: SmallShop) -> None:
    small.state.add_variant("A")
    order = small.state.place_order([("A", 2)])
    small.state.fulfil(order, [("A", 1)], tracking="T-1")
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
    url = f"{small.url}/_shop/orders"
    ran = subprocess.run([sys.executable, "-c", script, url], capture_output=True, check=True)
    assert json.loads(ran.stdout)["orders"] == [
        {
            "id": "1",
            "code": order.code,
            "state": "PartiallyShipped",
            "placedAt": "2026-11-23T09:00:00.000Z",
            "lines": [{"sku": "A", "quantity": 2}],
            "fulfillments": [
                {
                    "id": "1",
                    "state": "Shipped",
                    "method": "Parcel",
                    "trackingCode": "T-1",
                    "lines": [{"sku": "A", "quantity": 1}],
                }
            ],
        }
    ]


def test_requests_are_counted_by_operation(small: SmallShop, client: Client) -> None:
    client.ask(COUNT)
    client.ask("{ nope }")
    listed = client.http.get(f"{small.url}/_shop/requests").json()["requests"]
    assert [(one["operation"], one["status"]) for one in listed] == [
        ("", 200),
        ("Count", 200),
        ("", 400),
    ]
    assert listed == small.requests


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"kinds": ["nope"]}, "kinds[0]"),
        ({"kinds": ["html_500"], "rate": 2}, "rate"),
        ({"kinds": ["html_500"], "count": -1}, "count"),
        ({"kind": ["html_500"]}, "kind"),
        ({"kinds": ["html_500"], "operations": "Login"}, "operations"),
        ([], "body"),
    ],
)
def test_faults_that_make_no_sense(small: SmallShop, document: Any, field: str) -> None:
    answer = httpx.post(f"{small.url}/_shop/faults", json=document, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


def test_a_fault_that_python_misspells(small: SmallShop) -> None:
    with pytest.raises(BadInput):
        small.add_faults(["nope"])


# ---- faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("html_500", 500, None),
        ("http_503", 503, None),
        ("http_429", 429, None),
        ("graphql_error_plain", 200, None),
        ("graphql_error_coded", 200, "INTERNAL_SERVER_ERROR"),
        ("session_expired", 200, "FORBIDDEN"),
    ],
)
def test_faults_that_answer_without_doing(
    small: SmallShop, client: Client, kind: str, status: int, code: str | None
) -> None:
    small.state.add_variant("A")
    order = small.state.place_order([("A", 1)])
    entries = len(order.history)
    small.add_faults([kind], count=1)
    given = {"id": order.id, "note": "x", "isPublic": True}
    answer = client.ask(NOTE, i=given)
    assert answer.status_code == status
    if status == 200:
        (error,) = answer.json()["errors"]
        assert error.get("extensions", {}).get("code") == code
        assert answer.headers.get("vendure-auth-token") == (
            "" if kind == "session_expired" else None
        )
    else:
        assert "text/html" in answer.headers["content-type"]
    assert len(order.history) == entries
    assert client.ask(NOTE, i=given).status_code == 200
    assert len(order.history) == entries + 1


@pytest.mark.parametrize(
    ("kind", "done"),
    [("reset_before", False), ("reset_after", True), ("truncate", True), ("hang_after", True)],
)
def test_faults_that_lose_the_answer(
    small: SmallShop, client: Client, kind: str, done: bool
) -> None:
    small.state.add_variant("A")
    order = small.state.place_order([("A", 1)])
    entries = len(order.history)
    small.add_faults([kind], count=1)
    # Only what hangs runs into the limit.
    limit = 5 if kind == "hang_after" else 120
    with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError, httpx.ReadTimeout)):
        client.ask(NOTE, timeout=limit, i={"id": order.id, "note": "x", "isPublic": True})
    assert (len(order.history) > entries) == done
    assert client.ask(COUNT).status_code == 200


def test_a_slow_answer_arrives_whole(small: SmallShop, client: Client) -> None:
    small.add_faults(["slow_drip"], count=1, delay_ms=1)
    assert client.ask(COUNT).json() == {"data": {"orders": {"totalItems": 0}}}


def test_a_delay_holds_one_operation_back(
    small: SmallShop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    perform = SmallShop._perform
    monkeypatch.setattr(
        SmallShop, "_perform", lambda shop, asked, _pause: perform(shop, asked, pauses.append)
    )
    small.add_faults(delay_ms=2000, operations=["Count"])
    client.ask("query Other { orders { totalItems } }")
    assert pauses == []
    client.ask(COUNT)
    assert pauses == [2.0]


def test_faults_over_http_and_their_end(small: SmallShop, client: Client) -> None:
    asked = {"kinds": ["html_500", "http_503"], "count": 4, "operations": ["Count"], "seed": 1}
    assert client.http.post(f"{small.url}/_shop/faults", json=asked).json()["ok"] is True
    assert client.ask("{ __typename }").status_code == 200
    assert [client.ask(COUNT).status_code for _ in range(2)] == [500, 503]
    assert client.http.post(f"{small.url}/_shop/reset-faults").json() == {"ok": True}
    assert client.ask(COUNT).status_code == 200


# ---- size -----------------------------------------------------------------------------------


def test_a_hundred_thousand_variants(client: Client, small: SmallShop) -> None:
    for number in range(100_000):
        small.state.add_variant(f"S{number:06}")
    query = """query V($o: ProductVariantListOptions) { productVariants(options: $o) {
      totalItems items { id sku } } }"""
    last = client.ask(query, o={"skip": 99_990, "take": 100, "sort": {"id": "ASC"}}).json()
    some = client.ask(query, o={"filter": {"sku": {"in": ["S000007", "S099999"]}}}).json()
    assert last["data"]["productVariants"]["totalItems"] == 100_000
    assert len(last["data"]["productVariants"]["items"]) == 10
    found = some["data"]["productVariants"]["items"]
    assert [one["sku"] for one in found] == ["S000007", "S099999"]


def test_many_clients_at_once_sell_no_unit_twice(small: SmallShop) -> None:
    small.state.add_variant("A", on_hand=50)

    def buy(_: int) -> bool:
        try:
            small.state.place_order([("A", 1)])
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(buy, range(80))) == 50
    assert small.state.saleable("A") == 0


def test_codes_come_from_the_seed() -> None:
    codes = []
    for seed in (1, 1, 2):
        shop = SmallShop(clock=TestClock(), seed=seed)
        shop.state.add_variant("A")
        codes.append(shop.state.place_order([("A", 1)]).code)
    assert codes[0] == codes[1] != codes[2]

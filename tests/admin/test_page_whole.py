"""Each act of the page for real: the jobs' own runs, between a shop and a simulator."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from admin_kit import READ
from fakes import make_settings
from page_world import Pages

from veracore_sync.admin.actions import Actions
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.config.load import Loaded
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture(scope="module")
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        for sku in ("MUG", "TEAPOT", "GONE"):
            running.state.add_variant(sku, sku, 1000)
        yield running


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(strict=True) as running:
        yield running


@pytest.fixture(scope="module")
def pages(
    shop: SmallShop, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pages]:
    path = tmp_path_factory.mktemp("page") / "ledger.db"
    settings = make_settings(
        vendure={
            "admin_api_url": shop.admin_url,
            "username": shop.username,
            "password": shop.password,
        },
        veracore={
            "api_url": sandbox.url,
            "client_id": "sandbox",
            "client_secret": "sandbox",
            "rate_per_minute": 0,
        },
        orders={"not_before": "2020-01-01T00:00:00Z"},
        ledger={"path": str(path)},
    )
    container = Container(Loaded(settings, {}, None, ()))
    with closing(container):
        container.bind()
        clock = SystemClock()
        yield Pages(container.ledger, clock, actions=Actions(container)).log_in()


def control(sandbox: Sandbox, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(f"{sandbox.url}/_sandbox/{path}", json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=60).close()


def state(pages: Pages, code: str) -> str:
    row = pages.ledger.orders.get(code)
    assert row is not None
    return str(row.state)


def test_an_order_is_sent_and_cancelled_and_its_alert_accepted(
    pages: Pages, shop: SmallShop, sandbox: Sandbox
) -> None:
    control(sandbox, "stock", {"stock": [{"sku": "MUG", "on_hand": 90}]})
    code = shop.state.place_order([("MUG", 1)]).code
    pages.confirm("/act?action=sync-orders")
    assert "1 sent" in pages.text
    assert state(pages, code) == "synced"
    pages.ledger.alerts.open(AlertKind.ORDER_REFUNDED, "10.00 was given back", code=code)
    pages.confirm(f"/act?action=accept&name={code}", reason="agreed with the customer")
    assert f"<h1>Done: Accept it: {code}</h1>" in pages.text
    assert [one for one in pages.ledger.alerts.standing() if one.code == code] == []
    assert "agreed with the customer" in pages.go(f"/order?name={code}").text
    pages.confirm(f"/act?action=cancel&name={code}")
    assert f"{code}: VeraCore was asked to cancel it" in pages.text, pages.text
    wish = pages.ledger.cancellations.get(code)
    assert wish is not None
    assert wish.wanted_by == "person"


def test_an_order_that_is_parked_gets_a_new_id_or_is_never_sent(
    pages: Pages, shop: SmallShop
) -> None:
    one, two = (shop.state.place_order([("TEAPOT", n)]).code for n in (1, 2))
    pages.confirm("/act?action=sync-orders")
    assert "2 parked" in pages.text
    assert "New: this needs you" in pages.text
    pages.confirm(f"/act?action=skip&name={one}")
    assert (state(pages, one), "Done" in pages.text) == ("skipped", True)
    row = pages.ledger.orders.get(two)
    assert row is not None
    pages.confirm(f"/act?action=new-id&name={two}")
    after = pages.ledger.orders.get(two)
    assert after is not None
    assert after.veracore_id != row.veracore_id, pages.text
    pages.confirm(f"/act?action=adopt&name={two}", id="NOT-THERE")
    assert "<h1>Not done: VeraCore has it" in pages.text
    actions = [one.action for one in pages.ledger.audit.latest(4)]
    assert actions == ["resolve --adopt", "resolve --new-id", "resolve --skip", "sync-orders"]


def test_what_the_guard_withheld_is_written_without_it(pages: Pages, sandbox: Sandbox) -> None:
    control(sandbox, "stock", {"stock": [{"sku": "TEAPOT", "on_hand": 40}]})
    pages.confirm("/act?action=force-inventory")
    assert "Done" in pages.text
    pages.confirm("/act?action=allow-mass-change")
    assert "levels compared" in pages.text
    latest = pages.ledger.audit.latest(1)[0]
    assert (latest.action, latest.outcome) == ("sync-inventory --allow-mass-change", "done")


def test_a_job_that_another_run_holds_is_said_to_be_held(pages: Pages) -> None:
    with pages.ledger.runs.lock("orders", "sync-orders"):
        pages.confirm("/act?action=sync-orders")
    assert "<h1>Not done: Sync orders now</h1>" in pages.text
    assert pages.ledger.audit.latest(1)[0].outcome == "failed"
    assert Path(str(pages.ledger.place)).exists()


def test_a_difference_is_accepted(pages: Pages) -> None:
    differs = Difference(DifferenceType.STOCK_DIFFERS, "MUG", "", "9", "8", None)
    pages.ledger.differences.saw([differs])
    pages.confirm("/act?action=accept-difference&name=MUG&type=stock_differs", reason="counted")
    assert "<h1>Done" in pages.text
    text = re.sub("<[^>]+>", " ", pages.go("/differences").text)
    assert "Accepted: counted" in " ".join(text.split())


def test_the_api_does_the_same(pages: Pages, shop: SmallShop) -> None:
    code = shop.state.place_order([("GONE", 1)]).code
    sent = pages.api("mutation { syncVeracoreOrders { success error result } }")
    assert sent["data"]["syncVeracoreOrders"]["result"]["parked"] == 1
    asked = "mutation { %s { success error } }"
    skip = f'resolveVeracoreOrder(orderId: "{code}", decision: SKIP)'
    assert pages.api(asked % skip, READ)["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert state(pages, code) == "parked"
    done = pages.api(asked % skip)["data"]["resolveVeracoreOrder"]
    assert done == {"success": True, "error": None}
    assert state(pages, code) == "skipped"
    for field, why in (
        ('resolveVeracoreOrder(orderId: "NONE", decision: ADOPT)', "holds no order NONE"),
        (f'acceptVeracoreAlerts(orderId: "{code}", reason: " ")', "with a reason"),
        ('cancelVeracoreOrder(orderId: "NONE")', "holds no order NONE"),
        (
            'acceptVeracoreDifference(type: "stock_differs", name: "NONE", reason: "why")',
            "NONE has no difference",
        ),
    ):
        (outcome,) = pages.api(asked % field)["data"].values()
        assert outcome["success"] is False
        assert why in outcome["error"]
    for field in (
        'acceptVeracoreDifference(type: "none", name: "MUG", reason: "why")',
        'cancelVeracoreOrder(orderId: "\\u0000")',
        f'resolveVeracoreOrder(orderId: "{code}", decision: ADOPT, veracoreOrderId: "\\u0000")',
    ):
        (error,) = pages.api(asked % field)["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", field
    forced = "forceVeracoreInventorySync(allowMassChange: true)"
    assert pages.api(asked % forced)["data"]["forceVeracoreInventorySync"]["success"] is True
    assert pages.ledger.audit.latest(1)[0].action == "sync-inventory --allow-mass-change"

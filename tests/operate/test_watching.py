"""``stats --watch`` and the life of an order that ``stats --order`` tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import Rig
from terminal_kit import on_terminal

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG")
        running.state.add_variant("TEA")
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(strict=True) as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        yield made


def events(document: dict[str, Any]) -> list[str]:
    return [one["event"] for one in document["timeline"]]


def test_the_life_of_an_order_that_was_parked_and_then_left(rig: Rig, shop: SmallShop) -> None:
    code = shop.state.place_order([("TEA", 2)]).code
    rig.sync(code=3)
    document = rig.run("stats", "--order", code, "--json").json
    assert events(document) == ["placed", "seen", "attempt", "outcome", "alert", "state", "next"]
    assert document["syncStatus"] == "parked"
    assert document["timeline"][-1]["at"] == document["nextAttempt"]
    assert {"attempts", "vendureOrderCode", "retryCount"} <= set(document)

    rig.control("stock", {"stock": [{"sku": "TEA", "on_hand": 10}]})
    rig.run("retry", code)
    rig.sync()
    document = rig.run("stats", "--order", code, "--json").json
    assert events(document)[-1] == "state"
    assert events(document).count("attempt") == 2
    assert "resolved" in events(document)
    times = [one["at"] for one in document["timeline"][:-1]]
    assert times == sorted(times)

    text = rig.run("stats", "--order", code).out
    assert "placed in the shop" in text
    assert "attempt 2: accepted" in text
    assert "2 x TEA" in text


def test_a_doubt_is_part_of_the_life(rig: Rig, shop: SmallShop) -> None:
    code = shop.state.place_order([("MUG", 1)]).code
    faults = {"kinds": ["reset_before"], "count": 1, "operations": ["AddOrder"]}
    rig.control("faults", faults)
    rig.run("sync-orders")
    found = events(rig.run("stats", "--order", code, "--json").json)
    assert "outcome" in found
    assert found[-1] in ("next", "state")


def test_watching_looks_again_until_ctrl_c(rig: Rig, shop: SmallShop) -> None:
    shop.state.place_order([("MUG", 1)])
    rig.sync()
    code, seen = on_terminal(
        rig.command("stats", "--watch", "0.2"), rig.environment, rig.folder, until="Ctrl-C ends"
    )
    assert code == 0, seen
    assert "at VeraCore" in seen
    assert "Traceback" not in seen


def test_watching_that_is_terminated_says_so(rig: Rig) -> None:
    rig.sync()
    code, seen = on_terminal(
        rig.command("stats", "--watch", "0.2"),
        rig.environment,
        rig.folder,
        when={"Ctrl-C ends": lambda pid: os.kill(pid, signal.SIGTERM)},
    )
    assert code == 143, seen
    assert "Traceback" not in seen


def test_watching_goes_with_the_other_views_and_needs_no_ledger(rig: Rig) -> None:
    command = rig.command("stats", "--watch", "--failed")
    code, seen = on_terminal(
        command, rig.environment, rig.folder, until="no order has a failure or an alert"
    )
    assert code == 0, seen


@pytest.mark.parametrize(
    "arguments", [["--watch"], ["--watch", "5"], ["--watch", "--json"], ["5"], ["--watch", "0"]]
)
def test_off_a_terminal_watching_is_a_usage_error(rig: Rig, arguments: list[str]) -> None:
    ended = rig.run("stats", *arguments)
    assert ended.code == 2
    assert "--watch" in ended.err + ended.out


def test_what_is_wrong_with_a_side_is_shown(rig: Rig, shop: SmallShop) -> None:
    shop.state.place_order([("MUG", 1)])
    assert "refuses" not in rig.run("stats").out
    rig.run("sync-orders", VERACORE_CLIENT_SECRET="wrong")
    assert "veracore has refused the credentials for" in rig.run("stats").out
    down = {"VERACORE_SYNC_RETRY__BREAKER_THRESHOLD": "1", "VERACORE_SYNC_RETRY__TRIES": "1"}
    rig.control("faults", {"kinds": ["html_500"], "rate": 1})
    rig.run("sync-orders", **down)
    assert "circuit breaker of veracore: open for" in rig.run("stats").out

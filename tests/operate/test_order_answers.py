"""``sync-orders --order`` off a terminal: what it answers; each command that it names is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rig import Ended, HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

COMMAND = re.compile(r"`veracore-sync ([^`]*)`")
EARLY = datetime(2019, 5, 1, tzinfo=UTC)


class Shop:
    """A small shop with one order of every kind that a person may ask about."""

    def __init__(self, rig: HereRig, shop: SmallShop) -> None:
        self.rig, self.state, self.codes = rig, shop.state, dict[str, str]()
        for sku in ("MUG", "TEE", "NOWHERE"):
            self.state.add_variant(sku, sku.title(), 1000)
        rig.control("stock", {"stock": [{"sku": sku, "on_hand": 90} for sku in ("MUG", "TEE")]})
        self.place("sent")
        rig.sync()
        self.place("early", placed_at=EARLY)
        self.place("aggregate", order_type="Aggregate")
        self.place("refused", "NOWHERE")
        self.place("no city", address={"city": ""})
        self.place("unpaid", state="PaymentAuthorized")
        fault = {"kinds": ["reset_before"], "count": 1, "operations": ["AddOrder"]}
        self.place("in doubt")
        rig.control("faults", {**fault, "order": self.codes["in doubt"]})
        rig.sync(code=3)
        rig.control("faults", {"kinds": []})
        self.place("new")

    def place(self, name: str, sku: str = "MUG", **more: Any) -> None:
        self.codes[name] = self.state.place_order([(sku, 1)], **more).code

    def ask(self, name: str, *more: str) -> Ended:
        return self.rig.run("sync-orders", "--order", self.codes.get(name, name), *more)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = Path(tmp_path_factory.mktemp("answers"))
    with Sandbox(strict=True) as sandbox, SmallShop() as small:
        yield Shop(HereRig(folder, small.admin_url, small.username, small.password, sandbox), small)


ANSWERS = {
    "sent": ("at VeraCore", ""),
    "early": ("not sent", "placed before orders.not_before, 2020-01-01 00:00 UTC"),
    "aggregate": ("not sent", "orders.order_types"),
    "no city": ("would stay parked", "has no city"),
    "unpaid": ("waiting for payment", "it is PaymentAuthorized in the shop"),
    "in doubt": ("in doubt", "Connection reset"),
    "new": ("would be sent", "1 x MUG"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_who_asks_about_an_order_gets_its_state_and_the_reason(shop: Shop, name: str) -> None:
    ended = shop.ask(name, "--dry-run")
    out = ended.out
    what, reason = ANSWERS[name]
    assert ended.code == 0, (ended.out, ended.err)
    assert shop.codes[name] in out
    assert what in out
    assert reason in out


def test_the_plan_has_a_reason_for_every_order_that_waits(shop: Shop) -> None:
    document = shop.rig.run("sync-orders", "--dry-run", "--json").json
    told = {name for one in document["reasons"] for name in one["names"]}
    assert told == {code for name, code in shop.codes.items() if name != "sent"}
    plan = {one["vendureOrderCode"]: one["action"] for one in document["plan"]}
    assert plan == {shop.codes["new"]: "submit", shop.codes["no city"]: "park"}
    out = shop.rig.run("sync-orders", "--dry-run").out
    assert out.splitlines()[-1].startswith("1 order would be sent; `veracore-sync sync-orders")


def test_an_order_that_the_shop_does_not_have(shop: Shop) -> None:
    ended = shop.ask("NOPE")
    assert (ended.code, ended.out) == (2, "")
    assert "the shop has no order NOPE" in ended.err


def test_every_command_that_an_answer_names_is_one(shop: Shop) -> None:
    """They are run as they stand, and none is refused as a wrong way to call it."""
    commands = set()
    for name in ANSWERS:
        commands |= set(COMMAND.findall(shop.ask(name, "--dry-run").out))
    shop.rig.run("sync-inventory", "--dry-run")
    for asked in (("sync-inventory", "--dry-run"), ("retry", "--all", "--dry-run")):
        commands |= set(COMMAND.findall(shop.rig.run(*asked).out))
    assert len(commands) >= 6
    for command in sorted(commands, key=lambda one: "resolve" in one):
        ended = shop.rig.run(*shlex.split(command))
        assert ended.code != 2, (command, ended.err)


def test_retry_tells_what_it_found(shop: Shop) -> None:
    ended = shop.rig.run("retry", shop.codes["in doubt"])
    out = ended.out
    assert "looked up, still in doubt: VeraCore does not have it so far" in out
    assert "looked up again after" in out

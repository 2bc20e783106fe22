"""The commands and the shop's channels: which orders they see, and when they refuse to work.

The shop sells in the default channel, in `east` and in `west`; `east` is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_records import Channel

RENAMED = "shop-channel"
MUTATIONS = {"SetStock", "AddFulfilment", "ShipFulfilment", "EndOrder", "NoteOrder"}
COMMANDS = (
    "sync-orders",
    "sync-orders --dry-run",
    "sync-inventory",
    "sync-tracking",
    "sync-returns",
    "retry --all",
    "resolve {code} --skip",
    "cancel {code}",
)
OF_THE_LEDGER = ("retry", "resolve")
"""They ask VeraCore about orders that the ledger has sent, and the shop nothing."""


@dataclass
class Market:
    """A shop with three channels and an order in each, a warehouse, and the commands."""

    rig: HereRig
    shop: SmallShop
    east: Channel
    west: Channel
    codes: dict[str, str]

    def choose(self, token: str, header: str = "") -> None:
        self.rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = token
        if header:
            self.rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN_HEADER"] = header

    def written(self) -> list[str]:
        return [one["operation"] for one in self.shop.requests if one["operation"] in MUTATIONS]


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with SmallShop() as shop, Sandbox(strict=True) as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        east, west = (shop.state.add_channel(name) for name in ("east", "west"))
        rig = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        codes = {
            name: shop.state.place_order([("MUG", 1)], channel=id).code
            for name, id in (("default", "1"), ("east", east.id), ("west", west.id))
        }
        yield Market(rig, shop, east, west, codes)
        rig.end()


Situation = Callable[[Market], None]


def no_token(market: Market) -> None:
    market.choose("")


def right(market: Market) -> None:
    market.choose(market.east.token)


def wrong(market: Market) -> None:
    market.choose("nobodys-token")


def others(market: Market) -> None:
    market.choose(market.west.token)


def deleted(market: Market) -> None:
    market.choose(market.east.token)
    market.shop.state.delete_channel(market.east.id)


def last_deleted(market: Market) -> None:
    """Vendure accepts every token while it has one channel."""
    deleted(market)
    market.shop.state.delete_channel(market.west.id)


ALL = ("default", "east", "west")
SITUATIONS: dict[Situation, dict[str, tuple[str, ...] | None]] = {
    # Whose orders are sent with the shop's default key, with one that only the shop has renamed,
    # and with one that is renamed on both sides; None: nothing, and 78.
    no_token: {"default": ALL, "shop's": ALL, "both": ALL},
    right: {"default": ("east",), "shop's": None, "both": ("east",)},
    wrong: {"default": None, "shop's": None, "both": None},
    others: {"default": ("west",), "shop's": None, "both": ("west",)},
    deleted: {"default": None, "shop's": None, "both": None},
    last_deleted: {"default": None, "shop's": None, "both": None},
}
TABLE = [
    pytest.param(one, key, sent, id=f"{one.__name__}-{key}")
    for one, row in SITUATIONS.items()
    for key, sent in row.items()
]


def renamed(market: Market, key: str) -> None:
    if key != "default":
        market.shop.access.channel_header = RENAMED
    if key == "both":
        market.rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN_HEADER"] = RENAMED


@pytest.mark.parametrize(("situation", "key", "sent"), TABLE)
def test_only_orders_of_the_configured_channel_are_sent(
    market: Market, situation: Situation, key: str, sent: tuple[str, ...] | None
) -> None:
    situation(market)
    renamed(market, key)
    ended = market.rig.run("sync-orders", "--json")
    assert ended.code == (78 if sent is None else 0), (ended.out, ended.err)
    assert set(market.rig.placed()) == {market.codes[name] for name in sent or ()}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("situation", "key", "sent"), TABLE)
def test_no_command_reads_or_writes_in_another_channel(
    market: Market, situation: Situation, key: str, sent: tuple[str, ...] | None, command: str
) -> None:
    # An order of east was sent and has left, and a part of it has come back.
    right(market)
    market.rig.sync()
    order = market.rig.control("orders")["orders"][0]
    market.rig.control("ship", {"order": order["id"], "packages": [{"tracking": "1Z1"}]})
    back = {"order": market.codes["east"], "lines": [{"sku": "MUG", "quantity": 1}]}
    market.rig.control("returns", back)
    market.rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    situation(market)
    renamed(market, key)
    before, asked = market.rig.placed(), len(market.shop.requests)
    ended = market.rig.run(*command.format(code=market.codes["east"]).split(), "--json")
    if sent == ("east",):
        assert ended.code != 78, (ended.out, ended.err)
        return
    # With another token the ledger is another shop's; with ours, the shop answers for another.
    if command.startswith(OF_THE_LEDGER):
        assert {one["operation"] for one in market.shop.requests[asked:]} <= {"Login"}
    else:
        assert ended.code == 78, (ended.code, ended.out, ended.err)
        assert market.rig.placed() == before
    assert market.written() == []
    for channel in market.shop.state.channels.values():
        assert channel.token not in ended.out + ended.err


@pytest.mark.parametrize(("situation", "key", "sent"), TABLE)
def test_doctor_says_which_channel_it_is(
    market: Market, situation: Situation, key: str, sent: tuple[str, ...] | None
) -> None:
    situation(market)
    renamed(market, key)
    ended = market.rig.run("doctor", "--json")
    found = {one["name"]: one for one in ended.json["findings"]}["Vendure"]
    if sent is None:
        assert (ended.code, found["level"]) == (78, "fail"), ended.out
        assert "vendure.channel_token" in found["message"]
        return
    name = "__default_channel__" if sent == ALL else sent[0]
    assert found["level"] == "ok"
    assert f"channel {name}" in found["message"]

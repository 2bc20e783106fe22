"""The commands and the shop's channels: which orders they see, and when they refuse to work.

The shop sells in the default channel, in `east` and in `west`; `east` is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig import HereRig
from sample import sample

from veracore_sync.domain.orders import Order
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_records import Channel
from veracore_sync.vendure.shop import VendureShop

RENAMED = "shop-channel"
MUTATIONS = {"SetStock", "AddFulfilment", "ShipFulfilment", "EndOrder", "NoteOrder"}
COMMANDS = (
    "sync-orders",
    "sync-orders --dry-run",
    "sync-inventory",
    "sync-tracking",
    "sync-returns",
    "reconcile",
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


CHANNELS = "VERACORE_SYNC_ORDERS__CHANNELS"
HOME = "__default_channel__"
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


@pytest.mark.parametrize(
    ("situation", "key", "sent", "command"),
    sample(
        [(*row.values, command) for row in TABLE for command in COMMANDS],
        lambda case: (case[:2], (case[0], case[3]), (case[1], case[3])),
        times=1,
    ),
)
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
    warned = [one["message"] for one in ended.json["findings"] if one["name"] == "channels"]
    assert len(warned) == (sent == ALL)
    assert all("(east, west)" in one and "ship them twice" in one for one in warned)


@pytest.mark.parametrize("several", [False, True])
def test_doctor_knows_of_channels_that_the_role_does_not_see(market: Market, several: bool) -> None:
    market.shop.access.show_channels(market.shop.username, ["1"])
    if not several:
        for one in (market.east, market.west):
            market.shop.state.delete_channel(one.id)
    ended = market.rig.run("doctor", "--json")
    assert ("ship them twice" in ended.out) == several
    market.rig.env[CHANNELS] = HOME
    ended = market.rig.run("doctor", "--json")
    assert ("valid in every channel" in ended.out) == several


# ---- one order, one configuration ---------------------------------------------------------------


def sent(market: Market) -> set[str]:
    there = market.rig.placed()
    return {name for name, code in market.codes.items() if code in there}


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("", {"default", "east", "west"}),
        (HOME, {"default"}),
        ("east", {"east"}),
        (f"{HOME},west", {"default", "west"}),
        (f"{HOME},east,west", {"default", "east", "west"}),
    ],
)
def test_the_default_channel_sends_what_the_setting_names(
    market: Market, channels: str, expected: set[str]
) -> None:
    if channels:
        market.rig.env[CHANNELS] = channels
    assert market.rig.sync()["submitted"] == len(expected)
    assert sent(market) == expected
    assert market.rig.sync()["submitted"] == 0


def test_orders_of_a_renamed_channel_wait_until_the_setting_names_it(market: Market) -> None:
    """Skipped meanwhile, they would stay so."""
    market.rig.env[CHANNELS] = f"{HOME},west"
    market.west.code = "west-2"
    ended = market.rig.run("sync-orders", "--json")
    assert ended.code == 78, ended.out
    message = 'orders.channels: the shop has no channel "west"; did you mean "west-2"?'
    assert ended.json["error"]["message"] == message
    assert market.rig.run("reconcile", "--json").code == 78
    assert market.rig.placed() == {}
    market.rig.env[CHANNELS] = f"{HOME},west,0000"
    several = market.rig.run("sync-orders", "--json").json["error"]["message"]
    assert several.endswith('the shop has no channel "0000" and "west"; did you mean "west-2"?')
    market.rig.env[CHANNELS] = f"{HOME},west-2"
    market.rig.sync()
    assert sent(market) == {"default", "west"}


def test_a_channel_that_is_renamed_in_the_middle_of_a_run(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.rig.env[CHANNELS] = f"{HOME},west"
    read = VendureShop.orders

    def renamed(shop: VendureShop, codes: Sequence[str]) -> list[Order]:
        market.west.code = "west-2"
        return read(shop, codes)

    with monkeypatch.context() as patched:
        patched.setattr(VendureShop, "orders", renamed)
        assert market.rig.run("sync-orders").code == 78
    market.rig.env[CHANNELS] = f"{HOME},west-2"
    market.rig.sync()
    assert sent(market) == {"default", "west"}


def test_two_configurations_side_by_side_send_each_order_once(
    market: Market, tmp_path: Path
) -> None:
    with Sandbox(strict=True) as elsewhere:
        rig = HereRig(
            tmp_path / "east",
            market.shop.admin_url,
            market.shop.username,
            market.shop.password,
            elsewhere,
        )
        rig.folder.mkdir()
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        rig.env |= market.rig.env
        rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = market.east.token
        market.rig.env[CHANNELS] = f"{HOME},west"
        for _ in range(2):
            market.rig.sync()
            rig.sync()
        assert sent(market) == {"default", "west"}
        assert set(rig.placed()) == {market.codes["east"]}


def test_an_order_of_another_channel_stays_skipped_when_the_channel_is_deleted(
    market: Market,
) -> None:
    market.rig.env[CHANNELS] = HOME
    market.rig.sync()
    told = market.rig.run("stats", "--order", market.codes["east"])
    assert "sold in the channel east" in told.out
    cancelled = market.rig.run("cancel", market.codes["east"])
    assert (cancelled.code, "sold in another channel" in cancelled.err) == (3, True), cancelled.err
    # The command alone plans it, and skips it again.
    again = market.rig.run("sync-orders", "--order", market.codes["east"])
    assert "name its channel in orders.channels (unless it was deleted), then" in again.out
    # Vendure then shows the order as one of the default channel.
    market.shop.state.delete_channel(market.east.id)
    assert market.rig.sync()["submitted"] == 0
    del market.rig.env[CHANNELS]
    assert market.rig.sync()["submitted"] == 0
    assert sent(market) == {"default"}
    market.rig.sync("--order", market.codes["east"])
    assert sent(market) == {"default", "east"}


def test_a_channel_whose_token_was_changed_keeps_its_ledger(market: Market) -> None:
    right(market)
    market.rig.sync()
    (order,) = market.rig.control("orders")["orders"]
    market.east.token = "another-token"
    right(market)
    refused = market.rig.run("sync-orders", "--json")
    assert refused.code == 78
    hint = refused.json["error"]["hint"]
    assert "only vendure.channel_token differs" in hint
    assert "`veracore-sync ledger rebind`" in hint
    others(market)
    refused = market.rig.run("ledger", "rebind", "--json")
    assert "none of the ledger's 1 newest orders" in refused.json["error"]["message"]
    assert "another vendure.channel_token, or none: set that" in refused.json["error"]["hint"]
    right(market)
    assert market.rig.run("ledger", "rebind", "--apply").code == 0
    assert market.rig.sync()["submitted"] == 0
    market.rig.control("ship", {"order": order["id"], "packages": [{"tracking": "1Z1"}]})
    assert market.rig.run("sync-tracking").code == 0
    assert market.written() == ["AddFulfilment", "ShipFulfilment"]
    market.shop.state.place_order([("MUG", 1)], channel=market.east.id)
    assert market.rig.sync()["submitted"] == 1


@pytest.mark.parametrize("token", ["", "default"])
def test_the_ledger_of_a_channel_does_not_become_that_of_all_channels(
    market: Market, token: str
) -> None:
    """Their orders are in the default channel too; others may have sent them."""
    right(market)
    market.rig.sync()
    market.choose(token and market.shop.state.channels["1"].token)
    refused = market.rig.run("ledger", "rebind", "--apply", "--json")
    assert refused.code == 78, refused.out
    assert "lists the orders of all channels" in refused.json["error"]["message"]
    assert "orders.channels" in refused.json["error"]["hint"]
    assert market.rig.run("sync-orders").code == 78
    market.rig.env[CHANNELS] = f"{HOME},east"
    assert market.rig.run("ledger", "rebind", "--apply").code == 0
    market.rig.sync()
    assert sent(market) == {"default", "east"}


def test_the_ledger_of_all_channels_misses_orders_in_one(market: Market) -> None:
    market.rig.sync()
    right(market)
    refused = market.rig.run("ledger", "rebind", "--json")
    assert refused.code == 78, refused.out
    assert "2 of the ledger's 3 newest orders" in refused.json["error"]["message"]
    assert "they may be in another channel" in refused.json["error"]["hint"]


def test_a_shop_with_one_channel_left_needs_no_token(market: Market) -> None:
    right(market)
    market.rig.sync()
    for one in (market.east, market.west):
        market.shop.state.delete_channel(one.id)
    no_token(market)
    assert market.rig.run("ledger", "rebind", "--apply").code == 0


def test_an_order_of_two_channels_is_parked_where_one_is_not_named(market: Market) -> None:
    (order,) = [
        one for one in market.shop.state.orders.values() if one.code == market.codes["east"]
    ]
    order.channels.add(market.west.id)
    market.rig.env[CHANNELS] = "east"
    document = market.rig.sync(code=3)
    assert (document["submitted"], document["parked"]) == (0, 1)
    assert "the channel west" in market.rig.run("stats", "--order", order.code).out
    market.rig.env[CHANNELS] = "east,west"
    market.rig.sync()
    # That of west alone was another configuration's until now, which may have sent it.
    assert sent(market) == {"east"}


def test_a_role_that_does_not_see_every_channel_sends_nothing(market: Market) -> None:
    """Vendure shows it an order of east as one of the default channel."""
    market.rig.env[CHANNELS] = HOME
    market.shop.access.show_channels(market.shop.username, ["1"])
    ended = market.rig.run("sync-orders", "--json")
    assert ended.code == 78, ended.out
    assert "valid in every channel" in ended.json["error"]["hint"]
    assert market.rig.placed() == {}
    market.shop.access.show_channels(market.shop.username, None)
    market.rig.sync()
    assert sent(market) == {"default"}


def test_shipments_of_another_channels_order_are_not_fulfilled_here(
    market: Market, tmp_path: Path
) -> None:
    """Both configurations use one VeraCore account, whose list has the slips of both."""
    rig = HereRig(
        tmp_path / "east",
        market.shop.admin_url,
        market.shop.username,
        market.shop.password,
        market.rig.sandbox,
    )
    rig.folder.mkdir()
    rig.env |= market.rig.env
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = market.east.token
    rig.sync()
    (order,) = market.rig.control("orders")["orders"]
    market.rig.control("ship", {"order": order["id"], "packages": [{"tracking": "1Z1"}]})
    market.rig.env[CHANNELS] = HOME
    assert market.rig.run("sync-tracking").code == 0
    assert market.written() == []
    assert rig.run("sync-tracking").code == 0
    assert market.written() == ["AddFulfilment", "ShipFulfilment"]

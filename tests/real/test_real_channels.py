"""Two channels of a real Vendure, each with a stock location, a configuration and a warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_kit import stock
from realvendure import RealVendure, StartVendure
from rig import HereRig, Rig
from vendure_catalogue import ChannelRef

from veracore_sync.sandbox.server import Sandbox

SKU = "SKU-000001"
CHANNELS = "VERACORE_SYNC_ORDERS__CHANNELS"
HOME = "__default_channel__"
_MOVE = """mutation($to: AssignStockLocationsToChannelInput!,
  $from: RemoveStockLocationsFromChannelInput!) {
  assignStockLocationsToChannel(input: $to) { id }
  removeStockLocationsFromChannel(input: $from) { id } }"""
_RENAME = "mutation($input: UpdateChannelInput!) { updateChannel(input: $input) { __typename } }"
_DELETE = "mutation($id: ID!) { deleteChannel(id: $id) { result } }"
_STATES = "{ orders { items { code state fulfillments { id } channels { code } } } }"


@pytest.fixture
def market(start_vendure: StartVendure) -> RealVendure:
    return start_vendure(variants=12)


@pytest.fixture
def east(market: RealVendure) -> ChannelRef:
    """A channel that sells from a location of its own."""
    channel = market.create_channel("east")
    home, place = market.locations()[0], market.create_location("East")
    to = {"stockLocationIds": [place], "channelId": channel.id}
    market.admin(_MOVE, {"to": to, "from": {"stockLocationIds": [home], "channelId": channel.id}})
    market.set_stock(SKU, 50, place)
    return channel


@pytest.fixture
def second() -> Iterator[Sandbox]:
    with Sandbox(strict=True) as sandbox:
        yield sandbox


def rig_of(market: RealVendure, sandbox: Sandbox, folder: Path, **env: str) -> Rig:
    folder.mkdir()
    made = HereRig(folder, market.admin_url, market.username, market.password, sandbox)
    made.env |= {"VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0", **env}
    stock(made, {SKU: 30})
    return made


def test_two_configurations_side_by_side(
    market: RealVendure, east: ChannelRef, sandbox: Sandbox, second: Sandbox, tmp_path: Path
) -> None:
    here = market.place_order([(SKU, 2)]).code
    there = market.place_order([(SKU, 3)], channel_token=east.token).code
    home_place, east_place = market.locations()
    ours = rig_of(
        market,
        sandbox,
        tmp_path / "home",
        **{CHANNELS: HOME, "VERACORE_SYNC_INVENTORY__LOCATIONS": json.dumps({"MAIN": home_place})},
    )
    token = {"VERACORE_SYNC_VENDURE__CHANNEL_TOKEN": east.token}
    theirs = rig_of(market, second, tmp_path / "east", **token)

    for rig in (ours, theirs):
        assert rig.sync()["submitted"] == 1
        assert rig.sync()["submitted"] == 0
    assert (set(ours.placed()), set(theirs.placed())) == ({here}, {there})

    # Each writes the level of its own location, and leaves the other one.
    before = market.stock(SKU)
    ended = theirs.run("sync-inventory", "--allow-mass-change", "--json")
    assert ended.code in (0, 3), (ended.out, ended.err)
    after = market.stock(SKU)
    assert after[home_place] == before[home_place]
    assert after[east_place].on_hand - after[east_place].allocated == 27
    ended = ours.run("sync-inventory", "--allow-mass-change", "--json")
    assert ended.code in (0, 3), (ended.out, ended.err)
    assert market.stock(SKU)[east_place] == after[east_place]
    # The default channel lists the order of east too, and its units are held back.
    level = market.stock(SKU)[home_place]
    assert level.on_hand - level.allocated == 25

    for rig in (ours, theirs):
        (one,) = rig.control("orders")["orders"]
        rig.control("ship", {"order": one["id"], "packages": [{"tracking": f"T{one['id']}"}]})
        for _ in range(2):
            ended = rig.run("sync-tracking", "--json")
            assert ended.code == 0, (ended.out, ended.err)
    for order in market.admin(_STATES)["orders"]["items"]:
        assert (order["state"], len(order["fulfillments"])) == ("Shipped", 1)

    # Every order of east is in the default channel too, and so are those that others send.
    no_token = {"VERACORE_SYNC_VENDURE__CHANNEL_TOKEN": ""}
    ended = theirs.run("ledger", "rebind", "--apply", "--json", **no_token)
    assert (ended.code, "orders of all channels" in ended.out) == (78, True), ended.out
    market.admin(_RENAME, {"input": {"id": east.id, "code": "far-east"}})
    ended = ours.run("sync-orders", "--json", **{CHANNELS: f"{HOME},east"})
    assert (ended.code, "the shop has no channel" in ended.out) == (78, True), ended.out


def test_a_header_that_the_shop_does_not_read_and_a_deleted_channel(
    market: RealVendure, east: ChannelRef, sandbox: Sandbox, tmp_path: Path
) -> None:
    """As with another `channelTokenKey`, the default channel answers, without an error."""
    market.place_order([(SKU, 1)])
    rig = rig_of(market, sandbox, tmp_path / "east")
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = east.token
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN_HEADER"] = "x-renamed"
    for command in ("sync-orders", "sync-inventory", "doctor"):
        ended = rig.run(command, "--json")
        assert ended.code == 78, (command, ended.out, ended.err)
        assert f"channel {HOME}" in ended.out
        assert "vendure.channel_token_header (now x-renamed)" in ended.out
        assert east.token not in ended.out + ended.err
    assert rig.placed() == {}

    del rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN_HEADER"]
    rig.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
    market.admin(_DELETE, {"id": east.id})
    # For half a minute Vendure goes by its list from before and fails; then any token will do.
    ended = rig.run("sync-orders", "--json")
    assert ended.code in (69, 76, 78), (ended.code, ended.out)
    assert rig.placed() == {}
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = "nobodys"
    ended = rig.run("sync-orders", "--json")
    assert (ended.code, rig.placed()) == (78, {}), ended.out


def test_a_role_sees_only_the_channels_in_which_it_is_valid(
    market: RealVendure, east: ChannelRef, sandbox: Sandbox, tmp_path: Path
) -> None:
    """To it an order of east looks as if it had been sold in the default channel."""
    code = market.place_order([(SKU, 1)], channel_token=east.token).code
    rig = rig_of(market, sandbox, tmp_path / "home")
    rig.username, rig.password = market.create_administrator(["ReadOrder", "ReadChannel"])
    warned = rig.run("doctor", "--json")
    assert "ship them twice" in warned.out
    rig.env[CHANNELS] = HOME
    ended = rig.run("sync-orders", "--json")
    assert (ended.code, rig.placed()) == (78, {}), ended.out
    assert "valid in every channel" in ended.json["error"]["hint"]

    rig.username, rig.password = market.username, market.password
    assert rig.sync()["skipped"] == 1
    # Without its channel the order is one of the default channel, and may have been sent before.
    market.admin(_DELETE, {"id": east.id})
    (order,) = market.admin(_STATES)["orders"]["items"]
    assert [one["code"] for one in order["channels"]] == [HOME]
    assert rig.sync()["submitted"] == 0
    assert code not in rig.placed()


def test_headers_of_other_names(
    start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The token of a channel is not seen under Vendure's own name, that of a session not found."""
    market = start_any_vendure(
        variants=12, channels=2, channel_token_key="x-shop-channel", auth_token_header="X-Shop-Auth"
    )
    rig = rig_of(market, sandbox, tmp_path / "one")
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = "channel-1"
    for name, setting, value in (
        ("auth_token_header", "AUTH_TOKEN_HEADER", "x-shop-auth"),
        ("channel_token_header", "CHANNEL_TOKEN_HEADER", "x-shop-channel"),
    ):
        refused = rig.run("sync-orders", "--json")
        assert refused.code == 78, refused.out
        assert f"vendure.{name}" in refused.json["error"]["hint"]
        rig.env[f"VERACORE_SYNC_VENDURE__{setting}"] = value
    assert rig.sync()["submitted"] == 0
    assert "channel channel-1" in rig.run("doctor", "--json").out

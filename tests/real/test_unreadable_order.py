"""An order of a real Vendure that can no longer be read keeps no other from leaving."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from real_kit import make_rig
from realvendure import OrderRef, RealVendure
from rig import Rig
from vendure_graphql import Refused

from veracore_sync.sandbox.server import Sandbox

READ = """query($code: String!) { orders(options: { filter: { code: { eq: $code } } }) {
  items { shippingLines { shippingMethod { code } } } } }"""


def removed_from_the_channel(vendure: RealVendure, channel: str, method: str) -> None:
    given = {"channelId": channel, "shippingMethodIds": [method]}
    vendure.admin(
        """mutation($i: RemoveShippingMethodsFromChannelInput!) {
        removeShippingMethodsFromChannel(input: $i) { id } }""",
        {"i": given},
    )


def deleted(vendure: RealVendure, _channel: str, method: str) -> None:
    vendure.admin("mutation($i: ID!) { deleteShippingMethod(id: $i) { result } }", {"i": method})


def is_readable(vendure: RealVendure, token: str, order: OrderRef) -> bool:
    admin = vendure.admin_of(token)
    try:
        admin.data(READ, {"code": order.code})
    except Refused as refused:
        # 3.0 answers so once the method has left the channel; 3.7 reads such an order.
        assert "ShippingLine.shippingMethod" in str(refused)
        return False
    finally:
        admin.close()
    return True


def methods(vendure: RealVendure) -> dict[str, str]:
    listed: Any = vendure.admin("{ shippingMethods { items { id code } } }")
    return {one["code"]: one["id"] for one in listed["shippingMethods"]["items"]}


@pytest.mark.parametrize("act", [removed_from_the_channel, deleted])
def test_a_sent_order_without_its_shipping_method(
    fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path, act: Any
) -> None:
    vendure = fresh_vendure
    channel = vendure.create_channel(f"c{secrets.token_hex(3)}")
    rig: Rig = make_rig(vendure, sandbox, tmp_path)
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = channel.token

    def place(shipping: str = "standard-shipping") -> OrderRef:
        lines = [("SKU-000001", 3)]
        return vendure.place_order(lines, shipping=shipping, channel_token=channel.token)

    bad = place("express-shipping")
    rig.sync("--allow-first-run")
    act(vendure, channel.id, methods(vendure)["express-shipping"])
    vendure.cancel(bad, [("SKU-000001", 1)])
    readable = is_readable(vendure, channel.token, bad)
    for number in range(3):
        fresh = [place().code for _ in range(2)]
        ended = rig.run("sync-orders", "--json")
        assert ended.code in (0, 3), ended.err
        synced = {one["vendureOrderCode"] for one in ended.json["orders"]}
        assert synced >= set(fresh)
        named = [note for note in ended.json.get("notes", []) if bad.code in note]
        assert len(named) <= 1
        if not readable and number < 2:
            assert len(named) == 1
    rig.control("ship", {"order": bad.code})
    rig.run("sync-tracking", VERACORE_SYNC_TRACKING__SETTLE_MINUTES="0")
    assert rig.run("sync-inventory", "--json", "--allow-mass-change").code in (0, 3)
    (fulfilled,) = vendure.order(bad)["fulfillments"]
    assert fulfilled["state"] == "Shipped"

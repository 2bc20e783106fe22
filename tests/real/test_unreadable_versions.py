"""Before 3.7 a real Vendure cannot read an order whose shipping method has left its channel.

Each read that may meet such an order does so here, in every job, and the other orders go on in the
same run.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from real_kit import available, make_rig, stock
from realvendure import OrderRef, RealVendure
from sample import one_of

from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.errors import ProtocolError
from veracore_sync.ports.shop import Unlisted
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

UNREADABLE = "Cannot return null for non-nullable field ShippingLine.shippingMethod"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def without_its_method(vendure: RealVendure, channel: str) -> None:
    listed: Any = vendure.admin("{ shippingMethods { items { id code } } }")
    ids = {one["code"]: one["id"] for one in listed["shippingMethods"]["items"]}
    vendure.admin(
        """mutation($i: RemoveShippingMethodsFromChannelInput!) {
        removeShippingMethodsFromChannel(input: $i) { id } }""",
        {"i": {"channelId": channel, "shippingMethodIds": [ids["express-shipping"]]}},
    )


@pytest.mark.vendure
@pytest.mark.parametrize(("version", "limit"), one_of(("3.0.8", 0), ("3.0.8", 20)))
def test_every_read_that_meets_such_an_order(
    start_any_vendure: Callable[..., RealVendure],
    sandbox: Sandbox,
    tmp_path: Path,
    version: str,
    limit: int,
) -> None:
    vendure = start_any_vendure(version=version, list_limit=limit)
    vendure.set_stock("SKU-000001", 1000)
    channel = vendure.create_channel(f"c{secrets.token_hex(3)}")
    rig = make_rig(vendure, sandbox, tmp_path)
    rig.env |= {
        "VERACORE_SYNC_VENDURE__CHANNEL_TOKEN": channel.token,
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
    }
    stock(rig, {f"SKU-{number:06}": 100 for number in range(1, 41)})

    def place(shipping: str = "standard-shipping", units: int = 3) -> OrderRef:
        lines = [("SKU-000001", units)]
        return vendure.place_order(lines, shipping=shipping, channel_token=channel.token)

    sent = [place("express-shipping") for _ in range(2)]
    good = [place() for _ in range(25)]
    rig.sync("--allow-first-run")
    waiting = place("express-shipping", units=4)
    fresh = [place() for _ in range(3)]
    without_its_method(vendure, channel.id)
    bad = [*sent, waiting]
    codes = [order.code for order in bad]

    settings = VendureSettings(
        admin_api_url=vendure.admin_url,
        username=vendure.username,
        password=SecretStr(vendure.password),
        channel_token=channel.token,
    )
    with closing(VendureShop(settings, retry=RetryPolicy(tries=1))) as shop:
        states = ["PaymentSettled"]
        poll = shop.poll(
            trigger_states=states,
            moved_since=LONG_AGO,
            passed_states=states,
            passed_since=LONG_AGO,
        )
        for listed in (poll.waiting, poll.moved, poll.passed):
            assert set(codes) <= {one.code for one in listed}
        assert poll.unlisted == ()
        whole = list(chain.from_iterable(shop.audit.placed(LONG_AGO)))
        unlisted = [one for one in whole if isinstance(one, Unlisted)]
        assert sorted(str(one.code) for one in unlisted) == sorted(codes)
        assert all(UNREADABLE in one.error.message for one in unlisted)
        assert {one.code for one in whole} == {one.code for one in [*bad, *good, *fresh]}
        assert len(whole) == len(bad) + len(good) + len(fresh)
        for read in (shop.orders, shop.contents, shop.audit.named):
            with pytest.raises(ProtocolError, match=UNREADABLE):
                read(codes)
            assert len(read([good[0].code])) == 1
        assert shop.fulfilments.orders(codes).keys() == set(codes)
        open_ = {one.code: one for one in shop.stock.open_orders()}
        assert [open_[code].unreadable for code in codes] == [None] * 3
        assert [open_[code].lines[0].quantity for code in codes] == [3, 3, 4]

    ended = rig.run("sync-orders", "--json")
    assert ended.code in (0, 3), ended.err
    told = {one["vendureOrderCode"]: one for one in ended.json["orders"]}
    assert {told[one.code]["syncStatus"] for one in fresh} == {"synced"}
    assert told[waiting.code]["syncStatus"] == "failed"
    assert UNREADABLE in told[waiting.code]["errorMessage"]
    named = {code for code in codes if any(code in note for note in ended.json["notes"])}
    assert named == {one.code for one in sent}

    # What waits unread is sold all the same: its units are not for sale a second time.
    stocked = rig.run("sync-inventory", "--json", "--allow-mass-change")
    assert stocked.code in (0, 3), stocked.out
    levels = vendure.stock("SKU-000001").values()
    saleable = sum(level.on_hand - level.allocated for level in levels)
    assert saleable == available(sandbox, "SKU-000001") - 4

    for order in [*sent, *good[:3]]:
        rig.control("ship", {"order": order.code, "packages": [{"tracking": f"1Z{order.code}"}]})
    tracked = rig.run("sync-tracking", "--json")
    assert tracked.code == 0, tracked.out
    with closing(VendureShop(settings, retry=RetryPolicy(tries=1))) as shop:
        shipped = shop.fulfilments.orders([one.code for one in [*sent, *good[:3]]])
        assert {one.state for one in shipped.values()} == {"Shipped"}

    checked = rig.run("doctor", "--json")
    said = {one["name"]: one["message"] for one in checked.json["findings"]}
    assert checked.code == 0, said
    assert said["Vendure's version"].startswith("3.0, ")
    assert "cannot be read" in said["Vendure's version"]
    assert f"at most {limit or 1000} records" in said["Vendure's lists"]

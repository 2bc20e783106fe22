"""Order hooks and custom fields between a shop and VeraCore, from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from order_hook_kit import HEAD, Install
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SOURCE = f"""
{HEAD}
def by_group(order, rendered):
    for group in order.customer.groups:
        rendered = set_variable(rendered, "Group", group)
    return rendered

def leaflet(order, rendered):
    return add_line(rendered, "LEAFLET")

def no_po_box(order, rendered):
    if "po box" in rendered.ship_to.address1.lower():
        raise RefuseOrder("the carrier does not deliver to PO boxes")
    return rendered

def hangs(order, rendered):
    time.sleep(60)
"""
SECRET = "Happy birthday, dear Zora"
ORDERS = "VERACORE_SYNC_ORDERS__"


class Market:
    """A shop with custom fields, a warehouse, and the commands."""

    def __init__(self, shop: SmallShop, sandbox: Sandbox, folder: Path) -> None:
        self.shop = shop
        self.sandbox = sandbox
        self.rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        self.rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_VERACORE__TIMEZONE": "America/New_York",
        }
        self.texts: list[str] = []

    def set(self, **orders: Any) -> None:
        for key, value in orders.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self.rig.env[f"{ORDERS}{key.upper()}"] = text

    def place(self, **more: Any) -> str:
        return self.shop.state.place_order([("MUG", 2)], **more).code

    def run(self, *arguments: str, code: int = 0) -> str:
        ended = self.rig.run("--log-level", "debug", *arguments)
        self.texts.append(ended.out + ended.err)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        return " ".join(ended.out.split())

    def there(self, code: str) -> Any:
        found = self.sandbox.world.find(code)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[SmallShop, Sandbox]]:
    with SmallShop() as shop, Sandbox(strict=True) as sandbox:
        shop.state.add_variant("MUG", on_hand=1000)
        yield shop, sandbox


@pytest.fixture
def market(servers: tuple[SmallShop, Sandbox], tmp_path: Path) -> Market:
    shop, sandbox = servers
    shop.state.orders.clear()
    shop.state.by_code.clear()
    sandbox.world.reset()
    for sku in ("MUG", "LEAFLET"):
        sandbox.world.set_stock(sku, "MAIN", 1000)
    return Market(shop, sandbox, tmp_path)


def test_fields_arrive_are_compared_and_told_nowhere(market: Market) -> None:
    market.set(
        fields={
            "ship_comments": "customFields.giftMessage",
            "needed_by": "customFields.deliveryDate",
            "rush": "customFields.express",
        },
        variables={"Gift": "customFields.giftMessage", "Shop": "WEB"},
    )
    code = market.place(
        custom_fields={
            "giftMessage": SECRET,
            "deliveryDate": datetime(2026, 12, 24, 3, 30, tzinfo=UTC),
            "express": True,
        }
    )
    assert "orders.fields.ship_comments is giftMessage" in market.run("doctor")
    market.run("sync-orders")
    one = market.there(code)
    assert (one.ship_comments, one.needed_by, one.rush) == (SECRET, "2026-12-23", True)
    assert one.variables == {"Gift": SECRET, "Shop": "WEB"}
    market.run("reconcile")
    market.shop.state.order(code).custom_fields["giftMessage"] = "Get well soon"
    told = market.run("sync-orders", code=3)
    assert "custom field giftMessage changed" in told + market.texts[-1]
    assert "custom field giftMessage changed" in market.run("reconcile")
    kept = b"".join(one.read_bytes() for one in market.rig.folder.glob("ledger*"))
    for text in (SECRET, "Get well soon"):
        assert text.encode() not in kept
        assert not any(text in one for one in market.texts)


def test_a_custom_field_that_the_shop_does_not_have_stops_the_run_by_its_key(
    market: Market,
) -> None:
    market.set(variables={"Gift": "customFields.giftMesage"})
    market.place()
    market.run("sync-orders", code=78)
    assert 'orders.variables."Gift"' in market.texts[-1]
    assert 'did you mean "giftMessage"?' in market.texts[-1]
    market.run("doctor", code=78)
    assert 'orders.variables."Gift"' in market.texts[-1]


def test_a_hook_changes_an_order_from_sending_to_shipping(
    market: Market, install_hooks: Install
) -> None:
    install_hooks(SOURCE, "by-group", "leaflet")
    code = market.place(groups=["Wholesale"])
    market.run("sync-orders", "--dry-run")
    # An installed hook that no setting names does nothing.
    assert "order hooks" not in market.run("doctor")
    market.set(hooks="by-group,leaflet", hook_fields="customer.groups", hook_skus="LEAFLET")
    assert "by-group (acme-hooks 1.2), leaflet (acme-hooks 1.2)" in market.run("doctor")
    assert "leaflet (acme-hooks 1.2)" in market.run("config", "show")
    plan = json.loads(market.rig.run("sync-orders", "--dry-run", "--json").out)["plan"]
    assert [one["sku"] for one in plan[0]["lines"]] == ["MUG", "LEAFLET"]
    market.run("sync-orders")
    one = market.there(code)
    assert one.variables == {"Group": "Wholesale"}
    assert [(line.sku, line.quantity, line.price) for line in one.lines][1:] == [
        ("LEAFLET", 1, "0")
    ]
    market.run("sync-orders")
    market.run("reconcile")
    market.rig.control("ship", {"order": code})
    market.run("sync-tracking")
    market.run("reconcile")
    assert market.shop.state.order(code).state == "Shipped"
    with market.rig.ledger() as ledger:
        assert ledger.alerts.standing() == []


def test_a_refused_order_waits_and_goes_when_a_person_corrects_it(
    market: Market, install_hooks: Install
) -> None:
    install_hooks(SOURCE, "no-po-box")
    market.set(hooks="no-po-box")
    refused = market.place(address={"streetLine1": "PO Box 12"})
    other = market.place()
    market.run("sync-orders", code=3)
    told = "the order hook no-po-box refuses it: the carrier does not deliver to PO boxes"
    assert told in " ".join(market.texts[-1].split())
    assert told in market.run("stats", "--order", refused)
    market.there(other)
    market.run("retry", refused)
    market.run("sync-orders")
    assert told in market.run("stats", "--order", refused)
    assert market.sandbox.world.find(refused) is None
    market.shop.state.order(refused).shipping_address["streetLine1"] = "12 Main Street"
    market.run("retry", refused)
    market.run("sync-orders")
    market.there(refused)


def test_a_lost_ledger_adopts_what_a_hook_changed(market: Market, install_hooks: Install) -> None:
    install_hooks(SOURCE, "leaflet")
    market.set(hooks="leaflet", hook_skus="LEAFLET")
    code = market.place()
    market.run("sync-orders")
    for file in market.rig.folder.glob("ledger*"):
        file.unlink()
    market.run("sync-orders")
    with market.rig.ledger() as ledger:
        row = ledger.orders.get(code)
        assert row is not None
        assert row.state == "synced"
        assert ledger.alerts.standing() == []
    assert market.there(code).submissions == 1


def test_a_hook_that_is_not_installed_stops_the_run_by_its_name(market: Market) -> None:
    market.set(hooks="nobodys")
    code = market.place()
    for command in ("sync-orders", "doctor"):
        market.run(command, code=78)
        assert 'no order hook "nobodys" is installed here' in " ".join(market.texts[-1].split())
    assert "nobodys (not usable:" in market.run("config", "show")
    assert market.sandbox.world.find(code) is None


def test_an_added_line_that_ships_alone_fulfils_nothing(
    market: Market, install_hooks: Install
) -> None:
    install_hooks(SOURCE, "leaflet")
    market.set(hooks="leaflet", hook_skus="LEAFLET")
    code = market.place()
    market.run("sync-orders")
    market.rig.control("ship", {"order": code, "lines": [{"sku": "LEAFLET", "quantity": 1}]})
    market.run("sync-tracking")
    assert market.shop.state.order(code).fulfilments == []
    market.rig.control("ship", {"order": code, "lines": [{"sku": "MUG", "quantity": 2}]})
    market.run("sync-tracking")
    assert market.shop.state.order(code).state == "Shipped"
    market.run("reconcile")
    with market.rig.ledger() as ledger:
        assert [one.message for one in ledger.alerts.standing()] == []


def test_a_variable_that_veracore_does_not_know_is_named(market: Market) -> None:
    market.set(variables={"Shop": "WEB"})
    market.rig.control("behaviour", {"variables": ["Gift"]})
    try:
        code = market.place()
        # No wording of VeraCore for this is known, so the order is looked up before it is parked.
        market.run("sync-orders")
        assert "Field Shop" in market.run("stats", "--order", code)
    finally:
        market.rig.control("behaviour", {"variables": None})

"""Custom fields of a real Vendure's orders, one of each kind, read with a role that reads orders.

Vendure itself refuses localeString and localeText on orders, which are not translated.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from order_hook_kit import HEAD, Install
from pydantic import SecretStr
from realvendure import StartVendure
from rig import HereRig
from sample import one_of

from veracore_sync.config.schema import VendureSettings
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

PO_NUMBER = "VERACORE_SYNC_ORDERS__PO_NUMBER_FIELD"
COMMENT = "VERACORE_SYNC_ORDERS__COMMENT_FIELD"
GIVEN = {
    "erpId": "PO-4711",
    "exportedAt": "2026-01-31T22:30:00.000Z",
    "wish": "by noon",
    "boxes": 3,
    "weight": 12.5,
    "giftWrap": True,
    "hidden": "not in the dashboard",
}
TEXTS = {
    **GIVEN,
    "exportedAt": "2026-01-31 22:30 UTC",
    "boxes": "3",
    "weight": "12.5",
    "giftWrap": "yes",
}
REFUSED = {
    "erpld": 'no custom field "erpld" of its orders; did you mean "erpId"?',
    "secret": 'no custom field "secret"',
    "tags": '"tags" is a list of string',
    "partner": '"partner" is of the kind relation',
    "size": '"size" is of the kind struct',
}


def reader(rig: HereRig, *names: str) -> closing[VendureShop]:
    settings = VendureSettings(
        admin_api_url=rig.shop_url, username=rig.username, password=SecretStr(rig.password)
    )
    wanted = {f"orders.{name}": name for name in names}
    return closing(VendureShop(settings, retry=RetryPolicy(tries=1), custom_fields=wanted))


@pytest.mark.parametrize("version", one_of("3.0.8", "3.7.3"))
def test_every_kind(
    version: str, start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_any_vendure(version=version, custom_fields=True, variants=5)
    order = vendure.place_order()
    vendure.admin(
        "mutation($i: UpdateOrderInput!) { setOrderCustomFields(input: $i) { id } }",
        {"i": {"id": order.id, "customFields": GIVEN | {"guarded": "for few eyes"}}},
    )
    rig = HereRig(
        tmp_path, vendure.admin_url, *vendure.create_administrator(["ReadOrder"]), sandbox
    )

    with reader(rig, *GIVEN, "guarded") as shop:
        (read,) = shop.orders([order.code])
    assert read.custom_fields == TEXTS | {"guarded": ""}
    for name, told in REFUSED.items():
        # Structs came with 3.1.
        if name == "size" and version == "3.0.8":
            told = 'no custom field "size"'
        with reader(rig, name) as shop:
            poll = shop.poll(
                trigger_states=(), moved_since=None, passed_states=(), passed_since=None
            )
        assert poll.refused is not None
        assert told in poll.refused.message
        assert "name one of erpId (string), exportedAt (datetime)," in poll.refused.hint

    rig.env |= {PO_NUMBER: "erpld", COMMENT: "size"}
    for command in ("sync-orders", "doctor"):
        ended = rig.run(command)
        assert ended.code == 78, ended
        for part in ("orders.po_number_field", "orders.comment_field", 'did you mean "erpId"?'):
            assert part in " ".join((ended.out + ended.err).split())
    assert rig.placed() == {}
    rig.env |= {PO_NUMBER: "giftWrap", COMMENT: "exportedAt"}
    told = " ".join(rig.run("doctor").out.split())
    assert "orders.po_number_field is giftWrap" in told
    assert "the shop has the states of orders.trigger_states and the tracking.handler" in told
    told = " ".join(rig.run("doctor", **{PO_NUMBER: "guarded"}).out.split())
    assert "orders.po_number_field: guarded reads as empty" in told
    assert "the role lacks ReadSettings" in told
    assert rig.sync()["submitted"] == 1
    sent = sandbox.world.find(order.code)
    assert sent is not None
    assert (sent.po_number, sent.comment) == ("yes", "2026-01-31 22:30 UTC")


HOOK = f"""
{HEAD}
def by_group(order, rendered):
    return set_variable(rendered, "Group", " ".join(order.customer.groups) or "none")
"""


def test_fields_groups_and_a_hook(
    start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path, install_hooks: Install
) -> None:
    vendure = start_any_vendure(custom_fields=True, variants=5)
    order = vendure.place_order()
    set_fields = "mutation($i: UpdateOrderInput!) { setOrderCustomFields(input: $i) { id } }"
    vendure.admin(set_fields, {"i": {"id": order.id, "customFields": GIVEN}})
    customer = vendure.admin(
        "query($id: ID!) { order(id: $id) { customer { id } } }", {"id": order.id}
    )["order"]["customer"]["id"]
    vendure.admin(
        "mutation($i: CreateCustomerGroupInput!) { createCustomerGroup(input: $i) { id } }",
        {"i": {"name": "Wholesale", "customerIds": [customer]}},
    )
    rig = HereRig(
        tmp_path, vendure.admin_url, *vendure.create_administrator(["ReadOrder"]), sandbox
    )
    install_hooks(HOOK, "by-group")
    orders = {
        "FIELDS": json.dumps(
            {
                "ship_comments": "customFields.wish",
                "needed_by": "customFields.exportedAt",
                "rush": "customFields.giftWrap",
            }
        ),
        "VARIABLES": json.dumps({"Boxes": "customFields.boxes", "Shop": "WEB"}),
        "HOOKS": "by-group",
        "HOOK_FIELDS": "customer.groups",
    }
    rig.env |= {f"VERACORE_SYNC_ORDERS__{key}": value for key, value in orders.items()}
    rig.env["VERACORE_SYNC_VERACORE__TIMEZONE"] = "Asia/Tokyo"
    assert rig.sync()["submitted"] == 1
    sent = sandbox.world.find(order.code)
    assert sent is not None
    assert (sent.ship_comments, sent.needed_by, sent.rush) == ("by noon", "2026-02-01", True)
    assert sent.variables == {"Boxes": "3", "Shop": "WEB", "Group": "Wholesale"}
    rig.sync()
    changed = {"id": order.id, "customFields": {"wish": "Dear Zora"}}
    vendure.admin(set_fields, {"i": changed})
    told = rig.run("sync-orders")
    assert "custom field wish changed" in told.out + told.err
    assert "custom field wish changed" in rig.run("reconcile").out
    assert b"Zora" not in b"".join(one.read_bytes() for one in tmp_path.glob("ledger*"))

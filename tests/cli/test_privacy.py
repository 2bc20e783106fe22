"""Marked secrets and personal data go through every command; no output and no file keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import Ended, Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SHOP_SECRET = "shop-s3cret-marker"
PERSON = {"firstName": "Zyxfirst", "lastName": "Zyxlast", "emailAddress": "zyx@marker.example"}
ADDRESS = {
    "fullName": "Zyxfirst Zyxlast",
    "company": "Zyxcompany",
    "streetLine1": "1 Zyxstreet",
    "phoneNumber": "555-ZYX-1",
}
MARKS = ("shop-s3cret", "wrong-s3cret", "hook-s3cret", "admin-s3cret", "Zyx", "zyx@", "555-ZYX")


@pytest.mark.parametrize("dialect", ["oms", "rest"])
def test_nothing_keeps_a_secret_or_a_person(tmp_path: Path, dialect: str) -> None:
    with SmallShop(password=SHOP_SECRET) as shop, Sandbox(strict=True) as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, SHOP_SECRET, sandbox, dialect)
        events, metrics = tmp_path / "events", tmp_path / "metrics.prom"
        rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_HOOKS__COMMAND": f"tee -a {events}",
            "VERACORE_SYNC_HOOKS__URL": "http://127.0.0.1:9/",
            "VERACORE_SYNC_HOOKS__SECRET": "hook-s3cret",
            "VERACORE_SYNC_METRICS__TEXTFILE": str(metrics),
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": "admin-s3cret-0123456789",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        for sku in ("MUG", "GHOST"):
            shop.state.add_variant(sku)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 99}]})

        def place(sku: str, **address: str) -> str:
            return shop.state.place_order(
                [(sku, 1)], customer=PERSON, address=ADDRESS | address
            ).code

        place("MUG"), place("GHOST"), place("MUG", city="")
        ended: list[Ended] = []

        def run(*arguments: str, **env: str) -> None:
            ended.append(rig.run("--log-level", "debug", *arguments, **env))
            ended.append(rig.run("--log-format", "json", *arguments, "--json", **env))

        run("sync-orders", "--dry-run")
        run("sync-orders", VENDURE_PASSWORD="wrong-s3cret")
        run("sync-orders", VERACORE_CLIENT_SECRET="wrong-s3cret")
        run("breaker", "reset") if "breaker" in rig.run("--help").out else None
        run("sync-orders")
        for kind in ("reset_after", "html_after", "fault_unlisted", "http_403", "truncate"):
            rig.control(
                "faults", {"kinds": [kind], "count": 1, "operations": ["AddOrder", "create"]}
            )
            place("MUG")
            run("sync-orders")
        there = rig.control("orders")["orders"]
        rig.control("ship", {"order": there[0]["id"], "packages": [{"tracking": "1Z1"}]})
        for command in (
            ["sync-tracking", "--dry-run"],
            ["sync-tracking"],
            ["sync-inventory", "--allow-mass-change"],
            ["deliver", "--force"],
            ["doctor"],
            ["stats"],
            ["stats", "--failed"],
            ["stats", "--runs"],
            ["retry", "--all"],
            ["config", "show"],
        ):
            run(*command)

        told = "\n".join(one.out + one.err for one in ended)
        files = (*tmp_path.glob("ledger.db*"), events, metrics)
        kept = b"".join(path.read_bytes() for path in files)
        assert b"tracking.updated" in events.read_bytes()
        for mark in MARKS:
            assert mark not in told
            assert mark.encode() not in kept
        assert "HTTP 200" in told, "the debug log shows requests"

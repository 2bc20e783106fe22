"""Marked secrets and personal data go through every command; no output and no file keeps them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
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
MARKS = (
    *(f"{owner}-s3cret" for owner in ("shop", "wrong", "hook", "admin", "listen")),
    "Zyx",
    "zyx@",
    "555-ZYX",
)


@pytest.mark.parametrize("dialect", ["oms", "rest"])
def test_nothing_keeps_a_secret_or_a_person(tmp_path: Path, dialect: str) -> None:
    with SmallShop(password=SHOP_SECRET) as shop, Sandbox(strict=True) as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, SHOP_SECRET, sandbox, dialect)
        events, metrics = tmp_path / "events", tmp_path / "metrics.prom"
        rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_HOOKS__COMMAND": f"tee -a {events}",
            "VERACORE_SYNC_HOOKS__URL": "http://127.0.0.1:9/",
            "VERACORE_SYNC_HOOKS__SECRET": "hook-s3cret-0123456789-01",
            "VERACORE_SYNC_METRICS__TEXTFILE": str(metrics),
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": "admin-s3cret-0123456789-abcdefghijk",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
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
            ["reconcile"],
            ["stats", "--differences"],
            ["deliver", "--force"],
            ["doctor"],
            ["stats"],
            ["stats", "--failed"],
            ["stats", "--runs"],
            ["retry", "--all"],
            ["config", "show"],
        ):
            run(*command)
        ended += [listening(rig), administering(rig)]

        told = "\n".join(one.out + one.err for one in ended)
        files = (*tmp_path.glob("ledger.db*"), events, metrics)
        kept = b"".join(path.read_bytes() for path in files)
        assert b"tracking.updated" in events.read_bytes()
        for mark in MARKS:
            assert mark not in told
            assert mark.encode() not in kept
        assert "HTTP 200" in told, "the debug log shows requests"


def listening(rig: Rig) -> Ended:
    """The listener, to which signed and unsigned deliveries come, with a person in them."""
    rig.env["VERACORE_WEBHOOK_SECRET"] = "listen-s3cret-0123456789"
    sandbox_order = rig.control("orders")["orders"][0]["reference"] or "NONE"
    body = json.dumps({"order": sandbox_order, "customer": PERSON, "address": ADDRESS})
    signature = rig.run("sign", body, "--json").json["headers"]

    def deliver(url: str) -> None:
        for headers in (signature, {"webhook-id": "Zyx", "authorization": "Zyx"}):
            for path in ("order-update", "tracking-update", "nope?who=Zyx"):
                asked(f"{url}/veracore-webhooks/{path}", body.encode(), headers)
        asked(f"{url}/metrics")
        time.sleep(1)

    return served(rig, "serve-webhooks", deliver)


def administering(rig: Rig) -> Ended:
    """The Admin API and its page, asked for what there is, and by somebody who guesses."""
    look = "{ veracoreFailedOrderSyncs { vendureOrderCode errorMessage } }"
    act = "mutation { forceVeracoreTrackingSync { success error } }"

    def ask(url: str) -> None:
        for token in ("admin-s3cret-0123456789-abcdefghijk", "wrong-s3cret-0123456789"):
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            for query in (look, act):
                asked(f"{url}/admin-api", json.dumps({"query": query}).encode(), headers)
        asked(f"{url}/?who=Zyx")

    return served(rig, "serve-admin", ask)


def served(rig: Rig, command: str, use: Callable[[str], None]) -> Ended:
    process = rig.start("--log-level", "debug", command, "--port", "0")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        use(url)
    finally:
        process.terminate()
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert err, "at debug level it says something"
    return Ended(0, out, err)


def asked(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> None:
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}))
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()

"""Records ``ledger-N.sql``, a ledger in every state, as the version that is checked out writes it:

    PYTHONPATH=tests python tests/data/record_ledger.py

Run it before a change of the schema. The orders are brought into their states by what brings them
there in practice: an outage, a lost answer, killed runs, a refusal, a cancellation.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from rig import Rig
from sandbox.wire_client import Wire, line

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import Category
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION
from veracore_sync.ports.ledger import Ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

HERE = Path(__file__).parent
FAILPOINT = "VERACORE_SYNC_TEST_FAILPOINT"


def record() -> None:
    """Make the ledger, and write it down as SQL."""
    with TemporaryDirectory() as folder, SmallShop() as shop, Sandbox(strict=True) as sandbox:
        rig = Rig(Path(folder), shop.admin_url, shop.username, shop.password, sandbox)
        rig.env.update(
            VERACORE_SYNC_RETRY__TRIES="1",
            VERACORE_SYNC_TRACKING__SETTLE_MINUTES="0",
            VERACORE_SYNC_HOOKS__COMMAND='["false"]',
        )
        ship_and_cancel(rig, shop)
        fail(rig, shop)
        with closing(sqlite3.connect(rig.ledger_path)) as ledger:
            (HERE / f"ledger-{SCHEMA_VERSION}.sql").write_text("\n".join(ledger.iterdump()) + "\n")


def ship_and_cancel(rig: Rig, shop: SmallShop) -> None:
    """Synced, shipped wholly and in part, cancelled; slips that are done, intended and open."""
    for sku in ("MUG", "TEE", "HAT"):
        shop.state.add_variant(sku)
        rig.control("stock", {"stock": [{"sku": sku, "on_hand": 100}]})
    shop.state.add_variant("GHOST")
    orders = [shop.state.place_order([("MUG", 2), ("TEE", 1)]) for _ in range(6)]
    rig.run("sync-orders", "--allow-first-run")
    rig.run("sync-inventory", "--allow-mass-change")
    placed = rig.placed()
    ids = [placed[order.code]["id"] for order in orders]
    ship(rig, ids[0], "1Z1")
    ship(rig, ids[1], "1Z2", lines=[{"sku": "MUG", "quantity": 1}])
    rig.control("cancel", {"order": ids[2]})
    rig.run("sync-tracking")
    ship(rig, ids[3], "1Z3")
    rig.run("sync-tracking", VERACORE_SYNC_TRACKING__SETTLE_MINUTES="60")
    ship(rig, ids[4], "1Z4")
    rig.run("sync-tracking", **{FAILPOINT: "fulfilment intended:kill"})


def ship(rig: Rig, order: str, tracking: str, **lines: object) -> None:
    package = {"tracking": tracking, "carrier": "UPS", "service": "Ground"}
    rig.control("ship", {"order": order, "packages": [package], **lines})


def fail(rig: Rig, shop: SmallShop) -> None:
    """Parked, skipped, in conflict, in doubt, pending, failed, and sending."""
    place = shop.state.place_order
    place([("GHOST", 1)])
    rig.run("sync-orders")
    withdrawn = place([("HAT", 2)])
    reads = ["GetProductAvailabilities", "GetOrderInfo"]
    rig.control("faults", {"kinds": ["http_503"], "count": 2, "operations": reads})
    rig.run("sync-orders")
    shop.state.cancel(withdrawn)
    rig.run("breaker", "reset")
    rig.run("sync-orders")
    taken = place([("HAT", 3)])
    Wire(rig.sandbox.url).add_order(taken.code, line("HAT", 1))
    rig.run("sync-orders")
    place([("HAT", 1)])
    rig.control("faults", {"kinds": ["reset_before"], "count": 1, "operations": ["AddOrder"]})
    rig.run("sync-orders")
    place([("TEE", 1)])
    rig.run("sync-orders", **{FAILPOINT: "intent committed:kill"})
    # A shop's answer that we cannot plan is our own bug: nothing outside brings it about.
    now = SystemClock().now()
    with closing(open_ledger(rig.ledger_path)) as ledger:
        ledger.transitions.discover([Discovery(code, code, now) for code in ("WAITING", "FAILED")])
        ledger.transitions.fail(
            "FAILED", Failure(Category.INTERNAL, "it cannot be planned"), now, 10
        )
        deliveries = (("msg_1", "inventory", "MUG"), ("msg_2", "order", orders_code(ledger)))
        inbox = ledger.inbox
        inbox.store([WebhookDelivery(number, kind, (name,)) for number, kind, name in deliveries])


def orders_code(ledger: Ledger) -> str:
    """A code that the ledger holds."""
    return ledger.orders.in_states(["synced"])[0].code


if __name__ == "__main__":
    record()

"""Whole runs against a VeraCore that echoes its customers: ledger, logs, alerts, events, pages."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from echo_kit import PEOPLE, Person, echoes, found_in
from rig import Ended, HereRig

from veracore_sync.admin import page
from veracore_sync.admin.visit import Visit
from veracore_sync.clock import SystemClock
from veracore_sync.config import load
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

READERS = (
    ["sync-inventory"],
    ["doctor"],
    ["stats"],
    ["stats", "--failed"],
    ["retry", "--all"],
    ["deliver", "--force"],
)


def place(shop: SmallShop, one: Person) -> str:
    address = {
        "fullName": f"{one.first} {one.last}",
        "company": one.company,
        "streetLine1": one.street,
        "city": one.city,
        "phoneNumber": one.phone,
    }
    customer = {"firstName": one.first, "lastName": one.last, "emailAddress": one.email}
    return shop.state.place_order([("MUG", 1)], customer=customer, address=address).code


def saying(rig: HereRig, words: str, operations: list[str] | None) -> None:
    """Let the simulator answer these operations with a fault of these words."""
    fault = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Server was unable to process "
        f"request. ---&gt; System.Exception: {escape(words)}</faultstring></soap:Fault>"
        "</soap:Body></soap:Envelope>"
    )

    rig.control("faults", {"kinds": []})
    replacement = fault.replace("\\", "\\\\")
    rule = {"kinds": ["rewrite"], "pattern": r"(?s)\A.+", "replacement": replacement}
    rig.control("faults", rule | ({"operations": operations} if operations else {}))


def test_no_fragment_of_a_customer_is_kept(tmp_path: Path) -> None:
    events, metrics = tmp_path / "events", tmp_path / "metrics.prom"
    ended: list[Ended] = []
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_HOOKS__COMMAND": f"tee -a {events}",
            "VERACORE_SYNC_METRICS__TEXTFILE": str(metrics),
            "VERACORE_SYNC_LOG__LEVEL": "debug",
        }
        shop.state.add_variant("MUG")
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 99}]})
        # Every kind of echo, of each customer, in one fault: unlisted, a listed refusal, and one
        # that a look-up and the lists get, too.
        said = [" | ".join(echoes(one).values()) for one in PEOPLE]
        for one, frame, operations in zip(
            PEOPLE,
            ("Cannot store {}", "Invalid Source of {}", "{} is not found"),
            (["AddOrder"], ["AddOrder"], None),
            strict=True,
        ):
            place(shop, one)
            saying(rig, frame.format(" / ".join(said)), operations)
            ended += [rig.run(command) for command in ("sync-orders", "sync-tracking")]
        ended += [rig.run(*command) for command in READERS]
        seen = "".join(done.out + done.err for done in ended)
        with rig.ledger() as ledger:
            clock = SystemClock()
            settings = load(None, rig.environment, cwd=rig.folder).settings
            visit = Visit("t", "act", now=clock.now())
            seen += page.overview_page(ledger, settings, clock, visit)
            for row in ledger.orders.in_states(("parked", "in_doubt", "failed")):
                seen += page.order_page(ledger, row, visit)
    assert "is not found" in seen
    assert "Invalid Source of" in seen
    files = (*tmp_path.glob("ledger.db*"), events, metrics)
    kept = b"".join(path.read_bytes() for path in files if path.exists())
    for told in (seen, kept.decode("utf-8", "ignore"), kept.decode("latin-1")):
        for one in PEOPLE:
            assert not found_in(told, one)

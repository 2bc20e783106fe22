"""How much code one order, one SKU, one shipment and one webhook pass through.

    .venv/bin/python benchmarks/journeys.py [--json] [--functions] [--rest]

Runs the real commands in this process, between the small shop and the simulator, and prints how
many modules and named functions of the product each of the four enters, from argv to the exit code;
of the webhook, from its delivery until its hint was followed. Everything is imported beforehand,
so that imports count for nothing. The sandbox and the tests do not count either. With
``--functions``, the functions themselves, in the order in which they are first entered: that is the
way to read when one wants to know what an order goes through.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import pkgutil
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import kits
from rig import Ended, HereRig
from standardwebhooks.webhooks import Webhook

import veracore_sync
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

_PRODUCT = f"{kits.ROOT / 'veracore_sync'}{os.sep}"
_SANDBOX = f"{_PRODUCT}sandbox{os.sep}"
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_PATIENCE_SECONDS = 60
_STARTED = {"SystemdNotifier.tell", "Inbox.prune"}
"""The last that the listener's threads do before the first delivery."""

Journey = dict[CodeType, None]


class Tracer:
    """Notes each function of the product that is entered, in any thread but the sandbox's."""

    def __init__(self) -> None:
        self._entered: Journey | None = None
        self._thread = threading.local()
        self.ever_entered: set[str] = set()

    def install(self) -> None:
        """For this thread, which is ours, and all that are started later."""
        self._thread.is_sandbox = False
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)

    @contextmanager
    def note(self) -> Iterator[Journey]:
        """What is entered meanwhile, in order."""
        found: Journey = {}
        self._entered = found
        try:
            yield found
        finally:
            self._entered = None

    def _on_event(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(_PRODUCT):
            return
        is_sandbox = code.co_filename.startswith(_SANDBOX)
        if not hasattr(self._thread, "is_sandbox"):
            # Simulator and small shop share this process and use modules of ours: the first frame
            # of a thread tells whose it is.
            self._thread.is_sandbox = is_sandbox
        is_ours = not is_sandbox and not self._thread.is_sandbox and code.co_name[0] != "<"
        if is_ours:
            self.ever_entered.add(code.co_qualname)
            if self._entered is not None:
                self._entered.setdefault(code)


class Stage:
    """A shop, a simulator and the real commands between them."""

    def __init__(self, folder: Path, shop: SmallShop, sandbox: Sandbox, dialect: str) -> None:
        self.shop = shop
        self.rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        self.rig.env |= {
            "VERACORE_WEBHOOK_SECRET": _SECRET,
            "VERACORE_SYNC_ORDERS__WORKERS": "1",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        self.stock("MUG", 10)

    def stock(self, sku: str, units: int) -> None:
        """The warehouse counts its shelf."""
        self.rig.control("stock", {"stock": [{"sku": sku, "on_hand": units}]})

    def place(self) -> str:
        """A paid order; its code."""
        code: str = self.shop.state.place_order([("MUG", 1)]).code
        return code

    def run(self, *arguments: str) -> None:
        """A command that must succeed."""
        _succeeded(self.rig.run(*arguments))

    def is_sent(self, code: str) -> bool:
        """Whether the warehouse holds it."""
        return code in self.rig.placed()

    def is_followed(self) -> bool:
        """Whether no hint is left to follow."""
        with closing(sqlite3.connect(self.rig.ledger_path)) as ledger:
            row = ledger.execute("SELECT count(*) FROM hints WHERE covered < asked").fetchone()
        return not row[0]

    def deliver(self, port: int, code: str) -> None:
        """A signed hint about an order, accepted."""
        body, now = json.dumps({"orderId": code}), datetime.now(UTC)
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(_SECRET).sign("msg_1", now, body),
        }
        url = f"http://127.0.0.1:{port}/veracore-webhooks/order-update"
        request = urllib.request.Request(url, body.encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


def _succeeded(ended: Ended) -> None:
    assert ended.code == 0, (ended.code, ended.out, ended.err)


# ---- the four journeys ------------------------------------------------------------------------


def order(stage: Stage, tracer: Tracer) -> Journey:
    """``sync-orders``: one paid order is sent and accepted."""
    code = stage.place()
    with tracer.note() as found:
        stage.run("sync-orders")
    assert stage.is_sent(code)
    return found


def sku(stage: Stage, tracer: Tracer) -> Journey:
    """``sync-inventory``: the stock of one SKU has changed."""
    stage.stock("MUG", 12)
    before = stage.shop.state.saleable("MUG")
    with tracer.note() as found:
        stage.run("sync-inventory", "--full")
    assert stage.shop.state.saleable("MUG") != before
    return found


def shipment(stage: Stage, tracer: Tracer) -> Journey:
    """``sync-tracking``: one order has shipped in one package."""
    code = next(iter(stage.rig.placed()))
    package = {"tracking": "1Z999AA10123456784", "carrier": "UPS", "service": "Ground"}
    stage.rig.control("ship", {"order": code, "packages": [package]})
    with tracer.note() as found:
        stage.run("sync-tracking")
    states = [one.state for one in stage.shop.state.orders.values() if one.code == code]
    assert states == ["Shipped"], states
    return found


def webhook(stage: Stage, tracer: Tracer) -> Journey:
    """``serve-webhooks``: a hint about a new order is accepted, stored, and followed."""
    port, code, journeys = _free_port(), stage.place(), []

    def client() -> None:
        sys.setprofile(None)
        try:
            _wait(lambda: _listens(port))
            # It accepts connections before each of its threads has begun: those come first.
            _wait(lambda: tracer.ever_entered >= _STARTED)
            with tracer.note() as found:
                stage.deliver(port, code)
                _wait(lambda: stage.is_sent(code) and stage.is_followed())
            journeys.append(found)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=client)
    thread.start()
    stage.run("serve-webhooks", "--port", str(port))
    thread.join()
    return journeys[0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait(is_done: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not is_done():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


# ---- figures ----------------------------------------------------------------------------------


def trace(dialect: str) -> dict[str, Journey]:
    """All four journeys, by name."""
    for module in pkgutil.walk_packages(veracore_sync.__path__, "veracore_sync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    logging.getLogger("veracore_sync").addHandler(logging.NullHandler())
    tracer = Tracer()
    with tempfile.TemporaryDirectory() as folder, SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        stage = Stage(Path(folder), shop, sandbox, dialect)
        # A first run makes the ledger and places an order; what is measured is any later one.
        stage.place()
        stage.run("sync-orders")
        stage.run("sync-inventory", "--allow-mass-change")
        stage.run("sync-tracking")
        tracer.install()
        try:
            return {one.__name__: one(stage, tracer) for one in (order, sku, shipment, webhook)}
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def module_of(code: CodeType) -> str:
    """The module's path below the package."""
    return code.co_filename.removeprefix(_PRODUCT)


def figures(journeys: dict[str, Journey]) -> dict[str, dict[str, Any]]:
    """Modules and functions of each, and the functions by the package's folders and files."""
    return {
        name: {
            "modules": len(set(map(module_of, found))),
            "functions": len(found),
            "rooms": dict(Counter(Path(module_of(code)).parts[0] for code in found)),
        }
        for name, found in journeys.items()
    }


def main() -> None:
    """Trace, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--functions", action="store_true", help="the functions, too")
    parser.add_argument("--rest", action="store_true", help="speak the dialect rest, not oms")
    options = parser.parse_args()
    journeys = trace("rest" if options.rest else "oms")
    found = figures(journeys)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, counts in found.items():
        rooms = ", ".join(f"{room} {count}" for room, count in counts["rooms"].items())
        print(f"{name}: {counts['modules']} modules, {counts['functions']} functions ({rooms})")
        if options.functions:
            for code in journeys[name]:
                print(f"    {module_of(code)}: {code.co_qualname}")


if __name__ == "__main__":
    main()

"""``demo``: a shop, a simulator and the syncs between them, without any account."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.output import print_json, say, table
from veracore_sync.cli.stats_text import show_overall
from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.composition.orders import orders_run
from veracore_sync.composition.tracking import tracking_run
from veracore_sync.config import load
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.stats import overall
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

_CATALOGUE = (
    ("MUG-BLUE", "Mug, blue", 1250),
    ("TEE-M", "T-shirt, M", 2100),
    ("POSTER-A2", "Poster, A2", 900),
    ("TEAPOT", "Teapot", 3400),
)
_UNKNOWN_THERE = "TEAPOT"


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Sync a small test shop with a VeraCore simulator.

    Some calls fail on purpose, to show how the sync recovers. Nothing outside this machine is used.
    """
    signals.let_go()
    with _stage() as stage:
        ends = _play(stage, quiet=as_json)
    if as_json:
        print_json(ends)
    raise typer.Exit(0 if ends["exactlyOnce"] else 1)


_PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy that the environment names has a loopback of its own."""


@dataclass(frozen=True)
class Stage:
    """A shop, a simulator, and the container of the syncs between them."""

    shop: SmallShop
    sandbox: Sandbox
    container: Container

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The simulator's control surface, as a person would use it with curl."""
        data = json.dumps(body).encode() if body is not None else None
        url = f"{self.sandbox.url}/_sandbox/{path}"
        with _PAST_PROXIES.open(urllib.request.Request(url, data), timeout=10) as answer:  # noqa: S310 - our own loopback
            return json.loads(answer.read())

    def sync(self, quiet: bool) -> OrdersReport:
        """One run of ``sync-orders``, shown order by order."""
        run = orders_run(self.container, RunOptions())
        if not quiet:
            say("$ veracore-sync sync-orders")
        with self.container.ledger.runs.lock("orders", "sync-orders"):
            number = self.container.ledger.runs.begin("sync-orders")
            report = run.run()
            self.container.ledger.runs.end(number, 3 if report.needs_person else 0, {})
        if not quiet:
            for code, outcome in report.outcomes.items():
                say(f"  {code}  {outcome:9}  {self._units(code)}")
            for sentence in report.needs_person:
                say(f"  needs a person: {sentence}")
            say()
        return report

    def count(self, quiet: bool) -> None:
        """One run of ``sync-inventory``, shown SKU by SKU."""
        if not quiet:
            say("$ veracore-sync sync-inventory --allow-mass-change")
        with self.container.ledger.runs.lock("inventory", "sync-inventory"):
            number = self.container.ledger.runs.begin("sync-inventory")
            before = {sku: self.shop.state.saleable(sku) for sku, _, _ in _CATALOGUE}
            report = inventory_run(self.container, RunOptions(allow_mass_change=True)).run()
            self.container.ledger.runs.end(number, 0, {"updated": report.updated})
        if not quiet:
            for sku, was in before.items():
                say(f"  {sku:9}  {was} could be sold, now {self.shop.state.saleable(sku)}")
            say()

    def track(self, quiet: bool) -> None:
        """One run of ``sync-tracking``, shown slip by slip."""
        if not quiet:
            say("$ veracore-sync sync-tracking")
        with self.container.ledger.runs.lock("tracking", "sync-tracking"):
            number = self.container.ledger.runs.begin("sync-tracking")
            report = tracking_run(self.container, RunOptions()).run()
            counts = {"ordersChecked": report.checked, "trackingUpdated": report.updated}
            self.container.ledger.runs.end(number, 0, counts)
        if not quiet:
            for one in report.outcomes:
                if one.slip:
                    say(f"  {one.code}  slip {one.slip}  {one.what:9}  {one.detail}")
            say()

    def _units(self, code: str) -> str:
        attempts = self.container.ledger.orders.attempts(code)
        lines = attempts[-1].lines if attempts else ()
        return ", ".join(f"{units} x {sku}" for sku, units in lines)


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(Sandbox(strict=True))
        shop = stack.enter_context(SmallShop())
        environment = {
            "VENDURE_ADMIN_API_URL": shop.admin_url,
            "VENDURE_USERNAME": shop.username,
            "VENDURE_PASSWORD": shop.password,
            "VERACORE_API_URL": sandbox.url,
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_LEDGER__PATH": str(folder / "ledger.db"),
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
        }
        container = Container(load(None, environment, cwd=folder))
        stack.callback(container.close)
        container.bind()
        stage = Stage(shop, sandbox, container)
        _fill(stage)
        yield stage


def _fill(stage: Stage) -> None:
    for sku, name, price in _CATALOGUE:
        stage.shop.state.add_variant(sku, name, price)
    known = [{"sku": sku, "on_hand": 100} for sku, _, _ in _CATALOGUE if sku != _UNKNOWN_THERE]
    stage.control("stock", {"stock": known})


def _play(stage: Stage, *, quiet: bool) -> dict[str, Any]:
    tell = (lambda text="": None) if quiet else say
    place = stage.shop.state.place_order
    tell(f"A small shop listens on {stage.shop.admin_url}")
    tell(f"A VeraCore simulator listens on {stage.sandbox.url}")
    tell()

    tell("1. Four customers pay.")
    for lines in (
        [("MUG-BLUE", 2)],
        [("TEE-M", 1), ("MUG-BLUE", 1)],
        [("POSTER-A2", 3)],
        [("TEE-M", 2)],
    ):
        place(lines)
    stage.sync(quiet)

    tell(
        "2. The connection breaks after VeraCore stored an order: was it lost, or only the answer?"
    )
    stage.control("faults", {"kinds": ["reset_after"], "count": 1, "operations": ["AddOrder"]})
    uncertain = place([("MUG-BLUE", 5)])
    stage.sync(quiet)
    tell(f"  {uncertain.code} was looked up, found and adopted: it ships once.")
    tell()

    tell("3. One order has a SKU that VeraCore does not know. The others are sent.")
    parked = place([(_UNKNOWN_THERE, 1)])
    place([("POSTER-A2", 1)])
    stage.sync(quiet)

    tell(f"4. Somebody creates {_UNKNOWN_THERE} at VeraCore.")
    stage.control("stock", {"stock": [{"sku": _UNKNOWN_THERE, "on_hand": 10}]})
    tell(f"$ veracore-sync retry {parked.code}")
    stage.container.ledger.transitions.requeue(parked.code)
    stage.sync(quiet)

    tell("5. VeraCore counts its shelves. Units reserved for orders are not sold again.")
    counted = [{"sku": "MUG-BLUE", "on_hand": 30}, {"sku": "TEE-M", "on_hand": 3}]
    stage.control("stock", {"stock": counted})
    stage.count(quiet)
    _ship(stage, quiet)
    return _close(stage, quiet)


def _ship(stage: Stage, quiet: bool) -> None:
    tell = (lambda text="": None) if quiet else say
    first, second, *_ = stage.shop.state.orders.values()
    tell("6. VeraCore ships one order in two packages, and only the T-shirt of another.")
    label = {"carrier": "UPS", "service": "UPS Ground"}
    whole = [label | {"tracking": f"1Z999AA1012345678{n}"} for n in (4, 5)]
    stage.control("ship", {"order": first.code, "packages": whole})
    shirt = [{"sku": "TEE-M", "quantity": 1}]
    part = [label | {"tracking": "LTL Freight"}]
    stage.control("ship", {"order": second.code, "lines": shirt, "packages": part})
    stage.track(quiet)
    for order in (first, second):
        tell(f"  {order.code} is {order.state} in the shop")
    tell()


def _close(stage: Stage, quiet: bool) -> dict[str, Any]:
    document = overall(stage.container.ledger)
    placed = stage.control("orders")["orders"]
    codes = {order.code for order in stage.shop.state.orders.values()}
    once = len(placed) == len(codes) and {one["reference"] for one in placed} == codes
    if not quiet:
        say("$ veracore-sync stats")
        show_overall(document, stage.container.clock.now())
        say("", "At the simulator:")
        table(
            ["order", "times sent", "units"],
            [(one["id"], one["submissions"], _units_text(one["lines"])) for one in placed],
        )
        say("", f"{len(codes)} orders paid, {len(placed)} placed at VeraCore, each exactly once.")
    return {"exactlyOnce": once, "stats": document, "placed": placed}


def _units_text(lines: list[dict[str, Any]]) -> str:
    return ", ".join(f"{line['quantity']} x {line['sku']}" for line in lines)

"""All commands together, between a small shop and a simulator, both of which can be made to fail.

The books: every paid order at the warehouse once, every shipment in the shop once, and nothing for
sale that is not there.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig import Ended, Rig

from veracore_sync.ports.ledger import Ledger
from veracore_sync.sandbox.faults import KINDS as WAREHOUSE_KINDS
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_faults import KINDS as SHOP_KINDS

ROOT = Path(__file__).parents[2]
SKUS = ("MUG", "TEE", "HAT")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory", "--allow-mass-change"),
    ("sync-tracking",),
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory", "--force", "--allow-mass-change"),
    ("sync-tracking", "--force"),
    ("retry", "--all"),
    ("deliver", "--force"),
    ("doctor",),
    ("stats",),
    ("sync-orders", "--dry-run"),
    ("sync-inventory", "--dry-run"),
    ("sync-tracking", "--dry-run"),
    ("ledger", "check"),
    ("ledger", "prune"),
    ("breaker", "reset"),
)
"""What a shop's timers and its operator start; those that write come twice."""

_HOOK = """import json, sys, pathlib
event = sys.stdin.buffer.read()
json.loads(event)
with open(pathlib.Path(__file__).with_name("events.jsonl"), "ab") as file:
    file.write(event + b"\\n")
"""


def slip_counts(ledger: Ledger) -> dict[str, int]:
    """How many slips are in each state."""
    rows = ledger.database.rows("SELECT state, count(*) FROM slips GROUP BY state")
    return {row[0]: row[1] for row in rows}


def documented_codes() -> set[int]:
    """The exit codes of docs/exit-codes.md."""
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    return {int(code) for code in re.findall(r"(?m)^\| `?(\d+)`? \|", text)}


_LIMITS = ("VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS", "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS")


@dataclass
class Whole:
    """The real commands, and the life of a shop around them."""

    shop: SmallShop
    sandbox: Sandbox
    rig: Rig
    dice: random.Random
    on_hand: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKUS, 0))
    codes: Counter[int] = field(default_factory=Counter)
    _hurried: list[str] = field(default_factory=list)

    # ---- what happens -------------------------------------------------------------------------

    def stock(self, sku: str, units: int) -> None:
        """The warehouse counts its shelf."""
        self.rig.control("stock", {"stock": [{"sku": sku, "on_hand": units}]})

    def something_happens(self) -> None:
        """An order or two, perhaps a shipment, a count, a cancellation, a fulfilment by hand."""
        for _ in range(self.dice.randint(0, 2)):
            self.place()
        self.dice.choice((self.ship, self.ship, self.restock, self.cancel, self.by_hand))()

    def place(self) -> Any:
        """A paid order, of what is for sale; ``None`` where that is too little."""
        skus = self.dice.sample(SKUS, self.dice.randint(1, 2))
        lines = [(sku, self.dice.randint(1, 3)) for sku in skus]
        if any(self.saleable(sku) < units for sku, units in lines):
            return None
        return self.shop.state.place_order(lines)

    def ship(self) -> None:
        """The warehouse ships some of what it has open, wholly or in part."""
        orders = [one for one in self.rig.placed().values() if open_there(one)]
        if not orders:
            return
        order = self.dice.choice(orders)
        body: dict[str, Any] = {"order": order["id"]}
        lines = list(open_there(order).items())
        if self.rig.dialect == "oms" and self.dice.random() < 0.3 and len(lines) > 1:
            body["lines"] = [{"sku": lines[0][0], "quantity": lines[0][1]}]
        tracking = f"1Z{self.dice.randrange(10**12):012}"
        body["packages"] = [{"tracking": tracking, "carrier": "UPS", "service": "Ground"}]
        self.rig.control("ship", body)

    def restock(self) -> None:
        """More comes in."""
        sku = self.dice.choice(SKUS)
        level = self.sandbox.world.stock_of(sku)
        there = sum(one.on_hand for one in level)
        self.stock(sku, there + self.dice.randint(1, 10))

    def cancel(self) -> None:
        """The shop cancels an order that nobody has sent or shipped yet."""
        there = {one["reference"] or one["id"] for one in self.rig.control("orders")["orders"]}
        waiting = [
            order
            for order in list(self.shop.state.orders.values())
            if order.state == "PaymentSettled"
            and order.code not in there
            and not order.fulfilments
            and self._is_untouched(order.code)
        ]
        if waiting:
            self.shop.state.cancel(self.dice.choice(waiting))

    def _is_untouched(self, code: str) -> bool:
        if not self.rig.ledger_path.exists():
            return True
        with self.rig.ledger() as ledger:
            row = ledger.orders.get(code)
        return row is None or row.attempt == 0

    def by_hand(self) -> None:
        """Staff fulfil an order wholly, before it was sent."""
        there = {one["reference"] or one["id"] for one in self.rig.control("orders")["orders"]}
        for order in list(self.shop.state.orders.values()):
            fresh = order.state == "PaymentSettled" and not order.fulfilments
            if fresh and order.code not in there and self._is_untouched(order.code):
                self.shop.state.fulfil(order, tracking="by hand")
                return

    # ---- the commands -------------------------------------------------------------------------

    def run(self, *command: str) -> Ended:
        """One command, that must end with a documented exit code and no traceback."""
        ended = self.rig.run(*command)
        assert ended.code in documented_codes() - {1, 2}, (command, ended)
        self.codes[ended.code] += 1
        if ended.code == 77 and command != ("breaker", "reset"):
            # A refused login is remembered for an hour: the operator says that it is mended.
            self.run("breaker", "reset")
        return ended

    def set_on_fire(self, rate: float, seed: int) -> None:
        """Let requests of both ends suffer every kind of fault.

        Until they are mended a request has a second, because answers are held back, too.
        """
        self._hurried = [name for name in _LIMITS if name not in self.rig.env]
        self.rig.env |= dict.fromkeys(self._hurried, "1")
        self.rig.control("faults", {"kinds": list(WAREHOUSE_KINDS), "rate": rate, "seed": seed})
        self.shop.add_faults(SHOP_KINDS, rate=rate, seed=seed + 1)

    def mend(self) -> None:
        """No more faults."""
        while self._hurried:
            del self.rig.env[self._hurried.pop()]
        self.rig.control("faults", {"kinds": []})
        self.shop.clear_faults()

    @property
    def faults(self) -> int:
        """How many faults were suffered so far."""
        return self.sandbox.faults.suffered + self.shop.faults.suffered

    def come_to_rest(self, within_seconds: float = 600) -> int:
        """Run after run without faults, until two rounds find nothing to do; how many rounds.

        An operator helps: nothing waits until it is due.
        """
        self.run("breaker", "reset")
        return self._rounds_until_quiet(_HELPED, within_seconds, strict=True)

    def rest_by_timers(self, within_seconds: float) -> int:
        """As `come_to_rest`, by the timers alone: all waits are short, and must be over soon."""
        return self._rounds_until_quiet(_TIMERS, within_seconds, strict=False)

    def _rounds_until_quiet(
        self, commands: Sequence[tuple[str, ...]], within_seconds: float, *, strict: bool
    ) -> int:
        deadline = time.monotonic() + within_seconds
        quiet = rounds = 0
        while quiet < 2:
            rounds += 1
            before = self._picture()
            ends = {command: self.run(*command) for command in commands}
            bad = {one: end for one, end in ends.items() if end.code not in (0, 3)}
            assert not (strict and not all(map(_is_of_the_machine, bad.values()))), bad
            is_over = self._picture() == before and not self._waiting() and not bad
            quiet = quiet + 1 if is_over else 0
            assert time.monotonic() < deadline, f"never at rest: {self._waiting()} {bad}"
            if not quiet:
                time.sleep(0.4)
        return rounds

    def _picture(self) -> str:
        with self.rig.ledger() as ledger:
            orders = [(row["code"], row["state"]) for row in ledger.database.rows(_STATES)]
            slips = sorted(slip_counts(ledger).items())
        levels = [(sku, self.saleable(sku)) for sku in SKUS]
        return json.dumps([orders, slips, levels])

    def _waiting(self) -> dict[str, int]:
        """What waits for a run, by what it is; nothing at rest."""
        with self.rig.ledger() as ledger:
            orders, slips = ledger.orders.counts(), slip_counts(ledger)
            events = ledger.outbox.summary()["waiting"]
        waiting = {state: orders[state] for state in ("pending", "sending", "in_doubt", "failed")}
        waiting |= {state: slips.get(state, 0) for state in ("intended", "added")}
        return {name: count for name, count in (waiting | {"events": events}).items() if count}

    # ---- the books ----------------------------------------------------------------------------

    def saleable(self, sku: str) -> int:
        """What the shop sells now."""
        return int(self.shop.state.saleable(sku))

    def truth(self, sku: str) -> int:
        """What the warehouse could give to a new customer: what is left when all have theirs."""
        available = sum(level.available for level in self.sandbox.world.stock_of(sku))
        there = self.rig.placed()
        for order in self.shop.state.orders.values():
            if order.state == "Cancelled":
                continue
            wanted = sum(line.quantity for line in order.lines if line.variant.sku == sku)
            told = there.get(order.code)
            gone = units(told["shippedLines"])[sku] if told else 0
            held = units(told["lines"]) - units(told["cancelledLines"]) if told else Counter[str]()
            done = max(gone, fulfilled(order)[sku])
            available -= max(0, wanted - done - max(0, held[sku] - gone))
        return available

    def never_more_for_sale_than_there_is(self) -> None:
        """At any moment after a run."""
        for sku in SKUS:
            for_sale, there = self.saleable(sku), max(0, self.truth(sku))
            assert for_sale <= there, f"{for_sale} of {sku} are for sale, {there} are there"

    def books_balance(self, by_hand: Collection[str] = ()) -> None:
        """At rest: each order and each shipment once, and exactly what is there for sale.

        Args:
            by_hand: Codes of orders that people cancelled after they were at the warehouse.
        """
        there = self.each_once()
        for order in list(self.shop.state.orders.values()):
            told = there.get(order.code)
            if told is None:
                is_done = order.state == "Cancelled" or bool(fulfilled(order))
                assert is_done, f"{order.code} ({order.state}) never left"
            elif order.state == "Cancelled":
                assert order.code in by_hand, f"{order.code} was cancelled, and placed"
                assert not open_there(told), f"{order.code} is cancelled, and will ship"
            else:
                self._shipments_agree(order, told)
        for sku in SKUS:
            for_sale, there = self.saleable(sku), max(0, self.truth(sku))
            assert for_sale == there, f"at rest {for_sale} of {sku} are for sale, {there} are there"

    def each_once(self) -> dict[str, Any]:
        """No order is at the warehouse twice; those that are there, by code."""
        placed = self.rig.control("orders")["orders"]
        names = [one["reference"] or one["id"] for one in placed]
        assert len(names) == len(set(names)), "an order is at the warehouse twice"
        return dict(zip(names, placed, strict=True))

    def _shipments_agree(self, order: Any, told: dict[str, Any]) -> None:
        shipped = units(told["shippedLines"])
        assert fulfilled(order) == shipped, (order.code, fulfilled(order), shipped)
        live = [one for one in order.fulfilments if one.state != "Cancelled"]
        slips = {one["slip"] for one in told["packages"]}
        assert len(live) == len(slips), (order.code, len(live), slips)
        if shipped and not open_there(told):
            assert order.state == "Shipped", (order.code, order.state)

    def events_agree(self) -> None:
        """Every order that was placed was told of; each id tells one thing."""
        file = self.rig.folder / "events.jsonl"
        told = [json.loads(line) for line in file.read_text().splitlines()]
        by_id: dict[str, str] = {}
        for one in told:
            assert by_id.setdefault(one["id"], json.dumps(one)) == json.dumps(one)
        synced = {one["data"]["vendureOrderCode"] for one in told if one["type"] == "order.synced"}
        with self.rig.ledger() as ledger:
            rows = ledger.orders.in_states(("synced", "shipped"))
        assert synced >= {row.code for row in rows}

    def shipments_are_told(self) -> None:
        """Every fulfilment that came of a shipment was told of."""
        file = self.rig.folder / "events.jsonl"
        told = [json.loads(line) for line in file.read_text().splitlines()]
        known = {one["data"].get("fulfillmentId") for one in told}
        for order in self.shop.state.orders.values():
            for one in order.fulfilments:
                assert one.id in known or one.tracking_code == "by hand", (order.code, one.id)

    def ledger_agrees(self, *, once: bool = True) -> None:
        """At rest: what is at the warehouse is handed over in the ledger, and was sent once.

        Args:
            once: ``False``: a request that was held up may have been refused as a double.
        """
        placed = self.rig.control("orders")["orders"]
        with self.rig.ledger() as ledger:
            held = {row.code for row in ledger.orders.in_states(("synced", "shipped"))}
        assert held >= {one["reference"] or one["id"] for one in placed}
        assert not once or {one["id"] for one in placed if one["submissions"] != 1} == set()


_STATES = "SELECT code, state FROM orders ORDER BY code"
_TIMERS: tuple[tuple[str, ...], ...] = (
    ("sync-orders", "--allow-first-run"),
    ("sync-tracking",),
    ("sync-inventory", "--allow-mass-change"),
    ("deliver",),
)
_HELPED: tuple[tuple[str, ...], ...] = (
    ("retry", "--all"),
    ("sync-orders", "--allow-first-run"),
    ("sync-tracking", "--force"),
    ("sync-inventory", "--allow-mass-change"),
    ("deliver", "--force"),
)


def units(lines: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Units by SKU of the lines that the simulator tells."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line["sku"]] += line["quantity"]
    return total


def open_there(told: Mapping[str, Any]) -> Counter[str]:
    """Units by SKU of an order that the warehouse has still to ship."""
    return units(told["lines"]) - units(told["shippedLines"]) - units(told["cancelledLines"])


def fulfilled(order: Any) -> Counter[str]:
    """Units by SKU that the shop shows in live fulfilments of an order."""
    done: Counter[str] = Counter()
    for one in order.fulfilments:
        for part in one.lines if one.state != "Cancelled" else ():
            done[part.line.variant.sku] += part.quantity
    return done


@contextmanager
def whole(
    folder: Path, dialect: str, seed: int, *, on_hand: int = 40, rigged: type[Rig] = Rig
) -> Iterator[Whole]:
    """Everything, with little patience, and so many units of each SKU."""
    with SmallShop(seed=seed) as shop, Sandbox(strict=True) as sandbox:
        for sku in SKUS:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand)
        yield whole_between(shop, sandbox, folder, dialect, seed, on_hand=on_hand, rigged=rigged)


def whole_between(
    shop: Any,
    sandbox: Sandbox,
    folder: Path,
    dialect: str,
    seed: int,
    *,
    on_hand: int,
    rigged: type[Rig] = Rig,
) -> Whole:
    """The commands between a shop that has so many units of each SKU, and a simulator."""
    rig = rigged(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
    hook = folder / "hook.py"
    hook.write_text(_HOOK)
    rig.env |= {
        "VERACORE_SYNC_ORDERS__GRACE_SECONDS": "1",
        "VERACORE_SYNC_TRACKING__GRACE_SECONDS": "1",
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS": "0.1",
        "VERACORE_SYNC_RETRY__TRIES": "2",
        "VERACORE_SYNC_RETRY__BASE_SECONDS": "0.1",
        "VERACORE_SYNC_RETRY__CAP_SECONDS": "1",
        "VERACORE_SYNC_RETRY__MAX_ATTEMPTS": "100",
        "VERACORE_SYNC_HOOKS__COMMAND": json.dumps([sys.executable, str(hook)]),
    }
    made = Whole(shop, sandbox, rig, random.Random(seed))
    for sku in SKUS:
        made.stock(sku, on_hand)
    return made


def _is_of_the_machine(end: Ended) -> bool:
    """A killed run's lease has to expire first, which on a slow machine begins late; and one that
    holds a process up for longer than a transaction may last loses it (PostgreSQL's 25P03)."""
    return end.code == 75 or (end.code == 74 and "(25P03)" in end.err)

"""What the attacks share: a small shop full of paid orders, and what must be true at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig import Rig

from veracore_sync.domain.order_records import OrderRow
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DIALECTS = ("oms", "rest")
CREATE = {"oms": "AddOrder", "rest": "create"}
LOOK_UP = {"oms": "GetOrderInfo", "rest": "status"}
STOCK = 1_000_000


@dataclass
class Fire:
    """The real command between a small shop and a simulator that can be made to fail."""

    shop: SmallShop
    sandbox: Sandbox
    rig: Rig

    @property
    def dialect(self) -> str:
        return self.rig.dialect

    def place(self, count: int) -> list[str]:
        """So many paid orders; their codes, oldest first."""
        return [self.shop.state.place_order([("MUG", 2), ("TEE", 1)]).code for _ in range(count)]

    def fault(self, *kinds: str, **rule: Any) -> None:
        """Let creates suffer, unless `rule` names other operations."""
        rule.setdefault("operations", [CREATE[self.dialect]])
        self.rig.control("faults", {"kinds": list(kinds), **rule})

    def slow(self, milliseconds: int, operations: Sequence[str] | None = None) -> None:
        """Every answer takes so long; only those of `operations` where they are named."""
        names = {"operations": list(operations)} if operations else {}
        self.rig.control("faults", {"delay_ms": milliseconds, **names})

    def mend(self) -> None:
        """No more faults."""
        self.rig.control("faults", {"kinds": []})

    def creates(self) -> list[Any]:
        """The create requests that the simulator has seen."""
        return self.rig.requests(CREATE[self.dialect])

    def intents(self) -> int:
        """The intents to send that the ledger holds."""
        codes = [order.code for order in self.shop.state.orders.values()]
        with self.rig.ledger() as ledger:
            return sum(len(ledger.orders.attempts(code)) for code in codes)

    def row(self, code: str) -> OrderRow:
        """The ledger's row."""
        with self.rig.ledger() as ledger:
            row = ledger.orders.get(code)
        assert row is not None
        return row

    def at_rest(self) -> bool:
        """Whether the ledger knows every order of the shop, and none is on its way."""
        with self.rig.ledger() as ledger:
            counts = ledger.orders.counts()
        under_way = sum(counts[state] for state in ("pending", "sending", "in_doubt", "failed"))
        return under_way == 0 and sum(counts.values()) == len(self.shop.state.orders)

    def run_until_at_rest(self, within_seconds: float = 600) -> int:
        """Run after run, as a timer would; how many it took."""
        deadline = time.monotonic() + within_seconds
        for runs in range(1, 1000):
            ended = self.rig.run("sync-orders", "--allow-first-run", "--json")
            assert ended.code in (0, 3), (ended.code, ended.out, ended.err)
            if self.at_rest():
                return runs
            assert time.monotonic() < deadline, ended.out
            time.sleep(0.3)
        raise AssertionError("never at rest")

    def assert_each_once(self) -> None:
        """Each paid order once at the simulator, asked for once, and the ledger agrees."""
        codes = {order.code for order in self.shop.state.orders.values()}
        there = self.rig.control("orders")["orders"]
        names = [one["reference"] if self.dialect == "oms" else one["id"] for one in there]
        assert sorted(names) == sorted(codes)
        repeated = {one["id"]: one["submissions"] for one in there if one["submissions"] != 1}
        assert repeated == {}
        with self.rig.ledger() as ledger:
            rows = ledger.orders.held(sorted(codes))
            assert {row.state for row in rows.values()} == {"synced"}
            ids = {one["id"].casefold() for one in there}
            assert {(row.veracore_id or "").casefold() for row in rows.values()} == ids
            for code in codes:
                outcomes = [one.outcome for one in ledger.orders.attempts(code)]
                assert outcomes.count("accepted") == 1, (code, outcomes)
                assert None not in outcomes, (code, outcomes)


@contextmanager
def set_on_fire(folder: Path, dialect: str, rigged: type[Rig] = Rig) -> Iterator[Fire]:
    """A shop, a simulator and a command between them, with a short grace and a short memory."""
    with SmallShop() as shop, Sandbox() as sandbox:
        for sku in ("MUG", "TEE"):
            shop.state.add_variant(sku, sku.title(), 1000, STOCK)
        rig = rigged(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        rig.env["VERACORE_SYNC_ORDERS__GRACE_SECONDS"] = "1"
        rig.env["VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS"] = "0.01"
        try:
            yield Fire(shop, sandbox, rig)
        finally:
            rig.end()

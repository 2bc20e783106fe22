"""Races of checkouts at a real Vendure, and what a stock run makes of them."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from realvendure import OrderRef, RealVendure
from rig import Rig
from vendure_bed import PostgresCluster

from veracore_sync.sandbox.server import Sandbox

THERE = 1000
CUSTOMERS = 3
_CHECKED_OUT = "mutation($i:ManualPaymentInput!){addManualPaymentToOrder(input:$i){__typename}}"
_SET = "mutation($i:[UpdateProductVariantInput!]!){updateProductVariants(input:$i){id}}"
_SHORT = """
select o.code from "order" o join order_line l on l."orderId" = o.id
where o.state = 'PaymentSettled' group by o.code, l.id, l.quantity
having l.quantity > coalesce((select sum(m.quantity) from stock_movement m
  where m."orderLineId" = l.id and m.type = 'ALLOCATION'), 0)"""

_OWED = """
select v.sku, sum(l.quantity) from "order" o join order_line l on l."orderId" = o.id
join product_variant v on v.id = l."productVariantId" where o.state = 'PaymentSettled'
group by v.sku"""


@dataclass
class Races:
    """Each race is of three customers and one variant; a batch ends with one stock run."""

    vendure: RealVendure
    cluster: PostgresCluster
    sandbox: Sandbox
    folder: Path
    rng: random.Random
    run: int = 0
    orders: int = 0
    short: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.skus = [f"SKU-{number:06d}" for number in range(1, 41)]
        vendure = self.vendure
        self.rig = Rig(
            self.folder, vendure.admin_url, vendure.username, vendure.password, self.sandbox, "oms"
        )
        rows = [{"sku": sku, "on_hand": THERE} for sku in self.skus]
        self.rig.control("stock", {"stock": rows})
        (self.place,) = vendure.stock(self.skus[0])

    def batch(self, count: int) -> None:
        """So many races, each for a variant of its own, and one run."""
        chosen = self.rng.sample(self.skus, count)
        with ThreadPoolExecutor(6) as pool:
            carts = list(pool.map(self._carts, chosen))
            for race in carts:
                self._leave_too_little(*race)
                list(pool.map(self._pay, race[1]))
        self.run += count
        self.orders += sum(len(orders) for _, orders in carts)
        self._judge()

    def _carts(self, sku: str) -> tuple[str, list[OrderRef]]:
        units = [self.rng.randint(1, 4) for _ in range(CUSTOMERS)]
        return sku, [self.vendure.place_order([(sku, each)], payment=None) for each in units]

    def _leave_too_little(self, sku: str, orders: list[OrderRef]) -> None:
        (level,) = self.vendure.stock(sku).values()
        left = level.allocated + self.rng.randint(0, 3 * len(orders))
        levels = [{"stockLocationId": self.place, "stockOnHand": left}]
        given = [{"id": self.vendure.variant_id(sku), "stockLevels": levels}]
        self.vendure.admin(_SET, {"i": given})

    def _pay(self, order: OrderRef) -> None:
        given = {"orderId": order.id, "method": "standard-payment", "metadata": {}}
        self.vendure.admin(_CHECKED_OUT, {"i": given})

    def _judge(self) -> None:
        ended = self.rig.run("sync-inventory", "--json", "--allow-mass-change")
        if ended.code not in (0, 3) or ended.json["drift"]:
            self.faults.append(f"{ended.code}: {ended.out[:500]} {ended.err[:500]}")
        self.short = set(self._ask(_SHORT).split())
        alerts = self.rig.run("stats", "--json").json["alerts"]
        told = Counter(
            one["vendureOrderCode"] for one in alerts if one["kind"] == "order.shortfall"
        )
        for code in self.short - told.keys():
            self.faults.append(f"{code} is not named")
        for code, times in told.items():
            if code not in self.short or times > 1:
                self.faults.append(f"{code} is named {times} times, falsely or too often")
        self._judge_levels()

    def _ask(self, sql: str) -> str:
        server = self.vendure.server
        assert server is not None
        return self.cluster.ask(server.database["name"], sql)

    def _judge_levels(self) -> None:
        owed: Counter[str] = Counter()
        for row in self._ask(_OWED).split():
            sku, units = row.split("|")
            owed[sku] = int(units)
        for sku in self.skus:
            level = self.vendure.stock(sku)[self.place]
            if level.on_hand - level.allocated > THERE - owed[sku]:
                self.faults.append(f"{level} of {sku}, {owed[sku]} owed")

    def told(self) -> str:
        """The result so far."""
        return (
            f"{self.orders} paid orders, {len(self.short)} of them with too little allocated, "
            f"{len(self.faults)} faults{': ' if self.faults else ''}{'; '.join(self.faults[:5])}"
        )

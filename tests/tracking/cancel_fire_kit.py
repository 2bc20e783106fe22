"""Faults in every request about a cancellation, while the floor picks and ships."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cancel_judge import Floor, Verdict, judge
from tracking_world import World

from veracore_sync.composition.orders import order_canceller
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.orders.report import OrdersReport

KINDS = (
    "reset_before",
    "reset_after",
    "html_500",
    "html_after",
    "fault_unlisted",
    "http_403",
    "http_503",
    "http_429",
    "truncate",
    "bad_login",
    "false_absent",
)
ENV = {
    "VERACORE_SYNC_ORDERS__CANCEL": "auto",
    "VERACORE_SYNC_ORDERS__GRACE_SECONDS": "60",
    "VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS": "1",
    "VERACORE_SYNC_RETRY__TRIES": "1",
}
_QUIET_ROUNDS = 3


@dataclass
class CancelFire:
    """Rounds of orders, cancellations on either side, and runs that meet faults."""

    bed: World
    seed: int = 0
    cancelled: int = 0
    errors: int = 0
    verdict: Verdict = field(default_factory=Verdict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.floor = Floor(self.bed.control, self.chance)
        self.live: list[Any] = []

    @property
    def suffered(self) -> int:
        """How many faults the requests met."""
        return self.bed.sandbox.faults.suffered

    def burn(self, faults: int) -> None:
        """Go on until the requests met so many faults; judged after every round."""
        while self.suffered < faults:
            self._round()
            self._judge()
            assert not self.verdict.false_cancelled, self.verdict
        self.bed.control("faults", {"kinds": []})
        self.floor.clear()
        for count in range(60):
            self.bed.clock.forward(minutes=61)
            self._attempt(self.bed.run_orders)
            self._attempt(self.bed.track)
            self._judge()
            if count >= _QUIET_ROUNDS and not self.verdict.open:
                return

    def _round(self) -> None:
        self.bed.control("faults", {"kinds": []})
        self.live += [self.bed.place(("MUG", 2), ("TEE", 1)) for _ in range(3)]
        self._attempt(self.bed.run_orders)
        self.bed.control(
            "faults",
            {
                "kinds": list(KINDS),
                "rate": self.chance.choice([0.2, 0.5, 0.8]),
                "operations": ["CancelOrder", "GetOrderInfo"],
                "seed": self.chance.randrange(1 << 30),
            },
        )
        for _ in range(4):
            self.floor.work(self.bed.control("orders")["orders"])
            self._cancel_one()
            self.bed.clock.forward(seconds=self.chance.choice([5, 61, 300, 3700]))
            self._runs()

    def _cancel_one(self) -> None:
        if not self.live:
            return
        order = self.live.pop(self.chance.randrange(len(self.live)))
        self.cancelled += 1
        if self.chance.random() < 0.6:
            with suppress(Exception):  # fulfilled already, so the shop does not cancel it
                self.bed.shop.state.cancel(self.bed.order(order))
            return
        canceller = order_canceller(self.bed.parts, OrdersReport())
        self._attempt(lambda: canceller.execute([order.code]))

    def _runs(self) -> None:
        self._attempt(self.bed.run_orders)
        if self.chance.random() < 0.5:
            self._attempt(self.bed.track)

    def _attempt(self, work: Any) -> None:
        try:
            work()
        except SyncError:
            self.errors += 1

    def _judge(self) -> None:
        there = self.bed.control("orders")["orders"]
        self.verdict = judge(self.bed.parts.ledger, there)

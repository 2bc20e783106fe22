"""SIGKILL at random moments of ``sync-orders``, ``cancel`` and ``sync-tracking``."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

from cancel_judge import Floor, Verdict, judge
from fire_kit import Fire

_PATIENCE = 60.0
_LONGEST_LIFE = 0.3
_ANSWER_MS = 40
_MAX_LIVE = 8
ENV = {
    "VERACORE_SYNC_ORDERS__CANCEL": "auto",
    "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
}


@dataclass
class CancelKills:
    """Orders are paid and cancelled on either side, the floor ships, and the commands are killed.

    A kill counts where the command had begun to talk to the warehouse and was not through.

    Args:
        fire: The shop, the simulator and the commands, in the dialect ``oms``.
        seed: Decides the moments.
    """

    fire: Fire
    seed: int = 0
    kills: int = 0
    spared: int = 0
    cancelled: int = 0
    found: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)

    def __post_init__(self) -> None:
        self.fire.rig.env |= ENV
        self.chance = random.Random(self.seed)
        self.floor = Floor(self.fire.rig.control, self.chance)
        self.live: list[Any] = []
        self.named: list[str] = []

    def kill(self, times: int) -> None:
        """Kill so many commands; judged after each."""
        self.fire.slow(_ANSWER_MS)
        while self.kills < times:
            self._day()
            self._one_life()
            self._judge()
            assert not self.verdict.false_cancelled, self.verdict
        self.fire.mend()

    def come_to_rest(self, within_seconds: float) -> None:
        """Let the floor ship what it packed, and run until no cancellation is open."""
        self.floor.clear()
        deadline = time.monotonic() + within_seconds
        quiet = 0
        while quiet < 2:
            assert time.monotonic() < deadline, self.verdict
            for command in ("sync-orders", "sync-tracking"):
                ended = self.fire.rig.run(command)
                assert ended.code in (0, 3), (command, ended.code, ended.err)
            self._judge()
            quiet = 0 if self.verdict.open else quiet + 1
            time.sleep(1.1)

    # ---- what happens between two lives -------------------------------------------------------

    def _day(self) -> None:
        state = self.fire.shop.state
        # More orders than a killed run sends would leave no time for cancellations.
        if len(self.live) < _MAX_LIVE:
            self.live += [state.place_order([("MUG", 2), ("TEE", 1)]) for _ in range(2)]
        self.floor.work(self.fire.rig.control("orders")["orders"])
        if len(self.live) > 4 and self.chance.random() < 0.8:
            order = self.live.pop(self.chance.randrange(len(self.live) - 2))
            self.cancelled += 1
            if self.chance.random() < 0.5 and state.orders[order.id].state == "PaymentSettled":
                state.cancel(state.orders[order.id])
            else:
                self.named.append(order.code)

    def _command(self) -> list[str]:
        if self.named and self.chance.random() < 0.6:
            code = self.named.pop(0)
            with self.fire.rig.ledger() as ledger:
                if ledger.orders.get(code) is not None:
                    return ["cancel", code]
        return ["sync-tracking"] if self.chance.random() < 0.2 else ["sync-orders"]

    # ---- one life -----------------------------------------------------------------------------

    def _one_life(self) -> None:
        command = self._command() if self.kills else ["sync-orders"]
        before = len(self.fire.sandbox.world.requests)
        run = self.fire.rig.start(*command)
        try:
            self._wait_for_work(run, before)
            time.sleep(self.chance.uniform(0, _LONGEST_LIFE))
        finally:
            run.kill()
            _, told = run.communicate()
        if run.returncode == -9:
            self.kills += 1
            self._look()
        else:
            assert run.returncode in (0, 3), (command, run.returncode, told)
            self.spared += 1

    def _wait_for_work(self, run: Popen[str], before: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while run.poll() is None and len(self.fire.sandbox.world.requests) == before:
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.005)

    def _look(self) -> None:
        """In which states the dead command left cancellations."""
        with self.fire.rig.ledger() as ledger:
            for row in ledger.database.rows(
                "SELECT state, count(*) AS n FROM cancellations GROUP BY state"
            ):
                self.found[row["state"]] += 1

    def _judge(self) -> None:
        there = self.fire.rig.control("orders")["orders"]
        with self.fire.rig.ledger() as ledger:
            known = [one for one in there if ledger.orders.get(one["reference"]) is not None]
            self.verdict = judge(ledger, known)

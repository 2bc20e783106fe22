"""SIGKILL for ``sync-orders``, while orders keep coming in: at random, or at a given request."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from subprocess import Popen
from unittest.mock import patch

from fire_kit import Fire

from veracore_sync.sandbox.exchange import Call
from veracore_sync.sandbox.faults import Fault

_PATIENCE = 600.0
_LONGEST_LIFE = 0.25
_ANSWER_MS = 60
_PER_LIFE = 10


@dataclass
class KillLoop:
    """Starts the command, lets it begin its work, kills it, and starts it again.

    A kill counts where the command had begun to talk to the warehouse and was not through.

    Args:
        fire: The shop, the simulator and the command.
        seed: Decides the moments.
    """

    fire: Fire
    seed: int = 0
    kills: int = 0
    spared: int = 0
    found: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def kill(self, times: int) -> None:
        """Kill so many runs; before each, more orders are paid."""
        self.fire.slow(_ANSWER_MS)
        while self.kills < times:
            self.fire.place(self._random.randint(1, _PER_LIFE))
            self._one_life()
        self.fire.mend()

    def kill_at(self, operation: str, number: int, *, carried_out: bool, beside: int = 0) -> None:
        """Kill a run that waits for the answer to its so-manieth request of an operation.

        Args:
            operation: As the simulator calls it.
            number: Which one of the run's.
            beside: How many later ones must be held, too.
            carried_out: Whether the simulator does what is asked, or drops it.
        """
        rig, draw = self.fire.rig, self.fire.sandbox.faults.draw
        seen, lock = 0, threading.Lock()

        def hold(call: Call, order_exists: bool) -> Fault:
            nonlocal seen
            with lock:
                seen += call.operation == operation
                is_held = call.operation == operation and seen >= number
            if not is_held:
                return draw(call, order_exists)
            return Fault("hang_after") if carried_out else Fault("http_503", delay=600.0)

        before = len(rig.requests(operation))
        with patch.object(self.fire.sandbox.faults, "draw", hold):
            run = rig.start("sync-orders", "--allow-first-run")
            while len(rig.requests(operation)) < before + number + beside:
                assert run.poll() is None, run.communicate()
                time.sleep(0.01)
            run.kill()
            run.communicate()
        self.kills += 1
        self._look()

    def _one_life(self) -> None:
        before = len(self.fire.rig.requests())
        run = self.fire.rig.start("sync-orders", "--allow-first-run")
        try:
            self._wait_for_work(run, before)
            time.sleep(self._random.uniform(0, _LONGEST_LIFE))
        finally:
            run.kill()
            _, told = run.communicate()
        if run.returncode == -9:
            self.kills += 1
            self._look()
        else:
            assert run.returncode in (0, 3), (run.returncode, told)
            self.spared += 1

    def _wait_for_work(self, run: Popen[str], before: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while run.poll() is None and len(self.fire.rig.requests()) == before:
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.005)

    def sent_again(self) -> int:
        """How many orders needed a second create, because the first had died with its run."""
        with self.fire.rig.ledger() as ledger:
            return sum(row.attempt > 1 for row in ledger.orders.in_states(["synced"]))

    def _look(self) -> None:
        """What the dead run left: how many orders in which state."""
        with self.fire.rig.ledger() as ledger:
            for state, count in ledger.orders.counts().items():
                if state in ("sending", "in_doubt", "pending") and count:
                    self.found[state] += 1

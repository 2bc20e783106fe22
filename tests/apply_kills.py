"""SIGKILL for ``reconcile --apply`` at random moments, amid repairs of all types."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

from apply_kit import TYPES, ApplyWorld, T

_PATIENCE = 600.0
_ANSWER_MS = 15
ALL = ("reconcile", "--json", "--max", "100", "--apply", ",".join(TYPES))
# The rest of a run goes on after the act that a kill interrupted.
_KILLED = -signal.SIGKILL


@dataclass
class ApplyKills:
    """Makes differences, starts the command, kills it, and looks at what is left.

    A kill counts if the command had begun its repairs and was not through.

    Args:
        world: Both sides and the commands.
        life: The longest time, in seconds, from the first repair to the kill.

    `acted` counts, by type, what a killed run had repaired; `again`, what the next run found.
    """

    world: ApplyWorld
    life: float = 1.5
    kills: int = 0
    spared: int = 0
    acted: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)

    def kill(self, times: int) -> None:
        """Kill so many runs; judged after each."""
        while self.kills < times:
            open_ones = self._open()
            # More than a run repairs before it is killed would only make the next one longer.
            if len(open_ones) < 2 * len(TYPES):
                wanted = self.world.dice.sample(TYPES, self.world.dice.randint(3, len(TYPES)))
                self.world.make_all(wanted)
            before = self._open()
            self._one_life()
            self._judge(before)

    def _open(self) -> list[tuple[T, str]]:
        """What was made and is not repaired, each once."""
        return [one for one in dict.fromkeys(self.world.made) if not self.world.is_repaired(*one)]

    def _one_life(self) -> None:
        self._slow()
        run = begun(self.world)
        try:
            time.sleep(self.world.dice.uniform(0, self.life))
        finally:
            run.kill()
            out, told = run.communicate()
        self.world.mend()
        assert "Traceback" not in told, told
        if run.returncode == _KILLED:
            self.kills += 1
        else:
            assert run.returncode in (0, 3, 75), (run.returncode, out, told)
            self.spared += 1
        # What the dead had asked for is still being done at the other end.
        time.sleep(4 * _ANSWER_MS / 1000)

    def _slow(self) -> None:
        self.world.rig.control("faults", {"delay_ms": _ANSWER_MS})
        self.world.shop.add_faults(delay_ms=_ANSWER_MS)

    def _judge(self, before: list[tuple[T, str]]) -> None:
        """Nothing was done twice; what is not repaired, the next run finds, or sees on its way."""
        world = self.world
        world.nothing_twice()
        seen = reconciled(world)
        found = {(one["type"], one["name"]) for one in seen["differences"]}
        moving = {name for one in seen["moving"] for name in one["names"]}
        for type, name in before:
            if world.is_repaired(type, name):
                self.acted[type] += 1
            elif (type, name) in found:
                self.again[type] += 1
            else:
                assert name in moving or name in {other for _, other in found}, (type, name, seen)

    def settle(self, within_seconds: float = 600) -> int:
        """Repair until all is repaired, and two runs find nothing; how many rounds it took."""
        return settle(self.world, within_seconds)


def begun(world: ApplyWorld, meanwhile: Callable[[], None] = lambda: None) -> Popen[str]:
    """The command, at its first repair; it may have ended before.

    Args:
        meanwhile: Called while it stands there.
    """
    run = world.rig.start(*ALL, VERACORE_SYNC_TEST_FAILPOINT="repair begun:stop")
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        # Its end is left for `communicate`.
        found = os.waitid(os.P_PID, run.pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            meanwhile()
            if found.si_code == os.CLD_STOPPED:
                run.send_signal(signal.SIGCONT)
            return run
        time.sleep(0.002)
    raise AssertionError("it never began")


def reconciled(world: ApplyWorld, *more: str) -> Any:
    """``reconcile``, as soon as no dead run's lease keeps it from beginning."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        ended = world.run("reconcile", "--json", *more, codes=(0, 3, 75))
        if ended.code != 75:
            return ended.json
        assert time.monotonic() < deadline, ended
        time.sleep(0.2)


def settle(world: ApplyWorld, within_seconds: float = 600) -> int:
    """Repair without faults until everything is repaired; how many rounds it took."""
    world.mend()
    world.run("breaker", "reset")
    deadline = time.monotonic() + within_seconds
    for rounds in range(1, 1000):
        # A cancellation and a doubt end with the second look-up of the orders job.
        world.run("sync-orders", codes=(0, 3, 75))
        done = reconciled(world, *ALL[2:])
        left = [one for one in dict.fromkeys(world.made) if not world.is_repaired(*one)]
        stands = [one for one in done["differences"] if one["type"] != T.CANCELLED_THERE_OPEN_HERE]
        moving = [one for one in done["moving"] if one["count"]]
        if not left and not stands and not moving:
            world.nothing_twice()
            world.nothing_lost()
            return rounds
        assert time.monotonic() < deadline, (
            left,
            [known_of(world, name) for _, name in left],
            done,
        )
        time.sleep(0.4)
    raise AssertionError("never at rest")


def known_of(world: ApplyWorld, name: str) -> list[object]:
    """What the ledger has of an order, for whoever has to find out why it is not repaired."""
    with world.ledger() as ledger:
        alerts = [one for one in ledger.alerts.standing() if one.code == name]
        return [ledger.orders.get(name), ledger.shipments.slips_of(name), alerts]

"""The whole in chaos: faults at both ends, signals, hands in both systems, and wrong clocks.

A life is a number of steps on one ledger. In each step people and the warehouse do something, both
ends fail now and then, and two or three commands run at once beside ``serve-webhooks`` (under
signed load) and ``serve-admin`` (under mutations); any of them is killed, terminated or stopped for
a while, and may run by a clock that is wrong. At the end (`Chaos.settle`) everything must come to
rest: by the timers alone where no person is needed, and by what the alerts ask for where one is.

Draws come from the seed alone; what they meet depends on the moment.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import wrong_clock
from crowd_kit import Acts
from people_kit import People
from rig import Ended, HereRig, Rig
from service_kit import (
    SERVING,
    Deliveries,
    Orphans,
    Service,
    is_whole,
    running,
    same_counts,
    well_ended,
)
from whole_kit import COMMANDS, Whole, whole

CLOCKS = {
    "right": 0.0,
    "a day behind": -86_400.0,
    "an hour ahead": 3_600.0,
    "400 days ahead": 400 * 86_400.0,
}
_WRONG = 0.3
_BY_THE_RIGHT_CLOCK = ("ledger", "prune")
"""What it forgets by a wrong clock is forgotten by order."""
_STRUCK = 0.5
_SERVICE_FALLS = 0.5
_FIRE = 0.6
_FAULT_RATE = 0.2
_LIFE_SECONDS = 1.5
_ENDS = (signal.SIGKILL, signal.SIGTERM)
_LONGEST_WAIT = 3_700.0
"""What a clock an hour ahead put off is due within that hour, which nobody waits for here."""
_PATIENT = {
    "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "20",
    "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "20",
}


class ChaosRig(HereRig):
    """Commands are processes, whose clocks may be wrong; at rest they run in this process."""

    at_rest = True

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, wrong_clock.__file__, *arguments]

    def run(self, *arguments: str, **env: str) -> Ended:
        """Run a command to its end."""
        if self.at_rest:
            return super().run(*arguments, **env)
        return Rig.run(self, *arguments, **env)


class _Strike(NamedTuple):
    after: float
    process: Popen[str]
    number: int


class Chaos:
    """One ledger's life.

    Args:
        world: The shop, the simulator and the commands.
        listener: ``serve-webhooks``.
        admin: ``serve-admin``.

    `strikes` counts the signals by name, `clocks` the processes by their clock.
    """

    def __init__(self, world: Whole, listener: Service, admin: Service) -> None:
        self.world = world
        self.people = People(world)
        self.deliveries = Deliveries(world)
        self.acts = Acts(world, admin)
        self.strikes: Counter[str] = Counter()
        self.clocks: Counter[str] = Counter()
        self._services = (listener, admin)
        self._listener, self._admin = listener, admin
        self._dice = world.dice
        self._runs: dict[Popen[str], tuple[str, ...]] = {}
        self._orphans = Orphans(world.rig.ledger_path, self._pids)
        self._looked = 0

    def _pids(self) -> list[int]:
        services = [one.pid for one in self._services if one.is_running()]
        return services + [run.pid for run in tuple(self._runs) if run.poll() is None]

    # ---- a step -------------------------------------------------------------------------------

    def live(self, steps: int) -> None:
        """So many steps."""
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        self._services_fall()
        # Who is down cannot be in the middle of sending what a person takes away.
        nobody_sends = not any(one.is_running() for one in self._services)
        self.people.do_something(nobody_sends=nobody_sends)
        self._services_rise()
        if self._dice.random() < _FIRE:
            self.world.set_on_fire(_FAULT_RATE, seed=self._dice.randrange(10**6))
        with (
            self.deliveries.under_load(self._listener, 2, self._dice.random()),
            self.acts.under_way(self._dice.random()),
            self._orphans.watched(),
        ):
            self._commands()
        self.world.mend()
        self._look()

    def _services_fall(self) -> None:
        for service in self._services:
            falls, number = self._dice.random() < _SERVICE_FALLS, self._dice.choice(_ENDS)
            if falls:
                service.end(number)
                self.strikes[number.name] += 1

    def _services_rise(self) -> None:
        for service in self._services:
            offset = self._clock()
            if service.is_running():
                continue
            service.start(**{wrong_clock.VARIABLE: str(offset)})
            if service is self._listener:
                self.deliveries.offset = offset

    def _clock(self) -> float:
        is_wrong, wrong = self._dice.random() < _WRONG, self._dice.choice(list(CLOCKS)[1:])
        name = wrong if is_wrong else "right"
        self.clocks[name] += 1
        return CLOCKS[name]

    def _commands(self) -> None:
        chosen = self._dice.sample(COMMANDS, self._dice.randint(2, 3))
        began = time.monotonic()
        for command in chosen:
            offset = self._clock() if command != _BY_THE_RIGHT_CLOCK else 0.0
            run = self.world.rig.start(*command, **{wrong_clock.VARIABLE: str(offset)})
            self._runs[run] = command
        strikes = [strike for run in self._runs for strike in self._strikes_on(run)]
        strikes += [strike for one in self._services for strike in self._pause(one.process, 0.2)]
        for strike in sorted(strikes, key=lambda one: one.after):
            time.sleep(max(0.0, began + strike.after - time.monotonic()))
            if strike.process.poll() is None:
                strike.process.send_signal(strike.number)
                self.strikes[signal.Signals(strike.number).name] += 1
        for run, command in self._runs.items():
            _, told = run.communicate(timeout=300)
            well_ended(command, run.returncode, told, signals=_ENDS)
            self.world.codes[run.returncode] += 1
            if run.returncode == 77:
                # A refused login is remembered for an hour: the operator says that it is mended.
                self.world.run("breaker", "reset")
        self._runs.clear()

    def _strikes_on(self, run: Popen[str]) -> list[_Strike]:
        pause = self._pause(run, 0.3)
        after, number = self._dice.uniform(0, _LIFE_SECONDS), self._dice.choice(_ENDS)
        return [*pause, _Strike(after, run, number)] if self._dice.random() < _STRUCK else pause

    def _pause(self, process: Popen[str], probability: float) -> list[_Strike]:
        after, seconds = self._dice.uniform(0, _LIFE_SECONDS), self._dice.uniform(0.1, 1.3)
        if self._dice.random() >= probability:
            return []
        return [
            _Strike(after, process, signal.SIGSTOP),
            _Strike(after + seconds, process, signal.SIGCONT),
        ]

    def _look(self) -> None:
        self._orphans.none()
        is_whole(self.world.rig.ledger_path)
        # Of earlier steps, a listener of another year may have forgotten them by their age.
        self.deliveries.are_stored(since=self._looked)
        self._looked = len(self.deliveries.promises)
        assert not self.acts.trouble, self.acts.trouble

    # ---- the end ------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 600) -> None:
        """Everybody finishes by a right clock, then a person does what is asked; books balance."""
        self.world.rig.env |= _PATIENT
        for service in self._services:
            if service.is_running():
                service.end(signal.SIGTERM)
        an_hour_on = {wrong_clock.VARIABLE: str(_LONGEST_WAIT)}
        with running(self.world.rig, "serve-webhooks", **an_hour_on) as listener:
            self.deliveries.wait_until_followed(listener, within_seconds)
            same_counts(listener, self.world.rig.ledger_path)
            listener.end(signal.SIGTERM)
        # Twice, with a grace between: what was in doubt is looked up for the second time.
        for command in COMMANDS[:3:2] * 2:
            self.world.rig.run(*command, **an_hour_on)
            time.sleep(0.3)
        assert isinstance(self.world.rig, ChaosRig)
        self.world.rig.at_rest = True
        self.world.rest_by_timers(within_seconds)
        self.people.nobody_is_forgotten()
        self.people.end_every_alert(within_seconds)
        self.world.books_balance(self.people.cancelled_late)
        self.world.events_agree()
        assert self.world.run("ledger", "check").code == 0


@contextmanager
def chaos(folder: Path, dialect: str, seed: int) -> Iterator[Chaos]:
    """A shop that has begun, with both services running by right clocks."""
    with whole(folder, dialect, seed, rigged=ChaosRig) as world:
        world.rig.env |= SERVING
        assert isinstance(world.rig, ChaosRig)
        try:
            for command in COMMANDS[:3]:
                assert world.run(*command).code in (0, 3)
            world.place()
            world.rig.at_rest = False
            with (
                running(world.rig, "serve-webhooks") as listener,
                running(world.rig, "serve-admin") as admin,
            ):
                yield Chaos(world, listener, admin)
        finally:
            world.rig.end()

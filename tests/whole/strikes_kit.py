"""Strikes on processes of hosts: how, in which phase of their work, and what came after.

A phase is a gap of the program (its failpoints), a moment of a create as the warehouse sees it, or
just any moment. Who is stopped goes on after more than a lease.
"""

from __future__ import annotations

import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from fork_host import Forked

from veracore_sync.sandbox.exchange import Request
from veracore_sync.sandbox.faults import Outcome
from veracore_sync.sandbox.server import Sandbox

FAILPOINT = "VERACORE_SYNC_TEST_FAILPOINT"
GAPS: dict[str, tuple[str, ...]] = {
    "sync-orders": ("intent committed", "answered", "outcome committed"),
    "sync-inventory": ("stock batch written",),
    "sync-tracking": (
        "fulfilment intended",
        "fulfilment added",
        "fulfilment recorded",
        "fulfilment shipped",
    ),
}
IN_FLIGHT, PLACED, HELD = "create in flight", "create placed, not answered", "create held up"
CREATES = (IN_FLIGHT, PLACED, HELD)
ANY = "any moment"
_CREATING = {"AddOrder", "create"}
_BEYOND = 1.3
"""Leases that a stopped process sleeps for."""


@dataclass(frozen=True)
class Plan:
    """What shall happen to a process: ``kill`` or ``stop``, in which phase."""

    how: str
    phase: str

    @property
    def environment(self) -> dict[str, str]:
        """What lets the process strike itself, if that is how."""
        gaps = {gap for several in GAPS.values() for gap in several}
        return {FAILPOINT: f"{self.phase}:{self.how}"} if self.phase in gaps else {}


@dataclass
class Takeover:
    """A job whose holder was killed. All times are of one machine's clock.

    Args:
        job: It.
        epoch: Of the dead holder.
        died: When it was killed.
        expires: When its lease ends.
        pid: Who took the job.
        taken: When.
        started: When that process was started; earlier than `expires` if it was there already.
    """

    job: str
    epoch: int
    died: float
    expires: float
    pid: int | None = None
    taken: float | None = None
    started: float | None = None

    @property
    def parts(self) -> tuple[float, float, float]:
        """Seconds until the lease was over, until a timer came, and until its command had it."""
        assert self.taken is not None
        started = max(self.expires, self.started or self.expires)
        return self.expires - self.died, started - self.expires, self.taken - started


def told(takeovers: Iterable[Takeover]) -> dict[str, list[float]]:
    """The parts of the time that jobs stayed without a holder, each sorted."""
    parts = [one.parts for one in takeovers if one.taken is not None]
    names = ("lease", "timer", "ours")
    return {name: sorted(one[at] for one in parts) for at, name in enumerate(names)}


def summary(seconds: Sequence[float]) -> str:
    """Median and longest."""
    if not seconds:
        return "none"
    return f"{statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s (longest)"


class StruckSandbox(Sandbox):
    """A warehouse at which a strike falls on whoever sends the next create."""

    armed: Plan | None = None
    strike: Callable[[Plan], bool] | None = None
    hold_seconds = 10.0

    def __init__(self, strict: bool = False) -> None:
        super().__init__(strict=strict)
        self.holding = 0
        self._arming = threading.Lock()

    def respond(self, request: Request, pause: Callable[[float], object]) -> tuple[Outcome, float]:
        plan = self._taken(request)
        if plan is None or self.strike is None:
            return super().respond(request, pause)
        if plan.phase == PLACED:
            outcome = super().respond(request, pause)
            self.strike(plan)
            return outcome
        if self.strike(plan) and plan.phase == HELD:
            # The network delivers it when others have long looked the order up.
            with self._arming:
                self.holding += 1
            time.sleep(self.hold_seconds)
            try:
                return super().respond(request, pause)
            finally:
                with self._arming:
                    self.holding -= 1
        return super().respond(request, pause)

    def _taken(self, request: Request) -> Plan | None:
        if self.armed is None or request.path.startswith("/_sandbox"):
            return None
        call = self._read_call(request)
        if call is None or call.operation not in _CREATING:
            return None
        with self._arming:
            plan, self.armed = self.armed, None
        return plan


@dataclass
class Striker:
    """Strikes processes, and keeps count.

    Args:
        asked: A connection to the ledger's server, of the test.
        schema: The ledger's.
        sandbox: The warehouse.
        lease: In seconds.
        dice: Decides.
        share: How many of the processes are struck.
    """

    asked: Callable[[], psycopg.Connection[Any]]
    schema: str
    sandbox: StruckSandbox
    lease: float
    dice: random.Random
    share: float = 0.5
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    takeovers: list[Takeover] = field(default_factory=list)
    began: dict[int, float] = field(default_factory=dict)
    _alive: dict[int, Forked] = field(default_factory=dict)
    _labels: dict[int, Plan] = field(default_factory=dict)
    _usual: dict[str, float] = field(default_factory=dict)
    _missed: dict[str, list[Plan]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sandbox.strike = self._strike_sender
        self.sandbox.hold_seconds = 4 * self.lease

    @property
    def total(self) -> int:
        """How many strikes have fallen."""
        return sum(self.struck.values())

    def plan(self, command: str) -> Plan | None:
        """What shall happen to a process of that command; mostly nothing."""
        if self.dice.random() >= self.share:
            return None
        if self._missed.get(command):
            return self._missed[command].pop()
        how = self.dice.choice(("kill", "kill", "stop"))
        if command == "serve-webhooks":
            phases = [ANY, ANY, ANY, *(gap for several in GAPS.values() for gap in several)]
        else:
            creates = CREATES if command == "sync-orders" else ()
            phases = [ANY, ANY, *GAPS[command], *creates]
        phase = self.dice.choice(phases)
        if phase == HELD:
            how = "kill"
        return Plan(how, phase)

    def follow(self, command: str, process: Forked, plan: Plan | None, ends: Any = None) -> None:
        """Watch a process until it ends, or `ends` is set, and strike it as planned."""
        began = time.monotonic()
        self.began[process.pid], self._alive[process.pid] = time.time(), process
        at, was_struck = None, False
        if plan is not None and plan.phase in CREATES:
            self.sandbox.armed = plan
        elif plan is not None and plan.phase == ANY:
            long = 10.0 if command == "serve-webhooks" else 1.3 * self._usual.get(command, 1.0)
            at = began + self.dice.uniform(0, long)
        while process.poll() is None and not (ends is not None and ends.is_set()):
            if process.is_stopped():
                self._sleep(process, plan)
                was_struck = True
            if at is not None and time.monotonic() >= at:
                at = None
                self._strike(process, Plan(plan.how if plan else "kill", ANY))
            time.sleep(0.02)
        del self._alive[process.pid]
        if process.returncode == 0:
            took = time.monotonic() - began
            self._usual[command] = 0.7 * self._usual.get(command, took) + 0.3 * took
        label = self._labels.pop(process.pid, plan)
        if plan is not None and not was_struck and process.returncode != -signal.SIGKILL:
            # It had nothing to do in that phase: a later one shall have.
            self._missed.setdefault(command, []).append(plan)
        if process.returncode == -signal.SIGKILL and label is not None:
            self.struck["kill", label.phase] += 1
            self._note_leases(process.pid)

    def _sleep(self, process: Forked, plan: Plan | None) -> None:
        label = self._labels.pop(process.pid, plan) or Plan("stop", ANY)
        self.struck["stop", label.phase] += 1
        ends = time.monotonic() + _BEYOND * self.lease
        while time.monotonic() < ends and process.poll() is None:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        # It is told once more as stopped until the kernel has woken it.
        time.sleep(0.05)

    def _strike(self, process: Forked, plan: Plan) -> None:
        self._labels[process.pid] = Plan(plan.how, self._phase(process.pid, plan))
        number = signal.SIGKILL if plan.how == "kill" else signal.SIGSTOP
        with suppress(ProcessLookupError):
            process.send_signal(number)

    def _phase(self, pid: int, plan: Plan) -> str:
        if plan.phase != ANY:
            return plan.phase
        with suppress(psycopg.OperationalError), self.asked() as connection:
            rows = connection.execute(
                f"SELECT job FROM {self.schema}.leases "
                "WHERE pid = %s AND expires_at > clock_timestamp()",
                [pid],
            ).fetchall()
            return f"{ANY}, with a job" if rows else f"{ANY}, without a job"
        return f"{ANY}, without the server"

    def _strike_sender(self, plan: Plan) -> bool:
        """Strike the process that holds the orders."""
        rows: list[Any] = []
        with suppress(psycopg.OperationalError), self.asked() as connection:
            rows = connection.execute(
                f"SELECT pid FROM {self.schema}.leases "
                "WHERE job = 'orders' AND expires_at > clock_timestamp()"
            ).fetchall()
        process = self._alive.get(rows[0][0]) if rows else None
        if process is None:
            return False
        self._strike(process, plan)
        return True

    def _note_leases(self, pid: int) -> None:
        died = time.time()
        with suppress(psycopg.Error), self.asked() as connection:
            rows = connection.execute(
                f"SELECT job, epoch, extract(epoch FROM expires_at)::float8 "
                f"FROM {self.schema}.leases WHERE pid = %s AND expires_at > clock_timestamp()",
                [pid],
            ).fetchall()
            self.takeovers += [Takeover(job, epoch, died, ends) for job, epoch, ends in rows]

    def look_for_takeovers(self) -> None:
        """Note which jobs of killed holders have been taken since."""
        open_ones = [one for one in self.takeovers if one.pid is None]
        if not open_ones:
            return
        with suppress(psycopg.Error), self.asked() as connection:
            rows = connection.execute(
                f"SELECT job, epoch, pid, extract(epoch FROM since::timestamptz)::float8 "
                f"FROM {self.schema}.leases"
            ).fetchall()
            now = {row[0]: row for row in rows}
            for one in open_ones:
                _, epoch, pid, since = now[one.job]
                if epoch > one.epoch:
                    one.pid = pid
                    # The one after the next says nothing.
                    one.taken = since if epoch == one.epoch + 1 else None
                    one.started = self.began.get(pid)

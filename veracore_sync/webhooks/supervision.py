"""Threads that survive errors in their work, and the report of their health.

A dead thread is silent: a full disk, or no file descriptor left, once ended the delivery of events
for good while the listener still reported itself ready.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.describe import describe
from veracore_sync.domain.errors import SyncError
from veracore_sync.prometheus import Metric, render
from veracore_sync.webhooks.systemd_notify import SystemdNotifier, watchdog_seconds
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_LOG = logging.getLogger(__name__)
_BEAT_SECONDS = 5.0
_HOPELESS_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class PartFailure:
    """What is wrong with a part.

    Args:
        since: A UTC text.
        error: The last error, without personal data.
        unforeseen_at: When (monotonic) the first error came that is no `SyncError`, if any did.
    """

    since: str
    error: str
    unforeseen_at: float | None


class Part:
    """The health of one part of a server; usable by several threads.

    Args:
        name: For ``/readyz``, the metrics and the log.
        clock: The time.
        server: Its name in the log.
    """

    def __init__(self, name: str, clock: Clock, *, server: str = "webhooks") -> None:
        self.name = name
        self.failures = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._trouble: PartFailure | None = None
        self._fails = ThrottledLogger(_LOG, logging.ERROR, server)
        self._recovers = ThrottledLogger(_LOG, logging.WARNING, server)

    @property
    def trouble(self) -> PartFailure | None:
        """What is wrong with it now."""
        return self._trouble

    def failed(self, error: BaseException) -> None:
        """Record a failure."""
        what = describe(error)
        with self._lock:
            before = self._trouble
            unforeseen_at = before.unforeseen_at if before else None
            if unforeseen_at is None and not isinstance(error, SyncError):
                unforeseen_at = self._clock.monotonic()
            since = before.since if before else to_text(self._clock.now())
            self._trouble = PartFailure(since, what, unforeseen_at)
            self.failures += 1
        self._fails.say(f"{self.name} fails, and is tried again: {what}")

    def works(self) -> None:
        """Record a success."""
        if self._trouble is None:
            return
        with self._lock:
            before, self._trouble = self._trouble, None
        if before is not None:
            self._recovers.say(f"{self.name} works again; it failed since {before.since}")


class Health:
    """The parts of one server.

    Args:
        clock: The time.
        server: Its name in the log.
    """

    def __init__(self, clock: Clock, *, server: str = "webhooks") -> None:
        self._clock = clock
        self._server = server
        self._hopeless = ThrottledLogger(_LOG, logging.ERROR, server)
        self._parts: list[Part] = []

    def part(self, name: str) -> Part:
        """A new, healthy part."""
        made = Part(name, self._clock, server=self._server)
        self._parts.append(made)
        return made

    def troubles(self) -> list[dict[str, Any]]:
        """The parts that fail: ``part``, ``since`` (UTC) and ``error``."""
        return [
            {"part": part.name, "since": trouble.since, "error": trouble.error}
            for part in self._parts
            if (trouble := part.trouble) is not None
        ]

    def needs_restart(self) -> bool:
        """Whether a part has failed unexpectedly for so long that a new process may help."""
        # Not for expected errors such as a full disk or a wrong setting: a restart cures neither,
        # and a server that reports the error is better than one that restarts again and again.
        now = self._clock.monotonic()
        hopeless = [
            part.name
            for part in self._parts
            if (trouble := part.trouble) is not None
            and trouble.unforeseen_at is not None
            and now - trouble.unforeseen_at >= _HOPELESS_SECONDS
        ]
        if hopeless:
            self._hopeless.say(f"{', '.join(hopeless)}: broken for long; the watchdog may end it")
        return bool(hopeless)

    def exposition(self) -> str:
        """For each part whether it works, and how often it failed, for Prometheus."""
        up = [({"part": one.name}, int(one.trouble is None)) for one in self._parts]
        failures = [({"part": one.name}, one.failures) for one in self._parts]
        return render(
            [Metric("part_up", "gauge", up), Metric("part_failures_total", "counter", failures)]
        )


class SupervisedThread:
    """Repeats a turn until it is stopped.

    After a failed turn it pauses, twice as long with each failure in a row.

    Args:
        part: Records how each turn went.
        turn: One turn; must return often enough for a stop to be noticed.
        first_pause: Seconds after a first failure.
        longest_pause: Seconds at most.
    """

    def __init__(
        self,
        part: Part,
        turn: Callable[[], None],
        *,
        first_pause: float = 1.0,
        longest_pause: float = 15.0,
    ) -> None:
        self._part = part
        self._turn = turn
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=part.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it takes turns."""
        return self._thread.is_alive()

    def rest(self, seconds: float) -> None:
        """Wait, within a turn, but not beyond a stop."""
        self._stopping.wait(seconds)

    def ask_to_stop(self) -> None:
        """The turn at hand is the last."""
        self._stopping.set()

    def stop(self, seconds: float) -> bool:
        """Let the turn at hand end; whether it did in that time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._turn()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the thread goes on
                # Recording may fail as well, for example on a full disk.
                with suppress(Exception):
                    self._part.failed(error)
                pause = self._first_pause * 2.0 ** min(failures, 20)
                failures += 1
                self.rest(min(pause, self._longest_pause))
            else:
                failures = 0
                with suppress(Exception):
                    self._part.works()


def watch_over(
    stop: threading.Event,
    health: Health,
    is_whole: Callable[[], bool],
    check_ledger: Callable[[], None],
) -> None:
    """Send systemd its watchdog signal until `stop` is set.

    While a part needs a restart no signal is sent, so that systemd restarts the unit.

    Args:
        stop: Ends it.
        health: Of the server's parts.
        is_whole: Whether the server's threads live.
        check_ledger: Raises where another file lies in the ledger's place.

    Raises:
        LedgerReplaced: As `check_ledger` does.
        SyncError: A thread ended; whoever started the server is to start it again.
    """
    watchdog = watchdog_seconds()
    beat = min(_BEAT_SECONDS, watchdog / 3) if watchdog else _BEAT_SECONDS
    with closing(SystemdNotifier()) as systemd:
        systemd.tell("READY=1")
        while not stop.wait(beat):
            check_ledger()
            if not is_whole():
                raise SyncError("a part of the server died", hint="start it again")
            if not health.needs_restart():
                systemd.tell("WATCHDOG=1")
        systemd.tell("STOPPING=1")

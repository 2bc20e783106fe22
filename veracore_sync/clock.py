"""The clock, passed as an argument so that tests and the demo control the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Wall clock, monotonic clock and sleep."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Block this thread."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


_LOOKS = 8
_SOON = 0.1


class SharedClock:
    """A server's clock, which several hosts share, carried on by this machine's.

    Hosts whose own clocks differ write and read one ledger, so all of them go by the ledger's
    server.

    Args:
        clock: This machine's.
        ask: Asks the server for its wall clock, in seconds, and for what it calls the time since
            its last start, which is part of each `tick`.
    """

    apart = timedelta(seconds=0.25)
    """How far two processes may be from each other, where the server answers within `_SOON`."""

    def __init__(self, clock: Clock, ask: Callable[[], tuple[float, str]]) -> None:
        self._clock = clock
        best = float("inf")
        for _ in range(_LOOKS):
            # An answer that is late says how late it was at most, not when the server read it: a
            # process that was held up just then would be behind all others for its whole life.
            began, wall = clock.monotonic(), clock.now()
            seconds, boot = ask()
            took = clock.monotonic() - began
            if took < best:
                best = took
                there = datetime.fromtimestamp(seconds - took / 2, UTC)
                self._offset = there - wall
                self._shift = there.timestamp() - began
                self.boot = boot
            if best <= _SOON:
                break

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        return self._clock.now() + self._offset

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, and is alike on all hosts."""
        return self._clock.monotonic() + self._shift

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        self._clock.sleep(seconds)


def surely_past(clock: Clock) -> datetime:
    """The latest moment that no process on the same ledger takes for later than now.

    What others date after it may have happened since; what they date before it has happened.
    """
    return clock.now() - (clock.apart if isinstance(clock, SharedClock) else timedelta(0))


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, as in the ledger and in ``--json``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Parse a text of `to_text` or Vendure into an aware UTC time.

    Raises:
        ValueError: The text is not ISO 8601 with a time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def tick(clock: Clock, *, ahead: timedelta = timedelta(0)) -> str:
    """The current time as ``<boot id> <monotonic seconds>``, for `elapsed` and `moment_of`.

    Any process of this machine can read it until the machine restarts; with a `SharedClock`, that
    of any host, until the server restarts.

    Args:
        clock: The clock.
        ahead: Return the tick of a time that is this much later.
    """
    # The grace before an order is sent again must be real time. The wall clock can be set; the
    # monotonic clock cannot, but it starts anew with each boot, so the boot id is part of the tick.
    return f"{_boot_of(clock)} {clock.monotonic() + ahead.total_seconds():.3f}"


def moment_of(ticked: str | None, clock: Clock) -> datetime | None:
    """The time of a `tick`, expressed in the wall clock as it is set now.

    Returns:
        ``None`` if unknown: another boot, another machine, or no tick.
    """
    boot, _, seconds = (ticked or "").rpartition(" ")
    if boot != _boot_of(clock):
        return None
    return clock.now() - timedelta(seconds=clock.monotonic() - float(seconds))


def elapsed(since: str | None, clock: Clock) -> timedelta | None:
    """The time that has passed at least since a `tick`, even if the wall clock was set meanwhile.

    Returns:
        ``None`` if unknown: another boot, another machine, or no tick.
    """
    boot, _, seconds = (since or "").rpartition(" ")
    if boot != _boot_of(clock):
        return None
    passed = clock.monotonic() - float(seconds)
    return timedelta(seconds=passed) if passed >= 0 else None


def _boot_of(clock: Clock) -> str:
    return clock.boot if isinstance(clock, SharedClock) else _boot()


@cache
def _boot() -> str:
    """The id of this boot; ``-`` if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"

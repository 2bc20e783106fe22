"""The clock, passed as an argument so that tests and the demo control the time."""

from __future__ import annotations

import time
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


class SharedClock:
    """A server's clock, which several hosts share, carried on by this machine's.

    Hosts whose own clocks differ write and read one ledger, so all of them go by the ledger's
    server.

    Args:
        clock: This machine's.
        now: The server's wall clock, just now.
        boot: What the server calls the time since its last start; it is part of each `tick`.
    """

    def __init__(self, clock: Clock, now: datetime, boot: str) -> None:
        self._clock = clock
        self._offset = now - clock.now()
        self._shift = now.timestamp() - clock.monotonic()
        self.boot = boot

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        return self._clock.now() + self._offset

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, and is alike on all hosts."""
        return self._clock.monotonic() + self._shift

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        self._clock.sleep(seconds)


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

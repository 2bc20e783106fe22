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

    Any process of this machine can read it until the machine restarts.

    Args:
        clock: The clock.
        ahead: Return the tick of a time that is this much later.
    """
    # The grace before an order is sent again must be real time. The wall clock can be set; the
    # monotonic clock cannot, but it starts anew with each boot, so the boot id is part of the tick.
    return f"{_boot()} {clock.monotonic() + ahead.total_seconds():.3f}"


def moment_of(ticked: str | None, clock: Clock) -> datetime | None:
    """The time of a `tick`, expressed in the wall clock as it is set now.

    Returns:
        ``None`` if unknown: another boot, another machine, or no tick.
    """
    boot, _, seconds = (ticked or "").rpartition(" ")
    if boot != _boot():
        return None
    return clock.now() - timedelta(seconds=clock.monotonic() - float(seconds))


def elapsed(since: str | None, clock: Clock) -> timedelta | None:
    """The time that has passed at least since a `tick`, even if the wall clock was set meanwhile.

    Returns:
        ``None`` if unknown: another boot, another machine, or no tick.
    """
    boot, _, seconds = (since or "").rpartition(" ")
    if boot != _boot():
        return None
    passed = clock.monotonic() - float(seconds)
    return timedelta(seconds=passed) if passed >= 0 else None


@cache
def _boot() -> str:
    """The id of this boot; ``-`` if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"

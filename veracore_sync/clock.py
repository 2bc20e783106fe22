"""Time as a thing that is handed in, so that tests and the demo own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What the program asks of time."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never step back."""

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, as in the ledger and in ``--json``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The aware UTC moment that `to_text`, or Vendure, wrote.

    Raises:
        ValueError: It is no ISO 8601 moment with a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def tick(clock: Clock, *, ahead: timedelta = timedelta(0)) -> str:
    """This moment as `elapsed` reads it, in any process of this machine until it restarts.

    Args:
        clock: The time.
        ahead: Of a moment that is so much later.
    """
    return f"{_boot()} {clock.monotonic() + ahead.total_seconds():.3f}"


def moment_of(ticked: str | None, clock: Clock) -> datetime | None:
    """The wall clock's moment of a `tick`, as the clock now has it.

    Returns:
        ``None`` where that is unknown: another boot, another machine, or no tick at all.
    """
    boot, _, seconds = (ticked or "").rpartition(" ")
    if boot != _boot():
        return None
    return clock.now() - timedelta(seconds=clock.monotonic() - float(seconds))


def elapsed(since: str | None, clock: Clock) -> timedelta | None:
    """The time that has passed at least since a `tick`, whatever was done to the wall clock.

    Returns:
        ``None`` where that is unknown: another boot, another machine, or no tick at all.
    """
    boot, _, seconds = (since or "").rpartition(" ")
    if boot != _boot():
        return None
    passed = clock.monotonic() - float(seconds)
    return timedelta(seconds=passed) if passed >= 0 else None


@cache
def _boot() -> str:
    """What tells this boot of this machine from any other; a dash where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "-"

"""The jobs that timers start: their intervals, and how long a run may last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from veracore_sync.config import Settings

COMMANDS: Mapping[str, str] = {
    "orders": "sync-orders",
    "inventory": "sync-inventory",
    "tracking": "sync-tracking",
    "returns": "sync-returns",
    "reconcile": "reconcile",
}
"""Each job, which is also its lock and its section of the settings, and its command."""

BACKUP = "ledger backup"
EXPECTED: Mapping[str, str] = {**COMMANDS, "backup": BACKUP}
"""What is missed when it has succeeded before and does no more."""
PINGED: Mapping[str, str] = {command: job for job, command in COMMANDS.items()} | {
    "deliver": "deliver",
    "ledger prune": "prune",
    BACKUP: "backup",
}
"""The commands that timers start, each with the name of its unit."""

_LAST_REQUESTS = timedelta(minutes=1)


def interval(settings: Settings, job: str) -> timedelta:
    """The time between two starts by the timer."""
    if job == "backup":
        return timedelta(minutes=settings.ledger.backup_interval_minutes)
    return timedelta(minutes=_section(settings, job).interval_minutes)


def max_run(settings: Settings, job: str) -> timedelta:
    """After how long a run begins nothing new."""
    return timedelta(minutes=_section(settings, job).max_run_minutes)


def longest_run(settings: Settings, job: str | None) -> timedelta | None:
    """After how long a run is ended even inside a request; ``None``: the job has no limit.

    A job begins nothing new after its ``max_run_minutes``. A request in progress has another
    minute, so that a run that is only long ends between two orders and leaves none in doubt.
    """
    if job is None or job not in COMMANDS:
        return None
    return max_run(settings, job) + _LAST_REQUESTS


def _section(settings: Settings, job: str) -> Any:
    return getattr(settings, job)

"""Whether the jobs work: which is overdue, and which is stuck."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, from_text
from veracore_sync.config import Settings
from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.domain.kinds import AlertKind, stuck_kind
from veracore_sync.domain.ledger_records import RunHistory
from veracore_sync.domain.readable import exactly
from veracore_sync.jobs.schedule import EXPECTED, interval, longest_run
from veracore_sync.ports.ledger import Ledger

_LOG = logging.getLogger(__name__)
# A single failed run is normal, and the next one makes up for it.
_INTERVALS = 3
_SLACK = timedelta(minutes=5)
"""What a run may take beyond its requests, to plan and to write. Generous: no false alarms."""
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class JobTrouble:
    """A job that is overdue or stuck.

    Args:
        job: ``orders``, ``inventory``, … or ``backup``.
        kind: ``overdue``: no success for too long; ``stuck``: a run that does not end.
        since: The last success (without one, the first run), or when the stuck run began; a UTC
            text.
        message: One sentence.
    """

    job: str
    kind: str
    since: str
    message: str


def troubles(ledger: Ledger, settings: Settings, clock: Clock) -> list[JobTrouble]:
    """What is wrong with the jobs now; reads only.

    A job that never ran is not expected to run.
    """
    return [one for job in EXPECTED for one in _troubles(ledger, settings, clock, job)]


def _troubles(ledger: Ledger, settings: Settings, clock: Clock, job: str) -> Iterator[JobTrouble]:
    held = stuck(ledger, settings, clock, job)
    if held is not None:
        yield held
    late = overdue(ledger, settings, clock.now(), job)
    if late is not None:
        yield late


def overdue(ledger: Ledger, settings: Settings, now: datetime, job: str) -> JobTrouble | None:
    """Whether a job has had no success for three of its intervals."""
    history = ledger.reporting.run_history(EXPECTED[job], now)
    since = history.succeeded_at or history.first_at
    if since is None:
        return None
    late_by, longest = now - from_text(since), longest_run(settings, job)
    if late_by <= _INTERVALS * interval(settings, job):
        return None
    may_yet = longest is not None and late_by <= interval(settings, job) + longest
    if may_yet and ledger.runs.is_running(job):
        return None
    return JobTrouble(job, "overdue", since, _overdue_message(EXPECTED[job], history))


def _overdue_message(command: str, history: RunHistory) -> str:
    if history.succeeded_at:
        start = f"{command} has not succeeded since {exactly(history.succeeded_at)}"
    else:
        start = f"{command} has never succeeded; it first ran at {exactly(history.first_at)}"
    if history.failed_at is None:
        return f"{start}, and has not run again: check that its timer is enabled"
    if history.exit_code is None:
        return f"{start}; the run that began at {exactly(history.failed_at)} has not ended"
    error = f": {history.error}" if history.error else ""
    ended = exactly(history.failed_at)
    return f"{start}; the last run ended at {ended} with {history.exit_code}{error}"


def stuck(ledger: Ledger, settings: Settings, clock: Clock, job: str) -> JobTrouble | None:
    """Whether a job's lock has been held for longer than any run may last."""
    holder, longest = ledger.runs.holder(job), longest_run(settings, job)
    if holder is None or longest is None:
        return None
    if clock.now() - from_text(holder.since) <= longest + _SLACK or not ledger.runs.is_running(job):
        return None
    # A process that has just taken the lock has not written its name yet; the row may still show an
    # older run's.
    clock.sleep(_LOOK_AGAIN_SECONDS)
    if ledger.runs.holder(job) != holder or not ledger.runs.is_running(job):
        return None
    message = (
        f"{holder.command} (pid {holder.pid}) has held {job} since {exactly(holder.since)}, longer "
        "than any run may last, so no other run can work: end that process, and the next run "
        "continues"
    )
    return JobTrouble(job, "stuck", holder.since, message)


def found_taken(
    ledger: Ledger, settings: Settings, clock: Clock, command: str, job: str, error: LockHeld
) -> list[str]:
    """Record a run that found its job's lock taken; sentences about what is new."""
    # Without the record, a job whose runs all end in this way would leave no trace.
    result = {"errorClass": str(error.category), "error": error.message}
    try:
        ledger.runs.end(ledger.runs.begin(command), error.exit_code, result)
        trouble = stuck(ledger, settings, clock, job)
        if trouble is not None and ledger.alerts.open(AlertKind(stuck_kind(job)), trouble.message):
            return [trouble.message]
    except LedgerError as busy:
        # The process that holds the job may be stopped in the middle of a transaction.
        _LOG.info("%s: not recorded: %s", command, busy.message)
    return []

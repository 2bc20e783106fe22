"""The ledger: its file, its disk, and what is recorded in it."""

from __future__ import annotations

import shlex
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.config import Settings
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import LedgerError, LedgerOutdated, SyncError
from veracore_sync.domain.hints import HINTS, RECEIVER
from veracore_sync.domain.readable import exactly
from veracore_sync.files import resolved
from veracore_sync.jobs.doctor.alerts import standing_alerts
from veracore_sync.jobs.doctor.assumptions import assumptions
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.doctor.server import server
from veracore_sync.jobs.health import troubles
from veracore_sync.jobs.orders.account import refused_since
from veracore_sync.jobs.reconcile.coverage import last
from veracore_sync.jobs.schedule import BACKUP, COMMANDS, interval
from veracore_sync.jobs.stats import coverage_document, coverage_sentence
from veracore_sync.ledger.opening import is_there, place_of, refuse_unwritable, server_of
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.warehouse import permission_hint
from veracore_sync.waits import is_ahead

_DAMAGED = (
    "restore the newest backup with `veracore-sync ledger restore FILE`; the next `veracore-sync "
    "sync-orders` looks orders up before it sends them"
)
_LEAST_FREE = 100 * 1024 * 1024
_MOUNTS = Path("/proc/mounts")
_BLOCKED_SHOWN = 5
_CLOCKS_SHOWN = 3
_INTERVALS = 2
_NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "glusterfs", "ceph"})


def ledger(
    settings: Settings, open_ledger: Callable[[], Ledger], clock: Clock
) -> Iterator[CheckResult]:
    """Check the ledger; a missing one is not created."""
    yield from _not_before(settings, clock)
    try:
        place = place_of(settings.ledger)
        there = is_there(place)
        found = server_of(place)
    except SyncError as error:
        yield fail("ledger", error)
        return
    if found is not None:
        yield from server(found, clock.now())
    if not there:
        yield ok("ledger", f"{place} does not exist yet: the first run creates it")
        return
    if isinstance(place, Path) and place.exists():
        yield from _file(place)
        try:
            refuse_unwritable(place)
        except LedgerError as error:
            yield fail("ledger", error)
            return
    yield from _content(settings, open_ledger, clock)


def _file(path: Path) -> Iterator[CheckResult]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield warn("ledger", f"{path} has mode {mode:04o}", f"`chmod 600 {shlex.quote(str(path))}`")
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_FREE:
        message = f"{free // 1024 // 1024} MiB are free on the disk of {path}"
        yield warn("disk", message, "free some space")
    place, kind = _mounted(path)
    if place == resolved(path):
        yield warn(
            "file system",
            f"{path} is mounted as a single file: another container does not see its -wal and its "
            "locks, which are in the same folder",
            "mount the folder instead",
        )
    # Over a network, locks may not exclude and the WAL's shared memory is not shared: two runs at
    # once would damage the ledger or send an order twice.
    if kind in _NETWORKED:
        yield warn(
            "file system",
            f"{path} is on {kind}: locks and WAL need a local disk",
            "move ledger.path to a local disk",
        )


def _mounted(path: Path) -> tuple[Path | None, str]:
    """Where the file system of `path` is mounted, and its type; empty if unknown."""
    best: Path | None = None
    kind = ""
    try:
        mounts = _MOUNTS.read_text().splitlines()
    except OSError:
        return None, ""
    for line in mounts:
        _, place, found, *_ = line.split()
        inside = resolved(path).is_relative_to(place)
        if inside and (best is None or len(place) >= len(str(best))):
            best, kind = Path(place), found
    return best, kind


def _content(
    settings: Settings, open_ledger: Callable[[], Ledger], clock: Clock
) -> Iterator[CheckResult]:
    try:
        opened = open_ledger()
        problems = opened.upkeep.check()
    except LedgerOutdated as error:
        # What an upgrade leaves until the first run; nothing has to be done about it.
        yield ok("ledger", f"{error.message}: the next run that writes upgrades it")
        return
    except SyncError as error:
        yield fail("ledger", error)
        return
    if problems:
        yield fail("ledger", LedgerError(f"the ledger is damaged: {problems[0]}", hint=_DAMAGED))
        return
    counts = opened.orders.counts()
    yield ok("ledger", f"{sum(counts.values())} orders, {counts['synced']} synced, intact")
    if opened.meta.rebuilding:
        yield warn(
            "ledger",
            "it is being rebuilt: every command that writes exits with 78",
            "run `veracore-sync ledger rebuild --apply` until it has ended",
        )
    yield from _clock(settings, opened)
    refused = refused_since(opened.meta)
    if refused is not None:
        yield warn(
            "AddOrder",
            f"VeraCore has refused it to every order since {refused}",
            f"{permission_hint('AddOrder')}: see `veracore-sync stats --runs`",
        )
    elif opened.orders.any_accepted():
        yield ok("AddOrder", "VeraCore has accepted an order")
    else:
        yield warn(
            "AddOrder",
            "not proven yet: VeraCore has not accepted an order from this ledger",
            "send the first one: `veracore-sync sync-orders --limit 1`",
        )
    for hook in opened.outbox.summary()["failing"]:
        yield warn(
            "hooks",
            f"hooks.{hook['hook']} has not accepted events since {hook['since']}: {hook['error']}",
            "fix the hook, then run `veracore-sync deliver --force`",
        )
    for trouble in troubles(opened, settings, clock):
        yield warn("jobs", trouble.message, "see `veracore-sync stats --runs`")
    if opened.runs.is_running(RECEIVER) and not opened.runs.is_running(HINTS):
        yield warn(
            "webhooks",
            "deliveries are stored, and nothing follows them: the timers alone sync what they name",
            "start the worker: `systemctl status veracore-sync-webhooks-worker`, or "
            "`veracore-sync serve-webhooks --work-only`",
        )
    yield from _backed_up(opened, clock)
    yield from _compared(settings, opened, clock)
    for one in opened.outbox.blocked()[:_BLOCKED_SHOWN]:
        yield warn(
            "hooks",
            f"hooks.{one.hook} keeps refusing {one.type} of {one.code or 'no order'} ({one.id}), "
            f"waiting since {one.at}: {one.error}",
            f"fix the hook, or skip the event: {command('deliver --skip ID', ID=str(one.id))}",
        )
    yield from standing_alerts(opened.alerts.standing())
    if settings.veracore.dialect == "oms":
        yield from assumptions(opened)


def _not_before(settings: Settings, clock: Clock) -> Iterator[CheckResult]:
    moment = settings.orders.not_before
    if moment is not None and moment > clock.now():
        yield warn(
            "clock",
            f"orders.not_before is {to_text(moment)}, which is in the future: nothing is sent",
            "keep it if that is intended; otherwise set the time from which orders are sent",
        )


def _backed_up(opened: Ledger, clock: Clock) -> Iterator[CheckResult]:
    made_at = opened.reporting.run_history(BACKUP, clock.now()).succeeded_at
    if made_at is not None:
        yield ok("backup", f"the last one was made {exactly(made_at)}")
    elif isinstance(opened.place, Path):
        # None is missed: whoever copies the whole machine needs none.
        yield ok("backup", "no timer has made one yet; docs/backups.md says how")


def _compared(settings: Settings, opened: Ledger, clock: Clock) -> Iterator[CheckResult]:
    # A job that never ran is not expected to run.
    coverage = last(opened)
    if coverage is None:
        return
    counts = opened.differences.summary()
    shown = coverage_sentence(coverage_document(coverage) or {})
    first = opened.reporting.run_history(COMMANDS["reconcile"], clock.now()).first_at
    complete = coverage.complete_at
    if complete is not None and is_ahead(from_text(complete), clock.now()):
        complete = None
    since = complete or first or coverage.ended_at
    if clock.now() - from_text(since) > _INTERVALS * interval(settings, "reconcile"):
        never = "never" if complete is None else f"not since {complete}"
        yield warn(
            "reconcile",
            f"ledger, shop and VeraCore were compared completely {never}; the last run: {shown}",
            "check that veracore-sync-reconcile.timer is enabled; if every run leaves orders for "
            "the next, raise reconcile.lookups_per_run",
        )
        return
    stand = counts["standing"] - counts["accepted"]
    yield ok("reconcile", f"{shown} at {coverage.ended_at}, {stand} differences stand")


def _clock(settings: Settings, opened: Ledger) -> Iterator[CheckResult]:
    ahead = opened.upkeep.moments_ahead(
        cooldown=timedelta(seconds=settings.retry.breaker_cooldown_seconds),
        grace=timedelta(seconds=settings.orders.grace_seconds),
        order_wait=settings.longest_order_wait,
    )
    kinds = list(ahead)
    if not kinds:
        return
    # One wrong clock, so one warning, however many kinds of times it has left.
    effects = dict.fromkeys(one.kind.follows for one in kinds)
    places = [f"{one.kind.place}: {one.count}, the last {one.last}" for one in kinds]
    rest = len(places) - _CLOCKS_SHOWN
    more = f"; {rest} more kinds of times" if rest > 0 else ""
    yield warn(
        "clock",
        f"stored times lie in the future ({'; '.join(places[:_CLOCKS_SHOWN])}{more}): "
        f"{'; '.join(effects)}",
        "check that the machine's clock is right now (`timedatectl`); the rest corrects itself",
    )

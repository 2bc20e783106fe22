"""The work of ``reconcile``, and how a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown as progress_shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import reconcile
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.composition.reconcile import ReconcileOptions
from veracore_sync.config.types import closest
from veracore_sync.domain.advice import about, as_line
from veracore_sync.domain.differences import DIFFERENCES, DifferenceRow, DifferenceType
from veracore_sync.domain.errors import UsageError
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.reconcile.apply import MAX_APPLIED, ApplyReport, repairable
from veracore_sync.jobs.reconcile.document import reconcile_document, shown, since_of
from veracore_sync.jobs.reconcile.report import FoundDifference, Grouped, ReconcileReport
from veracore_sync.jobs.reconcile.run import Wanted

EMPTY: dict[str, Any] = reconcile_document(ReconcileReport(), datetime.now(UTC))
_REASONS = 5
_NAMES = 3


def run(
    program: Globals,
    as_json: bool,
    *,
    since: datetime | None,
    orders: tuple[str, ...],
    types: str,
    accept: str | None,
    name: str | None,
    apply: str | None,
    most: int | None,
    dry_run: bool,
) -> None:
    """Do it, and leave the process with its exit code.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    job = Job(
        "reconcile",
        "reconcile",
        record=not dry_run and accept is None,
        read_only=dry_run,
        empty=EMPTY,
        one_shop=bool(orders) or accept is not None,
    )

    def work(container: Container) -> CommandReport:
        # Parsed here, so that a wrong option is reported as every other error is.
        chosen = types_of(types)
        if accept is not None and apply is not None:
            raise UsageError(
                "--accept and --apply exclude each other",
                hint="what is accepted stays as it is",
            )
        if accept is not None:
            return _accept(container, accept, chosen, [*orders, *filter(None, [name])])
        if name is not None and apply is None:
            raise UsageError(
                "--name goes with --accept or --apply", hint="`--order` names an order"
            )
        if most is not None and apply is None:
            raise UsageError("--max goes with --apply", hint="`--apply` names types to repair")
        wanted = Wanted(_since(container, since, orders), chosen)
        options = ReconcileOptions(
            RunOptions(only=orders, dry_run=dry_run),
            wanted,
            chosen,
            repairable(types_of(apply)) if apply is not None else (),
            MAX_APPLIED if most is None else most,
            (name,) if name is not None else (),
        )
        with progress_shown(quiet=as_json) as progress:
            return reconcile.reconcile(container, options, partial(show, types=chosen), progress)

    run_command(job, program, as_json, work)


def types_of(text: str) -> frozenset[DifferenceType]:
    """The types that a person named, with commas between them.

    Raises:
        UsageError: One of them does not exist.
    """
    known = {str(one): one for one in DifferenceType}
    found = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in known:
            raise UsageError(
                f"there is no type of differences {name!r}{closest(name, known)}",
                hint=f"the types are {', '.join(known)}",
            )
        found.add(known[name])
    return frozenset(found)


def _since(container: Container, since: datetime | None, orders: Sequence[str]) -> datetime | None:
    if since is None:
        return None
    if orders:
        raise UsageError(
            "--since and --order exclude each other",
            hint="an order that is named is compared whatever its age",
        )
    moment = since.replace(tzinfo=UTC)
    if moment > container.clock.now():
        raise UsageError(f"--since {since:%Y-%m-%d} lies ahead", hint="name a day that is past")
    return moment


def _accept(
    container: Container, reason: str, types: frozenset[DifferenceType], names: Sequence[str]
) -> CommandReport:
    if len(types) != 1 or len(names) != 1:
        raise UsageError(
            "--accept needs one --type, and one --order or --name",
            hint='`veracore-sync reconcile --accept "why" --type tracking_differs --order CODE`',
        )
    (type,) = types
    return reconcile.accept_difference(container, type, names[0], reason, _show_accepted)


def _show_accepted(rows: list[DifferenceRow]) -> None:
    for row in rows:
        one = row.difference
        say(f"{one.name}: {one.type} is accepted as it is; only other evidence is news")


# ---- for a person -----------------------------------------------------------------------------


def show(
    report: ReconcileReport,
    applied: ApplyReport | None = None,
    types: frozenset[DifferenceType] = frozenset(),
) -> None:
    """The run as a person reads it."""
    for notice in report.notices:
        say(notice)
    now = datetime.now(UTC)
    found = shown(report, types)
    if found:
        heads = ["type", "name", "age", "ledger", "shop", "VeraCore", "repair"]
        table(heads, [_row(one, now) for one in found])
    for line in (*_reasons("not read", report.unseen), *_reasons("on its way", report.moving)):
        say(line)
    say(*totals_lines(report))
    if applied is not None:
        _show_applied(applied)


def _show_applied(report: ApplyReport) -> None:
    rows = [
        (one.outcome.replace("_", " "), one.type, _named(one.name, one.detail), one.sentence)
        for one in report.applied
    ]
    if rows:
        table(["outcome", "type", "name", "what was done"], rows)
    counts = [f"{count} {name.replace('_', ' ')}" for name, count in report.counts().items()]
    say(", ".join(counts) or "nothing was to be repaired")


def _named(name: str, detail: str) -> str:
    return f"{name} ({detail})" if detail else name


def totals_lines(report: ReconcileReport) -> list[str]:
    """How much was compared, and what was found, a sentence each."""
    lines = [report.completeness()]
    if report.skus is not None:
        lines.append(f"{report.skus:,} SKUs compared")
    count = len(report.found)
    counts = [f"{count} difference{'' if count == 1 else 's'}", f"{report.new_count} new"]
    if report.accepted_count:
        counts.append(f"{report.accepted_count} accepted")
    if report.ended:
        counts.append(f"{report.ended} gone")
    lines.append(", ".join(counts))
    if report.plan is not None:
        lines.append("nothing was stored")
    return lines


def _row(one: FoundDifference, now: datetime) -> tuple[str, ...]:
    difference = one.difference
    name = _named(difference.name, difference.detail)
    kind = f"{difference.type} (accepted)" if one.is_accepted else str(difference.type)
    age = age_of(now - since_of(one, now))
    sides = (difference.ledger, difference.shop, difference.warehouse)
    return (kind, name, age, *sides, repair_of(one))


def repair_of(one: FoundDifference) -> str:
    """What repairs it: the command to type, or what a person does."""
    if one.is_accepted:
        return f"accepted: {one.reason}" if one.reason else "accepted"
    if one.difference.repair:
        return as_line(f"veracore-sync {one.difference.repair}")
    return about(DIFFERENCES[one.difference.type].by_hand, NAME=one.difference.name)


def age_of(age: timedelta) -> str:
    """How long something lasts, in the largest unit that shows it."""
    minutes = max(0, int(age.total_seconds() // 60))
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= size:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def _reasons(what: str, groups: dict[str, Grouped]) -> Iterator[str]:
    most_first = sorted(groups.items(), key=lambda item: -item[1].count)
    for reason, group in most_first[:_REASONS]:
        named = ", ".join(group.names[:_NAMES])
        more = ", …" if group.count > _NAMES else ""
        yield f"{what}: {group.count} ({named}{more}): {reason}"
    if (rest := len(most_first) - _REASONS) > 0:
        yield f"{what}: {rest} more reasons (--json lists all)"

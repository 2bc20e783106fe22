"""The work of ``sync-tracking``, and how a person reads it."""

from __future__ import annotations

from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.reasons import say_notices, say_reasons
from veracore_sync.cli.run_sync import run_sync
from veracore_sync.composition.tracking import sync_tracking
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, action_document
from veracore_sync.jobs.tracking.report import LEFT, TrackingReport

EMPTY: dict[str, Any] = dict.fromkeys(TRACKING_COUNTS, 0) | {"orders": [], "reasons": []}


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    force: bool,
    dry_run: bool,
) -> None:
    """Do it; see `RunOptions` and `run_sync`."""
    options = RunOptions(only=only, force=force, dry_run=dry_run)
    run_sync(program, as_json, "tracking", options, partial(sync_tracking, show=show), EMPTY)


def show(report: TrackingReport) -> None:
    """The run as a person reads it."""
    say_notices(report)
    if report.plan is not None:
        _show_plan(report)
        return
    # What is left has its line with the reason; the table shows what was done.
    rows = [
        (one.code, one.slip, one.what, one.detail)
        for one in report.outcomes
        if one.what not in LEFT
    ]
    if rows:
        table(["order", "slip", "outcome", ""], rows)
    say_reasons(one for one in report.reasons if one.reason)
    counts = [_looked_up(report), f"{report.updated:,} fulfilled"]
    if report.errors:
        counts.append(f"{report.errors:,} failed")
    if report.stopped_by is None or report.checked:
        say(", ".join(counts))


def _looked_up(report: TrackingReport) -> str:
    return f"{report.checked:,} order{'' if report.checked == 1 else 's'} looked up"


def _show_plan(report: TrackingReport) -> None:
    rows = []
    for code, action in report.plan or ():
        document = action_document(code, action)
        detail = document.get("reason") or document.get("trackingCode") or ""
        rows.append((document["action"], code, document["slip"] or "", detail))
    if rows:
        table(["action", "order", "slip", "what"], rows)
    say_reasons(one for one in report.reasons if one.reason)
    say(_looked_up(report) + ("" if rows else ", nothing would be fulfilled"))

"""The work of ``sync-returns``, and how a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.reasons import say_notices, say_reasons
from veracore_sync.cli.run_sync import run_sync
from veracore_sync.composition.returns import sync_returns
from veracore_sync.domain.returns import Receipt
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.returns.document import RETURNS_COUNTS
from veracore_sync.jobs.returns.report import ReturnsReport

EMPTY: dict[str, Any] = dict.fromkeys(RETURNS_COUNTS, 0) | {"receipts": [], "reasons": []}


def run(program: Globals, as_json: bool, *, dry_run: bool) -> None:
    """Do it; see `RunOptions` and `run_sync`."""
    options = RunOptions(dry_run=dry_run)
    run_sync(program, as_json, "returns", options, partial(sync_returns, show=show), EMPTY)


def show(report: ReturnsReport) -> None:
    """The run as a person reads it."""
    say_notices(report)
    found = report.received if report.plan is None else report.plan
    _show(found)
    say_reasons(report.reasons)
    new = "new" if report.plan is None else "would be reported"
    counts = [f"{len(found):,} {new}"]
    if report.listed > len(found):
        counts.append(f"{report.listed - len(found):,} known already")
    if report.plan is None:
        counts.append(f"{report.notes:,} notes written")
    say(f"{report.listed:,} receipts listed: {', '.join(counts)}")


def _show(receipts: Sequence[tuple[str | None, Receipt]]) -> None:
    rows = [
        (code or row.order_id, row.slip, row.product, row.quantity, one.day, row.disposition)
        for code, one in receipts
        for row in (one.row,)
    ]
    if rows:
        table(["order", "slip", "product", "units", "came back", "disposition"], rows)

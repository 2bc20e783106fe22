"""The work of ``sync-inventory``, and how a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.reasons import say_notices, say_reasons
from veracore_sync.cli.run_sync import run_sync
from veracore_sync.composition.inventory import sync_inventory
from veracore_sync.domain.readable import counted
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, action_document
from veracore_sync.jobs.inventory.preview import Preview, Totals
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.kernel import RunOptions

EMPTY: dict[str, Any] = dict.fromkeys(INVENTORY_COUNTS, 0) | {"reasons": []}


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    force: bool,
    allow_mass_change: bool,
    full: bool,
    dry_run: bool,
) -> None:
    """Do it; see `RunOptions` and `run_sync`."""
    options = RunOptions(
        only=only, force=force, allow_mass_change=allow_mass_change, full=full, dry_run=dry_run
    )
    run_sync(program, as_json, "inventory", options, partial(sync_inventory, show=show), EMPTY)


def show(report: InventoryReport) -> None:
    """The run as a person reads it."""
    say_notices(report)
    if report.plan is not None:
        _show_plan(report, report.plan)
        return
    say_reasons(report.reasons)
    counts = [(report.updated, "updated"), (report.skipped, "skipped"), (report.errors, "refused")]
    counts.append((report.withheld, "withheld"))
    rest = report.processed - sum(count for count, _ in counts)
    if report.stopped_by is None and report.guard is None:
        counts.append((max(0, rest), "right already"))
    parts = [f"{count:,} {name}" for count, name in counts if count] or ["nothing was written"]
    if report.stopped_by is None or report.processed:
        say(f"{_read(report)}: {', '.join(parts)}")


def _read(report: InventoryReport) -> str:
    if report.mode is RunMode.CHANGES:
        return f"{_variants(report.processed)} that may have changed"
    because = f" (all: {report.full_because})" if report.full_because else ""
    return f"{_variants(report.processed)}{because}"


def _variants(count: int) -> str:
    return f"{count:,} variant{'' if count == 1 else 's'}"


def _show_plan(report: InventoryReport, plan: Preview) -> None:
    names = report.location_names
    rows = [*_rows(plan.written, "", names), *_rows(plan.withheld, "withheld", names)]
    if rows:
        table(["SKU", "location", "for sale", "would be", "on hand", ""], rows)
    more = plan.written_count + plan.withheld_count - len(plan.written) - len(plan.withheld)
    if more > 0:
        say(f"({more:,} more are not shown)")
    if len(rows) > len(plan.largest):
        say("", "largest changes:")
        table(["SKU", "for sale", "would be", "change"], map(_change, plan.largest))
        say()
    say_reasons(report.reasons)
    say(_totals_line(plan.totals))
    withheld = f", {plan.withheld_count:,} withheld" if plan.withheld_count else ""
    say(f"{plan.written_count:,} of {_variants(report.processed)} would be written{withheld}")


def _change(one: Planned) -> tuple[object, ...]:
    was, units = sum(one.before.values()), sum(one.saleable.values())
    return one.sku, was, units, f"{units - was:+,}"


def _rows(
    planned: list[Planned], mark: str, names: Mapping[str, str]
) -> Iterator[tuple[object, ...]]:
    for action in planned:
        for level in action_document(action)["levels"]:
            at = level["location"]
            counts = (level[name] for name in ("before", "saleable", "stockOnHand"))
            yield (action.sku, names.get(at, at), *counts, mark)


def _totals_line(totals: Totals) -> str:
    parts = []
    if totals.increases:
        parts.append(
            f"{counted(totals.increases, 'increase')} (+{counted(totals.units_more, 'unit')})"
        )
    if totals.decreases:
        zero = f", {totals.to_zero:,} of them to zero" if totals.to_zero else ""
        parts.append(
            f"{counted(totals.decreases, 'decrease')} (-{counted(totals.units_less, 'unit')}{zero})"
        )
    if totals.moved:
        parts.append(f"{totals.moved:,} moved between locations")
    if totals.unchanged:
        parts.append(f"{totals.unchanged:,} rewritten unchanged")
    return f"the whole plan: {'; '.join(parts)}" if parts else "nothing differs"

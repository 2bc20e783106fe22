"""``report``: orders and shipments of a period, with what they cost and how long they took."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.readable import counted, precise_span
from veracore_sync.domain.throughput import Spans
from veracore_sync.jobs.period_report import (
    CostSum,
    PeriodReport,
    ReportLine,
    flat_rows,
    period_report,
    report_document,
)
from veracore_sync.jobs.throughput import DayRange

_DAYS = 30
_MOST_DAYS = 3660
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Grouping(StrEnum):
    """What a line is about."""

    DAY = "day"
    CARRIER = "carrier"
    SERVICE = "service"


def report(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="First day, as the warehouse's time zone has it.",
            show_default="29 days before --until",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Last day, which counts too.",
            show_default="today",
        ),
    ] = None,
    by: Annotated[
        Grouping, typer.Option("--by", help="What a line is about: day, carrier or service.")
    ] = Grouping.DAY,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, without a total, for a spreadsheet.")
    ] = False,
    every_shop: Annotated[
        bool, typer.Option("--all", help="Report every shop of the folder of configurations.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Sum up orders and shipments by day, carrier or service, with freight and lead times.

    Reads only the ledger. Freight is what VeraCore showed when it shipped.
    """
    options: Globals = context.obj
    if every_shop:
        options = replace(options, every_shop=True)

    def work(container: Container) -> CommandReport:
        if as_csv and as_json:
            raise UsageError("--csv and --json exclude each other", hint="name one of the two")
        ledger, settings = container.ledger, container.settings
        if ledger.place is None:
            # Zeros would look as if nothing had been sold.
            raise container.no_ledger()
        zone = settings.tracking_zone
        days = DayRange(*_period(since, until, ledger.clock.now().astimezone(zone).date()), zone)
        found = period_report(ledger, days, by.value, settings.veracore.currency)
        shown = _Shown(found, as_csv)
        return CommandReport(report_document(found), show=shown, asked_for=True)

    def together(reports: Mapping[str, CommandReport]) -> None:
        found = {
            name: one.show.report for name, one in reports.items() if isinstance(one.show, _Shown)
        }
        write_csv(found, with_shop=True)

    job = Job("report", read_only=True)
    run_command(job, options, as_json, work, together if as_csv else None)


def _period(since: datetime | None, until: datetime | None, today: date) -> tuple[date, date]:
    last = until.date() if until else today
    if abs((last - today).days) >= _MOST_DAYS:
        raise UsageError(
            f"--until {last} is more than {_MOST_DAYS} days from today",
            hint=f"for example {command('report --until DAY', DAY=str(today))}",
        )
    usual = last - timedelta(days=_DAYS - 1)
    example = command("report --since FIRST --until LAST", FIRST=str(usual), LAST=str(last))
    hint = f"for example {example}"
    first = since.date() if since else usual
    if first > last:
        raise UsageError(f"--since {first} is after --until {last}", hint=hint)
    if (last - first).days >= _MOST_DAYS:
        raise UsageError(f"{first} to {last} are more than {_MOST_DAYS} days", hint=hint)
    return first, last


class _Shown:
    """Prints one report."""

    def __init__(self, report: PeriodReport, as_csv: bool) -> None:
        self.report = report
        self._as_csv = as_csv

    def __call__(self) -> None:
        if self._as_csv:
            write_csv({"": self.report}, with_shop=False)
        else:
            show_report(self.report)


def write_csv(reports: Mapping[str, PeriodReport], *, with_shop: bool) -> None:
    """Write the lines of reports as CSV, with one line of headings."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, (shop, one) in enumerate(reports.items()):
        columns, rows = flat_rows(one)
        names = ["shop"] if with_shop else []
        if number == 0:
            writer.writerow([*names, *columns])
        shops = [shop] if with_shop else []
        for row in rows:
            writer.writerow([*map(_cell, shops), *(_cell(row[column]) for column in columns)])


def _cell(value: Any) -> Any:
    # A carrier's name comes from elsewhere, and a spreadsheet would run it as a formula.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def show_report(report: PeriodReport) -> None:
    """Write a report as a table, with what it leaves out below."""
    amounts = report.currency or "the warehouse's currency"
    say(f"{report.first} to {report.last}, days of {report.zone}; amounts in {amounts}")
    lines = [line for line in report.lines if not _is_empty(line)]
    empty = len(report.lines) - len(lines)
    if not lines:
        say("nothing was ordered, sent or shipped in these days")
    else:
        report = replace(report, lines=lines)
        say()
        table(*_columns(report))
        say()
        if report.by == "day":
            say("to send: the middle time from an order's payment until it was sent to VeraCore")
        say("to ship: the middle time from then until the last package left; 95 %: most took less")
        if empty:
            say(f"without any: {counted(empty, 'day')}")
    for note in report.notes:
        say(note)
    if report.total.shipments and not report.currency:
        say("VeraCore does not say in which currency: veracore.currency names it")


def _is_empty(line: ReportLine) -> bool:
    """Whether nothing was ordered, sent or shipped on that day."""
    return not (line.shipments or line.sent or any((line.orders or {}).values()))


_Value = Callable[[ReportLine, int], object]
_HALF, _OFTEN = 50, 95
_OF_A_DAY: Sequence[tuple[str, _Value]] = (
    ("orders", lambda line, _: sum((line.orders or {}).values())),
    ("sent", lambda line, _: line.sent),
    ("to send", lambda line, _: _took(line.paid_to_sent, _HALF)),
    ("95 %", lambda line, _: _took(line.paid_to_sent, _OFTEN)),
)
_OF_SHIPMENTS: Sequence[tuple[str, _Value]] = (
    ("shipments", lambda line, _: line.shipments),
    ("packages", lambda line, _: line.packages),
    ("freight", lambda line, digits: _money(line.freight, digits)),
    ("charges", lambda line, digits: _money(line.charges, digits)),
    ("to ship", lambda line, _: _took(line.sent_to_shipped, _HALF)),
    ("95 %", lambda line, _: _took(line.sent_to_shipped, _OFTEN)),
)
"""Columns after the name: heading, and what of a line is in it."""


def _columns(report: PeriodReport) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the table, with numbers to the right; the total is the last row."""
    lines, names = [*report.lines, report.total], list(report.lines[0].name)
    last = ["total", *[""] * (len(names) - 1)]
    columns = [
        (name, [*(line.name[name] or "(none)" for line in report.lines), end])
        for name, end in zip(names, last, strict=True)
    ]
    for heading, value in _shown_numbers(report):
        texts = [str(value(line, report.digits)) for line in lines]
        width = max(map(len, (heading, *texts)))
        columns.append((heading.rjust(width), [text.rjust(width) for text in texts]))
    rows = zip(*(texts for _, texts in columns), strict=True)
    return [heading for heading, _ in columns], [list(row) for row in rows]


def _shown_numbers(report: PeriodReport) -> Sequence[tuple[str, _Value]]:
    numbers = (*(_OF_A_DAY if report.by == "day" else ()), *_OF_SHIPMENTS)
    # Most warehouses enter none.
    return [one for one in numbers if one[0] != "charges" or report.total.charges.total]


def _took(spans: Spans | None, share: int) -> str:
    length = None if spans is None else spans.median if share == _HALF else spans.p95
    return "-" if length is None else precise_span(length)


def _money(cost: CostSum, digits: int) -> str:
    return "-" if cost.total is None else f"{Decimal(cost.total).scaleb(-digits):,}"

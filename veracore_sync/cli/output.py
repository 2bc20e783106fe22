"""Output of a command: one JSON document, or tables and lines; failures as a paragraph."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from veracore_sync.cli import messages
from veracore_sync.cli.advice import advised
from veracore_sync.cli.journal import WARNING
from veracore_sync.domain.errors import ConfigError, SyncError
from veracore_sync.domain.texts import to_json, visible


def on_terminal() -> bool:
    """Whether a person is reading stdout."""
    return sys.stdout.isatty()


_quiet = False


def set_quiet(wanted: bool) -> None:
    """Whether ``-q`` was given: only what was asked for by itself is shown, and errors."""
    global _quiet
    _quiet = wanted


def shows_extras(*, results_go_elsewhere: bool = False) -> bool:
    """Whether a person sees what nobody asked for by itself: progress, the summary of a run.

    Args:
        results_go_elsewhere: stdout goes to a file or another program, as it is meant to.
    """
    return not _quiet and (results_go_elsewhere or on_terminal())


def say(*lines: str) -> None:
    """Write lines of the result to stdout; without any, an empty one."""
    # Each is one line on the terminal, whatever an order's code or a message holds.
    sys.stdout.write("".join(f"{visible(advised(line))}\n" for line in lines or ("",)))


def warn(text: str, priority: int = WARNING) -> None:
    """Write a line to stderr, in the journal with its syslog priority."""
    messages.write(text, priority)


def print_json(document: Mapping[str, Any]) -> None:
    """Write the document of ``--json``."""
    text = to_json(document, indent=2)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # Escapes of JSON, which mean the same; a terminal's own would not be JSON.
        text = json.dumps(document, indent=2)
    sys.stdout.write(text + "\n")


def error_document(error: SyncError) -> dict[str, Any]:
    """A failure as every ``--json`` document shows it, under ``error``."""
    document: dict[str, Any] = {
        "class": str(error.category),
        "message": error.message,
        "hint": advised(error.hint),
        "exitCode": error.exit_code,
    }
    if isinstance(error, ConfigError) and error.problems:
        document["problems"] = list(error.problems)
    return document


def error_lines(error: SyncError) -> list[str]:
    """A failure as text: the message, its single problems, and the hint."""
    problems = list(error.problems) if isinstance(error, ConfigError) else []
    if problems == [error.message]:
        problems = []
    return [
        f"veracore-sync: {error.message}",
        *(f"  - {problem}" for problem in problems),
        f"  {error.hint}",
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, coloured on a terminal, in plain columns elsewhere; numbers add up."""
    given = [list(row) for row in rows]
    texts = [[_cell(cell) for cell in row] for row in given]
    numbers = [_holds_numbers([row[i] for row in given]) for i in range(len(columns))]
    if on_terminal():
        _rich_table(columns, texts, numbers)
        return
    widths = [max(len(row[i]) for row in [list(columns), *texts]) for i in range(len(columns))]
    for row in [list(columns), *texts]:
        cells = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        )
        say("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if type(value) is int else visible(str(value))


def _holds_numbers(cells: Sequence[object]) -> bool:
    """Whether a column is of counts, which are read from the right; it may have gaps."""
    filled = [cell for cell in cells if cell not in ("", None)]
    return bool(filled) and all(type(cell) is int for cell in filled)


def _rich_table(
    columns: Sequence[str], texts: Sequence[Sequence[str]], numbers: Sequence[bool]
) -> None:
    # rich takes longer to import than most commands take to run.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(header_style="bold", box=None, pad_edge=False)
    for column, is_number in zip(columns, numbers, strict=True):
        drawn.add_column(column, justify="right" if is_number else "left")
    for row in texts:
        drawn.add_row(*(_coloured(escape(cell)) for cell in row))
    Console().print(drawn)


_COLOURS = {
    "at VeraCore": "green",
    "waiting": "yellow",
    "failed, tried again": "yellow",
    "in doubt": "yellow",
    "in conflict": "red",
    "synced": "green",
    "shipped": "green",
    "ok": "green",
    "failed": "yellow",
    "in_doubt": "yellow",
    "sending": "yellow",
    "parked": "red",
    "conflict": "red",
    "cancelled": "red",
}


def _coloured(cell: str) -> str:
    colour = _COLOURS.get(cell)
    return f"[{colour}]{cell}[/{colour}]" if colour else cell

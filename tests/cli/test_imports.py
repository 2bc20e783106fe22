"""What a command does not need is not imported: starting is most of what a short one costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands_kit import whole_program

from veracore_sync.cli.app import app
from veracore_sync.cli.commands import COMMANDS
from veracore_sync.ledger import open_ledger

HEAVY = (
    "httpx",
    "pydantic",
    "sqlite_utils",
    "graphql",
    "jinja2",
    "urllib.request",
    "backoff",
    "apprise",
)
OF_EITHER_SIDE = (
    "httpx",
    "sqlite_utils",
    "graphql",
    "jinja2",
    "backoff",
    "defusedxml",
    "rich.table",
)
"""What asks neither side, and upgrades no ledger, does without."""
OF_NO_JOB = (
    *OF_EITHER_SIDE,
    "sqlite3",
    "veracore_sync.jobs",
    "veracore_sync.composition",
    "veracore_sync.config",
)
"""What only explains itself does without."""
OF_NO_RUN = ("asyncio", "backoff", "click", "pygments", "rich", "sqlite_utils", "jinja2", "apprise")
"""What a run does without: httpx brings none of them, and no read fails."""

NEVER = {
    "--version": (*HEAVY, "typer", "sqlite3", "rich", "veracore_sync.cli"),
    "--help": (*HEAVY, "sqlite3", "veracore_sync.cli.run_command"),
    "sync-orders --help": OF_NO_JOB,
    "sync-inventory --help": OF_NO_JOB,
    "sync-tracking --help": OF_NO_JOB,
    "sync-orders --json": (
        *OF_NO_RUN,
        "veracore_sync.jobs.inventory.run",
        "veracore_sync.jobs.tracking.run",
    ),
    "sync-inventory --json": (*OF_NO_RUN, "veracore_sync.jobs.orders.run"),
    "sync-tracking --json": (*OF_NO_RUN, "veracore_sync.jobs.orders.run"),
    "stats": (*OF_EITHER_SIDE, "veracore_sync.ports.shop", "veracore_sync.ports.warehouse"),
    "stats --runs": OF_EITHER_SIDE,
    "config show": (*OF_EITHER_SIDE, "sqlite3", "veracore_sync.ledger", "veracore_sync.ports"),
    "timers": OF_EITHER_SIDE,
    "ledger check": OF_EITHER_SIDE,
    "breaker reset": OF_EITHER_SIDE,
}


@pytest.mark.parametrize("line", NEVER)
def test_only_what_is_needed_is_imported(line: str, tmp_path: Path) -> None:
    arguments, never = line.split(), NEVER[line]
    open_ledger(tmp_path / "ledger.db").close()
    program = (
        "import os, sys, runpy\n"
        f"os.environ['VERACORE_SYNC_LEDGER__PATH'] = {str(tmp_path / 'ledger.db')!r}\n"
        f"sys.argv = ['veracore-sync', *{arguments!r}]\n"
        "try: runpy.run_module('veracore_sync', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print(*[name for name in {never!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout
    assert done.stderr.split() == []


def test_a_command_is_listed_with_the_first_sentence_of_its_own_help() -> None:
    whole = whole_program().commands
    assert {name: one.get_short_help_str(200) for name, one in whole.items()} == {
        name: entry.summary for name, entry in COMMANDS.items()
    }
    assert list(typer.main.get_command(app).commands) == list(COMMANDS)


_EACH_FIRST = """
import importlib, os, sys
import httpx, pydantic, sqlite_utils, typer  # what they share, once

failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
assert not any(name.startswith("veracore_sync") for name in sys.modules)
print(*failed)
"""


def test_each_command_can_be_the_first_that_is_imported() -> None:
    """A circle of imports shows only from one side; most tests run in what has imported all."""
    modules = {entry.target.partition(":")[0] for entry in COMMANDS.values()}
    names = sorted(f"veracore_sync.cli.{module}" for module in modules)
    done = subprocess.run(
        [sys.executable, "-c", _EACH_FIRST, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [], done.stderr
    assert len(names) > 20

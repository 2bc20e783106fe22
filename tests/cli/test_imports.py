"""What a command does not need is not imported: starting is most of what a short one costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--version"], (*HEAVY, "typer", "sqlite3", "rich")),
        (["--help"], (*HEAVY, "sqlite3")),
        (["sync-orders", "--help"], ("graphql", "jinja2", "apprise")),
        (["config", "show"], ("graphql", "jinja2", "apprise")),
    ],
)
def test_only_what_is_needed_is_imported(arguments: list[str], never: tuple[str, ...]) -> None:
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['veracore-sync', *{arguments!r}]\n"
        "try: runpy.run_module('veracore_sync', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print(*[name for name in {never!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr.split() == []

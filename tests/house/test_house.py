"""The figures of the code stay within their limits, and the script that counts them does count."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "house.py"

CLEAN = {
    "domain/errors.py": "class SyncError(Exception): ...\nclass Lost(SyncError): ...\n",
    "domain/failures.py": "ENDS = (SyncError, Lost)\n",
    "ledger/stores.py": "import sqlite3\nROWS = 'SELECT code FROM orders'\n",
    "veracore/oms/client.py": "class Oms: ...\n",
    "veracore/connect.py": "from veracore_sync.veracore.oms.client import Oms\n",
    "cli/commands.py": "COMMANDS = ('stats:stats',)\n",
    "cli/stats.py": "@app.command('stats')\ndef stats():\n    # Why it is so.\n    return 1\n",
    "sandbox/server.py": "import sqlite3\nclass Oms: ...\n",
}


HOUSE = runpy.run_path(str(SCRIPT))


def figures(root: Path) -> dict[str, Any]:
    found = HOUSE["figures"](root)
    whole: dict[str, Any] = json.loads(json.dumps(found | {"beyond": HOUSE["beyond"](found)}))
    return whole


def test_what_the_script_prints_and_ends_with(tmp_path: Path) -> None:
    root = small_house(tmp_path, domain__late="def late():\n    import os\n" * 99)
    done = subprocess.run(
        [sys.executable, SCRIPT, "--json", "--root", root], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == figures(root)
    assert figures(root)["beyond"]


def small_house(root: Path, **more: str) -> Path:
    for name, text in (CLEAN | {k.replace("__", "/") + ".py": v for k, v in more.items()}).items():
        path = root / "veracore_sync" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return figures(ROOT)


def test_no_figure_is_beyond_its_limit(ours: dict[str, Any]) -> None:
    assert ours["beyond"] == []


def test_the_plain_text_tells_the_same_figures(ours: dict[str, Any]) -> None:
    lines = HOUSE["_as_text"]({name: found for name, found in ours.items() if name != "beyond"})
    assert {line.split(":")[0].replace(" ", "_") for line in lines} >= ours.keys() - {"beyond"}


def test_what_a_clean_house_shows(tmp_path: Path) -> None:
    found = figures(small_house(tmp_path))
    assert found["modules"] == len(CLEAN) - 1
    assert found["class_names_in_several_files"] == {}
    assert found["failure_deciders"] == {}
    assert found["ledger_leaks"] == {}
    assert found["imports_inside_functions"] == found["type_checking_imports"] == 0
    assert found["files_for_a_dialect"] == 2
    assert found["files_for_a_command"] == 2
    assert found["files_for_a_failure_class"] == found["files_for_a_ledger_backend"] == 1


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ("class_names_in_several_files", "class Oms: ...\n"),
        ("imports_inside_functions", "def late():\n    import os\n"),
        (
            "type_checking_imports",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\n",
        ),
        ("modules_that_import_cli", "from veracore_sync.cli.stats import stats\n"),
        ("failure_deciders", "COUNTED = frozenset({What.RESET, What.TIMEOUT})\n"),
        ("failure_deciders", "try: ...\nexcept (SyncError, Lost): ...\n"),
        ("failure_deciders", "again = 'deadlock' in error.message.lower()\n"),
        ("ledger_leaks", "with ledger.database.transaction(): ...\n"),
        ("ledger_leaks", "ROWS = 'SELECT code FROM orders'\n"),
        ("ledger_leaks", "import sqlite3\n"),
        ("ignores", "x: int = ''  # type: ignore[assignment]\n"),
        ("runs_are_built_at", "OrdersRun(shop, warehouse).run()\n"),
        ("modules_that_double_a_wait", "wait = 2.0 ** min(tries, 20)\n"),
        ("private_words", "told = 1\n"),
        ("replaced_names", "class Strangers: ...\n"),
    ],
)
def test_each_fault_is_counted(tmp_path: Path, figure: str, text: str) -> None:
    before = figures(small_house(tmp_path))[figure]
    after = figures(small_house(tmp_path, jobs__extra=text))[figure]
    assert count(after) == count(before) + 1


def count(value: Any) -> int:
    return value if isinstance(value, int) else len(value)

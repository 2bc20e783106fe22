"""A signal that strikes before a command has begun ends it as one that strikes later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STRUCK_WHILE_IMPORTING = """
import os, sys
from veracore_sync.cli import commands
number, load = int(sys.argv.pop(1)), commands.import_module
def struck(name):
    os.kill(os.getpid(), number)
    return load(name)
commands.import_module = struck
from veracore_sync.__main__ import main
main()
"""


def run(folder: Path, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STRUCK_WHILE_IMPORTING, str(number), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize(("number", "code"), [(1, 143), (2, 130), (15, 143)])
def test_while_modules_are_imported(tmp_path: Path, number: int, code: int) -> None:
    done = run(tmp_path, number, "sync-orders", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["error"]["exitCode"]) == (code, code)
    assert (document["submitted"], document["orders"]) == (0, [])
    assert done.stderr == ""


def test_while_a_command_is_imported_that_needs_no_settings(tmp_path: Path) -> None:
    assert run(tmp_path, 15, "init", "--offline").returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_while_the_simulator_is_imported(tmp_path: Path) -> None:
    done = run(tmp_path, 15, "sandbox", "--port", "0")
    assert (done.returncode, done.stdout) == (-15, "")


@pytest.mark.parametrize("number", [2, 15])
def test_while_a_library_compiles_source_of_its_own(tmp_path: Path, number: int) -> None:
    (tmp_path / "struck.py").write_text(
        "import signal, sys; from veracore_sync.cli import signals; signals.catch()\n"
        f"try: exec('signal.raise_signal({number})')\n"
        "except KeyboardInterrupt: sys.exit(7)"
    )
    command = [sys.executable, "-m", "struck"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 7


def test_nohup_keeps_its_promise(tmp_path: Path) -> None:
    (tmp_path / "hung_up.py").write_text(
        "import signal; from veracore_sync.cli import signals; signals.catch()\n"
        "signal.raise_signal(signal.SIGHUP)"
    )
    command = ["nohup", sys.executable, "-m", "hung_up"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0

"""docs/backups.md is typed word for word, beginning with a ledger of an earlier version.

What needs root and systemd is played by small programs; benchmarks/install_ways.py types the page
into a Debian of its own.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backups.md").read_text()
OLD = ROOT / "tests" / "data" / "ledger-8.sql"
FOLDER = "/var/backups/veracore-sync"
PROGRAMS = {
    "veracore-sync": f'exec {sys.executable} -m veracore_sync "$@"',
    # The user is the one who runs the tests.
    "sudo": '[ "$1" != -u ] || shift 2\nexec "$@"',
    "install": 'for last; do :; done\nexec mkdir -p "$last"',
    "systemctl": 'echo "$@" >>"$HOME/systemctl"\n'
    '[ "$1" != list-unit-files ] || echo "veracore-sync-orders.timer enabled enabled"',
}


def block(mark: str) -> str:
    """The lines between two marks."""
    part = PAGE.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]
    return "".join(re.findall(r"```sh\n(.*?)```", part, re.S))


def orders(path: Path) -> int:
    with closing(sqlite3.connect(path)) as ledger:
        return int(ledger.execute("SELECT count(*) FROM orders").fetchone()[0])


def test_an_old_ledger_is_upgraded_backed_up_checked_and_restored(tmp_path: Path) -> None:
    programs, backups = tmp_path / "bin", tmp_path / "backups"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        with closing(sqlite3.connect(rig.ledger_path)) as old:
            old.executescript(OLD.read_text())
            old.execute("DELETE FROM meta WHERE key LIKE 'identity.%'")
            old.commit()
        before = orders(rig.ledger_path)
        path = f"{programs}:{os.environ['PATH']}"
        env = {**rig.environment, "HOME": str(tmp_path), "PATH": path}

        def typed(mark: str) -> str:
            lines = block(mark).replace(FOLDER, str(backups))
            done = subprocess.run(
                ["bash", "-ec", lines],
                env=env,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert done.returncode == 0, (mark, done.stdout, done.stderr)
            return done.stdout

        typed("upgraded")
        typed("by-hand")
        [made] = backups.iterdir()
        assert f"{before} orders" in typed("verify")
        typed("restore")
        assert orders(rig.ledger_path) == before == orders(made)
        assert list(tmp_path.glob("ledger.db.replaced-*"))
    asked = (tmp_path / "systemctl").read_text()
    assert "start veracore-sync-orders.timer" in asked


@pytest.mark.parametrize("page", ["backups.md", "operate.md", "install.md", "several-shops.md"])
def test_what_takes_no_patterns_gets_none(page: str) -> None:
    """``systemctl stop`` takes ``veracore-sync-*.timer``; ``enable`` and ``disable`` do not."""
    text = (ROOT / "docs" / page).read_text()
    for line in re.findall(r"systemctl (?:enable|disable|mask|edit)[^\n|]*", text):
        assert "*" not in line, line

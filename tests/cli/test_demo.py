"""The demo is the README's first promise: it needs nothing, and what it shows is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_STEPS = {f"{number}." for number in range(1, 7)}


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "veracore_sync", "demo", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_tells_what_a_person_wants_to_see(tmp_path: Path) -> None:
    told = demo(tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    for words in ("submitted", "adopted", "parked", "skus.aliases", "could be sold, now"):
        assert words in told.stdout
    lines = told.stdout.splitlines()
    assert all(lines[at - 1] == "" for at, line in enumerate(lines) if line[:2] in _STEPS)
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


def test_every_order_is_placed_once(tmp_path: Path) -> None:
    document = json.loads(demo(tmp_path, "--json").stdout)
    assert document["exactlyOnce"] is True
    assert {one["submissions"] for one in document["placed"]} == {1}
    assert document["stats"]["orders"]["totalSynced"] == len(document["placed"]) == 7

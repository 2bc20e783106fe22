"""The locks of the tests' npm projects pin every package, and say of none where it was had from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LOCKS = [one for one in TESTS.rglob("package-lock.json") if "node_modules" not in one.parts]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.parent.relative_to(TESTS)))
def test_packages_are_pinned_without_an_address(lock: Path) -> None:
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    del packages[""]
    assert [name for name, one in packages.items() if "integrity" not in one] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert [name for name, one in packages.items() if one.get("extraneous")] == []

"""Each protection that benchmarks/sabotage.py takes out is where it says, and so is its test."""

from __future__ import annotations

import ast
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "sabotage.py"))
SABOTAGES = SCRIPT["sabotages"]()


@pytest.mark.parametrize("one", SABOTAGES, ids=lambda one: one.name)
def test_a_sabotage_can_be_applied_and_names_a_test(one: object) -> None:
    whole = (ROOT / one.path).read_text()  # type: ignore[attr-defined]
    assert ast.unparse(ast.parse(one.applied(whole))) != ast.unparse(ast.parse(whole))  # type: ignore[attr-defined]
    file, name = one.test.split("::")  # type: ignore[attr-defined]
    defined = [n.name for n in ast.parse((ROOT / file).read_text()).body if hasattr(n, "name")]
    assert name in defined


def test_the_table_of_the_guarantees_is_that_of_the_script() -> None:
    page = (ROOT / "docs" / "invariants.md").read_text()
    missing = [row for row in SCRIPT["table"](SABOTAGES) if row not in page]
    assert missing == []


def test_each_invariant_has_a_name_of_its_own_and_tests_that_exist() -> None:
    page = (ROOT / "docs" / "invariants.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+\d+) \|(.*)$", page, re.MULTILINE)
    twice = [name for name, count in Counter(name for name, _ in rows).items() if count > 1]
    assert rows
    assert not twice
    files = {
        file for _, row in rows for file in re.findall(r"(?:tests|benchmarks)/[\w/]+\.py", row)
    }
    assert not [file for file in sorted(files) if not (ROOT / file).is_file()]

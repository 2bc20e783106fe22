"""The mutation run changes what it says, and knows where the rules and their tests are."""

from __future__ import annotations

import ast
import gc
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import mutant_runs  # noqa: E402
import mutants  # noqa: E402
import mutation  # noqa: E402

SAMPLED = 2
"""Modules, of which CI runs some mutants."""
RULE = '''
"""A page."""

LATE = 3


def may_leave(units: int, held: int, states: tuple[str, ...] = ("open",)) -> bool:
    """Whether it may."""
    if units <= 0 or held:
        return False
    left = max(0, units - held)
    return left < LATE and "open" in states
'''


def test_each_change_of_a_rule_is_one_of_its_mutants() -> None:
    tree = ast.parse(RULE)
    found = mutants.mutants_of(tree)
    names = {one.name for one in found}
    assert len(names) == len(found)
    assert names >= {
        "(module): 3 -> 4",
        "(module): ('open',) -> ('open?',)",
        "may_leave: units <= 0 -> units > 0",
        "may_leave: units <= 0 -> units < 0",
        "may_leave: units <= 0 or held -> units <= 0 and held",
        "may_leave: units <= 0 or held -> held",
        "may_leave: if units <= 0 or held -> if False",
        "may_leave: False -> True",
        "may_leave: max(0, units - held) -> min(0, units - held)",
        "may_leave: max(0, units - held) -> units - held",
        "may_leave: units - held -> units + held",
        "may_leave: left < LATE -> left <= LATE",
        "may_leave: left < LATE and 'open' in states -> left < LATE or 'open' in states",
        "may_leave: 'open' in states -> 'open?' in states",
    }
    # docstrings and annotations are no rules
    assert not any("page" in name or "Whether" in name or "str" in name for name in names)


def test_a_mutant_is_its_module_with_that_change_and_no_other() -> None:
    tree = ast.parse(RULE)
    whole = ast.unparse(tree).splitlines()
    for one in mutants.mutants_of(tree):
        changed = ast.unparse(one.apply(tree)).splitlines()
        differing = [
            at for at, lines in enumerate(zip(whole, changed, strict=True)) if lines[0] != lines[1]
        ]
        assert len(differing) == 1, one.name
    assert ast.unparse(tree).splitlines() == whole


@pytest.mark.parametrize("name", mutation.TESTS)
def test_each_module_of_rules_and_its_tests_are_there(name: str) -> None:
    module = mutation._module(name)
    for pattern in module.tests:
        assert list(ROOT.glob(pattern)), pattern
    names = {one.name for one in module.mutants}
    assert names
    # What is explained must still be there to be changed.
    assert mutation._known().get(name, set()) <= names


def test_what_ci_takes_a_sample_of_is_measured() -> None:
    assert set(mutation.STEADY) <= set(mutation.TESTS)
    assert f"--steady {SAMPLED} " in (ROOT / ".ci" / "run").read_text()


def test_a_type_is_no_rule_and_a_constant_brings_what_is_computed_from_it() -> None:
    tree = ast.parse("A = 1\nB = (A, 2)\n_Decision = Adopt | Refuse\ndef f(x):\n    return x < B\n")
    found = mutants.mutants_of(tree)
    assert not any("Adopt" in one.name for one in found)
    module = mutant_runs.Module(Path(mutants.__file__), ())
    module.tree = tree
    runner = mutant_runs.Runner(module, lambda _, __: None)
    by_name = {one.name: one for one in found}
    assert runner._constants(by_name["(module): 1 -> 2"]) == [("A", 0), ("B", 1)]
    assert runner._constants(by_name["(module): 2 -> 3"]) == [("B", 1)]
    assert runner._constants(by_name["f: x < B -> x <= B"]) is None


def test_functions_are_found_though_the_tests_freeze_what_they_imported() -> None:
    """Otherwise each mutant is imported anew, which takes hours."""
    runner = mutant_runs.Runner(mutation._module("jobs/orders/ids"), lambda _, __: None)
    gc.freeze()
    runner.find_functions()
    gc.freeze()
    assert "warehouse_id" in {one.__name__ for one in runner.functions}

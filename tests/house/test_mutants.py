"""The mutation run changes what it says, and knows where the rules and their tests are."""

from __future__ import annotations

import ast
import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import forks  # noqa: E402
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


# ---- how a mutant ended --------------------------------------------------------------------------


def struck(number: int) -> Callable[..., Any]:
    return lambda *_: os.kill(os.getpid(), number)


def broken(*_: object) -> Any:
    raise ImportError("the harness")


@pytest.mark.parametrize(
    ("act", "result"),
    [
        (lambda *_: False, "killed"),
        (lambda *_: True, "survived"),
        (lambda *_: "anew", "anew"),
        # its processor time was over
        (struck(signal.SIGXCPU), "killed"),
        # no test has said anything
        (struck(signal.SIGKILL), "not tried"),
        (struck(signal.SIGTERM), "not tried"),
        (broken, "not tried"),
        (lambda *_: sys.exit(1), "not tried"),
    ],
)
def test_only_a_failed_test_or_the_time_kills(
    act: Callable[..., Any], result: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mutant_runs.Runner, "tests_for", lambda *_: [SimpleNamespace(nodeid="t")])
    monkeypatch.setattr(mutant_runs.Runner, "_survives", act)
    runner = mutant_runs.Runner(mutation._module("waits"), lambda _, __: None)
    runner.reached["t"] = mutant_runs.Reached(0.1, passed=True)
    mutant = next(one for one in runner.module.mutants if one.function)
    assert runner.try_warm(mutant, tmp_path) == result


@pytest.mark.parametrize(
    ("code", "without", "result"),
    [
        (0, 0, "survived"),
        (1, 0, "killed"),
        # it cannot be imported: because of the mutant, unless the tests cannot be without it either
        (2, 0, "killed"),
        (2, 2, "not tried"),
        (4, 0, "killed"),
        (4, 4, "not tried"),
        (2, struck(signal.SIGKILL), "not tried"),
        # pytest's own error, or no test
        (3, 0, "not tried"),
        (5, 0, "not tried"),
        (struck(signal.SIGXCPU), 0, "killed"),
        (struck(signal.SIGKILL), 0, "not tried"),
        (broken, 0, "not tried"),
    ],
)
def test_so_of_one_that_is_imported_anew(
    code: Any, without: Any, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(_self: object, mutant: object, _folder: Path) -> Any:
        told = without if mutant is None else code
        return told() if callable(told) else told

    monkeypatch.setattr(mutant_runs.Runner, "_whole", whole)
    runner = mutant_runs.Runner(mutation._module("waits"), lambda _, __: None)
    assert runner.try_anew(runner.module.mutants[0]) == result


def test_a_fork_that_ends_while_it_tells_has_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = forks.pickle.dumps
    monkeypatch.setattr(forks.pickle, "dumps", lambda told: whole(told)[:-1])
    with pytest.raises(forks.EndedError):
        forks.in_fork(lambda: ["killed"])


def test_what_was_not_tried_raises_no_share() -> None:
    found = {"a": "killed", "b": "survived", "c": "not tried", "d": "anew", "e": "survived"}

    def counted(*, is_late: bool) -> Counter[str]:
        return Counter(mutation.judged(one, found, {"e", "f"}, is_late=is_late) for one in "abcdef")

    told = counted(is_late=False)
    assert told == {"killed": 1, "survived": 1, "not tried": 3, "explained": 1}
    assert mutation.tally(told) == (1, 5)
    late = counted(is_late=True)
    assert late == {"killed": 1, "survived": 1, "not tried": 1, "explained": 1, "not run": 2}
    assert mutation.tally(late) == (1, 3)


def test_what_was_not_tried_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mutation, "KEPT", tmp_path)
    module = mutation._module("waits")
    always, once, import_it, fine = module.mutants[:4]
    asked: list[list[str]] = []

    def try_warm(modules: mutation.Wanted, ends: float | None) -> None:
        left = mutation._left(*modules[0], "not tried")
        asked.append([one.name for one in left])
        results = mutation.Results("waits", module)
        for one in left:
            told = {always.name: "not tried", import_it.name: "anew", fine.name: "killed"}
            first = "not tried" if len(asked) == 1 else "killed"
            results.add(one, told.get(one.name, first))

    monkeypatch.setattr(mutation, "_fork", lambda act: act())
    monkeypatch.setattr(mutation, "_try_warm", try_warm)
    monkeypatch.setattr(mutant_runs.Runner, "try_anew", lambda *_: "survived")
    wanted = [always, once, import_it, fine]
    mutation._try_all([("waits", module, wanted)], None)
    assert asked == [[one.name for one in wanted], [always.name, once.name]]
    found = mutation.Results("waits", module).found
    assert [found[one.name] for one in wanted] == ["not tried", "killed", "survived", "killed"]

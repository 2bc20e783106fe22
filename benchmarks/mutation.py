"""Changes the pure rules one at a time and says which changes no test notices.

    python benchmarks/mutation.py                              every module
    python benchmarks/mutation.py --modules jobs/orders/plan   some
    python benchmarks/mutation.py --changed main --sample 40   a sample of what a branch changed
    python benchmarks/mutation.py --steady 2 --sample 24 --survivors 0 --seed abc   what CI runs

A mutant is killed if one of the module's fast tests fails (the table below; of these only the tests
that pass through the changed lines are run), or computes without end. One whose process ended for
another reason (no memory, a test file that cannot be imported) is tried once more, and then "not
tried", which counts as alive. What was found is kept in `.mutation/`, by the text of the module, so
an interrupted run goes on where it was; `--fresh` forgets what was killed by tests that are
different now.

Survivors that change nothing, or nothing that matters, stand in docs/mutants.md with the reason.
The others count: exit 1 if more than `--survivors` percent of the rest are alive.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from forks import EndedError, in_fork
from mutant_runs import (
    ANEW,
    KILLED,
    NOT_TRIED,
    ROOT,
    SURVIVED,
    Module,
    Runner,
    import_program,
    warm,
)
from mutants import Mutant

KNOWN = ROOT / "docs" / "mutants.md"
KEPT = ROOT / ".mutation"
EXPLAINED, NOT_RUN = "explained", "not run"

_TRACKING = (
    "tests/tracking/test_plan_doubled_table.py",
    "tests/tracking/test_plan_ended_table.py",
    "tests/tracking/test_plan_ready_table.py",
)
TESTS: dict[str, tuple[str, ...]] = {
    "jobs/orders/plan": (
        "tests/jobs/test_order_plan_table.py",
        "tests/jobs/test_windows_overlap.py",
    ),
    "jobs/orders/interpret_lookup": (
        "tests/jobs/test_interpret_lookup.py",
        "tests/jobs/test_lookup_table.py",
    ),
    "jobs/orders/select": ("tests/jobs/test_select_table.py",),
    "jobs/inventory/plan": ("tests/inventory/test_stock_plan_table.py",),
    "jobs/inventory/sellable": ("tests/inventory/test_sellable_table.py",),
    "jobs/inventory/demand": ("tests/inventory/test_demand_table.py",),
    "jobs/inventory/plausible": ("tests/inventory/test_stock_plan_table.py",),
    "jobs/tracking/allocate": ("tests/tracking/test_allocation_table.py",),
    "jobs/tracking/line_allocation": ("tests/tracking/test_line_allocation_table.py",),
    "jobs/tracking/plan": _TRACKING,
    "jobs/tracking/window": ("tests/tracking/test_window_table.py",),
    "jobs/tracking/targets": ("tests/tracking/test_targets_table.py",),
    "domain/failures": ("tests/test_failure_table.py",),
    "domain/held_orders": ("tests/inventory/test_held_units_table.py",),
    "domain/identity": ("tests/jobs/test_order_ids_table.py",),
    "domain/states": ("tests/ledger/test_transition_tables.py",),
    "jobs/cancel/plan": ("tests/jobs/test_cancel_plan_table.py",),
    "jobs/orders/acts": ("tests/jobs/test_acts_decided.py",),
    "jobs/orders/ids": ("tests/jobs/test_order_ids_table.py",),
    "jobs/orders/changes": (
        "tests/jobs/test_changes_table.py",
        "tests/jobs/test_changes_rules_table.py",
    ),
    "jobs/orders/render": ("tests/jobs/test_render_table.py", "tests/jobs/test_render.py"),
    "jobs/returns/plan": ("tests/returns/test_returns_plan.py",),
    "admin/cost": ("tests/admin/test_cost_table.py",),
    "waits": ("tests/test_overdue.py", "tests/test_waits_table.py"),
}

STEADY = (
    "admin/cost",
    "domain/identity",
    "domain/states",
    "jobs/inventory/demand",
    "jobs/inventory/plan",
    "jobs/inventory/plausible",
    "jobs/inventory/sellable",
    "jobs/orders/acts",
    "jobs/orders/changes",
    "jobs/orders/ids",
    "jobs/orders/interpret_lookup",
    "jobs/orders/plan",
    "jobs/orders/render",
    "jobs/orders/select",
    "jobs/tracking/allocate",
    "jobs/tracking/line_allocation",
    "jobs/tracking/plan",
    "jobs/tracking/window",
    "waits",
)
"""Every mutant of these is killed or explained: CI runs a sample, which must find none alive."""


def _module(name: str) -> Module:
    return Module(ROOT / "veracore_sync" / f"{name}.py", TESTS[name])


def _digest(*texts: bytes) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _tests(module: Module) -> str:
    """Of what the tests of a module are now."""
    paths = [path for pattern in module.tests for path in sorted(ROOT.glob(pattern))]
    return _digest(*(path.read_bytes() for path in paths))


def _known() -> dict[str, set[str]]:
    """The survivors that docs/mutants.md explains, by module."""
    found: dict[str, set[str]] = {}
    module = ""
    for line in KNOWN.read_text().splitlines() if KNOWN.exists() else ():
        if heading := re.fullmatch(r"### `(.+)`", line):
            module = heading[1]
        elif row := re.match(r"\| ``? ?(.+?) ?``? \| .+ \|$", line):
            found.setdefault(module, set()).add(row[1].replace("\\|", "|"))
    return found


def _changed(since: str) -> Iterator[str]:
    found = subprocess.run(
        ["git", "diff", "--name-only", since], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if found.returncode:
        # A clone without that commit: any module may have changed.
        yield from TESTS
    names = found.stdout.splitlines()
    for name in TESTS:
        if f"veracore_sync/{name}.py" in names:
            yield name


class Results:
    """What is known of a module's mutants, kept after each."""

    def __init__(self, name: str, module: Module, *, fresh: bool = False) -> None:
        self.path = KEPT / f"{name.replace('/', '.')}.{_digest(module.source.encode())}.jsonl"
        self.tests = _tests(module)
        self.found: dict[str, str] = {}
        if fresh:
            self.path.unlink(missing_ok=True)
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                one = json.loads(line)
                # What was killed stays so while tests are added; a survivor is tried again.
                if one["result"] == KILLED or one["tests"] == self.tests:
                    self.found[one["mutant"]] = one["result"]

    def add(self, mutant: Mutant, result: str) -> None:
        """Keep one more."""
        KEPT.mkdir(exist_ok=True)
        known = {"mutant": mutant.name, "result": result, "tests": self.tests}
        with self.path.open("a") as out:
            out.write(json.dumps(known) + "\n")


Wanted = Sequence[tuple[str, Module, Sequence[Mutant]]]


def _try_all(modules: Wanted, ends: float | None) -> None:
    # What the tool could not do, it does once more.
    for _ in range(2):
        if any(_left(*one, NOT_TRIED, ANEW) for one in modules):
            _fork(lambda: _try_warm(modules, ends))
            _try_anew(modules, ends)


def _left(name: str, module: Module, wanted: Sequence[Mutant], *results: str) -> list[Mutant]:
    """Those of which no more is known than that."""
    found = Results(name, module).found
    return [one for one in wanted if found.get(one.name, NOT_TRIED) in results]


def _try_warm(modules: Wanted, ends: float | None) -> None:
    """Run what needs no import of its own; the program is imported once for all modules."""
    import_program()
    for name, module, wanted in modules:
        left = _left(name, module, wanted, NOT_TRIED)
        if left and not _over(ends):
            runner = Runner(module, Results(name, module).add)
            _fork(lambda runner=runner, left=left: runner.run(left, ends))  # type: ignore[misc]


def _try_anew(modules: Wanted, ends: float | None) -> None:
    for name, module, wanted in modules:
        results = Results(name, module)
        for one in _left(name, module, wanted, ANEW):
            if not _over(ends):
                results.add(one, Runner(module, results.add).try_anew(one))


def judged(mutant: str, found: Mapping[str, str], known: Collection[str], *, is_late: bool) -> str:
    """How a mutant counts: what is not known of it says nothing in its favour.

    Args:
        mutant: Its name.
        found: The results so far.
        known: The survivors that are explained.
        is_late: The time was over before all were begun.
    """
    result = found.get(mutant, NOT_RUN if is_late else NOT_TRIED)
    if result == ANEW:
        return NOT_RUN if is_late else NOT_TRIED
    return EXPLAINED if result == SURVIVED and mutant in known else result


def tally(counts: Counter[str]) -> tuple[int, int]:
    """How many were killed, and of how many: of all but those that are explained or not run."""
    return counts[KILLED], counts.total() - counts[EXPLAINED] - counts[NOT_RUN]


def _over(ends: float | None) -> bool:
    return ends is not None and time.monotonic() > ends


def _fork(act: Callable[[], None]) -> None:
    """Do it in a fork; what that could not do is not tried."""
    try:
        in_fork(lambda: _report(act))
    except EndedError as why:
        print(f"mutation: {why}", file=sys.stderr, flush=True)


def _report(act: Callable[[], None]) -> None:
    """A fork has no other way to say why it failed."""
    try:
        act()
    except Exception as why:
        print(f"mutation: {type(why).__name__}: {why}", file=sys.stderr, flush=True)
        raise


def main() -> int:
    """Run what was asked for, and print a line for each module and each survivor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--changed", metavar="REF", help="only modules changed since this commit")
    parser.add_argument(
        "--steady", type=int, metavar="N", help="so many of the modules with none alive, by --seed"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants in all")
    parser.add_argument("--seed", default="0", help="of the sample")
    parser.add_argument("--minutes", type=float, help="begin no mutant after that time")
    parser.add_argument("--survivors", type=float, default=5.0, help="percent that may be alive")
    parser.add_argument("--only", metavar="TEXT", help="only mutants whose name contains it")
    parser.add_argument("--fresh", action="store_true", help="forget what was found before")
    given = parser.parse_args()
    names = list(given.modules or TESTS)
    if given.steady is not None:
        names = sorted(random.Random(given.seed).sample(STEADY, given.steady))
    if given.changed:
        changed = set(_changed(given.changed))
        names = [name for name in names if name in changed]
    modules = {name: _module(name) for name in names}
    chosen = [
        (name, one)
        for name, module in modules.items()
        for one in module.mutants
        if not given.only or given.only in one.name
    ]
    if given.sample is not None and given.sample < len(chosen):
        # The same sample for the same seed, so that a red run can be repeated.
        chosen = random.Random(given.seed).sample(chosen, given.sample)
    ends = time.monotonic() + given.minutes * 60 if given.minutes else None
    warm()
    asked = []
    for name, module in modules.items():
        if wanted := [one for owner, one in chosen if owner == name]:
            Results(name, module, fresh=given.fresh)
            asked.append((name, module, wanted))
    _try_all(asked, ends)
    known, alive, tried = _known(), 0, 0
    for name, module, wanted in asked:
        results = Results(name, module)
        counts: Counter[str] = Counter()
        for one in wanted:
            named = known.get(name, ())
            result = judged(one.name, results.found, named, is_late=_over(ends))
            counts[result] += 1
            if result not in (KILLED, EXPLAINED, NOT_RUN):
                print(f"  {name}:{one.line} {one.name}  [{result}]")
        killed, rest = tally(counts)
        alive += rest - killed
        tried += rest
        share = f"{killed / rest:.1%}" if rest else "-"
        print(f"{name}: {share} killed: {dict(counts)}", flush=True)
        stale = known.get(name, set()) - {one.name for one in module.mutants}
        for one in sorted(stale):
            print(f"  docs/mutants.md explains a mutant of {name} that there is no more: {one}")
    print(f"{tried} mutants, {alive} alive that docs/mutants.md does not explain")
    return int(bool(tried) and alive * 100 > tried * given.survivors)


if __name__ == "__main__":
    sys.exit(main())

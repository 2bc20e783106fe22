"""The tests against a real Vendure, for each version, database and set of options.

    .venv/bin/python benchmarks/vendure_matrix.py [--cells CELL …] [--journey] [--workers 1]

A cell is VERSION/DATABASE/OPTIONS, such as ``3.0.8/mariadb/hard``; a part of it, such as ``3.0.8/``
or ``/hard``, means all that have it. Without --journey it runs the whole real suite: hours for all
cells. It prints a row for each cell as soon as that has ended, and then what failed and why tests
were skipped; 1 is the exit code where a test failed. Needs node, PostgreSQL and MariaDB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import kits
from vendure_cells import ALL, Cell

JOURNEY = ["tests/real/test_every_vendure.py"]
WHOLE = ["tests/real", "tests/vendure/test_vendure_real.py", "tests/shop"]
# The bed's own tests and the browser's look at 3.7.3 as it comes, not at the program.
LEFT_OUT = ["tests/real/test_testbed.py", "tests/real/test_admin_browser.py"]
HEADER = (
    "| Vendure | database | options | passed | failed | skipped | time |",
    "| --- | --- | --- | --: | --: | --: | --: |",
)


@dataclass
class Outcome:
    """What the tests of a cell came to."""

    cell: Cell
    seconds: float
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    trouble: str = ""

    def row(self) -> str:
        """A row of the table."""
        counts = f"{self.passed} | {len(self.failed)} | {self.skipped.total()}"
        if self.trouble:
            counts = f"{self.passed} | not run | {self.skipped.total()}"
        where = f"{self.cell.version} | {self.cell.db} | {self.cell.kind}"
        return f"| {where} | {counts} | {self.seconds:.0f} s |"


def run(cell: Cell, tests: Sequence[str], workers: int) -> Outcome:
    """Run the tests of one cell in a process of their own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "vendure", f"--junitxml={report}"]
        command += [f"--ignore={one}" for one in LEFT_OUT]
        command += ["-n", str(workers), *tests]
        done = subprocess.run(
            command,
            cwd=kits.ROOT,
            env=os.environ | {"TEST_VENDURE": str(cell)},
            capture_output=True,
            text=True,
            check=False,
        )
        outcome = Outcome(cell, time.monotonic() - began)
        if report.exists() and done.returncode in (0, 1):
            read(ElementTree.parse(report), outcome)
        else:
            outcome.trouble = done.stdout[-1500:] + done.stderr[-1500:]
    return outcome


def read(report: ElementTree.ElementTree[ElementTree.Element], outcome: Outcome) -> None:
    """Count the results of pytest's own report."""
    for case in report.iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        wrong = [one for one in case if one.tag in ("failure", "error")]
        skips = [one for one in case if one.tag == "skipped"]
        if wrong:
            why = (wrong[0].get("message") or "").splitlines() or [""]
            outcome.failed.append(f"{name}: {why[0][:160]}")
        elif skips:
            outcome.skipped[skips[0].get("message") or "no reason"] += 1
        else:
            outcome.passed += 1


def details(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What failed, and why tests were skipped."""
    for one in outcomes:
        for text in one.failed:
            yield f"{one.cell} failed: {text}"
        for reason, count in one.skipped.items():
            yield f"{one.cell} skipped {count}: {reason}"
        if one.trouble:
            yield f"{one.cell} did not run:\n{one.trouble}"


def main() -> None:
    """Read the options and go through the cells."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cells", nargs="*", default=["/"], metavar="CELL")
    parser.add_argument("--journey", action="store_true", help="only the main journey")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    cells = [one for one in ALL if any(part in str(one) for part in asked.cells)]
    if not cells:
        parser.error(f"no such cell; there are {', '.join(map(str, ALL))}")
    print(*HEADER, sep="\n", flush=True)
    outcomes = []
    for cell in cells:
        outcomes.append(run(cell, JOURNEY if asked.journey else WHOLE, asked.workers))
        print(outcomes[-1].row(), flush=True)
    print("", *details(outcomes), sep="\n")
    sys.exit(any(one.failed or one.trouble for one in outcomes))


if __name__ == "__main__":
    main()

"""Takes what protects out of the real program, one at a time, and runs the test that must notice.

    python benchmarks/sabotage.py               all of benchmarks/sabotages.toml
    python benchmarks/sabotage.py lease guard   those whose name contains one of these words
    python benchmarks/sabotage.py --table       the table of docs/invariants.md

Each is applied in a copy of the tree. The named test must pass in the copy without it, and fail
with it; a text that is gone from the program is an error, so that none becomes void unseen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("sabotages.toml")
FOUND, UNNOTICED, NOT_RUN = "found", "UNNOTICED", "THE TEST DOES NOT RUN"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One protection, and the test that notices that it is missing."""

    name: str
    file: str
    old: str
    new: str
    test: str

    @property
    def path(self) -> str:
        """Of the file, from the root."""
        return f"veracore_sync/{self.file}"

    def applied(self, text: str) -> str:
        """The file with it.

        Raises:
            ValueError: What is to be taken out is not there, or not only once.
        """
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.path} has {self.old!r} {count} times")
        return text.replace(self.old, self.new)


def sabotages() -> list[Sabotage]:
    """All of them."""
    return [Sabotage(**one) for one in tomllib.loads(LIST.read_text())["sabotage"]]


def table(several: list[Sabotage]) -> Iterator[str]:
    """The rows of docs/invariants.md."""
    for one in several:
        yield f"| {one.name} | `{one.test}` |"


def run(copy: Path, tests: list[str]) -> int:
    """Run tests of the copy as CI does; returns pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    # The copy comes before the installed tree, also in the processes that a test starts.
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        command, cwd=copy, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode > 1:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return done.returncode


def write(path: Path, text: str) -> None:
    """Write a file of the copy so that its compiled form is known to be old."""
    before = path.stat().st_mtime
    path.write_text(text)
    # Python compares whole seconds and the length.
    os.utime(path, (before + 2, before + 2))


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tree that may be changed."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".pytest_cache")
        for name in ("veracore_sync", "tests", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        for name in ("pyproject.toml", "config.example.toml", "README.md"):
            shutil.copy2(ROOT / name, copy / name)
        yield copy


def main() -> int:
    """Apply each and print what its test says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*", help="only those whose name contains one of them")
    parser.add_argument("--table", action="store_true", help="print the table, run nothing")
    given = parser.parse_args()
    chosen = [
        one
        for one in sabotages()
        if not given.words or any(word in one.name for word in given.words)
    ]
    if given.table:
        print("\n".join(table(chosen)))
        return 0
    bad = 0
    with copied() as copy:
        if run(copy, sorted({one.test for one in chosen})):
            print("the tests do not pass without a sabotage, so they show nothing")
            return 1
        for one in chosen:
            began = time.monotonic()
            path = copy / one.path
            whole = path.read_text()
            write(path, one.applied(whole))
            code = run(copy, [one.test])
            write(path, whole)
            result = {0: UNNOTICED, 1: FOUND}.get(code, NOT_RUN)
            bad += result != FOUND
            print(
                f"{result:10} {time.monotonic() - began:5.0f} s  {one.name}: {one.test}", flush=True
            )
    print(f"{len(chosen)} sabotages, {bad} not found by the test that is named")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

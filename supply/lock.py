"""Writes the lock files from pyproject.toml, with the hashes of every file of each package.

    python supply/lock.py            # keeps the versions that are locked, where they still fit
    python supply/lock.py --upgrade  # the newest that fit

Needs uv (``pip install uv``), which asks the package index that is configured. Neither its address
nor a path gets into a lock.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from locked import ALL, ROOT, RUN, read

_HEADS = {
    ALL: "What CI tests, of everything: pip install --require-hashes -r requirements.lock",
    RUN: "What the program needs, and what builds it; see docs/install.md.",
}
_EXTRAS = ("notify", "postgres")


def main() -> None:
    """Write all lock files."""
    options = sys.argv[1:]
    everything = _compiled(options, "--extra", "test")
    _write(ALL, _HEADS[ALL], everything)
    # With the versions of the first, so that what is installed is what was tested.
    run = _compiled(["--constraint", str(ALL)])
    _write(RUN, _HEADS[RUN], run)
    held = {one.name for one in read(RUN)}
    for extra in _EXTRAS:
        path = ROOT / f"requirements-{extra}.lock"
        _write(path, f"What the extra `{extra}` needs besides requirements-run.lock.",
               _compiled(["--constraint", str(ALL)], "--extra", extra))  # fmt: skip
        _leave_out(path, held)


def _compiled(options: list[str], *wanted: str) -> str:
    command = [
        "uv", "pip", "compile", "pyproject.toml", "--group", "build", *wanted,
        "--universal", "--python-version", "3.11", "--generate-hashes",
        "--no-header", "--no-annotate", "--no-emit-find-links", "--no-emit-index-url",
        *options,
    ]  # fmt: skip
    if "--constraint" not in options and "--upgrade" not in options and ALL.exists():
        command += ["--constraint", str(ALL)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def _write(path: Path, head: str, text: str) -> None:
    path.write_text(f"# {head}\n# Made by supply/lock.py; do not edit.\n{text}", "utf-8")


def _leave_out(path: Path, names: set[str]) -> None:
    kept, takes = [], True
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if "==" in line and not line.startswith(("#", " ")):
            takes = line.partition("==")[0].lower() not in names
        if takes:
            kept.append(line)
    path.write_text("".join(kept), "utf-8")


if __name__ == "__main__":
    main()

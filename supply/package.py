"""Builds the sdist and the wheel, and proves that nothing is missing in them.

    python supply/package.py [--out dist]

The sdist is made from a clean copy of what git knows, the wheel from the sdist, and both a second
time: the bytes are the same (SOURCE_DATE_EPOCH, else the time of the last commit). Then the wheel
goes into an empty environment, with the locked dependencies that it brings, and is used from there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from locked import ROOT

_DATA = "share/veracore-sync"
_DOCUMENTS = "share/doc/veracore-sync"


class Incomplete(Exception):
    """Something is missing, or not as it should be."""


def main() -> int:
    """Build, check, and put them into a folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where they go")
    out: Path = parser.parse_args().out
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="veracore-sync-package-") as name:
        try:
            built = [build(Path(name) / which) for which in ("one", "two")]
            sums = [[digest(one) for one in both] for both in built]
            if sums[0] != sums[1]:
                raise Incomplete(f"two builds differ: {sums}")
            sdist, wheel = built[0]
            check_sdist(sdist)
            check_wheel(wheel)
            use(wheel, Path(name) / "environment")
        except Incomplete as error:
            print(error, file=sys.stderr)
            return 1
        out.mkdir(parents=True, exist_ok=True)
        lines = []
        for path, its_sum in zip(built[0], sums[0], strict=True):
            shutil.copy(path, out / path.name)
            lines.append(f"{its_sum}  {path.name}\n")
        (out / "SHA256SUMS").write_text("".join(lines))
        print("".join(lines), end="")
    print(f"complete, and the same in two builds; {time.monotonic() - begin:.0f} s")
    return 0


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist from a clean copy, and the wheel from the unpacked sdist."""
    clean, made = folder / "source", folder / "made"
    clean.mkdir(parents=True)
    for name in tracked():
        target = clean / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    _hatch(clean, "sdist", made)
    [sdist] = made.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    _hatch(unpacked, "wheel", made)
    [wheel] = made.glob("*.whl")
    return sdist, wheel


def tracked() -> list[str]:
    """What a clone would hold."""
    listed = _run(["git", "ls-files", "-z"], ROOT).split("\0")[:-1]
    return [one for one in listed if (ROOT / one).exists()]


def epoch() -> str:
    """The time that everything in them has, in seconds."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return given or _run(["git", "log", "-1", "--format=%ct"], ROOT).strip()


def digest(path: Path) -> str:
    """Its SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_sdist(sdist: Path) -> None:
    """All that git knows is in it, and what was made besides."""
    with tarfile.open(sdist) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    _all_there("the sdist", held, [*tracked(), *made()])


def check_wheel(wheel: Path) -> None:
    """Code with its data, units, documents, schemas, completions and man pages are in it."""
    with zipfile.ZipFile(wheel) as packed:
        held = {re.sub(r"^[^/]*\.data/data/", "", name) for name in packed.namelist()}
    _all_there("the wheel", held, [one for one in tracked() if one.startswith("veracore_sync/")])
    units = [one for one in tracked() if one.startswith("systemd/") and not one.endswith(".py")]
    documents = [one for one in tracked() if one.startswith("docs/") and not one.endswith(".py")]
    _all_there(
        "the wheel",
        held,
        [
            *(f"{_DATA}/{one}" for one in units),
            *(f"{_DATA}/requirements-{one}.lock" for one in ("run", "notify", "postgres")),
            *(f"{_DOCUMENTS}/{one.removeprefix('docs/')}" for one in documents),
            *(f"{_DOCUMENTS}/{one}" for one in ("CHANGELOG.md", "config.example.toml")),
            *made(),
        ],
    )
    strange = [one for one in held if one.startswith(("tests/", "benchmarks/"))]
    if strange:
        raise Incomplete(f"the wheel holds {strange[0]}")


def made() -> list[str]:
    """What supply/shared_files.py writes, below the environment's folder."""
    names = [
        "share/bash-completion/completions/veracore-sync",
        "share/zsh/site-functions/_veracore-sync",
        "share/fish/vendor_completions.d/veracore-sync.fish",
    ]
    if (ROOT / "supply" / "man.py").exists():
        # The pages of all commands are the generator's own; one stands for them.
        names += [f"share/man/man1/veracore-sync{one}.1" for one in ("", "-stats", "-sync-orders")]
    return names


def use(wheel: Path, environment: Path) -> None:
    """Install it with what it brings, and use it as a stranger would."""
    _run([sys.executable, "-m", "venv", str(environment)], ROOT)
    pip = [str(environment / "bin" / "pip"), "install", "-q", "--no-compile"]
    lock = environment / "run.lock"
    with zipfile.ZipFile(wheel) as packed:
        [name] = [one for one in packed.namelist() if one.endswith("/requirements-run.lock")]
        lock.write_bytes(packed.read(name))
    _run([*pip, "--require-hashes", "-r", str(lock)], ROOT)
    _run([*pip, "--no-deps", str(wheel)], ROOT)
    _run([str(environment / "bin" / "pip"), "check"], ROOT)
    home = environment / "home"
    home.mkdir()
    program = str(environment / "bin" / "veracore-sync")
    alone = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    version = _run([program, "--version"], home, alone).split()[-1]
    if version not in wheel.name:
        raise Incomplete(f"{wheel.name} says that it is {version}")
    _run([program, "demo"], home, alone)
    # Intervals are settings, and without any there is nothing to show.
    alone["VERACORE_SYNC_ORDERS__INTERVAL_MINUTES"] = "5"
    shown = _run([program, "timers", "--crontab"], home, alone)
    if program not in shown:
        raise Incomplete("the crontab lines do not start this program")
    units = environment / _DATA / "systemd"
    checked = [program, "timers", "--check", "--systemd-dir", str(units)]
    _run(checked, home, alone)


def _all_there(what: str, held: set[str], wanted: Sequence[str]) -> None:
    missing = sorted(set(wanted) - held)
    if missing:
        raise Incomplete(f"{what} lacks {', '.join(missing[:5])} ({len(missing)} in all)")


def _hatch(folder: Path, target: str, made_in: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(made_in)]
    _run(command, folder, {**os.environ, "SOURCE_DATE_EPOCH": epoch()})


def _run(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise Incomplete(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

"""The locked packages: name, version, and the hashes of every file that may be installed.

python supply/locked.py LOCK… --without NAME    # prints one lock of several, without a package
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALL = ROOT / "requirements.lock"
RUN = ROOT / "requirements-run.lock"
_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(?:;\s*([^\\]*?))?\s*\\?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\s*\\?")


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of a lock file.

    Args:
        name: Normalised, as package indexes write it.
        version: The only one that is installed.
        marker: Where it is needed; empty is everywhere.
        hashes: SHA-256 of each of its files.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def read(path: Path) -> list[Locked]:
    """The packages of a lock file.

    Raises:
        ValueError: A line is neither a package nor a hash, such as an index or a path.
    """
    return list(_packages(path.read_text("utf-8").splitlines()))


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Print one lock of several."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("lock", type=Path, nargs="+")
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    given = parser.parse_args()
    held = {one.name: one for path in given.lock for one in read(path)}
    for name in sorted(held.keys() - set(given.without)):
        one = held[name]
        marker = f" ; {one.marker}" if one.marker else ""
        hashes = "".join(f" \\\n    --hash=sha256:{value}" for value in one.hashes)
        print(f"{one.name}=={one.version}{marker}{hashes}")


def _packages(lines: list[str]) -> Iterator[Locked]:
    found: tuple[str, str, str] | None = None
    hashes: list[str] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if one := _HASH.fullmatch(text):
            hashes.append(one[1])
            continue
        package = _PACKAGE.fullmatch(text)
        if package is None:
            raise ValueError(f"not a line of a lock: {text}")
        if found:
            yield Locked(*found, tuple(hashes))
        found, hashes = (normalised(package[1]), package[2], (package[3] or "").strip()), []
    if found:
        yield Locked(*found, tuple(hashes))


if __name__ == "__main__":
    main()

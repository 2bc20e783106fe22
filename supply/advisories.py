"""Whether an advisory is known about a locked package.

    python supply/advisories.py

Asks the OSV database (or another with its protocol: ``--database``). Exits 1 if there is one, and
0 if there is none, or if no database can be reached; then it says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException

from locked import ALL, Locked, read

_DATABASE = "https://api.osv.dev/v1/querybatch"
_SECONDS = 20.0
ACCEPTED: Mapping[str, str] = {}
"""Why an advisory does not concern this program, by its id."""


def main() -> int:
    """Print what is known; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database", default=_DATABASE, help="address of the database's batches")
    packages = read(ALL)
    try:
        found = known_about(packages, parser.parse_args().database)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        print(f"not checked: no database reachable ({reason})")
        return 0
    new = [(package, one) for package, ids in found for one in ids if one not in ACCEPTED]
    for package, advisory in new:
        print(f"{package.name} {package.version}: {advisory}")
    print(f"{len(packages)} packages checked, {len(new)} advisories that nobody has accepted")
    return 1 if new else 0


def known_about(packages: Sequence[Locked], database: str) -> list[tuple[Locked, list[str]]]:
    """The ids of the advisories about each package that has any.

    Raises:
        OSError: The database cannot be reached.
        HTTPException: It does not speak HTTP.
        ValueError: It does not answer as agreed.
    """
    queries = [
        {"package": {"name": one.name, "ecosystem": "PyPI"}, "version": one.version}
        for one in packages
    ]
    request = urllib.request.Request(
        database,
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        document = json.load(answer)
    try:
        results = document["results"]
        ids = [[str(one["id"]) for one in result.get("vulns", [])] for result in results]
        return [(one, its) for one, its in zip(packages, ids, strict=True) if its]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it answers something else: {type(error).__name__}") from None


if __name__ == "__main__":
    sys.exit(main())

"""Random carts at real Vendures of many kinds: is what VeraCore gets what the customer was charged?

    .venv/bin/python benchmarks/money_carts.py [--carts 30] [--seed 1]

Each kind of server takes so many carts through its Shop API. The program reads the orders, and the
requests of both dialects, with and without tax, are added up. It prints a row for each server; 1 is
the exit code where a sum was another, and no warning said so. Needs node.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kits  # noqa: F401 - finds what is imported below
import vendure_carts
from realvendure import RealVendure
from vendure_bed import Options, install_vendure, new_server

KINDS: tuple[Mapping[str, Any], ...] = (
    {},
    {"prices_include_tax": True},
    {"money": "unit", "precision": 3},
    {"money": "line"},
    {"money": "line", "precision": 3, "prices_include_tax": True},
    {"money": "line", "precision": 4},
    {"currency": "JPY"},
    {"currency": "JPY", "money": "line", "precision": 3, "prices_include_tax": True},
    {"currency": "KWD", "money": "unit", "precision": 3},
    {"currency": "KWD", "money": "line", "precision": 4, "prices_include_tax": True},
    {"currency": "KWD", "money": "line"},
)


def run(kind: Mapping[str, Any], carts: int, seed: int) -> vendure_carts.Compared:
    """Take the carts at a server of this kind, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        server = new_server(Path(folder) / "seeds", Options(**kind), Path(folder) / "data")
        try:
            vendure = RealVendure(server.start(), server)
            codes = vendure_carts.place(vendure, vendure_carts.set_up(vendure), carts, seed)
            found = vendure_carts.compare(vendure, codes)
            vendure.close()
        finally:
            server.stop()
    return found


def main() -> int:
    """Go through all kinds; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--carts", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    install_vendure()
    print("| server | orders | requests | other sums | by unit price | warnings | time |")
    print("| --- | --: | --: | --: | --: | --- | --: |")
    wrong: list[str] = []
    for at, kind in enumerate(KINDS):
        began = time.monotonic()
        found = run(kind, given.carts, given.seed + at)
        wrong += [f"{dict(kind)}: {one}" for one in found.wrong]
        name = ", ".join(f"{key} {value}" for key, value in kind.items()) or "default"
        warned = ", ".join(f"{n} of: {text}" for text, n in found.with_warning.items()) or "none"
        print(
            f"| {name} | {found.orders} | {found.bodies} | {len(found.wrong)} "
            f"| {found.by_unit_price} | {warned} | {time.monotonic() - began:.0f} s |",
            flush=True,
        )
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

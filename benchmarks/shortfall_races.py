"""Races of checkouts on a Vendure that caps allocation: who got too little is named, and no other.

Each race sets a variant's stock to less than its customers want, and lets them pay at once. After
all races of a batch one ``sync-inventory`` runs; then every order with less allocated than ordered
(the database says so) has exactly one alert ``order.shortfall``, no other order has one, nothing is
told as drift, and no variant has more for sale than VeraCore can give.

    python benchmarks/shortfall_races.py --races 1000

It needs node and PostgreSQL, as the real tests do.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from real_races import Races
from realvendure import RealVendure
from vendure_bed import PRE_RELEASE, Options, PostgresCluster

from veracore_sync.sandbox.server import Sandbox

BATCH = 40


def main() -> int:
    """Run the races and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began, rng = time.monotonic(), random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder, cluster = Path(name), PostgresCluster()
        cluster.start()
        try:
            server = cluster.new_server(Options(version=PRE_RELEASE, db="postgres"), folder / "v")
            try:
                with closing(RealVendure(server.start(), server)) as vendure:
                    races = Races(vendure, cluster, sandbox, folder, rng)
                    while races.run < asked.races:
                        races.batch(min(BATCH, asked.races - races.run))
                        print(f"{races.run} races: {races.told()}", flush=True)
            finally:
                server.stop()
        finally:
            cluster.stop()
    print(f"{races.run} races in {time.monotonic() - began:.0f} s: {races.told()}")
    return 1 if races.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Kill ``reconcile --apply`` at random moments of its repairs, and count what became of them.

    .venv/bin/python benchmarks/reconcile_apply_kills.py [--kills 100] [--seed 0] [--server]
                                                         [--faults 8]

Starts a small shop and a VeraCore simulator on this machine; with ``--server`` the ledger is a
private PostgreSQL. Differences of all types that are repaired are made by hand, and the command,
asked to repair them all, dies of SIGKILL at a random moment after its first repair began (runs that
ended first do not count). After each kill: no order is at VeraCore twice, nothing is fulfilled
beyond what was shipped, and whatever is not repaired is found again by the next run, or seen on its
way. In the end all is repaired.

Then runs without a kill, while 30 % of all requests to both sides fail in one of many ways.

Printed: kills; by type how often a killed run had repaired it, and how often the next run found it
again; how the runs on the bad day ended. The process ends with an error if any of this is untrue.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits
import ledger_server
from apply_kills import ApplyKills, begun, settle
from apply_kit import TYPES, ApplyWorld, apply_world
from rig import HereRig

from veracore_sync.sandbox.faults import KINDS as WAREHOUSE_KINDS
from veracore_sync.sandbox.shop_faults import KINDS as SHOP_KINDS

_LEASE = 5
_RATE = 0.3
_CODES = (0, 3, 69, 74, 77, 78)
_SETTLE = 120
_LONGEST = 180


def told(counts: Counter[str]) -> str:
    """The counts in words."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def kill(world: ApplyWorld, times: int) -> None:
    """Kill so many runs."""
    began = time.monotonic()
    loop = ApplyKills(world)
    loop.kill(times)
    print(
        f"{loop.kills} kills ({loop.spared} runs ended first) "
        f"in {time.monotonic() - began:.0f} s\n"
        f"  repaired at the kill: {told(loop.acted)}\n"
        f"  found again: {told(loop.again)}",
        flush=True,
    )
    rounds = loop.settle(_SETTLE)
    print(
        f"  all {len(set(world.made))} repaired, nothing twice, after {rounds} rounds", flush=True
    )


def burn(world: ApplyWorld, times: int, seed: int) -> None:
    """Repair while requests fail."""
    began, ends, done = time.monotonic(), Counter[str](), Counter[str]()

    def set_on_fire() -> None:
        kinds = {"kinds": list(WAREHOUSE_KINDS), "rate": _RATE, "seed": seed + number}
        world.rig.control("faults", kinds)
        world.shop.add_faults(SHOP_KINDS, rate=_RATE, seed=seed + number)

    for number in range(times):
        world.make_all(world.dice.sample(TYPES, 3))
        # A comparison that fails repairs nothing, so most fires begin with the repairs.
        if number % 4 == 0:
            set_on_fire()
        run = begun(world, set_on_fire)
        out, said = run.communicate(timeout=_LONGEST)
        assert run.returncode in _CODES, (run.returncode, out, said)
        ends[f"exit {run.returncode}:"] += 1
        done.update(one["outcome"] for one in json.loads(out).get("applied", ()))
        world.mend()
        world.run("breaker", "reset")
        world.nothing_twice()
    rounds = settle(world, _SETTLE)
    print(
        f"{times} runs at {_RATE:.0%} faults in {time.monotonic() - began:.0f} s: {told(ends)}\n"
        f"  outcomes: {told(done)}\n"
        f"  all repaired, nothing twice, after {rounds} rounds",
        flush=True,
    )


def main() -> None:
    """Kill, then burn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--faults", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", action="store_true")
    wanted = parser.parse_args()
    place = ledger_server.new_place(_LEASE) if wanted.server else None
    with (
        tempfile.TemporaryDirectory() as folder,
        apply_world(Path(folder), HereRig, place, wanted.seed) as world,
    ):
        world.rig.env["PYTHONPATH"] = str(kits.ROOT)
        kill(world, wanted.kills)
        burn(world, wanted.faults, wanted.seed)


if __name__ == "__main__":
    main()

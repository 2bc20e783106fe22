"""Mutated request streams for the server's parser and h11: what ours takes, h11 takes so too.

Run ``python benchmarks/request_fuzz.py [--seconds N | --count N] [--seed N]``. Ends with 1 and the
stream at the first difference, and at the first exception that is not a refusal. Streams depend on
the seed alone, so that a difference can be found again.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter

import kits

sys.path.insert(0, str(kits.ROOT / "tests" / "webhooks"))

from streams import differences, ours, streams


def main(seconds: float | None, count: int | None, seed: int) -> int:
    """Compare until the time or the streams are over; returns how many differed."""
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    began = time.monotonic()
    for number, raw in enumerate(itertools.islice(streams(seed), count)):
        if seconds is not None and time.monotonic() - began > seconds:
            break
        told = differences(raw, lambda: chance.choice((1, 3, 16, 1 << 16)))
        if told:
            print(f"seed {seed}, stream {number}: {told}")
            return 1
        found = ours(raw)
        ends[str(found.refused or ("taken" if found.taken else "incomplete"))] += 1
        ends["requests"] += len(found.taken)
    requests = ends.pop("requests", 0)
    taken = f"{requests} requests taken, each as h11 takes it"
    print(f"seed {seed}: {ends.total()} streams, {taken}")
    print(", ".join(f"{name} {times}" for name, times in ends.most_common()))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    if given.seconds is None and given.count is None:
        given.count = 100_000
    sys.exit(main(given.seconds, given.count, given.seed))

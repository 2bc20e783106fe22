"""Hosts with wrong clocks on one ledger: killed, stopped beyond their leases, cut off at a COMMIT.

A part of what ``benchmarks/many_hosts.py`` does at length.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hosts_kit import can_make_networks, many_hosts, strike_for
from sample import one_of

LEASE = 5
SECONDS = 6.0


@pytest.mark.parametrize(
    ("dialect", "seed", "pooled"), one_of(("oms", 31, False), ("rest", 32, True))
)
def test_three_hosts_on_one_ledger(tmp_path: Path, dialect: str, seed: int, pooled: bool) -> None:
    networks = can_make_networks()
    with many_hosts(
        tmp_path, dialect, seed, count=3, lease=LEASE, networks=networks, pooled=pooled
    ) as hosts:
        with hosts.at_work():
            strike_for(hosts, SECONDS, random.Random(seed), 0.3, least=2)
        hosts.settle()
        assert hosts.striker.total + hosts.cuts >= 2

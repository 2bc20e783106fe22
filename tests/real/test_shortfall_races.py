"""A sample of benchmarks/shortfall_races.py: races of checkouts on the pre-release."""

from __future__ import annotations

import random
from pathlib import Path

from real_races import Races
from realvendure import StartVendure
from vendure_bed import PRE_RELEASE, PostgresCluster

from veracore_sync.sandbox.server import Sandbox


def test_whoever_got_too_little_is_named_and_no_other(
    start_any_vendure: StartVendure,
    postgres_cluster: PostgresCluster,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    vendure = start_any_vendure(version=PRE_RELEASE, db="postgres")
    races = Races(vendure, postgres_cluster, sandbox, tmp_path, random.Random(1))
    races.batch(8)
    assert not races.faults, races.told()
    assert races.short, "nobody got too little: this proves nothing"

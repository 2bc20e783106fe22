"""The four journeys can be traced, tell the same each time, and grow no longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "journeys.py"

# Functions entered by each: what the code has reached, with nothing to spare.
AT_MOST = {"order": 447, "sku": 397, "shipment": 462, "webhook": 414}


@pytest.fixture(scope="module")
def traced() -> Any:
    done = subprocess.run([sys.executable, SCRIPT, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_journey_has_grown(traced: Any) -> None:
    lengths = {name: found["functions"] for name, found in traced.items()}
    assert lengths.keys() == AT_MOST.keys()
    assert {name: count for name, count in lengths.items() if count > AT_MOST[name]} == {}


def test_each_goes_the_whole_way(traced: Any) -> None:
    for name, found in traced.items():
        assert {"jobs", "ledger", "transport", "vendure", "veracore"} <= found["rooms"].keys(), name
        assert "sandbox" not in found["rooms"]
    assert "webhooks" in traced["webhook"]["rooms"]


def test_the_functions_are_listed_in_the_order_of_the_way() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--functions"], capture_output=True, text=True, check=True
    )
    order = done.stdout.split("\nsku:")[0].splitlines()[1:]
    where = [line.strip().split("/")[0] for line in order]
    assert where.index("cli") < where.index("jobs") < where.index("transport")

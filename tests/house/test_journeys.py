"""The four journeys can be traced, tell the same each time, and grow no longer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "journeys.py"

# Functions entered by each: what the code has reached, with nothing to spare but for the listener,
# which on a busy machine waits in one way more.
MAX_AT = {"order": 768, "sku": 698, "shipment": 805, "webhook": 646}
HEADINGS = {"order": "An order", "sku": "A SKU", "shipment": "A shipment", "webhook": "A hint"}


@pytest.fixture(scope="module")
def traced() -> Any:
    done = subprocess.run([sys.executable, SCRIPT, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_journey_has_grown(traced: Any) -> None:
    lengths = {name: found["functions"] for name, found in traced.items()}
    assert lengths.keys() == MAX_AT.keys()
    assert {name: count for name, count in lengths.items() if count > MAX_AT[name]} == {}


def test_each_goes_the_whole_way(traced: Any) -> None:
    for name, found in traced.items():
        assert {"jobs", "ledger", "transport", "vendure", "veracore"} <= found["rooms"].keys(), name
        assert "sandbox" not in found["rooms"]
    assert "webhooks" in traced["webhook"]["rooms"]


@pytest.mark.parametrize("name", MAX_AT)
def test_the_way_that_the_page_tells_is_the_way_it_goes(
    ways: dict[str, list[str]], name: str
) -> None:
    told = told_way(name)
    assert len(told) >= 10
    entered = [function for function in ways[name] if function in told]
    assert entered == told


@pytest.fixture(scope="module")
def ways() -> dict[str, list[str]]:
    """Every function that each journey enters, in order."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--functions"], capture_output=True, text=True, check=True
    )
    parts = re.split(r"(?m)^(\w+): .*\n", done.stdout)[1:]
    return {
        name: [line.strip() for line in lines.splitlines()]
        for name, lines in zip(parts[::2], parts[1::2], strict=True)
    }


def told_way(name: str) -> list[str]:
    """The functions in docs/architecture.md, in the order of the page."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    block = page.split(f"### {HEADINGS[name]}\n")[1].split("```text\n")[1].split("```")[0]
    return [line.split("  ")[0] for line in block.splitlines()]

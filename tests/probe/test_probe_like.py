"""A tenant is probed; the simulator that behaves like its file is probed to the same file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from probe_kit import Bed, bed_of, long_id, state_without_switches

TENANTS: dict[str, dict[str, Any]] = {
    "as by default": {},
    "an empty record": {"unknown_order": "record"},
    "a short fault": {"unknown_order": "fault", "fault_text": "short"},
    "a fault in its own words": {
        "unknown_order": "fault",
        "unknown_text": "There is no order {order} in this system",
    },
    "SOAP 1.1": {"soap": "1.1", "fault_text": "short"},
    "SOAP 1.2": {"soap": "1.2", "unknown_order": "fault"},
    "a cut reference": {"reference": "cut50"},
    "no reference": {"reference": "omitted", "voided_charges": True},
    "permissions missing": {
        "denied": ["GetOffers", "GetPackages", "GetShippingCharge"],
        "denied_text": "Access to {operation} is denied",
    },
    "look-ups not permitted": {"denied": ["GetOrderInfo"]},
    "another zone": {"timezone": "America/Phoenix", "window_end": "exclusive"},
    "long ids": {"longest_id": 24},
    "REST not permitted": {"denied": ["GetProductAvailabilities", "Login"]},
}
# What its tenant shows, where that is not what was switched.
SHOWN: dict[str, dict[str, Any]] = {
    "another zone": {"timezone": "Etc/GMT+7", "window_end": "exclusive"},
    "look-ups not permitted": {"denied": ["GetOrderInfo"], "denied_text": ""},
}


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with bed_of(tmp_path) as made:
        yield made


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_simulator_like_a_tenant_answers_as_it_does(bed: Bed, tenant: str) -> None:
    switches = TENANTS[tenant]
    bed.control("behaviour", switches)
    if "longest_id" in switches:
        long_id(bed, switches["longest_id"])
    shown = bed.probe()
    behaviour = shown["behaviour"]
    for switch, value in (SHOWN.get(tenant) or switches).items():
        assert behaviour[switch] == value, switch
    state = state_without_switches(bed, bed.folder / "state.json")
    file = bed.folder / "tenant.json"
    process = bed.start("sandbox", "--port", "0", "--state", str(state), "--like", str(file))
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        again = bed.probe("again.json", VERACORE_API_URL=url)
    finally:
        process.terminate()
        _, told = process.communicate(timeout=600)
    assert again == shown
    assert (bed.folder / "again.json").read_bytes() == file.read_bytes()
    for switch, value in behaviour.items():
        assert f"  {switch} = {json.dumps(value)}\n" in told
    assert "as by default, because the file does not say:\n" in told
    assert re.search(r"^  require_city: it shows only when an order is created$", told, re.M)

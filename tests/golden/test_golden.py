"""What is sent for a real order, byte for byte."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from golden_kit import CASES, HERE, produce


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_request_is_the_golden_one(case: str) -> None:
    assert produce(case) == (HERE / case).read_bytes()


@pytest.mark.parametrize("case", sorted(case for case in CASES if "-bare.o" in case))
def test_what_the_account_did_not_configure_is_absent(case: str) -> None:
    root = ET.fromstring(produce(case))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not names & {"Classification", "Shipping", "Source", "Comments", "FreightCarrier"}
    assert not [e for e in root.iter() if not len(e) and not (e.text or "").strip()]

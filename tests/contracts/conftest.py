"""The ledger of the contract suite, on each backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_beds import BEDS, SHARED, LedgerBed

from veracore_sync.ports.ledger import Ledger


@pytest.fixture(params=BEDS)
def ledger_bed(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerBed:
    return BEDS[request.param](tmp_path)


@pytest.fixture
def ledger(ledger_bed: LedgerBed) -> Iterator[Ledger]:
    made = ledger_bed.open()
    yield made
    made.close()


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerBed:
    """A backend that other processes reach."""
    return BEDS[request.param](tmp_path)

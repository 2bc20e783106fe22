"""The contract suites of the ports.

A port (`veracore_sync/ports`) says what the jobs may ask; its suite here says what every
implementation of it does, the real ones and the fakes that other tests run over. How to add one:

- a warehouse dialect: a package below ``veracore_sync/veracore``, its class in
  ``veracore/connect.py::DIALECTS`` and its name in ``config/schema.py::DialectName``. Then
  ``pytest tests/contracts/test_warehouse_contract.py -k NAME`` runs it against the simulator, which
  must learn to speak it (``veracore_sync/sandbox``); where it does not, that is the first red test.
- a fake, or another shop: one line in the table of its bed (`warehouse_beds`, `shop_beds`,
  `hook_beds`), and a bed that knows how to act behind its back.

A bed is what the suite knows of an implementation beyond the port. A test that fails for a fake
shows that the fake lies: mend the fake, not the test.
"""

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

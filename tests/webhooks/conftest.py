"""The listener that most tests talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hook_kit import Bed, start_bed, stop_bed


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    running = start_bed(tmp_path / "ledger.db")
    yield running
    stop_bed(running)

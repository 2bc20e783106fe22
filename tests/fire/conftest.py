from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench
from fire_kit import DIALECTS, Fire, set_on_fire


@pytest.fixture(params=DIALECTS)
def fire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fire]:
    with set_on_fire(tmp_path, request.param) as burning:
        yield burning


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "ledger.db")
    yield made
    made.ledger.close()

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from changes_kit import ChangesBed, changes_bed


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[ChangesBed]:
    with changes_bed(tmp_path) as made:
        yield made

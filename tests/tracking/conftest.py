"""A small shop and a simulator for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tracking_world import World, world


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, dialect="rest") as made:
        yield made

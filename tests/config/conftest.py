from __future__ import annotations

from pathlib import Path

import pytest
from config_kit import Desk

from veracore_sync.config import file


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(file, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")
    return Desk(tmp_path)

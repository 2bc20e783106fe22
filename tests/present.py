"""What a machine may lack: those tests are skipped there, and fail where none may be skipped."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("VERACORE_SYNC_REQUIRE_REAL") == "1"


def missing(why: object) -> NoReturn:
    """Skip the test that runs, or let it fail.

    Args:
        why: What is missing.
    """
    if REQUIRED:
        pytest.fail(f"VERACORE_SYNC_REQUIRE_REAL=1, but {why}", pytrace=False)
    pytest.skip(str(why))

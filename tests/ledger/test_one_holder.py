"""A job has one holder, from when it is taken to when it is given free."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from veracore_sync.domain.errors import LockHeld
from veracore_sync.ledger import open_ledger


@pytest.mark.parametrize("job", ["orders", "stock"])
def test_while_a_job_is_held_nobody_else_gets_it(tmp_path: Path, job: str) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as one, closing(open_ledger(path)) as other:
        with one.runs.lock(job, "the first"):
            for _ in range(2):
                with pytest.raises(LockHeld), other.runs.lock(job, "the second"):
                    pass
                assert other.runs.is_running(job)
        with other.runs.lock(job, "the second"):
            assert one.runs.is_running(job)

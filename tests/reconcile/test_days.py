"""A few days of a shop beside its timers: what was made to differ is found, and nothing else."""

from __future__ import annotations

from pathlib import Path

from reconcile_days_kit import reconciled_days


def test_everything_is_found_and_nothing_else(tmp_path: Path) -> None:
    with reconciled_days(tmp_path, days=3, orders=40, inject=36) as days:
        for _ in days.live(3):
            pass
        days.end()
        assert days.tally.faults == []
        assert sum(days.tally.found.values()) == len(days.injected) >= 28

"""Levels that wait for the next stock run, and those that one has left as they were.

A run may end before it has written everything, and something in the shop may undo what it writes.
So what waits is remembered from one comparison to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from veracore_sync.clock import to_text
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reconcile.by_hand import has_worked, recent_runs
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.stock_words import Suspect
from veracore_sync.jobs.schedule import COMMANDS

WAITING = "reconcile.waiting_levels"
"""The ledger's key: by variant, since when it waits and a digest of what was seen, as JSON."""

_MOST = 500


@dataclass(slots=True)
class LeftBehind(RunPart[ReconcileReport]):
    """Finds levels that a stock run should have written, and did not."""

    def among(self, waiting: Iterable[Suspect], *, all_of_them: bool) -> set[str]:
        """The ids of those that were the same before a stock run began that has ended since.

        Args:
            waiting: What waits.
            all_of_them: Nothing else waits, so nothing else needs to be remembered.
        """
        known: dict[str, list[str]] = json.loads(self.ledger.meta.get(WAITING) or "{}")
        last = self._last_began()
        now = to_text(self.clock.now())
        kept: dict[str, tuple[str, str]] = {}
        left: set[str] = set()
        for one in waiting:
            mark = _mark(one)
            since, before = known.get(one.id, (now, ""))
            if before != mark:
                since = now
            elif since < last:
                left.add(one.id)
            if len(kept) < _MOST:
                kept[one.id] = (since, mark)
        if all_of_them and not self.context.must_not_write and (kept or known):
            self.ledger.meta.put(WAITING, json.dumps(kept))
        return left

    def _last_began(self) -> str:
        """When the newest stock run began that has done its work; empty: there is none."""
        began = (
            run.started_at
            for run in recent_runs(self.ledger)
            if run.command == COMMANDS["inventory"] and has_worked(run)
        )
        return max(began, default="")


def _mark(one: Suspect) -> str:
    return hashlib.blake2b(repr(one).encode(), digest_size=8).hexdigest()

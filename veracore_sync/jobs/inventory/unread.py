"""Records that a run could not read: named, remembered, and put before a person after an hour."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from veracore_sync.clock import Clock
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.ledger_records import UnreadRow
from veracore_sync.jobs.bad_records import BadRecordMemory
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.ledger import Ledger

KIND = AlertKind.STOCK_UNREADABLE
_TOPIC = "stock.unreadable"
_MAX_KEPT = 500
_MAX_TOLD = 20
_NAMELESS = "a row of VeraCore's stock without a SKU"


@dataclass(slots=True)
class UnreadStock:
    """Collects them in a run; one bad record stops no other.

    Args:
        ledger: Where they are remembered, with the moment from which they could not be read.
        clock: The time.
        report: Gets their names, and what is new to a person.
        nameless: How many rows of stock bore no SKU.
    """

    ledger: Ledger
    clock: Clock
    report: InventoryReport
    nameless: int = 0
    _left_out: int = field(default=0)

    def note(self, name: str, problem: str) -> None:
        """A record cannot be read.

        Args:
            name: What a person finds it by; also what it is remembered by.
            problem: What is wrong with it.
        """
        found = self.report.unreadable
        if name in found or len(found) < _MAX_KEPT:
            found.setdefault(name, problem)
        else:
            self._left_out += 1

    def note_nameless(self, problem: str) -> None:
        """A row of stock does not say whose it is, so no SKU is known to be missing."""
        self.nameless += 1
        self.note(_NAMELESS, problem)

    def note_all(self, names: Iterable[str], problem: str) -> None:
        """Records of which nothing is noted yet."""
        for name in names:
            self.note(name, problem)

    def tell(self) -> None:
        """Say in the run's own words what could not be read."""
        count = len(self.report.unreadable) + self._left_out
        if count:
            name, problem = next(iter(self.report.unreadable.items()))
            self.report.notify(
                f"{count} records could not be read and were passed by: {name} ({problem})"
                + (", ..." if count > 1 else "")
            )

    def conclude(self, *, complete: bool) -> None:
        """End a run: remember, and tell of what could not be read for long.

        Args:
            complete: All was read that there is: what is not among them can be read again.
        """
        self.tell()
        memory = BadRecordMemory(self.ledger, self.clock, None, _TOPIC)
        found = self.report.unreadable
        known = [] if complete else list(memory.rows())
        kept = set(list(dict.fromkeys([*known, *found]))[:_MAX_KEPT])
        memory.keep_only(kept)
        memory.failed_all({name: problem for name, problem in found.items() if name in kept})
        self._alert([row for row in memory.rows().values() if memory.is_overdue(row)])

    def _alert(self, old: Sequence[UnreadRow]) -> None:
        if not old:
            self.ledger.alerts.resolve(KIND)
            return
        key = f"{KIND}.told"
        before = set(json.loads(self.ledger.meta.get(key) or "[]"))
        names = sorted(row.name for row in old)
        if set(names) != before:
            self.ledger.meta.put(key, json.dumps(names))
        if set(names) - before:
            self.ledger.alerts.resolve(KIND)
        by_name = sorted(old, key=lambda row: row.name)
        parts = [f"{row.name} ({row.message})" for row in by_name[:_MAX_TOLD]]
        more = f" and {len(old) - len(parts)} more" if len(old) > len(parts) else ""
        sentence = (
            f"for more than an hour {len(old)} records could not be read, so levels that depend on "
            f"them only go down: {', '.join(parts)}{more}; every run tries again"
        )
        raise_alert(self.ledger, self.report, KIND, sentence)

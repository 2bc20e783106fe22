"""Records that a run could not read: named, remembered, and alerted after an hour."""

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
_MAX_NAMED = 20
_NAMELESS = "a row of VeraCore's stock without a SKU"


@dataclass(slots=True)
class UnreadStock:
    """Collects bad records in a run; one of them stops no other.

    Args:
        nameless: How many rows of stock had no SKU.
    """

    ledger: Ledger
    clock: Clock
    report: InventoryReport
    nameless: int = 0
    _left_out: int = field(default=0)

    def note(self, name: str, problem: str) -> None:
        """Note a record that cannot be read.

        Args:
            name: By which a person finds the record; also its key in the ledger.
            problem: What is wrong with it.
        """
        found = self.report.unreadable
        if name in found or len(found) < _MAX_KEPT:
            found.setdefault(name, problem)
        else:
            self._left_out += 1

    def note_nameless(self, problem: str) -> None:
        """Note a row of stock without a SKU."""
        # It may be any SKU's, so no SKU counts as missing in this read.
        self.nameless += 1
        self.note(_NAMELESS, problem)

    def note_all(self, names: Iterable[str], problem: str) -> None:
        """Note several records with the same problem."""
        for name in names:
            self.note(name, problem)

    @property
    def is_any_remembered(self) -> bool:
        """Whether an earlier run met a record that could not be read."""
        return bool(BadRecordMemory(self.ledger, self.clock, None, _TOPIC).rows())

    def summarise(self) -> None:
        """Add a notice about what could not be read."""
        count = len(self.report.unreadable) + self._left_out
        if count:
            name, problem = next(iter(self.report.unreadable.items()))
            self.report.notify(
                f"{count} records could not be read and were skipped: {name} ({problem})"
                + (", ..." if count > 1 else "")
            )

    def conclude(self, *, complete: bool) -> None:
        """End a run: remember the bad records, and alert about those that are overdue.

        Args:
            complete: Everything was read, so all other records can be read again.
        """
        self.summarise()
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
        parts = [f"{row.name} ({row.message})" for row in by_name[:_MAX_NAMED]]
        more = f" and {len(old) - len(parts)} more" if len(old) > len(parts) else ""
        sentence = (
            f"{len(old)} records could not be read for more than an hour, so levels that depend on "
            f"them only go down: {', '.join(parts)}{more}; every run tries again"
        )
        raise_alert(self.ledger, self.report, KIND, sentence)

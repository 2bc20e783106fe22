"""Records that a run could not read: named, remembered, and put before a person after an hour."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.inventory.result import InventoryResult
from veracore_sync.ports.ledger import Ledger

KIND = AlertKind.STOCK_UNREADABLE
_KEY = "stock.unreadable"
_TOO_LONG = timedelta(hours=1)
_KEPT_MOST = 500
_TOLD_MOST = 20
_NAMELESS = "a row of VeraCore's stock without a SKU"


@dataclass(slots=True)
class Unread:
    """Collects them in a run; one bad record stops no other.

    Args:
        ledger: Where they are remembered, with the moment from which they could not be read.
        clock: The time.
        result: Gets their names, and what is new to a person.
        nameless: How many rows of stock bore no SKU.
    """

    ledger: Ledger
    clock: Clock
    result: InventoryResult
    nameless: int = 0
    _left_out: int = field(default=0)

    def note(self, name: str, problem: str) -> None:
        """A record cannot be read.

        Args:
            name: What a person finds it by; also what it is remembered by.
            problem: What is wrong with it.
        """
        found = self.result.unreadable
        if name in found or len(found) < _KEPT_MOST:
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
        count = len(self.result.unreadable) + self._left_out
        if count:
            name, problem = next(iter(self.result.unreadable.items()))
            self.result.notes.append(
                f"{count} records could not be read and were passed by: {name} ({problem})"
                + (", ..." if count > 1 else "")
            )

    def conclude(self, *, complete: bool) -> None:
        """End a run: remember, and tell of what could not be read for long.

        Args:
            complete: All was read that there is: what is not among them can be read again.
        """
        self.tell()
        known: dict[str, list[str]] = json.loads(self.ledger.meta.get(_KEY) or "{}")
        now = to_text(self.clock.now())
        before = {name: entry for name, entry in known.items() if not complete}
        found = {
            name: [min(known[name][0], now) if name in known else now, problem]
            for name, problem in self.result.unreadable.items()
        }
        kept = dict(list((before | found).items())[:_KEPT_MOST])
        if kept != known:
            self.ledger.meta.put(_KEY, json.dumps(kept))
        self._alert(known, kept)

    def _alert(self, known: dict[str, list[str]], kept: dict[str, list[str]]) -> None:
        old = {name: entry for name, entry in kept.items() if self._is_old(entry[0])}
        if not old:
            self.ledger.alerts.resolve(KIND)
            return
        told = f"{KIND}.told"
        before = set(json.loads(self.ledger.meta.get(told) or "[]"))
        if set(old) != before:
            self.ledger.meta.put(told, json.dumps(sorted(old)))
        if set(old) - before:
            self.ledger.alerts.resolve(KIND)
        parts = [f"{name} ({entry[1]})" for name, entry in sorted(old.items())[:_TOLD_MOST]]
        more = f" and {len(old) - len(parts)} more" if len(old) > len(parts) else ""
        sentence = (
            f"for more than an hour {len(old)} records could not be read, so levels that depend on "
            f"them only go down: {', '.join(parts)}{more}; every run tries again"
        )
        if self.ledger.alerts.open(KIND, sentence):
            self.result.news.append(sentence)

    def _is_old(self, since: str) -> bool:
        return self.clock.now() - from_text(since) >= _TOO_LONG

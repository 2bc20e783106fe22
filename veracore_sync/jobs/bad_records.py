"""Records that cannot be worked on: one memory and one set of rules for every job.

A bad record is named and remembered, requested last and with growing pauses, and alerted once after
an hour; a usable answer ends all that. It stops no other record, and is never given up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from veracore_sync.backoff import Backoff
from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.ledger_records import UnreadRow
from veracore_sync.overdue import RECORD_UNREADABLE, is_overdue
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import is_over


@dataclass(frozen=True, slots=True)
class BadRecordMemory:
    """The bad records of one topic, from run to run.

    Args:
        backoff: The pauses after failures; ``None``: each run reads all of them.
        topic: The kind of read.
        tried_at_once: After so many failures in a row there is no pause yet.
        is_read_only: Whether nothing may be written: a dry run, or a rehearsal.
    """

    ledger: Ledger
    clock: Clock
    backoff: Backoff | None
    topic: str
    tried_at_once: int = 0
    is_read_only: Callable[[], bool] = lambda: False

    def rows(self) -> dict[str, UnreadRow]:
        """All bad records by name, longest without an answer first."""
        return self.ledger.unread.of(self.topic)

    def __contains__(self, name: str) -> bool:
        return self.ledger.unread.get(self.topic, name) is not None

    def failed(self, name: str, message: str) -> UnreadRow:
        """Record one more failure; the record's row."""
        return self.failed_all({name: message})[0]

    def failed_all(self, messages: Mapping[str, str]) -> list[UnreadRow]:
        """As `failed`, for several records: messages by name."""
        rows = [self._once_more(name, message) for name, message in messages.items()]
        self._keep(rows)
        return rows

    def suspect(self, names: Iterable[str]) -> None:
        """Remember records of which at least one cannot be read; each is due at once."""
        now = to_text(self.clock.now())
        self._keep([UnreadRow(name, now, 0, None, "") for name in names if name not in self])

    def answered(self, name: str) -> bool:
        """Forget a record that was read, or is no longer needed; whether it was remembered."""
        if name not in self or self.is_read_only():
            return False
        self.ledger.unread.forget(self.topic, [name])
        return True

    def keep_only(self, names: Collection[str]) -> list[str]:
        """Forget all other records; their names."""
        others = [] if self.is_read_only() else [name for name in self.rows() if name not in names]
        self.ledger.unread.forget(self.topic, others)
        return others

    def rests(self, name: str) -> bool:
        """Whether the record failed lately and waits for its next attempt."""
        row = self.ledger.unread.get(self.topic, name)
        return row is not None and not self.is_due(row)

    def is_due(self, row: UnreadRow) -> bool:
        """Whether the record may be requested again."""
        if row.next_attempt_at is None or self.backoff is None:
            return True
        until = from_text(row.next_attempt_at)
        return is_over(until, self.clock.now(), self.backoff.longest)

    def is_overdue(self, row: UnreadRow) -> bool:
        """Whether the record has been unreadable for long enough to alert."""
        return is_overdue(from_text(row.since), self.clock.now(), RECORD_UNREADABLE)

    def _once_more(self, name: str, message: str) -> UnreadRow:
        now = self.clock.now()
        known = self.ledger.unread.get(self.topic, name)
        # A beginning in the future was written by a wrong clock, and would delay the alert.
        since = min(known.since, to_text(now)) if known else to_text(now)
        tries = known.tries + 1 if known else 1
        waits, until = tries - self.tried_at_once, None
        if self.backoff is not None and waits > 0:
            until = to_text(now + self.backoff.wait(waits))
        return UnreadRow(name, since, tries, until, message)

    def _keep(self, rows: Collection[UnreadRow]) -> None:
        if rows and not self.is_read_only():
            self.ledger.unread.keep(self.topic, rows)


def longest_untried_first(rows: Iterable[UnreadRow]) -> list[UnreadRow]:
    """Sort rows in the order in which records are requested again."""
    return sorted(rows, key=lambda row: (row.next_attempt_at or "", row.tries, row.since))

"""Records that cannot be worked on: one memory, and its rules, for every job.

A record is named and remembered; it is asked for last, and ever more rarely; after its time a
person is alerted, once; a usable answer ends all that. The rest goes on meanwhile: one record's
trouble stops no other, and no failure that may pass is ever given up.
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
        ledger: Where they are remembered.
        clock: The time.
        backoff: How long one that fails is left alone; ``None``: each run reads all of them.
        topic: The kind of read.
        tried_at_once: So many failures in a row are followed by a try in the very next run.
        is_read_only: Whether nothing may be written: a dry run, or a rehearsal.
    """

    ledger: Ledger
    clock: Clock
    backoff: Backoff | None
    topic: str
    tried_at_once: int = 0
    is_read_only: Callable[[], bool] = lambda: False

    def rows(self) -> dict[str, UnreadRow]:
        """All of them, longest without an answer first."""
        return self.ledger.unread.of(self.topic)

    def __contains__(self, name: str) -> bool:
        return self.ledger.unread.get(self.topic, name) is not None

    def failed(self, name: str, message: str) -> UnreadRow:
        """One more failure; what is known of the record now."""
        return self.failed_all({name: message})[0]

    def failed_all(self, messages: Mapping[str, str]) -> list[UnreadRow]:
        """As `failed`, of several at once, by name."""
        rows = [self._once_more(name, message) for name, message in messages.items()]
        self._keep(rows)
        return rows

    def suspect(self, names: Iterable[str]) -> None:
        """One of these cannot be read, nobody knows which: each is known, and due."""
        now = to_text(self.clock.now())
        self._keep([UnreadRow(name, now, 0, None, "") for name in names if name not in self])

    def answered(self, name: str) -> bool:
        """It was read after all, or need not be any more; whether it was remembered."""
        if name not in self or self.is_read_only():
            return False
        self.ledger.unread.forget(self.topic, [name])
        return True

    def keep_only(self, names: Collection[str]) -> list[str]:
        """Forget all others; which."""
        others = [] if self.is_read_only() else [name for name in self.rows() if name not in names]
        self.ledger.unread.forget(self.topic, others)
        return others

    def rests(self, name: str) -> bool:
        """Whether it failed a moment ago, and is left alone until its next attempt."""
        row = self.ledger.unread.get(self.topic, name)
        return row is not None and not self.is_due(row)

    def is_due(self, row: UnreadRow) -> bool:
        """Whether it may be asked for again."""
        if row.next_attempt_at is None or self.backoff is None:
            return True
        until = from_text(row.next_attempt_at)
        return is_over(until, self.clock.now(), self.backoff.longest)

    def is_overdue(self, row: UnreadRow) -> bool:
        """Whether a person is to hear of it."""
        return is_overdue(from_text(row.since), self.clock.now(), RECORD_UNREADABLE)

    def _once_more(self, name: str, message: str) -> UnreadRow:
        now = self.clock.now()
        known = self.ledger.unread.get(self.topic, name)
        # A beginning that is still to come was written by a wrong clock.
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
    """In the order in which they are asked for."""
    return sorted(rows, key=lambda row: (row.next_attempt_at or "", row.tries, row.since))

"""Records that could not be worked on: one record's own trouble, or an upstream's.

One rule for all of them. The record is named and remembered, with its next attempt; it is asked
last; after an hour a person is told; and the rest goes on. Only what says something of the upstream
as a whole ends a run: its own words, or several new records in a row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.config import RetrySettings
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.errors import AuthRefused, BreakerOpen, RateLimited, SyncError
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import NONE, bounded, is_over

KIND = AlertKind.ORDER_UNANSWERED
ORDERS, UNKNOWN_ORDERS = "tracking.unanswered", "tracking.unanswered_unknown"
"""What is remembered of: orders of the ledger, and of the shop that the ledger does not hold."""
_TOO_LONG = timedelta(hours=1)
_IN_A_ROW_MOST = 3


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is remembered of a record. Times are UTC texts."""

    since: str
    tries: int = 0
    next_attempt_at: str = ""
    error: str = ""


@dataclass(slots=True)
class Unanswered:
    """Remembers such records from run to run, by the order's code.

    Args:
        ledger: Where they are kept.
        clock: The time.
        retry: How long one waits for its next attempt.
        result: Where failures and news are told.
        quiet: Write nothing: a dry run.
        key: Of which records, `ORDERS` or `UNKNOWN_ORDERS`.
        answered_by: The upstreams that gave a usable answer in this run.
        unusable: What came instead of one, by upstream, as far as no alert tells of it.
    """

    ledger: Ledger
    clock: Clock
    retry: RetrySettings
    result: TrackingResult
    quiet: bool = False
    key: str = ORDERS
    _troubles: dict[str, _Trouble] = field(init=False)
    _in_a_row: Counter[str] = field(default_factory=Counter)
    answered_by: set[str] = field(default_factory=set)
    unusable: dict[str, SyncError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stored = json.loads(self.ledger.meta.get(self.key) or "{}")
        self._troubles = {
            code: _Trouble(told) if isinstance(told, str) else _Trouble(**told)
            for code, told in stored.items()
        }

    def codes(self) -> list[str]:
        """The orders to try again: those that are due, longest untried first, then the others."""
        return sorted(self._troubles, key=self.rests)

    def rests(self, code: str) -> bool:
        """Whether it failed a moment ago, and is left alone until its next attempt."""
        told = self._troubles.get(code)
        if told is None or not told.next_attempt_at:
            return False
        longest = timedelta(seconds=self.retry.cap_seconds)
        return not is_over(from_text(told.next_attempt_at), self.clock.now(), longest)

    def __contains__(self, code: str) -> bool:
        return code in self._troubles

    def keep_only(self, codes: Collection[str]) -> None:
        """Forget all others: of those nothing is to be worked on any more."""
        for code in [code for code in self._troubles if code not in codes]:
            self.worked(code)

    def failed(self, code: str, error: SyncError) -> None:
        """Note a record that could not be worked on.

        Args:
            code: The order's.
            error: What came instead of a usable answer.

        Raises:
            SyncError: It says something of the upstream as a whole, or several in a row failed.
        """
        upstream = getattr(error, "upstream", "")
        if isinstance(error, BreakerOpen) or _refuses_all(error):
            raise error
        self.result.errors += 1
        self.result.note(code, "", "failed", error.message)
        is_new = code not in self._troubles
        since = self._remember(code, error.message)
        if isinstance(error, RateLimited):
            # It is asked last next time, should it be the only one that is turned away.
            raise error
        if self.quiet or not self._is_told(since):
            self.unusable[upstream] = error
        self._in_a_row[upstream] += is_new
        if self._in_a_row[upstream] >= _IN_A_ROW_MOST:
            raise error

    def suspect(self, codes: Sequence[str], error: SyncError) -> None:
        """One of these, which were read together, cannot be read: from now on each is read alone.

        Raises:
            SyncError: It says something of the upstream as a whole.
        """
        if isinstance(error, BreakerOpen | RateLimited) or _refuses_all(error):
            raise error
        self.result.errors += 1
        self.result.notes.append(f"{len(codes)} orders are read one by one: {error.message}")
        now = to_text(self.clock.now())
        self._troubles |= {code: _Trouble(now) for code in codes if code not in self._troubles}
        self.unusable[getattr(error, "upstream", "")] = error
        self._keep()

    def answered(self, upstream: str) -> None:
        """That upstream gave a usable answer."""
        self.answered_by.add(upstream)
        self._in_a_row[upstream] = 0

    def worked(self, code: str) -> None:
        """Nothing is wrong with that order any more."""
        if self._troubles.pop(code, None) is not None and not self.quiet:
            self._keep()
            self.ledger.alerts.resolve(KIND, code=code)

    def tell(self) -> None:
        """Put before a person what has been in trouble for too long."""
        for code, told in self._troubles.items():
            if self.quiet or not told.error or not self._is_told(told.since):
                continue
            message = f"no usable answer about it since {told.since}: {told.error}"
            if self.ledger.alerts.open(KIND, message, code=code):
                self.result.news.append(f"{code}: {message}")

    def _is_told(self, since: str) -> bool:
        now = self.clock.now()
        return now - bounded(from_text(since), now, NONE) >= _TOO_LONG

    def _remember(self, code: str, error: str) -> str:
        """Since when it is in trouble."""
        now = self.clock.now()
        before = self._troubles.pop(code, _Trouble(to_text(now)))
        # A beginning that is still to come was written by a wrong clock.
        since = min(before.since, to_text(now))
        tries = before.tries + 1
        later = to_text(now + self.retry.after(tries))
        self._troubles[code] = _Trouble(since, tries, later, error)
        self._keep()
        return since

    def _keep(self) -> None:
        if self.quiet:
            return
        told = {code: asdict(trouble) for code, trouble in self._troubles.items()}
        self.ledger.meta.put(self.key, json.dumps(told))


def conclude(*memories: Unanswered) -> None:
    """End a run.

    Raises:
        SyncError: An upstream gave no answer of use to anything, and no alert tells of it yet.
    """
    answered = {upstream for one in memories for upstream in one.answered_by}
    for one in memories:
        for upstream, error in one.unusable.items():
            if upstream not in answered:
                raise error


def _refuses_all(error: SyncError) -> bool:
    """Whether it refuses whoever asks. VeraCore may refuse one order alone in the same words, if it
    took the credentials themselves a moment ago; Vendure's refusal names a permission."""
    return isinstance(error, AuthRefused) and (error.listed or error.upstream == "vendure")

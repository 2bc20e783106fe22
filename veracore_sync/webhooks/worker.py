"""The worker: one hint at a time, by the jobs' code, under the job's lock.

A hint that is stored again while its look-up runs is due again, because the look-up may have read
the old state. Failures are retried later; after ten of its own a hint is left to polling.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.backoff import Backoff
from veracore_sync.clock import Clock
from veracore_sync.describe import describe
from veracore_sync.domain.errors import Category, LedgerError, LockHeld, SyncError, UsageError
from veracore_sync.domain.failures import SAYS_NOTHING_OF_ITS_NAME
from veracore_sync.domain.hints import KINDS, WORKER, Hint, Kind
from veracore_sync.ports.ledger import InboxStore, RunStore
from veracore_sync.waits import ASKED
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.rate_limit import HintRateLimiter
from veracore_sync.webhooks.supervision import Part, SupervisedThread

_LOG = logging.getLogger(__name__)
_TRIES = 10
_BASE_SECONDS = 5.0
_BACKOFF = Backoff(timedelta(seconds=_BASE_SECONDS), longest=timedelta(minutes=15))
_LOCK_SECONDS = 0.5
_IDLE_SECONDS = 1.0
_GAP_SECONDS = 0.2
"""Pause between two hints, in which a waiting command can take the lock."""
_PRUNE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Handler:
    """How a kind of hint is processed.

    Args:
        lock: The job whose lock is held.
        run: Syncs one SKU or order; raises a `SyncError`.
        requests: About how many requests to VeraCore that takes.
    """

    lock: str
    run: Callable[[str], None]
    requests: int = 1


class Worker:
    """Processes the hints of an inbox in a thread of its own.

    Args:
        inbox: The hints.
        handlers: One per kind; kinds without one wait.
        runs: The job locks.
        clock: The time.
        pace: How many requests hints may cause.
        meter: Counters.
        keep: How long ids and processed hints are kept.
        part: Records its health.
    """

    def __init__(
        self,
        inbox: InboxStore,
        handlers: Mapping[Kind, Handler],
        runs: RunStore,
        clock: Clock,
        *,
        pace: HintRateLimiter,
        meter: Counters,
        keep: timedelta,
        part: Part | None = None,
    ) -> None:
        self._inbox = inbox
        self._handlers = handlers
        self._runs = runs
        self._clock = clock
        self._pace = pace
        self._meter = meter
        self._keep = keep
        self._order = [kind for kind in KINDS if kind in handlers]
        self._paused_until: dict[Kind, float] = {}
        self._prune_at = clock.monotonic()
        self._wake = threading.Event()
        self._thread = SupervisedThread(part or Part("worker", clock), self._turn)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Announce a new hint."""
        self._wake.set()

    def is_alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> bool:
        """Finish the current hint and end; returns whether that was done in time."""
        self._thread.ask_to_stop()
        self._wake.set()
        return self._thread.stop(seconds)

    def _turn(self) -> None:
        self._wake.clear()
        if self.step():
            self._thread.rest(_GAP_SECONDS)
        else:
            self._wake.wait(_IDLE_SECONDS)

    def step(self) -> bool:
        """Process one hint, each kind in its turn; returns whether there was one.

        Raises:
            LedgerError: It cannot be read or written; hints wait.
        """
        self._prune()
        for kind in tuple(self._order):
            if self._clock.monotonic() < self._paused_until.get(kind, 0.0):
                continue
            hint = self._inbox.due(kind)
            if hint is None:
                continue
            if not self._pace.take(self._handlers[kind].requests):
                return False
            self._order.remove(kind)
            self._order.append(kind)
            return self._follow(hint)
        return False

    def _prune(self) -> None:
        if self._clock.monotonic() >= self._prune_at:
            self._prune_at = self._clock.monotonic() + _PRUNE_SECONDS
            self._inbox.prune(self._clock.now() - self._keep)

    def _rest(self, kinds: tuple[Kind, ...], seconds: float) -> None:
        for kind in kinds:
            self._paused_until[kind] = self._clock.monotonic() + seconds

    def _follow(self, hint: Hint) -> bool:
        handler = self._handlers[hint.kind]
        try:
            with self._runs.lock(handler.lock, WORKER):
                handler.run(hint.name)
        except LockHeld:
            self._rest((hint.kind,), _LOCK_SECONDS)
            return False
        except LedgerError:
            raise
        except UsageError as error:
            self._give_up(hint, error)
        except SyncError as error:
            self._failed(hint, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one hint must not stop the others
            _LOG.error("webhooks: the hint about %s %s: %s", hint.kind, hint.name, describe(error))
            self._failed(hint, SyncError("an error of this program"))
        else:
            self._inbox.cover(hint)
            self._meter.count("looked_up")
        return True

    def _failed(self, hint: Hint, error: SyncError) -> None:
        self._meter.count("failed_look_ups")
        wait = _BACKOFF.wait(hint.tries + 1)
        if error in SAYS_NOTHING_OF_ITS_NAME:
            # The failure has nothing to do with this name, so the hint is kept however long it
            # lasts.
            asked = min(getattr(error, "retry_after", None) or 0.0, ASKED.total_seconds())
            wait = max(wait, timedelta(seconds=asked))
            self._rest((hint.kind,), _BASE_SECONDS)
        elif hint.tries + 1 >= _TRIES:
            self._give_up(hint, error)
            return
        self._inbox.put_off(hint, self._clock.now() + wait, str(error.category), error.message)

    def _give_up(self, hint: Hint, error: SyncError) -> None:
        quiet = isinstance(error, UsageError)
        level = logging.INFO if quiet else logging.WARNING
        _LOG.log(level, "webhooks: %s %s: %s", hint.kind, hint.name, error.message)
        category = Category.NOT_FOUND if quiet else error.category
        self._inbox.give_up(hint, str(category), error.message)
        self._meter.count("given_up")

"""The outbox is delivered: at least once, in order per order, with an id that stays the same."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from veracore_sync.clock import Clock, from_text
from veracore_sync.failpoint import hit
from veracore_sync.ledger import Ledger
from veracore_sync.ledger.outbox import Event
from veracore_sync.transport.hooks import NotTaken
from veracore_sync.waits import EVENT, is_over

_LOG = logging.getLogger(__name__)
JOB = "deliver"
KIND = "hooks.failing"
_REFUSALS_IN_A_ROW = 3
_FIRST_WAIT = timedelta(minutes=1)
_TOO_LONG = timedelta(hours=1)


class Hook(Protocol):
    """Something that takes events."""

    def deliver(self, event_id: str, body: bytes) -> None:
        """Hand over one event.

        Raises:
            NotTaken: It was not taken.
        """


@dataclass(slots=True)
class Delivered:
    """What a pass did, by hook: events taken, events refused, and the error that ended it."""

    taken: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Delivery:
    """One pass over the outbox. The caller holds the lock of the job ``deliver``.

    Args:
        ledger: Where the outbox is.
        hooks: By name.
        clock: The time.
        forced: A person asked: stored waits do not count.
        deadline: When no further event is begun (monotonic); ``None``: never.
    """

    ledger: Ledger
    hooks: Mapping[str, Hook]
    clock: Clock
    forced: bool = False
    deadline: float | None = None
    result: Delivered = field(default_factory=Delivered)

    def run(self) -> Delivered:
        """Deliver what is due.

        Raises:
            LedgerError: The ledger cannot be read or written.
        """
        for name, hook in self.hooks.items():
            self.result.taken[name] = self.result.refused[name] = 0
            if self.forced or not self._is_left_alone(name):
                self._deliver(name, hook)
        self._tell()
        return self.result

    def _is_left_alone(self, name: str) -> bool:
        until = self.ledger.outbox.hook(name).next_attempt_at
        return until is not None and not is_over(from_text(until), self.clock.now(), EVENT)

    def _deliver(self, name: str, hook: Hook) -> None:
        after, refusals = 0, 0
        while not self._is_over():
            event = self.ledger.outbox.due(name, after=after, forced=self.forced)
            if event is None:
                return
            # Each event is met once in a pass; what a delivery sets free lies behind it.
            after = event.seq
            error = self._hand_over(name, hook, event)
            if error is None:
                refusals = 0
                continue
            refusals += 1
            self.result.refused[name] += 1
            if error.unreachable or refusals >= _REFUSALS_IN_A_ROW:
                self._stop(name, error)
                return

    def _is_over(self) -> bool:
        return self.deadline is not None and self.clock.monotonic() >= self.deadline

    def _hand_over(self, name: str, hook: Hook, event: Event) -> NotTaken | None:
        try:
            hook.deliver(event.id, body_of(event))
        except NotTaken as error:
            _LOG.info("hook %s did not take %s: %s", name, event.id, error.message)
            again_at = self.clock.now() + _wait(event.tries)
            self.ledger.outbox.refused(name, event.seq, error.message, again_at)
            return error
        hit("event taken")
        self.ledger.outbox.taken(name, event.seq)
        self.result.taken[name] += 1
        return None

    def _stop(self, name: str, error: NotTaken) -> None:
        failures = self.ledger.outbox.hook(name).failures
        again_at = self.clock.now() + _wait(failures)
        self.ledger.outbox.failed(name, error.message, again_at)
        self.result.stopped[name] = error.message

    def _tell(self) -> None:
        """Open ``hooks.failing`` once a hook has failed for an hour; resolve it when none does."""
        rows = [self.ledger.outbox.hook(name) for name in self.hooks]
        failing = [row for row in rows if row.failing_since is not None]
        if not failing:
            self.ledger.alerts.resolve(KIND)
        for row in failing:
            since = from_text(row.failing_since or "")
            if not is_over(since + _TOO_LONG, self.clock.now(), _TOO_LONG):
                continue
            message = f"the hook {row.hook} has not taken events since {row.failing_since}"
            message += f": {row.error}"
            if self.ledger.alerts.open(KIND, message):
                self.result.news.append(message)


def body_of(event: Event) -> bytes:
    """The event as it is delivered (docs/events.md); the same bytes on each try."""
    document = {"id": event.id, "type": event.type, "timestamp": event.at, "data": event.data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _wait(failures: int) -> timedelta:
    """A minute, doubled with each failure up to an hour, and up to a fifth less."""
    longest = min(_FIRST_WAIT * (1 << min(failures, 10)), EVENT)
    wait: timedelta = longest * random.uniform(0.8, 1.0)  # noqa: S311 - spreads, keeps no secret
    return wait

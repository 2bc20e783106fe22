"""Delivers the outbox: at least once, in sequence for each order, with an id that never changes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.backoff import Backoff
from veracore_sync.clock import Clock, from_text
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.failures import IN_A_ROW
from veracore_sync.domain.kinds import HOOK_ALERTS, AlertKind
from veracore_sync.domain.ledger_records import Alert, Blocked, Event
from veracore_sync.domain.readable import exactly
from veracore_sync.domain.texts import to_json
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.report import RunReport, raise_alert
from veracore_sync.overdue import HOOK_FAILING, is_overdue
from veracore_sync.ports.hooks import NOTIFY, Hook, NotTaken
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import EVENT, is_over

_LOG = logging.getLogger(__name__)
JOB = "deliver"
FAILING, BLOCKED = HOOK_ALERTS
_BACKOFF = Backoff(first=timedelta(minutes=1), longest=EVENT)


@dataclass(slots=True)
class Delivered(RunReport):
    """What a pass did, by hook: events accepted, events refused, and the error that ended it."""

    taken: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class EventDelivery:
    """One pass over the outbox. The caller holds the lock of the job ``deliver``.

    Args:
        hooks: By name.
        marks: A short mark of each address of people, in their sequence.
        forced: A person asked, so stored waits do not apply.
        deadline: From when no further event is begun (monotonic seconds); ``None``: never.
    """

    ledger: Ledger
    hooks: Mapping[str, Hook]
    clock: Clock
    forced: bool = False
    deadline: float | None = None
    marks: Sequence[str] = ()
    result: Delivered = field(default_factory=Delivered)

    def run(self) -> Delivered:
        """Deliver what is due.

        Raises:
            LedgerError: The ledger cannot be read or written.
        """
        if self.marks:
            self.ledger.outbox.readdress(self.marks)
        self._share()
        for name, hook in self.hooks.items():
            self.result.taken[name] = self.result.refused[name] = 0
            if self.forced or not self._is_left_alone(name):
                self._deliver(name, hook)
        self._update_alerts()
        return self.result

    def _share(self) -> None:
        """Give what waits for people to each of their addresses."""
        # An event is stored once for all people. Each of their addresses has its own progress, or
        # the others would get it again whenever one fails, and what follows too late.
        further = [name for name in self.hooks if name.startswith(f"{NOTIFY}-")]
        if further:
            self.ledger.outbox.share(NOTIFY, further)

    def _is_left_alone(self, name: str) -> bool:
        until = self.ledger.outbox.hook(name).next_attempt_at
        return until is not None and not is_over(from_text(until), self.clock.now(), EVENT)

    def _deliver(self, name: str, hook: Hook) -> None:
        """Deliver fresh events first: a refused one must not delay those of other orders."""
        met: set[int] = set()
        for fresh_only in (True, False):
            if not self._sweep(name, hook, met, fresh_only=fresh_only):
                return

    def _sweep(self, name: str, hook: Hook, met: set[int], *, fresh_only: bool) -> bool:
        """Deliver what is due, each event once in a pass; whether the hook may get more.

        An event that becomes due by a delivery has a higher number, so the sweep still reaches it.
        """
        after, refused = 0, list[Event]()
        while not self._is_over():
            event = self.ledger.outbox.due(
                name, after=after, forced=self.forced, fresh_only=fresh_only
            )
            if event is None:
                return True
            after = event.seq
            if event.seq in met:
                continue
            met.add(event.seq)
            if name == NOTIFY:
                # A job may have stored it since this pass began.
                self._share()
            error = self._hand_over(name, hook, event)
            if error is None:
                refused.clear()
                continue
            refused.append(event)
            self.result.refused[name] += 1
            if error.unreachable or len(refused) >= IN_A_ROW:
                self._stop(name, error, refused)
                return False
        return False

    def _is_over(self) -> bool:
        return self.deadline is not None and self.clock.monotonic() >= self.deadline

    def _hand_over(self, name: str, hook: Hook, event: Event) -> NotTaken | None:
        try:
            _call(hook, event)
        except NotTaken as error:
            _LOG.info("hook %s did not take %s: %s", name, event.id, error.message)
            again_at = self.clock.now() + _BACKOFF.wait(event.tries + 1)
            self.ledger.outbox.refused(name, event.seq, error.message, again_at)
            return error
        # A crash here delivers the event again, with the same id: at least once.
        pass_failpoint("event taken")
        self.ledger.outbox.taken(name, event.seq)
        self.result.taken[name] += 1
        return None

    def _stop(self, name: str, error: NotTaken, refused: Collection[Event]) -> None:
        """Pause the hook, unless it failed only at events that it refused before."""
        failures = self.ledger.outbox.hook(name).failures
        # A hook that accepts everything else works; pausing it would delay all other events.
        if not failures and all(event.tries for event in refused):
            return
        again_at = self.clock.now() + _BACKOFF.wait(failures + 1)
        self.ledger.outbox.failed(name, error.message, again_at)
        self.result.stopped[name] = error.message

    def _update_alerts(self) -> None:
        """Alert about hooks that fail for an hour or block an event; resolve all other alerts."""
        self.ledger.outbox.forget_idle_hooks()
        wanted: dict[tuple[AlertKind, str], str] = {}
        for name in self.hooks:
            found = self._problem(name)
            if found is not None:
                kind, message = found
                wanted[kind, name] = message
        for alert in _standing(self.ledger):
            if (alert.kind, alert.about) not in wanted and not self._may_stand(alert):
                self.ledger.alerts.resolve(alert.kind, about=alert.about)
        for (kind, name), message in wanted.items():
            raise_alert(self.ledger, self.result, kind, message, about=name)

    def _problem(self, name: str) -> tuple[AlertKind, str] | None:
        row = self.ledger.outbox.hook(name)
        since = from_text(row.failing_since) if row.failing_since else None
        if since is not None and is_overdue(since, self.clock.now(), HOOK_FAILING):
            message = f"the hook {name} has not accepted events since {exactly(row.failing_since)}"
            return FAILING, f"{message}: {row.error}"
        blocked = self.ledger.outbox.blocked(name)
        return (BLOCKED, _words(blocked)) if blocked else None

    def _may_stand(self, alert: Alert) -> bool:
        """Whether an alert about a blocked event stays open: its hook fails as a whole now."""
        if alert.kind != BLOCKED or alert.about not in self.hooks:
            return False
        return self.ledger.outbox.hook(alert.about).failing_since is not None


def is_wanted(ledger: Ledger, hooks: Collection[str]) -> bool:
    """Whether a pass has anything to do: an event waits, or an alert about a hook is open."""
    return bool(hooks and ledger.outbox.summary()["waiting"]) or bool(_standing(ledger))


def skip(ledger: Ledger, event_ids: Collection[str]) -> list[tuple[str, str]]:
    """Skip events for the hooks that refuse them; other hooks still get them.

    Returns:
        Hook and event id of each skipped delivery.

    Raises:
        UsageError: No hook refuses one of these; then none was skipped.
    """
    chosen = [(hook, one) for one in event_ids for hook in ledger.outbox.refusing(one)]
    unknown = [one for one in event_ids if one not in {event_id for _, event_id in chosen}]
    if unknown:
        raise UsageError(
            f"no hook has refused an event {unknown[0]}",
            hint="`veracore-sync stats` lists refused events",
        )
    for hook, event_id in chosen:
        ledger.outbox.skip(event_id, hook)
    return chosen


def _standing(ledger: Ledger) -> list[Alert]:
    return [alert for alert in ledger.alerts.standing() if alert.kind in HOOK_ALERTS]


def _words(blocked: Sequence[Blocked]) -> str:
    oldest = blocked[0]
    of = f" of order {oldest.code}" if oldest.code else ""
    behind = f", and {oldest.behind} more of that order wait for it" if oldest.behind else ""
    others = f"; it also refuses {len(blocked) - 1} other events" if len(blocked) > 1 else ""
    return (
        f"the hook {oldest.hook} keeps refusing {oldest.type}{of}, waiting since "
        f"{exactly(oldest.at)}{behind}: {oldest.error}{others}; fix the hook, or skip the event "
        f"with {command('deliver --skip ID', ID=str(oldest.id))}"
    )


def _call(hook: Hook, event: Event) -> None:
    """Deliver one event. An unexpected error in a hook must not end the other hooks' passes."""
    try:
        hook.deliver(event.id, body_of(event))
    except NotTaken:
        raise
    except Exception as error:
        raise NotTaken(type(error).__name__, unreachable=True) from error


def body_of(event: Event) -> bytes:
    """The event as it is delivered (docs/events.md); the same bytes on each attempt."""
    document = {"id": event.id, "type": event.type, "timestamp": event.at, "data": event.data}
    return to_json(document, separators=(",", ":")).encode()

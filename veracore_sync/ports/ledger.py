"""The ledger as those who use it see it: stores with verbs, and a unit of work around several.

Every verb that writes raises `LedgerError` where nothing of it was kept, and so does every verb
of a ledger that was opened to be read. Orders and shipments are in
`veracore_sync.ports.order_ledger`, the staging of stock in `veracore_sync.ports.stock_staging`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.hints import Hint, Kind, WebhookDelivery
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.ledger_records import (
    Ahead,
    Alert,
    Blocked,
    BreakerRow,
    Event,
    Holder,
    HookRow,
    LastRun,
    PastAlert,
    Run,
    RunHistory,
    UnreadRow,
)
from veracore_sync.ports.order_ledger import (
    HoldingStore,
    OrderStore,
    OrderTransitionStore,
    ShipmentStore,
)
from veracore_sync.ports.stock_staging import StagingStore


class Ledger(Protocol):
    """The ledger of one shop and one warehouse: its stores, each reached by its name."""

    @property
    def path(self) -> Path | None:
        """The file that keeps it; ``None`` where none does."""

    @property
    def orders(self) -> OrderStore:
        """The orders, to read."""

    @property
    def transitions(self) -> OrderTransitionStore:
        """The transitions of orders."""

    @property
    def holdings(self) -> HoldingStore:
        """What VeraCore holds of each order."""

    @property
    def shipments(self) -> ShipmentStore:
        """Tracked orders and slips."""

    @property
    def stock(self) -> StagingStore:
        """The staging of one run of the stock."""

    @property
    def alerts(self) -> AlertStore:
        """Alerts."""

    @property
    def outbox(self) -> OutboxStore:
        """Events on their way out."""

    @property
    def inbox(self) -> InboxStore:
        """Webhook deliveries and hints."""

    @property
    def unread(self) -> UnreadStore:
        """Records that could not be read."""

    @property
    def meta(self) -> MetaStore:
        """Facts about the ledger."""

    @property
    def runs(self) -> RunStore:
        """Runs and job locks."""

    @property
    def breakers(self) -> CircuitBreakers:
        """Circuit breakers."""

    @property
    def budgets(self) -> RateBudgets:
        """Rate budgets."""

    @property
    def refusals(self) -> RefusalStore:
        """Refused credentials."""

    @property
    def reporting(self) -> ReportingStore:
        """Counts and histories."""

    @property
    def upkeep(self) -> UpkeepStore:
        """Check, backup, prune, export."""

    def unit_of_work(self) -> AbstractContextManager[None]:
        """All that the stores write within the block is kept durably, or none of it.

        Keep it short, and never ask anything over the network inside: others wait meanwhile, and a
        request is only made when its intent is on the disk. A unit of work inside another joins it.

        Raises:
            LedgerError: None of it was kept.
        """

    def close(self) -> None:
        """Let go of whatever keeps it."""


class AlertStore(Protocol):
    """What a person has to look at, opened once and resolved once."""

    def open(
        self,
        kind: AlertKind,
        message: str,
        *,
        code: str | None = None,
        about: str = "",
        again: bool = False,
    ) -> bool:
        """Open the alert of this kind (for this order, or about another thing)."""

    def resolve(self, kind: str, *, code: str | None = None, about: str = "") -> bool:
        """Close the alert of this kind (for this order, or that thing); whether it was open."""

    def count_from_now(self, alert: Alert) -> None:
        """It was opened by a clock that was ahead."""

    def standing(self) -> list[Alert]:
        """The open alerts, oldest first."""


class OutboxStore(Protocol):
    """Events that wait for their hooks."""

    def add(self, kind: EventKind | AlertKind, code: str | None, data: Mapping[str, Any]) -> None:
        """Write an event, in the transaction that is open."""

    def due(self, hook: str, *, after: int, forced: bool, fresh_only: bool = False) -> Event | None:
        """The oldest event that may be delivered to that hook now, or ``None``."""

    def taken(self, hook: str, seq: int) -> None:
        """The hook took that event; it works."""

    def refused(self, hook: str, seq: int, error: str, again_at: datetime) -> None:
        """The hook did not take that event; it and what follows of its order wait."""

    def blocked(self, hook: str | None = None) -> list[Blocked]:
        """The events that a hook (that one, or any) keeps refusing, oldest first."""

    def refusing(self, event_id: str) -> list[str]:
        """The hooks that were asked to take that event and did not."""

    def skip(self, event_id: str, hook: str) -> None:
        """A person decided that this hook never gets that event; its last answer stays."""

    def failed(self, hook: str, error: str, again_at: datetime) -> None:
        """The hook as a whole does not work: it is left alone until then."""

    def forget_idle_hooks(self) -> None:
        """Forget how hooks do for which nothing waits: what they failed at was passed by."""

    def hook(self, name: str) -> HookRow:
        """How that hook does."""

    def summary(self) -> dict[str, Any]:
        """What waits, for ``stats``: ``waiting``, ``oldestWaiting``, the hooks that fail, and the
        oldest events that one refuses again and again."""


class InboxStore(Protocol):
    """Deliveries of webhooks, and the hints that they gave."""

    def store(self, batch: Sequence[WebhookDelivery]) -> list[bool]:
        """Store deliveries in one durable transaction."""

    def probe(self) -> None:
        """See whether the largest delivery could be stored: as much is written, and removed."""

    def due(self, kind: Kind) -> Hint | None:
        """The hint of that kind that has been due longest, or ``None``."""

    def cover(self, hint: Hint) -> None:
        """The look-up that began after `hint` was read is done; what was asked since is due."""

    def put_off(self, hint: Hint, until: datetime, error_class: str, message: str) -> None:
        """The look-up failed: it is tried again at `until` (UTC), and the try is counted."""

    def give_up(self, hint: Hint, error_class: str, message: str) -> None:
        """No further try: polling ends in the same state. The reason stays until the next hint."""

    def prune(self, before: datetime) -> int:
        """Forget deliveries and covered hints from before `before` (UTC); how many."""

    def summary(self) -> dict[str, Any]:
        """Counts and UTC texts for `stats` and the metrics."""


class UnreadStore(Protocol):
    """Records that could not be read, by topic: a kind of read."""

    def of(self, topic: str) -> dict[str, UnreadRow]:
        """All of a topic by name, longest without an answer first."""

    def get(self, topic: str, name: str) -> UnreadRow | None:
        """One of them, or ``None``."""

    def keep(self, topic: str, rows: Iterable[UnreadRow]) -> None:
        """Remember these as they are now."""

    def forget(self, topic: str, names: Iterable[str]) -> None:
        """A usable answer came, or none is needed any more."""


class MetaStore(Protocol):
    """Facts about the ledger as a whole."""

    def get(self, key: str) -> str | None:
        """The value, or ``None``."""

    def put(self, key: str, value: str) -> None:
        """Set the value."""

    def moment(self, key: str) -> datetime | None:
        """The value as an aware UTC moment; ``None`` where there is none, or it lies ahead."""

    def note_shop_clock(self, ahead_seconds: float | None) -> None:
        """Keep how far the shop's clock was ahead of ours when an answer first carried its time."""

    @property
    def live_since(self) -> datetime:
        """The earliest moment of the shop's clock at which this ledger was there (UTC)."""

    @property
    def live_for_certain(self) -> datetime:
        """The latest moment of the shop's clock at which this ledger may not have been there."""

    @property
    def unknown_until(self) -> datetime | None:
        """Up to when (by the shop's clock) another ledger may have sent what this one holds."""

    @property
    def probe_id(self) -> str:
        """An order id that cannot exist: 20 random characters, drawn once a ledger."""

    @property
    def hash_key(self) -> bytes:
        """The key of this ledger's hashes, so that they tell nothing to anyone without it."""

    def bind(self, shop: str, warehouse: str, *, write: bool = True) -> None:
        """Tie this ledger to one shop and one warehouse, or check that it is tied to these."""


class RunStore(Protocol):
    """Run records, and the lock that lets one run a job at a time."""

    def begin(self, command: str) -> int:
        """Record that `command` begins; its number."""

    def end(self, run: int, exit_code: int, result: Mapping[str, Any]) -> None:
        """Record how it ended. `result` holds counts and classes, no personal data."""

    def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs, newest first."""

    def last_ended(self, command: str) -> Run | None:
        """The newest run of `command` that came to an end; not one that found its job taken."""

    def holder(self, job: str) -> Holder | None:
        """Who took the job last, by its own word; whether it still holds it is `is_running`."""

    def lock(
        self, job: str, command: str, *, wait_seconds: float = 0
    ) -> AbstractContextManager[None]:
        """Hold the job for the length of the block."""

    def is_running(self, job: str) -> bool:
        """Whether a process holds the job now."""


class CircuitBreaker(Protocol):
    """One breaker, as one process sees it."""

    def before(self, *, creating: bool) -> None:
        """Let a request pass, claim the probe, or refuse."""

    def after(self, what: Occurrence | None) -> None:
        """Count what happened: ``None`` is an answer of a working upstream."""


class CircuitBreakers(Protocol):
    """The breakers, one per upstream and job family."""

    def all(self) -> list[BreakerRow]:
        """Every breaker that ever counted a failure."""

    def one(
        self,
        upstream: str,
        family: str,
        *,
        threshold: int,
        cooldown: timedelta,
        forced: bool = False,
        read_only: bool = False,
    ) -> CircuitBreaker:
        """The breaker of one upstream for one job family."""

    def reset(self, upstream: str | None = None) -> int:
        """Close them (all, or one upstream's); how many were not closed."""


class RateBudget(Protocol):
    """The requests that one upstream is asked at most."""

    def spend(self) -> None:
        """Take one request from the budget, waiting for it where need be."""

    def penalise(self, retry_after: float | None) -> None:
        """The upstream asked us to slow down: halve the rate, and wait as it says (seconds)."""


class RateBudgets(Protocol):
    """The budgets, one per upstream."""

    def of(self, upstream: str, per_minute: int) -> RateBudget:
        """The budget of one upstream; 0 requests a minute is no limit."""

    def clear_penalties(self, upstream: str | None = None) -> None:
        """Forget how far each upstream (or that one) was slowed down."""


class RefusalStore(Protocol):
    """Credentials that were refused, remembered by a digest."""

    def remember(self, upstream: str, credentials: str) -> None:
        """They were refused just now, by words that mean the credentials."""

    def forget(self, upstream: str) -> None:
        """They were accepted, or a person wants them tried."""

    def standing(self, upstream: str) -> str | None:
        """Since when its credentials are refused (a UTC text), or ``None``."""

    def blocks(self, upstream: str, credentials: str) -> bool:
        """Whether these credentials stand as refused; claims nothing, for who may not write."""

    def may_try(self, upstream: str, credentials: str) -> bool:
        """Whether to ask with these credentials; claims the one trial of the hour."""


class ReportingStore(Protocol):
    """Figures for reports and metrics."""

    def alerts_of(self, code: str) -> list[PastAlert]:
        """Every alert that an order ever had, oldest first; of each kind the newest."""

    def alerts_by_kind(self) -> dict[str, int]:
        """How many alerts of each kind are open; kinds that once were, too."""

    def waiting_since(self) -> str | None:
        """When the order that waits longest was first seen (a UTC text)."""

    def outbox_waiting(self) -> dict[str, int]:
        """How many events each hook still has to get; hooks with none are left out."""

    def last_runs(self, now: datetime) -> list[LastRun]:
        """The last run of each command that came to an end; without those that found it taken."""

    def run_history(self, command: str, now: datetime | None = None) -> RunHistory:
        """How the runs of a command have gone; also those that found their job taken."""

    def days(self, since: str) -> list[dict[str, Any]]:
        """The runs of each day (UTC) and command since that day's text."""


class UpkeepStore(Protocol):
    """The care of the ledger."""

    def check(self) -> list[str]:
        """What is wrong with the ledger's storage; empty when all is well."""

    def check_in_place(self) -> None:
        """See that no other ledger lies in this one's place."""

    def backup(self, target: Path) -> int:
        """Copy the ledger, consistently, while others may write; its size in bytes."""

    def prune(self, before: datetime) -> dict[str, int]:
        """Forget runs, resolved alerts and events from before a moment (UTC); how many of each."""

    def export(self) -> Iterator[str]:
        """Every order with its attempts, a JSON object a line."""

    def moments_ahead(
        self, *, cooldown: timedelta, grace: timedelta, order_wait: timedelta
    ) -> Iterator[Ahead]:
        """The moments that lie further ahead than the right clock puts them."""

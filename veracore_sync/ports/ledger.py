"""The ledger's port: its stores, and a unit of work around several of their methods.

Every method that writes raises `LedgerError` if nothing was stored, and always on a ledger that was
opened read-only. Orders and shipments are in `veracore_sync.ports.order_ledger`, the staging of
stock in `veracore_sync.ports.stock_staging`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from veracore_sync.clock import Clock
from veracore_sync.domain.audit import AuditEntry
from veracore_sync.domain.hints import Hint, Kind, WebhookDelivery
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.ledger_records import (
    Ahead,
    Blocked,
    Event,
    Holder,
    HookRow,
    LastRun,
    PastAlert,
    Run,
    RunHistory,
    UnreadRow,
)
from veracore_sync.domain.order_records import HistoryEntry
from veracore_sync.ports.alert_store import AlertStore
from veracore_sync.ports.audit_store import AuditStore
from veracore_sync.ports.difference_store import DifferenceStore
from veracore_sync.ports.meta_store import MetaStore
from veracore_sync.ports.order_ledger import (
    CancellationStore,
    ComparisonStore,
    HoldingStore,
    OrderStore,
    OrderTransitionStore,
    ShipmentStore,
)
from veracore_sync.ports.receipt_store import ReceiptStore
from veracore_sync.ports.stock_baseline import StockBaseline
from veracore_sync.ports.throughput_store import ThroughputStore
from veracore_sync.ports.upstream_limits import CircuitBreakers, RateBudgets, RefusalStore

T = TypeVar("T")


class Ledger(Protocol):
    """The ledger of one shop and one warehouse."""

    @property
    def place(self) -> object:
        """Where it is, in words for a person; ``None`` for one in memory."""

    @property
    def clock(self) -> Clock:
        """The clock of every time that is stored; all hosts that share a ledger go by it."""

    @property
    def orders(self) -> OrderStore:
        """The orders, read only."""

    @property
    def transitions(self) -> OrderTransitionStore:
        """The transitions of orders."""

    @property
    def cancellations(self) -> CancellationStore:
        """Cancellations after the hand-over."""

    @property
    def holdings(self) -> HoldingStore:
        """What VeraCore holds of each order."""

    @property
    def comparisons(self) -> ComparisonStore:
        """What was compared of each accepted order with the shop."""

    @property
    def shipments(self) -> ShipmentStore:
        """Tracked orders and slips."""

    @property
    def receipts(self) -> ReceiptStore:
        """Receipts of returned goods, and their notes."""

    @property
    def stock(self) -> StockBaseline:
        """The staging of a stock run."""

    @property
    def alerts(self) -> AlertStore:
        """Alerts."""

    @property
    def outbox(self) -> OutboxStore:
        """Events that wait for their hooks."""

    @property
    def inbox(self) -> InboxStore:
        """Webhook deliveries and hints."""

    @property
    def unread(self) -> UnreadStore:
        """Records that could not be read."""

    @property
    def differences(self) -> DifferenceStore:
        """What the sides disagree about."""

    @property
    def audit(self) -> AuditStore:
        """Who acted through the Admin API."""

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
    def throughput(self) -> ThroughputStore:
        """How orders, shipments and stock move."""

    @property
    def upkeep(self) -> UpkeepStore:
        """Check, backup, prune, export."""

    def unit_of_work(self) -> AbstractContextManager[None]:
        """Everything that the stores write within the block is stored durably, or nothing.

        Keep it short and never use the network inside: every other process waits meanwhile, and the
        intent of a request is only on disk after the block. A nested unit of work joins the outer
        one.

        Raises:
            LedgerError: Nothing was stored.
        """

    def together(self, act: Callable[[], T]) -> T:
        """What `act` writes is stored durably, or nothing; returns what it returns, after that.

        As a unit of work, but several threads that come at the same time share one commit. An act
        that fails takes nothing from the others. It may run in another thread, and once more if it
        was rolled back with one that failed.

        Raises:
            LedgerError: Nothing was stored.
            RuntimeError: It was called in a unit of work, or in such an act; nothing was done.
        """

    def close(self) -> None:
        """Close the backend."""


class OutboxStore(Protocol):
    """Events that wait for their hooks."""

    def add(self, kind: EventKind | AlertKind, code: str | None, data: Mapping[str, Any]) -> None:
        """Add an event for every hook, in the open unit of work."""

    def share(self, hook: str, others: Sequence[str]) -> None:
        """Add what waits for the hook for these hooks as well, each event once."""

    def readdress(self, marks: Sequence[str]) -> None:
        """Let the progress of each address of people follow it to its present place."""

    def due(self, hook: str, *, after: int, forced: bool, fresh_only: bool = False) -> Event | None:
        """The oldest event that may be delivered to that hook now, or ``None``."""

    def taken(self, hook: str, seq: int) -> None:
        """The hook accepted that event, so it works."""

    def refused(self, hook: str, seq: int, error: str, again_at: datetime) -> None:
        """The hook refused that event; it and later events of its order wait."""

    def blocked(self, hook: str | None = None) -> list[Blocked]:
        """The events that one hook, or any hook, keeps refusing, oldest first."""

    def refusing(self, event_id: str) -> list[str]:
        """The hooks that refused that event."""

    def skip(self, event_id: str, hook: str) -> None:
        """A person decided that this hook never gets that event; the hook's last error stays."""

    def failed(self, hook: str, error: str, again_at: datetime) -> None:
        """The hook as a whole does not work: do not call it before `again_at`."""

    def forget_idle_hooks(self) -> None:
        """Clear the failures of hooks for which no event waits: the failed ones were skipped."""

    def hook(self, name: str) -> HookRow:
        """The state of that hook."""

    def summary(self) -> dict[str, Any]:
        """For ``stats``: ``waiting``, ``oldestWaiting``, ``failing`` hooks, and the oldest events
        that a hook keeps refusing (``blocked``)."""


class InboxStore(Protocol):
    """Deliveries of the webhook listener, each id once, and their hints."""

    def store(self, batch: Sequence[WebhookDelivery]) -> list[bool]:
        """Store deliveries in one durable transaction; for each, whether its id is new."""

    def probe(self) -> None:
        """Check that the largest delivery could be stored, by writing as much and removing it."""

    def due(self, kind: Kind) -> Hint | None:
        """The hint of that kind that has been due longest, or ``None``."""

    def cover(self, hint: Hint) -> None:
        """The look-up that began after `hint` was read is done; deliveries since then stay due."""

    def put_off(self, hint: Hint, until: datetime, error_class: str, message: str) -> None:
        """The look-up failed: count it, and try again at `until` (UTC)."""

    def give_up(self, hint: Hint, error_class: str, message: str) -> None:
        """Do not try again: the timers will find it. The reason stays until the next hint."""

    def prune(self, before: datetime) -> int:
        """Delete deliveries and covered hints older than `before` (UTC); returns how many."""

    def summary(self) -> dict[str, Any]:
        """Counts and UTC texts for `stats` and the metrics."""


class UnreadStore(Protocol):
    """Records that could not be read, by topic: a kind of read."""

    def of(self, topic: str) -> dict[str, UnreadRow]:
        """All of a topic by name, longest without an answer first."""

    def get(self, topic: str, name: str) -> UnreadRow | None:
        """One of them, or ``None``."""

    def keep(self, topic: str, rows: Iterable[UnreadRow]) -> None:
        """Store these; each replaces what was stored under its name."""

    def forget(self, topic: str, names: Iterable[str]) -> None:
        """A usable answer came, or none is needed any more."""


class RunStore(Protocol):
    """Run records, and the locks that allow one run of a job at a time."""

    def begin(self, command: str) -> int:
        """Record that a run of `command` begins; returns its number."""

    def end(self, run: int, exit_code: int, result: Mapping[str, Any]) -> None:
        """Record how the run ended. `result` holds counts and classes, no personal data."""

    def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs, newest first."""

    def last_ended(self, command: str) -> Run | None:
        """The newest finished run of `command`, not counting runs that found their job locked."""

    def last_done(self, command: str, mode: str = "") -> Run | None:
        """The newest run of `command` that did its work.

        With a `mode` of ``sync-inventory``, the newest of that mode that no guard held back.
        """

    def holder(self, job: str) -> Holder | None:
        """Who locked the job last, as recorded; `is_running` says whether it still holds it."""

    def lock(
        self, job: str, command: str, *, wait_seconds: float = 0
    ) -> AbstractContextManager[None]:
        """Hold the job during the block.

        Raises:
            LockHeld: Another process holds the job, and still did after the wait.
        """

    def confirm(self) -> None:
        """Check, without asking anybody, that this process still holds its jobs.

        Raises:
            LeaseLost: It was held up for so long that another may have one of them.
        """

    def is_running(self, job: str) -> bool:
        """Whether a process holds the job."""


class ReportingStore(Protocol):
    """Figures for reports and metrics."""

    def alerts_of(self, code: str) -> list[PastAlert]:
        """The newest alert of each kind that an order ever had, oldest first."""

    def history_of(self, code: str) -> list[HistoryEntry]:
        """What happened to an order and is said by no other row, as recorded."""

    def acts_on(self, target: str) -> list[AuditEntry]:
        """Who acted on that through the Admin API or its page, oldest first."""

    def differences_ended(self, name: str) -> list[tuple[str, str, str]]:
        """What differed about an order and does no more: the type, since when and until when."""

    def alerts_by_kind(self) -> dict[str, int]:
        """How many alerts of each kind are open; includes kinds of which all are resolved."""

    def waiting_since(self) -> str | None:
        """When the order that has waited longest was first seen (a UTC text)."""

    def outbox_waiting(self) -> dict[str, int]:
        """How many events wait for each hook; hooks without any are left out."""

    def last_runs(self, now: datetime) -> list[LastRun]:
        """The last finished run of each command, without runs that found their job locked."""

    def run_history(self, command: str, now: datetime | None = None) -> RunHistory:
        """How the runs of a command went, including those that found their job locked."""

    def days(self, since: str) -> list[dict[str, Any]]:
        """The runs of each day (UTC) and command since that day (``YYYY-MM-DD``)."""

    def codes_beginning(self, text: str, states: Sequence[str], limit: int) -> list[str]:
        """Codes of orders that begin so, newest first; without `states`, of orders in any."""

    def skus_beginning(self, text: str, limit: int) -> list[str]:
        """SKUs that begin so, of those that both sides have had."""


class UpkeepStore(Protocol):
    """Maintenance of the ledger."""

    def check(self) -> list[str]:
        """The problems of the ledger's storage; empty if there are none."""

    def check_in_place(self) -> None:
        """Check that the next process reads what this one writes."""

    def backup(self, target: Path) -> int:
        """Copy a consistent snapshot while others write; returns its size in bytes."""

    def prune(self, before: datetime) -> dict[str, int]:
        """Delete what is older than `before` (UTC) and not needed: runs, resolved alerts, events,
        differences that ended, and receipts of days that are no longer listed. Counts of each."""

    def export(self) -> Iterator[str]:
        """Every order with its attempts, one JSON object per line."""

    def moments_ahead(
        self, *, cooldown: timedelta, grace: timedelta, order_wait: timedelta
    ) -> Iterator[Ahead]:
        """The stored times that lie further ahead than a correct clock puts them."""

"""What the ledger knows of orders and shipments, as those who use it see it.

Every verb that writes raises `LedgerError` where nothing of it was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from veracore_sync.domain.held_orders import AcceptedOrder
from veracore_sync.domain.order_records import (
    AttemptRow,
    Discovery,
    Failure,
    Intent,
    OrderRow,
    SentLines,
    ShopVersion,
)
from veracore_sync.domain.pick_slips import PackageFact, Rows, SlipRow, TrackedRow
from veracore_sync.domain.states import Applied, AttemptOutcome, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord


class OrderStore(Protocol):
    """The orders of the ledger, as records to read."""

    def get(self, code: str) -> OrderRow | None:
        """The row of that code, or ``None``."""

    def find(self, name: str) -> OrderRow | None:
        """The row whose code, VeraCore id or Vendure id is `name`, or ``None``."""

    def at_warehouse(self, veracore_ids: Sequence[str]) -> dict[str, OrderRow]:
        """The orders that bear these VeraCore ids, by id in lower case."""

    def held(self, codes: Sequence[str]) -> dict[str, OrderRow]:
        """Those of `codes` that the ledger holds, by code."""

    def in_states(self, states: Iterable[str], limit: int = -1) -> list[OrderRow]:
        """The orders in any of these states, longest unchecked first."""

    def doubts_due(self, now: datetime, longest: timedelta) -> list[OrderRow]:
        """Orders in doubt whose next look-up is due, longest unchecked first."""

    def oldest_doubt(self) -> OrderRow | None:
        """The order that has been in doubt the longest, or ``None``."""

    def recent_errors(self, limit: int = 10) -> list[OrderRow]:
        """The orders with trouble, newest first."""

    def counts(self) -> dict[str, int]:
        """How many orders are in each state; every state is named."""

    def any_accepted(self) -> bool:
        """Whether VeraCore ever took an order of this ledger."""

    def newest_synced(self) -> OrderRow | None:
        """The order that VeraCore took last, or ``None``."""

    def id_taken(self, veracore_id: str, by_other_than: str) -> bool:
        """Whether another order has this VeraCore id, without regard to case."""

    def id_sent_for(self, veracore_id: str, by_other_than: str) -> bool:
        """Whether another order has this VeraCore id, or was ever sent under it."""

    def attempts(self, code: str) -> list[AttemptRow]:
        """Every intent for that order, oldest first."""


class OrderTransitionStore(Protocol):
    """How an order moves: every verb is one transition, in one unit of work."""

    def discover(self, found: Iterable[Discovery]) -> None:
        """Record orders that the ledger does not hold yet, all in one transaction."""

    def wait(self, code: str, message: str) -> Applied:
        """It cannot be sent in the state it has in the shop: pending, until that changes."""

    def skip(
        self,
        code: str,
        cause: OrderCause,
        message: str,
        *,
        settings_hash: str = "",
        alert: bool = False,
    ) -> Applied:
        """It shall not be sent: withdrawn, excluded by a rule, or (``resolved``) by a person."""

    def park(self, code: str, trouble: Failure, settings_hash: str) -> Applied:
        """We cannot send it as it is; it is planned again when it or the settings change."""

    def fail(self, code: str, trouble: Failure, next_attempt_at: datetime, most: int) -> Applied:
        """A failure of its own that may pass: counted, tried again later, parked after `most`."""

    def postpone(self, code: str, trouble: Failure, next_attempt_at: str | None) -> Applied:
        """It could not be read, which says nothing of its data: it keeps its state, uncounted."""

    def came_back(self, codes: Iterable[str]) -> None:
        """The shop lists them in a trigger state again: they wait for nothing there any more."""

    def touch(
        self, code: str, *, looked_up: bool = False, shop_updated_at: str | None = None
    ) -> None:
        """Remember that it was looked up before its first send, or judged as of that change."""

    def requeue(self, code: str) -> Applied:
        """By a person: pending and due at once, with its failures forgiven."""

    def renew_id(self, code: str, veracore_id: str) -> Applied:
        """By a person: it goes out under a new id."""

    def intend(self, code: str, intent: Intent) -> int | None:
        """Commit the intent to create the order at VeraCore, before any socket is touched."""

    def accept(self, code: str, attempt: int, sequence: int | None) -> None:
        """VeraCore took it. Kept even when the order has been given up on in the meantime."""

    def withhold(
        self,
        code: str,
        attempt: int,
        back_to: OrderState,
        message: str,
        next_attempt_at: datetime | None,
    ) -> Applied:
        """It never left, or was turned away unread: back to the state it had, not counted."""

    def refuse(
        self, code: str, attempt: int, trouble: Failure, next_attempt_at: datetime
    ) -> Applied:
        """VeraCore refused its data: parked, and tried again now and then."""

    def doubt(self, code: str, attempt: int, cause: OrderCause, trouble: Failure) -> Applied:
        """Nobody knows whether VeraCore has it: only a look-up ends this, never another send."""

    def was_answered(self, code: str, attempt: int) -> Applied:
        """The answer that left the order in doubt was about this order, not about VeraCore."""

    def recover(self) -> list[str]:
        """Orders left ``sending`` by a run that died are in doubt. Called under the job lock."""

    def doubt_again(self, code: str, veracore_id: str) -> Applied:
        """An attempt under that id never came to an end that is known: look it up, send nothing."""

    def adopt(
        self,
        code: str,
        veracore_id: str,
        record: WarehouseRecord,
        seen: ShopVersion | None = None,
        *,
        wanted: SentLines | None = None,
    ) -> Applied:
        """A look-up found it at VeraCore, and it is ours."""

    def conflict(self, code: str, veracore_id: str | None, trouble: Failure) -> Applied:
        """VeraCore holds something else under our id: a person decides."""

    def cancel(self, code: str, veracore_id: str, message: str) -> Applied:
        """It was cancelled at VeraCore. A person decides, unless the shop has cancelled it too."""

    def absent_once(self, code: str, next_attempt_at: datetime) -> Applied:
        """A first look-up said absent: remember when, and look again after the grace."""

    def absent_for_a_person(self, code: str) -> Applied:
        """A person's look-up of an order that is not in doubt said absent: remember when."""

    def end_attempts(self, code: str, veracore_id: str, outcome: AttemptOutcome) -> None:
        """Nothing that was sent under that id is, or will be, a live order at VeraCore."""

    def look_again(self, code: str, next_attempt_at: datetime | None) -> Applied:
        """A look-up gave no usable answer: in doubt, and due then (``None``: in the next run)."""

    def resend(self, code: str) -> Applied:
        """The doubt ended in absent, and the answer had been lost: it may be sent again."""

    def refused_after_all(self, code: str, trouble: Failure, next_attempt_at: datetime) -> Applied:
        """The doubt ended in absent, and VeraCore had answered: that answer was a refusal."""

    def ship(self, code: str) -> bool:
        """Nothing more is awaited: the shop shows it as shipped, or has cancelled it and VeraCore
        will ship nothing more of it. Whether this is new."""


class HoldingStore(Protocol):
    """What VeraCore holds of each order."""

    def saw(self, code: str, record: WarehouseRecord) -> None:
        """A look-up showed the record of an order that VeraCore took."""

    def cut(self, codes: Sequence[str]) -> dict[str, AcceptedOrder]:
        """What VeraCore holds of those of these orders of which it has cancelled units, by code."""

    def of(
        self, codes: Sequence[str], since: str | None, *, processed_only: bool
    ) -> list[AcceptedOrder]:
        """What VeraCore holds of these orders, and every order that it took since then."""

    def known(self, code: str) -> SentLines | None:
        """What VeraCore holds or shipped of an order, less what it cancelled; ``None``: unknown."""

    def sent(self, codes: Sequence[str]) -> dict[str, SentLines]:
        """The lines of the newest attempt of each of these orders that has one, by code."""

    def unprocessed(self, limit: int) -> list[tuple[str, str]]:
        """(code, VeraCore id) of orders not yet seen processed, longest not looked up first."""


class ShipmentStore(Protocol):
    """What the warehouse was seen to ship, and what came of it."""

    def tracked(self, veracore_id: str) -> TrackedRow | None:
        """What was seen of that order, or ``None``."""

    def listed_since(self, day: str) -> list[TrackedRow]:
        """Orders of ours of which a package was listed that left on that day or later."""

    def slips(self, veracore_id: str) -> dict[str, SlipRow]:
        """The slips of an order at the warehouse, oldest first."""

    def slips_of(self, code: str) -> list[SlipRow]:
        """The slips of an order of the shop, oldest first."""

    def due(self) -> list[str]:
        """The codes of orders of which a slip is due."""

    def longest_unseen(self, limit: int) -> list[str]:
        """The codes of orders that VeraCore holds and that have not shipped, longest unseen
        first."""

    def waiting_for(self, longest: timedelta) -> list[SlipRow]:
        """Slips that have been open for longer than that, or nobody knows for how long."""

    def asked(self, veracore_id: str, reference: str) -> None:
        """The shop was asked for that reference, and has no such order."""

    def noticed(self, veracore_id: str, reference: str) -> None:
        """An order that we do not hold shipped, and could not be read."""

    def unasked(self) -> list[TrackedRow]:
        """Orders that were `noticed`, and that neither side could be asked about since."""

    def looked(
        self,
        code: str,
        veracore_id: str,
        *,
        reference: str,
        rows: Rows | None,
        seen: Mapping[str, Sequence[PackageFact]],
    ) -> None:
        """A look-up returned its slips."""

    def hold(self, row: SlipRow, reason: str, until: datetime | None, *, failed: bool) -> Applied:
        """It waits: until then, or (``None``) until the warehouse shows something new."""

    def intend(
        self,
        row: SlipRow,
        lines: Mapping[str, int],
        *,
        method: str,
        tracking_code: str,
        known: Iterable[str],
        ends_by: datetime,
    ) -> Applied:
        """Commit the intent to fulfil it, before the shop is asked; lost, it must not be asked."""

    def unanswered(self, row: SlipRow, *, has_ended: bool) -> Applied:
        """The request has ended, and what it made is not known."""

    def close_requests(self, veracore_id: str) -> None:
        """Requests of processes that died have ended by now. The caller holds the stock lock, so
        no live process has one under way."""

    def withdraw(self, row: SlipRow) -> Applied:
        """Nothing was made of the intent: the slip is again as it was before (`row`)."""

    def add(
        self, row: SlipRow, fulfilment_id: str, lines: Mapping[str, int], tracking_code: str
    ) -> Applied:
        """The shop made, or had, that fulfilment of it."""

    def finish(self, row: SlipRow) -> Applied:
        """Its fulfilment is Shipped in the shop."""

    def cover(self, row: SlipRow, tracking_code: str) -> Applied:
        """Its units are in fulfilments that were not made from it."""

    def hand_over(self, row: SlipRow, reason: str, *, failed: bool = False) -> Applied:
        """A person decides; `failed`: after one more try."""

    def reopen(self, code: str) -> None:
        """By a person: what failed, or was handed over, of that order is tried again at once."""

    def retry_now(self) -> None:
        """By a person: what failed a moment ago is tried again at once."""

    def correct(self, row: SlipRow, tracking_code: str) -> Applied:
        """It was relabelled after it was fulfilled."""

    def prune(self, before: datetime) -> int:
        """Forget tracked orders that are none of ours, seen first before then; how many."""

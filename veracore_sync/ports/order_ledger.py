"""The ledger's port, part two: orders, their transitions, holdings and shipments.

Every method that writes raises `LedgerError` if nothing was stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from veracore_sync.domain.cancellations import CancellationRow, WantedBy
from veracore_sync.domain.comparisons import ComparedRow, Facets, LastLook
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
from veracore_sync.domain.pick_slips import PackageFact, Rows, ShippingCost, SlipRow, TrackedRow
from veracore_sync.domain.states import Applied, AttemptOutcome, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord


class OrderStore(Protocol):
    """The orders of the ledger, read only."""

    def get(self, code: str) -> OrderRow | None:
        """The order with that code, or ``None``."""

    def find(self, name: str) -> OrderRow | None:
        """The order whose code, VeraCore id or Vendure id is `name`, or ``None``."""

    def named(self, name: str) -> list[OrderRow]:
        """All orders of which `name` is the code or an id, the one with that code first."""

    def at_warehouse(self, veracore_ids: Sequence[str]) -> dict[str, OrderRow]:
        """The orders with these VeraCore ids, by id in lower case."""

    def held(self, codes: Sequence[str]) -> dict[str, OrderRow]:
        """Those of `codes` that the ledger holds, by code."""

    def set_aside_from(self, codes: Sequence[str]) -> dict[str, list[OrderRow]]:
        """The orders that had these codes before the shop gave them to others, by code."""

    def in_states(self, states: Iterable[str], limit: int = -1) -> list[OrderRow]:
        """The orders in any of these states, longest unchecked first."""

    def latest(
        self, states: Iterable[str], limit: int, before: tuple[str, str] | None = None
    ) -> list[OrderRow]:
        """The orders in any of these states, the one that was changed last first: a page of them,
        before that time of change and code."""

    def beginning_with(self, prefix: str, limit: int) -> list[OrderRow]:
        """The orders whose code or VeraCore id begins so, ignoring case, by code."""

    def doubts_due(self, now: datetime, longest: timedelta) -> list[OrderRow]:
        """Orders in doubt whose next look-up is due, longest unchecked first."""

    def oldest_doubt(self) -> OrderRow | None:
        """The order that has been in doubt longest, or ``None``."""

    def recent_errors(self, limit: int = 10) -> list[OrderRow]:
        """The orders with an error, newest first."""

    def counts(self) -> dict[str, int]:
        """How many orders are in each state, including states without any."""

    def any_accepted(self) -> bool:
        """Whether VeraCore ever accepted an order of this ledger."""

    def newest_synced(self) -> OrderRow | None:
        """The order that VeraCore accepted last, or ``None``."""

    def id_sent_for(self, veracore_id: str, by_other_than: str) -> bool:
        """Whether another order has this VeraCore id, or was ever sent with it, ignoring case."""

    def attempts(self, code: str) -> list[AttemptRow]:
        """The attempts of that order, oldest first."""

    def attempts_of(self, codes: Sequence[str]) -> dict[str, list[AttemptRow]]:
        """The attempts of these orders by code, oldest first; only of those that have one."""

    def open_or_changed(self, since: str, after: str, limit: int) -> list[OrderRow]:
        """The orders that have not ended, whatever their age, and those that were changed since
        that moment (a UTC text): a page by code, after that code."""


class OrderTransitionStore(Protocol):
    """The transitions of orders: every method is one transition in one unit of work.

    A method that returns `Applied` writes nothing if the order has left the states that allow it.
    """

    def discover(self, found: Iterable[Discovery]) -> None:
        """Record orders that are new to the ledger, in one transaction; known ones stay."""

    def set_aside(self, row: OrderRow, name: str, found: Discovery | None) -> Applied:
        """The shop gave the order's code to another order: keep it under that name, with all that
        belongs to it, and record the new one (``None``: the run discovers it)."""

    def wait(self, code: str, message: str) -> Applied:
        """The order's state in the shop does not allow sending: pending until that changes."""

    def skip(
        self,
        code: str,
        cause: OrderCause,
        message: str,
        *,
        settings_hash: str = "",
        alert: bool = False,
    ) -> Applied:
        """Do not send the order: withdrawn, excluded by a rule, or (``resolved``) by a person."""

    def park(self, code: str, trouble: Failure, settings_hash: str) -> Applied:
        """The order cannot be sent as it is; planned again when it or the settings change."""

    def fail(self, code: str, trouble: Failure, next_attempt_at: datetime, most: int) -> Applied:
        """A failure of this order that may pass: counted and retried, parked after `most`."""

    def postpone(self, code: str, trouble: Failure, next_attempt_at: str | None) -> Applied:
        """The order could not be read: it keeps its state, and the failure is not counted."""

    def came_back(self, codes: Iterable[str]) -> None:
        """Orders that were waiting are in a trigger state again: clear the reason for waiting."""

    def touch(self, code: str) -> None:
        """Record that the order was looked up."""

    def requeue(self, code: str) -> Applied:
        """On a person's request: pending, due at once, failures not counted any more."""

    def renew_id(self, code: str, veracore_id: str) -> Applied:
        """On a person's request: pending under a new VeraCore id."""

    def intend(self, code: str, intent: Intent) -> int | None:
        """Commit the intent to create the order at VeraCore, before the request.

        Returns:
            The number of the attempt; ``None`` if the order must not be sent any more.
        """

    def accept(self, code: str, attempt: int, sequence: int | None) -> None:
        """VeraCore accepted the order: synced, whatever its state is by now."""

    def withhold(
        self,
        code: str,
        attempt: int,
        back_to: OrderState,
        message: str,
        next_attempt_at: datetime | None,
    ) -> Applied:
        """The request never left, or was rejected unread: back to `back_to`, not counted."""

    def refuse(
        self, code: str, attempt: int, trouble: Failure, next_attempt_at: datetime
    ) -> Applied:
        """VeraCore refused the order's data: parked, and tried again at `next_attempt_at`."""

    def doubt(self, code: str, attempt: int, cause: OrderCause, trouble: Failure) -> Applied:
        """It is unknown whether VeraCore has the order: only a look-up or a person ends this."""

    def was_answered(self, code: str, attempt: int) -> Applied:
        """The answer that left the order in doubt concerned this order, not VeraCore as a whole."""

    def was_for_all(self, code: str) -> Applied:
        """The answer that left the order in doubt was given to every order."""

    def recover(self) -> list[str]:
        """Put orders that a killed run left ``sending`` in doubt; returns their codes.

        The caller holds the lock of the orders job.
        """

    def doubt_again(self, code: str, veracore_id: str) -> Applied:
        """The outcome of an earlier attempt under that id is unknown: in doubt, nothing is sent."""

    def adopt(
        self,
        code: str,
        veracore_id: str,
        record: WarehouseRecord,
        seen: ShopVersion | None = None,
        *,
        wanted: SentLines | None = None,
        counts_fulfilled: bool = False,
    ) -> Applied:
        """A look-up found the order at VeraCore, and it is ours."""

    def conflict(self, code: str, veracore_id: str | None, trouble: Failure) -> Applied:
        """VeraCore holds something else under the order's id: a person decides."""

    def cancel(self, code: str, veracore_id: str, message: str) -> Applied:
        """VeraCore cancelled the order: an alert, unless the shop has cancelled it too."""

    def absent_once(self, code: str, next_attempt_at: datetime) -> Applied:
        """A first look-up found the order absent: record when, and look again after the grace."""

    def absent_for_a_person(self, code: str) -> Applied:
        """A person's look-up found an order absent that is not in doubt: record when."""

    def end_attempts(self, code: str, veracore_id: str, outcome: AttemptOutcome) -> None:
        """Nothing that was sent under that id is, or can become, a live order at VeraCore."""

    def look_again(self, code: str, next_attempt_at: datetime | None) -> Applied:
        """A look-up failed: still in doubt, due again then (``None``: in the next run)."""

    def resend(self, code: str) -> Applied:
        """The doubt ended in absent after a lost answer: the order may be sent again."""

    def refused_after_all(self, code: str, trouble: Failure, next_attempt_at: datetime) -> Applied:
        """The doubt ended in absent after an unlisted answer: that answer was a refusal."""

    def ship(self, code: str, why: str | None = None) -> bool:
        """Nothing more will ship: the shop shows the order as shipped, or cancelled it and VeraCore
        ships nothing more of it. Returns whether this is new.

        Args:
            code: The order.
            why: In which way it ended, where the shop does not show it as ended.
        """

    def cancelled_in_shop(self, code: str, message: str) -> Applied:
        """The shop has cancelled the order: an alert, unless VeraCore ships nothing more of it."""


class CancellationStore(Protocol):
    """The cancellations of orders after the hand-over; every method that writes is one transition.

    A method that returns `Applied` writes nothing if the cancellation has left the states that
    allow it.
    """

    def get(self, code: str) -> CancellationRow | None:
        """The cancellation of that order, or ``None``."""

    def of(self, codes: Sequence[str]) -> dict[str, CancellationRow]:
        """The cancellations of these orders by code; only of those that have one."""

    def wanted(self) -> list[CancellationRow]:
        """Those for which VeraCore was not asked yet, oldest first."""

    def under_way(self) -> list[CancellationRow]:
        """Those that have not ended, oldest first."""

    def due(self, longest: timedelta) -> list[CancellationRow]:
        """Those whose next look-up is due, longest wanted first."""

    def want(self, code: str, veracore_id: str, by: WantedBy) -> Applied:
        """The order is to be cancelled; one that has ended without success begins anew."""

    def withdraw(self, code: str, why: str = "it was never sent") -> Applied:
        """VeraCore is not asked: forget the wish."""

    def ask(self, code: str) -> Applied:
        """Commit the intent to ask VeraCore, before the request."""

    def not_asked(self, code: str, message: str, next_attempt_at: datetime | None) -> Applied:
        """The request never left, or was rejected unread: as before, and not counted."""

    def asked(self, code: str, message: str, next_attempt_at: datetime | None) -> Applied:
        """VeraCore was asked, or may have been: look-ups decide."""

    def recover(self) -> list[str]:
        """Cancellations that a killed run left ``asking`` are unknown; returns their codes.

        The caller holds the lock of the orders job.
        """

    def look_again(
        self, code: str, next_attempt_at: datetime | None, message: str | None, *, is_open: bool
    ) -> Applied:
        """A look-up showed nothing that ends it; `is_open`: it showed the order, not cancelled."""

    def saw_cancelled(self, code: str, next_attempt_at: datetime) -> Applied:
        """A look-up showed the order cancelled for the first time: a second one confirms it."""

    def confirm(self, code: str, message: str) -> Applied:
        """A second look-up showed it: the cancellation is done, and the order is cancelled; an
        alert with that message, unless the shop cancelled it too."""

    def miss(self, code: str, message: str) -> Applied:
        """Goods have left, so it is too late; tracking watches the rest."""

    def refuse(self, code: str, message: str) -> Applied:
        """VeraCore does not cancel it: a person does."""

    def leave(self, code: str, message: str) -> Applied:
        """Goods of an order that was to be cancelled have left; reported once."""


class HoldingStore(Protocol):
    """What VeraCore holds of each order."""

    def saw(self, code: str, record: WarehouseRecord) -> None:
        """A look-up found an order that VeraCore holds."""

    def cut(self, codes: Sequence[str]) -> dict[str, AcceptedOrder]:
        """What VeraCore holds of these orders, by code; only orders with units cancelled there."""

    def of(
        self, codes: Sequence[str], since: str | None, *, processed_only: bool
    ) -> list[AcceptedOrder]:
        """What VeraCore holds of these orders, and of every order that it accepted since then."""

    def known(self, code: str) -> SentLines | None:
        """Units that VeraCore holds or shipped, without those it cancelled; ``None``: unknown."""

    def sent(self, codes: Sequence[str]) -> dict[str, SentLines]:
        """The lines of the newest attempt of each of these orders, by code; if there is one."""

    def unprocessed(self, limit: int) -> list[tuple[str, str]]:
        """(code, VeraCore id) of orders not yet seen processed, longest not looked up first."""


class ComparisonStore(Protocol):
    """What was compared of each accepted order with the shop, and when."""

    def of(self, codes: Sequence[str]) -> dict[str, ComparedRow]:
        """The rows of these orders by code; only of those that have one."""

    def looks(self, codes: Sequence[str]) -> dict[str, LastLook]:
        """When these orders were compared last, by code; only of those that have a row.

        For thousands of orders, of which only few are compared.
        """

    def sent(self, codes: Sequence[str]) -> dict[str, Facets]:
        """The facets of what VeraCore accepted, else of the newest attempt, by code; if known."""

    def count_open(self) -> int:
        """How many orders VeraCore has, or may have, and has not ended."""

    def longest_uncompared(self, limit: int) -> list[str]:
        """The codes of such orders, the one whose last comparison is longest ago first."""

    def keep(self, row: ComparedRow) -> None:
        """Store the row of an order; what a person accepted stays as it is."""

    def seen_again(self, codes: Sequence[str], at: str) -> None:
        """These orders were compared at that time (UTC), and nothing else of their rows changed."""

    def accept(self, code: str) -> None:
        """A person accepts the order as it was when it was compared last."""


class ShipmentStore(Protocol):
    """What VeraCore shipped, and what became of each slip."""

    def tracked(self, veracore_id: str) -> TrackedRow | None:
        """What is known of the shipping of that order, or ``None``."""

    def listed_since(self, day: str) -> list[TrackedRow]:
        """Our orders with a listed package that left on that day (``YYYY-MM-DD``) or later."""

    def slips(self, veracore_id: str) -> dict[str, SlipRow]:
        """The slips of an order by its VeraCore id, oldest first."""

    def slips_of(self, code: str) -> list[SlipRow]:
        """The slips of an order by its code in the shop, oldest first."""

    def slips_by_code(self, codes: Sequence[str]) -> dict[str, list[SlipRow]]:
        """The slips of these orders by code, oldest first; only of those that have one."""

    def tracked_by_code(self, codes: Sequence[str]) -> dict[str, TrackedRow]:
        """What is known of the shipping of these orders, by code, under their present ids."""

    def due(self) -> list[str]:
        """The codes of orders with a slip that is due."""

    def longest_unseen(self, limit: int, *, complete: bool | None = None) -> list[str]:
        """The codes of unshipped orders that VeraCore holds, longest not looked up first.

        Args:
            limit: The most.
            complete: Only those that VeraCore had completed at their last look-up, or only the
                others; ``None``: all.
        """

    def waiting_for(self, longest: timedelta) -> list[SlipRow]:
        """Slips that have been open for longer than that, or for an unknown time."""

    def asked(self, veracore_id: str, reference: str) -> None:
        """The shop was asked for that reference and has no such order."""

    def noticed(self, veracore_id: str, reference: str) -> None:
        """An order that the ledger does not hold was shipped, and could not be read."""

    def unasked(self) -> list[TrackedRow]:
        """Orders that were `noticed` and have not been identified since."""

    def looked(
        self,
        code: str,
        veracore_id: str,
        *,
        reference: str,
        rows: Rows | None,
        seen: Mapping[str, Sequence[PackageFact]],
        costs: Mapping[str, ShippingCost] | None = None,
        complete: bool | None = None,
    ) -> None:
        """Record the slips that a look-up returned; a slip that changed is due at once."""

    def hold(self, row: SlipRow, reason: str, until: datetime | None, *, failed: bool) -> Applied:
        """The slip waits until then, or (``None``) until VeraCore shows something new."""

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
        """Commit the intent to fulfil the slip, before the request; if it is lost, make none."""

    def unanswered(self, row: SlipRow, *, has_ended: bool) -> Applied:
        """The request has ended, and it is unknown whether it made a fulfilment."""

    def close_requests(self, veracore_id: str) -> None:
        """Mark the requests of killed processes as ended; the caller holds the stock lock."""

    def withdraw(self, row: SlipRow) -> Applied:
        """The request made nothing: restore the slip as it was before the intent (`row`)."""

    def add(
        self, row: SlipRow, fulfilment_id: str, lines: Mapping[str, int], tracking_code: str
    ) -> Applied:
        """The shop has that fulfilment of the slip, made now or earlier."""

    def finish(self, row: SlipRow) -> Applied:
        """The slip's fulfilment is Shipped in the shop."""

    def cover(self, row: SlipRow, tracking_code: str) -> Applied:
        """The slip's units are in fulfilments that were not made from it."""

    def hand_over(self, row: SlipRow, reason: str, *, failed: bool = False) -> Applied:
        """Hand the slip to a person; `failed`: count one more try."""

    def reopen(self, code: str) -> None:
        """On a person's request: retry an order's failed or handed-over slips at once."""

    def retry_now(self) -> None:
        """On a person's request: retry all failed slips at once."""

    def correct(self, row: SlipRow, tracking_code: str) -> Applied:
        """The packages got other labels after the slip was fulfilled."""

    def prune(self, before: datetime) -> int:
        """Delete orders that are not ours and were first seen before then; returns how many."""

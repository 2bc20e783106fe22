"""Which orders a run works on, from what the shop lists and the ledger has; pure.

The shop's state is the work queue: `updatedAt` does not move on a state transition
(docs/vendure.md), so a cursor in time would lose orders.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.config import OrdersSettings
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.waits import RECHECK, is_ahead, is_over

_RECHECK_PAGE = 50
# Each costs a create that VeraCore will probably refuse again.
_REFUSED_A_RUN = 10


@dataclass(slots=True)
class Selection:
    """What a run works on, in this order; each list oldest first.

    `new`, `early` and `foreign` are not in the ledger yet; `early` are placed before
    ``orders.not_before``, `foreign` are of a type that is not sent, `elsewhere` of other channels.
    `types` are those that are sent.
    """

    new: list[OrderStub] = field(default_factory=list)
    early: list[OrderStub] = field(default_factory=list)
    foreign: list[OrderStub] = field(default_factory=list)
    elsewhere: list[OrderStub] = field(default_factory=list)
    types: frozenset[str] = frozenset()
    due: list[str] = field(default_factory=list)
    rechecks: list[str] = field(default_factory=list)

    @property
    def candidates(self) -> int:
        """How many orders may be sent for the first time."""
        return len(self.new) + len(self.due)


@dataclass(frozen=True, slots=True)
class Selector:
    """The rules of one run.

    Args:
        settings: ``[orders]``.
        settings_hash: Of the current settings; parked orders are planned again when it changed.
        not_before: Orders placed before this time (UTC) are never sent.
        longest: The longest time until an order is tried again.
        explicit: A person named the orders, so waiting times do not apply.
        unread: Codes of orders that could not be read: requested last, and beside the limits.
    """

    settings: OrdersSettings
    settings_hash: str
    not_before: datetime
    now: datetime
    longest: timedelta
    explicit: bool = False
    unread: Container[str] = ()

    def select(
        self,
        waiting: Iterable[OrderStub],
        held: Mapping[str, OrderRow],
        open_rows: Iterable[OrderRow],
        channel_code: str,
    ) -> Selection:
        """Choose the orders.

        Args:
            waiting: Orders now in a trigger state.
            held: The ledger's rows for those.
            open_rows: The ledger's pending, failed, parked and skipped rows, longest unchecked
                first, whether the shop lists them or not.
            channel_code: The shop's channel; a seller's orders are sent only on its own channel.
        """
        # An Aggregate order repeats its Seller orders: sending both would ship everything twice.
        chosen = Selection(types=self.settings.sent_types(channel_code))
        listed = {stub.code: stub for stub in waiting}
        stubs = {code: stub for code, stub in listed.items() if stub.type in chosen.types}
        chosen.foreign = [
            stub for code, stub in listed.items() if code not in stubs and code not in held
        ]
        for stub in stubs.values():
            if stub.code not in held and self.settings.claim(stub.channels) == "others":
                chosen.elsewhere.append(stub)
            elif stub.code not in held:
                is_early = stub.placed_at is not None and stub.placed_at < self.not_before
                (chosen.early if is_early else chosen.new).append(stub)
        rows = list(open_rows)
        due = [row for row in rows if self._is_due(row, stubs.get(row.code))]
        # Orders that failed before come last: three failures in a row end the run, and must not
        # keep new orders from leaving.
        tried = {row.code for row in due if row.state == OrderState.FAILED or row.attempt}
        due.sort(key=lambda row: (row.code in tried, row.placed_at or "", row.code))
        chosen.due = [row.code for row in due]
        chosen.rechecks = self._rechecks(rows, stubs)
        return chosen

    def _is_due(self, row: OrderRow, stub: OrderStub | None) -> bool:
        if row.state == OrderState.SKIPPED:
            return self._is_back(row, stub)
        if row.state not in (OrderState.PENDING, OrderState.FAILED):
            return False
        return self._must_try(row)

    def _is_back(self, row: OrderRow, stub: OrderStub | None) -> bool:
        if stub is None:
            return False
        return comes_back(row, stub.placed_at, self.not_before, explicit=self.explicit)

    def _must_try(self, row: OrderRow) -> bool:
        until = row.next_attempt_at
        if self.explicit or until is None:
            return True
        return is_over(from_text(until), self.now, self.longest)

    def _rechecks(self, rows: list[OrderRow], stubs: Mapping[str, OrderStub]) -> list[str]:
        refused = [
            row
            for row in rows
            if row.state == OrderState.PARKED
            and row.cause == OrderCause.REFUSED
            and (self._must_try(row) or self._changed(row, stubs.get(row.code)))
        ]
        ours = [row for row in rows if self._is_parked_by_us(row, stubs.get(row.code))]
        chosen = [row for row in ours if self._must_recheck(row, stubs.get(row.code))]
        spare = max(0, _RECHECK_PAGE - len(chosen))
        taken = {row.code for row in chosen}
        others = [row for row in ours if row.state == OrderState.PARKED and row.code not in taken]
        if not self.explicit:
            # An order that the shop does not list cannot be sent, so it uses up no place of those
            # that can: it is only read again.
            others += [row for row in refused if row.code not in stubs]
            others.sort(key=lambda row: row.checked_at or "")
            listed = [row for row in refused if row.code in stubs]
            bad = [row for row in listed if row.code in self.unread]
            refused = [row for row in listed if row.code not in self.unread][:_REFUSED_A_RUN] + bad
        chosen += others[:spare]
        return [row.code for row in chosen + refused]

    def _is_parked_by_us(self, row: OrderRow, stub: OrderStub | None) -> bool:
        if row.state == OrderState.PARKED:
            return row.cause == OrderCause.OURS or (
                row.cause == OrderCause.EXHAUSTED and (self.explicit or self._changed(row, stub))
            )
        return row.state == OrderState.SKIPPED and row.cause == OrderCause.RULE and stub is not None

    def _must_recheck(self, row: OrderRow, stub: OrderStub | None) -> bool:
        if self.explicit or self._changed(row, stub) or row.checked_at is None:
            return True
        return is_over(from_text(row.checked_at) + RECHECK, self.now, RECHECK)

    def _changed(self, row: OrderRow, stub: OrderStub | None) -> bool:
        if row.settings_hash not in (None, self.settings_hash):
            return True
        if stub is None or row.checked_at is None:
            return False
        checked_at = from_text(row.checked_at)
        # A time in the future was written by a wrong clock and would hide every change until then.
        if is_ahead(checked_at, self.now):
            return True
        return stub.updated_at > checked_at and not is_ahead(stub.updated_at, self.now)


def comes_back(
    row: OrderRow, placed_at: datetime | None, not_before: datetime, *, explicit: bool = False
) -> bool:
    """Whether a skipped order is due again now that it is in a trigger state.

    Args:
        row: Of a skipped order.
        placed_at: When it was placed, by the shop.
        not_before: Orders placed before this time (UTC) are never sent.
        explicit: A person named it.
    """
    if row.cause == OrderCause.EARLY:
        return placed_at is None or placed_at >= not_before
    if row.cause == OrderCause.CHANNEL:
        # Another configuration may have sent it, and of a channel that was deleted since the
        # order shows nothing: it looks as if it had been sold in the default channel.
        return explicit
    return row.cause in (OrderCause.STATE, OrderCause.TYPE)

"""Which orders are looked up, and in which order; pure.

A run may look up fewer orders than there are, so each look-up goes where it tells most: first where
something that costs nothing speaks against agreement, then to what was never compared, then to what
has not been compared for longest. So a few runs compare everything, and the next ones begin again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.comparisons import ComparedRow
from veracore_sync.domain.differences import AgreedRow
from veracore_sync.domain.fulfilments import SHIPPED_STATES
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import OrderState, PickSlipState
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.reconcile.sides import LedgerSide, OrderSides
from veracore_sync.waits import is_ahead

AGREED_FOR = timedelta(days=30)
"""So long an order that has ended needs no look-up after all sides agreed about it."""
DIFFERED, TRIED, OPEN = "", "-", "open"
"""In place of the fingerprint of an order of which the sides did not agree, which could not be
compared, or which had not ended; each is like no fingerprint."""

_ENDED = (OrderState.SHIPPED, OrderState.CANCELLED, OrderState.SKIPPED)
_LIVE_THERE = (OrderState.SYNCED, OrderState.CONFLICT, OrderState.IN_DOUBT, OrderState.SENDING)
_FULFILLED = (PickSlipState.ADDED, PickSlipState.DONE)


# ---- whether it is looked up ------------------------------------------------------------------


def fingerprint(sides: OrderSides, key: bytes) -> str:
    """A digest of what ledger, shop and list have of the order, as far as it is compared; only of
    one that has ended: others are looked up in any case.

    Args:
        sides: The order.
        key: The ledger's, so that nobody finds an address by trying.
    """
    side, order = sides.ledger, sides.shop
    if side is None or side.row.state not in _ENDED:
        return OPEN
    facts = (
        position(side),
        (order.content, _by_id(order)) if order is not None else None,
        sorted(_unknown(sides)),
    )
    return hashlib.blake2b(repr(facts).encode(), key=key[:64], digest_size=16).hexdigest()


def _unknown(sides: OrderSides) -> set[tuple[str, str]]:
    """The listed packages that the ledger does not have: a list forgets, so others say nothing."""
    slips = sides.ledger.slips if sides.ledger is not None else ()
    known = {(one.slip, package[2]) for one in slips for package in one.packages}
    return {(one.slip, one.tracking) for one in sides.listed} - known


def _by_id(order: WholeOrder) -> list[tuple[object, ...]]:
    return sorted(
        (one.id, one.state, one.tracking_code, tuple(sorted(one.lines.items())))
        for one in order.fulfilments
    )


def is_settled(sides: OrderSides, agreed: AgreedRow | None, mark: str, now: datetime) -> bool:
    """Whether the order has ended, and nothing changed since all sides agreed about it.

    Args:
        sides: The order.
        agreed: When they agreed last, if they did.
        mark: The order's `fingerprint` now.
        now: This moment (UTC).
    """
    if agreed is None or agreed.fingerprint != mark or sides.ledger is None:
        return False
    at = from_text(agreed.at)
    return mark != OPEN and not is_ahead(at, now) and now - at < AGREED_FOR


def is_suspect(sides: OrderSides, agreed: AgreedRow | None, mark: str) -> bool:
    """Whether something that costs no look-up speaks against agreement."""
    side, order = sides.ledger, sides.shop
    if agreed is not None and agreed.fingerprint == DIFFERED:
        return True
    if side is None:
        return bool(sides.listed)
    has_changed = agreed is not None and agreed.fingerprint not in (mark, TRIED, OPEN)
    if has_changed and side.row.state in _ENDED:
        return True
    if _unknown(sides):
        return True
    if order is None:
        return False
    if order.content.state == "Cancelled" and side.row.state in _LIVE_THERE:
        return True
    live = {one.id for one in order.fulfilments if one.is_live}
    made = {one.fulfilment_id for one in side.slips if one.state in _FULFILLED}
    if made - live - {None}:
        return True
    is_open = any(line.open_quantity for line in order.content.lines)
    has_left = any(one.state in SHIPPED_STATES for one in order.fulfilments)
    return (side.row.state is OrderState.SHIPPED and is_open) or (has_left and not side.slips)


@dataclass(frozen=True, slots=True)
class Need:
    """An order that is to be looked up.

    Args:
        code: Its code.
        calls: How many ids of it are looked up.
        is_suspect: Whether it comes first.
        compared_at: When it was compared last (a UTC text); empty: never.
    """

    code: str
    calls: int
    is_suspect: bool
    compared_at: str = ""


@dataclass(slots=True)
class Queue:
    """What is to be looked up, where there may be more than a run may look up.

    Args:
        most: The most look-ups; more orders than that are counted, and not kept.
    """

    most: int
    count: int = 0
    _suspects: list[Need] = field(default_factory=list)
    _others: list[Need] = field(default_factory=list)

    def add(self, need: Need) -> None:
        """Add an order."""
        self.count += 1
        kept = self._suspects if need.is_suspect else self._others
        kept.append(need)
        if len(kept) >= 2 * max(self.most, 100):
            kept.sort(key=_longest_ago)
            del kept[self.most :]

    def chosen(self) -> list[str]:
        """The codes of those that this run looks up, the most telling first."""
        self._suspects.sort(key=_longest_ago)
        self._others.sort(key=_longest_ago)
        # Suspects that stay so (accepted differences, for example) must not take every place of
        # every run, or the others would never be compared.
        waiting = sum(one.calls for one in self._others)
        first, spent = _within(self._suspects, max(self.most - waiting, -(-self.most // 2)))
        then, _ = _within(self._others, self.most - spent)
        return [one.code for one in (*first, *then)]


def _longest_ago(need: Need) -> tuple[str, str]:
    return need.compared_at, need.code


def _within(needs: Sequence[Need], most: int) -> tuple[list[Need], int]:
    found: list[Need] = []
    spent = 0
    for one in needs:
        # An order with more ids than a run may look up is looked up all the same, alone.
        if most <= 0 or (spent and spent + one.calls > most):
            break
        found.append(one)
        spent += one.calls
    return found, spent


# ---- whether it moved --------------------------------------------------------------------------


def position(side: LedgerSide) -> tuple[object, ...]:
    """What of the ledger's order moves when a job or a person works on it."""
    row = side.row
    return (
        (row.code, row.vendure_id, row.veracore_id, row.state, row.cause, row.attempt),
        (row.shop_code, row.shop_cancelled_at, row.doubt_since, row.absent_at),
        tuple((one.attempt, one.veracore_id, one.lines, one.outcome) for one in side.attempts),
        tuple(map(_slip, side.slips)),
        _cancellation(side.cancellation),
        _accepted(side.compared),
        side.accepted,
    )


def _slip(slip: SlipRow) -> tuple[object, ...]:
    lines = tuple(sorted((slip.lines or {}).items()))
    made = slip.fulfilment_id, slip.tracking_code, slip.intended_at is not None
    return (slip.veracore_id, slip.slip, slip.state, slip.packages, lines, *made)


def _cancellation(one: CancellationRow | None) -> tuple[object, ...]:
    if one is None:
        return ()
    return one.veracore_id, one.state, one.asked, one.left_at is not None, one.seen_at is not None


def _accepted(one: ComparedRow | None) -> tuple[object, ...]:
    return (one.accepted_at, one.base is not None) if one is not None else ()


def has_moved(before: LedgerSide | None, after: LedgerSide | None, since: str, until: str) -> bool:
    """Whether the ledger's order changed while the three sides were read.

    Args:
        before: As it was at first.
        after: As it was in the end.
        since: When the reading began (a UTC text).
        until: When it had ended; what lies ahead of it was stored by a wrong clock.
    """
    if before is None or after is None:
        return before is not after
    if position(before) != position(after):
        return True
    return any(since <= at <= until for at in _changes(after))


def _changes(side: LedgerSide) -> Iterable[str]:
    yield side.row.updated_at
    for attempt in side.attempts[-1:]:
        yield attempt.ended_at or attempt.started_at
    for slip in side.slips:
        yield slip.updated_at
    if side.cancellation is not None:
        yield side.cancellation.updated_at

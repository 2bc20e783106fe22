"""What a change in the shop means for an order that is sent, or never will be; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from veracore_sync.domain.held_orders import AcceptedOrder, totals
from veracore_sync.domain.order_records import AttemptRow, OrderRow, SentLines
from veracore_sync.domain.orders import Order, OrderLine
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState
from veracore_sync.jobs.orders.render import Renderer

_MAX_LISTED = 10
_ENDED = {
    "shipped": "after VeraCore had shipped it",
    "cancelled": "after it was cancelled at VeraCore",
    "skipped": "after a person had skipped it",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The order as it was when its changes were last examined.

    Args:
        at: The shop's ``updatedAt``, a UTC text.
        state: The order's state in the ledger.
        content: The keyed hash of its content.
    """

    at: str
    state: str
    content: str


def is_followed(row: OrderRow) -> bool:
    """Whether change detection is the only place that still notices units added to the order."""
    if row.state == OrderState.SKIPPED:
        return row.cause == OrderCause.RESOLVED
    return row.state in (
        OrderState.SENDING,
        OrderState.IN_DOUBT,
        OrderState.SYNCED,
        OrderState.CONFLICT,
        OrderState.SHIPPED,
        OrderState.CANCELLED,
    )


def has_ended(row: OrderRow) -> bool:
    """Whether VeraCore will ship nothing more of the order."""
    return row.state in _ENDED


def held_lines(row: OrderRow, attempts: Sequence[AttemptRow]) -> SentLines | None:
    """What VeraCore has or shipped of an order; ``None`` if that is unknown."""
    if row.state in (OrderState.CANCELLED, OrderState.SKIPPED):
        return ()
    taken = [one.lines for one in attempts if one.outcome == AttemptOutcome.ACCEPTED and one.lines]
    if taken:
        return taken[-1]
    return () if row.state == OrderState.SHIPPED else None


def missing_units(order: Order, held: SentLines | None, renderer: Renderer) -> Mapping[str, int]:
    """The open units, by offer, that VeraCore does not have; empty if that is unknown."""
    if held is None:
        return {}
    opened: Counter[str] = Counter()
    ordered: Counter[str] = Counter()
    for line in order.lines:
        if not renderer.is_excluded(line.sku):
            opened[renderer.offer(line.sku)] += line.open_quantity
            ordered[renderer.offer(line.sku)] += line.quantity
    there: Counter[str] = Counter()
    for offer, units in held:
        there[offer.strip().casefold()] += units
    left = {
        offer: min(units, ordered[offer] - there[offer.casefold()])
        for offer, units in opened.items()
    }
    return {offer: units for offer, units in sorted(left.items()) if units > 0}


def as_it_was(order: Order, held: AcceptedOrder, renderer: Renderer) -> Order:
    """The order with the units put back that both sides have cancelled.

    If the result equals what was sent, one side has only followed the other, and no person is
    needed. With two lines of one SKU it is unknown which was cancelled: they stay as they are.
    """
    sent, cancelled = totals(held.lines), totals(held.cancelled)
    names = [renderer.offer(line.sku).casefold() for line in order.lines]
    several = Counter(names)

    def was(line: OrderLine, name: str) -> OrderLine:
        is_cut = sent[name] - cancelled[name] <= line.quantity < sent[name]
        return replace(line, quantity=sent[name]) if is_cut and several[name] == 1 else line

    lines = zip(order.lines, names, strict=True)
    return replace(order, lines=tuple(was(line, name) for line, name in lines))


def is_all_that_ships(order: Order, held: AcceptedOrder, renderer: Renderer) -> bool:
    """Whether the order's units are exactly those that VeraCore has and has not cancelled."""
    wanted = [(renderer.offer(line.sku), line.quantity) for line in order.lines]
    return +totals(wanted) == totals(held.lines) - totals(held.cancelled)


def change(
    row: OrderRow, before: str | None, now: str, missing: Mapping[str, int], *, seen_ended: bool
) -> str | None:
    """The alert's sentence about an order that was read again; ``None``: no alert.

    Args:
        before: The hash of the content that was sent, or examined last; ``None``: unknown.
        now: The hash of its content now.
        missing: Units by offer that VeraCore does not have.
        seen_ended: The order was examined since it ended.
    """
    units = ", ".join(f"{units} x {offer}" for offer, units in list(missing.items())[:_MAX_LISTED])
    if has_ended(row):
        if not units or (now == before and (seen_ended or row.state != OrderState.SHIPPED)):
            return None
        if before is None and row.state != OrderState.SHIPPED:
            # Its cancellation's alert, or a person's decision to skip it, covers this content.
            return None
        return (
            f"it was changed in the shop {_ENDED[row.state]}: "
            f"VeraCore does not have {units}, so send that by hand"
        )
    # A change that was taken back leaves nothing to do: the content is what was sent.
    if now in (before, row.content_hash) or (before is None and not units):
        return None
    lack = f"; VeraCore does not have {units}" if units else ""
    return (
        "it was changed in the shop after it went to VeraCore "
        f"(units, address or shipping): change it there too{lack}"
    )

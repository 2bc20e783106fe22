"""Alerts about goods that have left end when the shop shows that a person has obeyed them.

What such an alert asks for is done in the shop, where nothing tells that it was: the orders of open
alerts are read again in every run, fifty in a request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.failures import REFUSES_ALL, TOO_FAST
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import PickSlipState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.tracking.plan import is_made_by
from veracore_sync.jobs.tracking.report import TrackingReport

_LOG = logging.getLogger(__name__)
_TOGETHER = 50
_MOST = 200


@dataclass(slots=True)
class AlertEnds(RunPart[TrackingReport]):
    """Resolves the alerts of which the shop shows the end."""

    def look(self) -> None:
        """Read the orders of open alerts; resolve what has ended.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        kinds: dict[str, list[AlertKind]] = {}
        for alert in self.ledger.alerts.standing():
            named = not self.options.only or alert.code in self.options.only
            if alert.code and alert.kind in ENDS and named:
                kinds.setdefault(alert.code, []).append(AlertKind(alert.kind))
        for order in self._read(list(kinds)[:_MOST]):
            slips = self.ledger.shipments.slips_of(order.code)
            ended = [kind for kind in kinds[order.code] if ENDS[kind](order, slips)]
            with self.ledger.unit_of_work():
                for kind in ended:
                    self.ledger.alerts.resolve(kind, code=order.code)
                if AlertKind.ORDER_MISSING in ended:
                    # Shipped by other means: VeraCore is not asked for it again.
                    self._ship(order)

    def _ship(self, order: FulfilledOrder) -> None:
        row = self.ledger.orders.get(order.code)
        if row is not None and self.ledger.transitions.ship(order.code):
            data = {"vendureOrderCode": order.code, "veracoreOrderId": row.veracore_id}
            self.ledger.outbox.add(EventKind.ORDER_SHIPPED, order.code, data)
            self.report.record(order.code, "", "shipped")

    def _read(self, codes: Sequence[str]) -> Iterator[FulfilledOrder]:
        parts = [codes[at : at + _TOGETHER] for at in range(0, len(codes), _TOGETHER)]
        for part in parts:
            try:
                yield from self.shop.fulfilments.orders(part).values()
            except UpstreamError as error:
                if error in REFUSES_ALL or error in TOO_FAST:
                    raise
                # One that cannot be read must not keep the alerts of the others open.
                yield from self._one_by_one(part)

    def _one_by_one(self, codes: Sequence[str]) -> Iterator[FulfilledOrder]:
        for code in codes:
            try:
                yield from self.shop.fulfilments.orders([code]).values()
            except UpstreamError as error:
                if error in REFUSES_ALL or error in TOO_FAST:
                    raise
                _LOG.info("order %s: its alerts stay open: %s", code, error.message)


# ---- when each kind has ended ------------------------------------------------------------------


def _live(order: FulfilledOrder) -> list[Fulfilment]:
    return [one for one in order.fulfilments if one.is_live]


def _shipped(order: FulfilledOrder) -> list[Fulfilment]:
    return [one for one in order.fulfilments if one.state in SHIPPED_STATES]


def _left(order: FulfilledOrder) -> dict[str, int]:
    """Units by line id that no fulfilment shows as shipped."""
    left = {line.id: line.quantity for line in order.lines}
    for one in _shipped(order):
        for line, units in one.lines.items():
            left[line] = left.get(line, 0) - units
    return left


def _handed(slips: Sequence[SlipRow]) -> list[SlipRow]:
    return [row for row in slips if row.state == PickSlipState.HANDED]


def _is_replaced(row: SlipRow, order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether a fulfilment that no slip made has the slip's units: one by hand, say."""
    if not row.lines:
        return False
    claimed = {one.fulfilment_id for one in slips if one.fulfilment_id}
    return any(
        all(one.lines.get(line, 0) >= units for line, units in row.lines.items())
        for one in _shipped(order)
        if one.id not in claimed
    )


def _are_fulfilled(order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether the shop shows what was handed to a person as shipped, or nothing of it is wanted."""
    shipped, left = {one.id for one in _shipped(order)}, _left(order)

    def is_fulfilled(row: SlipRow) -> bool:
        if row.fulfilment_id in shipped or _is_replaced(row, order, slips):
            return True
        return all(left.get(line, 0) <= 0 for line in row.lines or left)

    return order.state == "Cancelled" or all(map(is_fulfilled, _handed(slips)))


def _are_cancelled(order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether no slip without a valid label has a fulfilment any more."""
    live = {one.id for one in _live(order)}
    return not any(row.fulfilment_id in live and _is_void(row) for row in _handed(slips))


def _is_single(order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether no slip's units are in a second fulfilment under the same code."""
    live = _live(order)
    ids, claimed = {one.id for one in live}, {one.fulfilment_id for one in slips}
    return not any(
        row.fulfilment_id in ids and one.id not in claimed and is_made_by(row, one)
        for row in slips
        for one in live
    )


def _are_finished(order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether no fulfilment that a person made is unfinished."""
    claimed = {one.fulfilment_id for one in slips}
    return all(one.state in SHIPPED_STATES or one.id in claimed for one in _live(order))


def _were_stopped(_order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether every label of goods that were not to leave is void."""
    # A slip that the shop's cancellation stopped is handed to a person; one that left although
    # VeraCore was asked to cancel the order is fulfilled.
    gone = _handed(slips) or [row for row in slips if row.packages]
    return bool(gone) and all(map(_is_void, gone))


def _is_shipped(order: FulfilledOrder, slips: Sequence[SlipRow]) -> bool:
    """Whether the shop shows all goods as gone, by whatever means."""
    return order.state in SHIPPED_STATES


def _is_void(row: SlipRow) -> bool:
    return bool(row.packages) and all(is_void for *_, is_void in row.packages)


ENDS: Mapping[str, Callable[[FulfilledOrder, Sequence[SlipRow]], bool]] = {
    AlertKind.ORDER_VOIDED: _are_cancelled,
    AlertKind.ORDER_UNFULFILLED: _are_fulfilled,
    AlertKind.ORDER_UNFULFILLABLE: _are_fulfilled,
    AlertKind.ORDER_DOUBLED: _is_single,
    AlertKind.ORDER_PENDING_BY_HAND: _are_finished,
    AlertKind.ORDER_SHIPPED_CANCELLED: _were_stopped,
    AlertKind.ORDER_MISSING: _is_shipped,
    AlertKind.ORDER_SHORT: _is_shipped,
}
"""What of the shop's order, and of what VeraCore shipped of it, ends an alert."""

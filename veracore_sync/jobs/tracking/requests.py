"""Requests to the shop about one order, each with its intent and the meaning of its answer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from veracore_sync.domain.errors import ConfigError, ProtocolError, SyncError
from veracore_sync.domain.failures import NOT_BEGUN
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.shop_stock import Level, NewLevel
from veracore_sync.domain.shop_texts import note_text
from veracore_sync.domain.states import Applied
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reasons import Why
from veracore_sync.jobs.tracking.actions import Fulfil
from veracore_sync.jobs.tracking.report import LEFT, TrackingReport
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import EXCLUDED
from veracore_sync.ports.shop_fulfilments import MutationRefused

_LOG = logging.getLogger(__name__)
_SHORT = "INSUFFICIENT_STOCK_ON_HAND_ERROR"
_NO_HANDLER = "INVALID_FULFILLMENT_HANDLER_ERROR"


class MovedOn(Exception):
    """Another run was first: the slip is no longer in the state in which it was planned.

    `made` names the fulfilment that was already made for it, which belongs to no slip now.
    """

    def __init__(self, made: str) -> None:
        super().__init__(made)
        self.made = made


def must_apply(change: Applied, made: str = "") -> None:
    """Raise if the transition was not made.

    Raises:
        MovedOn: Another run was first.
    """
    if change is Applied.LOST:
        raise MovedOn(made)


@dataclass(slots=True)
class ShopRequests(RunPart[TrackingReport]):
    """Changes an order in the shop. The caller holds the stock lock.

    Args:
        order: As the shop returned it under the lock.
    """

    rules: Rules
    order: FulfilledOrder

    def fulfil(self, row: SlipRow, action: Fulfil) -> str:
        """Add a fulfilment; its id.

        Raises:
            SyncError: It was not made, or nothing is known.
        """
        try:
            return self._fulfil(row, action)
        except MutationRefused as refusal:
            if refusal.code == _NO_HANDLER:
                raise ConfigError(
                    f"Vendure has no fulfilment handler {self.settings.tracking.handler!r}",
                    hint="set tracking.handler to the code of one of its fulfilment handlers",
                ) from refusal
            raise refusal.as_error("the fulfilment") from refusal

    def _fulfil(self, row: SlipRow, action: Fulfil) -> str:
        try:
            return self._ask(row, action)
        except MutationRefused as refusal:
            if refusal.code != _SHORT or row.slip == EXCLUDED:
                raise  # the stock of what VeraCore does not have is not ours to raise
        # The goods have left, so the shop's level is wrong and not the shipment: raise the level.
        # The next run of `sync-inventory` writes the correct one.
        lent = self._raise_stock(action.lines)
        try:
            return self._ask(row, action)
        finally:
            self._take_back(lent)

    def _ask(self, row: SlipRow, action: Fulfil) -> str:
        """Commit the intent, make the request, and record how it ended.

        Raises:
            MutationRefused: No fulfilment was made.
            SyncError: The result is unknown, or (one of `NOT_BEGUN`) no fulfilment was made.
            MovedOn: Another run was first, and no request was made.
        """
        shipments = self.ledger.shipments
        # Committed before the request, with the fulfilments known so far: after a crash a new one
        # with these lines and this code is this slip's, and is adopted.
        intended = self.ledger.together(
            lambda: shipments.intend(
                row,
                action.lines,
                method=action.method,
                tracking_code=action.tracking_code,
                known=[one.id for one in self.order.fulfilments],
                ends_by=self.clock.now() + self.rules.call_limit,
            )
        )
        must_apply(intended)
        pass_failpoint("fulfilment intended")
        try:
            return self.shop.fulfilments.add(
                action.lines,
                handler=self.settings.tracking.handler,
                method=action.method,
                tracking_code=action.tracking_code,
            )
        except MutationRefused:
            shipments.withdraw(row)
            raise
        except SyncError as error:
            if error in NOT_BEGUN:
                shipments.withdraw(row)
            else:
                shipments.unanswered(row, has_ended=getattr(error, "has_ended", False))
            raise

    def _raise_stock(self, lines: Mapping[str, int]) -> dict[tuple[str, str], int]:
        """Raise levels so that these lines can be fulfilled.

        Returns:
            Units to take back afterwards, by variant and location: those by which the level was
            kept low because Vendure sells them beyond it.
        """
        lent = {}
        wanted: Counter[str] = Counter()
        for line in self.order.lines:
            wanted[line.variant_id] += lines.get(line.id, 0)
        stock = self.shop.stock
        variants = stock.variants_by_id([id for id, units in wanted.items() if units])
        levels = []
        for variant in variants.values():
            lacking = wanted[variant.id] - sum(level.on_hand for level in variant.levels)
            if lacking > 0 and variant.tracked and variant.levels:
                # Vendure takes the goods from where they were allocated.
                at = max(variant.levels, key=_allocated)
                levels.append(NewLevel(variant.id, at.location, at.on_hand + lacking))
                if variant.oversold and not self.settings.inventory.backorders:
                    lent[variant.id, at.location] = min(lacking, variant.oversold)
                self.report.raised.append(variant.sku)
        if levels:
            # If no fulfilment follows, no order shows that the level is too high now.
            self.ledger.stock.suspect({level.variant_id for level in levels})
            stock.set_levels(levels)
        return lent

    def _take_back(self, lent: Mapping[tuple[str, str], int]) -> None:
        """Lower levels again; if that fails, the next run of `sync-inventory` does it."""
        if not lent:
            return
        stock = self.shop.stock
        try:
            now = stock.variants_by_id(list({id for id, _ in lent}))
            stock.set_levels(
                [
                    NewLevel(variant.id, level.location, level.on_hand - units)
                    for variant in now.values()
                    for level in variant.levels
                    if (units := lent.get((variant.id, level.location)))
                ]
            )
        except SyncError as error:
            # The fulfilment is made, and must not count as failed.
            _LOG.warning("a level that was raised for a fulfilment stays raised: %s", error.message)

    def ship(self, fulfilment_id: str) -> None:
        """Mark a fulfilment as shipped, unless it already is."""
        try:
            self.shop.fulfilments.ship(fulfilment_id)
        except MutationRefused as refusal:
            if self._state_of(fulfilment_id) not in SHIPPED_STATES:
                raise refusal.as_error("to ship a fulfilment") from refusal
        except ProtocolError:
            # Of two transitions at once Vendure fails one; the other may have shipped it.
            if self._state_of(fulfilment_id) not in SHIPPED_STATES:
                raise

    def cancel(self, fulfilment_id: str) -> None:
        """Cancel a fulfilment that was made twice, unless it already is."""
        _LOG.warning(
            "order %s: cancelling fulfilment %s, a duplicate", self.order.code, fulfilment_id
        )
        try:
            self.shop.fulfilments.cancel(fulfilment_id)
        except MutationRefused as refusal:
            if self._state_of(fulfilment_id) != "Cancelled":
                raise refusal.as_error("to cancel a duplicate") from refusal

    def _state_of(self, fulfilment_id: str) -> str:
        order = self.shop.fulfilments.orders([self.order.code]).get(self.order.code)
        found = order.fulfilments if order else ()
        return next((one.state for one in found if one.id == fulfilment_id), "")

    def note(self, text: str, *, once: bool) -> None:
        """Add a note to the order's history; `once`: unless it is there, from before a crash."""
        try:
            if once and note_text(text) in self.shop.fulfilments.notes(self.order.id):
                return
            self.shop.fulfilments.note(self.order.id, text)
        except ProtocolError as error:
            # The fulfilment is complete; a note that Vendure refuses must not fail it.
            _LOG.warning("order %s: %s", self.order.code, error.message)

    def end_order(self) -> bool:
        """Move an order on whose fulfilments have all shipped; whether it moved."""
        try:
            self.shop.fulfilments.end(self.order.id)
        except MutationRefused as refusal:
            _LOG.warning("order %s stays %s: %s", self.order.code, self.order.state, refusal)
            return False
        except ProtocolError as error:
            _LOG.warning("order %s: %s", self.order.code, error.message)
            self.report.errors += 1
            why = Why("failed", f"its end is not in the shop: {error.message}", LEFT["failed"])
            self.report.reasons.add(why, self.order.code)
            return False
        return True


def _allocated(level: Level) -> int:
    return level.allocated

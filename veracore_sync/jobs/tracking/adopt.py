"""Shipments of orders that this ledger did not send, but the shop knows: they are adopted.

So after a lost ledger, or a go-live, the rest of what the warehouse holds still comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.clock import Clock, from_text
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.window import Listed
from veracore_sync.ledger import Discovery, Ledger, OrderRow
from veracore_sync.vendure.fulfilment import FulfilledOrder
from veracore_sync.vendure.shop import Shop
from veracore_sync.veracore.port import LookUpFailed, Present, Warehouse
from veracore_sync.waits import STRANGER, is_over

_KEPT = timedelta(days=30)
_PASSED_BY = ("state", "early")


@dataclass(slots=True)
class Strangers:
    """Listed orders that the ledger does not hold as sent.

    Args:
        shop: Asked whether it knows their references.
        warehouse: Each that is adopted is looked up once.
        ledger: Where they are adopted, or remembered for thirty days.
        clock: The time.
        states: The shop's states in which something may be fulfilled.
        result: Where adoptions are told.
    """

    shop: Shop
    warehouse: Warehouse
    ledger: Ledger
    clock: Clock
    states: frozenset[str]
    result: TrackingResult

    def adopt(self, listed: Sequence[Listed]) -> None:
        """Adopt those that are orders of the shop in a state that allows it.

        Raises:
            UpstreamError: One of the sides could not be read.
        """
        self.ledger.shipments.prune(self.clock.now() - _KEPT)
        held = self.ledger.orders.at_warehouse([one.veracore_id for one in listed])
        strange = [one for one in listed if one.veracore_id.casefold() not in held]
        by_code = {one.reference: one for one in strange if one.reference and self._is_due(one)}
        ours = self.ledger.orders.held(list(by_code))
        wanted = [code for code in by_code if _may_be_adopted(ours.get(code))]
        orders = self.shop.fulfilments.orders(wanted) if wanted else {}
        for code in wanted:
            self._adopt_one(by_code[code], orders.get(code), ours)

    def _is_due(self, one: Listed) -> bool:
        seen = self.ledger.shipments.tracked(one.veracore_id)
        if seen is None or seen.asked_at is None:
            return True
        return is_over(from_text(seen.asked_at) + STRANGER, self.clock.now(), STRANGER)

    def _adopt_one(
        self, one: Listed, order: FulfilledOrder | None, ours: Mapping[str, OrderRow]
    ) -> None:
        if order is None or order.type == "Aggregate" or order.state not in self.states:
            self.ledger.shipments.asked(one.veracore_id, one.reference)
            return
        found = self.warehouse.look_up(one.veracore_id)
        if isinstance(found, LookUpFailed):
            self.result.notes.append(f"{order.code}: {found.error.message}")
            return
        if not isinstance(found, Present) or found.record.reference != order.code:
            self.ledger.shipments.asked(one.veracore_id, one.reference)
            return
        with self.ledger.database.transaction():
            if order.code not in ours:
                self.ledger.moves.discover([Discovery(order.code, order.id, None)])
            self.ledger.moves.adopt(order.code, one.veracore_id, found.record)
        self.result.note(order.code, "", "adopted")


def _may_be_adopted(row: OrderRow | None) -> bool:
    return row is None or (row.state == "skipped" and row.cause in _PASSED_BY)

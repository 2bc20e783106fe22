"""Which orders a run looks up: those with newly listed packages, those due, and some others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.pick_slips import Rows
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.window import Listed, has_changed, remembered
from veracore_sync.ports.ledger import Ledger

_MAX_LAST = 20
_PART = 5
"""One look-up in so many is kept for orders that VeraCore has completed."""
WORKABLE = (OrderState.SYNCED, OrderState.SHIPPED)
"""The ledger's states in which an order may have shipped."""
WATCHED = (*WORKABLE, OrderState.CANCELLED)
"""The states in which a listed package is news: one that VeraCore cancelled may leave yet."""


@dataclass(slots=True)
class Targets:
    """The orders of one run.

    Args:
        listed: What the warehouse lists, by its id in lower case.
        days: The days that were listed; ``None``: nothing was listed.
        others: How many orders are looked up without a sign of a change. This finds those that were
            cancelled, or completed without a package.
        last: Codes of bad records, looked up after all others; at most 20 of them.
    """

    ledger: Ledger
    listed: Mapping[str, Listed]
    days: Days | None
    others: int
    last: Sequence[str] = ()

    def orders(self) -> list[OrderRow]:
        """The orders, most urgent first."""
        first = dict.fromkeys([*self._changed(), *self.ledger.shipments.due()])
        apart = {*first, *self.last}
        rest = self._others(apart) if self.others else []
        codes = [*(code for code in first if code not in self.last), *rest, *self.last[:_MAX_LAST]]
        held = self.ledger.orders.held(codes)
        return [held[code] for code in codes if code in held and held[code].state in WATCHED]

    def _others(self, apart: Collection[str]) -> list[str]:
        """Longest unseen orders that are in no other part of the run."""
        most = self.others + len(apart)
        unseen = self.ledger.shipments.longest_unseen
        shipping, complete = (
            [code for code in unseen(most, complete=is_complete) if code not in apart]
            for is_complete in (False, True)
        )
        # What VeraCore has completed waits for a person: however many these are, they take a part.
        least = min(max(self.others // _PART, 1), self.others - 1, len(complete))
        shipping = shipping[: self.others - least]
        return [*shipping, *complete[: self.others - len(shipping)]]

    def _changed(self) -> Iterator[str]:
        """Orders of which the list shows other packages than at the last look-up."""
        if self.days is None:
            return
        seen = {
            one.veracore_id.casefold(): one.rows
            for one in self.ledger.shipments.listed_since(self.days.first.isoformat())
        }
        held = self.ledger.orders.at_warehouse([*self.listed, *seen])
        for key, row in held.items():
            listed = self.listed[key].rows if key in self.listed else {}
            if row.state in WATCHED and has_changed(listed, seen.get(key, {}), self.days):
                yield row.code

    def _seen(self, veracore_id: str) -> Rows:
        tracked = self.ledger.shipments.tracked(veracore_id)
        return tracked.rows if tracked else {}

    def rows_to_keep(self, veracore_id: str) -> Rows | None:
        """What to remember of the list once this order was looked up; ``None``: no change."""
        if self.days is None:
            return None
        listed = self.listed.get(veracore_id.casefold())
        return remembered(listed.rows if listed else {}, self._seen(veracore_id), self.days)

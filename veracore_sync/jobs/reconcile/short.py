"""Paid orders to which Vendure allocated fewer units than they ordered.

The rule is that of the stock run (`jobs.inventory.shortfall`); here it is applied twice, to two
lists of the open orders, and what a person accepted is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.texts import one_line
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.planning import StockPlanning
from veracore_sync.jobs.inventory.shortfall import (
    MAX_VARIANTS,
    Shortfalls,
    Unallocated,
    agreeing,
    differing,
    shortfalls,
)
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.report import short_difference

_UNREAD = "an open order cannot be read, so what is allocated to which is unknown"
_UNJUDGED = "what Vendure allocated and what it cancelled contradict each other"
_MANY = (
    f"more than {MAX_VARIANTS} variants have open orders: the allocations of the others were only "
    "compared in sum"
)
_MOVED = "{} orders moved while their allocated units were counted"


@dataclass(slots=True)
class ShortAllocations(RunPart[ReconcileReport]):
    """Finds orders that were allocated too little.

    Args:
        planning: Has read the variants and their levels.
        demand: The open orders, as read after them.
        findings: Gets what is found.
    """

    planning: StockPlanning
    demand: UnheldDemand
    findings: PartFindings

    def find(self) -> None:
        """Find them.

        Raises:
            SyncError: The shop cannot be read.
        """
        standing = self._standing()
        if self.demand.unread:
            self.findings.unseen.append(("allocations", _UNREAD))
            return
        first = self._short(self.demand)
        found: Mapping[str, Sequence[Unallocated]] = first.by_code
        unjudged, moved = set(first.unjudged), set[str]()
        if found:
            second = self._short(self.planning.demand())
            unjudged |= second.unjudged
            moved = {
                code
                for code in {*first.by_code, *second.by_code}
                if first.by_code.get(code) != second.by_code.get(code)
            }
            found = {code: units for code, units in found.items() if code not in moved}
        placed = {one.code: one.placed_at for one in self.demand.orders}
        for code, units in found.items():
            if code in unjudged or self._is_accepted(code, units):
                continue
            self.findings.differences.append(
                Difference(
                    DifferenceType.ALLOCATED_SHORT,
                    code,
                    ledger="",
                    shop="; ".join(
                        f"ordered {one.ordered} of {one_line(one.sku)}, "
                        f"{one.missing} of them never allocated"
                        for one in units
                    ),
                    warehouse="",
                    since=placed.get(code),
                )
            )
        for code in sorted(unjudged):
            self.findings.unseen.append((code, _UNJUDGED))
        if moved:
            self.findings.notes.append(_MOVED.format(len(moved)))
        self.findings.count = len(self.demand.orders)
        self.findings.compared = sorted(standing - unjudged - moved)

    def _short(self, demand: UnheldDemand) -> Shortfalls:
        shop = self.shop.stock
        found = differing(self.planning.book, demand, shop)
        room = MAX_VARIANTS - len(found)
        others = list(islice(agreeing(self.planning.book, demand), room + 1))
        if len(others) > room and _MANY not in self.findings.notes:
            self.findings.notes.append(_MANY)
        return shortfalls([*found, *others[:room]], shop, demand.orders, thorough=True)

    def _standing(self) -> set[str]:
        rows = self.ledger.differences.standing()
        kind = DifferenceType.ALLOCATED_SHORT
        return {row.difference.name for row in rows if row.difference.type is kind}

    def _is_accepted(self, code: str, units: Sequence[Unallocated]) -> bool:
        what = short_difference({one.sku: one.missing for one in units})
        return any(
            one.kind == AlertKind.ORDER_SHORTFALL and one.difference == what
            for one in self.ledger.alerts.accepted(code)
        )

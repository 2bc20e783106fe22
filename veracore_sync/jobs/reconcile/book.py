"""What a run found, stored page by page and added to its report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import (
    ORDER_TYPES,
    AgreedRow,
    Difference,
    DifferenceRow,
    DifferenceType,
)
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.reconcile.examiner import Looked
from veracore_sync.jobs.reconcile.report import FoundDifference, ReconcileReport
from veracore_sync.jobs.reconcile.scope import DIFFERED, TRIED
from veracore_sync.jobs.reconcile.sides import Examined
from veracore_sync.jobs.reconcile.telling import tell, tell_orders

FOUND_BY_STOCK = frozenset({DifferenceType.ALLOCATED_SHORT})
EXAMINED_TYPES = ORDER_TYPES - FOUND_BY_STOCK
"""What the comparison of orders looks for."""

Key = tuple[str, str, str]


@dataclass(slots=True)
class Book(RunPart[ReconcileReport]):
    """Stores what was found, each page as one unit of work."""

    def settled(self, codes: Collection[str]) -> None:
        """These orders agreed before, and nothing changed since."""
        self.report.compared += len(codes)

    def keep(self, looked: Sequence[Looked]) -> None:
        """Store what was found of a page of orders; nothing of those that were not compared."""
        examined = [one.examined for one in looked]
        agreed = [one for one in map(self._agreed, looked) if one is not None]
        if self.context.must_not_write:
            before = self._standing(examined)
        else:
            with self.ledger.unit_of_work():
                before = self._standing(examined)
                reported = tell_orders(self.ledger, examined, agreed, EXAMINED_TYPES)
            self.report.needs_person += reported
        for one in examined:
            if one.is_compared:
                self.report.compared += 1
                self.report.differing += bool(one.differences)
            elif one.unseen:
                self.report.add_unread(one.code, one.unseen)
            else:
                self.report.add_moving(one.code, one.moving)
        compared = [one.code for one in examined if one.is_compared]
        found = [difference for one in examined for difference in one.differences]
        self._report(before, found, compared, EXAMINED_TYPES)

    def keep_others(
        self,
        found: Sequence[Difference],
        compared: Collection[str],
        types: Collection[DifferenceType],
    ) -> None:
        """Store what was found of everything that was compared in one part of the run.

        Args:
            found: All that differs.
            compared: The names that were compared.
            types: The types that were looked for.
        """
        before = self._of([*compared, *(one.name for one in found)])
        if not self.context.must_not_write:
            self.report.needs_person += tell(self.ledger, found, compared, types)
        self._report(before, found, compared, types)

    def record(self, examined: Examined, types: Collection[DifferenceType]) -> None:
        """Store what a look at one order, or at one SKU, showed beside the run's own."""
        if self.context.must_not_write or not examined.is_compared:
            return
        reported = tell(self.ledger, examined.differences, [examined.code], types)
        self.report.needs_person += reported

    # ---- parts --------------------------------------------------------------------------------

    def _agreed(self, one: Looked) -> AgreedRow | None:
        """When it was compared, or at least tried: that others take their turn before it."""
        if not one.mark:
            return None
        mark = TRIED
        if one.examined.is_compared:
            mark = DIFFERED if one.examined.differences else one.mark
        return AgreedRow(one.examined.code, to_text(self.clock.now()), mark)

    def _standing(self, examined: Iterable[Examined]) -> dict[Key, DifferenceRow]:
        return self._of([one.code for one in examined if one.is_compared])

    def _of(self, names: Collection[str]) -> dict[Key, DifferenceRow]:
        rows = self.ledger.differences.of(list(dict.fromkeys(names)))
        return {row.difference.key: row for row in rows}

    def _report(
        self,
        before: dict[Key, DifferenceRow],
        found: Sequence[Difference],
        compared: Collection[str],
        types: Collection[DifferenceType],
    ) -> None:
        keys = {one.key for one in found}
        names = set(compared)
        self.report.ended += sum(
            1
            for key, row in before.items()
            if key not in keys and row.difference.name in names and row.difference.type in types
        )
        for one in found:
            row = before.get(one.key)
            # As the ledger does: what was reported with evidence other than the accepted is not.
            is_new = row is None or (row.is_accepted and row.accepted_mark != one.mark)
            self.report.found.append(FoundDifference(one, row, is_new))

"""VeraCore's list of shipments, by the orders that it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.domain.warehouse import ShippedRow
from veracore_sync.jobs.reconcile.sides import LedgerSide


@dataclass(slots=True)
class ListedShipments:
    """The packages that VeraCore listed, each once.

    `rows` has them by VeraCore's id in lower case. `since` is from when on the list was read to its
    end (UTC); ``None``: it was not.
    """

    rows: dict[str, list[ShippedRow]] = field(default_factory=dict)
    since: datetime | None = None
    _ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, row: ShippedRow) -> None:
        """Add a package; the windows of the list overlap, so it may be known."""
        key = row.order_id.casefold()
        known = self.rows.setdefault(key, [])
        if row in known:
            return
        known.append(row)
        ids = self._ids.setdefault(row.reference.casefold(), [])
        if key not in ids:
            ids.append(key)

    def of(self, code: str, side: LedgerSide | None) -> tuple[ShippedRow, ...]:
        """The packages of an order: under its ids, and under its code as the reference."""
        reference = side.row.reference if side is not None else code
        ids: Iterable[str | None] = (code,)
        if side is not None:
            ids = (side.row.veracore_id, *(one.veracore_id for one in side.attempts))
        own = [one.casefold() for one in ids if one]
        keys = dict.fromkeys((*own, *self._ids.get(reference.casefold(), ())))
        return tuple(row for key in keys for row in self.rows.get(key, ()))

"""What the ledger has of many orders, in a few statements."""

from __future__ import annotations

from collections.abc import Sequence

from veracore_sync.jobs.reconcile.sides import LedgerSide
from veracore_sync.ports.ledger import Ledger


def ledger_sides(
    ledger: Ledger, codes: Sequence[str], *, sent: bool = True
) -> dict[str, LedgerSide]:
    """What it has of these orders, by code; those that it does not hold are left out.

    Several statements are no snapshot. What changes between two of them is found by reading all of
    it once more (`scope.has_moved`).

    Args:
        ledger: The ledger.
        codes: The orders' codes.
        sent: Also read what was sent, which never changes.
    """
    rows = ledger.orders.held(codes)
    held = list(rows)
    if not held:
        return {}
    attempts = ledger.orders.attempts_of(held)
    slips = ledger.shipments.slips_by_code(held)
    tracked = ledger.shipments.tracked_by_code(held)
    cancellations = ledger.cancellations.of(held)
    compared = ledger.comparisons.of(held)
    facets = ledger.comparisons.sent(held) if sent else {}
    accepted = ledger.alerts.accepted_of(held)
    return {
        code: LedgerSide(
            row,
            tuple(attempts.get(code, ())),
            tuple(slips.get(code, ())),
            tracked.get(code),
            cancellations.get(code),
            compared.get(code),
            facets.get(code),
            tuple(accepted.get(code, ())),
        )
        for code, row in rows.items()
    }

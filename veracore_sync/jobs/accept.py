"""A person accepts what alerts report: the alerts end, and are opened again only by news."""

from __future__ import annotations

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.kinds import ACCEPTABLE, AlertKind
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.ports.ledger import Ledger

_LONGEST_REASON = 500


def accept(ledger: Ledger, name: str, reason: str) -> list[Alert]:
    """Accept the open alerts of an order, or (`name` is its kind) one that concerns no order.

    Args:
        reason: The person's, kept in the ledger and shown by ``stats --order``.

    Returns:
        The alerts that have ended by it.

    Raises:
        UsageError: There is no reason, no such order, or nothing to accept; nothing was changed.
    """
    why = " ".join(reason.split())[:_LONGEST_REASON]
    if not why:
        raise UsageError("an alert is accepted with a reason", hint='`--accept "why"`')
    row = ledger.orders.find(name)
    if row is None and name not in ACCEPTABLE:
        raise UsageError(
            f"the ledger holds no order {name}", hint="`veracore-sync stats` lists open alerts"
        )
    code = row.code if row is not None else None
    ended = ledger.alerts.accept(code, why, ACCEPTABLE if row is not None else [AlertKind(name)])
    if not ended:
        raise UsageError(
            f"{code or name} has no open alert that can be accepted",
            hint="`veracore-sync stats` lists open alerts; a parked order needs `retry` or "
            "`resolve --skip`, one in conflict `resolve`",
        )
    return ended

"""A person accepts what alerts report: the alerts end, and are opened again only by news."""

from __future__ import annotations

from veracore_sync.domain.advice import ACCEPT, command
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.kinds import ACCEPTABLE, AlertKind
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.jobs.reconcile.telling import accept_order
from veracore_sync.jobs.unknown_order import order_to_act_on
from veracore_sync.ports.ledger import Ledger

_LONGEST_REASON = 500
_DIFFERS = AlertKind.ORDER_DIFFERS


def accept(ledger: Ledger, name: str, reason: str) -> list[Alert]:
    """Accept the open alerts of an order, or (`name` is its kind) one that concerns no order.

    Args:
        reason: The person's, kept in the ledger and shown by ``stats --order``.

    Returns:
        The alerts that have ended by it; none if only untold differences were accepted.

    Raises:
        UsageError: There is no reason, no such order, or nothing to accept; nothing was changed.
    """
    why = " ".join(reason.split())[:_LONGEST_REASON]
    if not why:
        raise UsageError(
            "an alert is accepted with a reason",
            hint=f"say why: {command(ACCEPT, CODE=name)}",
        )
    row = order_to_act_on(ledger.orders, name) if ledger.orders.named(name) else None
    if row is None and name not in ACCEPTABLE:
        raise UsageError(
            f"the ledger holds no order {name}", hint="`veracore-sync stats` lists open alerts"
        )
    if row is None:
        code, differ = None, False
        ended = ledger.alerts.accept(None, why, [AlertKind(name)])
    else:
        code = row.code
        reported = [
            one for one in ledger.alerts.standing() if one.code == code and one.kind == _DIFFERS
        ]
        ended = reported + ledger.alerts.accept(code, why, ACCEPTABLE - {_DIFFERS})
        # What is accepted of them is kept with each; their alerts end by that.
        differ = bool(accept_order(ledger, code, why))
        for one in reported:
            # Also one whose difference is gone from the ledger, or it could never be ended.
            ledger.alerts.resolve(_DIFFERS, code=code, about=one.about.removeprefix(f"{code}:"))
    if not ended and not differ:
        raise UsageError(
            f"{code or name} has no open alert that can be accepted",
            hint="`veracore-sync stats` lists open alerts; a parked order is ended by "
            f"{command('retry CODE', CODE=name)} or {command('resolve CODE --skip', CODE=name)}",
        )
    return ended

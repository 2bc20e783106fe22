"""``retry``: failed and parked orders go back into the queue; orders in doubt are looked up now.

A failed or parked order with an attempt of unknown outcome is looked up too, before it may be sent
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import Applied, OrderState
from veracore_sync.jobs.orders.acts import LookUpNow, NotRetried, Requeue, decide_retry
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.ports.ledger import Ledger

RETRIED = (OrderState.FAILED, OrderState.PARKED, OrderState.IN_DOUBT, OrderState.SENDING)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a retry would do.

    `requeue` go back to pending, `look_up` are looked up now, `refused` stay as they are, each with
    the reason.
    """

    requeue: tuple[OrderRow, ...] = ()
    look_up: tuple[OrderRow, ...] = ()
    refused: tuple[tuple[OrderRow, str], ...] = field(default=())


def plan(ledger: Ledger, names: Sequence[str], *, every: bool, error_class: str | None) -> Plan:
    """Choose the orders; changes nothing.

    Args:
        names: Order codes, Vendure ids or VeraCore ids.
        every: All orders that are failed, parked or in doubt.
        error_class: Only orders with this class of failure.

    Raises:
        UsageError: No order was named, or the ledger does not know it.
    """
    if not names and not every and error_class is None:
        raise UsageError(
            "name the orders to retry, or --all, or --class CLASS",
            hint="`veracore-sync stats --failed` lists them",
        )
    rows = [_find(ledger, name) for name in names] or ledger.orders.in_states(RETRIED)
    if error_class is not None:
        rows = [row for row in rows if row.error_class == error_class]
    decided = [(row, decide_retry(row, ledger.orders.attempts(row.code))) for row in rows]
    return Plan(
        requeue=tuple(row for row, act in decided if isinstance(act, Requeue)),
        look_up=tuple(row for row, act in decided if isinstance(act, LookUpNow)),
        refused=tuple((row, act.reason) for row, act in decided if isinstance(act, NotRetried)),
    )


def _find(ledger: Ledger, name: str) -> OrderRow:
    row = ledger.orders.find(name)
    if row is None:
        raise UsageError(
            f"the ledger holds no order {name}", hint="`veracore-sync stats --failed` lists them"
        )
    return row


def execute(
    chosen: Plan, ledger: Ledger, report: OrdersReport, doubts: DoubtResolver | None
) -> None:
    """Do what `plan` chose. The caller holds the job lock.

    Args:
        doubts: Looks up orders in doubt; ``None`` if there are none.

    Raises:
        UpstreamError: VeraCore cannot be asked; what was done until then is kept.
    """
    # The caller holds the job lock, so an order in `sending` was left there by a killed run.
    ledger.transitions.recover()
    for row in chosen.requeue:
        report.applied(row.code, ledger.transitions.requeue(row.code), "pending")
    for row, reason in chosen.refused:
        report.notify(f"{row.code}: {reason}")
    if doubts is not None:
        rows = [_in_doubt(ledger, row.code) for row in chosen.look_up]
        for row in rows:
            if row.state is not OrderState.IN_DOUBT:
                report.applied(row.code, Applied.LOST, row.state)
        doubts.settle([row for row in rows if row.state is OrderState.IN_DOUBT])


def _in_doubt(ledger: Ledger, code: str) -> OrderRow:
    """The order, put back in doubt if the outcome of an earlier attempt is unknown."""
    row = ledger.orders.held([code])[code]
    act = decide_retry(row, ledger.orders.attempts(code))
    if isinstance(act, LookUpNow) and act.doubt_of is not None:
        ledger.transitions.doubt_again(code, act.doubt_of)
        return ledger.orders.held([code])[code]
    return row

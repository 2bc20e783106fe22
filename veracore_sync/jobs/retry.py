"""``retry``: failed and parked orders go back into the queue; doubts are looked up now.

Also where an attempt of a failed or parked order never came to an end that is known: only a look-up
may lead to another send.
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

    `requeue` go back to pending, `look_up` are looked up now, `refused` are not touched: each with
    the reason.
    """

    requeue: tuple[OrderRow, ...] = ()
    look_up: tuple[OrderRow, ...] = ()
    refused: tuple[tuple[OrderRow, str], ...] = field(default=())


def plan(ledger: Ledger, names: Sequence[str], *, every: bool, error_class: str | None) -> Plan:
    """Choose the orders; changes nothing.

    Args:
        ledger: Where they are.
        names: Order codes, Vendure ids or VeraCore ids.
        every: All that are failed, parked or in doubt.
        error_class: Only those with this class of failure.

    Raises:
        UsageError: Nothing was named, or the ledger does not hold it.
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
        chosen: The plan.
        ledger: Where it is written.
        report: Records what became of each order.
        doubts: Looks orders in doubt up; ``None`` where there are none.

    Raises:
        UpstreamError: VeraCore cannot be asked; what was done until then is kept.
    """
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
    """The order, in doubt also where it is an earlier attempt whose end nobody knows."""
    row = ledger.orders.held([code])[code]
    act = decide_retry(row, ledger.orders.attempts(code))
    if isinstance(act, LookUpNow) and act.doubt_of is not None:
        ledger.transitions.doubt_again(code, act.doubt_of)
        return ledger.orders.held([code])[code]
    return row

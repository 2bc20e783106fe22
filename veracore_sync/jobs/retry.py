"""``retry``: failed and parked orders go back into the queue; orders in doubt are looked up now.

A failed or parked order with an attempt of unknown outcome is looked up too, before it may be sent
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import LOST_RACE, Applied, OrderState
from veracore_sync.jobs.orders.acts import LookUpNow, NotRetried, Requeue, decide_retry
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.reasons import HERE, Why
from veracore_sync.jobs.unknown_order import order_to_act_on
from veracore_sync.ports.ledger import Ledger

_SEND = (
    "the next run sends it, unless the shop has cancelled it; "
    f"at once: `veracore-sync sync-orders --order {HERE}`"
)
_LOOK_UP = f"`veracore-sync retry {HERE}` looks it up"
_NOT_REACHED = "VeraCore did not answer, or another run had changed the order"

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
    rows = [order_to_act_on(ledger.orders, name) for name in names] or ledger.orders.in_states(
        RETRIED
    )
    if error_class is not None:
        rows = [row for row in rows if row.error_class == error_class]
    decided = [(row, decide_retry(row, ledger.orders.attempts(row.code))) for row in rows]
    return Plan(
        requeue=tuple(row for row, act in decided if isinstance(act, Requeue)),
        look_up=tuple(row for row, act in decided if isinstance(act, LookUpNow)),
        refused=tuple((row, act.reason) for row, act in decided if isinstance(act, NotRetried)),
    )


def explain(chosen: Plan, ledger: Ledger, report: OrdersReport, *, dry_run: bool) -> None:
    """Say of each order what was done, or would be, and why.

    Args:
        report: Has what `execute` did.
    """
    reasons, outcomes = report.reasons, report.outcomes
    for row in chosen.requeue:
        what = "would be queued again" if dry_run else "queued again"
        was = f"it was {STATE_LABELS[row.state]}" + (
            f": {row.error_message}" if row.error_message else ""
        )
        if not dry_run and row.code not in outcomes:
            what, was = "not queued again", LOST_RACE
        reasons.add(Why(what, was, _SEND), row.code)
    held = ledger.orders.held([row.code for row in chosen.look_up])
    for row in chosen.look_up:
        if dry_run:
            reasons.add(Why("would be looked up at VeraCore", "", _LOOK_UP), row.code)
        elif row.code not in report.found:
            reasons.add(Why("not looked up", _NOT_REACHED, _LOOK_UP), row.code)
        else:
            state = STATE_LABELS[held[row.code].state]
            todo = _SEND if held[row.code].state is OrderState.PENDING else ""
            if held[row.code].state is OrderState.IN_DOUBT:
                todo = "nothing to do: every run of sync-orders looks it up"
            still = "still" if held[row.code].state is row.state else "now"
            reasons.add(Why(f"looked up, {still} {state}", report.found[row.code], todo), row.code)
    for row, why in chosen.refused:
        reasons.add(Why("not retried", why), row.code)


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
        report.notify_once(f"{row.code}: {reason}")
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

"""``retry``: failed and parked orders go back into the queue; doubts are looked up now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veracore_sync.errors import UsageError
from veracore_sync.jobs.orders.doubts import Doubts
from veracore_sync.jobs.orders.result import OrdersResult
from veracore_sync.ledger import Ledger, OrderRow

RETRIED = ("failed", "parked", "in_doubt")


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
    return Plan(
        requeue=tuple(row for row in rows if row.state in ("failed", "parked")),
        look_up=tuple(row for row in rows if row.state == "in_doubt"),
        refused=tuple((row, _why_not(row)) for row in rows if row.state not in RETRIED),
    )


def _find(ledger: Ledger, name: str) -> OrderRow:
    row = ledger.orders.find(name)
    if row is None:
        raise UsageError(
            f"the ledger holds no order {name}", hint="`veracore-sync stats --failed` lists them"
        )
    return row


def _why_not(row: OrderRow) -> str:
    if row.state == "conflict":
        return "it is in conflict: a person decides with `veracore-sync resolve`"
    if row.state in ("synced", "shipped", "cancelled"):
        return (
            f"it is {row.state}: sending it again would ship it twice; "
            "`veracore-sync resolve` knows the ways out"
        )
    if row.state == "skipped":
        return "it is skipped: `veracore-sync stats --order` says why"
    return f"it is {row.state}: the next run takes it up by itself"


def execute(chosen: Plan, ledger: Ledger, doubts: Doubts | None) -> OrdersResult:
    """Do what `plan` chose. The caller holds the job lock.

    Args:
        chosen: The plan.
        ledger: Where it is written.
        doubts: Looks orders in doubt up; ``None`` where there are none.

    Raises:
        UpstreamError: VeraCore cannot be asked; what was done until then is kept.
    """
    result = OrdersResult()
    for row in chosen.requeue:
        ledger.moves.requeue(row.code)
        result.note(row.code, "pending")
    for row, reason in chosen.refused:
        result.tell(f"{row.code}: {reason}")
    if doubts is not None:
        doubts.settle(chosen.look_up, result)
    return result

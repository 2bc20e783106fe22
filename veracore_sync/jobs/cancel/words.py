"""What is reported of an order that the shop cancelled after it went to VeraCore."""

from __future__ import annotations

from veracore_sync.domain.advice import command
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import CancelState, OrderState
from veracore_sync.jobs.kernel import ReportT, RunContext

FORBIDDEN = "cancel.forbidden_at"
"""When VeraCore said that this account may not cancel; empty: it may, as far as is known."""
_CANCELLED = "it was cancelled in the shop after it went to VeraCore: "
_FAILED = (CancelState.TOO_LATE, CancelState.REFUSED)


def standing(context: RunContext[ReportT]) -> list[str]:
    """The codes of the orders whose cancellation in the shop is a standing alert."""
    kind = AlertKind.ORDER_CANCELLED_IN_SHOP
    return [one.code for one in context.ledger.alerts.standing() if one.kind == kind and one.code]


def asks_by_itself(context: RunContext[ReportT], code: str) -> bool:
    """Whether the next run asks VeraCore to cancel what the shop cancelled."""
    is_auto = context.settings.orders.cancel == "auto" and _can_ask(context, code)
    return is_auto and not context.ledger.meta.get(FORBIDDEN) and not _failure(context, code)


def cancelled_in_shop(context: RunContext[ReportT], code: str) -> str:
    """The alert's sentence, with what ends it."""
    if failure := _failure(context, code):
        return failure
    if asks_by_itself(context, code):
        return f"{_CANCELLED}VeraCore is asked to cancel it, and it ships if that is too late"
    if context.settings.orders.cancel != "off" and _can_ask(context, code):
        return (
            f"{_CANCELLED}run {command('cancel CODE', CODE=code)}, or cancel it there by hand, "
            "or it will ship"
        )
    return f"{_CANCELLED}cancel it there too, or it will ship"


def not_permitted(code: str, said: str = "") -> str:
    """What is reported where this account may not ask; `said`: the answer, if about this order."""
    answer = f' ("{said}")' if said else ""
    return (
        f"this web service user may not use CancelOrder at VeraCore{answer}: have the permission "
        f"added, then run {command('cancel CODE', CODE=code)}; or cancel it at VeraCore by hand, "
        "or it ships"
    )


def _can_ask(context: RunContext[ReportT], code: str) -> bool:
    order = context.ledger.orders.get(code)
    # In conflict: a person decides first what VeraCore has under the order's id.
    is_in_conflict = order is not None and order.state == OrderState.CONFLICT
    return context.warehouse.capabilities.can_cancel and not is_in_conflict


def _failure(context: RunContext[ReportT], code: str) -> str | None:
    """Why VeraCore did not cancel the order, once that is known: it is not asked again."""
    wish, order = context.ledger.cancellations.get(code), context.ledger.orders.get(code)
    if wish is None or order is None or wish.veracore_id != order.veracore_id:
        return None
    return wish.message if wish.state in _FAILED else None

"""Which states follow which, and on what condition: Vendure's default processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from veracore_sync.sandbox.shop_prices import total_with_tax
from veracore_sync.sandbox.shop_records import FulfilledLine, Order

_FULFILLING = ("PartiallyDelivered", "Delivered", "PartiallyShipped", "Shipped")
_RESUMED = ("PaymentAuthorized", "PaymentSettled", "PartiallyShipped", "Shipped")

ORDER_STATES: dict[str, tuple[str, ...]] = {
    "Created": ("AddingItems", "Draft"),
    "Draft": ("Cancelled", "ArrangingPayment"),
    "AddingItems": ("ArrangingPayment", "Cancelled"),
    "ArrangingPayment": ("PaymentAuthorized", "PaymentSettled", "AddingItems", "Cancelled"),
    "PaymentAuthorized": ("PaymentSettled", "Cancelled", "Modifying", "ArrangingAdditionalPayment"),
    "PaymentSettled": (*_FULFILLING, "Cancelled", "Modifying", "ArrangingAdditionalPayment"),
    "PartiallyShipped": ("Shipped", "PartiallyDelivered", "Cancelled", "Modifying"),
    "Shipped": ("PartiallyDelivered", "Delivered", "Cancelled", "Modifying"),
    "PartiallyDelivered": ("Delivered", "Cancelled", "Modifying"),
    "Delivered": ("Cancelled",),
    "Modifying": (*_RESUMED, "PartiallyDelivered", "ArrangingAdditionalPayment"),
    "ArrangingAdditionalPayment": (*_RESUMED, "PartiallyDelivered", "Cancelled"),
    "Cancelled": (),
}
FULFILMENT_STATES: dict[str, tuple[str, ...]] = {
    "Created": ("Pending",),
    "Pending": ("Shipped", "Delivered", "Cancelled"),
    "Shipped": ("Delivered", "Cancelled"),
    "Delivered": ("Cancelled",),
    "Cancelled": (),
}
PAYMENT_STATES: dict[str, tuple[str, ...]] = {
    "Created": ("Authorized", "Settled", "Declined", "Error", "Cancelled"),
    "Authorized": ("Settled", "Error", "Cancelled"),
    "Settled": ("Cancelled",),
    "Declined": ("Cancelled",),
    "Error": ("Cancelled",),
    "Cancelled": (),
}
_DEAD_PAYMENTS = ("Error", "Declined", "Cancelled")


def covered(order: Order, *states: str) -> int:
    """The minor units that payments in these states (none: all live ones) cover, less refunds."""
    live = (
        payment
        for payment in order.payments
        if (payment.state in states if states else payment.state not in _DEAD_PAYMENTS)
    )
    return sum(
        payment.amount - sum(one.total for one in payment.refunds if one.state == "Settled")
        for payment in live
    )


def objection(order: Order, to_state: str) -> str | None:
    """Why an order may not be brought to a state, in Vendure's words; None: it may."""
    if to_state not in ORDER_STATES[order.state]:
        return f'Cannot transition Order from "{order.state}" to "{to_state}"'
    return (
        _modification_objection(order, to_state)
        or _payment_objection(order, to_state)
        or _line_objection(order, to_state)
    )


def _modification_objection(order: Order, to_state: str) -> str | None:
    unsettled = any(not one.settled for one in order.modifications)
    if order.state == "Modifying" and to_state == "ArrangingAdditionalPayment":
        if order.modifications and not unsettled:
            return (
                'Cannot transition Order to the "ArrangingAdditionalPayment" state '
                "as no additional payments are needed"
            )
    elif order.state == "Modifying" and unsettled:
        return 'Can only transition to the "ArrangingAdditionalPayment" state'
    unpaid = total_with_tax(order) > covered(order)
    if order.state == "ArrangingAdditionalPayment" and to_state != "Cancelled" and unpaid:
        return (
            'Cannot transition away from "ArrangingAdditionalPayment" '
            "unless Order total is covered by Payments"
        )
    return None


def _payment_objection(order: Order, to_state: str) -> str | None:
    due = total_with_tax(order)
    if to_state == "PaymentAuthorized":
        authorised = any(payment.state == "Authorized" for payment in order.payments)
        if not authorised or covered(order, "Authorized", "Settled") < due:
            return _uncovered(to_state, "authorized")
    if to_state == "PaymentSettled" and covered(order, "Settled") < due:
        return _uncovered(to_state, "settled")
    return None


def _uncovered(state: str, kind: str) -> str:
    return (
        f'Cannot transition Order to the "{state}" state '
        f"when the total is not covered by {kind} Payments"
    )


def _line_objection(order: Order, to_state: str) -> str | None:
    cart = order.state in ("AddingItems", "ArrangingPayment")
    if to_state == "Cancelled" and not cart and not all_cancelled(order):
        return _unless(to_state, "all", "cancelled")
    word = {"PartiallyShipped": "Shipped", "PartiallyDelivered": "Delivered"}.get(to_state)
    if word and not partly(order, word):
        return _unless(to_state, "some", word.lower())
    if to_state in ("Shipped", "Delivered") and not wholly(order, to_state):
        return _unless(to_state, "all", to_state.lower())
    return None


def _unless(state: str, how_many: str, what: str) -> str:
    items = "OrderItems"
    return f'Cannot transition Order to the "{state}" state unless {how_many} {items} are {what}'


def all_cancelled(order: Order) -> bool:
    """Whether no unit is left in any line."""
    return all(line.quantity == 0 for line in order.lines)


def wholly(order: Order, state: str) -> bool:
    """Whether all that is left of the order is in fulfilments in that state."""
    return _line_states(order) <= {state} and not _units_missing(order)


def partly(order: Order, state: str) -> bool:
    """Whether some of the order, but not all, is in fulfilments in that state."""
    states = _line_states(order)
    return state in states and (states != {state} or _units_missing(order))


def live_lines(order: Order) -> Iterator[FulfilledLine]:
    """The lines of all fulfilments that were not cancelled."""
    return (part for one in order.fulfilments if one.live for part in one.lines)


def _line_states(order: Order) -> set[str | None]:
    """The states of the fulfilments of the lines; None for a line without one."""
    found: dict[str, set[str | None]] = {line.id: set() for line in order.lines if line.quantity}
    units = Counter[str]()
    for part in live_lines(order):
        units[part.line.id] += part.quantity
        if part.line.id in found:
            found[part.line.id].add(part.fulfilment.state)
    states = (found[id] if units[id] > 0 else {None} for id in found)
    return set().union(*states)


def _units_missing(order: Order) -> bool:
    """Whether a line that is in some fulfilment has units that are in none."""
    units = Counter[str]()
    for part in live_lines(order):
        units[part.line.id] += part.quantity
    return any(line.id in units and line.quantity > units[line.id] for line in order.lines)

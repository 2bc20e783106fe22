"""Goods that come back, as the control surface puts them in and shows them."""

from __future__ import annotations

from typing import Any

from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.form import Form
from veracore_sync.sandbox.records import Order, Return, sku_key
from veracore_sync.sandbox.warehouse import RETURN_TO_STOCK


def returned_goods(form: Form, order: Order, at: str) -> list[Return]:
    """What the lines of a control document bring back, from the oldest slips first.

    Raises:
        BadInput: A line is none, or brings back more than was shipped.
    """
    left = order.returnable()
    returns: list[Return] = []
    for index, line in enumerate(form.forms("lines", needed=True)):
        wanted = line.whole("quantity", least=1)
        sku = line.text("sku")
        words = line.text("reason", "", empty=True), line.text("disposition", RETURN_TO_STOCK)
        line.done()
        for slip, units in left:
            taken = min(wanted, units[sku_key(sku)])
            if taken:
                units[sku_key(sku)] -= taken
                wanted -= taken
                returns.append(Return(slip.number, order.spelling(sku_key(sku)), taken, at, *words))
        if wanted:
            message = f"{wanted} of {sku} more than were shipped and are not back"
            raise BadInput(f"lines[{index}].quantity", message)
    return returns


def return_document(one: Return) -> dict[str, Any]:
    """A return as JSON values."""
    return {
        "slip": str(one.slip),
        "sku": one.sku,
        "quantity": one.quantity,
        "reason": one.reason,
        "disposition": one.disposition,
        "returnedAt": one.at,
    }

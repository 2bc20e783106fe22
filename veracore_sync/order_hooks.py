"""Order hooks: code of yours that changes or refuses an order before it is sent.

A hook is a function, or any callable, that takes the shop's order and the order that would be
sent, and returns the order to send::

    from dataclasses import replace

    from veracore_sync.order_hooks import Order, RefuseOrder, WarehouseOrder


    def no_po_box(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        if "po box" in rendered.ship_to.address1.casefold():
            raise RefuseOrder("the carrier does not deliver to PO boxes")
        return replace(rendered, ship_comments="signature required")

A package offers it as an entry point of the group ``veracore_sync.order_hooks``; the setting
``orders.hooks`` names those that run, and in which order. docs/order-hooks.md says what a hook may
change, and has examples. Only what this module exports is stable; fields may be added to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from veracore_sync.domain.orders import Address, Customer, Order, OrderLine, ShippingLine
from veracore_sync.domain.warehouse import (
    Classification,
    Freight,
    Party,
    Variable,
    WarehouseLine,
    WarehouseOrder,
)

__all__ = [
    "Address",
    "Classification",
    "Customer",
    "Freight",
    "Order",
    "OrderHook",
    "OrderLine",
    "Party",
    "RefuseOrder",
    "ShippingLine",
    "Variable",
    "WarehouseLine",
    "WarehouseOrder",
    "add_line",
    "set_variable",
]


class RefuseOrder(Exception):
    """Raised by a hook: the order is not sent until the order, or the hook, is another.

    Args:
        reason: One sentence for the operator. It is stored and shown, so it must not repeat what
            the order holds: no name, no address, no message.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OrderHook(Protocol):
    """What an entry point of the group names: a function of an order, and of nothing else.

    The same order must give the same result, however often and whenever it is asked.
    """

    def __call__(self, order: Order, rendered: WarehouseOrder, /) -> WarehouseOrder:
        """The order to send.

        Args:
            order: The shop's order, with the custom fields and groups that the settings name.
            rendered: What would be sent, after the hooks before this one.

        Raises:
            RefuseOrder: It must not be sent.
        """


def set_variable(rendered: WarehouseOrder, name: str, value: str) -> WarehouseOrder:
    """`rendered` with this order variable, in the place of one with that name."""
    others = (one for one in rendered.variables if one.name.casefold() != name.casefold())
    return replace(rendered, variables=(*others, Variable(name, value)))


def add_line(rendered: WarehouseOrder, sku: str, quantity: int = 1) -> WarehouseOrder:
    """`rendered` with one more line, free of charge; ``orders.hook_skus`` must name its offer."""
    line = WarehouseLine(len(rendered.lines) + 1, sku, quantity, None)
    return replace(rendered, lines=(*rendered.lines, line))

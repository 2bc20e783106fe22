"""The fulfilments of a Vendure shop, as the port `ShopFulfilments`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from veracore_sync.domain.fulfilments import FulfilledOrder, Line
from veracore_sync.domain.shop_texts import code_text, note_text, short_text
from veracore_sync.domain.texts import marked, one_line
from veracore_sync.ports.shop_fulfilments import MutationRefused
from veracore_sync.vendure.channel import must_see_all_channels
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import (
    ADD_FULFILMENT,
    CANCEL_FULFILMENT,
    END_ORDER,
    NOTE_ORDER,
    READ_FULFILMENTS,
    READ_NOTES,
    SHIP_FULFILMENT,
    Document,
)
from veracore_sync.vendure.error_words import known_code, repeated
from veracore_sync.vendure.lists import by_code, incomplete
from veracore_sync.vendure.mapping import channels, fulfilments, in_order
from veracore_sync.vendure.node import Node

_CODES_A_REQUEST = 50
_NOTES_A_REQUEST = 50


class VendureFulfilments:
    """The fulfilments of one shop.

    Args:
        client: Of its Admin API.
        reads_channels: Also read the orders' channels.
    """

    def __init__(self, client: Client, *, reads_channels: bool = False) -> None:
        self._client = client
        self._reads = READ_FULFILMENTS.with_channels() if reads_channels else READ_FULFILMENTS

    def orders(self, codes: Sequence[str]) -> dict[str, FulfilledOrder]:
        """These orders by code; see the port."""
        found: dict[str, FulfilledOrder] = {}
        # An order missing here would look as if it had no fulfilments, and be fulfilled twice.
        for root, items in by_code(self._client, self._reads, codes, _CODES_A_REQUEST):
            must_see_all_channels(root)
            found.update((order.code, order) for order in map(_order, items))
        return found

    def add(
        self, lines: Mapping[str, int], *, handler: str, method: str, tracking_code: str
    ) -> str:
        """Make a fulfilment; see the port."""
        # Without `method` Vendure fails with a database error (docs/vendure.md).
        arguments = {"method": short_text(method), "trackingCode": code_text(tracking_code)}
        given = {
            "lines": [{"orderLineId": id, "quantity": units} for id, units in lines.items()],
            "handler": {
                "code": handler,
                "arguments": [{"name": name, "value": value} for name, value in arguments.items()],
            },
        }
        made = self._outcome(
            ADD_FULFILMENT, {"input": given}, "addFulfillmentToOrder", "Fulfillment"
        )
        return made.text("id")

    def ship(self, fulfilment_id: str) -> None:
        """Bring a fulfilment to Shipped; see the port."""
        name = "transitionFulfillmentToState"
        self._outcome(SHIP_FULFILMENT, {"id": fulfilment_id}, name, "Fulfillment")

    def cancel(self, fulfilment_id: str) -> None:
        """Cancel a fulfilment; see the port."""
        name = "transitionFulfillmentToState"
        self._outcome(CANCEL_FULFILMENT, {"id": fulfilment_id}, name, "Fulfillment")

    def end(self, order_id: str) -> None:
        """Bring an order to Shipped; see the port."""
        self._outcome(END_ORDER, {"id": order_id}, "transitionOrderToState", "Order")

    def notes(self, order_id: str) -> Iterator[str]:
        """The private notes in the order's history, newest first; see the port."""
        seen = 0

        def variables(take: int) -> dict[str, Any]:
            return {"id": order_id, "skip": seen, "take": take}

        while True:
            data, _ = self._client.listed(READ_NOTES, _NOTES_A_REQUEST, variables)
            order = Node(data).node_or_none("order")
            history = order.node("history") if order else None
            items = history.nodes("items") if history else []
            for item in items:
                yield item.node("data").text_or_empty("note")
            seen += len(items)
            if history is None or seen >= history.integer("totalItems"):
                return
            if not items:
                # A note that is overlooked here would be written a second time.
                raise incomplete("notes")

    def note(self, order_id: str, text: str) -> None:
        """Write a private note into the order's history; see the port."""
        given = {"id": order_id, "note": note_text(text), "isPublic": False}
        self._client.execute(NOTE_ORDER, {"input": given}, mutation=True)

    def _outcome(
        self, document: Document, variables: Mapping[str, Any], name: str, wanted: str
    ) -> Node:
        outcome = Node(self._client.execute(document, variables, mutation=True)).node(name)
        if outcome.text("__typename") == wanted:
            return outcome
        variant = outcome.fields.get("productVariantId")
        said = (
            _words(outcome, "transitionError")
            or _words(outcome, "fulfillmentHandlerError")
            or _words(outcome, "message")
        )
        raise MutationRefused(
            known_code(_words(outcome, "errorCode")),
            repeated("", said),
            marked(variant) if isinstance(variant, str) else "",
        )


def _words(outcome: Node, name: str) -> str:
    value = outcome.fields.get(name)
    return one_line(value) if isinstance(value, str) else ""


def _order(node: Node) -> FulfilledOrder:
    return FulfilledOrder(
        id=node.text("id"),
        code=node.text("code"),
        state=node.text("state"),
        type=node.text("type"),
        # Units are allotted to lines in a fixed order.
        lines=in_order(_line(line) for line in node.nodes("lines")),
        fulfilments=fulfilments(node),
        placed_at=node.moment_or_none("orderPlacedAt"),
        channels=channels(node),
    )


def _line(node: Node) -> Line:
    variant = node.node("productVariant")
    return Line(node.text("id"), variant.text("id"), variant.text("sku"), node.integer("quantity"))

"""The GraphQL documents, one file each, checked against Vendure's schema by a test.

Each document holds one operation, named as the messages name it, and the fragments that it uses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

# The line that opens the operation's selection; a fragment's comes after it.
_OPENS = re.compile(r"^(query .*|\)) \{\n", re.MULTILINE)

# A field that every document with orders asks for, in its operation or in the first fragment.
_TYPE = re.compile(r"^( +)type\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """A GraphQL document: its operation's name, its text, and the permission its role needs."""

    operation: str
    text: str
    permission: str = ""

    def with_custom_fields(self, names: Sequence[str]) -> Document:
        """The document with these custom fields of the order in its selection."""
        if not names:
            return self
        return self._of_order(f"customFields {{ {' '.join(names)} }}")

    def with_order_fields(self) -> Document:
        """The document with the shop's custom fields of the order: name, kind, and whether a list.

        Not `entityCustomFields`: that leaves out fields which the dashboard does not show.
        """
        place = "      moneyStrategyPrecision\n"
        fields = "customFieldConfig { Order { ... on CustomField { name type list } } }"
        asked = f"{place}      {fields}\n"
        return Document(self.operation, self.text.replace(place, asked, 1), self.permission)

    def with_field_permissions(self) -> Document:
        """The document with the permissions that the shop's custom fields need."""
        place = "    serverConfig {\n"
        fields = "customFields { ... on CustomField { name requiresPermission } }"
        asked = f"{place}      entityCustomFields {{ entityName {fields} }}\n"
        return Document(self.operation, self.text.replace(place, asked, 1), self.permission)

    def with_groups(self) -> Document:
        """The document with the groups of each order's customer."""
        place = "        emailAddress\n"
        asked = f"{place}        groups {{ name }}\n"
        return Document(self.operation, self.text.replace(place, asked, 1), self.permission)

    def with_parts(self) -> Document:
        """The document with the codes of an order's Aggregate and of its Seller orders."""
        return self._of_order("aggregateOrder { code } sellerOrders { code }")

    def with_channels(self) -> Document:
        """The document with the channels of each order, and how many of them we may see."""
        text = self._of_order("channels { code }").text
        asked = (
            "\\g<0>  me { channels { code } }\n  channels(options: { take: 1 }) { totalItems }\n"
        )
        permission = f"{self.permission} and ReadChannel (an API key shows no channels)"
        return Document(self.operation, _OPENS.sub(asked, text, count=1), permission)

    def with_channel(self) -> Document:
        """The query with the channel that it is answered in."""
        # Under its own name it becomes one field with the one that some documents have already.
        asked = "\\g<0>  activeChannel { code token }\n"
        return Document(self.operation, _OPENS.sub(asked, self.text, count=1), self.permission)

    def _of_order(self, asked: str) -> Document:
        """The document with more of each order."""
        text = _TYPE.sub(rf"\g<0>\g<1>{asked}\n", self.text, count=1)
        return Document(self.operation, text, self.permission)


def _load(
    file_name: str, operation: str, permission: str = "", *, fragments: tuple[str, ...] = ()
) -> Document:
    return Document(operation, "\n".join(map(_text, (file_name, *fragments))), permission)


def _text(file_name: str) -> str:
    return files(__name__).joinpath(file_name).read_text("utf-8")


_CONTENT = ("fragment_content.graphql", "fragment_postal.graphql")
_FULFILMENTS = ("fragment_fulfilments.graphql",)

LOGIN = _load("login.graphql", "Login")
POLL_ORDERS = _load("poll_orders.graphql", "PollOrders", "ReadOrder")
LIST_ORDERS = _load("list_orders.graphql", "ListOrders", "ReadOrder")
NAME_ORDERS = _load("name_orders.graphql", "NameOrders", "ReadOrder")
READ_ORDERS = _load("read_orders.graphql", "ReadOrders", "ReadOrder", fragments=_CONTENT)
COMPARE_ORDERS = _load("compare_orders.graphql", "CompareOrders", "ReadOrder", fragments=_CONTENT)
READ_WHOLE_ORDERS = _load(
    "read_whole_orders.graphql",
    "ReadWholeOrders",
    "ReadOrder",
    fragments=(*_CONTENT, *_FULFILMENTS),
)
READ_STOCK_DEFAULTS = _load("read_stock_defaults.graphql", "ReadStockDefaults")
READ_LOCATIONS = _load("read_locations.graphql", "ReadLocations", "ReadStockLocation")
LIST_LOCATIONS = _load("list_locations.graphql", "ListLocations", "ReadStockLocation")
READ_VARIANTS = _load("read_variants.graphql", "ReadVariants", "ReadCatalog")
LIST_VARIANTS = _load("list_variants.graphql", "ListVariants", "ReadCatalog")
READ_OPEN_ORDERS = _load("read_open_orders.graphql", "ReadOpenOrders", "ReadOrder")
READ_MOVEMENTS = _load("read_movements.graphql", "ReadMovements", "ReadCatalog")
READ_MOMENTS = _load("read_moments.graphql", "ReadMoments", "ReadOrder")
SET_STOCK = _load("set_stock.graphql", "SetStock", "UpdateCatalog")
READ_FULFILMENTS = _load(
    "read_fulfilments.graphql", "ReadFulfilments", "ReadOrder", fragments=_FULFILMENTS
)
ADD_FULFILMENT = _load("add_fulfilment.graphql", "AddFulfilment", "UpdateOrder")
SHIP_FULFILMENT = _load("ship_fulfilment.graphql", "ShipFulfilment", "UpdateOrder")
CANCEL_FULFILMENT = _load("cancel_fulfilment.graphql", "CancelFulfilment", "UpdateOrder")
END_ORDER = _load("end_order.graphql", "EndOrder", "UpdateOrder")
NOTE_ORDER = _load("note_order.graphql", "NoteOrder", "UpdateOrder")
READ_NOTES = _load("read_notes.graphql", "ReadNotes", "ReadOrder")
READ_CHANNEL = _load("read_channel.graphql", "ReadChannel")
READ_ACCESS = _load("read_access.graphql", "ReadAccess")
READ_FEATURES = _load("read_features.graphql", "ReadFeatures")
READ_PROCESS = _load("read_process.graphql", "ReadProcess", "ReadOrder")
READ_SHIPPING_METHODS = _load(
    "read_shipping_methods.graphql", "ReadShippingMethods", "ReadShippingMethod"
)

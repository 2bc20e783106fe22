"""Reading an `AddOrder` as leniently, and as strictly, as docs/wire.md shows (§3.1 to §3.6).

Elements may come in any order and unknown ones are ignored; one outside the namespace of the
service is unknown. A number or date that is none cannot be deserialised at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.behaviour import Behaviour
from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.warehouse import World

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_FLAG = re.compile("true|false|1|0")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_PERSON = [
    "FirstName",
    "LastName",
    "CompanyName",
    "Address1",
    "Address2",
    "Address3",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Phone",
    "Fax",
    "Email",
    "UID",
]


class Refused(Exception):
    """The order is not taken; the message is VeraCore's, as far as it is known."""


class Unreadable(Exception):
    """A value does not have the type that the service description gives it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads elements of one namespace, by paths such as ``Header/ID``."""

    namespace: str

    def one(self, element: Element | None, path: str) -> Element | None:
        """The first element at the path."""
        return next(iter(self.all(element, path)), None)

    def all(self, element: Element | None, path: str) -> list[Element]:
        """Every element at the path."""
        if element is None:
            return []
        steps = "/".join(f"{{{self.namespace}}}{step}" for step in path.split("/"))
        return element.findall(steps)

    def text(self, element: Element | None, path: str) -> str:
        """Its text without outer blanks; empty where it is missing."""
        found = self.one(element, path)
        return (found.text or "").strip() if found is not None else ""

    def number(self, element: Element | None, path: str) -> Decimal | None:
        """Its decimal number; None where it is missing or nil.

        Raises:
            Unreadable: It is not a number.
        """
        text = self._typed(element, path, _DECIMAL, "Input string was not in a correct format.")
        return None if text is None else Decimal(text)

    def whole(self, element: Element | None, path: str) -> int | None:
        """Its whole number; None where it is missing or nil.

        Raises:
            Unreadable: It is not one, or has more than 32 bits.
        """
        text = self._typed(element, path, _WHOLE, "Input string was not in a correct format.")
        if text is not None and abs(int(text)) >= 2**31:
            raise Unreadable("Value was either too large or too small for an Int32.")
        return None if text is None else int(text)

    def flag(self, element: Element | None, path: str) -> bool:
        """Whether it is true; false where it is missing or nil.

        Raises:
            Unreadable: It is not a boolean.
        """
        text = self._typed(element, path, _FLAG, "The string is not a valid Boolean value.")
        return text in ("true", "1")

    def moment(self, element: Element | None, path: str, zone: ZoneInfo) -> datetime | None:
        """Its time in `zone`, aware; one without an offset is local there. None if missing.

        Raises:
            Unreadable: It is not a date or time.
        """
        complaint = "The string is not a valid AllXsd value."
        text = self._typed(element, path, _MOMENT, complaint)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        except (ValueError, OverflowError) as error:
            raise Unreadable(complaint) from error

    def _typed(
        self, element: Element | None, path: str, shape: re.Pattern[str], complaint: str
    ) -> str | None:
        found = self.one(element, path)
        if found is None or found.get(_NIL) in ("true", "1"):
            return None
        text = (found.text or "").strip()
        if not shape.fullmatch(text):
            raise Unreadable(complaint)
        return text


def add_order(reader: Reader, document: Element, world: World) -> Order:
    """Take the order in.

    Raises:
        Unreadable: A value is not of its type.
        Refused: A rule of the warehouse is broken.
        AlreadyExists, UnknownSku: See `World.place`.
    """
    root = reader.one(document, "order")
    if root is None:
        raise Refused("Object reference not set to an instance of an object.")
    order = _order(reader, root, world)
    with world.lock:
        world.refuse_used(order.id)
        _check_set_up(reader, root, order, world.behaviour)
        _check_order(reader, root, order, world.behaviour)
        return world.place(order)


def _order(reader: Reader, root: Element, world: World) -> Order:
    entered = reader.moment(root, "Header/EntryDate", world.zone())
    released = reader.moment(root, "Shipping/ReleaseDate", world.zone())
    ordered_by = _person(reader, reader.one(root, "OrderedBy"))
    return Order(
        id=reader.text(root, "Header/ID"),
        sequence=0,
        dialect="oms",
        lines=[_line(reader, line) for line in reader.all(root, "Offers/OfferOrdered")],
        accepted_at=world.now().isoformat(),
        entered_at=entered.astimezone(UTC).isoformat() if entered else None,
        reference=reader.text(root, "Header/ReferenceNumber"),
        po_number=reader.text(root, "Header/PONumber"),
        comment=reader.text(root, "Header/Comments"),
        source=reader.text(root, "Classification/Source/Description"),
        campaign=reader.text(root, "Classification/CampaignID"),
        carrier=_freight(reader, root, "FreightCarrier/Name"),
        service=_freight(reader, root, "FreightService/Description"),
        shipping_option=reader.text(root, "Shipping/ShippingOption/Description"),
        handling_charge=str(reader.number(root, "Money/ShippingHandlingCharge") or 0),
        special_charge=str(reader.number(root, "Money/SpecialHandlingCharge") or 0),
        discount=str(reader.number(root, "Money/DiscountAmount") or 0),
        ship_comments=reader.text(root, "Shipping/ShipComments"),
        needed_by=reader.text(root, "Shipping/NeededBy"),
        release_date=released.astimezone(UTC).isoformat() if released else None,
        rush=reader.flag(root, "Shipping/Rush"),
        discount_code=reader.text(root, "Money/DiscountCode/ID"),
        variables=_variables(reader, root),
        ordered_by=ordered_by,
        ship_to=_party(reader, reader.one(root, "ShipTo/OrderShipTo"), ordered_by),
        bill_to=_party(reader, reader.one(root, "BillTo"), ordered_by),
    )


def _variables(reader: Reader, root: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in reader.all(root, "OrderVariables/OrderVariable"):
        reader.whole(one, "SeqID")
        found[reader.text(one, "VariableField/FieldName")] = reader.text(one, "Value")
    return found


def _line(reader: Reader, element: Element) -> Line:
    reader.whole(element, "LineNumber")
    return Line(
        sku=reader.text(element, "Offer/Header/ID"),
        quantity=reader.whole(element, "Quantity") or 0,
        price=str(reader.number(element, "UnitPrice") or 0),
    )


def _freight(reader: Reader, root: Element, path: str) -> str:
    return reader.text(root, f"Shipping/{path}") or reader.text(root, f"ShipTo/OrderShipTo/{path}")


def _person(reader: Reader, element: Element | None) -> dict[str, str]:
    return {name: reader.text(element, name) for name in _PERSON}


def _party(reader: Reader, element: Element | None, ordered_by: dict[str, str]) -> dict[str, str]:
    flag = reader.text(element, "Flag") or "Other"
    if flag not in ("Other", "OrderedBy", "DoNotUse", "ShipTo"):
        raise Unreadable(f"Instance validation error: '{flag}' is not a valid value for Flag.")
    return dict(ordered_by) if flag == "OrderedBy" else _person(reader, element)


def _check_set_up(reader: Reader, root: Element, order: Order, behaviour: Behaviour) -> None:
    if behaviour.sources is not None and not _known(order.source, behaviour.sources):
        raise Refused("Invalid Source")
    for name in order.variables:
        if behaviour.variables is not None and not _known(name, behaviour.variables):
            raise Refused(f"Invalid User Defined Field {name}")
    freight = (
        ("Freight Carrier", "FreightCarrier/Name", behaviour.carriers),
        ("Freight Service", "FreightService/Description", behaviour.services),
        ("Freight Code", "FreightCode", behaviour.freight_codes),
        ("Shipping Option", "ShippingOption/Description", behaviour.shipping_options),
        ("Shipping Option", "SpecialHandling/Description", behaviour.shipping_options),
    )
    for title, path, listed in freight:
        for place in ("Shipping", "ShipTo/OrderShipTo"):
            for element in reader.all(root, f"{place}/{path}"):
                value = (element.text or "").strip()
                if listed is not None and value and not _known(value, listed):
                    raise Refused(f"Invalid {title}")


def _known(value: str, listed: Iterable[str]) -> bool:
    return value.upper() in {one.upper() for one in listed}


def _check_order(reader: Reader, root: Element, order: Order, behaviour: Behaviour) -> None:
    if len(order.id) > behaviour.longest_id:
        raise Refused(f"Order ID can not be longer than {behaviour.longest_id} characters")
    if not order.lines:
        raise Refused("Order must have at least one Offer")
    ship_tos = reader.all(root, "ShipTo/OrderShipTo")
    for ship_to in ship_tos:
        party = _party(reader, ship_to, order.ordered_by)
        for field in ("Address1", "City") if behaviour.require_city else ("Address1",):
            if not party[field]:
                raise Refused(f"Ship To {field} is required")
    keys = {reader.text(ship_to, "Key") for ship_to in ship_tos} - {""}
    elements = reader.all(root, "Offers/OfferOrdered")
    for line, element in zip(order.lines, elements, strict=True):
        if not line.sku:
            raise Refused("Offer ID is required")
        if line.quantity <= 0:
            raise Refused(f"Offer {line.sku} must have a Quantity greater than zero")
        key = reader.text(element, "OrderShipTo/Key") or reader.text(element, "OrderShipToKey/Key")
        if key not in keys:
            raise Refused(f"Offer {line.sku} does not have a Ship To Key")

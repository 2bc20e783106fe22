"""Requests as XML, with elements in the order of the service's schema."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

from veracore_sync.domain.warehouse import Freight, Party, WarehouseLine, WarehouseOrder

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SHIP_TO_KEY = "1"
# XML 1.0 has no way to write these, not even escaped: one in an address would fail the whole order.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def envelope(
    namespace: str, user: str, password: str, fill: Callable[[ET.Element], object]
) -> bytes:
    """A SOAP 1.1 request with the authentication header in the service's namespace.

    Args:
        namespace: That of the face.
        user: The web service user.
        password: Its password.
        fill: Puts the operation into the body.
    """
    # Names have literal prefixes: ElementTree would invent prefixes of its own.
    root = ET.Element("soap:Envelope", {"xmlns:soap": ENVELOPE})
    header = ET.SubElement(ET.SubElement(root, "soap:Header"), "AuthenticationHeader")
    header.set("xmlns", namespace)
    _leaf(header, "Username", user)
    _leaf(header, "Password", password)
    fill(ET.SubElement(root, "soap:Body"))
    return _written(root)


def cancel_order(namespace: str, user: str, password: str, order_id: str) -> bytes:
    """``CancelOrder`` of the adjustment service: the credentials are in the body, no header."""
    root = ET.Element("soap:Envelope", {"xmlns:soap": ENVELOPE})
    element = operation(ET.SubElement(root, "soap:Body"), "CancelOrder", namespace)
    data = ET.SubElement(element, "OrderData")
    header = ET.SubElement(data, "AuthenticationHeader")
    _leaf(header, "Username", user)
    _leaf(header, "Password", password)
    _nested(data, ("CancelOrderWSObject", "OrderID"), order_id)
    return _written(root)


def operation(body: ET.Element, name: str, namespace: str, **arguments: str) -> ET.Element:
    """The operation's element with its plain arguments, in the order given."""
    element = ET.SubElement(body, name, {"xmlns": namespace})
    for argument, value in arguments.items():
        _leaf(element, argument, value)
    return element


def add_order(body: ET.Element, namespace: str, order: WarehouseOrder, zone: ZoneInfo) -> None:
    """``AddOrder``; `zone` is the warehouse's, whose local time ``EntryDate`` has."""
    element = ET.SubElement(operation(body, "AddOrder", namespace), "order")
    _header(element, order, zone)
    _classification(element, order)
    _shipping(element, order)
    _money(element, order)
    _variables(element, order)
    ordered_by = ET.Element("OrderedBy")
    _party(ordered_by, order.ordered_by)
    _append_if_filled(element, ordered_by)
    ship_to = ET.SubElement(ET.SubElement(element, "ShipTo"), "OrderShipTo")
    _party(ship_to, order.ship_to)
    # Flag OrderedBy without an address prints "SAME AS ORDERED BY" on the label (docs/wire.md 3.3).
    _leaf(ship_to, "Flag", "Other")
    _leaf(ship_to, "Key", SHIP_TO_KEY)
    _bill_to(element, order.bill_to)
    offers = ET.SubElement(element, "Offers")
    for line in order.lines:
        _line(offers, line)


def _header(order_element: ET.Element, order: WarehouseOrder, zone: ZoneInfo) -> None:
    header = ET.SubElement(order_element, "Header")
    _leaf(header, "ID", order.id)
    if order.placed_at is not None:
        # EntryDate has no offset and is the warehouse's local time (docs/wire.md 7).
        local = order.placed_at.astimezone(zone).replace(tzinfo=None)
        _leaf(header, "EntryDate", local.isoformat(timespec="seconds"))
    _leaf(header, "ReferenceNumber", order.reference)
    _leaf(header, "PONumber", order.po_number)
    _leaf(header, "Comments", order.comment)


def _classification(order_element: ET.Element, order: WarehouseOrder) -> None:
    classification = order.classification
    element = ET.Element("Classification")
    _nested(element, ("CampaignID",), classification.campaign)
    _nested(element, ("Source", "Description"), classification.source)
    _nested(element, ("CustomerProject", "ID"), classification.project)
    _nested(element, ("CustomerCode",), classification.customer_code)
    _append_if_filled(order_element, element)


def _shipping(order_element: ET.Element, order: WarehouseOrder) -> None:
    element = ET.Element("Shipping")
    freight = order.freight or Freight()
    _nested(element, ("FreightCarrier", "Name"), freight.carrier)
    _nested(element, ("FreightService", "Description"), freight.service)
    _nested(element, ("ShippingOption", "Description"), freight.shipping_option)
    _nested(element, ("FreightCode",), freight.code)
    _leaf(element, "ShipComments", order.ship_comments)
    if order.needed_by is not None:
        # A text in the schema: this form is read alike whatever the server's language is.
        _leaf(element, "NeededBy", order.needed_by.isoformat())
    if order.rush:
        _leaf(element, "Rush", "true")
    if order.release_date is not None:
        # A local time without an offset, as EntryDate.
        _leaf(element, "ReleaseDate", f"{order.release_date.isoformat()}T00:00:00")
    if freight.third_party_type is not None:
        _leaf(element, "ThirdPartyType", str(freight.third_party_type))
    _leaf(element, "ThirdAccountNumber", freight.third_party_account)
    _append_if_filled(order_element, element)


def _money(order_element: ET.Element, order: WarehouseOrder) -> None:
    element = ET.Element("Money")
    _nested(element, ("PriceClass", "Description"), order.classification.price_class)
    if order.shipping_charge is not None:
        _leaf(element, "ShippingHandlingCharge", plain(order.shipping_charge))
    extra = order.extra_charge
    if extra is not None and extra <= 0:
        _leaf(element, "DiscountAmount", plain(abs(extra)))
    _nested(element, ("DiscountCode", "ID"), order.discount_code)
    if extra is not None and extra > 0:
        _leaf(element, "SpecialHandlingCharge", plain(extra))
    _append_if_filled(order_element, element)


def _variables(order_element: ET.Element, order: WarehouseOrder) -> None:
    element = ET.Element("OrderVariables")
    for one in order.variables:
        variable = ET.Element("OrderVariable")
        _nested(variable, ("VariableField", "FieldName"), one.name)
        _leaf(variable, "Value", one.value)
        if len(variable) == 2:
            element.append(variable)
    _append_if_filled(order_element, element)


def _bill_to(order_element: ET.Element, party: Party | None) -> None:
    element = ET.SubElement(order_element, "BillTo")
    if party is not None:
        _party(element, party)
    _leaf(element, "Flag", "OrderedBy" if party is None else "Other")


def _party(element: ET.Element, party: Party) -> None:
    _leaf(element, "FirstName", party.first_name)
    _leaf(element, "LastName", party.last_name)
    _leaf(element, "CompanyName", party.company)
    _leaf(element, "Address1", party.address1)
    _leaf(element, "Address2", party.address2)
    _leaf(element, "City", party.city)
    _leaf(element, "State", party.state)
    _leaf(element, "PostalCode", party.postal_code)
    _leaf(element, "Country", party.country)
    _leaf(element, "Phone", party.phone)
    _leaf(element, "Email", party.email)


def _line(offers: ET.Element, line: WarehouseLine) -> None:
    element = ET.SubElement(offers, "OfferOrdered")
    _nested(element, ("Offer", "Header", "ID"), line.sku)
    _leaf(element, "Quantity", str(line.quantity))
    # A bare ShipToKey was refused by a live system (docs/wire.md 3.3).
    _nested(element, ("OrderShipTo", "Key"), SHIP_TO_KEY)
    if line.unit_price is not None:
        _leaf(element, "UnitPrice", plain(line.unit_price))
    _leaf(element, "LineNumber", str(line.number))


def plain(amount: Decimal) -> str:
    """The amount without an exponent, which XML Schema's decimal does not allow."""
    return f"{amount:f}"


def _written(root: ET.Element) -> bytes:
    # As text first: to bytes, ElementTree writes each of a hundred pieces through an encoder.
    content: str = ET.tostring(root, encoding="unicode")
    text = '<?xml version="1.0" encoding="utf-8"?>\n' + content
    return text.encode("utf-8", "xmlcharrefreplace")


def _leaf(parent: ET.Element, name: str, value: str) -> None:
    # Never an empty element: for a number or date it would be invalid, not null.
    legal = _ILLEGAL.sub("", value)
    if legal:
        ET.SubElement(parent, name).text = legal


def _nested(parent: ET.Element, path: tuple[str, ...], value: str) -> None:
    if not _ILLEGAL.sub("", value):
        return
    for name in path[:-1]:
        parent = ET.SubElement(parent, name)
    _leaf(parent, path[-1], value)


def _append_if_filled(parent: ET.Element, element: ET.Element) -> None:
    if len(element):
        parent.append(element)

"""A bare client of the sandbox and the request samples of docs/wire.md §9."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
ORDER_FACE = ("/pmomsws/order.asmx", "http://sma-promail/")
OMS_FACE = ("/pmomsws/oms.asmx", "http://omscom/")

LINE = """<OfferOrdered>
  <Offer><Header><ID>{sku}</ID></Header></Offer>
  <Quantity>{quantity}</Quantity>
  {key}
  <UnitPrice>{price}</UnitPrice>
</OfferOrdered>"""
OUR_KEY = "<OrderShipToKey><Key>1</Key></OrderShipToKey>"

SHIP_TO = """<ShipTo>
  <OrderShipTo>
    <FirstName>Pat</FirstName>
    <LastName>Example</LastName>
    <CompanyName>Example &amp; Co</CompanyName>
    <Address1>12 Sample Street</Address1>
    <Address2>Unit 4</Address2>
    <City>Austin</City>
    <State>TX</State>
    <PostalCode>78701</PostalCode>
    <Country>US</Country>
    <Phone>512-555-0100</Phone>
    <Flag>Other</Flag>
    <Key>1</Key>
  </OrderShipTo>
</ShipTo>"""

ADD_ORDER = """<AddOrder xmlns="{ns}">
  <order>
    <Header>
      <ID>{id}</ID>
      <EntryDate>2026-02-03T09:14:00</EntryDate>
      <ReferenceNumber>100234</ReferenceNumber>
      <PONumber>100234</PONumber>
      <Comments>Leave at side door</Comments>
    </Header>
    <Classification>
      <Source><Description>WEB</Description></Source>
    </Classification>
    <Shipping>
      <FreightCarrier><Name>UPS</Name></FreightCarrier>
      <FreightService><Description>Ground</Description></FreightService>
    </Shipping>
    <Money>
      <ShippingHandlingCharge>7.95</ShippingHandlingCharge>
    </Money>
    <OrderedBy>
      <FirstName>Pat</FirstName>
      <LastName>Example</LastName>
      <Address1>12 Sample Street</Address1>
      <City>Austin</City>
      <State>TX</State>
      <PostalCode>78701</PostalCode>
      <Country>US</Country>
      <Phone>512-555-0100</Phone>
      <Email>pat@example.com</Email>
    </OrderedBy>
    {ship_to}
    <BillTo>
      <Flag>OrderedBy</Flag>
    </BillTo>
    <Offers>{lines}</Offers>
  </order>
</AddOrder>"""

REST_ORDER: dict[str, Any] = {
    "CompanyId": "SANDBOX",
    "OrderNumber": "WEB-100234",
    "Customer": {"FirstName": "Pat", "LastName": "Example", "Email": "pat@example.com"},
    "ShippingAddress": {
        "Address1": "12 Sample Street",
        "Address2": "Unit 4",
        "City": "Austin",
        "State": "TX",
        "Zip": "78701",
        "Country": "US",
    },
    "Items": [
        {"SKU": "MUG-BLUE", "Quantity": 2, "UnitPrice": 12.5},
        {"SKU": "TEE-M", "Quantity": 1, "UnitPrice": 21},
    ],
}


def line(sku: str, quantity: object, price: str = "12.50", key: str = OUR_KEY) -> str:
    return LINE.format(sku=sku, quantity=quantity, price=price, key=key)


SAMPLE_LINES = line("MUG-BLUE", 2) + line("TEE-M", 1, "21.00")


def add_order(
    order_id: str = "WEB-100234",
    lines: str = SAMPLE_LINES,
    ns: str = ORDER_FACE[1],
    ship_to: str = SHIP_TO,
) -> str:
    return ADD_ORDER.format(id=order_id, lines=lines, ns=ns, ship_to=ship_to)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)

    def texts(self, name: str) -> list[str]:
        """The texts of all elements of that local name."""
        return [one.text or "" for one in self.xml().iter() if one.tag.endswith("}" + name)]

    def text(self, name: str) -> str:
        (text,) = self.texts(name)
        return text

    def fault(self) -> str:
        assert self.status == 500, self.body
        (found,) = [one.text or "" for one in self.xml().iter() if _is_reason(one.tag)]
        return found


def _is_reason(tag: str) -> bool:
    return tag == "faultstring" or tag == f"{{{SOAP_12}}}Text"


class Wire:
    """One request a connection, so that nothing of one test leaks into the next."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            content = answer.read()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, content)
        finally:
            connection.close()

    # ---- SOAP ----------------------------------------------------------------------------

    def soap(
        self,
        body: str,
        face: tuple[str, str] = ORDER_FACE,
        version: str = SOAP_11,
        login: tuple[str, str] = ("sandbox", "sandbox"),
        headers: dict[str, str] | None = None,
        timeout: float = 10,
        prologue: str = "",
    ) -> Reply:
        path, namespace = face
        kind = "text/xml" if version == SOAP_11 else "application/soap+xml"
        user, password = login
        envelope = f"""<?xml version="1.0" encoding="utf-8"?>{prologue}
<soap:Envelope xmlns:soap="{version}">
  <soap:Header>
    <AuthenticationHeader xmlns="{namespace}">
      <Username>{user}</Username>
      <Password>{password}</Password>
    </AuthenticationHeader>
  </soap:Header>
  <soap:Body>{body}</soap:Body>
</soap:Envelope>"""
        sent = {"Content-Type": f"{kind}; charset=utf-8", **(headers or {})}
        return self.send("POST", path, envelope.encode(), sent, timeout)

    def add_order(self, order_id: str = "WEB-100234", lines: str = SAMPLE_LINES) -> Reply:
        return self.soap(add_order(order_id, lines))

    def order_info(self, order_id: str = "WEB-100234") -> Reply:
        namespace = ORDER_FACE[1]
        return self.soap(
            f'<GetOrderInfo xmlns="{namespace}"><orderId>{order_id}</orderId></GetOrderInfo>'
        )

    def stock(self, pattern: str, owner: str = "SANDBOX") -> Reply:
        fields = f"<partNumber>{pattern}</partNumber><owner>{owner}</owner>"
        name = "GetProductAvailabilities"
        return self.soap(f'<{name} xmlns="{ORDER_FACE[1]}">{fields}</{name}>')

    def window(self, operation: str, start: str, end: str) -> Reply:
        fields = f"<StartDate>{start}</StartDate><EndDate>{end}</EndDate>"
        return self.soap(f'<{operation} xmlns="{ORDER_FACE[1]}">{fields}</{operation}>')

    # ---- rest ----------------------------------------------------------------------------

    def token(self, secret: str = "sandbox", base: str = "") -> Reply:
        login = base64.b64encode(f"sandbox:{secret}".encode()).decode()
        return self.send(
            "POST",
            f"{base}/api/token",
            b"grant_type=client_credentials&scope=api",
            {
                "Authorization": f"Basic {login}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )

    def rest(
        self, method: str, path: str, document: object = None, token: str | None = None
    ) -> Reply:
        if token is None:
            token = self.token().json()["access_token"]
        body = b"" if document is None else json.dumps(document).encode()
        return self.send(method, path, body, {"Authorization": f"Bearer {token}"})

    # ---- the control surface ---------------------------------------------------------------

    def see(self, name: str) -> list[dict[str, Any]]:
        reply = self.send("GET", f"/_sandbox/{name}")
        assert reply.status == 200
        return list(reply.json()[name])

    def control(self, name: str, document: object) -> Reply:
        return self.send("POST", f"/_sandbox/{name}", json.dumps(document).encode())

    def do(self, name: str, **fields: Any) -> dict[str, Any]:
        reply = self.control(name, fields)
        assert reply.status == 200, reply.body
        return dict(reply.json())

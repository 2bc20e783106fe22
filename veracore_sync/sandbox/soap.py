"""The `oms` dialect: both faces, both SOAP versions (docs/wire.md §1.3, §2.1, §3.6).

A request is routed by the first element of its body; SOAPAction is not looked at. Every fault is
HTTP 500. `?wsdl` returns the description of a face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from veracore_sync.sandbox import soap_answers, soap_catalogue, soap_order_info, soap_returns
from veracore_sync.sandbox.description import description
from veracore_sync.sandbox.exchange import (
    SYSTEM,
    UNREADABLE,
    USER,
    Answer,
    Call,
    Request,
    html_answer,
)
from veracore_sync.sandbox.soap_order import Reader, Refused, Unreadable, add_order
from veracore_sync.sandbox.soap_xml import leaf, tag
from veracore_sync.sandbox.warehouse import AlreadyExists, UnknownSku, World

FACES = {
    "/pmomsws/order.asmx": "http://sma-promail/",
    "/pmomsws/oms.asmx": "http://omscom/",
}
_SERVICES = {"http://sma-promail/": "Order", "http://omscom/": "OMS"}
_ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
_CONTENT_TYPES = {
    "1.1": "text/xml; charset=utf-8",
    "1.2": "application/soap+xml; charset=utf-8",
}
_LOGIN_REFUSED = "Invalid Username or Password"
_IN_DOCUMENT = "There is an error in XML document (1, 1)."
_UNLISTED = "Conversion overflowed while the moon was full"
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Service:
    """One call on one face, answered in one SOAP version."""

    world: World
    namespace: str
    version: str
    header: str = ""

    @property
    def reader(self) -> Reader:
        return Reader(self.namespace)

    def result(self, operation: str, content: str) -> Answer:
        name = f"{operation}Response"
        body = f'<{name} xmlns="{self.namespace}">{content}</{name}>'
        return self._envelope(200, body, self.header)

    def fault(self, operation: str, message: str) -> Answer:
        """A refusal by the application, in the text form that is switched on."""
        text = f"Server was unable to process request. ---> {message}"
        if self.world.behaviour.fault_text == "stack":
            text = (
                "System.Web.Services.Protocols.SoapException: Server was unable to process "
                f"request. ---> System.Exception: {message}\n"
                f"   at ProMail.WebServices.OrderService.{operation}(Object[] values)\n"
                "   --- End of inner exception stack trace ---"
            )
        return self._fault("Server", text)

    def client_fault(self, text: str) -> Answer:
        """A refusal by the SOAP machinery, before the application saw anything."""
        if self.world.behaviour.fault_text == "stack":
            text = f"System.Web.Services.Protocols.SoapException: {text}"
        return self._fault("Client", text)

    def _fault(self, side: str, text: str) -> Answer:
        text = escape(text)
        if self.version == "1.1":
            body = (
                f"<soap:Fault><faultcode>soap:{side}</faultcode>"
                f"<faultstring>{text}</faultstring><detail /></soap:Fault>"
            )
        else:
            code = {"Server": "Receiver", "Client": "Sender"}[side]
            body = (
                f"<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>"
                f'<soap:Reason><soap:Text xml:lang="en">{text}</soap:Text></soap:Reason>'
                "<soap:Detail /></soap:Fault>"
            )
        return self._envelope(500, body)

    def echoing(self, header: Element | None) -> _Service:
        """The same, with the debug header of a request in its answer (docs/wire.md §2.1).

        Raises:
            Unreadable: It is none.
        """
        debug = self.reader.one(header, "DebugHeader")
        if debug is None:
            return self
        fields = leaf("Debug", self.reader.flag(debug, "Debug"))
        fields += leaf("Request", self.reader.text(debug, "Request"))
        echo = f'<DebugHeader xmlns="{self.namespace}">{fields}</DebugHeader>'
        return replace(self, header=f"<soap:Header>{echo}</soap:Header>")

    def _envelope(self, status: int, body: str, header: str = "") -> Answer:
        text = (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<soap:Envelope xmlns:soap="{_ENVELOPES[self.version]}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
            f"{header}<soap:Body>{body}</soap:Body></soap:Envelope>"
        )
        return Answer(status, text.encode(), _CONTENT_TYPES[self.version])


def read_call(world: World, namespace: str, request: Request) -> Call | None:
    """What a request to the face with that namespace asks for; a wrong one is a call too.

    None where the face has nothing: it can be posted to, and its description read.
    """
    if request.method == "POST":
        return _read_envelope(world, namespace, request)
    return _description(namespace, request) if request.query.lower() == "wsdl" else None


def _description(namespace: str, request: Request) -> Call:
    """The description says where it was read, so that a client behind a proxy comes back there."""
    address = f"http://{request.headers.get('host', 'localhost')}{request.path}"
    answer = partial(description, _SERVICES[namespace], namespace, address)
    refused = partial(html_answer, 401, "401 - Unauthorized: Access is denied.")
    crashed = partial(html_answer, 500, "Server Error in '/' Application.")
    return Call("oms", "wsdl", None, answer, refused, crashed, answer)


def _read_envelope(world: World, namespace: str, request: Request) -> Call:
    is_newer = "soap+xml" in request.headers.get("content-type", "").lower()
    version = "1.2" if is_newer else "1.1"
    service = _Service(world, namespace, world.behaviour.soap or version)
    try:
        envelope = fromstring(request.body, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        return _unreadable(service, f"There is an error in XML document ({line}, {column}).")
    except (DefusedXmlException, LookupError, ValueError):
        return _unreadable(service, _IN_DOCUMENT)
    versions = [one for one, ns in _ENVELOPES.items() if envelope.tag == f"{{{ns}}}Envelope"]
    if not versions:
        return _unreadable(service, "Possible SOAP version mismatch: no SOAP envelope.")
    service = _Service(world, namespace, world.behaviour.soap or versions[0])
    return _route(service, envelope, _ENVELOPES[versions[0]])


def _route(service: _Service, envelope: Element, envelope_namespace: str) -> Call:
    document = next(iter(envelope.findall(f"{{{envelope_namespace}}}Body/*")), None)
    namespace, _, operation = (document.tag if document is not None else "").rpartition("}")
    known = operation in _OPERATIONS and namespace == "{" + service.namespace
    if document is None or not known:
        name = f"{operation} xmlns='{namespace.lstrip('{')}'"
        return _unreadable(service, f"The request element <{name}> was not recognized.")
    header = envelope.find(f"{{{envelope_namespace}}}Header")
    try:
        service = service.echoing(header)
    except Unreadable as complaint:
        return _unreadable(service, f"{_IN_DOCUMENT} ---> {complaint}")

    def process() -> Answer:
        if not _may_enter(service, header):
            return service.fault(operation, _LOGIN_REFUSED)
        denied = service.world.behaviour.refusal_of(operation)
        if denied:
            return service.fault(operation, denied)
        return _answer(service, operation, document)

    order = service.reader.text(document, "orderId") or service.reader.text(
        document, "order/Header/ID"
    )
    return Call(
        dialect="oms",
        operation=operation,
        order=order or None,
        process=process,
        bad_login=partial(service.fault, operation, _LOGIN_REFUSED),
        unlisted=partial(service.fault, operation, _UNLISTED),
        absent=lambda: _absent(service, order),
    )


def _unreadable(service: _Service, complaint: str) -> Call:
    text = f"Server was unable to read request. ---> {complaint}"
    answer = partial(service.client_fault, text)
    return Call("oms", UNREADABLE, None, answer, answer, answer, answer)


def _may_enter(service: _Service, header: Element | None) -> bool:
    reader = service.reader
    name = reader.text(header, "AuthenticationHeader/Username")
    password = reader.text(header, "AuthenticationHeader/Password")
    return (name, password) == (USER, service.world.behaviour.secret)


def _answer(service: _Service, operation: str, document: Element) -> Answer:
    try:
        with service.world.lock:
            return _OPERATIONS[operation](service, document)
    except Unreadable as complaint:
        text = f"{_IN_DOCUMENT} ---> {complaint}"
        return service.client_fault(f"Server was unable to read request. ---> {text}")
    except Refused as refusal:
        return service.fault(operation, str(refusal))
    except AlreadyExists as used:
        return service.fault(operation, f"Order ID {used} already exists")
    except UnknownSku:
        return service.fault(operation, "Invalid Product ID")


def _add_order(service: _Service, document: Element) -> Answer:
    order = add_order(service.reader, document, service.world)
    return service.result("AddOrder", soap_answers.order_accepted(order))


def _get_order_info(service: _Service, document: Element) -> Answer:
    order_id = service.reader.text(document, "orderId")
    order = service.world.find(order_id)
    if order is None:
        return _absent(service, order_id)
    return service.result("GetOrderInfo", soap_order_info.order_info(order, service.world))


def _absent(service: _Service, order_id: str) -> Answer:
    behaviour = service.world.behaviour
    if behaviour.unknown_order == "fault":
        return service.fault("GetOrderInfo", behaviour.absence_of(order_id))
    record = behaviour.unknown_order == "record"
    content = soap_order_info.empty_record() if record else tag("GetOrderInfoResult")
    return service.result("GetOrderInfo", content)


def _get_availabilities(service: _Service, document: Element) -> Answer:
    pattern = service.reader.text(document, "partNumber")
    if pattern in ("", "*"):
        raise Refused("Invalid Search Criteria")
    owner = service.reader.text(document, "owner")
    mine = owner.upper() in ("", SYSTEM)
    products = service.world.levels(pattern) if mine else []
    return service.result(
        "GetProductAvailabilities", soap_answers.availabilities(products, service.world)
    )


def _get_charges(service: _Service, document: Element) -> Answer:
    start, end = _window(service, document)
    content = soap_answers.shipping_charges(service.world, start, end)
    return service.result("GetShippingCharge", content)


def _get_activity(service: _Service, document: Element) -> Answer:
    start, end = _window(service, document)
    content = soap_answers.shipping_activity(service.world, start, end)
    return service.result("GetShippingActivity", content)


def _get_returns(service: _Service, document: Element) -> Answer:
    start, end = _window(service, document)
    content = soap_returns.product_returns(service.world, start, end)
    return service.result("GetProductReturns", content)


def _get_offers(service: _Service, document: Element) -> Answer:
    reader = service.reader
    content = soap_catalogue.offers(
        service.world,
        reader.text(document, "searchString"),
        reader.flag(document, "searchID"),
        reader.flag(document, "searchDescription"),
    )
    return service.result("GetOffers", content)


def _get_product(service: _Service, document: Element) -> Answer:
    content = soap_catalogue.product(service.world, *_product_of(service, document))
    return service.result("GetProduct", content)


def _get_products(service: _Service, document: Element) -> Answer:
    content = soap_catalogue.products(service.world, *_product_of(service, document))
    return service.result("GetProducts", content)


def _product_of(service: _Service, document: Element) -> tuple[str, str]:
    return service.reader.text(document, "OwnerID"), service.reader.text(document, "ProductID")


def _window(service: _Service, document: Element) -> tuple[datetime, datetime]:
    zone = service.world.zone()
    start = service.reader.moment(document, "StartDate", zone)
    end = service.reader.moment(document, "EndDate", zone)
    return start or _EARLIEST, end or _EARLIEST


_OPERATIONS: dict[str, Callable[[_Service, Element], Answer]] = {
    "AddOrder": _add_order,
    "GetOrderInfo": _get_order_info,
    "GetProductAvailabilities": _get_availabilities,
    "GetShippingCharge": _get_charges,
    "GetShippingActivity": _get_activity,
    "GetProductReturns": _get_returns,
    "GetOffers": _get_offers,
    "GetProduct": _get_product,
    "GetProducts": _get_products,
}

"""What a tenant serves besides: descriptions of its services, and the REST API."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import quote as url_quote
from xml.parsers import expat

from veracore_sync.clock import Clock
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.transport.json_body import UnreadableJson, read_json
from veracore_sync.veracore.moments import read_moment
from veracore_sync.veracore.oms.decode import XmlText
from veracore_sync.veracore.probe.report import ProbeFindings
from veracore_sync.veracore.probe.shape import json_shape
from veracore_sync.veracore.probe.wire import NotShown, Wire, status_of
from veracore_sync.veracore.probe.words import name

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_BINDINGS = {
    "http://schemas.xmlsoap.org/wsdl/soap/": "1.1",
    "http://schemas.xmlsoap.org/wsdl/soap12/": "1.2",
}
_MOST = 1000
_ROUTE = re.compile(r"/[A-Za-z0-9_{}./-]{1,120}")
_METHODS = ("get", "post", "put", "delete", "patch")
_FRACTION = re.compile(r"\.(\d+)")


# ---- descriptions ----------------------------------------------------------------------------


def descriptions(wire: Wire, found: ProbeFindings) -> list[str] | None:
    """Read the descriptions; the operations of the configured face, ``None`` if not described."""
    shown = found.pieces.setdefault("descriptions", {})

    def wsdl(key: str, url: str) -> None:
        answer = wire.get(url, f"{key}?wsdl")
        if answer.status != 200:
            raise NotShown(status_of(answer))
        shown[key] = _described(answer, found)

    addresses = {"oms": wire.service("oms"), "order": wire.service("order")}
    addresses["orderadjustment"] = wire.adjustment
    for key, url in addresses.items():
        found.try_to(f"descriptions.{key}", partial(wsdl, key, f"{url}?wsdl"))
    found.try_to("descriptions.swagger", partial(_swagger, wire, shown))
    face = shown.get(wire.settings.used_face)
    return face["operations"] if face else None


def _described(answer: HttpAnswer, found: ProbeFindings) -> dict[str, Any]:
    operations: list[str] = []
    versions: set[str] = set()
    target: list[str] = []
    types = 0
    in_port_type = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal types, in_port_type
        namespace, _, local = tag.rpartition("}")
        if namespace in _BINDINGS and local == "binding":
            versions.add(_BINDINGS[namespace])
        elif local == "complexType" and "name" in attributes:
            types += 1
        elif namespace == _WSDL and local == "definitions":
            target.append(attributes.get("targetNamespace", ""))
        elif namespace == _WSDL and local == "portType":
            in_port_type = True
        elif namespace == _WSDL and local == "operation" and in_port_type:
            operations.append(name(attributes.get("name", "")))

    def end(tag: str) -> None:
        nonlocal in_port_type
        if tag == f"{_WSDL}}}portType":
            in_port_type = False

    def doctype(*_: object) -> None:
        raise ValueError("it has a document type declaration")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = doctype
    try:
        text = XmlText(answer.headers.get("content-type", ""))
        parser.Parse(text.feed(answer.body, is_last=True), True)
    except (expat.ExpatError, ValueError) as error:
        raise NotShown(f"no description: {status_of(answer)}") from error
    if not target:
        raise NotShown(f"no description: {status_of(answer)}")
    return {
        "namespace": found.cleaner.namespace(target[0]),
        "soap": sorted(versions),
        "operations": sorted(set(operations))[:_MOST],
        "types": types,
    }


def _swagger(wire: Wire, shown: dict[str, Any]) -> None:
    document = _json(wire.get(f"{wire.public}/swagger/docs/v1", "swagger"))
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict):
        raise NotShown("no list of routes")
    routes = [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        if _ROUTE.fullmatch(path) and isinstance(methods, dict)
        for method in _METHODS
        if method in methods
    ]
    shown["swagger"] = sorted(routes)[:_MOST]


# ---- the REST API ----------------------------------------------------------------------------


class PublicApi:
    """Signs in to the REST API and reads.

    Args:
        wire: The connection.
        found: Where the findings go.
        clock: The time, for the life of a token.
    """

    def __init__(self, wire: Wire, found: ProbeFindings, clock: Clock) -> None:
        self._wire = wire
        self._found = found
        self._clock = clock
        self._shown: dict[str, Any] = found.pieces.setdefault("rest", {})
        self._headers: dict[str, str] = {}

    def run(self, order_id: str, sku: str) -> None:
        """Sign in, then read.

        Args:
            order_id: An order, which may be one that cannot exist.
            sku: A product, which may be one that cannot exist.
        """
        self._found.try_to("rest.Login", self._login)
        routes = {
            "CheckToken": "token",
            "GetOrders": "orders?request.status=PartiallyShipped",
            "GetPackages": f"GetPackages?request.ordersIds={url_quote(order_id, safe='')}",
            "GetInventory": f"GetInventory?offerIds={url_quote(sku, safe='')}",
        }
        for operation, route in routes.items():
            if not self._headers:
                self._found.miss(f"rest.{operation}", "there was no login")
                continue
            self._found.try_to(f"rest.{operation}", partial(self._read, operation, route))

    def _read(self, operation: str, route: str) -> None:
        url = f"{self._wire.public}/api/{route}"
        self._tell(operation, self._wire.get(url, operation, self._headers))

    def _login(self) -> None:
        settings = self._wire.settings
        login = {
            "userName": settings.client_id,
            "password": settings.client_secret.get_secret_value(),
            "systemId": settings.company_id,
        }
        answer = self._wire.post_json(f"{self._wire.public}/api/Login", "Login", login)
        document = self._tell("Login", answer)
        token = document.get("Token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NotShown("it gave no token")
        self._found.cleaner.hide(token)
        self._headers = {"authorization": f"bearer {token}"}
        expiry = str(document.get("UtcExpirationDate") or "")
        moment = read_moment(expiry, self._wire.settings.zone)
        if moment is not None:
            fraction = _FRACTION.search(expiry)
            self._shown["Login"]["lifeDays"] = round(
                (moment - self._clock.now()).total_seconds() / 86400
            )
            self._shown["Login"]["fractionDigits"] = len(fraction[1]) if fraction else 0

    def _tell(self, operation: str, answer: HttpAnswer) -> Any:
        """Tell the shape of a success, or the words of a refusal; the document."""
        document = _json(answer, of_any_status=True)
        shown: dict[str, Any] = {"httpStatus": answer.status}
        self._shown[operation] = shown
        if answer.status == 200:
            shown["shape"] = json_shape(document)
            return document
        words = " ".join(_texts(document))
        shown["words"] = self._found.cleaner.words(words, operation)
        if answer.status == 403 and "permission" in words.casefold():
            denied = {*self._found.behaviour.get("denied", []), operation}
            self._found.show("denied", sorted(denied))
        return document


def _json(answer: HttpAnswer, *, of_any_status: bool = False) -> Any:
    if answer.status != 200 and not of_any_status:
        raise NotShown(status_of(answer))
    try:
        return read_json(answer.body)
    except UnreadableJson as error:
        raise NotShown(f"no JSON: {status_of(answer)}") from error


def _texts(document: Any) -> list[str]:
    """The texts at the top of a refusal."""
    if isinstance(document, str):
        return [document]
    if isinstance(document, dict):
        return [one for one in document.values() if isinstance(one, str)]
    return []

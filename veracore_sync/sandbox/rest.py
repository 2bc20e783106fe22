"""The `rest` dialect, as the project's brief assumes it (docs/wire.md §8).

No VeraCore speaks it. What the brief leaves open is fixed: a used order number is 409, an unknown
one 404 that names it, a refused login or token 401, each with a JSON ``message``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from veracore_sync.sandbox.exchange import (
    SYSTEM,
    UNREADABLE,
    USER,
    Answer,
    Call,
    Request,
    json_answer,
)
from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.soap_xml import NOT_XML
from veracore_sync.sandbox.warehouse import AlreadyExists, Level, UnknownSku, World

_STATUS_PATH = re.compile(r"/api/orders/([^/]+)/status", re.IGNORECASE)
_STOCK_PATH = re.compile(r"/api/inventory/([^/]+)", re.IGNORECASE)
_ADDRESS_FIELDS = ("Address1", "City", "Country")


class _Incomplete(Exception):
    """A field of an order is missing or wrong."""


class RestFace:
    """The JSON face of a world; bearer tokens live here and die with the process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, datetime] = {}

    def read_call(self, request: Request) -> Call | None:
        """The call of a request; None if its path is unknown."""
        path = re.sub(r"^/v1(?=/)", "", request.path, flags=re.IGNORECASE)
        fixed = {
            "/api/token": ("POST", "token", self._token),
            "/api/orders": ("POST", "create", self._create),
            "/api/inventory": ("GET", "inventory", self._whole_stock),
        }
        if path.lower() in fixed:
            method, operation, run = fixed[path.lower()]
            order = _named_order(request) if operation == "create" else None
            return self._call(request, method, operation, order, lambda: run(request))
        if found := _STATUS_PATH.fullmatch(path):
            order = unquote(found[1])
            return self._call(request, "GET", "status", order, lambda: self._status(order))
        if found := _STOCK_PATH.fullmatch(path):
            sku = unquote(found[1])
            return self._call(request, "GET", "inventory", None, lambda: self._stock(sku))
        return None

    def _call(
        self,
        request: Request,
        method: str,
        operation: str,
        order: str | None,
        run: Callable[[], Answer],
    ) -> Call:
        def process() -> Answer:
            if request.method != method:
                return _refusal(405, f"{operation} is a {method}", (("Allow", method),))
            if operation != "token" and not self._may_enter(request):
                return _unauthorised()
            denied = self._world.behaviour.refusal_of(operation)
            if denied:
                return _refusal(403, denied)
            with self._world.lock:
                return run()

        return Call(
            dialect="rest",
            operation=operation if request.method == method else UNREADABLE,
            order=order,
            process=process,
            bad_login=_unauthorised,
            unlisted=lambda: _refusal(400, "The moon was full and a conversion overflowed"),
            absent=lambda: _no_order(order or ""),
        )

    # ---- tokens --------------------------------------------------------------------------

    def _token(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return json_answer(
                400, {"error": "unsupported_grant_type", "message": "Unsupported grant_type"}
            )
        secret = self._world.behaviour.secret
        if _basic(request.headers.get("authorization", "")) != f"{USER}:{secret}":
            message = "Unknown client or wrong secret"
            return json_answer(401, {"error": "invalid_client", "message": message})
        token = secrets.token_urlsafe(24)
        lifetime = self._world.behaviour.token_seconds
        self._tokens[token] = self._world.now() + timedelta(seconds=lifetime)
        document = {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}
        return json_answer(200, document)

    def _may_enter(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expiry = self._tokens.get(token.strip())
        return scheme.lower() == "bearer" and expiry is not None and self._world.now() < expiry

    # ---- orders --------------------------------------------------------------------------

    def _create(self, request: Request) -> Answer:
        try:
            document = _json_object(request)
            company = _text(document, "CompanyId")
            if company.upper() != SYSTEM:
                return _refusal(403, f"Company {company} is not yours")
            order = self._world.place(_order(document, self._world.now()))
        except _Incomplete as complaint:
            return _refusal(400, str(complaint))
        except AlreadyExists as used:
            return _refusal(409, f"Order {used} already exists", OrderNumber=str(used))
        except UnknownSku as unknown:
            return _refusal(400, f"SKU {unknown} is not known", SKU=str(unknown))
        location = f"/api/orders/{quote(order.id, safe='')}/status"
        return json_answer(201, {"OrderId": order.id}, (("Location", location),))

    def _status(self, order_id: str) -> Answer:
        order = self._world.find(order_id)
        if order is None:
            return _no_order(order_id)
        document = {"OrderNumber": order.id, "Status": order.status}
        labels = [
            package for slip in order.slips for package in slip.live_packages if package.shipped_at
        ]
        if labels:
            document["TrackingNumber"] = labels[-1].tracking
            document["ShipDate"] = (labels[-1].shipped_at or "").replace("+00:00", "Z")
            document["Carrier"] = labels[-1].carrier
        return json_answer(200, document)

    # ---- stock ---------------------------------------------------------------------------

    def _whole_stock(self, _request: Request) -> Answer:
        rows = (_rows(levels, self._world) for levels in self._world.levels())
        return json_answer(200, [row for several in rows for row in several])

    def _stock(self, sku: str) -> Answer:
        levels = self._world.stock_of(sku)
        if not levels:
            return _refusal(404, f"SKU {sku} was not found", SKU=sku)
        return json_answer(200, _rows(levels, self._world)[0])


def _rows(levels: list[Level], world: World) -> list[Any]:
    found: list[Any] = []
    for override in world.rows_of(levels[0].sku):
        row = {**_stock(levels), **override} if isinstance(override, dict) else override
        whole = isinstance(row, dict)
        found.append({name: one for name, one in row.items() if one is not None} if whole else row)
    return found


def _stock(levels: list[Level]) -> dict[str, Any]:
    return {
        "SKU": levels[0].sku,
        "AvailableQuantity": sum(level.available for level in levels),
        "ReservedQuantity": sum(level.reserved for level in levels),
        "OnHandQuantity": sum(level.on_hand for level in levels),
    }


def _refusal(
    status: int, message: str, headers: tuple[tuple[str, str], ...] = (), **names: str
) -> Answer:
    return json_answer(status, {"message": message, **names}, headers)


def _unauthorised() -> Answer:
    challenge = (("WWW-Authenticate", 'Bearer realm="sandbox"'),)
    return _refusal(401, "The login or the token is missing, wrong or expired", challenge)


def _no_order(order_id: str) -> Answer:
    return _refusal(404, f"Order {order_id} was not found", OrderNumber=order_id)


def _basic(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _named_order(request: Request) -> str | None:
    try:
        return _text(_json_object(request), "OrderNumber")
    except _Incomplete:
        return None


def _json_object(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _Incomplete("The body is not JSON") from error
    if not isinstance(document, dict):
        raise _Incomplete("The body is not a JSON object")
    return document


def _order(document: dict[str, Any], now: datetime) -> Order:
    items = document.get("Items")
    if not isinstance(items, list) or not items:
        raise _Incomplete("Items is required and needs at least one item")
    address, customer = _part(document, "ShippingAddress"), _part(document, "Customer")
    for name in _ADDRESS_FIELDS:
        _text(address, name, "ShippingAddress.")
    return Order(
        id=_text(document, "OrderNumber"),
        sequence=0,
        dialect="rest",
        lines=[_line(item, f"Items[{index}].") for index, item in enumerate(items)],
        accepted_at=now.isoformat(),
        ordered_by=_texts(customer),
        ship_to={"PostalCode": str(address.get("Zip") or ""), **_texts(address)},
    )


def _line(item: Any, place: str) -> Line:
    if not isinstance(item, dict):
        raise _Incomplete(f"{place[:-1]} is not an object")
    quantity, price = item.get("Quantity"), item.get("UnitPrice", 0)
    if type(quantity) is not int or quantity <= 0:
        raise _Incomplete(f"{place}Quantity must be a whole number above 0")
    if type(price) not in (int, float) or price < 0:
        raise _Incomplete(f"{place}UnitPrice must be a number")
    return Line(_text(item, "SKU", place), quantity, str(price))


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    if not isinstance(part, dict):
        raise _Incomplete(f"{name} is required")
    return part


def _text(document: dict[str, Any], name: str, place: str = "") -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _Incomplete(f"{place}{name} is required")
    if NOT_XML.search(value):
        raise _Incomplete(f"{place}{name} holds a control character")
    return value.strip()


def _texts(part: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in part.items() if isinstance(value, str)}

"""The REST API of the real VeraCore, as far as its answers are known (docs/wire.md §2.2).

It signs in and looks up; it has no route that takes an order in. Routes whose answers are not
known are not there.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from veracore_sync.sandbox.exchange import (
    SYSTEM,
    UNREADABLE,
    USER,
    Answer,
    Call,
    Request,
    json_answer,
)
from veracore_sync.sandbox.public_orders import STATUSES, order_document, status_of
from veracore_sync.sandbox.warehouse import World

PREFIX = "/veracore/public.api/api/"
# "Good for three months".
_TOKEN_DAYS = 90


class PublicApi:
    """The routes under `PREFIX`; bearer tokens live here and die with the process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, datetime] = {}
        self._routes: dict[str, tuple[str, str, Callable[[Request], Answer]]] = {
            "login": ("POST", "Login", self._login),
            "token": ("GET", "CheckToken", lambda _: json_answer(200, "Token is valid")),
            "orders": ("GET", "GetOrders", self._orders),
            "getpackages": ("GET", "GetPackages", self._packages),
            "getinventory": ("GET", "GetInventory", self._inventory),
        }

    def read_call(self, request: Request) -> Call | None:
        """The call of a request; None if it is to no path of this API."""
        path = request.path.lower()
        if not path.startswith(PREFIX):
            return None
        route = self._routes.get(path.removeprefix(PREFIX).rstrip("/"))
        if route is None:
            text = "No HTTP resource was found that matches the request URI"
            return _call(UNREADABLE, lambda: _message(404, f"{text} '{request.path}'."))
        method, operation, run = route
        if request.method != method:
            text = f"The requested resource does not support http method '{request.method}'."
            return _call(UNREADABLE, lambda: _message(405, text))

        def process() -> Answer:
            if operation != "Login" and not self._may_enter(request):
                return _denied()
            if self._world.behaviour.refusal_of(operation):
                return _message(403, f"Missing permission '{operation}'")
            with self._world.lock:
                return run(request)

        return _call(operation, process)

    def _may_enter(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expiry = self._tokens.get(token.strip())
        return scheme.lower() == "bearer" and expiry is not None and self._world.now() < expiry

    # ---- routes --------------------------------------------------------------------------

    def _login(self, request: Request) -> Answer:
        fields = _login_fields(request)
        if fields.get("systemid", "").upper() != SYSTEM:
            return _login_refused("Invalid Requested System")
        secret = self._world.behaviour.secret
        if (fields.get("username"), fields.get("password")) != (USER, secret):
            return _login_refused("Invalid Username or Password")
        expiry = self._world.now() + timedelta(days=_TOKEN_DAYS)
        token = _token(expiry)
        self._tokens[token] = expiry
        document = {"UtcExpirationDate": f"{expiry:%Y-%m-%dT%H:%M:%S.%f}0Z", "Token": token}
        return json_answer(200, {**document, "Error": None})

    def _orders(self, request: Request) -> Answer:
        wanted = _query(request).get("request.status", "All").lower()
        wanted = "cancelled" if wanted == "canceled" else wanted
        if wanted not in STATUSES:
            return _message(400, f"The value '{wanted}' is not valid for request.status.")
        found = [
            order_document(order, self._world.zone())
            for order in self._world.orders.values()
            if wanted in ("all", status_of(order).lower())
        ]
        return json_answer(200, {"Orders": found})

    def _packages(self, request: Request) -> Answer:
        asked = [self._world.find(one) for one in _ids(request, "request.ordersids")]
        packages = [
            package
            for order in asked
            if order is not None
            for slip in order.slips
            for package in slip.live_packages
            if package.shipped_at
        ]
        units = [
            {
                "Shipping": {
                    "FreightCarrier": one.carrier,
                    "TrackingLink": f"https://carrier.example/track/{one.tracking}",
                }
            }
            for one in packages
        ]
        return json_answer(200, {"ShippingUnits": units or None})

    def _inventory(self, request: Request) -> Answer:
        wanted = {one.upper() for one in _ids(request, "offerids")}
        rows = [
            {
                "Id": levels[0].sku,
                "Title": levels[0].sku,
                "Available": sum(level.available for level in levels),
            }
            for levels in self._world.levels()
            if not wanted or levels[0].sku.upper() in wanted
        ]
        return json_answer(200, {"Inventory": rows, "Error": None})


def _call(operation: str, process: Callable[[], Answer]) -> Call:
    return Call(
        dialect="public",
        operation=operation,
        order=None,
        process=process,
        bad_login=(lambda: _login_refused("Invalid Requested System"))
        if operation == "Login"
        else _denied,
        unlisted=lambda: _message(400, "The moon was full and a conversion overflowed"),
        absent=process,
    )


def _message(status: int, text: str) -> Answer:
    return json_answer(status, {"Message": text})


def _denied() -> Answer:
    # An expired or wrong token is 403 here, not 401 (§2.2).
    return _message(403, "Authorization has been denied for this request.")


def _login_refused(error: str) -> Answer:
    return json_answer(403, {"UtcExpirationDate": None, "Token": None, "Error": error})


def _token(expiry: datetime) -> str:
    """A token in the form of a JWT; it is looked up, not verified."""
    head, payload = {"alg": "HS256", "typ": "JWT"}, {"exp": int(expiry.timestamp()), "sub": USER}
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()) for one in (head, payload)]
    return ".".join([*(part.decode().rstrip("=") for part in parts), secrets.token_urlsafe(32)])


def _login_fields(request: Request) -> dict[str, str]:
    """The fields of a login by their names in lower case, from JSON or from a form."""
    try:
        document: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        document = _flat(request.body.decode("utf-8", "replace"))
    if not isinstance(document, dict):
        return {}
    return {name.lower(): value for name, value in document.items() if isinstance(value, str)}


def _query(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in _flat(request.query).items()}


def _flat(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _ids(request: Request, name: str) -> list[str]:
    return [one for one in _query(request).get(name, "").split(",") if one.strip()]

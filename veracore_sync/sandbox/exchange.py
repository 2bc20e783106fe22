"""What the server and the two dialects exchange: a request, an answer, a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Who may enter, in both dialects; the sandbox has no secrets.
USER = "sandbox"
SECRET = "sandbox"  # noqa: S105
SYSTEM = "SANDBOX"

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

LOOK_UPS = frozenset({"GetOrderInfo", "status"})
UNREADABLE = "unreadable"
OPERATIONS = frozenset(
    {
        "AddOrder",
        "CancelOrder",
        "GetOrderInfo",
        "GetProductAvailabilities",
        "GetShippingCharge",
        "GetShippingActivity",
        "GetOffers",
        "GetProduct",
        "GetProducts",
        "GetProductReturns",
        "wsdl",
        "Login",
        "CheckToken",
        "GetOrders",
        "GetPackages",
        "GetInventory",
        "token",
        "create",
        "status",
        "inventory",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One complete HTTP request. `path` has no `query`; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, not yet sent."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a dialect understood, with every way in which it may be answered.

    `process` does what was asked; the other three touch nothing and say, in the words of the
    dialect, that the login is wrong, something that no list holds, or that there is no such order.
    `order` is the order that it names; `concerns` has more if it is about several.
    """

    dialect: str
    operation: str
    order: str | None
    process: Callable[[], Answer]
    bad_login: Callable[[], Answer]
    unlisted: Callable[[], Answer]
    absent: Callable[[], Answer]
    concerns: Callable[[str], bool] | None = None

    def is_about(self, order: str) -> bool:
        """Whether the request or its answer concerns that order."""
        if self.concerns is not None:
            return self.concerns(order)
        return order.upper() == (self.order or "").upper()


def json_answer(status: int, document: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer with a JSON document."""
    return Answer(status, json.dumps(document).encode(), JSON_TYPE, headers)


def html_answer(status: int, title: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The error page of a web server whose application did not answer."""
    head, body = f"<head><title>{title}</title></head>", f"<body><h1>{title}</h1></body>"
    page = f"<!DOCTYPE html>\n<html>{head}{body}</html>\n"
    return Answer(status, page.encode(), HTML_TYPE, headers)

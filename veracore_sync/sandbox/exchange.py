"""What passes between the socket and the two dialects: a request, an answer, a call."""

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
        "GetOrderInfo",
        "GetProductAvailabilities",
        "GetShippingCharge",
        "GetShippingActivity",
        "token",
        "create",
        "status",
        "inventory",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole. `path` has no query; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


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
    A call that names several orders has them in `others`.
    """

    dialect: str
    operation: str
    order: str | None
    process: Callable[[], Answer]
    bad_login: Callable[[], Answer]
    unlisted: Callable[[], Answer]
    absent: Callable[[], Answer]
    others: tuple[str, ...] = ()

    @property
    def orders(self) -> tuple[str, ...]:
        """Every order that it names."""
        return self.others if self.order is None else (self.order, *self.others)


def json_answer(status: int, document: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer with a JSON document."""
    return Answer(status, json.dumps(document).encode(), JSON_TYPE, headers)


def html_answer(status: int, title: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The page that a web server shows when the application behind it did not answer."""
    head, body = f"<head><title>{title}</title></head>", f"<body><h1>{title}</h1></body>"
    page = f"<!DOCTYPE html>\n<html>{head}{body}</html>\n"
    return Answer(status, page.encode(), HTML_TYPE, headers)

"""Faults of the small shop: those of any web server, and some of GraphQL's own.

The rules are the sandbox's; a request with a fault of `_INSTEAD` is not carried out. A rule that
names an order applies to requests that concern it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from veracore_sync.sandbox import faults
from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.exchange import Answer, Call, html_answer, json_answer
from veracore_sync.sandbox.faults import (
    DELAY,
    RETRY_AFTER_SECONDS,
    Fault,
    Outcome,
    Rule,
    rewriting,
)
from veracore_sync.sandbox.form import Form
from veracore_sync.sandbox.shop_access import TOKEN_HEADER

KINDS = (
    "reset_before",
    "reset_after",
    "hang_after",
    "html_500",
    "http_503",
    "http_429",
    "http_504",
    "graphql_error_plain",
    "graphql_error_coded",
    "graphql_error_null",
    "session_expired",
    "truncate",
    "slow_drip",
    "rewrite",
)
RECORD_KINDS = (
    "graphql_error_path",
    "null_fields",
    "odd_moment",
    "odd_fields",
    "missing_fields",
    "null_record",
    "left_out",
)
"""What one record may do to its answer: best with an order named."""


def rule_from(document: dict[str, Any]) -> Rule:
    """The rule that a ``POST /_shop/faults`` asks for.

    Raises:
        BadInput: It names what is not known, or no kind and no delay.
    """
    form = Form(document)
    kinds = tuple(form.texts("kinds", KINDS + RECORD_KINDS) or ())
    delay = form.whole("delay_ms", 0, least=0) / 1000
    rule = Rule(
        kinds=kinds or (DELAY,),
        rate=form.rate("rate"),
        count=form.whole("count", least=0) if form.has("count") else None,
        operations=_operations(document["operations"]) if form.has("operations") else None,
        order=form.text("order") if form.has("order") else None,
        delay=delay,
        seed=form.whole("seed", 0),
        rewriting=rewriting(form),
    )
    form.done()
    return rule


def _operations(names: object) -> frozenset[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput("operations", "a list of names of GraphQL operations")
    return frozenset(names)


def call_of(
    operation: str, process: Callable[[], Answer], concerns: Callable[[str], bool] | None = None
) -> Call:
    """A request as the rules see it."""
    return Call(
        dialect="graphql",
        operation=operation,
        order=None,
        process=process,
        bad_login=_session_expired,
        unlisted=_plain_error,
        absent=_coded_error,
        concerns=concerns,
    )


def answer_with_fault(call: Call, fault: Fault) -> Outcome:
    """Carry a request out as far as its fault lets it."""
    kind = fault.kind
    if kind in _INSTEAD:
        return Outcome(_INSTEAD[kind]())
    if kind in _SPOILT or kind in _LISTED:
        answer = call.process()
        document = json.loads(answer.body)
        _spoil(document, kind, fault.order)
        return Outcome(json_answer(answer.status, document, answer.headers))
    return faults.answer_with_fault(call, fault)


def _spoil(part: Any, kind: str | None, name: str | None) -> None:
    """Spoil every order in an answer, or the order or variant of that name."""
    if isinstance(part, dict):
        for one in part.values():
            _spoil(one, kind, name)
    elif isinstance(part, list):
        for place, one in reversed(list(enumerate(part))):
            if not _is_named(one, name):
                _spoil(one, kind, name)
            elif kind == "left_out":
                del part[place]
            elif kind == "null_record":
                part[place] = None
            else:
                _SPOILT[kind](one)


def _is_named(part: Any, name: str | None) -> bool:
    if not isinstance(part, dict) or "id" not in part:
        return False
    if name is None:
        return "code" in part and "updatedAt" in part
    return name in (part.get("code"), part.get("sku"))


def _without_fields(record: dict[str, Any]) -> None:
    record.update({name: None for name in record if name not in _NAMES})


def _with_odd_fields(record: dict[str, Any]) -> None:
    record.update({name: {"odd": [1.5]} for name in record if name not in _NAMES})


def _with_missing_fields(record: dict[str, Any]) -> None:
    for name in [name for name in record if name not in _NAMES]:
        del record[name]


def _with_odd_moment(record: dict[str, Any]) -> None:
    record["updatedAt"] = "0000-00-00T00:00:00Z"


def _error(message: str, code: str | None, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    error: dict[str, Any] = {"message": message}
    if code:
        error["extensions"] = {"code": code}
    return json_answer(200, {"errors": [error], "data": None}, headers)


def _plain_error() -> Answer:
    return _error("deadlock detected", None)


def _coded_error() -> Answer:
    return _error("Internal server error", "INTERNAL_SERVER_ERROR")


def _session_expired() -> Answer:
    message = "You are not currently authorized to perform this action"
    return _error(message, "FORBIDDEN", ((TOKEN_HEADER, ""),))


def _path_error() -> Answer:
    error = {
        "message": "Cannot return null for non-nullable field OrderLine.productVariant.",
        "path": ["orders", "items", 0, "lines", 0, "productVariant"],
        "extensions": {"code": "INTERNAL_SERVER_ERROR"},
    }
    return json_answer(200, {"errors": [error], "data": None})


def _null_error() -> Answer:
    """As Vendure answers when a field that may not be null is, in production mode."""
    error = {
        "message": "Cannot return null for non-nullable field ShippingLine.shippingMethod.",
        "path": ["orders", "items", 0, "shippingLines", 0, "shippingMethod"],
    }
    return json_answer(200, {"errors": [error], "data": None})


_NAMES = ("id", "code", "sku")
_LISTED = ("left_out", "null_record")
_SPOILT: dict[str | None, Callable[[dict[str, Any]], None]] = {
    "null_fields": _without_fields,
    "odd_fields": _with_odd_fields,
    "missing_fields": _with_missing_fields,
    "odd_moment": _with_odd_moment,
}
_INSTEAD: dict[str | None, Callable[[], Answer]] = {
    "html_500": lambda: html_answer(500, "Internal Server Error"),
    "http_503": lambda: html_answer(503, "Service Unavailable"),
    "http_429": lambda: html_answer(
        429, "Too Many Requests", (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    ),
    "http_504": lambda: html_answer(504, "Gateway Time-out"),
    "graphql_error_plain": _plain_error,
    "graphql_error_coded": _coded_error,
    "graphql_error_path": _path_error,
    "graphql_error_null": _null_error,
    "session_expired": _session_expired,
}

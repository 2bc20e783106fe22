"""Faults of the small shop: those of any web server, and some of GraphQL's own.

The rules are the sandbox's; a request with a fault of `_INSTEAD` is not carried out. A rule that
names an order applies to requests that concern it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
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
    "session_expired",
    "truncate",
    "slow_drip",
    "rewrite",
)
RECORD_KINDS = ("graphql_error_path", "null_fields", "odd_moment")
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
    if kind in _SPOILT:
        answer = call.process()
        document = json.loads(answer.body)
        for record in _records(document):
            if fault.order in (None, record["code"]):
                _SPOILT[kind](record)
        return Outcome(json_answer(answer.status, document, answer.headers))
    return faults.answer_with_fault(call, fault)


def _records(part: Any) -> Iterator[dict[str, Any]]:
    """Every order in an answer."""
    if isinstance(part, dict) and "code" in part and "updatedAt" in part:
        yield part
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _records(one)


def _without_fields(record: dict[str, Any]) -> None:
    record.update({name: None for name in record if name not in ("id", "code")})


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


_SPOILT: dict[str | None, Callable[[dict[str, Any]], None]] = {
    "null_fields": _without_fields,
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
    "session_expired": _session_expired,
}

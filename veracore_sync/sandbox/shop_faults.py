"""Faults of the small shop: those of any web server, and three of GraphQL's own.

The rules are the sandbox's; a request that suffers a fault of `_INSTEAD` is not carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def rule_from(document: dict[str, Any]) -> Rule:
    """The rule that a ``POST /_shop/faults`` asks for.

    Raises:
        BadInput: It names what is not known, or no kind and no delay.
    """
    form = Form(document)
    kinds = tuple(form.texts("kinds", KINDS) or ())
    delay = form.whole("delay_ms", 0, least=0) / 1000
    rule = Rule(
        kinds=kinds or (DELAY,),
        rate=form.rate("rate"),
        count=form.whole("count", least=0) if form.has("count") else None,
        operations=_operations(document["operations"]) if form.has("operations") else None,
        delay=delay,
        seed=form.whole("seed", 0),
        order=form.text("order") if form.has("order") else None,
        rewriting=rewriting(form),
    )
    form.done()
    return rule


def _operations(names: object) -> frozenset[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput("operations", "a list of names of GraphQL operations")
    return frozenset(names)


def call_of(operation: str, orders: Sequence[str], process: Callable[[], Answer]) -> Call:
    """A request as the rules see it; `orders` are the codes that it is about."""
    return Call(
        dialect="graphql",
        operation=operation,
        order=None,
        others=tuple(orders),
        process=process,
        bad_login=_session_expired,
        unlisted=_plain_error,
        absent=_coded_error,
    )


def suffer(call: Call, fault: Fault) -> Outcome:
    """Carry a request out as far as its fault lets it."""
    if fault.kind in _INSTEAD:
        return Outcome(_INSTEAD[fault.kind]())
    return faults.suffer(call, fault)


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


_INSTEAD: dict[str | None, Callable[[], Answer]] = {
    "html_500": lambda: html_answer(500, "Internal Server Error"),
    "http_503": lambda: html_answer(503, "Service Unavailable"),
    "http_429": lambda: html_answer(
        429, "Too Many Requests", (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    ),
    "http_504": lambda: html_answer(504, "Gateway Time-out"),
    "graphql_error_plain": _plain_error,
    "graphql_error_coded": _coded_error,
    "session_expired": _session_expired,
}

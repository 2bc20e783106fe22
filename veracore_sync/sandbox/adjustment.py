"""``orderadjustment.svc``: `CancelOrder` over SOAP and as JSON (docs/wire.md 3.7).

Namespace, SOAPAction and answers of the real service are unknown, so every namespace is understood
and the answer's words are a switch. Credentials are in the body. `Behaviour.cancel` says until when
an order can be cancelled, and whether the answer is true.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from veracore_sync.sandbox.exchange import (
    UNREADABLE,
    USER,
    Answer,
    Call,
    Request,
    json_answer,
)
from veracore_sync.sandbox.records import Order
from veracore_sync.sandbox.warehouse import World

OPERATION = "CancelOrder"
_SOAP = "/pmomsws/orderadjustment.svc/soap"
_JSON = "/pmomsws/orderadjustment.svc/cancelorder"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_LOGIN_REFUSED = "Invalid Username or Password"
_UNLISTED = "Conversion overflowed while the moon was full"

Answers = Callable[[bool, str], Answer]
"""Words an outcome: whether it is a success, and what it says."""


def is_for(request: Request) -> bool:
    """Whether the request is for this service; IIS ignores the case of a path."""
    return request.method == "POST" and request.path.lower() in (_SOAP, _JSON)


def read_call(world: World, request: Request) -> Call:
    """What the request asks for; a wrong one is a call too."""
    if request.path.lower() == _SOAP:
        return _read_soap(world, request.body)
    return _read_json(world, request.body)


# ---- what is asked -------------------------------------------------------------------------------


def _read_soap(world: World, body: bytes) -> Call:
    try:
        envelope = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        return _unreadable(_soap_answer)
    names = [_local(element) for element in envelope.iter()]
    if OPERATION not in names:
        return _unreadable(_soap_answer)
    given = {_local(one): (one.text or "").strip() for one in envelope.iter()}
    login = (given.get("Username", ""), given.get("Password", ""))
    return _call(world, given.get("OrderID", ""), login, _soap_answer)


def _read_json(world: World, body: bytes) -> Call:
    try:
        document = json.loads(body)
        login = document["AuthenticationHeader"]
        name = (str(login["Username"]), str(login["Password"]))
        order = str(document["CancelOrderWSObject"]["OrderID"])
    except (ValueError, KeyError, TypeError):
        return _unreadable(_json_result)
    return _call(world, order, name, _json_result)


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _call(world: World, order_id: str, login: tuple[str, str], answers: Answers) -> Call:
    def process() -> Answer:
        with world.lock:
            if login != (USER, world.behaviour.secret):
                return answers(False, _LOGIN_REFUSED)
            denied = world.behaviour.refusal_of(OPERATION)
            if denied:
                return answers(False, denied)
            is_success, words = _cancel(world, order_id)
            return answers(is_success, world.behaviour.cancel_text or words)

    return Call(
        dialect="oms",
        operation=OPERATION,
        order=order_id or None,
        process=process,
        bad_login=partial(answers, False, _LOGIN_REFUSED),
        unlisted=partial(answers, False, _UNLISTED),
        absent=partial(answers, False, _unknown(order_id)),
    )


def _unreadable(answers: Answers) -> Call:
    answer = partial(answers, False, "The request was not recognized.")
    return Call("oms", UNREADABLE, None, answer, answer, answer, answer)


# ---- what is done --------------------------------------------------------------------------------


def _cancel(world: World, order_id: str) -> tuple[bool, str]:
    """Cancel the order as the switch allows; whether it says so, and its words."""
    until = world.behaviour.cancel
    order = world.find(order_id)
    if until == "no_permission":
        return False, "Missing permission 'CancelOrder'"
    if order is None:
        return False, _unknown(order_id)
    done, refused = (True, f"Order {order.id} was cancelled"), (False, _too_late(order))
    if until == "says_yes_does_nothing":
        return done
    if until == "says_no_does_it":
        _withdraw(world, order)
        return refused
    if until == "never" or order.is_shipped or (until == "until_picked" and order.pulled()):
        return refused
    _withdraw(world, order)
    return done


def _withdraw(world: World, order: Order) -> None:
    """Every unit that has not left; a slip that is being picked stays, and may leave yet."""
    left = Counter(order.ordered() - order.cancelled() - order.shipped())
    world.cancel(order, left)


def _unknown(order_id: str) -> str:
    return f"Unable to locate Order for Order Id '{order_id}'"


def _too_late(order: Order) -> str:
    return f"Order {order.id} can no longer be cancelled"


# ---- what is answered ----------------------------------------------------------------------------


def _soap_answer(is_success: bool, words: str) -> Answer:
    if is_success:
        content = f"<CancelOrderResult>{escape(words)}</CancelOrderResult>"
        body = f'<CancelOrderResponse xmlns="http://tempuri.org/">{content}</CancelOrderResponse>'
    else:
        body = (
            "<s:Fault><faultcode>s:Client</faultcode>"
            f'<faultstring xml:lang="en-US">{escape(words)}</faultstring></s:Fault>'
        )
    text = f'<s:Envelope xmlns:s="{_ENVELOPE}"><s:Body>{body}</s:Body></s:Envelope>'
    return Answer(200 if is_success else 500, text.encode(), "text/xml; charset=utf-8")


def _json_result(is_success: bool, words: str) -> Answer:
    document: Any = {"CancelOrderResult": words} if is_success else {"Error": words}
    return json_answer(200 if is_success else 400, document)

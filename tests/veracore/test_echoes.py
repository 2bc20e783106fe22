"""Whichever way VeraCore or the shop echoes a part of a customer, no text of ours repeats it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import pytest
from echo_kit import PEOPLE, Person, echoes, found_in
from veracore_kit import Reply, Scripted, fault, oms, order, rest, result, short, stack

from veracore_sync.clock import SystemClock
from veracore_sync.ports.warehouse import (
    Accepted,
    CancelNotPermitted,
    CancelNotSent,
    LookUpFailed,
    NotAccepted,
)
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.vendure.answers import data_of
from veracore_sync.vendure.error_words import repeated

TOKEN = Reply(
    200, b'{"access_token": "t", "expires_in": 900}', {"Content-Type": "application/json"}
)


def says(status: int, document: object) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


TOKEN = says(200, {"access_token": "t", "expires_in": 900})


def latin(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def word(text: str) -> str:
    return latin(text).replace(" ", "-")


# By place: what VeraCore answers with the echo in it.
SOAP: dict[str, Callable[[str], Reply]] = {
    "a fault": lambda echo: Reply(500, fault(stack(escape(echo)))),
    "a fault with a listed word": lambda echo: Reply(
        500, fault(short(escape(f"Invalid Product ID, customer {echo}")))
    ),
    "a redirect": lambda echo: Reply(
        302,
        b"",
        {"Location": f"https://x.example/{word(echo)}?who={word(echo)}"},
    ),
    "a media type": lambda echo: Reply(400, b"<a/>", {"Content-Type": f"text/{word(echo)}"}),
    "an acceptance under another id": lambda echo: Reply(
        200,
        result(
            "AddOrder",
            "<AddOrderResult><OrderSeqID>1</OrderSeqID>"
            f"<OrderID>{escape(echo)}</OrderID></AddOrderResult>",
        ),
    ),
    "a header without a name": lambda echo: Reply(500, b"", {f"X {latin(echo)}": "1"}),
}
REST: dict[str, Callable[[str], Reply]] = {
    "a message": lambda echo: says(400, {"message": echo}),
    "an error beside a listed word": lambda echo: says(422, {"error": f"Unknown offer for {echo}"}),
    "a used number": lambda echo: says(409, {"message": f"{echo} already exists"}),
    "a refused token": lambda echo: says(403, {"error_description": echo}),
    "another number": lambda echo: says(200, {"OrderId": 7, "OrderNumber": echo}),
    "a crash": lambda echo: says(500, {"message": echo}),
}


def texts_of(outcome: object) -> str:
    if isinstance(outcome, LookUpFailed):
        return f"{outcome.error.message} {outcome.error.hint}"
    if isinstance(outcome, NotAccepted):
        # `alike` is compared in memory, and kept as a digest.
        return f"{outcome.text} {outcome.hint} {outcome.what}"
    return getattr(outcome, "text", "")


def person_order(one: Person) -> dict[str, Any]:
    return {"ordered_by": one.party, "ship_to": one.party, "bill_to": one.party}


@pytest.mark.parametrize("place", SOAP)
def test_soap_repeats_no_echo(server: Scripted, place: str) -> None:
    client = oms(server.url)
    for one in PEOPLE:
        for kind, echo in echoes(one).items():
            server.says(SOAP[place](echo))
            sent = client.submit(order(**person_order(one)))
            assert not isinstance(sent, Accepted)
            told = [texts_of(sent), texts_of(client.cancel("WEB-100234"))]
            if kind in ("one word of a name", "decomposed"):
                told.append(texts_of(client.look_up("WEB-100234")))
            for text in told:
                assert not found_in(text, one), (kind, text)
    client.close()


@pytest.mark.parametrize("place", REST)
def test_rest_repeats_no_echo(server: Scripted, place: str) -> None:
    client = rest(server.url)
    for one in PEOPLE:
        for kind, echo in echoes(one).items():
            server.says(TOKEN, REST[place](echo))
            client._api._forget("t")
            sent = client.submit(order(**person_order(one)))
            assert not isinstance(sent, Accepted)
            assert not found_in(texts_of(sent), one), (kind, texts_of(sent))
    client.close()


def test_an_operation_that_is_refused_with_an_echo(server: Scripted) -> None:
    client = oms(server.url)
    for one in PEOPLE:
        words = escape(f"User {one.last} does not have permission to call CancelOrder")
        server.says(Reply(500, fault(short(words))))
        found = client.cancel("WEB-100234")
        assert isinstance(found, CancelNotPermitted | CancelNotSent)
        assert "does not have permission to call CancelOrder" in found.text
        assert not found_in(found.text, one)
    client.close()


SHOP: dict[str, Callable[[str], dict[str, Any]]] = {
    "a message": lambda echo: {"message": echo, "extensions": {"code": "INTERNAL_SERVER_ERROR"}},
    "a database's": lambda echo: {"message": f"duplicate key value ({echo}), deadlock detected"},
    "a code": lambda echo: {"message": "x", "extensions": {"code": f"NO_{echo.upper()}"}},
    "an unknown field": lambda echo: {
        "message": f'Cannot query field "{echo}"',
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
    },
    "a missing record": lambda echo: {
        "message": f'No Customer with the id "{echo}" could be found',
        "extensions": {"code": "ENTITY_NOT_FOUND"},
    },
}


@pytest.mark.parametrize("place", SHOP)
def test_the_shops_errors_repeat_no_echo(place: str) -> None:
    for one in PEOPLE:
        for kind, echo in echoes(one).items():
            body = json.dumps({"errors": [SHOP[place](echo)], "data": None}).encode()
            with pytest.raises(Exception) as raised:
                data_of(
                    HttpAnswer(200, {"content-type": "application/json"}, body),
                    "ListOrders",
                    sent_bytes=1,
                    clock=SystemClock(),
                    token_header="t",
                    document="query ListOrders { orders { items { id code } } }",
                )
            assert not found_in(str(raised.value), one), (kind, str(raised.value))


def test_a_refused_fulfilment_keeps_its_code_and_the_states() -> None:
    said = 'Cannot transition Fulfillment from "Shipped" to "Pending" for Zyx'
    told = repeated("FULFILLMENT_STATE_TRANSITION_ERROR", said)
    assert told == (
        'FULFILLMENT_STATE_TRANSITION_ERROR: Cannot transition Fulfillment from "Shipped" to '
        '"Pending" for …'
    )
    key = "errorResult.ORDER_STATE_TRANSITION_ERROR"
    assert "ORDER_STATE_TRANSITION_ERROR" in repeated("INTERNAL_SERVER_ERROR", key)
    assert repeated("ZYX_ERROR", "").startswith("code a message that is not listed")

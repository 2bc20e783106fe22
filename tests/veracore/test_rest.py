"""The REST dialect: requests byte for byte, the token's life, and what each answer means."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from veracore_kit import BARE, FULL, HTML, PAT, SECRET, Reply, Scripted, order, rest

from veracore_sync.domain.errors import (
    AuthRefused,
    Occurrence,
    ProtocolError,
    RateLimited,
    SyncError,
    Unavailable,
    WrongEndpoint,
)
from veracore_sync.domain.warehouse import WarehouseLine
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
)
from veracore_sync.veracore.rest.client import RestWarehouse
from veracore_sync.veracore.rest.write import create_document

GOLDEN = Path(__file__).parent / "golden"
ID = "WEB-100234"
JSON = {"Content-Type": "application/json; charset=utf-8"}


def says(status: int, document: object) -> Reply:
    return Reply(status, json.dumps(document).encode(), JSON)


def token(name: str = "T1", life: object = 3600) -> Reply:
    return says(200, {"access_token": name, "expires_in": life, "token_type": "Bearer"})


CREATED = says(201, {"OrderId": "9001"})
EXPIRED = says(401, {"message": "The token is expired"})


def status(word: str = "Processed", number: str = ID) -> Reply:
    return says(200, {"OrderNumber": number, "Status": word})


def refusal(client: RestWarehouse, server: Scripted, reply: Reply) -> NotAccepted:
    server.says(token(), reply)
    outcome = client.submit(order())
    assert server.paths == ["/api/token", "/api/orders"]
    assert isinstance(outcome, NotAccepted)
    return outcome


def failure(found: LookUp) -> SyncError:
    assert isinstance(found, LookUpFailed)
    return found.error


# ---- what is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "changes"), [("sample", {}), ("full", FULL), ("bare", BARE)])
def test_create_byte_for_byte(
    json_api: RestWarehouse, server: Scripted, name: str, changes: dict[str, Any]
) -> None:
    server.says(token(), CREATED)
    assert json_api.submit(order(**changes)) == Accepted(ID, None)
    asked, create = server.seen
    assert create.body == (GOLDEN / f"create_{name}.json").read_bytes().rstrip(b"\n")
    assert create.headers["content-type"] == "application/json"
    assert create.headers["authorization"] == "Bearer T1"
    assert asked.body == b"grant_type=client_credentials&scope=api"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    pair = base64.b64encode(f"WSUSER:{SECRET}".encode()).decode()
    assert asked.headers["authorization"] == f"Basic {pair}"


@given(
    text=st.text(st.characters(codec="utf-8")),
    price=st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15),
)
def test_any_text_and_price_arrive_as_they_are(text: str, price: Decimal) -> None:
    line = WarehouseLine(1, text, 3, price)
    document = json.loads(
        create_document(order(id=text, lines=(line,)), "C"), parse_float=Decimal, parse_int=Decimal
    )
    (item,) = document["Items"]
    assert (document["OrderNumber"], item["SKU"], item["UnitPrice"]) == (text, text, price)


def test_half_characters_do_not_break_the_document() -> None:
    assert json.loads(create_document(order(id="a\ud800b"), "C"))["OrderNumber"] == "a?b"


def test_a_look_up_encodes_the_number(json_api: RestWarehouse, server: Scripted) -> None:
    server.says(token(), status(number="#A/1 %"))
    assert isinstance(json_api.look_up("#A/1 %"), Present)
    assert server.paths[-1] == "/api/orders/%23A%2F1%20%25/status"


# ---- what a create's answer means ---------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [{"OrderId": 1}, {"OrderId": "x", "OrderNumber": "web-100234 "}]
)
def test_an_acceptance(
    json_api: RestWarehouse, server: Scripted, document: dict[str, object]
) -> None:
    server.says(token(), says(200, document))
    assert json_api.submit(order()) == Accepted(ID, None)


REFUSED_SKU = {"message": "SKU TEE-M is not known"}


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (says(201, {"OrderId": "1", "OrderNumber": "WEB-2"}), Occurrence.ODD_SUCCESS),
        (says(201, {"OrderNumber": ID}), Occurrence.NOT_UNDERSTOOD),
        (says(200, {"OrderId": True}), Occurrence.NOT_UNDERSTOOD),
        (says(200, {"OrderId": {"error": "none"}}), Occurrence.NOT_UNDERSTOOD),
        (says(200, {"OrderId": None, "message": "accepted"}), Occurrence.NOT_UNDERSTOOD),
        (says(201, ["OrderId"]), Occurrence.NOT_UNDERSTOOD),
        (Reply(201, HTML), Occurrence.WEB_PAGE),
        (Reply(302, b"", {"Location": "/"}), Occurrence.MOVED),
        (says(409, {"message": f"Order {ID} already exists"}), Occurrence.DUPLICATE),
        (Reply(409, HTML), Occurrence.BLOCKED),
        (says(403, {"message": "Missing permission 'Orders'"}), Occurrence.NOT_PERMITTED),
        (says(403, {"message": "You are not authorized"}), Occurrence.NOT_PERMITTED),
        (says(403, {"message": "Not authorized for offer TEE-M"}), Occurrence.HTTP_4XX),
        (says(400, REFUSED_SKU), Occurrence.REFUSED),
        (says(400, {"message": "Invalid Source"}), Occurrence.REFUSED),
        (says(400, {"message": f"Order {ID} already exists"}), Occurrence.HTTP_4XX),
        (says(400, {"message": "The moon was full"}), Occurrence.HTTP_4XX),
        (says(401, {"message": "Invalid Password"}), Occurrence.HTTP_4XX),
        (says(403, {"message": "Company is not yours"}), Occurrence.HTTP_4XX),
        (says(404, {"message": "no such thing"}), Occurrence.HTTP_404),
        (says(500, {"message": f"Order {ID} already exists"}), Occurrence.HTTP_5XX),
        (says(500, {"OrderId": "1"}), Occurrence.HTTP_5XX),
        (Reply(503, HTML), Occurrence.HTTP_5XX),
        (Reply(429, HTML), Occurrence.HTTP_429),
    ],
)
def test_anything_else(
    json_api: RestWarehouse, server: Scripted, reply: Reply, what: Occurrence
) -> None:
    assert refusal(json_api, server, reply).what is what


def test_a_refused_sku_names_what_to_change(json_api: RestWarehouse, server: Scripted) -> None:
    outcome = refusal(json_api, server, says(400, REFUSED_SKU))
    assert outcome.text == "SKU TEE-M is not known"
    assert "(TEE-M)" in outcome.hint
    assert "skus.aliases" in outcome.hint


def test_too_many_requests_tell_how_long_to_wait(json_api: RestWarehouse, server: Scripted) -> None:
    reply = Reply(429, HTML, {"Retry-After": "17"})
    assert refusal(json_api, server, reply).retry_after == 17.0


def test_a_quoted_text_holds_no_personal_data_and_no_secret(
    json_api: RestWarehouse, server: Scripted
) -> None:
    echo = f"Bad {PAT.email}, {PAT.address1.upper()}, {SECRET}"
    text = refusal(json_api, server, says(400, {"message": echo})).text
    assert text.startswith("a message that is not listed (")


def test_a_header_that_is_echoed_is_blanked(json_api: RestWarehouse, server: Scripted) -> None:
    pair = base64.b64encode(f"WSUSER:{SECRET}".encode()).decode()
    refused = says(403, {"message": "Bearer secret-token-1 is not good"})
    server.says(token("secret-token-1"), refused)
    outcome = json_api.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.text.startswith("a message that is not listed (")
    assert "secret-token-1" not in failure(json_api.look_up(ID)).message
    again = rest(server.url)
    server.says(says(401, {"message": f"Basic {pair} is not good"}))
    assert pair not in failure(again.look_up(ID)).message
    again.close()


# ---- the token ----------------------------------------------------------------------------------


def test_a_token_is_kept_and_renewed_five_minutes_before_its_end(server: Scripted) -> None:
    clock = FakeClock()
    client = rest(server.url, clock=clock)
    server.says(token("T1", 3600), status(), status(), token("T2", 3600), status())
    client.look_up(ID)
    clock.forward(seconds=3299)
    client.look_up(ID)
    clock.forward(seconds=1)
    client.look_up(ID)
    client.close()
    used = [one.headers["authorization"] for one in server.seen if one.method == "GET"]
    assert used == ["Bearer T1", "Bearer T1", "Bearer T2"]


@pytest.mark.parametrize("life", [None, "soon", -5, 0, True, 1e400, 10**400, "3600", [1]])
def test_a_life_that_makes_no_sense_does_no_harm(
    json_api: RestWarehouse, server: Scripted, life: object
) -> None:
    server.says(token("T1", life), status())
    assert isinstance(json_api.look_up(ID), Present)
    assert isinstance(json_api.look_up(ID), Present)


def test_an_expired_token_is_renewed_once_for_a_read(
    json_api: RestWarehouse, server: Scripted
) -> None:
    server.says(token("T1"), EXPIRED, token("T2"), status())
    assert isinstance(json_api.look_up(ID), Present)
    assert server.paths.count("/api/token") == 2


def test_a_fresh_token_that_is_refused_is_refused_credentials(
    json_api: RestWarehouse, server: Scripted
) -> None:
    server.says(token("T1"), EXPIRED, token("T2"), EXPIRED)
    error = failure(json_api.look_up(ID))
    assert isinstance(error, AuthRefused)
    assert not error.listed
    assert len(server.seen) == 4


def test_a_create_with_an_expired_token_is_never_repeated_but_the_next_has_a_fresh_one(
    json_api: RestWarehouse, server: Scripted
) -> None:
    server.says(token("T1"), EXPIRED, token("T2"), CREATED)
    outcome = json_api.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is Occurrence.HTTP_4XX
    assert server.paths == ["/api/token", "/api/orders"]
    assert isinstance(json_api.submit(order(id="WEB-2")), Accepted)


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (says(401, {"error": "invalid_client"}), Occurrence.NOT_CONNECTED),
        (Reply(503, HTML), Occurrence.NOT_CONNECTED),
        (Reply(200, HTML), Occurrence.NOT_CONNECTED),
        (says(200, {"access_token": ""}), Occurrence.NOT_CONNECTED),
        (says(200, {"access_token": "a\r\nX-Evil: 1"}), Occurrence.NOT_CONNECTED),
        (says(200, {"access_token": "ключ"}), Occurrence.NOT_CONNECTED),
        (Reply(429, HTML, {"Retry-After": "90"}), Occurrence.HTTP_429),
    ],
)
def test_nothing_is_created_without_a_token(
    json_api: RestWarehouse, server: Scripted, reply: Reply, what: Occurrence
) -> None:
    server.says(reply)
    outcome = json_api.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is what
    assert outcome.retry_after == (90.0 if what is Occurrence.HTTP_429 else None)
    assert set(server.paths) == {"/api/token"}


@pytest.mark.parametrize(
    "reply",
    [
        says(401, {"error": "invalid_client", "message": f"not {SECRET}"}),
        says(403, {"Error": "Invalid Requested System"}),
        says(400, {"error": "invalid_client"}),
    ],
)
def test_control_a_refused_client(json_api: RestWarehouse, server: Scripted, reply: Reply) -> None:
    server.says(reply)
    with pytest.raises(AuthRefused) as caught:
        json_api.check_connection(None)
    assert caught.value.listed
    assert SECRET not in caught.value.message
    assert "veracore.client_secret" in caught.value.hint
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, HTML), Unavailable),
        (Reply(200, b""), Unavailable),
        (Reply(301, b"", {"Location": "https://elsewhere.example/"}), WrongEndpoint),
        (Reply(404, HTML), WrongEndpoint),
        (says(404, {"message": "nothing here"}), WrongEndpoint),
        (Reply(403, HTML), Unavailable),
        (says(400, {"error": "unsupported_grant_type"}), WrongEndpoint),
        (says(200, {"token": "x"}), WrongEndpoint),
        (Reply(503, HTML), Unavailable),
        (Reply(429, HTML), RateLimited),
    ],
)
def test_control_what_is_no_token(
    json_api: RestWarehouse, server: Scripted, reply: Reply, kind: type[SyncError]
) -> None:
    server.says(reply)
    with pytest.raises(kind) as caught:
        json_api.check_connection(None)
    assert kind is not WrongEndpoint or server.url in caught.value.message


def test_control_with_a_token_in_hand_asks_nothing(
    json_api: RestWarehouse, server: Scripted
) -> None:
    server.says(token())
    json_api.check_connection(None)
    json_api.check_connection(ID)
    assert server.paths == ["/api/token"]


def test_nobody_there() -> None:
    client = rest("http://127.0.0.1:9")
    outcome = client.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is Occurrence.NOT_CONNECTED
    assert isinstance(failure(client.look_up(ID)), Unavailable)
    client.close()


def test_a_server_that_is_down_is_asked_a_little(json_api: RestWarehouse, server: Scripted) -> None:
    server.says(Reply(503, HTML))
    assert isinstance(failure(json_api.look_up(ID)), Unavailable)
    assert len(server.seen) == 2


# ---- looking up ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("Unprocessed", "open"),
        ("Processed", "processed"),
        ("Partially Shipped", "processed"),
        ("Shipped", "shipped"),
        ("Complete", "complete"),
        ("Cancelled", "cancelled"),
        ("canceled", "cancelled"),
        ("Dreaming", "unknown"),
        ("", "unknown"),
    ],
)
def test_present(json_api: RestWarehouse, server: Scripted, word: str, known: str) -> None:
    server.says(token(), status(word, "web-100234"))
    found = json_api.look_up(ID)
    assert isinstance(found, Present)
    record = found.record
    assert (record.id, record.reference, record.lines, record.status) == (ID, None, None, known)


@pytest.mark.parametrize(
    "document",
    [
        {"message": f"Order {ID} was not found", "OrderNumber": ID},
        {"OrderNumber": "web-100234"},
        {"message": f"No order '{ID}'."},
    ],
)
def test_absent(json_api: RestWarehouse, server: Scripted, document: dict[str, str]) -> None:
    server.says(token(), says(404, document))
    assert json_api.look_up(ID) == Absent()


def test_absent_where_the_number_is_told_as_a_json_number(
    json_api: RestWarehouse, server: Scripted
) -> None:
    server.says(token(), says(404, {"OrderNumber": 1001}))
    assert json_api.look_up("1001") == Absent()


@pytest.mark.parametrize(
    "document",
    [
        {"statusCode": 404, "error": "Not Found", "message": "Cannot GET /api/orders/404/status"},
        {"status": "404"},
        {"message": "Error 404: not found"},
    ],
)
def test_an_answer_that_names_its_own_status_names_no_order(
    json_api: RestWarehouse, server: Scripted, document: dict[str, object]
) -> None:
    server.says(token(), says(404, document))
    assert isinstance(failure(json_api.look_up("404")), ProtocolError)
    server.says(says(404, document | {"OrderNumber": "404"}))
    assert json_api.look_up("404") == Absent()


@pytest.mark.parametrize(
    "reply",
    [
        says(404, {"message": "not found"}),
        says(404, {"message": f"Order {ID} was not found", "OrderNumber": "WEB-2"}),
        says(404, {"status": 100234}),
        says(404, {"message": f"No HTTP resource matches '/v1/api/orders/{ID}/status'"}),
        says(404, {"message": f"Order {ID}-2 was not found"}),
        says(404, [ID]),
        Reply(404, HTML),
        Reply(404, f"Order {ID} was not found".encode()),
        status(number="WEB-2"),
        says(200, {"Status": "Shipped"}),
        says(200, []),
        says(400, {"message": f"Order {ID} was not found"}),
        says(410, {"OrderNumber": ID}),
    ],
)
def test_anything_else_tells_nothing(
    json_api: RestWarehouse, server: Scripted, reply: Reply
) -> None:
    server.says(token(), reply)
    assert isinstance(failure(json_api.look_up(ID)), ProtocolError)


# ---- whatever comes -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fuzzed(listener: Scripted) -> Iterator[RestWarehouse]:
    client = rest(listener.url)
    listener.says(token())
    client.check_connection(None)
    yield client
    client.close()


DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(), st.just(ID)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["OrderId", "OrderNumber", "Status", "message", "error"]), inner
        ),
    ),
    max_leaves=8,
).map(lambda document: json.dumps(document).encode())


@given(
    code=st.sampled_from([200, 201, 302, 400, 403, 404, 409, 429, 500]),
    body=st.one_of(st.binary(max_size=100), DOCUMENTS, st.just(b"[" * 100_000)),
)
def test_any_answer_is_a_value(
    fuzzed: RestWarehouse, listener: Scripted, code: int, body: bytes
) -> None:
    listener.says(Reply(code, body, JSON))
    assert isinstance(fuzzed.submit(order()), Accepted | NotAccepted)
    assert isinstance(fuzzed.look_up(ID), Present | Absent | LookUpFailed)

"""The client: sessions, what is repeated and what is not, and the meaning of each error shape."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock
from vendure_kit import (
    TOKEN,
    URL,
    client,
    error,
    forbidden,
    login_ok,
    login_refused,
    operations,
    variables,
)

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import (
    AuthRefused,
    Category,
    ConfigError,
    ProtocolError,
    RateLimited,
    SyncError,
    TimedOut,
    Unavailable,
    WrongEndpoint,
)
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.vendure.answers import AnotherKind, Forbidden, data_of
from veracore_sync.vendure.documents import LIST_ORDERS, Document

NOTE = Document("AddNote", "mutation AddNote { addNote { id } }", "UpdateOrder")
FINE: dict[str, Any] = {"json": {"data": {"ok": True}}}


def in_channel(token: str) -> dict[str, Any]:
    return {"json": {"data": {"ok": True, "activeChannel": {"code": "east", "token": token}}}}


def asked(httpx_mock: HTTPXMock) -> list[str]:
    return operations(httpx_mock.get_requests())


def add(httpx_mock: HTTPXMock, *answers: dict[str, Any]) -> None:
    for answer in answers:
        httpx_mock.add_response(url=URL, **answer)


# ---- sessions -------------------------------------------------------------------------------


def test_logs_in_once_and_bears_the_token(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), FINE, FINE)
    shop = client()
    assert shop.execute(LIST_ORDERS, {}) == {"ok": True}
    shop.execute(LIST_ORDERS, {})
    login, first, second = httpx_mock.get_requests()
    assert variables(login) == {"username": "sync", "password": "s3cret"}
    assert "authorization" not in login.headers
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {TOKEN}"
    assert "vendure-token" not in first.headers


def test_a_token_of_another_answer_is_not_adopted(httpx_mock: HTTPXMock) -> None:
    anonymous = {**FINE, "headers": {"vendure-auth-token": "b" * 64, "set-cookie": "session=x"}}
    add(httpx_mock, login_ok(), anonymous, FINE)
    shop = client()
    shop.execute(LIST_ORDERS, {})
    shop.execute(LIST_ORDERS, {})
    last = httpx_mock.get_requests()[-1]
    assert last.headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in last.headers


def test_threads_share_one_login(httpx_mock: HTTPXMock) -> None:
    another_login = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if operations([request]) != ["Login"]:
            return httpx.Response(200, **FINE)
        if asked(httpx_mock).count("Login") > 1:
            another_login.set()
        another_login.wait(0.2)
        return httpx.Response(200, **login_ok())

    httpx_mock.add_callback(answer, is_reusable=True)
    shop = client()
    threads = [threading.Thread(target=shop.execute, args=(LIST_ORDERS, {})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asked(httpx_mock)) == ["ListOrders"] * 8 + ["Login"]


def test_a_dead_session_logs_in_again_and_repeats_once(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), forbidden(session_dead=True), login_ok("c" * 64), FINE)
    assert client().execute(LIST_ORDERS, {}) == {"ok": True}
    assert asked(httpx_mock) == ["Login", "ListOrders", "Login", "ListOrders"]
    assert httpx_mock.get_requests()[-1].headers["authorization"] == "Bearer " + "c" * 64


def test_a_second_forbidden_names_operation_and_permission(httpx_mock: HTTPXMock) -> None:
    denied = forbidden(session_dead=False)
    add(httpx_mock, login_ok(), denied, login_ok(), denied)
    with pytest.raises(AuthRefused, match=r"ListOrders.*ReadOrder") as caught:
        client().execute(LIST_ORDERS, {})
    assert caught.value.exit_code == 77
    assert caught.value.listed is False
    assert "in the channel in use (the default one, without vendure.channel_token)" in (
        caught.value.hint or ""
    )


def test_the_channel_goes_with_every_request(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), in_channel("chan-1"))
    client(channel_token="chan-1").execute(LIST_ORDERS, {})
    assert [r.headers["vendure-token"] for r in httpx_mock.get_requests()] == ["chan-1", "chan-1"]


def test_an_api_key_needs_no_login(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, FINE)
    client(api_key="id:secret").execute(LIST_ORDERS, {})
    (request,) = httpx_mock.get_requests()
    assert request.headers["vendure-api-key"] == "id:secret"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("session_dead", "listed", "says"),
    [(True, True, r"does not know vendure\.api_key"), (False, False, r"ListOrders.*ReadOrder")],
)
def test_an_api_key_is_refused_at_once(
    httpx_mock: HTTPXMock, session_dead: bool, listed: bool, says: str
) -> None:
    add(httpx_mock, forbidden(session_dead=session_dead))
    with pytest.raises(AuthRefused, match=says) as caught:
        client(api_key="id:secret").execute(LIST_ORDERS, {})
    assert caught.value.listed is listed
    assert asked(httpx_mock) == ["ListOrders"]


@pytest.mark.parametrize("setting", ["api_key", "channel_token"])
def test_a_secret_no_header_can_carry_is_not_quoted(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"vendure.{setting}") as caught:
        client(**{setting: "gehe \u00efm"})
    assert "gehe" not in caught.value.message


# ---- login ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("InvalidCredentialsError", True),
        ("NativeAuthStrategyError", True),
        ("SomethingNewError", False),
    ],
)
def test_a_refused_login_is_not_repeated(httpx_mock: HTTPXMock, kind: str, listed: bool) -> None:
    add(httpx_mock, login_refused(kind))
    with pytest.raises(AuthRefused) as caught:
        client().execute(LIST_ORDERS, {})
    assert caught.value.listed is listed
    assert "s3cret" not in caught.value.message + caught.value.hint
    assert asked(httpx_mock) == ["Login"]


@pytest.mark.parametrize("headers", [{}, {"vendure-auth-token": ""}])
def test_a_login_without_a_bearer_names_the_server_setting(
    httpx_mock: HTTPXMock, headers: dict[str, str]
) -> None:
    add(httpx_mock, {**login_ok(), "headers": headers})
    with pytest.raises(WrongEndpoint, match="bearer") as caught:
        client().execute(LIST_ORDERS, {})
    assert "authOptions.tokenMethod must include 'bearer'" in caught.value.hint


def test_a_login_is_repeated_when_the_server_stumbles(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ConnectError("refused"))
    add(httpx_mock, {"status_code": 503}, login_ok(), FINE)
    client().execute(LIST_ORDERS, {})
    assert asked(httpx_mock) == ["Login", "Login", "Login", "ListOrders"]


def test_an_unknown_channel_shows_at_the_login(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, error("error.channel-not-found", "CHANNEL_NOT_FOUND"))
    with pytest.raises(ConfigError, match=r"vendure\.channel_token"):
        client(channel_token="chan-1").execute(LIST_ORDERS, {})


# ---- another API ----------------------------------------------------------------------------

OTHER_KINDS: list[dict[str, Any]] = [
    {"html": "<html>shop</html>"},
    {"status_code": 404, "json": {"statusCode": 404, "message": "Cannot POST /nope"}},
    {"status_code": 400, "json": {"statusCode": 400, "message": "Expected property name"}},
    {"status_code": 301, "headers": {"location": "https://shop.test/"}},
    {"status_code": 403, "html": "<h1>Forbidden</h1>"},
    {"json": {"data": None}},
    {"json": ["data"]},
    {"json": {"errors": [], "data": "x"}},
    {"content": b""},
    {"content": b"[" * 100_000},
    {"content": b'{"data": {"ok": \xff}}'},
]


@pytest.mark.parametrize("answer", OTHER_KINDS, ids=str)
def test_another_api_at_first_contact_is_a_wrong_address(
    httpx_mock: HTTPXMock, answer: dict[str, Any]
) -> None:
    add(httpx_mock, answer)
    with pytest.raises(WrongEndpoint, match=r"vendure\.admin_api_url"):
        client().execute(LIST_ORDERS, {})


def test_a_redirect_says_where_it_leads(httpx_mock: HTTPXMock) -> None:
    moved = {"location": "https://ada:s3cret@shop.test/admin-api?key=s3cret"}
    add(httpx_mock, {"status_code": 301, "headers": moved})
    with pytest.raises(WrongEndpoint, match=r"a redirect to https://shop\.test/") as caught:
        client().execute(LIST_ORDERS, {})
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("answer", OTHER_KINDS, ids=str)
def test_the_same_answer_later_is_not_understood(
    httpx_mock: HTTPXMock, answer: dict[str, Any]
) -> None:
    add(httpx_mock, login_ok(), answer)
    with pytest.raises(ProtocolError, match="ListOrders"):
        client().execute(LIST_ORDERS, {})


# ---- errors of the API ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "says", "times"),
    [
        (error("deadlock detected"), Unavailable, "deadlock", 3),
        (error("SqliteError: FOREIGN KEY constraint failed"), ProtocolError, "FOREIGN KEY", 1),
        (error("deadlock", "INTERNAL_SERVER_ERROR"), ProtocolError, "INTERNAL_SERVER_ERROR", 1),
        (error("No Order", "ENTITY_NOT_FOUND"), ProtocolError, "ENTITY_NOT_FOUND", 1),
        (error("no take", "USER_INPUT_ERROR"), ProtocolError, "USER_INPUT_ERROR: a message", 1),
        (error("no", "CHANNEL_NOT_FOUND"), ConfigError, r"vendure\.channel_token", 1),
        (
            error("Cannot query field", "GRAPHQL_VALIDATION_FAILED", status=400),
            ConfigError,
            "does not know ListOrders.*Cannot query field",
            1,
        ),
        ({"status_code": 502, "html": "<h1>Bad gateway</h1>"}, Unavailable, "HTTP 502", 3),
        ({"status_code": 429}, RateLimited, "HTTP 429", 3),
        ({"json": {"errors": ["odd", None]}}, ProtocolError, "ListOrders", 1),
        ({"json": {"errors": [{"extensions": {"code": 7}}]}}, ProtocolError, "ListOrders", 1),
    ],
)
def test_what_an_error_means(
    httpx_mock: HTTPXMock, answer: dict[str, Any], kind: type[SyncError], says: str, times: int
) -> None:
    add(httpx_mock, login_ok(), *[answer] * times)
    with pytest.raises(kind, match=says):
        client().execute(LIST_ORDERS, {})
    assert asked(httpx_mock) == ["Login"] + ["ListOrders"] * times


def test_errors_beside_data_never_pass_as_an_answer(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), {"json": {"data": {"ok": True}, "errors": [{"message": "half"}]}})
    with pytest.raises(ProtocolError, match=r"not listed \(4 char"):
        client().execute(LIST_ORDERS, {})


def test_a_long_error_text_is_cut(httpx_mock: HTTPXMock) -> None:
    told = json.dumps({"errors": [{"message": "x\n\x1b[31m\ud800" * 300}]}).encode()
    add(httpx_mock, login_ok(), {"content": told})
    with pytest.raises(ProtocolError) as caught:
        client().execute(LIST_ORDERS, {})
    assert len(caught.value.message) < 250
    assert caught.value.message.isprintable()


def test_a_long_retry_after_is_not_waited_for(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), {"status_code": 503, "headers": {"retry-after": "3600"}})
    with pytest.raises(Unavailable) as caught:
        client().execute(LIST_ORDERS, {})
    assert caught.value.retry_after == 3600


def test_a_body_that_is_too_large_is_our_own_fault(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), {"status_code": 500, "json": {"statusCode": 500, "message": ""}})
    with pytest.raises(SyncError, match="more than Vendure accepts") as caught:
        client().execute(LIST_ORDERS, {"codes": "x" * 110_000})
    assert caught.value.category is Category.INTERNAL


def test_a_lost_read_is_repeated(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok())
    httpx_mock.add_exception(httpx.ReadError("reset"))
    add(httpx_mock, FINE)
    assert client().execute(LIST_ORDERS, {}) == {"ok": True}


def test_a_read_that_stays_late_is_timed_out(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok())
    httpx_mock.add_exception(httpx.ReadTimeout("late"), is_reusable=True)
    with pytest.raises(TimedOut, match="ListOrders"):
        client().execute(LIST_ORDERS, {})
    assert asked(httpx_mock) == ["Login"] + ["ListOrders"] * 3


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["data", "errors", "message", "extensions", "code"]), inner, max_size=3
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


@given(
    body=st.binary(max_size=200) | JSON_BODIES,
    status=st.integers(100, 599),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "vendure-auth-token"]), st.text(max_size=9)
    ),
)
def test_any_bytes_are_data_or_one_of_our_errors(
    body: bytes, status: int, headers: dict[str, str]
) -> None:
    answer = HttpAnswer(status, headers, body)
    try:
        data = data_of(
            answer,
            "ListOrders",
            sent_bytes=9,
            clock=SystemClock(),
            token_header="vendure-auth-token",
        )
    except (Forbidden, AnotherKind, SyncError) as error:
        assert str(error).isprintable()
    else:
        assert isinstance(data, dict)


# ---- mutations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("deadlock detected"), Unavailable),
        ({"status_code": 503}, Unavailable),
        ({"status_code": 429}, RateLimited),
        (forbidden(session_dead=False), AuthRefused),
    ],
)
def test_a_mutation_is_never_repeated(
    httpx_mock: HTTPXMock, answer: dict[str, Any], kind: type[SyncError]
) -> None:
    add(httpx_mock, login_ok(), answer)
    with pytest.raises(kind):
        client().execute(NOTE, {}, mutation=True)
    assert asked(httpx_mock) == ["Login", "AddNote"]


def test_a_lost_mutation_is_not_repeated(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok())
    httpx_mock.add_exception(httpx.ReadError("reset"))
    with pytest.raises(Unavailable, match="AddNote"):
        client().execute(NOTE, {}, mutation=True)


def test_a_mutation_on_a_dead_session_ran_nothing_and_is_sent_again(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), forbidden(session_dead=True), login_ok(), FINE)
    assert client().execute(NOTE, {}, mutation=True) == {"ok": True}
    assert asked(httpx_mock) == ["Login", "AddNote", "Login", "AddNote"]

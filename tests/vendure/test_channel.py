"""What is not of the configured channel is neither returned nor changed; names of headers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpx import HTTPXMock
from vendure_kit import TOKEN, URL, client, login_ok, operations, settings

from veracore_sync.domain.errors import ConfigError, ProtocolError
from veracore_sync.vendure.channel import ChannelInUse
from veracore_sync.vendure.documents import LIST_ORDERS, NOTE_ORDER, POLL_ORDERS

RIGHT, OTHER = "token-of-east", "token-of-west"


def answer(token: str | None) -> dict[str, Any]:
    channel = {"code": "east" if token == RIGHT else "__default_channel__", "token": token}
    return {"json": {"data": {"ok": True, **({"activeChannel": channel} if token else {})}}}


def asked(httpx_mock: HTTPXMock, *answers: dict[str, Any]) -> None:
    for one in (login_ok(), *answers):
        httpx_mock.add_response(url=URL, **one)


def test_a_read_of_another_channel_is_not_returned(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, answer(OTHER))
    with pytest.raises(ConfigError) as caught:
        client(channel_token=RIGHT).execute(LIST_ORDERS, {})
    said = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == 78
    assert "channel __default_channel__" in said
    assert "vendure.channel_token_header (now vendure-token)" in said
    assert RIGHT not in said
    assert OTHER not in said


def test_a_proved_read_needs_no_request_of_its_own(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, answer(RIGHT), answer(RIGHT), {"json": {"data": {"ok": True}}})
    shop = client(channel_token=RIGHT)
    shop.execute(LIST_ORDERS, {})
    shop.execute(POLL_ORDERS, {})
    shop.execute(NOTE_ORDER, {}, mutation=True)
    done = operations(httpx_mock.get_requests())
    assert done == ["Login", "ListOrders", "PollOrders", "NoteOrder"]


def test_without_a_channel_the_requests_are_as_ever(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, {"json": {"data": {"ok": True}}}, {"json": {"data": {"ok": True}}})
    shop = client()
    shop.execute(NOTE_ORDER, {}, mutation=True)
    shop.execute(LIST_ORDERS, {})
    assert operations(httpx_mock.get_requests()) == ["Login", "NoteOrder", "ListOrders"]
    assert b"activeChannel" not in httpx_mock.get_requests()[-1].content


def test_a_mutation_waits_for_the_proof(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, answer(OTHER), answer(RIGHT), {"json": {"data": {"ok": True}}})
    shop = client(channel_token=RIGHT)
    with pytest.raises(ConfigError):
        shop.execute(NOTE_ORDER, {}, mutation=True)
    assert operations(httpx_mock.get_requests()) == ["Login", "ReadChannel"]
    shop.execute(NOTE_ORDER, {}, mutation=True)
    assert operations(httpx_mock.get_requests())[2:] == ["ReadChannel", "NoteOrder"]


def test_a_failed_proof_ends_an_earlier_one(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, answer(RIGHT), answer(OTHER), answer(OTHER))
    shop = client(channel_token=RIGHT)
    shop.execute(LIST_ORDERS, {})
    with pytest.raises(ConfigError):
        shop.execute(LIST_ORDERS, {})
    with pytest.raises(ConfigError):
        shop.execute(NOTE_ORDER, {}, mutation=True)
    assert operations(httpx_mock.get_requests())[-1] == "ReadChannel"


def test_a_proof_does_not_last_for_ever() -> None:
    class Clock:
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    clock: Any = Clock()
    channel = ChannelInUse(RIGHT, "vendure-token", clock)
    channel.prove({"activeChannel": {"code": "east", "token": RIGHT}})
    assert channel.is_proved
    clock.at = 61.0
    assert not channel.is_proved


def test_an_answer_that_names_no_channel_proves_nothing(httpx_mock: HTTPXMock) -> None:
    asked(httpx_mock, answer(None))
    with pytest.raises(ProtocolError, match="activeChannel"):
        client(channel_token=RIGHT).execute(LIST_ORDERS, {})


def test_the_names_of_the_headers_are_settings(httpx_mock: HTTPXMock) -> None:
    fine = {**login_ok(), "headers": {"X-Auth-Token": TOKEN}}
    httpx_mock.add_response(url=URL, **fine)
    httpx_mock.add_response(url=URL, **answer(RIGHT))
    names = {"channel_token_header": "x-channel", "auth_token_header": "X-Auth-Token"}
    client(channel_token=RIGHT, **names).execute(LIST_ORDERS, {})
    login, listing = httpx_mock.get_requests()
    assert (login.headers["x-channel"], listing.headers["x-channel"]) == (RIGHT, RIGHT)
    assert "vendure-token" not in listing.headers
    assert listing.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_login_whose_token_is_elsewhere_names_the_setting(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, **{**login_ok(), "headers": {"x-auth-token": TOKEN}})
    with pytest.raises(ConfigError, match="in the header vendure-auth-token") as caught:
        client().execute(LIST_ORDERS, {})
    assert "vendure.auth_token_header" in caught.value.hint
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"


def test_the_key_goes_in_its_own_header(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, json={"data": {"ok": True}})
    client(api_key="id:secret", api_key_header="x-key").execute(LIST_ORDERS, {})
    (request,) = httpx_mock.get_requests()
    assert request.headers["x-key"] == "id:secret"
    assert "vendure-api-key" not in request.headers


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:b", "ü", "a\nb", "Authorization", "host", "x" * 101]
)
@pytest.mark.parametrize("setting", ["channel_token_header", "auth_token_header", "api_key_header"])
def test_a_name_that_is_no_header_is_refused(setting: str, name: str) -> None:
    with pytest.raises(ValidationError, match=r"header|HTTP"):
        settings(**{setting: name})


def test_two_things_do_not_share_a_header() -> None:
    with pytest.raises(ValidationError, match="same channel_token_header"):
        settings(channel_token_header="X-Key", api_key_header="x-key")

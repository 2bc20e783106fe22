"""Of an upstream's message nothing is repeated but listed words and values of ours."""

from __future__ import annotations

import io
import logging
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from echo_kit import PEOPLE, Person, echoes, found_in
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.cli import logs
from veracore_sync.domain.listed_words import (
    IN_FULL,
    media_type,
    place,
    repeat,
    shape,
    shown_number,
)

KNOWN = ["WEB-100234", "TEE-M", "UPS", "SPRING"]
FRAMES = (
    "{}",
    "Invalid value {}",
    "Customer {} does not exist",
    "Order ID WEB-100234 of {} already exists",
    "Cannot insert duplicate key ({}) in object 'dbo.Mailer'",
    "Timeout expired while saving {}.",
    "{}: Invalid Source",
    "User {} does not have permission to call AddOrder",
    "deadlock detected ({})",
)
KINDS = tuple(echoes(PEOPLE[0]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("one", PEOPLE, ids=lambda one: one.city)
def test_no_echo_is_repeated(kind: str, one: Person) -> None:
    for frame in FRAMES:
        message = frame.format(echoes(one)[kind])
        told = repeat(message, KNOWN)
        assert not found_in(told, one), (message, told)
        assert told


LISTED = {
    "Order ID WEB-100234 already exists": "",
    "The Order 'web-100234' already exists in the system": "",
    "Offer TEE-M does not have a Ship To Key": "",
    "Can NOT find information for Product ID TEE-M": "",
    "Invalid Search Criteria": "",
    "Invalid User Defined Field": "",
    "Invalid Requested System": "",
    "Unable to locate Order for Order Id 'WEB-100234'": "",
    "Missing permission 'WarehouseProducts'": "",
    "Request too Large": "",
    "There is an error in XML document (1, 5)": "",
    "Object reference not set to an instance of an object.": "",
    "Cannot take more than 1000 results from a list query": "",
    "You are not currently authorized to perform this action": "You are not currently authorized "
    "to … this …",
    "User WSUSER does not have permission to call AddOrder": "User … does not have permission to "
    "call AddOrder",
    "Unable to locate Order for Order Id 'WEB-7'": "Unable to locate Order for Order Id …",
    "Invalid Product ID of Pat Example": "Invalid Product ID of …",
    'No ProductVariant with the id "9" could be found': "No ProductVariant with the id … could be "
    "found",
    "[Errno 111] Connection refused": "",
    "Server disconnected without sending a response.": "",
    "illegal header line: bytearray(b'X: Zyx')": "illegal header line…",
}


@pytest.mark.parametrize(("message", "told"), LISTED.items())
def test_a_listed_message_keeps_its_meaning(message: str, told: str) -> None:
    assert repeat(message, KNOWN) == (told or message)


def test_an_unlisted_one_is_told_by_its_shape_and_equal_ones_alike() -> None:
    first, again, other = (
        repeat(f"{words} WEB-{number} Zyx", [f"WEB-{number}"])
        for words, number in (("Code 17", 1), ("code 17", 2), ("Code 18", 1))
    )
    assert first == again != other
    assert first.startswith("a message that is not listed (17 characters, #")
    assert repeat("") == repeat(" \n") == ""
    assert shape("x") == shape("X")


def test_a_customer_whose_name_is_a_listed_word() -> None:
    assert repeat("Order of Line is missing", (), ["Pat Line"]) == "Order of … is missing"
    assert repeat("Order of Line is missing") == "Order of Line is missing"


def test_a_known_value_is_no_part_of_another() -> None:
    assert repeat("WEB-100234-9 already exists", KNOWN) == "… already exists"
    assert repeat("x@WEB-100234 already exists", KNOWN) == "… already exists"


def test_a_hostile_message_takes_no_time() -> None:
    began = time.thread_time()
    for filler in (
        "sku ",
        " at x",
        "invalid ",
        "a" * 40,
        "not ",
        "\u202e",
        "(",
        "does not have the ",
    ):
        assert len(repeat("x" + filler * 200_000)) <= 200
    # Its own work, whatever else the machine does; what is not linear takes hours for one of these.
    assert time.thread_time() - began < 60


def test_redirects_media_types_and_numbers() -> None:
    assert place("https://pat:zyx@sso.example.com/login.aspx?who=pat") == (
        "https://sso.example.com/login.aspx"
    )
    assert place("/customers/pat-example") == "/…"
    assert place("https://x\x1b(2J/admin-api") == "https://…/admin-api"
    assert (place(""), place("https://[x/y")) == ("", "…")
    assert media_type("text/html") == "text/html"
    assert media_type("text/pat-example") == "an unknown content type"
    assert media_type("") == ""
    assert [shown_number(one) for one in ("-3", "1.5", "5305550147", "Pat", "")] == [
        "-3",
        "1.5",
        *(["no number"] * 2),
        "empty",
    ]


WORDS = st.sampled_from(
    ["Order", "already exists", "not found", "invalid", "for", "TEE-M", "missing", "17", "(", "x"]
)


@given(
    st.sampled_from(PEOPLE),
    st.lists(st.one_of(WORDS, st.sampled_from(KINDS)), min_size=1, max_size=8),
    st.sampled_from([" ", ", ", "-", ": ", "/", "'"]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_around_it(one: Person, parts: list[str], gap: str) -> None:
    said = echoes(one)
    message = gap.join(said.get(part, part) for part in parts)
    assert not found_in(repeat(message, KNOWN, one.values), one)


# ---- the whole message, for a person who asks ---------------------------------------------------


class Screen(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "level", "is_shown"),
    [(True, "debug", True), (False, "debug", False), (True, "info", False)],
)
def test_the_whole_message_is_shown_at_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, level: str, is_shown: bool
) -> None:
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    root, in_full = logging.getLogger("veracore_sync"), logging.getLogger(IN_FULL)
    before = root.handlers[:], root.level, root.propagate, in_full.disabled
    wanted: Any = SimpleNamespace(
        settings=SimpleNamespace(log=SimpleNamespace(level=level, format="text")),
        origins={"log.level": "option"},
        shop="",
    )
    try:
        logs.set_up(wanted)
        told = repeat("Code 17\x1b[2J for Zyx of Zyxcity", (), ["Zyxcity"])
    finally:
        root.handlers[:], root.level, root.propagate, in_full.disabled = before
    assert "Zyx" not in told
    assert ("Code 17 [2J for Zyx of …" in screen.getvalue().replace("\ufffd", " ")) == is_shown
    assert "\x1b" not in screen.getvalue()


def test_without_a_command_nobody_is_told() -> None:
    assert logging.getLogger(IN_FULL).disabled

"""Which versions a server may be, from the types that its schema has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from veracore_sync.domain.errors import Unavailable
from veracore_sync.jobs.doctor.shop import server
from veracore_sync.ports.shop import ServerTraits
from veracore_sync.vendure.node import Node
from veracore_sync.vendure.version import version

SIGNS = ("since31", "since33", "since34", "since35", "since36", "since38")


@pytest.mark.parametrize(
    ("has", "said"),
    [
        ((), "3.0"),
        (SIGNS[:1], "3.1 or 3.2"),
        (SIGNS[:2], "3.3"),
        (SIGNS[:3], "3.4"),
        (SIGNS[:4], "3.5"),
        (SIGNS[:5], "3.6 or 3.7"),
        (SIGNS, "3.8 or later"),
    ],
)
def test_the_newest_sign_counts(has: Sequence[str], said: str) -> None:
    answer: dict[str, Any] = {sign: {"name": "X"} if sign in has else None for sign in SIGNS}
    assert version(Node(answer)) == said


class Server:
    def __init__(self, traits: ServerTraits | None) -> None:
        self.traits = traits

    def server(self) -> ServerTraits:
        if self.traits is None:
            raise Unavailable("gone", upstream="vendure")
        return self.traits


@pytest.mark.parametrize(
    ("name", "unreadable", "capped"),
    [
        ("3.0", True, False),
        ("3.5", True, False),
        ("3.6 or 3.7", True, True),
        ("3.8 or later", False, True),
        ("", True, True),
    ],
)
def test_doctor_tells_what_matters(name: str, unreadable: bool, capped: bool) -> None:
    shown, lists = server(Server(ServerTraits(name, 20)))  # type: ignore[arg-type]
    assert (shown.level, lists.level) == ("ok", "ok")
    assert ("cannot be read" in shown.message) == unreadable
    assert ("may allocate less" in shown.message) == capped
    assert "at most 20 records" in lists.message
    assert ("introspection" in shown.message) == (not name)


def test_a_server_without_a_limit_lists_all() -> None:
    _, lists = server(Server(ServerTraits("3.5", None)))  # type: ignore[arg-type]
    assert "all records" in lists.message


def test_a_server_that_is_gone_is_a_failure() -> None:
    (found,) = server(Server(None))  # type: ignore[arg-type]
    assert found.level == "fail"

"""Every fault kind, in both dialects, as a client on a socket sees it."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from wire_client import REST_ORDER, SOAP_12, Reply, Wire, add_order

from veracore_sync.sandbox import server
from veracore_sync.sandbox.server import Sandbox


class Dialect:
    """The same three calls in one dialect."""

    def __init__(self, name: str, wire: Wire) -> None:
        self.name = name
        self.wire = wire
        self.token = wire.token().json()["access_token"] if name == "rest" else ""

    def create(self, number: str = "WEB-100234") -> Reply:
        if self.name == "oms":
            return self.wire.add_order(number)
        order = {**REST_ORDER, "OrderNumber": number}
        return self.wire.rest("POST", "/api/orders", order, self.token)

    def look_up(self, number: str = "WEB-100234") -> Reply:
        if self.name == "oms":
            return self.wire.order_info(number)
        return self.wire.rest("GET", f"/api/orders/{number}/status", None, self.token)

    def finds(self, number: str = "WEB-100234") -> bool:
        reply = self.look_up(number)
        if self.name == "oms":
            return reply.texts("OrderId") == [number]
        return reply.status == 200

    def stock(self) -> Reply:
        if self.name == "oms":
            return self.wire.stock("%")
        return self.wire.rest("GET", "/api/inventory", None, self.token)


@pytest.fixture(params=["oms", "rest"])
def dialect(request: pytest.FixtureRequest, wire: Wire) -> Dialect:
    return Dialect(request.param, wire)


def stored(dialect: Dialect) -> int:
    return len(dialect.wire.see("orders"))


def last_status(dialect: Dialect) -> int | None:
    status: int | None = dialect.wire.see("requests")[-1]["status"]
    return status


@pytest.mark.parametrize(("kind", "after"), [("reset_before", 0), ("reset_after", 1)])
def test_resets_before_and_after(dialect: Dialect, kind: str, after: int) -> None:
    dialect.wire.do("faults", kinds=[kind], count=1)
    with pytest.raises(ConnectionResetError) as reset:
        dialect.create()
    # An orderly end would be http.client's RemoteDisconnected, which is one too.
    assert reset.type is ConnectionResetError
    assert stored(dialect) == after
    assert last_status(dialect) is None
    assert dialect.finds() is bool(after)


def test_hang_after(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["hang_after"], count=1)
    patient, dialect.wire = dialect.wire, Impatient(dialect.wire)
    with pytest.raises(TimeoutError):
        dialect.create()
    dialect.wire = patient
    _until(lambda: any(one["status"] is None for one in patient.see("requests")))
    assert stored(dialect) == 1
    assert last_status(dialect) is None


class Impatient(Wire):
    """Waits a fifth of a second for an answer."""

    def __init__(self, wire: Wire) -> None:
        self.host, self.port = wire.host, wire.port

    def send(self, *args: Any, **fields: Any) -> Reply:
        return super().send(*args[:4], timeout=0.2)


def test_hang_after_ends_when_the_server_stops() -> None:
    with Sandbox() as sandbox:
        wire = Wire(sandbox.url)
        wire.do("faults", kinds=["hang_after"])
        seen: list[Exception] = []
        waiting = threading.Thread(target=_expect_no_answer, args=(wire, seen))
        waiting.start()
        _until(lambda: bool(wire.see("requests")))
    waiting.join(60)
    assert not waiting.is_alive()
    assert isinstance(seen[0], http.client.RemoteDisconnected)


def _expect_no_answer(wire: Wire, seen: list[Exception]) -> None:
    try:
        wire.add_order()
    except (OSError, http.client.HTTPException) as error:
        seen.append(error)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("kind", "status", "after"),
    [
        ("html_500", 500, 0),
        ("html_after", 500, 1),
        ("http_403", 403, 0),
        ("http_503", 503, 0),
        ("http_429", 429, 0),
    ],
)
def test_pages(dialect: Dialect, kind: str, status: int, after: int) -> None:
    dialect.wire.do("faults", kinds=[kind], count=1)
    reply = dialect.create()
    assert reply.status == status
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")
    assert reply.headers["x-veracore-sandbox"] == "1"
    assert reply.headers.get("retry-after") == ("1" if status == 429 else None)
    assert stored(dialect) == after
    assert last_status(dialect) == status
    assert (dialect.create().status in (200, 201)) is not bool(after)


def test_a_fault_that_no_list_holds(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["fault_unlisted"], count=1)
    reply = dialect.create()
    if dialect.name == "oms":
        assert "moon" in reply.fault()
    else:
        assert (reply.status, "moon" in reply.json()["message"]) == (400, True)
    assert stored(dialect) == 0


def test_bad_login(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["bad_login"], count=1)
    reply = dialect.create()
    if dialect.name == "oms":
        assert "Invalid Username or Password" in reply.fault()
    else:
        assert (reply.status, "message" in reply.json()) == (401, True)
    assert stored(dialect) == 0


def test_bad_login_refuses_a_token_too(wire: Wire) -> None:
    wire.do("faults", kinds=["bad_login"], operations=["token"], count=1)
    assert [wire.token().status, wire.token().status] == [401, 200]


def test_truncate(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["truncate"], count=1)
    with pytest.raises(http.client.IncompleteRead) as cut:
        dialect.create()
    assert cut.value.partial
    assert cut.value.expected
    assert stored(dialect) == 1


def test_slow_drip(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["slow_drip"], count=1, delay_ms=1)
    began = time.monotonic()
    reply = dialect.create()
    assert reply.status in (200, 201)
    assert time.monotonic() - began >= len(reply.body) * 0.001
    assert stored(dialect) == 1


def test_false_absent(dialect: Dialect) -> None:
    dialect.create()
    dialect.wire.do("faults", kinds=["false_absent"], count=1)
    unknown = dialect.look_up("NO-SUCH")
    assert dialect.stock().status == 200
    false = dialect.look_up()
    assert false.status == unknown.status
    assert false.body.replace(b"WEB-100234", b"NO-SUCH") == unknown.body
    assert dialect.finds()


@pytest.mark.parametrize("behaviour", ["record", "fault"])
def test_false_absent_in_the_words_that_are_switched_on(wire: Wire, behaviour: str) -> None:
    wire.add_order()
    wire.do("behaviour", unknown_order=behaviour)
    wire.do("faults", kinds=["false_absent"], count=1)
    false, unknown = wire.order_info(), wire.order_info("NO-SUCH")
    assert false.body.replace(b"WEB-100234", b"NO-SUCH") == unknown.body


@pytest.fixture
def pauses(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the simulator wanted to wait."""
    wanted: list[float] = []
    monkeypatch.setattr(server, "_wait", partial(waited, server._wait, wanted))
    return wanted


def waited(wait: Any, wanted: list[float], fault: Any, outcome: Any, pause: Any) -> float:
    told: float = wait(fault, outcome, wanted.append)
    return told


@pytest.mark.parametrize("rule", [{"delay_ms": 1500}, {"kinds": ["delay"], "delay_ms": 1500}])
def test_a_delay_alone_answers_late(
    dialect: Dialect, rule: dict[str, Any], pauses: list[float]
) -> None:
    dialect.wire.do("faults", **rule, count=1)
    assert dialect.create().status in (200, 201)
    assert pauses == [1.5]
    dialect.look_up()
    assert pauses == [1.5]


def test_a_delay_goes_with_another_kind(dialect: Dialect, pauses: list[float]) -> None:
    dialect.wire.do("faults", kinds=["http_503"], delay_ms=100, count=1)
    assert dialect.create().status == 503
    assert pauses == [0.1]


# ---- which calls suffer ------------------------------------------------------------------


def test_rules_accumulate_end_by_count_and_are_cleared(wire: Wire) -> None:
    wire.do("faults", kinds=["http_503", "http_403"], count=3)
    wire.do("faults", kinds=["html_500"], count=1)
    statuses = [wire.order_info("A").status for _ in range(5)]
    assert statuses == [503, 403, 503, 500, 200]
    wire.do("faults", kinds=["http_503"])
    assert [wire.order_info("A").status for _ in range(3)] == [503] * 3
    wire.do("faults", kinds=[])
    assert wire.order_info("A").status == 200


def test_a_rule_for_some_operations(wire: Wire) -> None:
    wire.do("faults", kinds=["http_503"], operations=["GetProductAvailabilities", "status"])
    assert wire.order_info("A").status == 200
    assert wire.stock("%").status == 503
    assert wire.rest("GET", "/api/orders/A/status").status == 503
    assert wire.rest("GET", "/api/inventory").status == 200


def test_a_rule_for_one_order(dialect: Dialect) -> None:
    dialect.wire.do("faults", kinds=["http_503"], order="a-1")
    assert dialect.create("A-1").status == 503
    assert dialect.look_up("A-1").status == 503
    assert dialect.create("A-2").status in (200, 201)
    assert dialect.stock().status == 200


def test_a_rate_is_drawn_from_a_seed(wire: Wire) -> None:
    def drawn(seed: int) -> list[int]:
        wire.do("faults", kinds=[])
        wire.do("faults", kinds=["http_503", "http_403"], rate=0.5, seed=seed)
        return [wire.order_info("A").status for _ in range(40)]

    first = drawn(7)
    assert set(first) == {200, 403, 503}
    assert drawn(7) == first
    assert drawn(8) != first


def test_a_rate_may_have_a_count_too(wire: Wire) -> None:
    wire.do("faults", kinds=["http_503"], rate=0.5, count=3)
    assert [wire.order_info("A").status for _ in range(40)].count(503) == 3


def test_the_control_surface_never_suffers(wire: Wire) -> None:
    wire.do("faults", kinds=["reset_before"])
    assert wire.see("orders") == []
    wire.do("faults", kinds=[])


def test_faults_speak_the_version_of_the_request(wire: Wire) -> None:
    wire.do("faults", kinds=["fault_unlisted"], count=1)
    reply = wire.soap(add_order(), version=SOAP_12)
    assert reply.text("Value") == "soap:Receiver"

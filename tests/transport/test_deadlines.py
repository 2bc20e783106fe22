"""No server holds a request beyond its deadline, whatever it drips and at which stage."""

from __future__ import annotations

import json
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from subprocess import Popen
from typing import Any

import pytest
from drip_kit import MANNERS, dripping, soon
from fakes import FakeClock
from pydantic import SecretStr

from veracore_sync import child_process
from veracore_sync.clock import SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.errors import Occurrence, RunOver, SyncError, TimedOut
from veracore_sync.domain.warehouse import Classification, Party, WarehouseLine, WarehouseOrder
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.ports.warehouse import LookUpFailed, NotAccepted
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.hooks import PostHook, people
from veracore_sync.transport.http import Gate, HttpClient, NoResponse, OpenGate
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import READ_ORDERS
from veracore_sync.veracore.oms.client import OmsWarehouse
from veracore_sync.veracore.rest.client import RestWarehouse

TIMEOUT = 0.5
ONCE = RetryPolicy(tries=1)
HUGE = "x" * 12_000_000
"""More than the kernel's buffers take for a server that does not read."""


class Until(OpenGate):
    """A run that ends so many seconds after it was first asked."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(lambda: self._at)

    @cached_property
    def _at(self) -> float:
        return SystemClock().monotonic() + self._seconds


def order(sku: str = "MUG") -> WarehouseOrder:
    return WarehouseOrder(
        id="WEB-1",
        reference="WEB-1",
        po_number="1",
        placed_at=None,
        comment="",
        classification=Classification(),
        ordered_by=Party(),
        ship_to=Party(last_name="Example"),
        bill_to=None,
        freight=None,
        shipping_charge=None,
        lines=(WarehouseLine(1, sku, 1, None),),
    )


# ---- every client, and every call that it makes --------------------------------------------------

Ends = Callable[[str, Gate, float], object]


def vendure(url: str, gate: Gate, timeout: float, **login: Any) -> Client:
    login = login or {"api_key": SecretStr("key-1")}
    settings = VendureSettings(admin_api_url=url, timeout_seconds=timeout, **login)
    return Client(settings, retry=ONCE, gate=gate)


def veracore(
    url: str, gate: Gate, timeout: float, api: str, *, token: bool = False
) -> OmsWarehouse | RestWarehouse:
    """A client; one of `rest` has its token, unless its first call shall be for that."""
    settings = VeracoreSettings.model_validate(
        {
            "api": api,
            "api_url": url,
            "client_id": "u",
            "client_secret": "secret",
            "company_id": "C",
            "timezone": "UTC",
            "timeout_seconds": timeout,
        }
    )
    if api == "rest":
        rest = RestWarehouse(settings, probe_id="PROBE", retry=ONCE, gate=gate)
        if not token:
            rest._api._token, rest._api._renew_at = "t", math.inf
        return rest
    return OmsWarehouse(settings, probe_id="PROBE", retry=ONCE, gate=gate)


def shop_read(url: str, gate: Gate, timeout: float) -> object:
    client = vendure(url, gate, timeout)
    return _error(client, lambda: client.execute(READ_ORDERS, {}))


def shop_mutation(url: str, gate: Gate, timeout: float, text: str = "") -> object:
    client = vendure(url, gate, timeout)
    return _error(client, lambda: client.execute(READ_ORDERS, {"text": text}, mutation=True))


def shop_login(url: str, gate: Gate, timeout: float) -> object:
    client = vendure(url, gate, timeout, username="u", password=SecretStr("pass"))
    return _error(client, lambda: client.execute(READ_ORDERS, {}))


def look_up(api: str) -> Ends:
    def call(url: str, gate: Gate, timeout: float) -> object:
        client = veracore(url, gate, timeout, api)
        found = _error(client, lambda: client.look_up("WEB-1"))
        return found.error if isinstance(found, LookUpFailed) else found

    return call


def stock(api: str) -> Ends:
    def call(url: str, gate: Gate, timeout: float) -> object:
        client = veracore(url, gate, timeout, api)
        return _error(client, lambda: list(client.stock(None)))

    return call


def create(api: str, sku: str = "MUG") -> Ends:
    def call(url: str, gate: Gate, timeout: float) -> object:
        client = veracore(url, gate, timeout, api)
        outcome = client.submit(order(sku))
        client.close()
        assert isinstance(outcome, NotAccepted)
        return outcome.what

    return call


def rest_token(url: str, gate: Gate, timeout: float) -> object:
    client = veracore(url, gate, timeout, "rest", token=True)
    return _error(client, lambda: client.check_connection(None))


def shipped(url: str, gate: Gate, timeout: float) -> object:
    client = veracore(url, gate, timeout, "oms")
    day = SystemClock().now().date()
    return _error(client, lambda: list(client.shipped(day, day)))


def hook(url: str, gate: Gate, timeout: float, body: bytes = b"{}") -> object:
    post = PostHook(url, lambda _id, _body: {}, timeout)
    try:
        post.deliver("evt", body)
    except NotTaken as error:
        return error
    finally:
        post.close()
    return None


def _error(client: Any, call: Callable[[], object]) -> object:
    try:
        return call()
    except SyncError as error:
        return error
    finally:
        client.close()


READS: dict[str, Ends] = {
    "vendure read": shop_read,
    "vendure mutation": shop_mutation,
    "vendure login": shop_login,
    "oms look-up": look_up("oms"),
    "oms stock": stock("oms"),
    "oms shipped": shipped,
    "rest token": rest_token,
    "rest look-up": look_up("rest"),
    "rest stock": stock("rest"),
}
CREATES: dict[str, Ends] = {"oms": create("oms"), "rest": create("rest")}
STARTS = {
    "oms stock": b"<Envelope><Body><GetProductAvailabilitiesResponse>",
    "oms shipped": b"<Envelope><Body><GetShippingChargeResponse>",
    "rest stock": b"[",
}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("call", READS)
def test_a_read_ends_in_time(call: str, manner: str) -> None:
    with dripping(manner) as server, soon():
        server.start = STARTS.get(call, b" ")
        error = READS[call](server.url, OpenGate(), TIMEOUT)
        assert server.has_read()
    assert isinstance(error, TimedOut), error
    assert "timed out" in error.message


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("api", CREATES)
def test_a_create_ends_in_time_and_is_in_doubt(api: str, manner: str) -> None:
    with dripping(manner) as server, soon():
        assert CREATES[api](server.url, OpenGate(), TIMEOUT) is Occurrence.TIMEOUT
        assert server.has_read()


@pytest.mark.parametrize("manner", MANNERS)
def test_a_hook_ends_in_time(manner: str) -> None:
    with dripping(manner) as server, soon():
        error = hook(server.url, OpenGate(), TIMEOUT)
    if manner == "late body":
        assert error is None, "its status had come, and no more is read than the beginning"
        return
    assert isinstance(error, NotTaken)
    assert error.unreachable


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_people_are_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Popen[bytes]] = []
    monkeypatch.setattr(
        child_process.subprocess,
        "Popen",
        lambda *a, **k: started.append(Popen(*a, **k)) or started[-1],
    )
    event = {"type": "alert.opened", "data": {"kind": "veracore.down", "message": "m"}}
    with dripping("head") as server, soon():
        (hook,) = people([f"json://127.0.0.1:{server.port}"], TIMEOUT)
        with pytest.raises(NotTaken, match=r"Apprise gave no answer in 0\.5 s") as error:
            hook.deliver("evt", json.dumps(event).encode())
    assert error.value.unreachable
    # What it went on reading would take memory, and its thread would keep a run from its end.
    assert [one.returncode for one in started] == [-signal.SIGKILL]


@pytest.mark.parametrize("call", ["vendure", "oms", "rest", "hook"])
def test_a_request_that_nobody_reads_ends_in_time(call: str) -> None:
    calls: dict[str, Callable[[str], object]] = {
        "vendure": lambda url: shop_mutation(url, OpenGate(), TIMEOUT, HUGE),
        "oms": lambda url: create("oms", HUGE)(url, OpenGate(), TIMEOUT),
        "rest": lambda url: create("rest", HUGE)(url, OpenGate(), TIMEOUT),
        "hook": lambda url: hook(url, OpenGate(), TIMEOUT, HUGE.encode()),
    }
    with dripping("unread") as server, soon():
        ended = calls[call](server.url)
    assert isinstance(ended, TimedOut | NotTaken) or ended is Occurrence.TIMEOUT


# ---- connecting ----------------------------------------------------------------------------------


def get(url: str, gate: Gate | None = None, timeout: float = TIMEOUT) -> NoResponse:
    client = HttpClient("veracore", timeout_seconds=timeout, gate=gate)
    with pytest.raises(NoResponse) as lost:
        client.send("GET", url, label="x", headers={})
    client.close()
    assert "not listed" not in lost.value.detail, "words of our own"
    return lost.value


def test_a_tls_handshake_that_drips_ends_in_time() -> None:
    with dripping("unread") as server, soon():
        lost = get(f"https://127.0.0.1:{server.port}/")
    assert lost.what is Occurrence.NOT_CONNECTED


def test_a_name_that_is_never_found_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with soon():
        lost = get("http://shop.example/")
    over.set()
    assert lost.what is Occurrence.NOT_CONNECTED


def test_a_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many networks lose IPv6 without a word; its addresses come first all the same."""
    with dripping("silent") as server, _full() as silent:
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for address in (("127.0.0.2", silent), ("127.0.0.1", server.port))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        connect = socket.create_connection

        def to_its_port(address: tuple[str, int], *more: Any, **named: Any) -> socket.socket:
            port = silent if address[0] == "127.0.0.2" else server.port
            return connect((address[0], port), *more, **named)

        monkeypatch.setattr(socket, "create_connection", to_its_port)
        with soon():
            lost = get("http://shop.example/", timeout=1.0)
        assert server.has_read()
    assert lost.what is Occurrence.TIMEOUT, "connected to the second one"


@contextmanager
def _full() -> Iterator[int]:
    """The port of a listener whose queue is full: it answers no further connection."""
    listener = socket.socket()
    listener.bind(("127.0.0.2", 0))
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        with suppress(BlockingIOError):
            one.connect(listener.getsockname())
    yield listener.getsockname()[1]
    for one in (*waiting, listener):
        one.close()


def test_a_proxy_gains_nothing_by_dripping(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping("head") as server, soon():
        monkeypatch.setenv("HTTP_PROXY", server.url)
        lost = get("http://shop.example/")
        assert server.has_read()
    assert lost.what is Occurrence.TIMEOUT


# ---- what may last, and what ends it -------------------------------------------------------------


def test_a_long_list_may_take_longer_than_the_timeout() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    client = HttpClient("veracore", timeout_seconds=60, clock=clock)
    with (
        dripping("steady") as server,
        client.stream("GET", server.url, label="x", headers={}, kind=AnswerKind.STREAM) as streamed,
    ):
        told = 0
        for _ in streamed.pieces():
            if streamed.length // 65536 > told:
                told = streamed.length // 65536
                clock.forward(seconds=40)
            if told == 10:
                break
    client.close()
    assert clock.monotonic() - began >= 5 * 60


def test_the_readers_own_time_does_not_count() -> None:
    clock = FakeClock()
    client = HttpClient("veracore", timeout_seconds=60, clock=clock)
    with (
        dripping("steady") as server,
        client.stream("GET", server.url, label="x", headers={}, kind=AnswerKind.STREAM) as streamed,
    ):
        pieces = streamed.pieces()
        next(pieces)
        clock.forward(seconds=100)
        assert next(pieces)
    client.close()


@pytest.mark.parametrize("manner", ["silent", "head", "body"])
@pytest.mark.parametrize("call", READS)
def test_the_runs_end_ends_a_read(call: str, manner: str) -> None:
    with dripping(manner) as server, soon():
        server.start = STARTS.get(call, b" ")
        error = READS[call](server.url, Until(TIMEOUT), 60)
    assert isinstance(error, RunOver), error
    assert error.exit_code == 69


@pytest.mark.parametrize("api", CREATES)
def test_the_runs_end_ends_a_create_and_leaves_it_in_doubt(api: str) -> None:
    with dripping("silent") as server, soon():
        assert CREATES[api](server.url, Until(1.0), 60) is Occurrence.RUN_OVER
        assert server.has_read()


def test_the_runs_end_ends_a_list_that_never_does() -> None:
    client = HttpClient("veracore", timeout_seconds=60, gate=Until(0.5))
    with (
        dripping("steady") as server,
        soon(),
        pytest.raises(NoResponse) as lost,
        client.stream("GET", server.url, label="x", headers={}, kind=AnswerKind.STREAM) as streamed,
    ):
        for _ in streamed.pieces():
            pass
    client.close()
    assert lost.value.what is Occurrence.RUN_OVER


@pytest.mark.parametrize("call", [*READS, *CREATES])
def test_after_the_runs_end_nothing_is_sent(call: str) -> None:
    with dripping("silent") as server, soon():
        ended = (READS | CREATES)[call](server.url, Until(0), TIMEOUT)
    assert isinstance(ended, RunOver) or ended is Occurrence.NOT_CONNECTED
    assert server.requests == 0


def test_a_run_that_ends_while_the_gate_waits_sends_nothing() -> None:
    heard: list[Occurrence | None] = []

    class Slow(OpenGate):
        def before(self, *, creating: bool) -> None:
            self._run_limit = lambda: 0.0

        def after(self, what: Occurrence | None, retry_after: float | None) -> None:
            heard.append(what)

    with dripping("silent") as server:
        client = HttpClient("veracore", timeout_seconds=60, gate=Slow())
        with pytest.raises(RunOver):
            client.send("POST", server.url, label="x", headers={}, creating=True)
        client.close()
    assert heard == [Occurrence.RUN_OVER], "the probe that it may have claimed is told of"
    assert server.requests == 0

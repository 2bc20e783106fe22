"""The gate around real requests: what a client tells it, and what the commands do with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fakes import FakeClock
from rig import Rig

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.domain.errors import (
    AuthRefused,
    BreakerOpen,
    ConfigError,
    NeedsPerson,
    Occurrence,
    ProtocolError,
    RateLimited,
    SyncError,
    Unavailable,
)
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.budget import Budget
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.transport.gate import LedgerGate
from veracore_sync.transport.http import HttpClient, NoResponse

COOLDOWN = timedelta(minutes=5)


class Server:
    """Answers every GET as told, and counts."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {}, b"fine"
        self.asked = 0
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.asked += 1
                self.send_response(answers.status)
                for name, value in answers.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answers.body)))
                self.end_headers()
                self.wfile.write(answers.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


class Bed:
    """A client behind a kept gate, over a ledger in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ledger = open_ledger(None, clock=self.clock)
        self.client, self.gate = self.process()

    def process(self, error: SyncError | None = None) -> tuple[HttpClient, LedgerGate]:
        """Another process; `error` is what is known of its credentials."""

        def admit() -> None:
            if error is not None:
                raise error

        breaker = self.ledger.breakers.one("veracore", "orders", threshold=3, cooldown=COOLDOWN)
        budget = Budget(self.ledger.database, self.clock, "veracore", 120)
        gate = LedgerGate(breaker, budget, admit)
        return HttpClient("veracore", timeout_seconds=5, gate=gate, clock=self.clock), gate

    def get(self, url: str, *, creating: bool = False, client: HttpClient | None = None) -> int:
        asking = client or self.client
        return asking.send("GET", url, label="x", headers={}, creating=creating).status

    @property
    def state(self) -> str:
        rows = self.ledger.breakers.all()
        return rows[0].state if rows else "closed"


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.client.close()
    made.ledger.close()


def test_server_errors_open_it_and_a_read_closes_it(bed: Bed, server: Server) -> None:
    server.status = 500
    for _ in range(3):
        assert bed.get(server.url) == 500
    with pytest.raises(BreakerOpen):
        bed.get(server.url)
    assert server.asked == 3
    server.status = 200
    bed.clock.forward(minutes=6)
    with pytest.raises(BreakerOpen):
        bed.get(server.url, creating=True)
    assert server.asked == 3
    assert bed.get(server.url) == 200
    assert bed.get(server.url, creating=True) == 200
    assert bed.state == "closed"


def test_nobody_there_counts(bed: Bed) -> None:
    for _ in range(3):
        with pytest.raises(NoResponse):
            bed.get("http://127.0.0.1:9/")
    assert bed.state == "open"
    assert not bed.gate.upstream_answered


def test_a_reader_that_gives_up_on_a_server_error_counts_it(bed: Bed, server: Server) -> None:
    server.status = 503
    for _ in range(3):
        with (
            pytest.raises(ProtocolError),
            bed.client.stream("GET", server.url, label="x", headers={}),
        ):
            raise ProtocolError("of another kind", upstream="veracore")
    assert bed.state == "open"


def test_a_probe_whose_reader_stops_early_closes_it(bed: Bed, server: Server) -> None:
    for _ in range(3):
        bed.gate.after(Occurrence.TIMEOUT, None)
    bed.clock.forward(minutes=6)

    def pieces() -> Iterator[bytes]:
        with bed.client.stream("GET", server.url, label="x", headers={}) as streamed:
            yield from streamed.pieces()

    reading = pieces()
    assert next(reading) == b"fine"
    assert bed.state == "half_open"
    reading.close()  # type: ignore[attr-defined]
    assert bed.state == "closed"


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (429, {"retry-after": "20"}, 20),
        (503, {"retry-after": "20"}, 20),
        (429, {}, 0),
        (503, {}, 0),
        (500, {}, 0),
    ],
)
def test_a_plea_to_wait_is_heard_by_every_process(
    bed: Bed, server: Server, status: int, headers: dict[str, str], waits: int
) -> None:
    other, _ = bed.process()
    bed.get(server.url, client=other)
    server.status, server.headers = status, headers
    bed.get(server.url)
    server.status, server.headers = 200, {}
    asked_at = bed.clock.now()
    bed.get(server.url, client=other)
    assert (bed.clock.now() - asked_at).total_seconds() == pytest.approx(waits, abs=0.01)
    factor = bed.ledger.database.value("SELECT factor FROM budgets")
    assert (factor < 0.6) is (status != 500)
    other.close()


def test_a_429_never_opens_it_and_a_long_plea_ends_the_run(bed: Bed, server: Server) -> None:
    server.status, server.headers = 429, {"retry-after": "600"}
    bed.get(server.url)
    for _ in range(9):
        with pytest.raises(RateLimited):
            bed.get(server.url)
    assert server.asked == 1
    assert bed.state == "closed"


def test_refused_credentials_are_known_before_the_socket_opens(bed: Bed, server: Server) -> None:
    client, gate = bed.process(AuthRefused("refused before", upstream="veracore"))
    for _ in range(2):
        with pytest.raises(AuthRefused):
            bed.get(server.url, client=client)
    assert server.asked == 0
    assert not gate.upstream_answered
    client.close()


# ---- the commands ---------------------------------------------------------------------------


@pytest.fixture(params=["oms", "rest"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", price=1000)
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, request.param)
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        made.env["VERACORE_SYNC_RETRY__BREAKER_THRESHOLD"] = "2"
        yield made


def asked(rig: Rig, *arguments: str, **env: str) -> tuple[int, int]:
    """The exit code of a command, and how often it asked VeraCore."""
    before = len(rig.requests())
    ended = rig.run(*arguments, "--json", **env)
    return ended.code, len(rig.requests()) - before


def test_an_outage_that_only_streams_meet_opens_the_breaker(rig: Rig) -> None:
    rig.control("faults", {"kinds": ["http_503"]})
    assert [asked(rig, "sync-inventory") for _ in range(4)] == [(69, 1), (69, 1), (69, 0), (69, 0)]
    told = rig.run("stats", "--json").json["upstreams"]["veracore"]
    assert (told["state"], told["failures"], told["families"]) == ("open", 2, {"inventory": "open"})
    assert told["openedAt"] < told["nextProbe"]
    assert told["credentialsRefused"] is False
    assert asked(rig, "sync-inventory", "--dry-run") == (69, 0)
    rig.control("faults", {"kinds": []})
    assert asked(rig, "sync-inventory", "--dry-run") == (69, 0)

    assert rig.run("breaker", "reset", "vendure", "--json").json == {"closed": 0}
    assert asked(rig, "sync-inventory") == (69, 0)
    assert rig.run("breaker", "reset", "veracore", "--json").json == {"closed": 1}
    code, requests = asked(rig, "sync-inventory")
    assert code != 69
    assert requests > 0
    assert rig.run("stats", "--json").json["upstreams"]["veracore"]["state"] == "closed"


def test_an_unknown_upstream_is_a_usage_error(rig: Rig) -> None:
    assert rig.run("breaker", "reset", "shopify").code == 2


def test_a_dry_run_asks_nothing_with_refused_credentials(rig: Rig) -> None:
    wrong = {"VERACORE_CLIENT_SECRET": "wrong"}
    code, requests = asked(rig, "sync-inventory", **wrong)
    assert (code, requests) == (77, 1)
    assert rig.run("stats", "--json").json["upstreams"]["veracore"]["credentialsRefused"] is True
    assert asked(rig, "sync-inventory", "--dry-run", **wrong) == (77, 0)
    assert asked(rig, "sync-inventory", "--force", **wrong) == (77, 1)
    assert asked(rig, "sync-inventory", **wrong) == (77, 0)
    assert rig.run("breaker", "reset", "--json").code == 0
    assert asked(rig, "sync-inventory", **wrong) == (77, 1)
    assert asked(rig, "sync-inventory", "--dry-run")[1] > 0, "the right ones pass at once"


OUTCOMES: list[tuple[SyncError | None, bool]] = [
    (None, True),
    (Unavailable("the shop is down", upstream="vendure"), True),
    (NeedsPerson("too many for a first run"), True),
    (ProtocolError("HTML", upstream="veracore"), False),
    (ConfigError("not the API"), False),
    (AuthRefused("again", upstream="veracore"), False),
]


@pytest.mark.parametrize(("error", "forgotten"), OUTCOMES)
def test_what_ends_a_run_decides_whether_a_refusal_is_forgotten(
    tmp_path: Path, error: SyncError | None, forgotten: bool
) -> None:
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        parts = Container(load(None, rig.environment), clock=FakeClock(), force=True)
        parts.ledger.refusals.remember("veracore", "as they were")
        parts.warehouse.check_connection(None)
        parts.remember_credentials_outcome(error)
        assert (parts.ledger.refusals.standing("veracore") is None) is forgotten
        parts.close()

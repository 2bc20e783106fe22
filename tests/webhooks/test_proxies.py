"""The snippets of docs/proxies.md, in nginx and Caddy as Debian has them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

import proxies_kit
import pytest
from fakes import make_settings
from hook_kit import INVENTORY, QUICK, Bed, read_all, signed, start_bed, stop_bed
from proxies_kit import HOOKS, PAGE, Front, free_port

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.door import Door
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import SystemClock
from veracore_sync.config import Settings
from veracore_sync.domain.errors import ConfigError
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.server import HookServer

BODY = b'{"sku": "A-1"}'
LIMIT = QUICK.body_bytes
ACT = "act-token-0123456789-0123456789-0123456789"


@dataclass
class _Actions:
    """What the page needs of the actions: the ledger and the settings."""

    ledger: object
    settings: Settings = field(default_factory=make_settings)


@dataclass(frozen=True)
class Scene:
    """A proxy before the listener and the page, with two more ports that forward everything.

    Args:
        front: The snippets of the docs.
        bed: The listener.
        careless: Everything to that listener, as the proxy does it by itself.
        disguised: Everything to one with a private port, as if from a client of this machine.
    """

    front: Front
    bed: Bed
    careless: int
    disguised: int


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    running = start_bed(tmp_path_factory.mktemp("behind") / "ledger.db")
    yield running
    stop_bed(running)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bed, int]]:
    """A listener with a private port, and that."""
    private = free_port()
    running = start_bed(tmp_path_factory.mktemp("apart") / "ledger.db", private_port=private)
    yield running, private
    stop_bed(running)


@pytest.fixture(scope="module")
def page(bed: Bed) -> Iterator[int]:
    clock = SystemClock()
    pages = ShopPages(_Actions(bed.ledger), Tokens("", ACT), clock)  # type: ignore[arg-type]
    server = HookServer(
        "127.0.0.1",
        0,
        AdminHandler([pages], clock, list, door=Door(clock, hosts=[PAGE])),
        meter=Counters(),
        section="admin",
    )
    server.start()
    yield int(server.server_address[1])
    server.stop()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def scene(
    request: pytest.FixtureRequest,
    bed: Bed,
    apart: tuple[Bed, int],
    page: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    kind = request.param
    ports = free_port(), free_port()
    sites = {
        "nginx": "server {{ listen 127.0.0.1:{port}; location / {{ {how} proxy_pass {to}; }} }}\n",
        "caddy": "\nhttp://:{port} {{\n  reverse_proxy {to} {how}\n}}\n",
    }
    disguise = {
        "nginx": "proxy_http_version 1.1;",
        "caddy": "{\n  header_up -X-Forwarded-*\n}",
    }
    more = "".join(
        sites[kind].format(port=port, how=how, to=f"http://127.0.0.1:{to.port}")
        for port, how, to in zip(ports, ("", disguise[kind]), (bed, apart[0]), strict=True)
    )
    run = getattr(proxies_kit, kind)
    with run(tmp_path_factory.mktemp(kind), bed.port, page, more) as front:
        yield Scene(front, bed, *ports)


def head(scene: Scene, *lines: str, body: bytes = BODY) -> bytes:
    own = [f"{name}: {value}" for name, value in signed(body).items()]
    start = [f"POST {INVENTORY} HTTP/1.1", f"Host: {scene.front.authority(HOOKS)}"]
    return "\r\n".join([*start, *own, *lines]).encode() + b"\r\n\r\n"


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """The next answer, after any number of 100s: Caddy hands on ours besides its own."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def exchange(scene: Scene, raw: bytes) -> tuple[int, bytes]:
    with scene.front.connect(HOOKS) as connection:
        # Who sends too much may be cut off while it does, and finds the answer all the same.
        with suppress(OSError):
            connection.sendall(raw)
        return answer_of(connection)


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_sender_that_waits_for_100_is_served(scene: Scene, framing: str) -> None:
    """As .NET sends: the head, and the body only after the 100."""
    line = f"Content-Length: {len(BODY)}" if framing == "length" else "Transfer-Encoding: chunked"
    with scene.front.connect(HOOKS) as connection:
        connection.sendall(head(scene, "Expect: 100-continue", line))
        assert connection.recv(20) == b"HTTP/1.1 100 Continue"[:20]
        while not connection.recv(65_536).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(BODY if framing == "length" else chunked(BODY, 5))
        status, told = answer_of(connection)
    assert (status, b'"stored"' in told) == (200, True)


def test_a_sender_that_does_not_wait_for_100_is_served_too(scene: Scene) -> None:
    raw = head(scene, "Expect: 100-continue", f"Content-Length: {len(BODY)}") + BODY
    assert exchange(scene, raw)[0] == 200


def padded(length: int) -> bytes:
    empty = json.dumps({"sku": "A-1", "more": ""}).encode()
    return empty[:-2] + b"x" * (length - len(empty)) + empty[-2:]


@pytest.mark.parametrize("size", [1000, 65_536])
def test_chunks_at_the_limit_are_taken(scene: Scene, size: int) -> None:
    body = padded(LIMIT)
    raw = head(scene, "Transfer-Encoding: chunked", body=body)
    status, told = exchange(scene, raw + chunked(body, size))
    assert (status, b"stored" in told) == (200, True)


@pytest.mark.parametrize(("more", "wanted"), [(0, 200), (1, 413)])
def test_a_body_at_the_limit_is_taken_and_one_beyond_is_not(
    scene: Scene, more: int, wanted: int
) -> None:
    body = padded(LIMIT + more)
    lines = (f"Content-Length: {len(body)}",)
    assert exchange(scene, head(scene, *lines, body=body) + body)[0] == wanted


def test_a_forged_delivery_is_refused(scene: Scene) -> None:
    lines = (f"Content-Length: {len(BODY)}",)
    assert exchange(scene, head(scene, *lines, body=b"{}") + BODY)[0] == 401


@pytest.mark.parametrize("path", [
    "/metrics", "/readyz", "/healthz", "/", "//metrics", "/veracore-webhooks/../metrics",
    "/veracore-webhooks/%2e%2e/metrics", "/veracore-webhooks//metrics", "/veracore-webhooks/",
    "/metrics?/veracore-webhooks/", "/veracore-webhooks/..;/metrics",
])  # fmt: skip
@pytest.mark.parametrize("host", [HOOKS, PAGE])
def test_what_is_for_this_machine_is_not_shown(scene: Scene, host: str, path: str) -> None:
    told = [f"GET {path} HTTP/1.1", f"Host: {scene.front.authority(host)}", "Connection: close"]
    with scene.front.connect(host) as connection:
        connection.sendall("\r\n".join(told).encode() + b"\r\n\r\n")
        received = read_all(connection)
    status = int(received.split(b" ", 2)[1])
    # The page itself asks for a log-in.
    assert status in ((303,) if (host, path) == (PAGE, "/") else (400, 404)), received
    assert b"veracore_sync_" not in received
    assert b'"status"' not in received


@dataclass
class Browser:
    """Keeps a cookie, and sends what browsers send of themselves."""

    front: Front
    cookie: str = ""

    def go(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[HTTPResponse, str]:
        given = {"Host": self.front.authority(PAGE)} | headers
        if self.cookie:
            given["Cookie"] = self.cookie
        body = None
        if form is not None:
            body = urlencode(form)
            given |= {"Content-Type": "application/x-www-form-urlencoded"}
            given = {"Origin": f"https://{self.front.authority(PAGE)}"} | given
            given = {"Sec-Fetch-Site": "same-origin"} | given
        connection = HTTPConnection(PAGE)
        connection.sock = self.front.connect(PAGE)
        connection.request("GET" if form is None else "POST", path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text


def test_one_logs_in_at_the_page_and_acts(scene: Scene) -> None:
    browser = Browser(scene.front)
    answer, text = browser.go("/login")
    assert (answer.status, "<form" in text) == (200, True)
    answer, _ = browser.go("/login", {"token": ACT})
    assert answer.status == 303
    cookie = answer.headers["Set-Cookie"]
    assert "; Secure" in cookie
    browser.cookie = cookie.partition(";")[0]
    answer, text = browser.go("/")
    assert answer.status == 200
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert csrf is not None
    answer, _ = browser.go("/logout", {"csrf_token": csrf[1]})
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert browser.go("/")[0].status == 303


def test_a_form_of_another_site_is_refused_through_it(scene: Scene) -> None:
    for origin in ("https://evil.example", f"https://{HOOKS}", "null"):
        answer, _ = Browser(scene.front).go("/login", {"token": ACT}, Origin=origin)
        assert answer.status == 403


def test_the_api_knows_a_token_through_it(scene: Scene) -> None:
    for token, wanted in ((ACT, 400), ("another", 401)):
        with closing(HTTPConnection(PAGE)) as connection:
            connection.sock = scene.front.connect(PAGE)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/admin-api", b'{"query": "{"}', headers)
            answer = connection.getresponse()
            assert (answer.status, "errors" in json.loads(answer.read())) == (wanted, True)


def asked(port: int, path: str, host: str = "") -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": host} if host else {})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_a_proxy_that_forwards_everything_shows_nothing_of_ours(scene: Scene, path: str) -> None:
    assert asked(scene.bed.port, path) == 200
    for host in ("", "localhost", "127.0.0.1", "[::1]", HOOKS):
        assert asked(scene.careless, path, host) == 404
    assert asked(scene.careless, "/healthz") == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_with_a_private_port_no_disguise_helps(
    scene: Scene, apart: tuple[Bed, int], path: str
) -> None:
    for host in ("", "localhost"):
        assert asked(scene.disguised, path, host) == 404
    # It does reach the listener.
    assert asked(scene.disguised, "/healthz") == 200
    bed, private = apart
    assert asked(bed.port, path) == 404
    assert asked(private, path) == 200
    assert asked(private, path, "shop.example.com") == 404
    assert asked(private, "/healthz") == 200
    assert asked(private, INVENTORY) == 404
    assert bed.post(INVENTORY, BODY)[0] == 200


def test_the_private_port_ends_with_the_listener(tmp_path: Path) -> None:
    private = free_port()
    bed = start_bed(tmp_path / "ledger.db", private_port=private)
    with pytest.raises(ConfigError) as caught:
        start_bed(tmp_path / "other.db", private_port=private)
    assert "webhooks.private_port" in (caught.value.hint or "")
    stop_bed(bed)
    with pytest.raises(OSError):
        asked(private, "/healthz")

"""What a hostile client may try at ``serve-admin``, while a person goes on looking."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from admin_kit import ACT, READ, Admin, serving
from rig import Rig

QUERY = b'{"query": "{ veracoreOrderSyncStats { totalSynced } }"}'


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> object:
    from veracore_sync.sandbox.server import Sandbox
    from veracore_sync.sandbox.shop import SmallShop

    with SmallShop() as shop, Sandbox() as sandbox:
        folder = tmp_path_factory.mktemp("admin")
        rig = Rig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        rig.env |= {
            "VERACORE_SYNC_ADMIN__READ_TOKEN": READ,
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT,
        }
        with serving(rig) as running:
            yield running


def head(*lines: str, length: str | None = str(len(QUERY))) -> bytes:
    own = [f"Content-Length: {length}"] if length is not None else []
    every = (
        "POST /admin-api HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        *own,
        *lines,
    )
    return "\r\n".join(every).encode() + b"\r\n\r\n"


BEARER = f"Authorization: Bearer {ACT}"


def exchange(admin: Admin, raw: bytes) -> bytes:
    with closing(socket.create_connection((admin.host, admin.port), timeout=60)) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        told = b""
        while piece := client.recv(65536):
            told += piece
    return told


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(head(BEARER, "Transfer-Encoding: chunked") + QUERY, 400, id="two ends"),
        pytest.param(head(BEARER, "Transfer-Encoding: gzip", length=None) + QUERY, 501, id="gzip"),
        pytest.param(head(BEARER, "Content-Length: 5") + QUERY, 400, id="two lengths"),
        pytest.param(head(BEARER, length="-1") + QUERY, 400, id="a negative length"),
        pytest.param(head(BEARER, length=None), 411, id="no length"),
        pytest.param(head(BEARER, length="107374182400"), 413, id="100 GB"),
        pytest.param(head(BEARER, "X-Odd : 1") + QUERY, 400, id="space before the colon"),
        pytest.param(head(BEARER, "X-Odd: 1", " folded") + QUERY, 400, id="a folded header"),
        pytest.param(head(BEARER, "Expect: 200-ok") + QUERY, 417, id="an expectation"),
        pytest.param(head(*[f"X-{n}: 1" for n in range(150)]) + QUERY, 431, id="150 headers"),
        pytest.param(b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="half an address"),
        pytest.param(b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="an asterisk"),
        pytest.param(b"GET //x/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="two slashes"),
        pytest.param(head() + QUERY, 401, id="nobody"),
        pytest.param(head(f"Authorization: Basic {ACT}") + QUERY, 401, id="another scheme"),
        pytest.param(head(BEARER, BEARER) + QUERY, 401, id="two tokens"),
        pytest.param(
            b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="another path"
        ),
        pytest.param(b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, id="another method"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n" * 2, 400, id="TLS"),
    ],
)
def test_what_is_odd_is_refused_and_others_are_served(
    admin: Admin, raw: bytes, status: int
) -> None:
    answer = exchange(admin, raw)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert ACT.encode() not in answer
    assert b"Python" not in answer
    assert admin.post(QUERY, READ)[0] == 200


def test_an_answer_tells_no_program_and_no_version(admin: Admin) -> None:
    answer = exchange(admin, head(BEARER, "Connection: close") + QUERY)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nServer:" not in answer
    assert b"no-store" in answer


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Expect: 100-continue"], QUERY),
        (["Expect: 100-continue", "Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n"),
        ([f"Content-Length: {len(QUERY) + 3}"], b"\xef\xbb\xbf" + QUERY),
    ],
)
def test_the_forms_that_ordinary_clients_send(admin: Admin, lines: list[str], body: bytes) -> None:
    if b"%" in body:
        body = body % (len(QUERY), QUERY)
    own = None if len(lines) > 1 or "Content-Length" in lines[0] else str(len(QUERY))
    answer = exchange(admin, head(BEARER, "Connection: close", *lines, length=own) + body)
    assert b"totalSynced" in answer


@pytest.mark.parametrize("path", ["/", "/login", "/style.css", "/healthz", "/order?name=X"])
def test_head_is_get_without_its_body(admin: Admin, path: str) -> None:
    def ask(method: str) -> tuple[list[bytes], bytes]:
        raw = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        got, _, body = exchange(admin, raw.encode()).partition(b"\r\n\r\n")
        return [line for line in got.split(b"\r\n") if not line.startswith(b"Date")], body

    assert ask("HEAD") == (ask("GET")[0], b"")

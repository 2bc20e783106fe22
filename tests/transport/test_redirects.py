"""No redirect is followed, so no login and no order goes where nobody configured it to go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.hooks import PostHook
from veracore_sync.transport.http import HttpClient

SECRET = "Bearer s3cret"


class _Handler(BaseHTTPRequestHandler):
    """Answers ``/STATUS`` by that status, with a place on the same server to go to."""

    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(self.path)
        self.send_response(int(self.path[1:]))
        # Plain http, as if an attacker on the way had taken the TLS off.
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.seen.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_like_any_other(server: HTTPServer, status: int) -> None:
    _Handler.seen = []
    url = f"http://127.0.0.1:{server.server_address[1]}/{status}"
    client = HttpClient("vendure", timeout_seconds=5)
    headers = {"Authorization": SECRET}
    answer = client.send("POST", url, label="login", headers=headers, content=b"{}")
    client.close()
    assert answer.status == status
    hook = PostHook(url, lambda event_id, body: {"webhook-signature": SECRET}, 5)
    with pytest.raises(NotTaken, match=f"HTTP {status}"):
        hook.deliver("evt_1", b"{}")
    hook.close()
    assert _Handler.seen == [f"/{status}"] * 2

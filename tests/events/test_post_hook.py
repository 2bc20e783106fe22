"""What an answer of `hooks.url` says: of this event alone, or of the hook as a whole."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.hooks import PostHook


@pytest.mark.parametrize(
    ("status", "unreachable"),
    [
        *((code, False) for code in (400, 401, 404, 410, 500)),
        *((code, True) for code in (429, 502, 503, 504)),
    ],
)
def test_what_an_answer_says(status: int, unreachable: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    hook = PostHook(f"http://127.0.0.1:{server.server_port}/", lambda *_: {}, 10)
    with pytest.raises(NotTaken) as caught:
        hook.deliver("evt_1", b"{}")
    hook.close()
    thread.join()
    server.server_close()
    assert (caught.value.message, caught.value.unreachable) == (f"HTTP {status}", unreachable)


def test_an_address_that_nobody_answers_at_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    hook = PostHook(f"http://127.0.0.1:{port}/t0ken", lambda *_: {}, 10)
    with pytest.raises(NotTaken) as caught:
        hook.deliver("evt_1", b"{}")
    hook.close()
    assert caught.value.message == "no answer (could not connect: Connection refused)"
    assert caught.value.unreachable

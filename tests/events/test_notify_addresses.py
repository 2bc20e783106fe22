"""Alerts to people go encrypted, and to the address that was given alone."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from veracore_sync.domain.errors import ConfigError
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.transport.hooks import people

# Of Apprise's own imports.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
EVENT = b'{"type": "alert.opened", "data": {"kind": "hooks.failing", "message": "m"}}'


@pytest.mark.parametrize(
    "address",
    ["json://user:s3cret@host/x", "xml://10.0.0.1", "form://h", "gotify://h/s3cret", "ntfy://h/t"],
)
def test_http_to_another_machine_is_refused_until_a_setting_allows_it(address: str) -> None:
    with pytest.raises(ConfigError, match=r"address 2 leads over http://") as caught:
        people(["jsons://host", address], 5)
    assert "hooks.allow_http" in str(caught.value.hint)
    assert "s3cret" not in f"{caught.value.message}{caught.value.hint}"
    people([address], 5, allow_http=True)


@pytest.mark.parametrize(
    "address",
    [
        "jsons://host",
        "json://localhost:9/x",
        "json://127.0.0.1/x",
        "ntfy://topic",
        "mailto://u:pass@mail.example?smtp=mail.example",
        "slack://TokenA/TokenB/TokenC/Chan",
    ],
)
def test_what_encrypts_or_stays_here_is_taken(address: str) -> None:
    people([address], 5)


@pytest.fixture
def redirecting() -> Iterator[tuple[int, list[str]]]:
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], seen
        server.shutdown()
        thread.join()


def test_no_redirect_is_followed(redirecting: tuple[int, list[str]]) -> None:
    port, seen = redirecting
    (hook,) = people([f"json://user:pass@127.0.0.1:{port}/here"], 5)
    with closing(hook), pytest.raises(NotTaken, match="Apprise could not deliver it"):
        hook.deliver("evt_1", EVENT)
    assert len(seen) == 1
    assert seen[0].startswith("/here")

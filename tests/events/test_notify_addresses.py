"""Alerts to people go encrypted, and to the address that was given alone."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig import HereRig

from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
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
            self.send_response(200 if "200" in self.path else 307)
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


def test_an_address_that_is_taken_out_changes_nothing_for_those_behind_it(
    redirecting: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, seen = redirecting
    taken_out, away, kept = (
        f"json://user:s3cret@127.0.0.1:{port}/{path}" for path in ("200/a", "away", "200/b")
    )
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.sync()
        with closing(open_ledger(rig.ledger_path, hooks=("notify",))) as ledger:
            ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code="A")
        for addresses in ([taken_out, away, kept, kept], [away, kept], [kept], [kept, taken_out]):
            rig.run("deliver", "--force", VERACORE_SYNC_HOOKS__NOTIFY=json.dumps(addresses))
    assert [path.rstrip("/") for path in seen] == ["/200/a", "/away", "/200/b", "/away"]
    assert b"s3cret" not in rig.ledger_path.read_bytes()

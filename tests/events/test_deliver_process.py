"""The real command and real hooks: a program, and an address that checks signatures."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rig import Rig
from standardwebhooks.webhooks import Webhook

from veracore_sync.clock import to_text
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", "Mug", 1000)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        yield Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)


@contextmanager
def receiver(status: int = 204) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that verifies by the reference library; what it took."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            Webhook(SECRET).verify(body, headers)
            taken.append(json.loads(body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/events", taken
    finally:
        server.shutdown()
        server.server_close()


def program(folder: Path, body: str) -> str:
    script = folder / "hook.py"
    script.write_text(body)
    return json.dumps([sys.executable, str(script)])


WRITES = """import sys, pathlib
with open(pathlib.Path(__file__).with_name("taken.jsonl"), "ab") as file:
    file.write(sys.stdin.buffer.read() + b"\\n")
"""


def taken_by(folder: Path) -> list[dict[str, Any]]:
    file = folder / "taken.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_run_delivers_what_it_did_to_both(rig: Rig, shop: SmallShop, tmp_path: Path) -> None:
    with receiver() as (url, posted):
        rig.env |= {
            "VERACORE_SYNC_HOOKS__COMMAND": program(tmp_path, WRITES),
            "VERACORE_SYNC_HOOKS__URL": url,
            "VERACORE_SYNC_HOOKS__SECRET": SECRET,
        }
        order = shop.state.place_order([("MUG", 1)])
        rig.sync()
        assert [one["type"] for one in posted] == ["order.synced"]
        assert posted[0]["data"]["vendureOrderCode"] == order.code
        assert taken_by(tmp_path) == posted
        again = rig.run("deliver", "--json")
    assert (again.code, again.json["delivered"], again.json["waiting"]) == (0, 0, 0)


def test_a_hook_that_is_away_gets_it_later_with_the_same_id(rig: Rig, shop: SmallShop) -> None:
    rig.env |= {"VERACORE_SYNC_HOOKS__SECRET": SECRET}
    shop.state.place_order([("MUG", 1)])
    rig.sync(VERACORE_SYNC_HOOKS__URL="http://127.0.0.1:1/events")
    away = rig.run("deliver", "--force", VERACORE_SYNC_HOOKS__URL="http://127.0.0.1:1/events")
    assert (away.code, away.out) == (69, "")
    assert "does not accept events" in away.err
    with rig.ledger() as ledger:
        waiting = ledger.outbox.due("url", after=0, forced=True)
        assert waiting is not None
    with receiver() as (url, posted):
        ended = rig.run("deliver", "--force", VERACORE_SYNC_HOOKS__URL=url)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert [one["id"] for one in posted] == [waiting.id]


def test_killed_between_taken_and_committed_it_is_told_twice_never_not(
    rig: Rig, shop: SmallShop, tmp_path: Path
) -> None:
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = program(tmp_path, WRITES)
    shop.state.place_order([("MUG", 1)])
    died = rig.run(
        "sync-orders", "--allow-first-run", VERACORE_SYNC_TEST_FAILPOINT="event taken:kill"
    )
    assert died.code == -9
    assert rig.run("deliver").code == 0
    first, second = taken_by(tmp_path)
    assert first == second
    assert rig.run("deliver", "--json").json["delivered"] == 0


HANGS = """import time, pathlib
pathlib.Path(__file__).with_name("began").touch()
time.sleep(600)
"""


_PAUSED = "SELECT hook FROM hooks WHERE failures > 0 AND next_attempt_at IS NOT NULL"


def test_a_hook_that_hangs_delays_nothing(rig: Rig, shop: SmallShop, tmp_path: Path) -> None:
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = program(tmp_path, HANGS)
    began = tmp_path / "began"
    shop.state.place_order([("MUG", 1)])
    hanging = rig.start("sync-orders", VERACORE_SYNC_HOOKS__TIMEOUT_SECONDS="60")
    deadline = time.monotonic() + 600
    while not began.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The job is free while the hook hangs, and nobody waits for the hook.
    shop.state.place_order([("MUG", 1)])
    assert rig.sync()["submitted"] == 1
    assert hanging.poll() is None
    hanging.terminate()
    out, err = hanging.communicate(timeout=600)
    assert (hanging.returncode, out, "Traceback" in err) == (0, "", False)

    began.unlink()
    # A shell, which is there before an interpreter would be.
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = json.dumps(
        ["sh", "-c", f'echo >"{began}"; exec sleep 600']
    )
    rig.run("sync-orders", VERACORE_SYNC_HOOKS__TIMEOUT_SECONDS="3")
    assert began.exists()
    began.unlink()
    # For a minute: on a busy machine that may be over before the next run has begun.
    with closing(sqlite3.connect(rig.ledger_path)) as ledger, ledger:
        assert list(ledger.execute(_PAUSED)) != []
        later = to_text(datetime.now(UTC) + timedelta(minutes=30))
        ledger.execute("UPDATE hooks SET next_attempt_at = ?", (later,))
    assert rig.run("sync-orders").code == 0
    assert not began.exists(), "it is left alone for a while"


def test_the_listener_delivers_what_its_hints_did(
    rig: Rig, shop: SmallShop, tmp_path: Path
) -> None:
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = program(tmp_path, WRITES)
    rig.env["VERACORE_WEBHOOK_SECRET"] = SECRET
    listener = rig.start("serve-webhooks", "--port", "0")
    assert listener.stdout is not None
    assert listener.stdout.readline().startswith("http://")
    ledger = open_ledger(rig.ledger_path, hooks=("command",))
    ledger.outbox.add("order.synced", "A", {"vendureOrderCode": "A"})
    ledger.close()
    deadline = time.monotonic() + 600
    while not taken_by(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    listener.terminate()
    _, err = listener.communicate(timeout=600)
    assert (listener.returncode, "Traceback" in err) == (0, False), err


def test_exit_codes_of_deliver(rig: Rig, tmp_path: Path) -> None:
    without = rig.run("deliver", "--json")
    assert (without.code, without.json["error"]["class"]) == (78, "config")
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = program(tmp_path, "raise SystemExit('no, thanks')")
    assert rig.run("deliver").code == 0
    ledger = open_ledger(rig.ledger_path, hooks=("command",))
    for code in "ABC":
        ledger.outbox.add("order.synced", code, {"vendureOrderCode": code})
    ledger.close()
    refused = rig.run("deliver", "--json")
    assert refused.code == 69
    assert refused.json["hooks"][0]["error"] == "exit code 1"
    assert b"no, thanks" not in rig.ledger_path.read_bytes()
    assert rig.run("stats", "--json").json["events"]["waiting"] == 3


def test_people_get_alerts_alone_and_once(rig: Rig, shop: SmallShop) -> None:
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"json://secret-user:secret-word@127.0.0.1:{server.server_port}/"
    rig.env |= {
        "VERACORE_SYNC_HOOKS__NOTIFY": json.dumps([address]),
        "VERACORE_SYNC_ORDERS__FREIGHT": '{"nothing-else": {"code": "U1"}}',
    }
    parked = shop.state.place_order([("MUG", 1)])
    for _ in range(2):
        ended = rig.run("--log-level", "debug", "sync-orders", "--json")
        assert "secret-word" not in ended.out + ended.err
    del rig.env["VERACORE_SYNC_ORDERS__FREIGHT"]
    rig.run("retry", parked.code)
    rig.sync()
    server.shutdown()
    server.server_close()
    titles = [one["title"] for one in told]
    assert titles == [
        f"veracore-sync: order.parked {parked.code}",
        f"veracore-sync: order.parked {parked.code} is over",
    ]
    wrong = rig.run("deliver", VERACORE_SYNC_HOOKS__NOTIFY='["no-such-scheme://x"]')
    assert (wrong.code, "address 1" in wrong.err) == (78, True)

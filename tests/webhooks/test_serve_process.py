"""The real command as a process: killed under load, stopped, watched, and refused."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any

import pytest
from hook_kit import INVENTORY, SECRET, signed, until

from veracore_sync.clock import SystemClock
from veracore_sync.domain.hints import KINDS
from veracore_sync.ledger import open_ledger
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.rate_limit import HintRateLimiter
from veracore_sync.webhooks.worker import Handler, Worker

ROUNDS = 8
_PROGRAM = """
import pathlib, sys, time
from veracore_sync.webhooks.hint_handler import HintJobs
from veracore_sync.webhooks.worker import Handler

log = open(sys.argv.pop(1), "a", buffering=1)

def note(name):
    log.write(name + "\\n")

def handlers(self):
    return {kind: Handler(kind, note) for kind in ("inventory", "order", "tracking")}

HintJobs.handlers = handlers
from veracore_sync.__main__ import main
main()
"""


class Process:
    """``serve-webhooks`` whose handlers only write down what they were asked to look up."""

    def __init__(
        self, folder: Path, *arguments: str, stderr: int | IO[str] = subprocess.PIPE, **env: str
    ) -> None:
        self.log = folder / "looked-up"
        settings = {
            "VENDURE_ADMIN_API_URL": "http://localhost:9/admin-api",
            "VENDURE_USERNAME": "u",
            "VENDURE_PASSWORD": "pass",
            "VERACORE_API_URL": "http://localhost:9",
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            "VERACORE_SYNC_LEDGER__PATH": str(folder / "ledger.db"),
            "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
            "VERACORE_WEBHOOK_SECRET": SECRET,
        }
        self.process = self.popen(
            [sys.executable, "-c", _PROGRAM, str(self.log), "serve-webhooks", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **settings, **env},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        self.url = ""
        if "--work-only" not in arguments:
            told = self.process.stderr if "--json" in arguments else self.process.stdout
            assert told is not None
            self.url = told.readline().strip()

    def popen(self, command: list[str], **how: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(command, **how)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=600)
        return self.process.returncode, err


def deliver(
    process: Process, client: int, stop: threading.Event, answered: queue.Queue[str]
) -> None:
    """Deliver until told to stop, or until the listener is gone."""
    with closing(process.connection()) as connection:
        count = 0
        while not stop.is_set():
            count += 1
            name = f"S-{process.process.pid}-{client}-{count}"
            body = json.dumps({"sku": name}).encode()
            try:
                connection.request("POST", INVENTORY, body, signed(body))
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException):
                return
            if answer.status == 200:
                answered.put(name)


def test_every_answered_delivery_is_looked_up_after_sigkill(tmp_path: Path) -> None:
    answered: queue.Queue[str] = queue.Queue()
    draw = random.Random(6)
    for _ in range(ROUNDS):
        process = Process(tmp_path, "--port", "0")
        stop = threading.Event()
        clients = [
            threading.Thread(target=deliver, args=(process, n, stop, answered)) for n in range(4)
        ]
        for client in clients:
            client.start()
        # Amid the deliveries: in one of so many an answer is on its way.
        most = answered.qsize() + draw.randint(5, 40)
        until(lambda most=most: answered.qsize() >= most)  # type: ignore[misc]
        code, err = process.end(signal.SIGKILL)
        assert code == -signal.SIGKILL
        assert err == ""
        stop.set()
        for client in clients:
            client.join()
    promised = {answered.get() for _ in range(answered.qsize())}
    assert len(promised) > ROUNDS * 4

    left = _finish(tmp_path)
    looked_up = process.log.read_text().split()
    assert promised <= set(looked_up)
    # Once, but for the hint that was being looked up when the listener was killed.
    assert len(looked_up) - len(set(looked_up)) <= ROUNDS
    assert left == 0


def _finish(folder: Path) -> int:
    """Let the worker finish what waits, without its gaps; how many hints are left."""
    clock = SystemClock()
    ledger = open_ledger(folder / "ledger.db")
    inbox = ledger.inbox
    with (folder / "looked-up").open("a") as log:
        worker = Worker(
            inbox,
            {kind: Handler(kind, lambda name: print(name, file=log)) for kind in KINDS},
            ledger.runs,
            clock,
            pace=HintRateLimiter(0, clock),
            meter=Counters(),
            keep=timedelta(days=7),
        )
        while worker.step():
            pass
    left = int(ledger.inbox.summary()["waiting"])
    ledger.close()
    return left


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path, "--port", "0")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def listens(port: int) -> bool:
    """Whether anything does, told by the kernel: a connection would be one more to drain."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def has_read(port: int, client: int) -> bool:
    """Whether it accepted that client's connection and read what has come, told by the kernel."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        row[1].endswith(f":{port:04X}")
        and row[2].endswith(f":{client:04X}")
        and row[4].endswith(":00000000")
        and row[9] != "0"
        for row in rows
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_drains(process: Process, number: int) -> None:
    body = b'{"sku": "LAST"}'
    head = f"POST {INVENTORY} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in signed(body).items()
    )
    with socket.create_connection(("127.0.0.1", process.port), 5) as connection:
        connection.sendall(head.encode() + b"\r\n" + body[:5])
        until(lambda: has_read(process.port, connection.getsockname()[1]))
        process.process.send_signal(number)
        until(lambda: not listens(process.port))
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", process.port), 5)
        connection.sendall(body[5:])
        received = connection.recv(65_536)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in received
    _, err = process.process.communicate(timeout=600)
    assert (process.process.returncode, err) == (0, "")


def test_a_second_listener_on_the_ledger_is_turned_away(process: Process, tmp_path: Path) -> None:
    second = Process(tmp_path, "--port", "0")
    second.process.communicate(timeout=600)
    assert second.process.returncode == 75


@pytest.mark.parametrize(
    ("arguments", "env", "code", "word"),
    [
        (["--port", "0"], {"VERACORE_WEBHOOK_SECRET": ""}, 78, "webhooks.secret is missing"),
        (["--host", "hooks.example.com"], {}, 78, "neither an IP address nor localhost"),
        (["--host", "192.0.2.1"], {}, 78, "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_listen_says_why(
    tmp_path: Path, arguments: list[str], env: dict[str, str], code: int, word: str
) -> None:
    refused = Process(tmp_path, *arguments, **env)
    _, err = refused.process.communicate(timeout=600)
    assert refused.process.returncode == code
    assert word in err
    assert "Traceback" not in err


def test_a_taken_port_is_a_setting_to_change(process: Process, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    second = Process(tmp_path / "other", "--port", str(process.port))
    _, err = second.process.communicate(timeout=600)
    assert second.process.returncode == 78
    assert "stop what listens there" in err


def test_with_json_stdout_is_one_document(tmp_path: Path) -> None:
    running = Process(tmp_path, "--port", "0", "--json")
    running.process.send_signal(signal.SIGINT)
    out, err = running.process.communicate(timeout=600)
    assert json.loads(out) == {"url": running.url, "drained": True}
    assert (running.process.returncode, err) == (0, "")


def test_a_public_bind_is_made_and_said(tmp_path: Path) -> None:
    public = Process(tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert public.url.startswith("http://0.0.0.0:")
    code, err = public.end()
    assert code == 0
    assert "without TLS" in err
    assert "reverse proxy" in err


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(60)
        process = Process(
            tmp_path, "--port", "0",
            NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="600000",
        )  # fmt: skip
        assert [door.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        process.process.send_signal(signal.SIGTERM)
        until(lambda: door.recv(100) == b"STOPPING=1")
        process.process.communicate(timeout=600)


def test_sign_and_curl_by_hand(process: Process, tmp_path: Path) -> None:
    body = '{"sku": "BY HAND"}'
    for arguments, given in (([body], None), ([], body), (["-"], body)):
        done = subprocess.run(
            [sys.executable, "-m", "veracore_sync", "sign", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"],
                 "VERACORE_WEBHOOK_SECRET": SECRET},
            input=given, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        headers = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        connection = process.connection()
        connection.request("POST", INVENTORY, body, headers)
        assert connection.getresponse().status == 200
        connection.close()
    until(lambda: process.log.exists() and "BY HAND" in process.log.read_text())


@pytest.mark.parametrize(
    ("arguments", "secret", "code", "word"),
    [
        (["--id", "two words", "{}"], SECRET, 2, "an id is"),
        (["--file", "missing.json"], SECRET, 2, "cannot read missing.json"),
        (["{}"], "", 78, "webhooks.secret is missing"),
    ],
)
def test_what_cannot_be_signed_says_why(
    arguments: list[str], secret: str, code: int, word: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "veracore_sync", "sign", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "VERACORE_COMPANY_ID": "c",
            "VERACORE_WEBHOOK_SECRET": secret,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr

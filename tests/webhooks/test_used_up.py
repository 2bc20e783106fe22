"""The real listener as a process whose descriptors are used up, or whose messages go nowhere."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from hook_kit import INVENTORY, SECRET, signed, until
from test_serve_process import Process

from veracore_sync.ledger import open_ledger


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    script = tmp_path / "hook.py"
    script.write_text(
        "import sys, pathlib\n"
        "pathlib.Path(__file__).with_name('taken').open('ab').write(sys.stdin.buffer.read())\n"
    )
    return script


@pytest.fixture
def process(tmp_path: Path, hook: Path) -> Iterator[Process]:
    running = Process(
        tmp_path,
        "--port", "0",
        VERACORE_SYNC_HOOKS__URL="https://127.0.0.1:1/events",
        VERACORE_SYNC_HOOKS__SECRET=SECRET,
        VERACORE_SYNC_HOOKS__COMMAND=json.dumps([sys.executable, str(hook)]),
    )  # fmt: skip
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()


def leave_free(process: Process, free: int) -> None:
    """Let the process open only so many descriptors more than it has open all the time."""
    pid = process.process.pid
    folder = Path(f"/proc/{pid}/fd")
    taken = {int(one.name) for one in folder.iterdir()}
    for _ in range(10):
        time.sleep(0.05)
        taken &= {int(one.name) for one in folder.iterdir()}
    limit = next(n for n in range(10_000) if len(set(range(n)) - taken) == free)
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, most))


def relieve(process: Process) -> None:
    pid = process.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))


def readiness(connection: HTTPConnection) -> tuple[int, dict[str, Any]]:
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def asked(process: Process) -> tuple[int, dict[str, Any]]:
    with closing(process.connection()) as connection:
        return readiness(connection)


def delivered(process: Process, sku: str) -> bool:
    body = json.dumps({"sku": sku}).encode()
    with closing(process.connection()) as connection, suppress(OSError, HTTPException):
        connection.request("POST", INVENTORY, body, signed(body))
        return connection.getresponse().status == 200
    return False


@pytest.mark.parametrize("free", [0, 1, 2])
def test_events_are_delivered_again_after_descriptors_were_used_up(
    process: Process, tmp_path: Path, free: int
) -> None:
    until(lambda: asked(process)[0] == 200)
    ledger = open_ledger(tmp_path / "ledger.db", hooks=("command",))
    leave_free(process, free)
    ledger.outbox.add("order.synced", "A", {"vendureOrderCode": "A"})
    ledger.close()
    # Two turns of the thread that delivers.
    time.sleep(5)
    assert process.process.poll() is None
    relieve(process)
    until((tmp_path / "taken").exists, seconds=60)
    until(lambda: asked(process)[0] == 200)
    assert delivered(process, "AFTER")
    until(lambda: "AFTER" in process.log.read_text())
    code, err = process.end()
    assert (code, "Traceback" in err) == (0, False), err


def test_readiness_says_which_part_has_no_descriptor(process: Process, tmp_path: Path) -> None:
    until(lambda: asked(process)[0] == 200)
    ledger = open_ledger(tmp_path / "ledger.db", hooks=("command",))

    def troubles() -> set[str] | None:
        with suppress(OSError, HTTPException):
            status, state = asked(process)
            assert (status == 503) == bool(state["troubles"])
            return {one["part"] for one in state["troubles"]}
        return None

    def is_told() -> bool:
        # One for who asks, and none for what a delivery of events needs. If nobody asks just when
        # it begins, it has that one, and fails later: then another is due.
        leave_free(process, 1)
        ledger.outbox.add("order.synced", "A", {"vendureOrderCode": "A"})
        return any("events" in (troubles() or ()) for _ in range(200))

    until(is_told)
    ledger.close()
    relieve(process)
    until(lambda: troubles() == set())
    code, err = process.end()
    assert (code, "Traceback" in err) == (0, False), err
    assert "Too many open files" in err or "EMFILE" in err


def test_connections_that_use_up_the_descriptors_give_way(process: Process) -> None:
    until(lambda: asked(process)[0] == 200)
    leave_free(process, 6)
    hogs = [socket.create_connection(("127.0.0.1", process.port), 10) for _ in range(20)]
    try:
        for number in range(5):
            until(lambda name=f"S{number}": delivered(process, name), seconds=60)
    finally:
        for one in hogs:
            one.close()
    relieve(process)
    until(lambda: asked(process)[0] == 200)
    until(lambda: {f"S{n}" for n in range(5)} <= set(process.log.read_text().split()), seconds=60)
    code, err = process.end()
    assert (code, "Traceback" in err) == (0, False), err


def test_messages_to_a_full_disk_stop_nothing(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        running = Process(tmp_path, "--port", "0", stderr=full)
    try:
        for _ in range(3):
            body = b'{"sku": "FORGED"}'
            with closing(running.connection()) as connection:
                connection.request("POST", INVENTORY, body, {"webhook-id": "x"})
                assert connection.getresponse().status == 401
        assert delivered(running, "AFTER")
        until(lambda: running.log.exists() and "AFTER" in running.log.read_text())
        assert asked(running)[0] == 200
    finally:
        running.process.terminate()
        running.process.communicate(timeout=600)

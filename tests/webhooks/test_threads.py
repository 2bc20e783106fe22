"""Every thread of a server goes on whatever ends its turn, and says so meanwhile."""

from __future__ import annotations

import errno
import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from hook_kit import INVENTORY, Bed, start_bed, stop_bed, until

from veracore_sync.clock import SystemClock
from veracore_sync.describe import describe
from veracore_sync.domain.errors import LedgerError
from veracore_sync.webhooks import event_thread
from veracore_sync.webhooks.server import HookServer
from veracore_sync.webhooks.supervision import Health, Part, SupervisedThread, watch_over

FAULTS: list[BaseException] = [
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.ENOSPC, "No space left on device"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    MemoryError(),
    RuntimeError("can't start new thread"),
    sqlite3.OperationalError("disk I/O error"),
    LedgerError("the ledger l.db: database or disk is full (SQLITE_FULL)"),
    ValueError("pat@example.com"),
    KeyboardInterrupt(),
    SystemExit(1),
]


class Faulty:
    """A turn that fails as it is told to, until it is told no more."""

    def __init__(self, turn: Callable[[], Any]) -> None:
        self._turn = turn
        self.fault: BaseException | None = None

    def __call__(self, *_: object) -> Any:
        if self.fault is not None:
            raise self.fault
        return self._turn()


@contextmanager
def supervised(name: str, bed: Bed, patch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """A thread of the listener whose turns can be made to fail."""
    listener = bed.listener
    if name == "worker":
        thread, faulty = listener._worker._thread, Faulty(listener._worker.step)
        patch.setattr(listener._worker, "step", faulty)
    elif name == "accept":
        thread, faulty = listener.server._thread, Faulty(listener.server.handle_request)
        patch.setattr(listener.server, "handle_request", faulty)
    else:
        faulty = Faulty(lambda: None)
        patch.setattr(event_thread, "deliver_due", faulty)
        patch.setattr(event_thread, "_PERIOD", 0.01)
        delivering = event_thread.EventThread(None, listener._health.part("events"))  # type: ignore[arg-type]
        thread = delivering._thread
        thread.start()
    thread._first_pause = thread._longest_pause = 0.01
    yield faulty
    assert thread.is_alive()
    thread.ask_to_stop()


def tells(bed: Bed, error: str) -> bool:
    return [one["error"].partition(" at ")[0] for one in bed.listener.state()["troubles"]] == [
        error
    ]


@pytest.mark.parametrize("name", ["accept", "worker", "events"])
def test_a_thread_survives_every_fault_and_says_which_it_is(
    bed: Bed, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with supervised(name, bed, monkeypatch) as faulty:
        for fault in FAULTS:
            faulty.fault = fault
            until(lambda: [one["part"] for one in bed.listener.state()["troubles"]] == [name])
            until(partial(tells, bed, describe(fault).partition(" at ")[0]))
            state = bed.listener.state()
            assert not state["ready"]
            assert state["troubles"][0]["since"].endswith("Z")
            assert f'part_up{{part="{name}"}} 0' in bed.listener._figures()
            faulty.fault = None
            until(lambda: bed.listener.state()["ready"])
            assert f'part_up{{part="{name}"}} 1' in bed.listener._figures()
        # And it does its work.
        assert bed.post(INVENTORY, {"sku": "AFTER"})[0] == 200
        until(lambda: ("inventory", "AFTER") in bed.seen.names)
    told = [one.getMessage() for one in caplog.records if f"{name} fails" in one.getMessage()]
    assert len(told) == 1, "throttled"
    assert "pat@example.com" not in caplog.text


def test_a_receiver_that_could_not_forget_old_ids_is_ready_as_soon_as_it_can(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruner, faulty = bed.listener._pruner, Faulty(lambda: 0)
    faulty.fault = LedgerError("the ledger l.db: database is locked")
    until(lambda: bed.listener.state()["ready"])
    monkeypatch.setattr(bed.ledger.inbox, "prune", faulty)
    pruner._first_pause = pruner._longest_pause = 0.01
    pruner.start()
    until(lambda: [one["part"] for one in bed.listener.state()["troubles"]] == ["prune"])
    faulty.fault = None
    until(lambda: bed.listener.state()["ready"], 60)


def test_readyz_tells_over_the_wire(bed: Bed) -> None:
    bed.listener._health.part("events").failed(OSError(errno.EMFILE, "Too many open files"))
    answer, body = bed.get("/readyz")
    assert answer.status == 503
    (trouble,) = json.loads(body)["troubles"]
    assert (trouble["part"], trouble["error"]) == ("events", "OSError EMFILE")
    assert bed.get("/healthz")[0].status == 200
    _, metrics = bed.get("/metrics")
    assert b'veracore_sync_part_up{part="events"} 0\n' in metrics
    assert b'veracore_sync_part_failures_total{part="events"} 1\n' in metrics


def test_a_full_ledger_is_told_and_readiness_comes_back_without_a_delivery(bed: Bed) -> None:
    connection = bed.ledger.database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    statuses = [
        bed.post(INVENTORY, {"skus": [f"{n}-{m}-" + "x" * 150 for m in range(99)]})[0]
        for n in range(4)
    ]
    assert statuses[-1] == 503
    found = {one["part"]: one["error"] for one in bed.listener.state()["troubles"]}
    assert "SQLITE_FULL" in found["store"]
    assert bed.get("/readyz")[0].status == 503
    connection.execute("PRAGMA max_page_count = 1000000")
    until(lambda: bed.get("/readyz")[0].status == 200)
    assert bed.post(INVENTORY, {"sku": "AFTER"})[0] == 200


def test_without_a_thread_for_it_a_client_is_told_to_come_again(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with bed.connect() as client:
            assert client.recv(1000).startswith(b"HTTP/1.1 503 ")
        until(lambda: 'part_failures_total{part="accept"} 1' in bed.listener._figures())
    assert len(bed.listener.server.connections) == 0
    assert bed.post(INVENTORY, {"sku": "AFTER"})[0] == 200


def test_used_up_descriptors_make_the_idle_give_way(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = bed.connect()
    until(lambda: len(bed.listener.server.connections) == 1)
    real = socket.socket.accept

    def accept(server: socket.socket) -> Any:
        if len(bed.listener.server.connections):
            raise OSError(errno.EMFILE, "Too many open files")
        return real(server)

    monkeypatch.setattr(socket.socket, "accept", accept)
    assert bed.post(INVENTORY, {"sku": "NEW"})[0] == 200
    assert idle.recv(1) == b""
    idle.close()
    until(lambda: bed.listener.state()["ready"])


def test_a_client_that_left_before_it_was_accepted_is_no_trouble(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborted = threading.Event()

    def accept(server: socket.socket) -> Any:
        aborted.set()
        raise ConnectionAbortedError(errno.ECONNABORTED, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "accept", accept)
        with bed.connect():
            assert aborted.wait(60)
            assert bed.listener.state()["ready"]


def test_pauses_grow_and_end_with_the_first_good_turn() -> None:
    pauses: list[float] = []
    faults = iter(
        [OSError(), OSError(), OSError(), None, OSError(), OSError(), OSError(), OSError()]
    )

    def turn() -> None:
        fault = next(faults, StopIteration())
        if isinstance(fault, StopIteration):
            thread.ask_to_stop()
        elif fault is not None:
            raise fault

    thread = SupervisedThread(Part("some", FakeClock()), turn, first_pause=1.0, longest_pause=5.0)
    thread.rest = pauses.append  # type: ignore[method-assign]
    thread.start()
    until(lambda: not thread.is_alive())
    assert pauses == [1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("faults", "restarts"),
    [
        ([OSError(errno.EMFILE, "")], True),
        ([MemoryError()], True),
        ([LedgerError("database or disk is full")], False),
        ([LedgerError("database or disk is full"), ValueError()], True),
    ],
)
def test_what_stays_broken_is_left_to_the_watchdog(
    faults: list[BaseException], restarts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    health = Health(clock)
    part = health.part("worker")
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(0.5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        watching = threading.Thread(
            target=watch_over, args=(stop, health, lambda: True, lambda: None)
        )
        watching.start()
        assert (door.recv(99), door.recv(99)) == (b"READY=1", b"WATCHDOG=1")
        for fault in faults:
            part.failed(fault)
        clock.forward(seconds=299)
        assert door.recv(99) == b"WATCHDOG=1"
        clock.forward(seconds=1)
        if restarts:
            with pytest.raises(TimeoutError):
                for _ in range(100):
                    door.recv(99)
        else:
            assert [door.recv(99) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        part.works()
        assert door.recv(99) == b"WATCHDOG=1"
        stop.set()
        until(lambda: door.recv(99) == b"STOPPING=1")
        watching.join()


def test_a_server_stops_whether_or_not_it_began(bed: Bed) -> None:
    handler = bed.listener.server.handler
    server = HookServer("127.0.0.1", 0, handler, meter=bed.listener._meter)
    assert server.stop()


def test_a_listener_that_fails_stops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = start_bed(tmp_path / "broken.db")
    monkeypatch.setattr(broken.listener.server, "handle_request", Faulty(lambda: None))
    broken.listener.server.handle_request.fault = ValueError()  # type: ignore[attr-defined]
    until(lambda: not broken.listener.state()["ready"])
    stop_bed(broken)
    assert not broken.listener.server.is_alive()
    assert Health(SystemClock()).troubles() == []

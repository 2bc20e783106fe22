"""The worker: coalesced, never covered too early, patient, fair to commands, and forgetting."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeClock, make_settings
from hook_kit import INVENTORY, Bed, Seen, start_bed, stop_bed, until

from veracore_sync.domain.errors import ProtocolError, RateLimited, Unavailable, UsageError
from veracore_sync.domain.hints import HINTS, KINDS, RECEIVER, WebhookDelivery
from veracore_sync.jobs.doctor.ledger import ledger as examine_ledger
from veracore_sync.ledger import open_ledger
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.rate_limit import HintRateLimiter
from veracore_sync.webhooks.worker import Handler, Worker


class Desk:
    """A worker that is stepped by hand, over a real ledger and a clock of ours."""

    def __init__(self, path: Path, rate: int = 0) -> None:
        self.clock = FakeClock()
        self.ledger = open_ledger(path, clock=self.clock)
        self.inbox = self.ledger.inbox
        self.seen = Seen()
        self.worker = Worker(
            self.inbox,
            {kind: Handler(kind, self.seen.handler(kind)) for kind in KINDS},
            self.ledger.runs,
            self.clock,
            pace=HintRateLimiter(rate, self.clock),
            meter=Counters(),
            keep=timedelta(days=7),
        )

    def hint(self, *names: str, kind: str = "inventory", id: str | None = None) -> None:
        self.inbox.store([WebhookDelivery(id, kind, names)])  # type: ignore[arg-type]

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.seen.names]

    def steps(self, most: int = 1000) -> int:
        return next(n for n in range(most + 1) if n == most or not self.worker.step())

    def row(self, name: str) -> dict[str, object]:
        row = self.ledger.database.row("SELECT * FROM hints WHERE name = ?", (name,))
        assert row is not None
        return dict(row)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def test_doctor_says_that_nothing_follows_what_is_received(desk: Desk) -> None:
    settings = make_settings(ledger={"path": str(desk.ledger.path)})

    def found() -> list[str]:
        checks = examine_ledger(settings, lambda: desk.ledger, desk.clock)
        return [one.level for one in checks if one.name == "webhooks"]

    assert found() == []
    with desk.ledger.runs.lock(RECEIVER, "serve-webhooks"):
        assert found() == ["warn"]
        with desk.ledger.runs.lock(HINTS, "serve-webhooks"):
            assert found() == []


def test_a_burst_is_one_look_up(desk: Desk) -> None:
    for _ in range(50):
        desk.hint("A")
    assert desk.steps() == 1
    assert desk.names == ["A"]


def test_a_hint_that_arrives_while_its_look_up_runs_is_looked_up_again(desk: Desk) -> None:
    arrivals = iter([True, False])
    desk.seen.during = lambda name: desk.hint(name) if next(arrivals) else None
    desk.hint("A")
    assert desk.steps() == 2
    assert desk.names == ["A", "A"]
    assert desk.ledger.inbox.summary()["waiting"] == 0


def test_kinds_take_turns(desk: Desk) -> None:
    desk.hint(*"ABCDE")
    desk.hint("T", kind="tracking")
    desk.worker.step()
    desk.worker.step()
    assert "T" in desk.names


def test_a_failure_waits_in_the_ledger_and_is_tried_again(desk: Desk) -> None:
    desk.seen.errors["A"] = [Unavailable("down", upstream="veracore")] * 3
    desk.hint("A")
    assert desk.steps() == 1
    row = desk.row("A")
    assert (row["tries"], row["error_class"]) == (1, "unavailable")
    assert desk.steps() == 0
    for _ in range(3):
        desk.clock.forward(seconds=3600)
        desk.steps()
    assert desk.names == ["A"] * 4
    assert desk.row("A") | {"tries": 0, "error_class": None, "due_at": None} == desk.row("A")


def test_an_upstream_that_is_down_is_not_asked_for_every_hint(desk: Desk) -> None:
    names = [f"S{n}" for n in range(100)]
    for name in names:
        desk.seen.errors[name] = [Unavailable("down", upstream="veracore")]
    desk.hint(*names)
    assert desk.steps() == 1


def test_retry_after_is_obeyed(desk: Desk) -> None:
    desk.seen.errors["A"] = [RateLimited("slow down", upstream="veracore", retry_after=600)]
    desk.hint("A")
    desk.steps()
    desk.clock.forward(seconds=599)
    assert desk.steps() == 0
    desk.clock.forward(seconds=2)
    assert desk.steps() == 1


def test_after_the_last_try_polling_is_left_to_find_it(desk: Desk) -> None:
    desk.seen.errors["A"] = [ProtocolError("garbled", upstream="veracore")] * 99
    desk.hint("A")
    for _ in range(40):
        desk.steps()
        desk.clock.forward(seconds=3600)
    assert desk.names == ["A"] * 10
    assert desk.row("A")["error_message"] == "garbled"
    desk.hint("A")
    desk.steps()
    assert len(desk.names) == 11


def test_an_outage_of_any_length_loses_no_hint(desk: Desk) -> None:
    desk.seen.errors["A"] = [Unavailable("down", upstream="veracore")] * 2000
    desk.hint("A")
    for _ in range(2000):
        desk.clock.forward(seconds=901)
        desk.steps()
    desk.clock.forward(seconds=901)
    desk.seen.names.clear()
    desk.steps()
    assert desk.names == ["A"]
    assert desk.row("A")["due_at"] is None


def test_what_nobody_knows_is_not_tried_again(desk: Desk) -> None:
    desk.seen.errors["A"] = [UsageError("the shop has no order A")]
    desk.hint("A")
    assert desk.steps() == 1
    assert desk.ledger.inbox.summary()["waiting"] == 0


def test_a_fault_of_a_job_does_not_end_the_worker(desk: Desk) -> None:
    desk.seen.errors["A"] = [ZeroDivisionError()]
    desk.hint("A")
    desk.hint("B")
    desk.steps()
    assert desk.names == ["A", "B"]
    assert desk.row("A")["error_class"] == "internal"


def test_the_lock_of_a_command_is_respected_and_not_counted(desk: Desk, tmp_path: Path) -> None:
    other = open_ledger(tmp_path / "ledger.db", clock=desk.clock)
    desk.hint("A")
    with other.runs.lock("inventory", "sync-inventory"):
        assert desk.steps() == 0
    assert desk.row("A")["tries"] == 0
    desk.clock.forward(seconds=1)
    assert desk.steps() == 1
    assert other.runs.holder("inventory").command == "serve-webhooks"
    other.close()


def test_hints_cause_a_quarter_of_the_rate_at_most(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "paced.db", rate=120)
    desk.hint(*[f"S{n}" for n in range(500)])
    desk.steps()
    burst = len(desk.names)
    for _ in range(600):
        desk.clock.forward(seconds=1)
        desk.steps()
    assert burst <= 30
    assert 270 <= len(desk.names) - burst <= 301
    desk.ledger.close()


def test_a_hundred_thousand_deliveries_each_id_once_and_pruned(desk: Desk) -> None:
    """With duplicates, in disorder: id n comes first or second, 20,000 apart."""
    inbox, total, new = desk.inbox, 50_000, 0
    tracemalloc.start()
    peaks = []
    for start in range(0, total, 250):
        numbers = range(start, start + 250)
        batch = [WebhookDelivery(f"m{n}", "inventory", (f"S{n % 500}",)) for n in numbers]
        again = [
            WebhookDelivery(f"m{abs(n - 20_000)}", "inventory", (f"S{n % 500}",)) for n in numbers
        ]
        for one in (batch, again):
            new += sum(inbox.store(one))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert new == total
    assert desk.ledger.inbox.summary()["deliveries"] == total
    assert max(peaks[100:]) < 1.5 * max(peaks[:100])
    assert desk.steps() == 500
    size = desk.ledger.database.value("PRAGMA page_count")
    desk.clock.forward(seconds=8 * 86_400)
    desk.worker.step()
    assert desk.ledger.inbox.summary()["deliveries"] == 0
    assert desk.ledger.database.value("SELECT count(*) FROM hints") == 0
    assert desk.ledger.database.value("PRAGMA freelist_count") > size * 0.9


def test_what_is_due_is_never_pruned(desk: Desk) -> None:
    desk.hint("A")
    desk.clock.forward(seconds=30 * 86_400)
    assert desk.inbox.prune(desk.clock.now()) == 0
    assert desk.steps() == 1


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Bed]:
    seen = Seen(during=lambda name: threading.Event().wait(0.05) and None)
    running = start_bed(tmp_path / "ledger.db", seen=seen)
    yield running
    stop_bed(running)


def test_a_flood_of_hints_lets_a_waiting_command_through(slow: Bed, tmp_path: Path) -> None:
    for start in range(0, 300, 100):
        assert slow.post(INVENTORY, {"skus": [f"S{start + n}" for n in range(100)]})[0] == 200
    until(lambda: len(slow.seen.names) > 2)
    other = open_ledger(tmp_path / "ledger.db")
    for _ in range(3):
        with other.runs.lock("inventory", "sync-inventory", wait_seconds=60):
            pass
    other.close()
    assert slow.listener.state()["waiting"] > 200

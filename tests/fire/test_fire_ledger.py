"""The disk fails in a gap, or a signal stops the run: nothing is sent unrecorded or twice."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from bench import Bench
from fakes import make_order, make_settings
from fire_kit import Fire
from rig import signalled

from veracore_sync.domain.errors import LedgerError
from veracore_sync.sandbox import server


def failing_once(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, whose first use meets a full disk."""
    left = [LedgerError("the disk is full")]

    def use(*given: Any, **named: Any) -> Any:
        if left:
            raise left.pop()
        return verb(*given, **named)

    return use


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(("verb", "sent_at_least"), [("intend", 0), ("accept", 1), ("doubt", 1)])
def test_the_disk_is_full_in_a_gap(
    bench: Bench, workers: int, verb: str, sent_at_least: int
) -> None:
    bench.settings = make_settings(orders={"workers": workers})
    bench.shop.add(make_order("OK"))
    bench.run()
    bench.shop.add(*(make_order(f"A{n:02}") for n in range(30)))
    if verb == "doubt":
        bench.warehouse.script.append("lost after")
    moves: Any = bench.ledger.transitions
    setattr(moves, verb, failing_once(getattr(moves, verb)))
    _, error = bench.stopped()
    assert error.exit_code == 74
    assert sent_at_least <= len(bench.warehouse.submissions) - 1 <= 3 * workers
    for _ in range(3):
        bench.run()
        bench.clock.forward(minutes=5)
    assert bench.ledger.orders.counts()["synced"] == 31
    assert set(bench.warehouse.submissions.values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_under_way_get_its_outcome(
    fire: Fire, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire.rig.env["VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS"] = "600"
    fire.place(12)
    goes_on = threading.Event()

    def wait(*_: object) -> float:
        # How many go at once is found out from the answers: some must come.
        if len(fire.creates()) >= 4:
            goes_on.wait(600)
        return 0.0

    monkeypatch.setattr(server, "_wait", wait)
    run = fire.rig.start("sync-orders", "--json")
    while len(fire.creates()) < 4:
        time.sleep(0.01)
    signalled(run, number)
    goes_on.set()
    out, err = run.communicate(timeout=600)
    assert run.returncode == 128 + number, (out, err)
    assert "Traceback" not in err
    with fire.rig.ledger() as ledger:
        counts = ledger.orders.counts()
    assert counts["sending"] == 0
    assert counts["synced"] == len(fire.creates())
    assert counts["synced"] < 12
    fire.run_until_at_rest()
    fire.assert_each_once()

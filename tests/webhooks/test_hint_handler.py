"""A hint about an order does what a timer would do for it, and nothing more."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from bench import Bench
from fakes import make_order

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import SyncError, UsageError
from veracore_sync.webhooks.hint_handler import HintHandler


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "ledger.db")


def hints(bench: Bench, shipped: Callable[[str], object] = lambda code: None) -> HintHandler:
    return HintHandler(cast(Container, bench), shipped)


def test_a_waiting_order_is_sent_once(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    for _ in range(3):
        hints(bench).follow("A")
    assert bench.warehouse.submissions == {"A": 1}
    assert bench.state("A") == "synced"


def test_a_placed_order_is_looked_at_for_shipments(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    shipped: list[str] = []
    hints(bench, shipped.append).follow("A")
    assert shipped == ["A"]
    assert bench.warehouse.submissions == {"A": 1}


def test_a_doubt_is_looked_up(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("lost after")
    bench.warehouse.lies = 2
    bench.run()
    assert bench.state("A") == "in_doubt"
    bench.warehouse.lies = 0
    hints(bench).follow("A")
    assert bench.state("A") == "synced"


def test_a_stored_wait_is_kept(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("429")
    bench.run()
    assert bench.row("A").next_attempt_at is not None
    hints(bench).follow("A")
    assert bench.warehouse.submissions == {"A": 1}
    bench.clock.forward(hours=1)
    hints(bench).follow("A")
    assert bench.state("A") == "synced"


def test_one_that_cannot_be_read_is_tried_again_and_stops_no_other(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.shop.garbled = {"A"}
    with pytest.raises(SyncError):
        hints(bench).follow("A")
    hints(bench).follow("B")
    assert bench.state("B") == "synced"
    bench.shop.garbled = set()
    hints(bench).follow("A")
    assert bench.state("A") == "synced"


def test_what_is_parked_stays_with_a_person(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("refused")
    bench.run()
    assert bench.state("A") == "parked"
    hints(bench).follow("A")
    assert bench.warehouse.submissions == {"A": 1}


def test_a_first_backlog_is_not_sent_piecemeal(bench: Bench) -> None:
    codes = [f"A{n}" for n in range(51)]
    for code in codes:
        bench.shop.add(make_order(code))
    for code in codes:
        hints(bench).follow(code)
    assert bench.warehouse.submissions == {}
    bench.run(allow_first_run=True, limit=1)
    hints(bench).follow("A50")
    assert "A50" in bench.warehouse.submissions


def test_an_unknown_order_is_said_to_be(bench: Bench) -> None:
    with pytest.raises(UsageError):
        hints(bench).follow("NOBODY")


def test_polling_alone_ends_in_the_same_state(bench: Bench, tmp_path: Path) -> None:
    polled = Bench(tmp_path / "polled.db")
    codes = [f"A{n}" for n in range(12)]
    for one in (bench, polled):
        one.shop.add(*(make_order(code) for code in codes))
        one.warehouse.script.extend(["", "refused", "lost after", "429", "lost before"])
    draw = random.Random(6)
    for code in draw.sample(codes * 2, 16):
        with suppress(SyncError):
            hints(bench).follow(code)
        bench.clock.forward(minutes=1)
    for one in (bench, polled):
        for _ in range(6):
            with suppress(SyncError):
                one.run()
            one.clock.forward(hours=1)
    assert {code: bench.state(code) for code in codes} == dict.fromkeys(codes, "synced")
    assert bench.ledger.orders.counts() == polled.ledger.orders.counts()
    assert set(bench.warehouse.held) == set(polled.warehouse.held)

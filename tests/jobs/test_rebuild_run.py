"""A rebuild on a ledger on disk, between a shop and a warehouse in memory."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.domain.errors import ProtocolError, Unavailable
from veracore_sync.domain.warehouse import RecordLine, ShippedRow, WarehouseRecord
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.rebuild.report import RebuildReport
from veracore_sync.jobs.rebuild.run import RebuildRun
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed

LINES = (RecordLine("MUG", 2), RecordLine("TEE", 1))
DAY = timedelta(days=1)


def rebuild(bench: Bench, lookups: int | None = None) -> RebuildReport:
    context = RunContext(
        RebuildReport(),
        bench.shop,
        bench.warehouse,
        bench.ledger,
        bench.settings,
        bench.clock,
        RunOptions(),
    )
    return RebuildRun(context, lookups=lookups, applies=True).run()


@pytest.fixture
def fresh(bench: Bench, tmp_path: Path) -> Bench:
    """Three paid orders, a day after the other, of which VeraCore has the second."""
    bench.ledger.close()
    bench.settings = make_settings(orders={"workers": 1, "not_before": None})
    for number, code in enumerate("EFG"):
        at = START + number * DAY
        bench.shop.add(make_order(code, placed_at=at, updated_at=at))
    bench.warehouse.held["f"] = WarehouseRecord("F", "F", LINES, "open")
    bench.clock.forward(days=9)
    bench.ledger = open_ledger(bench.path, clock=bench.clock, rebuilds=True)
    return bench


def test_go_live_is_the_first_order_that_veracore_has(fresh: Bench) -> None:
    done = rebuild(fresh)
    assert (done.live_since, done.early, done.waiting) == (START + DAY, ["E"], ["G"])
    assert [fresh.state(code) for code in "EFG"] == ["skipped", "synced", "pending"]
    fresh.run()
    assert fresh.warehouse.submissions == {"G": 1}
    fresh.clock.forward(days=40)
    fresh.run()
    fresh.settings = make_settings(orders={"workers": 1, "not_before": START - DAY})
    fresh.run()
    assert fresh.warehouse.submissions == {"E": 1, "G": 1}


def test_answers_to_an_account_that_finds_nothing_prove_nothing(fresh: Bench) -> None:
    refusal = ProtocolError("no order", upstream="veracore")
    fresh.warehouse.held.clear()
    look_up = fresh.warehouse.look_up
    fresh.warehouse.look_up = lambda one: Absent(refusal)  # type: ignore[method-assign]
    with pytest.raises(ProtocolError, match="no order"):
        rebuild(fresh)
    assert sum(fresh.ledger.orders.counts().values()) == 0
    assert fresh.ledger.meta.rebuilding
    fresh.warehouse.look_up = look_up  # type: ignore[method-assign]
    assert rebuild(fresh).has_ended


def test_one_listed_order_that_is_found_proves_the_absences_of_others(fresh: Bench) -> None:
    refusal = ProtocolError("no order", upstream="veracore")
    look_up = fresh.warehouse.look_up

    def as_told(one: str) -> LookUp:
        found = look_up(one)
        return Absent(refusal) if isinstance(found, Absent) else found

    fresh.warehouse.look_up = as_told  # type: ignore[method-assign]
    left = ShippedRow("F", "F", "1", "UPS", "Ground", "1Z999AA10123456784", fresh.clock.now())
    fresh.warehouse.left.append(left)
    assert rebuild(fresh, lookups=5).left == 2
    assert fresh.state("E") == "pending"


def test_one_record_that_cannot_be_shown_stops_no_other(fresh: Bench) -> None:
    look_up, asked = fresh.warehouse.look_up, []

    def but_one(one: str) -> LookUp:
        if one == "G":
            asked.append(one)
            return LookUpFailed(ProtocolError("not understood", upstream="veracore"))
        return look_up(one)

    fresh.warehouse.look_up = but_one  # type: ignore[method-assign]
    done = rebuild(fresh)
    assert done.has_ended
    assert len(asked) > 1
    assert [one.code for one in done.probable] == ["G"]
    assert fresh.state("G") == "pending"
    fresh.run()
    assert fresh.warehouse.submissions == {}
    fresh.warehouse.look_up = look_up  # type: ignore[method-assign]
    fresh.clock.forward(hours=3)
    fresh.run()
    assert fresh.warehouse.submissions == {"G": 1}


@pytest.mark.parametrize("side", ["shop", "warehouse"])
def test_a_side_that_is_down_leaves_what_is_recorded(fresh: Bench, side: str) -> None:
    assert not rebuild(fresh, lookups=1).has_ended
    known = fresh.ledger.orders.counts()
    part = getattr(fresh, side)
    part.down = True
    with pytest.raises(Unavailable):
        rebuild(fresh)
    assert fresh.ledger.orders.counts() == known
    part.down = False
    assert rebuild(fresh).has_ended


def test_a_second_order_with_the_id_of_another_is_not_overlooked(fresh: Bench) -> None:
    """Codes that differ in case alone: the id of the one is not that of the other."""
    for code in ("abc", "ABC"):
        fresh.shop.add(make_order(code, placed_at=START + 3 * DAY))
    fresh.warehouse.held["abc"] = WarehouseRecord("ABC", "ABC", LINES[:1], "open")
    rebuild(fresh)
    assert (fresh.state("abc"), fresh.state("ABC")) == ("conflict", "synced")


def test_what_was_fulfilled_before_the_loss_was_not_fulfilled_before_it_was_sent(
    fresh: Bench,
) -> None:
    """Where VeraCore shows no lines, units that are added later are not taken for its own."""
    fresh.warehouse.held["f"] = WarehouseRecord("F", None, None, "open")
    rebuild(fresh)
    (held,) = fresh.ledger.holdings.of(["F"], None, processed_only=False)
    assert dict(held.lines) == {"MUG": 2, "TEE": 1}
    assert held.sent_at is None

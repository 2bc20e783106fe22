"""Runs of ``reconcile``: what is compared, with how many look-ups, and what is stored of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from fakes import make_order
from runs_kit import FailsAt, GoesDown, ReconcileBench, found

from veracore_sync.domain.errors import AuthRefused, Unavailable
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.reconcile import walk
from veracore_sync.jobs.reconcile.run import Wanted

LOST = "in_ledger_not_at_warehouse"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReconcileBench]:
    made = ReconcileBench(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def test_all_agree(bench: ReconcileBench) -> None:
    bench.sell(7)
    report = bench.reconcile()
    assert report.completeness() == "7 of 7 orders compared, 0 differ"
    assert (report.found, report.needs_person, bench.standing()) == ([], [], {})


def test_a_difference_is_told_once_and_closes_itself(bench: ReconcileBench) -> None:
    bench.sell(4)
    kept = bench.warehouse.held["order-002"]
    bench.lose("ORDER-002")
    report = bench.reconcile()
    assert found(report) == {"ORDER-002": LOST}
    assert report.completeness() == "4 of 4 orders compared, 1 differ"
    assert (len(report.needs_person), report.found[0].is_new) == (1, True)
    again = bench.reconcile()
    assert found(again) == {"ORDER-002": LOST}
    assert (again.needs_person, again.found[0].is_new) == ([], False)
    bench.warehouse.held["order-002"] = kept
    gone = bench.reconcile()
    assert (gone.found, gone.ended, bench.standing()) == ([], 1, {})
    assert AlertKind.ORDER_DIFFERS not in {one.kind for one in bench.ledger.alerts.standing()}


def test_what_a_job_stored_a_moment_before_has_not_moved(bench: ReconcileBench) -> None:
    code = "ORDER-000"
    bench.shop.add(replace(make_order(code), placed_at=bench.clock.now() - timedelta(hours=2)))
    bench.set(settle_minutes=0)
    # The clock stands still, as it does within a millisecond.
    bench.run(allow_first_run=True)
    report = bench.reconcile(only=(code,))
    assert (report.compared, report.on_their_way) == (1, 0)


# ---- the budget -------------------------------------------------------------------------------


def test_what_is_not_compared_in_one_run_is_in_the_next(bench: ReconcileBench) -> None:
    codes = bench.sell(10)
    bench.set(lookups_per_run=4)
    seen: list[list[str]] = []
    for left in (6, 6, 6):
        bench.warehouse.looked_up.clear()
        report = bench.reconcile()
        assert (report.compared, report.left) == (4, left)
        seen.append(list(bench.warehouse.looked_up))
        bench.clock.forward(hours=1)
    assert sorted(seen[0] + seen[1] + seen[2][:2]) == sorted(codes)
    assert set(seen[2][2:]) <= set(seen[0])


def test_a_suspect_comes_first_and_does_not_take_every_place(bench: ReconcileBench) -> None:
    bench.sell(8)
    bench.lose("ORDER-005", "ORDER-006", "ORDER-007")
    bench.set(lookups_per_run=0)
    assert len(bench.reconcile().found) == 3
    bench.clock.forward(hours=1)
    bench.set(lookups_per_run=4)
    bench.warehouse.looked_up.clear()
    report = bench.reconcile()
    first = bench.warehouse.looked_up[:4]
    assert sum(code in ("ORDER-005", "ORDER-006", "ORDER-007") for code in first) == 2
    assert (report.compared, report.left) == (4, 4)
    # Those that were not looked at still stand.
    assert len(bench.standing()) == 3
    assert any("did not look at: 1;" in notice for notice in report.notices)


def test_an_order_that_ended_is_not_looked_up_again_for_thirty_days(bench: ReconcileBench) -> None:
    codes = bench.sell(3)
    for code in codes:
        content = bench.shop.by_code[code]
        bench.shop.change(code, lines=tuple(replace(one, quantity=0) for one in content.lines))
        bench.shop.change(code, state="Cancelled")
        bench.ledger.transitions.cancel(code, code, "cancelled")
        record = bench.warehouse.held[code.casefold()]
        bench.warehouse.held[code.casefold()] = replace(record, status="cancelled")
    bench.clock.forward(days=1)
    first = bench.reconcile()
    assert (first.compared, first.looked_up) == (3, 3)
    again = bench.reconcile()
    assert (again.compared, again.looked_up) == (3, 0)
    bench.shop.change(codes[0], updated_at=bench.clock.now())
    assert bench.reconcile().looked_up == 1
    # A person who names it has it looked up.
    assert bench.reconcile(only=(codes[1],)).looked_up == 1
    bench.clock.forward(days=31)
    assert bench.reconcile(Wanted(bench.clock.now() - timedelta(days=90))).looked_up == 3


# ---- which orders -----------------------------------------------------------------------------


def test_the_scope(bench: ReconcileBench) -> None:
    bench.sell(2)
    old = bench.clock.now() - timedelta(days=60)
    bench.shop.add(
        # Waits to be sent, whatever its age.
        replace(make_order("OLD-PAID"), placed_at=old),
        # Over long ago, and never the ledger's.
        replace(make_order("OLD-DONE"), placed_at=old, state="Delivered"),
        replace(make_order("NEW-DONE"), placed_at=bench.clock.now() - timedelta(days=3)),
    )
    bench.clock.forward(days=1)
    assert bench.reconcile().in_scope == 4
    assert bench.reconcile(Wanted(old - timedelta(days=1))).in_scope == 5
    # What the ledger holds open is compared, however old it is.
    bench.clock.forward(days=300)
    assert bench.reconcile().in_scope == 4
    assert bench.reconcile(only=("ORDER-001",)).in_scope == 1


def test_named_orders_end_nothing_of_others(bench: ReconcileBench) -> None:
    bench.sell(3)
    bench.lose("ORDER-000", "ORDER-001")
    bench.reconcile()
    assert len(bench.standing()) == 2
    report = bench.reconcile(only=("ORDER-000", "ORDER-002"))
    assert (found(report), report.completeness()) == (
        {"ORDER-000": LOST},
        "2 of 2 orders compared, 1 differ",
    )
    assert len(bench.standing()) == 2


def test_a_dry_run_stores_nothing(bench: ReconcileBench) -> None:
    bench.sell(3)
    bench.lose("ORDER-000")
    report = bench.reconcile(dry_run=True)
    assert found(report) == {"ORDER-000": LOST}
    assert (report.plan, report.found[0].is_new) == (report.found, True)
    assert (bench.standing(), report.needs_person) == ({}, [])
    assert bench.ledger.differences.agreed_of(["ORDER-001"]) == {}


# ---- what moves, and what cannot be read -------------------------------------------------------


def test_what_changes_while_it_is_read_is_no_difference(bench: ReconcileBench) -> None:
    bench.sell(2)
    bench.lose("ORDER-000")

    def cancelled_meanwhile(read: str) -> None:
        if read == "look up":
            bench.ledger.transitions.cancel("ORDER-000", "ORDER-000", "cancelled")

    bench.watch(cancelled_meanwhile)
    report = bench.reconcile()
    assert (report.found, report.compared, report.on_their_way) == ([], 1, 1)
    assert "1 on their way" in report.completeness()
    assert bench.standing() == {}


def test_a_suspect_that_is_gone_at_the_second_look_is_no_difference(bench: ReconcileBench) -> None:
    bench.sell(2)
    record = bench.warehouse.held["order-000"]
    bench.lose("ORDER-000")
    looks = []

    def back_again(read: str) -> None:
        looks.append(read)
        if looks.count("look up") == 3:
            bench.warehouse.held["order-000"] = record

    bench.watch(back_again)
    report = bench.reconcile()
    assert (report.found, report.compared, bench.standing()) == ([], 2, {})


DOWN = Unavailable("it does not answer", upstream="vendure")
REFUSED = AuthRefused("not allowed", upstream="veracore")


@pytest.mark.parametrize(
    ("read", "number", "error", "exit_code"),
    [
        ("poll", 1, DOWN, 69),
        ("list", 1, REFUSED, 77),
        ("page", 1, DOWN, 69),
        ("page", 2, DOWN, 69),
        ("named", 1, REFUSED, 77),
        ("named", 2, REFUSED, 77),
        ("look up", 1, REFUSED, 77),
        ("look up", 4, REFUSED, 77),
    ],
)
def test_a_side_that_fails_stores_nothing_of_its_page(
    bench: ReconcileBench, read: str, number: int, error: Unavailable, exit_code: int
) -> None:
    bench.sell(4)
    bench.lose("ORDER-003")
    bench.watch(FailsAt(read, number, error))
    run = bench.reconcile_run()
    report = run.try_run()
    assert report.stopped_by is not None
    assert report.stopped_by.exit_code == exit_code
    assert (bench.standing(), report.needs_person) == ({}, [])
    assert bench.ledger.differences.agreed_of(["ORDER-003"]) == {}
    # The next one goes on.
    bench.watch(lambda read: None)
    assert found(bench.reconcile()) == {"ORDER-003": LOST}


@pytest.mark.parametrize("after", [0, 4], ids=["at once", "at the second look"])
def test_veracore_that_is_down_ends_the_run(bench: ReconcileBench, after: int) -> None:
    bench.sell(4)
    bench.lose("ORDER-001", "ORDER-002", "ORDER-003")
    bench.watch(GoesDown(bench.warehouse, after))
    report = bench.reconcile_run().try_run()
    assert report.stopped_by is not None
    assert report.stopped_by.exit_code == 69
    assert (bench.standing(), report.compared) == ({}, 0)


def test_a_look_up_that_fails_is_of_its_order_alone(bench: ReconcileBench) -> None:
    bench.sell(4)
    bench.lose("ORDER-003")
    bench.shop.garbled.add("ORDER-001")
    bench.warehouse.unanswered.add("ORDER-000")
    report = bench.reconcile()
    assert found(report) == {"ORDER-003": LOST}
    assert (report.compared, report.not_read) == (2, 2)
    assert report.completeness().endswith("2 not read")


def test_the_wrong_company_finds_nothing_and_loses_nothing(bench: ReconcileBench) -> None:
    bench.sell(3)
    bench.warehouse.held.clear()
    report = bench.reconcile()
    assert (report.found, report.compared, report.not_read) == ([], 0, 3)


def test_a_run_that_is_cut_keeps_what_it_compared(bench: ReconcileBench) -> None:
    bench.sell(12)
    bench.lose("ORDER-001", "ORDER-011")
    bench.set(max_run_minutes=5, lookups_per_run=0)
    count = []

    def slow(read: str) -> None:
        count.append(read)
        if read == "look up":
            bench.clock.forward(seconds=60)

    bench.watch(slow)
    report = bench.reconcile()
    assert 0 < report.compared < 12
    assert not report.is_whole
    assert any("max_run_minutes" in notice for notice in report.notices)
    assert set(bench.standing()) == {"ORDER-001"}


def test_a_run_whose_time_ends_while_it_reads_gets_on(bench: ReconcileBench) -> None:
    bench.sell(12)
    bench.set(max_run_minutes=5, lookups_per_run=0)
    bench.watch(lambda read: bench.clock.forward(seconds=200 if read == "page" else 0))
    report = bench.reconcile()
    assert report.compared > 0
    assert not report.is_whole


def test_a_run_that_is_stopped_keeps_what_it_compared(bench: ReconcileBench) -> None:
    bench.sell(12)
    bench.lose("ORDER-000", "ORDER-011")
    bench.set(lookups_per_run=0)
    count = []

    def stop(read: str) -> None:
        count.append(read)
        if count.count("page") == 3:
            raise KeyboardInterrupt

    bench.watch(stop)
    with pytest.raises(KeyboardInterrupt):
        bench.reconcile()
    assert set(bench.standing()) == {"ORDER-000"}
    bench.watch(lambda read: None)
    assert set(found(bench.reconcile())) == {"ORDER-000", "ORDER-011"}


def test_the_last_part_of_a_page_is_looked_up_while_the_next_page_is_read(
    bench: ReconcileBench,
) -> None:
    bench.sell(12)
    bench.set(lookups_per_run=0)
    pages: list[bool] = []
    asked = Event()

    def watch(read: str) -> None:
        if read == "look up":
            asked.set()
        elif read == "page":
            pages.append(bool(pages) and asked.wait(30))

    bench.watch(watch)
    assert bench.reconcile().compared == 12
    assert pages[0] is False
    assert len(pages) > 2
    assert all(pages[1:])


def test_look_ups_are_begun_ahead_and_each_made_once(
    bench: ReconcileBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_AT_ONCE", 2)
    codes = bench.sell(9)
    bench.set(lookups_per_run=0)
    bench.warehouse.looked_up.clear()
    report = bench.reconcile()
    assert (report.compared, report.looked_up) == (9, 9)
    assert sorted(bench.warehouse.looked_up) == codes


def test_look_ups_that_were_begun_ahead_end_with_the_run(
    bench: ReconcileBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_AT_ONCE", 2)
    bench.sell(9)
    bench.set(lookups_per_run=0)
    bench.warehouse.looked_up.clear()
    bench.watch(FailsAt("look up", 1, Unavailable("down", upstream="veracore")))
    with pytest.raises(Unavailable):
        bench.reconcile()
    assert bench.warehouse.looked_up == []
    assert bench.standing() == {}


@pytest.mark.parametrize("seed", range(3))
def test_through_failing_runs_everything_is_found_and_nothing_else(
    bench: ReconcileBench, seed: int
) -> None:
    chance = random.Random(seed)
    codes = bench.sell(9)
    lost = set(chance.sample(codes, 3))
    bench.lose(*lost)
    bench.set(lookups_per_run=chance.randint(2, 5))
    told: list[str] = []
    for number in range(14):
        is_calm = number > 6
        read = chance.choice(("poll", "list", "page", "named", "look up"))
        failing = FailsAt(read, chance.randint(1, 4), chance.choice((DOWN, REFUSED)))
        bench.watch((lambda read: None) if is_calm else failing)
        report = bench.reconcile_run().try_run()
        assert set(found(report)) <= lost
        assert report.stopped_by is None or not is_calm
        told += [one.split(":")[0] for one in report.needs_person]
        bench.clock.forward(hours=1)
    assert set(bench.standing()) == lost
    assert sorted(told) == sorted(lost), "each is told once"

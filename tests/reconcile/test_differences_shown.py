"""What stands is shown: by ``stats``, in an order's history, and by ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import START, FakeClock, make_settings
from rig import HereRig

from veracore_sync.cli.stats_text import show_overall
from veracore_sync.clock import to_text
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.order_records import Discovery
from veracore_sync.jobs.doctor.ledger import ledger as examine_ledger
from veracore_sync.jobs.reconcile.coverage import remember
from veracore_sync.jobs.reconcile.telling import accept, tell
from veracore_sync.jobs.stats import order_life, overall
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.sandbox.server import Sandbox

CONTENT, UNSENT = DifferenceType.CONTENT_DIFFERS, DifferenceType.PAID_NOT_SENT
STOCK = DifferenceType.STOCK_DIFFERS
WEEK = timedelta(weeks=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock, tmp_path: Path) -> Iterator[SqlLedger]:
    made = open_ledger(tmp_path / "ledger.db", clock=clock)
    made.transitions.discover([Discovery("A", "id-A", START)])
    yield made
    made.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[HereRig]:
    with Sandbox() as sandbox:
        yield HereRig(tmp_path, "http://127.0.0.1:9/admin-api", "admin", "admin", sandbox)


def fill(ledger: SqlLedger) -> None:
    """Two differences of an order, of which one is accepted; and one of a SKU of that name."""
    content = Difference(CONTENT, "A", "synced", "MUG 2", "MUG 1", START, veracore_id="VC-A")
    unsent = Difference(UNSENT, "A", "", "paid", "", None, repair="sync-orders --order A")
    tell(ledger, [content, unsent], ["A"], [CONTENT, UNSENT])
    tell(ledger, [Difference(STOCK, "A", "", "3", "2", None)], ["A"], [STOCK])
    accept(ledger, CONTENT, "A", "they agreed")


def test_stats_tells_what_stands_and_how_much_was_compared(
    ledger: SqlLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = overall(ledger)
    assert empty["reconcile"]["coverage"] is None
    assert empty["reconcile"]["standing"] == 0
    show_overall(empty, START)
    assert "reconcile:" not in capsys.readouterr().out
    fill(ledger)
    ledger.runs.end(ledger.runs.begin("reconcile"), 3, {})
    remember(ledger, START, in_scope=4812, compared=4812, complete=True)
    later = START + WEEK
    remember(ledger, later, in_scope=4812, compared=2000, left=2810, unseen=2, complete=False)
    part = overall(ledger)["reconcile"]
    assert (part["standing"], part["accepted"]) == (3, 1)
    assert part["types"]["content_differs"] == {"standing": 1, "accepted": 1}
    assert part["lastSuccessTime"] == to_text(START)
    assert part["coverage"] == {
        "endedAt": to_text(later),
        "inScope": 4812,
        "compared": 2000,
        "left": 2810,
        "unseen": 2,
        "moving": 0,
        "completeAt": to_text(START),
    }
    show_overall(overall(ledger), later)
    shown = capsys.readouterr().out
    assert any(line.startswith("reconcile ") and "7 d ago" in line for line in shown.splitlines())
    assert (
        "2,000 of 4,812 orders compared, 2,810 left for the next runs, 2 could not be read; "
        "last complete 7 d ago"
    ) in shown
    assert (
        "differences: 3, 1 of them accepted: content_differs 1, paid_not_sent 1, stock_differs 1"
    ) in shown


def test_an_order_shows_its_own_and_no_sku_of_its_name(ledger: SqlLedger) -> None:
    fill(ledger)
    row = ledger.orders.get("A")
    assert row is not None
    life = order_life(ledger, row)
    accepted, open_one = life["differences"]
    assert (accepted["type"], accepted["isAccepted"], accepted["reason"]) == (
        "content_differs",
        True,
        "they agreed",
    )
    assert (open_one["repair"], open_one["isAccepted"]) == ("sync-orders --order A", False)
    events = [(one["event"], one["message"]) for one in life["timeline"]]
    assert ("difference", "reconcile found paid_not_sent") in events
    assert ("accepted", "difference content_differs: they agreed") in events


def test_the_command_lists_what_stands(rig: HereRig) -> None:
    made = open_ledger(rig.ledger_path)
    made.transitions.discover([Discovery("A", "id-A", START)])
    ended = rig.run("stats", "--differences")
    assert (ended.code, ended.out) == (0, "nothing is known to differ\n")
    fill(made)
    made.close()
    listed = rig.run("stats", "--differences", "--json").json["differences"]
    assert [one["type"] for one in listed] == ["content_differs", "paid_not_sent", "stock_differs"]
    assert listed[0]["acceptedAt"]
    assert listed[0]["veracoreId"] == "VC-A"
    shown = rig.run("stats", "--differences").out
    assert "accepted: they agreed" in shown
    assert "Repair: veracore-sync sync-inventory --sku A" in shown
    history = rig.run("stats", "--order", "A").out
    assert "paid_not_sent: ledger: ; shop: paid; VeraCore: . Repair: veracore-sync" in history


def doctor(ledger: SqlLedger, clock: FakeClock) -> list[str]:
    settings = make_settings(ledger={"path": str(ledger.path)})
    found = examine_ledger(settings, lambda: ledger, clock)
    return [f"{one.level}: {one.message}" for one in found if one.name == "reconcile"]


def test_doctor_warns_after_two_intervals_without_a_whole_comparison(
    ledger: SqlLedger, clock: FakeClock
) -> None:
    assert doctor(ledger, clock) == []
    ledger.runs.end(ledger.runs.begin("reconcile"), 0, {})
    remember(ledger, clock.now(), in_scope=9, compared=4, left=5, complete=False)
    clock.forward(weeks=2)
    assert doctor(ledger, clock) == [
        "ok: 4 of 9 orders compared, 5 left for the next runs "
        f"at {to_text(START)}, 0 differences stand"
    ]
    clock.forward(minutes=1)
    (found,) = doctor(ledger, clock)
    assert found.startswith("warn: ledger, shop and VeraCore were compared completely never;")
    fill(ledger)
    # By a clock that was a year ahead; then by the right one.
    ahead = clock.now() + 52 * WEEK
    remember(ledger, ahead, in_scope=9, compared=9, complete=True)
    assert doctor(ledger, clock)[0].startswith("warn: ledger, shop and VeraCore were compared comp")
    coverage = remember(ledger, clock.now(), in_scope=9, compared=8, complete=False)
    assert coverage.complete_at is None
    remember(ledger, clock.now(), in_scope=9, compared=9, complete=True)
    whole = to_text(clock.now())
    assert doctor(ledger, clock) == [f"ok: 9 of 9 orders compared at {whole}, 2 differences stand"]
    clock.forward(weeks=2, minutes=1)
    remember(ledger, clock.now(), in_scope=9, compared=8, unseen=1, complete=False)
    (found,) = doctor(ledger, clock)
    assert f"not since {whole}; the last run: 8 of 9 orders compared, 1 could not be read" in found

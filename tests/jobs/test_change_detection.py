"""No order that has units to ship is outside all watching, and no one is told of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from bench import Bench
from fakes import START, line, make_order, make_settings

from veracore_sync.domain.errors import Category, Occurrence
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.orders import OrderContent
from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord
from veracore_sync.jobs.orders.ids import renewed_id

HELD = WarehouseRecord("A", "A", (RecordLine("MUG", 2), RecordLine("TEE", 1)), "open")


def changed(bench: Bench, code: str, mugs: int, fulfilled: int = 0) -> list[str]:
    """The shop's order asks for so many mugs now; what the next run tells."""
    bench.clock.forward(minutes=5)
    lines = (line("1", "MUG", mugs, fulfilled), line("2", "TEE", 1, min(fulfilled, 1)))
    bench.shop.change(code, state="PaymentSettled", lines=lines, updated_at=bench.clock.now())
    return bench.run().needs_person


def standing(bench: Bench) -> list[str]:
    return [one.kind for one in bench.ledger.alerts.standing()]


# ---- changed after it was handed over -----------------------------------------------------------


def test_modified_after_it_has_shipped(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.change("A", state="Shipped")
    bench.ledger.transitions.ship("A")
    [told] = changed(bench, "A", mugs=5, fulfilled=2)
    assert "3 x MUG" in told
    assert standing(bench) == ["order.drift"]
    assert bench.run().needs_person == []
    [told] = changed(bench, "A", mugs=6, fulfilled=2)
    assert "4 x MUG" in told


def test_modified_first_and_then_shipped_short(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    [told] = changed(bench, "A", mugs=5)
    assert "3 x MUG" in told
    lines = (line("1", "MUG", 5, fulfilled=2), line("2", "TEE", 1, fulfilled=1))
    bench.shop.change("A", lines=lines)
    bench.ledger.transitions.ship("A")
    [told] = bench.run().needs_person
    assert "after VeraCore had shipped it" in told
    assert "3 x MUG" in told
    assert bench.run().needs_person == []


def test_a_fulfilment_that_was_cancelled_asks_for_no_second_shipment(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.ledger.transitions.ship("A")
    bench.clock.forward(minutes=5)
    bench.shop.change("A", updated_at=bench.clock.now())
    assert bench.run().needs_person == []


def test_each_modification_is_told(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    told = [changed(bench, "A", mugs) for mugs in (3, 5, 5, 4)]
    assert [len(news) for news in told] == [1, 1, 0, 1]
    assert ["1 x MUG" in told[0][0], "3 x MUG" in told[1][0], "2 x MUG" in told[3][0]] == [True] * 3
    assert standing(bench) == ["order.drift"]


def test_what_is_as_it_was_sent_again_is_no_news(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    assert [len(changed(bench, "A", mugs)) for mugs in (5, 2, 5)] == [1, 0, 1]


def test_modified_after_tracking_adopted_it(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.ledger.transitions.discover([Discovery("A", "id-A", None)])
    bench.ledger.transitions.adopt("A", "A", HELD)
    assert bench.run().needs_person == []
    assert [len(changed(bench, "A", mugs)) for mugs in (5, 6)] == [1, 1]


def adopt_changed(bench: Bench, mugs: int) -> None:
    """VeraCore's order is adopted; the shop asks for so many by then."""
    bench.shop.add(make_order("A", lines=(line("1", "MUG", mugs), line("2", "TEE", 1))))
    bench.ledger.transitions.discover([Discovery("A", "id-A", None)])
    bench.ledger.transitions.adopt("A", "A", HELD)


def test_modified_before_its_content_was_ever_read(bench: Bench) -> None:
    adopt_changed(bench, 5)
    [told] = bench.run().needs_person
    assert "3 x MUG" in told


def test_lowered_before_its_content_was_ever_read(bench: Bench) -> None:
    adopt_changed(bench, 1)
    [told] = bench.run().needs_person
    assert "VeraCore holds other units" in told
    # VeraCore has cut them too: the alert ends.
    cut = replace(HELD, products=(Product("MUG", 2, 1),), partially_cancelled=True)
    bench.ledger.holdings.saw("A", cut)
    assert bench.run().needs_person == []
    assert standing(bench) == []


@pytest.mark.parametrize(
    ("record", "lacks"),
    [
        (replace(HELD, lines=(RecordLine("MUG", 1), RecordLine("TEE", 1))), "4 x MUG"),
        (replace(HELD, products=(Product("MUG", 2, 2),), partially_cancelled=True), "5 x MUG"),
    ],
)
def test_what_it_lacks_is_told_by_its_record_not_by_what_was_sent(
    bench: Bench, record: WarehouseRecord, lacks: str
) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.ledger.holdings.saw("A", record)
    [told] = changed(bench, "A", mugs=5)
    assert lacks in told


@pytest.mark.parametrize("ended", ["cancelled", "skipped"])
def test_modified_after_it_was_given_up(bench: Bench, ended: str) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.ledger.transitions.cancel("A", "A", "it was cancelled there")
    if ended == "skipped":
        bench.ledger.transitions.skip("A", "resolved", "by a person")
    assert bench.run().needs_person == []
    [told] = changed(bench, "A", mugs=5)
    assert "5 x MUG" in told


def test_what_nobody_changed_costs_no_read(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(5)))
    bench.run()
    bench.ledger.transitions.ship("A1")
    bench.run()
    bench.shop.reads = 0
    bench.run()
    assert bench.shop.reads == 0


# ---- go-live by the shop's clock ----------------------------------------------------------------


def went_live(bench: Bench, *, ahead: float | None) -> None:
    bench.settings = make_settings(orders={"not_before": None})
    bench.shop.clock_ahead_seconds = ahead


@pytest.mark.parametrize(
    ("ahead", "placed", "leaves"),
    [
        (-180.0, timedelta(minutes=-3), True),
        (None, timedelta(minutes=-3), True),
        (-7200.0, timedelta(minutes=-119), True),
        (-9e9, timedelta(days=-2), False),
        (0.0, timedelta(minutes=-6), False),
        (180.0, timedelta(minutes=-6), False),
    ],
)
def test_paid_after_go_live_by_the_shops_clock(
    bench: Bench, ahead: float | None, placed: timedelta, leaves: bool
) -> None:
    went_live(bench, ahead=ahead)
    bench.shop.add(make_order("A", placed_at=START + placed))
    result = bench.run()
    assert bench.state("A") == ("synced" if leaves else "skipped")
    assert [one for one in result.needs_person if "orders.not_before): A" in one] == (
        [] if leaves else result.needs_person
    )
    assert bool(result.needs_person) is not leaves
    assert bench.run().needs_person == []


def test_what_may_be_from_before_go_live_is_looked_up_first(bench: Bench) -> None:
    went_live(bench, ahead=180.0)
    bench.shop.add(make_order("A", placed_at=START + timedelta(minutes=2)))
    bench.run()
    assert bench.warehouse.looked_up == ["A", *(renewed_id("A", "", n) for n in (1, 2, 3))]


def test_the_moment_of_go_live_does_not_move(bench: Bench) -> None:
    went_live(bench, ahead=-180.0)
    bench.run()
    since = bench.ledger.meta.live_since
    bench.shop.clock_ahead_seconds = -9000.0
    bench.run()
    assert bench.ledger.meta.live_since == since


# ---- what waits, and what was refused -----------------------------------------------------------


def test_what_came_back_from_modifying_grows_old(bench: Bench) -> None:
    bench.shop.add(make_order("OK"))
    bench.run()
    bench.settings = make_settings(orders={"min_age_minutes": 1})
    bench.shop.add(make_order("A"))
    bench.run()
    bench.clock.forward(minutes=2)
    bench.shop.change("A", state="Modifying")
    bench.run()
    assert bench.row("A").cause == "waiting"
    bench.shop.change("A", state="PaymentSettled")
    bench.warehouse.down = True
    bench.stopped()
    bench.clock.forward(hours=2)
    assert any(
        one.startswith("A: it has not reached VeraCore") for one in bench.stopped()[0].needs_person
    )


def test_what_is_forgotten_in_modifying_is_told_after_a_day(bench: Bench) -> None:
    bench.settings = make_settings(orders={"min_age_minutes": 1})
    bench.shop.add(make_order("A"))
    bench.run()
    bench.clock.forward(minutes=2)
    bench.shop.change("A", state="Modifying")
    assert bench.run().needs_person == []
    bench.clock.forward(hours=30)
    assert len(bench.run().needs_person) == 1
    assert standing(bench) == ["order.old"]


def refused(bench: Bench, *codes: str) -> None:
    for code in codes:
        bench.ledger.transitions.discover([Discovery(code, f"id-{code}", START)])
        seen = ShopVersion("hash", START)
        attempt = bench.ledger.transitions.intend(code, Intent(code, (("MUG", 2),), "p", "s", seen))
        trouble = Failure(Category.VALIDATION, str(Occurrence.REFUSED))
        bench.ledger.transitions.refuse(code, attempt, trouble, START + timedelta(hours=1))


@pytest.mark.parametrize("there", [True, False])
def test_refused_orders_that_the_shop_no_longer_shows_take_no_ones_place(
    bench: Bench, there: bool
) -> None:
    bench.shop.add(make_order("OK"))
    bench.run()
    gone = [f"G{n:02}" for n in range(20)]
    refused(bench, *gone)
    bench.clock.forward(minutes=1)
    refused(bench, "MENDED")
    bench.shop.add(make_order("MENDED"))
    if there:
        bench.shop.add(*(make_order(code, state="Delivered") for code in gone))
    bench.clock.forward(hours=2)
    bench.run()
    assert bench.state("MENDED") == "synced"
    assert {bench.state(code) for code in gone} == {"skipped"}


def test_refused_orders_that_cannot_be_read_take_no_ones_place(bench: Bench) -> None:
    bench.shop.add(make_order("OK"))
    bench.run()
    bad = [f"B{n:02}" for n in range(20)]
    refused(bench, *bad)
    bench.clock.forward(minutes=1)
    refused(bench, "MENDED")
    bench.shop.add(*(make_order(code) for code in (*bad, "MENDED")))
    bench.shop.garbled = set(bad)
    for _ in range(4):
        bench.clock.forward(hours=2)
        bench.run()
    assert bench.state("MENDED") == "synced"


# ---- comparing by content -----------------------------------------------------------------------


def test_an_order_that_ships_while_it_is_read_gets_no_alert(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.change("A", lines=(line("1", "MUG", 1), line("2", "TEE", 1)))
    read = bench.shop.contents

    def ships_meanwhile(codes: Sequence[str]) -> list[OrderContent]:
        found = read(codes)
        bench.ledger.transitions.ship("A")
        return found

    monkeypatch.setattr(bench.shop, "contents", ships_meanwhile)
    assert bench.run().needs_person == []
    assert standing(bench) == []


def test_modifying_is_told_once_it_has_lasted_and_ends_by_itself(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.change("A", state="Modifying")
    assert bench.run().needs_person == []
    bench.clock.forward(minutes=59)
    assert bench.run().needs_person == []
    bench.clock.forward(minutes=2)
    [told] = bench.run().needs_person
    assert "it is in Modifying in the shop for more than an hour" in told
    assert bench.run().needs_person == []
    bench.shop.change("A", state="PaymentSettled")
    assert bench.run().needs_person == []
    assert standing(bench) == []


def test_a_moment_of_a_wrong_clock_delays_nothing(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.clock.forward(days=400)
    bench.run()
    bench.shop.change("A", state="Modifying")
    bench.run()
    bench.clock.forward(days=-400)
    bench.run()
    bench.clock.forward(hours=1, minutes=1)
    [told] = bench.run().needs_person
    assert "for more than an hour" in told


def test_a_page_of_ended_orders_that_moved_comes_before_the_rest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.shop, "contents_a_request", 1)
    codes = [f"A{n:02}" for n in range(15)]
    bench.shop.add(*(make_order(code) for code in codes))
    bench.run(allow_first_run=True)
    bench.ledger.transitions.ship("A14")
    more = (line("1", "MUG", 5), line("2", "TEE", 1))
    bench.clock.forward(minutes=5)
    for code in codes:
        bench.shop.change(code, lines=more, updated_at=bench.clock.now())
    bench.shop.compared.clear()
    told = bench.run().needs_person
    assert bench.shop.compared[0] == ["A14"]
    assert len(bench.shop.compared) == len(told) == 10
    assert len(bench.run().needs_person) == 5


# ---- fulfilled by hand --------------------------------------------------------------------------


def tracked(bench: Bench) -> None:
    """`sync-tracking` has run."""
    bench.ledger.runs.end(bench.ledger.runs.begin("sync-tracking"), 0, {})


def fulfil(bench: Bench, mugs: int) -> list[str]:
    lines = (line("1", "MUG", 2, fulfilled=mugs), line("2", "TEE", 1))
    bench.shop.change("A", lines=lines)
    return bench.run().needs_person


def test_units_fulfilled_by_hand_are_told_until_the_fulfilment_is_cancelled(bench: Bench) -> None:
    tracked(bench)
    bench.shop.add(make_order("A"))
    bench.run()
    [told] = fulfil(bench, 1)
    assert "units fulfilled by hand of MUG 0 → 1" in told
    assert fulfil(bench, 1) == []
    assert len(fulfil(bench, 2)) == 1
    assert fulfil(bench, 0) == []
    assert standing(bench) == []


def test_units_fulfilled_by_hand_and_taken_out_at_veracore_agree(bench: Bench) -> None:
    tracked(bench)
    bench.shop.add(make_order("A"))
    bench.run()
    assert len(fulfil(bench, 1)) == 1
    lines = (RecordLine("MUG", 1), RecordLine("TEE", 1))
    bench.ledger.holdings.saw("A", replace(HELD, lines=lines))
    assert bench.run().needs_person == []
    assert standing(bench) == []


def test_whoever_fulfils_all_orders_by_hand_is_not_told_of_each(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    assert fulfil(bench, 1) == []
    tracked(bench)
    assert bench.run().needs_person == []
    [told] = fulfil(bench, 2)
    assert "units fulfilled by hand of MUG 1 → 2" in told


def test_units_of_a_slip_are_not_by_hand(bench: Bench) -> None:
    tracked(bench)
    bench.shop.add(make_order("A"))
    bench.run()
    shipments = bench.ledger.shipments
    shipments.looked("A", "A", reference="A", rows=None, seen={"S1": ()})
    # As long as its units are not known, they may be those that are fulfilled.
    assert fulfil(bench, 1) == []
    soon = bench.clock.now() + timedelta(minutes=1)
    given = {"method": "UPS", "tracking_code": "1Z1", "known": (), "ends_by": soon}
    shipments.intend(shipments.slips("A")["S1"], {"1": 1}, **given)
    assert fulfil(bench, 1) == []
    [told] = fulfil(bench, 2)
    assert "units fulfilled by hand of MUG 0 → 1" in told

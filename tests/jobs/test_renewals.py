"""New ids of one order, and a ledger that is lost afterwards: never two live orders at VeraCore."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.domain.errors import NeedsPerson, SyncError, UsageError
from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.warehouse import Product, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.orders.ids import renewed_id, warehouse_id
from veracore_sync.jobs.resolve import Resolver

GRACE = 180
ENDS = ("lost before", "refused", "cancelled")


def living(bench: Bench) -> list[str]:
    return sorted(r.id for r in bench.warehouse.held.values() if r.status != "cancelled")


def resolver(bench: Bench) -> Resolver:
    return Resolver(bench.context())


def cancel_there(bench: Bench, identity: str) -> None:
    held = bench.warehouse.held
    held[identity.casefold()] = replace(held[identity.casefold()], status="cancelled")


def end_attempt(bench: Bench, how: str) -> None:
    """The next attempt for A ends so that a person may give it another id."""
    if how != "cancelled":
        bench.warehouse.script.append(how)
    bench.run()
    if how == "cancelled":
        assert bench.state("A") == "synced"
        cancel_there(bench, bench.row("A").veracore_id or "")
        assert "cancelled there" in resolver(bench).adopt("A", None).sentence
    bench.clock.forward(seconds=GRACE + 1)


def lose_the_ledger(bench: Bench, folder: Path) -> Bench:
    bench.ledger.close()
    lost = replace(bench, path=folder / "another.db")
    lost.clock.forward(days=1)
    return lost


@pytest.mark.parametrize(
    "ends",
    [ends for count in (1, 2, 3) for ends in itertools.product(ENDS, repeat=count)]
    + [("refused",) * 5, ("lost before",) * 6],
    ids=lambda ends: "-".join(one.split()[0] for one in ends),
)
def test_a_lost_ledger_finds_the_order_under_whichever_new_id(
    bench: Bench, tmp_path: Path, ends: Sequence[str]
) -> None:
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": GRACE})
    bench.shop.add(make_order("KNOWN"))
    bench.run()
    bench.shop.add(make_order("A"))
    for how in ends:
        end_attempt(bench, how)
        resolver(bench).new_id("A")
    bench.run()
    assert bench.state("A") == "synced"
    live = living(bench)
    assert len(live) == 2
    lost = lose_the_ledger(bench, tmp_path)
    try:
        lost.run(allow_first_run=True)
        # As docs/troubleshoot.md advises, whatever the ledger now shows.
        if lost.state("A") != "synced":
            with pytest.raises(SyncError):
                resolver(lost).new_id("A")
        for _ in range(3):
            lost.clock.forward(hours=2)
            lost.run(allow_first_run=True)
        assert living(lost) == live
        assert (lost.state("A"), lost.row("A").veracore_id in live) == ("synced", True)
    finally:
        lost.ledger.close()


def test_new_ids_leave_no_gap_that_hides_the_order(bench: Bench) -> None:
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": GRACE})
    bench.shop.add(make_order("KNOWN"))
    bench.run()
    bench.shop.add(make_order("A"))
    given = []
    for _ in range(5):
        end_attempt(bench, "refused")
        resolver(bench).new_id("A")
        given.append(bench.row("A").veracore_id)
    assert given == [renewed_id("A", "", count) for count in (1, 2, 3, 3, 3)]


# ---- ids of earlier prefixes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "state", "decision"),
    [
        ((("TEE", 1), ("MUG", 2)), "synced", ""),
        ((("MUG", 9),), "conflict", "adopt"),
        ((("MUG", 9),), "conflict", "skip"),
        ((("MUG", 9),), "conflict", "new id"),
    ],
)
def test_with_an_earlier_prefix_other_units_may_be_another_shops(
    bench: Bench, lines: Sequence[tuple[str, int]], state: str, decision: str
) -> None:
    bench.settings = make_settings(orders={"id_prefix": "B-", "earlier_id_prefixes": [""]})
    held = tuple(RecordLine(*one) for one in lines)
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", held, "open")
    bench.shop.add(make_order("A"))
    bench.clock.forward(days=1)
    bench.run(allow_first_run=True)
    assert (bench.state("A"), living(bench)) == (state, ["A"])
    if state == "synced":
        with pytest.raises(UsageError):
            resolver(bench).new_id("A", "A")
        return
    assert bench.row("A").veracore_id is None
    with pytest.raises(NeedsPerson, match="A as A"):
        resolver(bench).new_id("A")
    assert bench.state("A") == "conflict"
    if decision == "adopt":
        assert "adopted" in resolver(bench).adopt("A", "A").sentence
    elif decision == "skip":
        assert resolver(bench).skip("A", "a").sentence == "skipped for good"
    else:
        resolver(bench).new_id("A", "a")
        bench.run()
        assert bench.state("A") == "synced"
        assert living(bench) == ["A", bench.row("A").veracore_id]


def test_an_id_that_another_order_took_was_hashed_with_an_earlier_prefix_too(bench: Bench) -> None:
    """Which a person who skips or renews an order has to be told, too."""
    bench.settings = make_settings(orders={"workers": 1})
    bench.shop.add(make_order("B-A"))
    bench.run()
    bench.settings = make_settings(orders={"id_prefix": "C-", "earlier_id_prefixes": ["B-"]})
    hashed = warehouse_id("A", "B-", lambda _: True)
    bench.warehouse.held[hashed.casefold()] = WarehouseRecord(hashed, "A", PARTS, "open")
    bench.ledger.transitions.discover([Discovery("A", "9", START - timedelta(days=2))])
    with pytest.raises(NeedsPerson, match=hashed):
        resolver(bench).skip("A")
    assert resolver(bench).skip("A", hashed.lower()).sentence == "skipped for good"


def test_what_this_ledger_sent_is_no_other_order(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("lost before")
    bench.run(allow_first_run=True)
    for act in (resolver(bench).new_id, resolver(bench).skip):
        with pytest.raises(UsageError, match="A was sent as a, so look-ups decide"):
            act("A", "a")
    assert bench.state("A") == "in_doubt"


def test_what_a_lost_ledger_sent_under_its_own_id_is_no_other_order(bench: Bench) -> None:
    """Whoever types the order's code twice must not lose an order that ships."""
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", PARTS, "open")
    bench.ledger.transitions.discover([Discovery("A", "9", START - timedelta(days=2))])
    for act in (resolver(bench).new_id, resolver(bench).skip):
        with pytest.raises(NeedsPerson, match="A as A"):
            act("A", "a")


# ---- --adopt of what VeraCore has cancelled -----------------------------------------------------

PARTS = (RecordLine("MUG", 2), RecordLine("TEE", 1))
FLAGGED = WarehouseRecord("A", "A", PARTS, "open", partially_cancelled=True)
GONE = WarehouseRecord("A", "A", PARTS, "cancelled", partially_cancelled=True)
AS_OTHER = replace(GONE, lines=(RecordLine("MUG", 1),))
REST = WarehouseRecord("A", None, None, "cancelled")


def conflict(bench: Bench, state: str) -> None:
    """The order A, which VeraCore knows, in that state of the ledger."""
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": GRACE})
    bench.shop.add(make_order("KNOWN"))
    bench.run()
    bench.shop.add(make_order("A"))
    if state != "synced":
        bench.warehouse.script.append("lost after")
        bench.warehouse.lies = 9
    bench.run()
    bench.warehouse.lies = 0
    assert bench.state("A") == state


@pytest.mark.parametrize("record", [GONE, AS_OTHER, REST], ids=["whole", "drift", "rest"])
@pytest.mark.parametrize(
    ("state", "named"),
    [
        ("in_doubt", None),
        ("in_doubt", "A"),
        ("in_doubt", "HAND-1"),
        ("synced", None),
        ("synced", "A"),
    ],
)
def test_what_veracore_has_cancelled_is_recorded_and_never_adopted(
    bench: Bench, record: WarehouseRecord, named: str | None, state: str
) -> None:
    conflict(bench, state)
    identity = named or "A"
    if identity != "A":
        del bench.warehouse.held["a"]
        bench.clock.forward(seconds=GRACE + 1)
        with pytest.raises(SyncError):
            resolver(bench).adopt("A", identity)
        bench.clock.forward(seconds=GRACE + 1)
    bench.warehouse.held[identity.casefold()] = replace(record, id=identity)
    acting = resolver(bench)
    assert acting.adopt("A", named).sentence == "cancelled there"
    assert bench.state("A") == "cancelled"
    assert "cancelled at VeraCore; it is not adopted" in acting.report.needs_person[0]


def test_a_cancellation_between_two_looks_is_seen(bench: Bench) -> None:
    conflict(bench, "in_doubt")
    look_up, seen = bench.warehouse.look_up, []

    def looked(order_id: str) -> object:
        found = look_up(order_id)
        seen.append(order_id)
        cancel_there(bench, "A")
        return found

    bench.warehouse.look_up = looked  # type: ignore[method-assign, assignment]
    assert resolver(bench).adopt("A", None).sentence == "cancelled there"
    assert (bench.state("A"), len(seen)) == ("cancelled", 2)


@pytest.mark.parametrize(
    ("changes", "adopted"),
    [
        ({}, False),
        ({"products": (Product("MUG", 2, 2), Product("TEE", 1, 0))}, True),
        ({"shipments": (Shipment("1", None, ()),)}, True),
        ({"status": "shipped"}, True),
    ],
    ids=["nothing left", "a part left", "a slip", "shipped"],
)
def test_a_cancellation_of_unknown_size_is_left_to_a_person(
    bench: Bench, changes: dict[str, object], adopted: bool
) -> None:
    conflict(bench, "in_doubt")
    bench.warehouse.held["a"] = replace(FLAGGED, **changes)  # type: ignore[arg-type]
    if adopted:
        assert resolver(bench).adopt("A", None).sentence == "adopted, VeraCore has it as A"
        return
    with pytest.raises(NeedsPerson, match="shows the order A as cancelled"):
        resolver(bench).adopt("A", None)
    assert bench.state("A") == "in_doubt"
    with pytest.raises(NeedsPerson, match="would ship it twice"):
        resolver(bench).new_id("A")


def test_what_veracore_still_has_is_not_adopted_again(bench: Bench) -> None:
    conflict(bench, "synced")
    with pytest.raises(UsageError, match="A is at VeraCore; its id there is A"):
        resolver(bench).adopt("A", None)


def test_an_order_of_another_channel_is_left_to_its_configuration(bench: Bench) -> None:
    """That one may have sent it; here it would be skipped anew, under whatever id."""
    found = Discovery("A", "A", START, OrderState.SKIPPED, OrderCause.CHANNEL)
    bench.ledger.transitions.discover([found])
    for decide in (resolver(bench).new_id, resolver(bench).skip):
        with pytest.raises(NeedsPerson, match="sold in another channel"):
            decide("A")
    assert (bench.row("A").cause, bench.row("A").veracore_id) == (OrderCause.CHANNEL, None)

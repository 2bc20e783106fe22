"""A code that the shop gives to another order: neither is ever taken for the other."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import NeedsPerson, UsageError
from veracore_sync.domain.held_orders import AcceptedOrder
from veracore_sync.domain.identity import differs, left_before
from veracore_sync.domain.orders import OrderLine
from veracore_sync.domain.shop_stock import OpenLine, OpenOrder
from veracore_sync.domain.warehouse import Package, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.demand import demand
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.orders.ids import renewed_id
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.retry import plan as plan_retry
from veracore_sync.jobs.stats import order_life
from veracore_sync.ledger import open_ledger

LATER = START + timedelta(days=2)
CODE, KEPT = "1001", "1001~17"


SEVEN_MUGS = OrderLine("1", "v1", "MUG", 7, 0, Decimal(1), Decimal(1))


@pytest.mark.parametrize(
    ("known", "found", "another"),
    [
        (("17", START), ("17", START), False),
        (("17", START), ("18", START), True),
        (("17", START), ("17", START + timedelta(seconds=2)), True),
        (("17", START), ("17", START + timedelta(milliseconds=999)), False),
        (("17", START), ("17", START - timedelta(hours=1)), True),
        (("17", None), ("17", START), False),
        (("17", START), ("17", None), False),
        (("", START), ("18", START), False),
        (("17", START), ("", LATER), True),
        (("17", None), ("18", None), True),
    ],
)
def test_what_is_unknown_does_not_differ(
    known: tuple[str, datetime | None], found: tuple[str, datetime | None], another: bool
) -> None:
    placed = to_text(known[1]) if known[1] else None
    assert differs(known[0], placed, *found) is another


def first_order(bench: Bench, state: str = "synced") -> None:
    """The order 1001 with the Vendure id 17, in that state of the ledger."""
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": 180})
    bench.shop.add(make_order("KNOWN"))
    bench.run()
    bench.shop.add(make_order(CODE, id="17"))
    words = {"in_doubt": "lost before", "parked": "refused"}
    if state in words:
        bench.warehouse.script.append(words[state])
    bench.run()
    if state == "shipped":
        bench.ledger.transitions.ship(CODE)
    if state == "cancelled":
        bench.ledger.transitions.cancel(CODE, CODE, "it was cancelled at VeraCore")
    assert bench.state(CODE) == state


def restore_the_shop(bench: Bench, **changes: object) -> None:
    """The shop gives the code 1001 to the order of another customer."""
    bench.clock.forward(days=2, minutes=5)
    bench.shop.add(
        make_order(CODE, **{"id": "18", "placed_at": LATER, "updated_at": LATER} | changes)
    )


@pytest.mark.parametrize("state", ["synced", "in_doubt", "parked", "shipped", "cancelled"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"id": "17"},
        {"placed_at": START},
        {"lines": (OrderLine("1", "v1", "MUG", 7, 0, Decimal(1), Decimal(1)),)},
    ],
    ids=["both differ", "placed at another time", "another id", "other content"],
)
def test_another_order_under_the_code_is_a_conflict(
    bench: Bench, state: str, changes: dict[str, object]
) -> None:
    first_order(bench, state)
    sent = dict(bench.warehouse.submissions)
    restore_the_shop(bench, **changes)
    result = bench.run()
    assert bench.state(CODE) == "conflict"
    assert [one for one in result.needs_person if "another order of the shop had this code" in one]
    kept = bench.row(KEPT)
    assert (kept.veracore_id, kept.reference, kept.vendure_id) == (CODE, CODE, "17")
    assert bench.row(CODE).veracore_id is None
    assert [one.veracore_id for one in bench.ledger.orders.attempts(KEPT)] == [CODE]
    assert bench.ledger.orders.attempts(CODE) == []
    alerts = [(one.kind, one.code) for one in bench.ledger.alerts.standing()]
    assert ("order.conflict", CODE) in alerts
    assert not [one for one in alerts if one[0] in ("order.drift", "order.cancelled_in_shop")]
    # Once: the next runs leave both alone, whatever becomes of the first.
    for _ in range(3):
        bench.clock.forward(hours=2)
        again = bench.run()
        assert bench.state(CODE) == "conflict"
        assert not [one for one in again.needs_person if "had this code" in one]
    assert bench.warehouse.submissions == sent
    assert bench.state(KEPT) == {"in_doubt": "skipped", "parked": "skipped"}.get(state, state)


def test_a_person_sends_the_second_under_an_id_of_its_own(bench: Bench) -> None:
    first_order(bench)
    restore_the_shop(bench)
    bench.run()
    acting = Resolver(bench.context())
    with pytest.raises(UsageError, match="belongs to another order"):
        acting.adopt(CODE, CODE)
    with pytest.raises(UsageError, match="no VeraCore id yet"):
        acting.adopt(CODE, None)
    [(_, why)] = plan_retry(bench.ledger, [CODE], every=False, error_class=None).refused
    assert f"resolve {CODE}" in why
    acting.new_id(CODE)
    assert bench.row(CODE).veracore_id == renewed_id(CODE, "", 1)
    assert bench.run().outcomes[CODE] == "submitted"
    held = bench.warehouse.held
    assert [held[one.casefold()].reference for one in (CODE, renewed_id(CODE, "", 1))] == [CODE] * 2
    assert (bench.state(CODE), bench.state(KEPT)) == ("synced", "synced")
    assert bench.ledger.alerts.standing() == []
    life = order_life(bench.ledger, bench.row(CODE))
    assert [one["vendureOrderCode"] for one in life["earlierOrders"]] == [KEPT]
    assert order_life(bench.ledger, bench.row(KEPT))["earlierOrders"] == []


def test_a_third_order_gets_another_id_again(bench: Bench) -> None:
    first_order(bench)
    for number in (18, 19):
        bench.clock.forward(days=1)
        placed_at = bench.clock.now()
        bench.shop.add(make_order(CODE, id=str(number), placed_at=placed_at, updated_at=placed_at))
        bench.run()
        Resolver(bench.context()).new_id(CODE)
        assert bench.run().outcomes[CODE] == "submitted"
    names = [CODE, renewed_id(CODE, "", 1), renewed_id(CODE, "", 2)]
    rows = [bench.row(one) for one in (KEPT, f"{CODE}~18", CODE)]
    assert [one.veracore_id for one in rows] == names


def test_a_person_leaves_the_second_out_for_good(bench: Bench) -> None:
    first_order(bench)
    restore_the_shop(bench)
    bench.run()
    Resolver(bench.context()).skip(CODE)
    bench.clock.forward(hours=3)
    bench.run()
    assert (bench.state(CODE), bench.state(KEPT)) == ("skipped", "synced")
    assert bench.ledger.alerts.standing() == []


def test_where_nothing_was_sent_the_second_is_sent_like_any_other(bench: Bench) -> None:
    bench.shop.add(make_order(CODE, id="17", state="Modifying"))
    bench.shop.change(CODE, state="PaymentSettled")
    bench.settings = make_settings(orders={"min_age_minutes": 600})
    bench.run()
    assert bench.state(CODE) == "pending"
    restore_the_shop(bench)
    bench.settings = make_settings()
    bench.run()
    assert (bench.state(CODE), bench.row(CODE).vendure_id) == ("synced", "18")
    assert bench.state(KEPT) == "skipped"


def test_a_dry_run_says_it_and_changes_nothing(bench: Bench) -> None:
    first_order(bench)
    restore_the_shop(bench)
    result = bench.run(dry_run=True)
    assert result.plan == []
    assert [one for one in result.notices if "another order of the shop had this code" in one]
    assert (bench.state(CODE), bench.ledger.orders.get(KEPT)) == ("synced", None)


@pytest.mark.parametrize("state", ["PaymentSettled", "Shipped", "Modifying", "Cancelled"])
def test_one_that_a_person_names_is_seen_in_any_state(bench: Bench, state: str) -> None:
    first_order(bench)
    restore_the_shop(bench, state=state)
    bench.run(only=(CODE,))
    assert bench.state(CODE) == ("skipped" if state == "Cancelled" else "conflict")
    assert bench.state(KEPT) == "synced"


def test_a_doubt_of_the_first_still_ends_by_its_own_reference(bench: Bench) -> None:
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": 180})
    bench.shop.add(make_order("KNOWN"))
    bench.run()
    bench.shop.add(make_order(CODE, id="17"))
    bench.warehouse.script.append("lost after")
    bench.warehouse.lies = 9
    bench.run()
    assert bench.state(CODE) == "in_doubt"
    bench.warehouse.lies = 0
    restore_the_shop(bench)
    bench.run()
    assert (bench.state(CODE), bench.state(KEPT)) == ("conflict", "synced")


def test_it_is_kept_with_all_that_belongs_to_it(bench: Bench, tmp_path: Path) -> None:
    first_order(bench)
    shipments = bench.ledger.shipments
    shipments.looked(CODE, CODE, reference=CODE, rows=None, seen={"1": ()})
    bench.ledger.meta.put(f"watch.judged:{CODE}", "{}")
    restore_the_shop(bench)
    bench.run()
    assert [one.state for one in shipments.slips_of(KEPT)] == ["handed"]
    assert shipments.slips_of(CODE) == []
    assert shipments.due() == []
    assert bench.ledger.holdings.sent([KEPT, CODE]).keys() == {KEPT}
    assert bench.ledger.meta.get(f"watch.judged:{KEPT}") == "{}"
    with closing(open_ledger(bench.path, read_only=True)) as again:
        assert again.orders.find("1001") == bench.row(CODE)
        assert again.orders.find("17") == bench.row(KEPT)


# ---- stock and shipments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "placed_at", "units"),
    [("17", START, 0), ("18", START, 2), ("17", LATER, 2), ("17", None, 0)],
)
def test_stock_counts_the_second_as_not_held_before_any_run_saw_it(
    identity: str, placed_at: datetime | None, units: int
) -> None:
    held = AcceptedOrder(
        CODE,
        (("MUG", 2),),
        (),
        to_text(START),
        to_text(START),
        vendure_id="17",
        placed_at=to_text(START),
    )
    order = OpenOrder(CODE, placed_at, (OpenLine("v1", "MUG", 2, ()),), id=identity)
    found = demand(
        [order],
        [held],
        names=SkuMap(make_settings().skus),
        stock_read_at=LATER,
        not_before=None,
    )
    assert sum(found.parts.values()) == units


def test_what_left_before_it_was_placed_is_another_order() -> None:
    def record(*days: float) -> WarehouseRecord:
        packages = tuple(
            Package("UPS", "", "1Z", START + timedelta(days=day), None) for day in days
        )
        return WarehouseRecord("1", "1001", (), "shipped", shipments=(Shipment("1", (), packages),))

    assert left_before(record(-2), START)
    assert left_before(record(-2, 3), START)
    assert not left_before(record(-1, 3), START)
    assert not left_before(record(), START)
    assert not left_before(record(-20500), START), "year 1 or the epoch is no date"
    assert not left_before(record(-2), None)


def test_a_lost_race_changes_nothing(bench: Bench) -> None:
    first_order(bench)
    row = bench.row(CODE)
    bench.ledger.transitions.set_aside(row, KEPT, None)
    with pytest.raises(NeedsPerson), bench.ledger.unit_of_work():
        raise NeedsPerson("rolled back", hint="")
    assert bench.ledger.transitions.set_aside(row, "1001~x", None).value == "lost"
    assert bench.ledger.orders.get("1001~x") is None

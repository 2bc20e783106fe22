"""Orders that are not ours to send are rows with a reason; `orders.order_types` chooses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.config.orders import OrdersSettings
from veracore_sync.domain.shop_stock import OpenLine, OpenOrder
from veracore_sync.jobs.inventory.demand import demand
from veracore_sync.jobs.inventory.sku_map import SkuMap

TYPES = ("Regular", "Seller", "Aggregate")
HOME, SELLERS = "__default_channel__", "seller-1"


@pytest.mark.parametrize(
    ("order_types", "channel", "sent"),
    [
        (None, HOME, {"Regular"}),
        (None, SELLERS, {"Regular", "Seller"}),
        (("Seller",), HOME, {"Seller"}),
        (("Regular", "Seller"), HOME, {"Regular", "Seller"}),
        (("Regular", "Aggregate"), HOME, {"Regular", "Aggregate"}),
        (("Aggregate",), SELLERS, {"Aggregate"}),
    ],
)
def test_which_types_are_sent(
    order_types: tuple[str, ...] | None, channel: str, sent: set[str]
) -> None:
    assert OrdersSettings(order_types=order_types).sent_types(channel) == sent  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [(), ("Seller", "Aggregate"), TYPES, ("seller",), ("Draft",)])
def test_what_would_ship_everything_twice_is_refused(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="order_types"):
        OrdersSettings(order_types=wrong)  # type: ignore[arg-type]


def settings(**orders: Any) -> Any:
    return make_settings(orders={"workers": 1, **orders})


def place(bench: Bench) -> None:
    bench.shop.add(*(make_order(one[0], type=one) for one in TYPES))


@pytest.mark.parametrize(
    ("order_types", "sent"),
    [
        (None, ["R"]),
        (("Regular", "Seller"), ["R", "S"]),
        (("Regular", "Aggregate"), ["A", "R"]),
        (("Seller",), ["S"]),
    ],
)
def test_the_others_are_skipped_with_a_reason_and_counted_once(
    bench: Bench, order_types: tuple[str, ...] | None, sent: list[str]
) -> None:
    bench.settings = settings(order_types=order_types)
    place(bench)
    result = bench.run()
    others = [code for code in ("R", "S", "A") if code not in sent]
    assert sorted(bench.warehouse.submissions) == sent
    assert {code: result.outcomes[code] for code in others} == dict.fromkeys(others, "skipped")
    assert result.needs_person == []
    for code in others:
        row = bench.row(code)
        assert (row.state, row.cause) == ("skipped", "type")
        assert "orders.order_types" in (row.error_message or "")
    reads = bench.shop.reads
    again = bench.run()
    assert (again.outcomes, again.notices) == ({}, [])
    assert bench.shop.reads == reads, "an Aggregate stays in its state for ever"


def test_they_are_planned_again_when_the_setting_changes(bench: Bench) -> None:
    bench.settings = settings()
    place(bench)
    bench.run()
    bench.settings = settings(order_types=("Regular", "Seller"))
    assert bench.run().outcomes["S"] == "submitted"
    assert (bench.state("S"), bench.state("A")) == ("synced", "skipped")


@pytest.mark.parametrize(("first", "then"), [("Seller", "Aggregate"), ("Aggregate", "Seller")])
def test_goods_that_went_out_do_not_go_again_when_the_setting_changes(
    bench: Bench, first: str, then: str
) -> None:
    place(bench)
    bench.shop.change("S", same_goods=("A",))
    bench.shop.change("A", same_goods=("S",))
    bench.settings = settings(order_types=(first,))
    bench.run()
    bench.settings = settings(order_types=(then,))
    for _ in range(2):
        bench.run()
        bench.clock.forward(hours=2)
    assert sorted(bench.warehouse.submissions) == [first[0]]
    row = bench.row(then[0])
    assert row.error_message == f"its goods went to VeraCore with the order {first[0]}"


def test_one_that_waits_is_withdrawn_when_its_type_is_no_longer_sent(bench: Bench) -> None:
    bench.settings = settings(order_types=("Seller",), min_age_minutes=60)
    place(bench)
    bench.run()
    assert bench.state("S") == "pending"
    bench.settings = settings(order_types=("Aggregate",))
    bench.clock.forward(hours=2)
    bench.run()
    assert sorted(bench.warehouse.submissions) == ["A"]
    assert (bench.state("S"), bench.row("S").cause) == ("skipped", "type")


def test_what_passed_by_is_told_of_the_types_that_are_sent(bench: Bench) -> None:
    bench.settings = settings(order_types=("Seller",))
    bench.run()
    bench.clock.forward(minutes=5)
    for one in TYPES:
        placed_at = START + timedelta(minutes=1)
        bench.shop.add(make_order(one[0], type=one, state="Shipped", placed_at=placed_at))
    bench.run()
    assert [bench.ledger.orders.get(code) is not None for code in "RSA"] == [False, True, False]


# ---- --order CODE -------------------------------------------------------------------------------


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "Aggregate"}, "of the type Aggregate"),
        ({"type": "Seller"}, "of the type Seller"),
        ({"state": "PaymentAuthorized"}, "it is PaymentAuthorized in the shop"),
        ({"state": "Cancelled"}, "it is Cancelled in the shop"),
        ({"state": "Delivered"}, "orders are sent when they are PaymentSettled"),
        ({"placed_at": START - timedelta(days=400)}, "not_before"),
    ],
)
def test_who_names_an_order_is_told_why_it_is_not_sent(
    bench: Bench, changes: dict[str, Any], why: str, dry_run: bool
) -> None:
    bench.settings = settings()
    bench.shop.add(make_order("X", **changes))
    for _ in range(2):
        result = bench.run(only=("X",), dry_run=dry_run)
        assert [one for one in (*result.notices, *result.needs_person) if why in one], result
        assert bench.warehouse.submissions == {}


def test_who_names_an_order_that_is_there_is_told_so(bench: Bench) -> None:
    bench.shop.add(make_order("X"))
    assert bench.run(only=("X",)).notices == []
    [told] = bench.run(only=("X",)).notices
    assert told == "X: at VeraCore"


# ---- stock --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order_types", "units"),
    [
        (None, 3),
        (("Regular",), 1),
        (("Regular", "Seller"), 3),
        (("Regular", "Aggregate"), 3),
        (("Seller",), 2),
    ],
)
def test_each_sale_counts_once_as_demand_and_as_vendure_allocates_it(
    order_types: tuple[str, ...] | None, units: int
) -> None:
    wanted = OrdersSettings(order_types=order_types)  # type: ignore[arg-type]
    sizes = {"Regular": 1, "Seller": 2, "Aggregate": 2}
    orders = [
        OpenOrder(one, START, (OpenLine("v1", "MUG", size, ()),), type=one)
        for one, size in sizes.items()
    ]
    found = demand(
        orders,
        [],
        names=SkuMap(make_settings().skus),
        stock_read_at=START,
        not_before=None,
        types=wanted.counted_types,
    )
    assert sum(found.parts.values()) == units
    assert found.ordered == {"v1": 5}

"""Orders are worked on side by side, and never two that share a variant."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import ledger_server
import pytest
from at_once import so_many_at_once
from hypothesis import given, settings
from hypothesis import strategies as st
from side_by_side_kit import AT_ONCE, WatchedShop, killed, run_of
from tracking_world import CATALOGUE, World, world

from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.tracking.apart import Apart, ReadyOrder
from veracore_sync.transport.http import HttpClient, StreamedAnswer

GAPS = ("fulfilment intended", "fulfilment added", "fulfilment recorded", "fulfilment shipped")
CARTS = (("MUG",), ("TEE",), ("MUG", "TEE"), ("HAT",), ("POSTER", "HAT"), ("BOX",), ("MUG",))


def number(index: int) -> str:
    return f"1Z999AA1012345{index:04}"


def shipped(bed: World, carts: Sequence[Sequence[str]]) -> list[Any]:
    """Orders of these carts, each of which has shipped as a whole."""
    orders = [bed.place(*((sku, 2) for sku in cart)) for cart in carts]
    bed.send()
    for index, order in enumerate(orders):
        bed.ship(order, tracking=number(index))
    return orders


def assert_all_is_in_the_shop(bed: World, orders: Sequence[Any], carts: Sequence[Any]) -> None:
    for index, (order, cart) in enumerate(zip(orders, carts, strict=True)):
        assert bed.fulfilments(order) == [("Shipped", number(index), dict.fromkeys(cart, 2))]
        assert bed.state(order) == "shipped"
        assert bed.slip_states(order) == ["done"]
    gone = Counter(dict.fromkeys(CATALOGUE, 0))
    for cart in carts:
        gone.update(dict.fromkeys(cart, 2))
    for sku in CATALOGUE:
        (level,) = bed.shop.state.stock(sku).values()
        assert (level.on_hand, level.allocated) == (1000 - gone[sku], 0), sku
    updated = [code for kind, code, _ in bed.events() if kind == "tracking.updated"]
    assert sorted(updated) == sorted(order.code for order in orders)
    assert not bed.parts.ledger.alerts.standing()


# ---- which may be under way together ------------------------------------------------------------


def ready(index: int) -> ReadyOrder:
    row = SimpleNamespace(code=str(index))
    return ReadyOrder(cast(Any, row), "", cast(Any, None), lambda *_: ())


VARIANTS = st.one_of(st.none(), st.frozensets(st.sampled_from("abcde"), max_size=3))


@settings(deadline=None, max_examples=60)
@given(st.lists(VARIANTS, max_size=12), st.integers(1, 5))
def test_none_that_share_a_variant_are_under_way_at_once(
    variants: list[frozenset[str] | None], at_once: int
) -> None:
    orders = [ready(index) for index in range(len(variants))]
    known = {str(index): one for index, one in enumerate(variants) if one is not None}
    apart, lock, under_way, done = Apart(orders, known), threading.Lock(), set[str](), []
    shared: list[str] = []

    def act(one: ReadyOrder) -> None:
        with apart.begun(one) as may:
            assert may
            mine = known.get(one.row.code)
            with lock:
                for other in under_way:
                    theirs = known.get(other)
                    if mine is None or theirs is None or mine & theirs:
                        shared.append(other)
                under_way.add(one.row.code)
            threading.Event().wait(0.0001)
            with lock:
                under_way.discard(one.row.code)
                done.append(one.row.code)

    list(so_many_at_once(at_once).map("vendure.orders", act, apart))
    assert not shared
    assert sorted(done) == sorted(one.row.code for one in orders)
    assert not apart.left


def test_after_a_stop_nothing_begins() -> None:
    orders = [ready(index) for index in range(4)]
    apart = Apart(orders, {str(index): frozenset(str(index)) for index in range(4)})
    handed_out = iter(apart)
    first, second = next(handed_out), next(handed_out)
    with apart.begun(first) as may:
        assert may
        apart.stop()
        with apart.begun(second) as may:
            assert not may
    assert list(handed_out) == []
    assert {one.row.code for one in apart.left} == {"1", "2", "3"}
    apart.close()


# ---- whole runs ---------------------------------------------------------------------------------


def test_orders_without_a_common_variant_are_in_flight_together(bed: World) -> None:
    carts = [(sku,) for sku in CATALOGUE]
    orders = shipped(bed, carts)
    shop = WatchedShop(bed.parts.shop, meet=len(carts))
    result = run_of(bed, shop=shop).run()
    assert shop.fulfilments.most == len(carts)
    assert [one.code for one in result.outcomes if one.what == "fulfilled"] == [
        order.code for order in sorted_as_seen(bed, orders)
    ]
    assert_all_is_in_the_shop(bed, orders, carts)


def sorted_as_seen(bed: World, orders: Sequence[Any]) -> list[Any]:
    """The sequence in which a run with one thread works on them."""
    codes = list(bed.parts.ledger.orders.at_warehouse([one.code for one in orders]))
    return sorted(orders, key=lambda one: codes.index(one.code.casefold()))


def test_orders_that_share_a_variant_are_not(bed: World) -> None:
    carts = CARTS * 3
    orders = shipped(bed, carts)
    shop = WatchedShop(bed.parts.shop)
    result = run_of(bed, shop=shop).run()
    assert not shop.fulfilments.overlaps
    assert result.updated == len(orders)
    assert_all_is_in_the_shop(bed, orders, carts)


def test_the_report_is_that_of_one_thread(tmp_path: Path) -> None:
    found = []
    for name, at_once in (("one", 1), ("several", AT_ONCE)):
        (tmp_path / name).mkdir()
        with world(tmp_path / name) as bed:
            shipped(bed, CARTS)
            bed.shop.add_faults(["graphql_error_coded"], operations=["AddFulfilment"], count=20)
            failing = run_of(bed, at_once).run()
            bed.shop.clear_faults()
            bed.clock.forward(hours=1)
            found.append((failing, run_of(bed, at_once).run()))
    (one, one_after), (several, several_after) = found
    for alone, together in ((one, several), (one_after, several_after)):
        assert [outcome.what for outcome in alone.outcomes] == [
            outcome.what for outcome in together.outcomes
        ]
        assert alone.errors == together.errors
        assert [(why.what, why.count) for why in alone.reasons] == [
            (why.what, why.count) for why in together.reasons
        ]


def test_an_order_that_got_another_variant_meanwhile_is_worked_on_alone(bed: World) -> None:
    carts = [("MUG",), ("TEE",), ("HAT",)]
    orders = shipped(bed, carts)
    shop = WatchedShop(bed.parts.shop)
    real, reads = shop.fulfilments.orders, list[Any]()

    def orders_of(codes: Sequence[str]) -> Any:
        reads.append(list(codes))
        found = real(codes)
        return (
            found
            if len(codes) == 1
            else dict(list(found.items())[:0])
            | {code: one for code, one in found.items() if code != orders[0].code}
            | {orders[0].code: found[orders[1].code]}
        )

    shop.fulfilments.orders = orders_of  # type: ignore[method-assign]
    run_of(bed, shop=shop).run()
    assert not shop.fulfilments.overlaps
    assert [orders[0].code] in reads
    assert reads.count([orders[0].code]) == 3  # with what it may touch; alone; and afterwards
    assert_all_is_in_the_shop(bed, orders, carts)


def test_a_run_that_is_cut_is_no_complete_one(bed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock goes on between requests; within one, the other thread's would be answered too late
    # and its order would wait to be tried again.
    one_request = threading.RLock()
    stream = HttpClient.stream

    @contextmanager
    def alone(client: HttpClient, *args: Any, **more: Any) -> Iterator[StreamedAnswer]:
        with one_request, stream(client, *args, **more) as streamed:
            yield streamed

    monkeypatch.setattr(HttpClient, "stream", alone)
    carts = [(sku,) for sku in CATALOGUE] * 3
    orders = shipped(bed, carts)
    shop = WatchedShop(bed.parts.shop)
    real, added = shop.fulfilments.add, threading.Semaphore(4)

    def add(lines: Any, **more: Any) -> str:
        if not added.acquire(blocking=False):
            with one_request:
                bed.clock.forward(hours=10)
        return real(lines, **more)

    shop.fulfilments.add = add  # type: ignore[method-assign]
    result = run_of(bed, 2, shop).run()
    assert 4 < result.updated < len(orders)
    assert any("max_run_minutes" in one for one in result.notices)
    assert bed.parts.ledger.meta.get("tracking.complete_at") is None
    # The other thread may have added its fulfilment when the clock went on: that is finished
    # without being counted once more.
    begun = sum(bool(bed.order(one).fulfilments) for one in orders)
    assert result.updated <= begun
    rest = run_of(bed).run()
    assert rest.updated == len(orders) - begun
    assert bed.parts.ledger.meta.get("tracking.complete_at")
    assert_all_is_in_the_shop(bed, orders, carts)


@pytest.mark.parametrize("kind", ["http_429", "html_500", "reset_after"])
def test_a_shop_that_fails_ends_the_run_and_loses_nothing(tmp_path: Path, kind: str) -> None:
    carts = [(sku,) for sku in CATALOGUE] * 3
    with world(tmp_path, VERACORE_SYNC_RETRY__BREAKER_THRESHOLD="1000") as bed:
        orders = shipped(bed, carts)
        bed.shop.add_faults([kind], operations=["AddFulfilment"])
        with pytest.raises(SyncError):
            run_of(bed).run()
        asked = sum(one["operation"] == "AddFulfilment" for one in bed.shop.requests)
        assert 1 <= asked <= 3 + 2 * AT_ONCE
        assert bed.parts.ledger.meta.get("tracking.complete_at") is None
        bed.shop.clear_faults()
        for _ in range(3):
            bed.clock.forward(hours=1)
            run_of(bed).run()
        assert_all_is_in_the_shop(bed, orders, carts)


# ---- killed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
@pytest.mark.parametrize("gap", GAPS)
def test_killed_with_several_in_flight(tmp_path: Path, backend: str, gap: str) -> None:
    more = {}
    place = ledger_server.new_place() if backend == "postgres" else None
    if place is not None:
        more = {
            "VERACORE_SYNC_LEDGER__URL": place.url,
            "VERACORE_SYNC_LEDGER__SCHEMA_NAME": place.schema,
        }
    with world(tmp_path, **more) as bed:
        carts = [(sku,) for sku in CATALOGUE] * 3
        orders = shipped(bed, carts)
        bed.close()
        assert killed(bed, gap) == -9
        if place is not None:
            ledger_server.end_leases(place)
        for _ in range(3):
            bed.clock.forward(hours=1)
            run_of(bed).run()
        assert_all_is_in_the_shop(bed, orders, carts)

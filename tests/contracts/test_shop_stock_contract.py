"""The contract of the port `ShopStock`: our client of the small shop, and the fake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from shop_beds import STOCK, StockBed

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.shop_stock import Level, NewLevel, OpenOrder, StockDefaults
from veracore_sync.ports.shop import ShopStock, UnknownVariant


@pytest.fixture(params=STOCK)
def bed(request: pytest.FixtureRequest) -> Iterator[StockBed]:
    with STOCK[request.param]() as made:
        yield made


@pytest.fixture
def stock(bed: StockBed) -> ShopStock:
    return bed.stock


def open_order(stock: ShopStock, code: str) -> OpenOrder | None:
    return next((one for one in stock.open_orders() if one.code == code), None)


def place_of(stock: ShopStock) -> str:
    (location,) = stock.locations()
    return location.id


# ---- reading ----------------------------------------------------------------------------------


def test_every_variant_is_told_once_with_its_level(bed: StockBed, stock: ShopStock) -> None:
    mug, tee = bed.add("MUG", 5), bed.add("TEE", 0)
    bed.place("MUG", 2)
    told = {one.id: one for one in stock.variants()}
    assert len(list(stock.variants())) == len(told)
    assert told.keys() == {mug, tee}
    assert (told[mug].sku, told[mug].tracked, told[mug].unreadable) == ("MUG", True, None)
    assert told[mug].levels == (Level(place_of(stock), 5, 2),)
    assert told[tee].levels == (Level(place_of(stock), 0, 0),)


def test_variants_are_found_by_a_part_of_their_sku(bed: StockBed, stock: ShopStock) -> None:
    ids = {sku: bed.add(sku, 1) for sku in ("MUG", "MUG-BLUE", "TEE")}
    found = {one.id for one in stock.variants_like(["mug"])}
    assert found == {ids["MUG"], ids["MUG-BLUE"]}
    assert {one.id for one in stock.variants_like(["TEE", "BLUE"])} == {
        ids["MUG-BLUE"],
        ids["TEE"],
    }
    assert stock.variants_like(["HAT"]) == []


@pytest.mark.parametrize("there", ["CAFÉ", "CAFE\u0301"])
def test_variants_are_found_in_either_unicode_form(
    bed: StockBed, stock: ShopStock, there: str
) -> None:
    found = bed.add(there, 1)
    for asked in ("CAFÉ", "CAFE\u0301", "café"):
        assert [one.id for one in stock.variants_like([asked])] == [found]


def test_variants_by_id_as_far_as_they_live(bed: StockBed, stock: ShopStock) -> None:
    mug, tee = bed.add("MUG", 5), bed.add("TEE", 1)
    bed.delete(tee)
    found = stock.variants_by_id([mug, tee, "99999"])
    assert found.keys() == {mug}
    assert found[mug] == next(iter(stock.variants()))
    assert stock.variants_by_id([]) == {}


def test_an_order_is_open_until_all_of_it_is_fulfilled(bed: StockBed, stock: ShopStock) -> None:
    mug = bed.add("MUG", 9)
    code = bed.place("MUG", 4)
    order = open_order(stock, code)
    assert order is not None
    assert (order.unreadable, order.name) == (None, code)
    (line,) = order.lines
    assert (line.variant_id, line.sku, line.quantity) == (mug, "MUG", 4)
    assert (line.fulfilments, line.open_quantity) == ((), 4)
    bed.fulfil(code, 3)
    order = open_order(stock, code)
    assert order is not None
    (line,) = order.lines
    assert [units for units, _ in line.fulfilments] == [3]
    assert line.open_quantity == 1
    assert next(iter(stock.variants())).levels == (Level(place_of(stock), 6, 1),)
    bed.fulfil(code, 1)
    assert open_order(stock, code) is None


def test_cancelled_units_are_open_no_longer(bed: StockBed, stock: ShopStock) -> None:
    bed.add("MUG", 9)
    code, other = bed.place("MUG", 4), bed.place("MUG", 1)
    bed.cancel(code, 3)
    order = open_order(stock, code)
    assert order is not None
    assert [line.open_quantity for line in order.lines] == [1]
    bed.cancel(code, 1)
    assert [one.code for one in stock.open_orders()] == [other]
    assert next(iter(stock.variants())).levels == (Level(place_of(stock), 9, 1),)


# ---- writing ----------------------------------------------------------------------------------


def test_what_is_written_is_told_back_with_what_is_set_aside(
    bed: StockBed, stock: ShopStock
) -> None:
    mug, tee = bed.add("MUG", 5), bed.add("TEE", 5)
    bed.place("MUG", 2)
    here = place_of(stock)
    told = stock.set_levels([NewLevel(mug, here, 7), NewLevel(tee, here, 0)])
    assert told == {mug: (Level(here, 7, 2),), tee: (Level(here, 0, 0),)}
    assert {one.id: one.levels for one in stock.variants()} == told


def test_a_level_may_be_below_zero(bed: StockBed, stock: ShopStock) -> None:
    mug = bed.add("MUG", 5)
    told = stock.set_levels([NewLevel(mug, place_of(stock), -3)])
    assert told[mug] == (Level(place_of(stock), -3, 0),)


def test_a_variant_that_is_gone_is_named_and_nothing_is_written(
    bed: StockBed, stock: ShopStock
) -> None:
    mug, gone = bed.add("MUG", 5), bed.add("TEE", 5)
    bed.delete(gone)
    here = place_of(stock)
    with pytest.raises(UnknownVariant) as refused:
        stock.set_levels([NewLevel(mug, here, 9), NewLevel(gone, here, 9)])
    assert refused.value.variant_id == gone
    assert stock.variants_by_id([mug])[mug].levels == (Level(here, 5, 0),)


def test_what_was_set_is_told_with_its_time_and_what_orders_did_is_not(
    bed: StockBed, stock: ShopStock
) -> None:
    mug, tee, here = bed.add("MUG", 5), bed.add("TEE", 5), place_of(stock)
    began = bed.clock.now()
    bed.fulfil(bed.place("MUG", 1), 1)
    for units in (9, 9, 2):
        stock.set_levels([NewLevel(mug, here, units)])
    first, second = stock.adjustments(mug, began)
    assert (first.units, second.units) == (5, -7)
    assert began <= first.at <= second.at <= bed.clock.now()
    assert stock.adjustments(mug, bed.clock.now() + timedelta(seconds=1)) == []
    assert stock.adjustments(tee, began) == []
    assert stock.adjustments("99999", began) == []


def test_the_size_of_a_level_grows_with_its_number(stock: ShopStock) -> None:
    short, long = NewLevel("1", "1", 1), NewLevel("1", "1", 2**40)
    assert 0 < stock.size_of(short) <= stock.size_of(long)


# ---- when nobody answers ----------------------------------------------------------------------


def test_silence_is_an_error_and_never_an_empty_list(bed: StockBed, stock: ShopStock) -> None:
    mug = bed.add("MUG", 5)
    here = place_of(stock)
    bed.stop()
    with pytest.raises(UpstreamError):
        list(stock.variants())
    with pytest.raises(UpstreamError):
        stock.variants_like(["MUG"])
    with pytest.raises(UpstreamError):
        stock.variants_by_id([mug])
    with pytest.raises(UpstreamError):
        stock.open_orders()
    with pytest.raises(UpstreamError):
        stock.adjustments(mug, bed.clock.now())
    with pytest.raises(UpstreamError):
        stock.set_levels([NewLevel(mug, here, 9)])


# ---- what moved since ---------------------------------------------------------------------------


def test_what_is_done_to_a_variant_is_dated(bed: StockBed, stock: ShopStock) -> None:
    ids = [bed.add(sku, 5) for sku in ("MUG", "TEE")]
    bed.clock.forward(minutes=5)
    since = bed.clock.now()
    assert stock.variants_updated(since) == []
    bed.clock.forward(minutes=1)
    stock.set_levels([NewLevel(ids[0], place_of(stock), 7)])
    assert [one.id for one in stock.variants_updated(since)] == [ids[0]]
    bed.clock.forward(minutes=1)
    assert stock.variants_updated(bed.clock.now()) == []


def test_what_an_order_does_to_its_variant_is_not_dated_there(
    bed: StockBed, stock: ShopStock
) -> None:
    bed.add("MUG", 5)
    bed.clock.forward(minutes=5)
    since = bed.clock.now()
    bed.fulfil(bed.place("MUG", 2), 1)
    assert stock.variants_updated(since) == []


def test_orders_are_touched_by_being_placed_or_cancelled(bed: StockBed, stock: ShopStock) -> None:
    bed.add("MUG", 9)
    code = bed.place("MUG", 4)
    bed.clock.forward(minutes=5)
    since = bed.clock.now()
    assert stock.orders_touched(since) == []
    bed.clock.forward(minutes=1)
    other = bed.place("MUG", 1)
    assert [one.code for one in stock.orders_touched(since)] == [other]
    bed.cancel(code, 4)
    touched = {one.code: one for one in stock.orders_touched(since)}
    assert touched.keys() == {code, other}
    assert {line.sku for one in touched.values() for line in one.lines} == {"MUG"}


def test_what_holds_for_all_variants(stock: ShopStock) -> None:
    assert stock.defaults() == StockDefaults(tracked=True, threshold=0)

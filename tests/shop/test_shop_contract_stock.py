"""The contract: how stock is written, and how it moves with orders."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from realvendure import OrderRef
from shop_contract import Shop, new_sku
from vendure_graphql import Refused

from veracore_sync.vendure.documents import READ_MOMENTS, READ_MOVEMENTS
from veracore_sync.vendure.node import Node
from veracore_sync.vendure.stock import changes_of

UPDATE = """mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) {
  id stockLevels { stockLocationId stockOnHand stockAllocated } } }"""


def variant(shop: Shop, stock: int = 10, **more: Any) -> str:
    sku = new_sku()
    shop.vendure.create_variant(sku, stock=stock, **more)
    return sku


# ---- writing --------------------------------------------------------------------------------


def write(shop: Shop, *levels: tuple[str, int]) -> dict[str, Any]:
    """The variables that set SKUs at the first location."""
    place = shop.vendure.locations()[0]
    return {
        "i": [
            {
                "id": shop.vendure.variant_id(sku),
                "stockLevels": [{"stockLocationId": place, "stockOnHand": units}],
            }
            for sku, units in levels
        ]
    }


def test_levels_are_absolute_and_leave_allocations_alone(shop: Shop) -> None:
    sku, other = variant(shop), variant(shop)
    shop.vendure.place_order([(sku, 3)])
    answer = shop.root(UPDATE, write(shop, (other, 7), (sku, 2)))
    answer.sort(key=lambda one: -int(one["id"]))
    ids = [shop.vendure.variant_id(one) for one in (other, sku)]
    place = shop.vendure.locations()[0]
    assert answer == [
        {
            "id": id,
            "stockLevels": [
                {"stockLocationId": place, "stockOnHand": on_hand, "stockAllocated": allocated}
            ],
        }
        for id, on_hand, allocated in ((ids[0], 7, 0), (ids[1], 2, 3))
    ]
    assert (shop.level(sku), shop.level(other)) == ((2, 3), (7, 0))


def test_what_was_set_is_kept_with_its_time_and_what_orders_did_is_another_movement(
    shop: Shop,
) -> None:
    sku = variant(shop)
    placed = shop.vendure.place_order([(sku, 3)])
    for units in (14, 14, 6):
        shop.root(UPDATE, write(shop, (sku, units)))
    shop.vendure.fulfil(placed)

    def moved(kind: str) -> list[int]:
        asked = {"id": shop.vendure.variant_id(sku), "kind": kind, "skip": 0}
        found = shop.root(READ_MOVEMENTS.text, asked)["stockMovements"]
        assert found["totalItems"] == len(found["items"])
        assert all(one["createdAt"] for one in found["items"])
        return [one["quantity"] for one in found["items"]]

    # Vendure also keeps the units that a variant was created with.
    assert moved("ADJUSTMENT")[-2:] == [4, -8]
    assert moved("ALLOCATION") == [3]


def test_a_batch_is_written_whole_or_not_at_all(shop: Shop) -> None:
    sku = variant(shop)
    given = write(shop, (sku, 99))
    given["i"].append({**given["i"][0], "id": "999999"})
    assert shop.error(UPDATE, given) == (
        "ENTITY_NOT_FOUND",
        'No ProductVariant with the id "999999" could be found',
    )
    assert shop.level(sku) == (10, 0)


def test_a_deleted_variant_cannot_be_written(shop: Shop) -> None:
    sku, other = variant(shop), variant(shop)
    given = write(shop, (other, 99), (sku, 99))
    shop.vendure.delete_variant(sku)
    code, message = shop.error(UPDATE, given)
    assert code == "ENTITY_NOT_FOUND"
    assert f'"{given["i"][1]["id"]}"' in message
    assert shop.level(other) == (10, 0)


def test_an_unknown_location_is_a_bare_database_error(shop: Shop) -> None:
    sku, other = variant(shop), variant(shop)
    given = write(shop, (sku, 5), (other, 5))
    given["i"][1]["stockLevels"].append({"stockLocationId": "999999", "stockOnHand": 1})
    code, message = shop.error(UPDATE, given)
    assert code is None
    on_sqlite = "FOREIGN KEY constraint failed"
    assert ("violates foreign key constraint" if shop.on_postgres else on_sqlite) in message
    assert shop.level(sku) == (10, 0)


def test_what_is_accepted(shop: Shop) -> None:
    sku = variant(shop)
    shop.root(UPDATE, write(shop, (sku, -4)))
    assert shop.level(sku) == (-4, 0)
    shop.root(UPDATE, write(shop, (sku, 5), (sku, 6)))
    assert shop.level(sku) == (6, 0)
    shop.root(UPDATE, {"i": [{"id": shop.vendure.variant_id(sku), "stockLevels": None}]})
    shop.root(UPDATE, {"i": []})
    assert shop.level(sku) == (6, 0)


def test_the_older_field_may_not_be_negative(shop: Shop) -> None:
    sku = variant(shop)
    id = shop.vendure.variant_id(sku)
    assert shop.error(UPDATE, {"i": [{"id": id, "stockOnHand": -1}]}) == (
        "USER_INPUT_ERROR",
        "stockOnHand cannot be a negative value",
    )
    shop.root(UPDATE, {"i": [{"id": id, "stockOnHand": 3}]})
    assert shop.level(sku) == (3, 0)


def test_other_fields_of_a_variant(shop: Shop) -> None:
    sku = variant(shop)
    id = shop.vendure.variant_id(sku)
    fields = "sku trackInventory outOfStockThreshold useGlobalOutOfStockThreshold"
    read = f"query($id: ID!) {{ productVariant(id: $id) {{ {fields} }} }}"
    assert shop.root(read, {"id": id}) == {
        "sku": sku,
        "trackInventory": "INHERIT",
        "outOfStockThreshold": 0,
        "useGlobalOutOfStockThreshold": True,
    }
    changed = {
        "sku": f"{sku}-b",
        "trackInventory": "FALSE",
        "outOfStockThreshold": -5,
        "useGlobalOutOfStockThreshold": False,
    }
    shop.root(UPDATE, {"i": [{"id": id, **changed}]})
    assert shop.root(read, {"id": id}) == changed


# ---- moving ---------------------------------------------------------------------------------


def no_order(_shop: Shop, _order: OrderRef, _sku: str) -> None:
    pass


def pending(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.fulfil(order, [(sku, 3)], state="Pending")


def delivered(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.fulfil(order, [(sku, 3)], state="Delivered")


def fulfilment_cancelled(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.transition_fulfilment(shop.vendure.fulfil(order, [(sku, 3)]), "Cancelled")


def shipped_again(shop: Shop, order: OrderRef, sku: str) -> None:
    fulfilment_cancelled(shop, order, sku)
    shop.vendure.fulfil(order, [(sku, 5)])


def cancelled(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.cancel(order)


def two_cancelled(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.cancel(order, [(sku, 2)])


def rest_cancelled(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.fulfil(order, [(sku, 5)])
    shop.vendure.cancel(order, [(sku, 2)])


def all_cancelled_after_a_part_left(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.fulfil(order, [(sku, 3)])
    shop.vendure.cancel(order)


def more(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.modify(order, [(sku, 7)])


def fewer(shop: Shop, order: OrderRef, sku: str) -> None:
    shop.vendure.modify(order, [(sku, 1)])


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (no_order, (10, 5)),
        (pending, (7, 2)),
        (delivered, (7, 2)),
        (fulfilment_cancelled, (10, 5)),
        (shipped_again, (5, 0)),
        (cancelled, (10, 0)),
        (two_cancelled, (10, 3)),
        (rest_cancelled, (7, 0)),
        (all_cancelled_after_a_part_left, (10, 0)),
        (more, (10, 7)),
        (fewer, (10, 1)),
    ],
)
def test_movements_of_an_order_of_five(
    shop: Shop, event: Callable[[Shop, OrderRef, str], None], level: tuple[int, int]
) -> None:
    sku = variant(shop)
    event(shop, shop.vendure.place_order([(sku, 5)]), sku)
    assert shop.level(sku) == level


def test_each_allocation_is_as_old_as_a_change_of_its_order(shop: Shop) -> None:
    sku = variant(shop)
    placed = shop.vendure.place_order([(sku, 5)])
    fulfilment_cancelled(shop, placed, sku)
    code = shop.order(placed, "code")["code"]
    (order,) = Node(shop.root(READ_MOMENTS.text, {"codes": [code]})).nodes("items")
    found = changes_of(order)
    assert found.returned == {shop.vendure.variant_id(sku): 3}
    asked = {"id": shop.vendure.variant_id(sku), "kind": "ALLOCATION", "skip": 0}
    made = Node(shop.root(READ_MOVEMENTS.text, asked)["stockMovements"]).nodes("items")
    assert sorted(one.integer("quantity") for one in made) == [3, 5]
    for one in made:
        apart = min(abs(one.moment("createdAt") - at).total_seconds() for at in found.at)
        assert apart <= 3
    # Neither a fulfilment nor its shipping allocates anything; both may be of one second.
    assert len(found.at) <= 2


def test_an_authorised_payment_allocates_and_a_cart_does_not(shop: Shop) -> None:
    sku = variant(shop)
    shop.vendure.place_order([(sku, 2)], None)
    assert shop.level(sku) == (10, 0)
    placed = shop.vendure.place_order([(sku, 3)], "authorize-only")
    assert shop.level(sku) == (10, 3)
    shop.vendure.settle(placed)
    assert shop.level(sku) == (10, 3)


def test_a_variant_that_is_not_tracked(shop: Shop) -> None:
    sku = variant(shop, stock=1, trackInventory="FALSE")
    placed = shop.vendure.place_order([(sku, 50)])
    assert shop.level(sku) == (1, 0)
    shop.vendure.fulfil(placed)
    assert shop.level(sku) == (1, 0)


def test_no_more_is_sold_than_is_saleable(shop: Shop) -> None:
    sku = variant(shop, stock=5)
    shop.vendure.place_order([(sku, 3)])
    with pytest.raises(Refused) as refused:
        shop.vendure.place_order([(sku, 3)])
    assert refused.value.code == "INSUFFICIENT_STOCK_ERROR"
    shop.vendure.place_order([(sku, 2)])
    assert shop.level(sku) == (5, 5)


def test_an_order_split_over_locations_is_allocated_too_often(shop: Shop) -> None:
    sku = variant(shop, stock=2)
    first = shop.vendure.locations()[0]
    second = shop.vendure.create_location(f"L {secrets.token_hex(3)}")
    shop.vendure.set_stock(sku, 10, second)

    def levels() -> list[tuple[int, int]]:
        stock = shop.vendure.stock(sku)
        return [(stock[id].on_hand, stock[id].allocated) for id in (first, second)]

    placed = shop.vendure.place_order([(sku, 5)])
    assert levels() == [(2, 2), (10, 5)]
    shop.vendure.fulfil(placed)
    assert levels() == [(0, 0), (7, 2)]


def test_fulfilment_takes_from_where_it_was_allocated(shop: Shop) -> None:
    sku = variant(shop, stock=5)
    first = shop.vendure.locations()[0]
    second = shop.vendure.create_location(f"L {secrets.token_hex(3)}")
    placed = shop.vendure.place_order([(sku, 3)])
    shop.vendure.set_stock(sku, 0, first)
    shop.vendure.set_stock(sku, 5, second)
    shop.vendure.fulfil(placed)
    stock = shop.vendure.stock(sku)
    assert (stock[first].on_hand, stock[second].on_hand) == (-3, 5)

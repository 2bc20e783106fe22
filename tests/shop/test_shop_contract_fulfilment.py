"""The contract: fulfilments, cancellations, settlements, and the states that orders reach."""

from __future__ import annotations

from typing import Any

import pytest
from realvendure import OrderRef
from shop_contract import Shop, new_sku

ERROR = "... on ErrorResult { errorCode message }"
ADD = f"""mutation($i: FulfillOrderInput!) {{ addFulfillmentToOrder(input: $i) {{ __typename
  ... on Fulfillment {{ id state method trackingCode nextStates lines {{ orderLineId quantity }} }}
  ... on InsufficientStockOnHandError {{ productVariantId productVariantName stockOnHand }}
  ... on FulfillmentStateTransitionError {{ transitionError fromState toState }} {ERROR} }} }}"""
MOVE = f"""mutation($id: ID!, $s: String!) {{ transitionFulfillmentToState(id: $id, state: $s) {{
  __typename ... on Fulfillment {{ id state nextStates }}
  ... on FulfillmentStateTransitionError {{ transitionError fromState toState }} {ERROR} }} }}"""
MOVE_ORDER = f"""mutation($id: ID!, $s: String!) {{ transitionOrderToState(id: $id, state: $s) {{
  __typename ... on Order {{ id state }}
  ... on OrderStateTransitionError {{ transitionError fromState toState }} {ERROR} }} }}"""
CANCEL = f"""mutation($i: CancelOrderInput!) {{ cancelOrder(input: $i) {{ __typename
  ... on Order {{ state lines {{ quantity }} }} {ERROR} }} }}"""
SETTLE = f"""mutation($id: ID!) {{ settlePayment(id: $id) {{ __typename
  ... on Payment {{ state }} {ERROR} }} }}"""


def placed(shop: Shop, quantity: int = 3, payment: str = "standard-payment") -> OrderRef:
    sku = new_sku()
    shop.vendure.create_variant(sku, stock=100)
    order: OrderRef = shop.vendure.place_order([(sku, quantity)], payment)
    return order


def line_of(shop: Shop, order: OrderRef) -> str:
    (line,) = shop.line_ids(order).values()
    return line


def given(*lines: tuple[str, int], code: str = "manual-fulfillment", **values: str) -> Any:
    arguments = [{"name": name, "value": value} for name, value in values.items()]
    return {
        "i": {
            "lines": [{"orderLineId": id, "quantity": count} for id, count in lines],
            "handler": {"code": code, "arguments": arguments},
        }
    }


def add(shop: Shop, *lines: tuple[str, int], tracking: str = "T") -> Any:
    return shop.root(ADD, given(*lines, method="DHL", trackingCode=tracking))


# ---- adding ---------------------------------------------------------------------------------


def test_a_fulfilment(shop: Shop) -> None:
    order = placed(shop)
    line = line_of(shop, order)
    made = add(shop, (line, 2), tracking="TRK-1")
    assert made == {
        "__typename": "Fulfillment",
        "id": made["id"],
        "state": "Pending",
        "method": "DHL",
        "trackingCode": "TRK-1",
        "nextStates": ["Shipped", "Delivered", "Cancelled"],
        "lines": [{"orderLineId": line, "quantity": 2}],
    }
    assert shop.state_of(order) == "PaymentSettled"
    assert shop.root(MOVE, {"id": made["id"], "s": "Shipped"}) == {
        "__typename": "Fulfillment",
        "id": made["id"],
        "state": "Shipped",
        "nextStates": ["Delivered", "Cancelled"],
    }
    found = shop.order(
        order,
        """state fulfillments { id state method trackingCode lines { orderLineId quantity } }
        lines { fulfillmentLines { quantity fulfillment { id state } } }""",
    )
    assert found["state"] == "PartiallyShipped"
    assert found["fulfillments"][0]["lines"] == [{"orderLineId": line, "quantity": 2}]
    assert found["lines"][0]["fulfillmentLines"] == [
        {"quantity": 2, "fulfillment": {"id": made["id"], "state": "Shipped"}}
    ]


@pytest.mark.parametrize(
    "tracking", ["", "00123", '\u00c4\u00d6,123;\u2603 {"a":1}', 'T"x\\y', "x" * 5000]
)
def test_tracking_codes_are_kept_exactly(shop: Shop, tracking: str) -> None:
    order = placed(shop)
    assert add(shop, (line_of(shop, order), 1), tracking=tracking)["trackingCode"] == tracking


def test_a_missing_tracking_code_is_empty_and_extra_arguments_are_ignored(shop: Shop) -> None:
    order = placed(shop)
    made = shop.root(ADD, given((line_of(shop, order), 1), method="", weight="12"))
    assert (made["method"], made["trackingCode"]) == ("", "")


def test_a_missing_method_is_a_bare_database_error(shop: Shop) -> None:
    order = placed(shop)
    code, message = shop.error(ADD, given((line_of(shop, order), 1), trackingCode="T"))
    assert code is None
    on_sqlite = "NOT NULL constraint failed: fulfillment.method"
    assert ("violates not-null constraint" if shop.on_postgres else on_sqlite) in message
    assert shop.order(order, "fulfillments { id }") == {"fulfillments": []}


ALREADY = (
    "ItemsAlreadyFulfilledError",
    "ITEMS_ALREADY_FULFILLED_ERROR",
    "One or more OrderItems are already part of a Fulfillment",
)
EMPTY = (
    "EmptyOrderLineSelectionError",
    "EMPTY_ORDER_LINE_SELECTION_ERROR",
    "At least one OrderLine must be specified",
)


def refusal(result: Any) -> tuple[str, str, str]:
    return result["__typename"], result["errorCode"], result["message"]


def test_refusals(shop: Shop) -> None:
    order = placed(shop)
    line = line_of(shop, order)
    assert refusal(shop.root(ADD, given(method="x"))) == EMPTY
    assert refusal(add(shop, (line, 0))) == EMPTY
    assert refusal(add(shop, (line, 4))) == ALREADY
    add(shop, (line, 2))
    assert refusal(add(shop, (line, 2))) == ALREADY
    shop.vendure.cancel(order)
    assert refusal(add(shop, (line, 1))) == ALREADY
    unknown = shop.error(ADD, given(("999999", 1), method="x"))
    assert unknown == ("ENTITY_NOT_FOUND", 'No OrderLine with the id "999999" could be found')


def test_an_unknown_handler(shop: Shop) -> None:
    order = placed(shop)
    result = shop.root(ADD, given((line_of(shop, order), 1), code="nope", method="x"))
    assert result["__typename"] == "InvalidFulfillmentHandlerError"
    assert result["errorCode"] == "INVALID_FULFILLMENT_HANDLER_ERROR"
    assert result["message"] == "errorResult.INVALID_FULFILLMENT_HANDLER_ERROR"


def test_stock_that_is_not_there(shop: Shop) -> None:
    sku = new_sku()
    id = shop.vendure.create_variant(sku, stock=6)
    order = shop.vendure.place_order([(sku, 6)])
    shop.vendure.set_stock(sku, 2)
    line = line_of(shop, order)
    name = f"Variant {sku}"
    assert add(shop, (line, 6)) == {
        "__typename": "InsufficientStockOnHandError",
        "productVariantId": id,
        "productVariantName": name,
        "stockOnHand": 2,
        "errorCode": "INSUFFICIENT_STOCK_ON_HAND_ERROR",
        "message": f'Cannot create a Fulfillment as "{name}" has insufficient stockOnHand (2)',
    }
    assert add(shop, (line, 2))["__typename"] == "Fulfillment"
    assert shop.level(sku) == (0, 4)


def test_only_the_first_mention_of_a_line_is_held_against_stock(shop: Shop) -> None:
    order = placed(shop, 5)
    (sku,) = shop.line_ids(order)
    shop.vendure.set_stock(sku, 2)
    line = line_of(shop, order)
    assert add(shop, (line, 1), (line, 4))["__typename"] == "Fulfillment"
    assert shop.level(sku) == (-3, 0)


def test_gaps(shop: Shop) -> None:
    order = placed(shop)
    line = line_of(shop, order)
    assert add(shop, (line, -1))["lines"] == [{"orderLineId": line, "quantity": -1}]
    twice = placed(shop)
    line = line_of(shop, twice)
    made = add(shop, (line, 3), (line, 3))
    assert [part["quantity"] for part in made["lines"]] == [3, 3]


def test_lines_of_two_orders_make_one_fulfilment(shop: Shop) -> None:
    first, second = placed(shop), placed(shop)
    made = add(shop, (line_of(shop, first), 3), (line_of(shop, second), 1))
    for order in (first, second):
        assert shop.order(order, "fulfillments { id }")["fulfillments"] == [{"id": made["id"]}]


def test_a_deleted_variant_can_still_be_fulfilled(shop: Shop) -> None:
    order = placed(shop)
    (sku,) = shop.line_ids(order)
    shop.vendure.delete_variant(sku)
    assert add(shop, (line_of(shop, order), 3))["__typename"] == "Fulfillment"


# ---- states ---------------------------------------------------------------------------------


def test_a_fulfilment_goes_nowhere_twice(shop: Shop) -> None:
    fulfilment = shop.vendure.fulfil(placed(shop))
    for state in ("Shipped", "Nowhere"):
        assert shop.root(MOVE, {"id": fulfilment, "s": state}) == {
            "__typename": "FulfillmentStateTransitionError",
            "errorCode": "FULFILLMENT_STATE_TRANSITION_ERROR",
            "message": "errorResult.FULFILLMENT_STATE_TRANSITION_ERROR",
            "transitionError": f'Cannot transition Fulfillment from "Shipped" to "{state}"',
            "fromState": "Shipped",
            "toState": state,
        }
    code, message = shop.error(MOVE, {"id": "999999", "s": "Shipped"})
    assert (code, message) == (
        "ENTITY_NOT_FOUND",
        'No Fulfillment with the id "999999" could be found',
    )


def test_parts_make_the_whole(shop: Shop) -> None:
    order = placed(shop, 3)
    line = line_of(shop, order)
    first, second = add(shop, (line, 1))["id"], add(shop, (line, 2))["id"]
    seen = []
    for id, state in (
        (first, "Shipped"),
        (second, "Shipped"),
        (first, "Delivered"),
        (second, "Delivered"),
    ):
        shop.root(MOVE, {"id": id, "s": state})
        seen.append(shop.state_of(order))
    assert seen == ["PartiallyShipped", "Shipped", "PartiallyDelivered", "Delivered"]


def test_pending_to_delivered_directly(shop: Shop) -> None:
    order = placed(shop)
    shop.vendure.fulfil(order, state="Delivered")
    assert shop.state_of(order) == "Delivered"


def test_a_cancelled_fulfilment_leaves_the_order_shipped(shop: Shop) -> None:
    order = placed(shop)
    shop.vendure.transition_fulfilment(shop.vendure.fulfil(order), "Cancelled")
    assert shop.state_of(order) == "Shipped"


def test_an_authorised_order_ships_but_keeps_its_state(shop: Shop) -> None:
    order = placed(shop, payment="authorize-only")
    shop.vendure.fulfil(order)
    assert shop.state_of(order) == "PaymentAuthorized"
    shop.vendure.settle(order)
    assert shop.state_of(order) == "PaymentSettled"
    moved = shop.root(MOVE_ORDER, {"id": order.id, "s": "Shipped"})
    assert moved == {"__typename": "Order", "id": order.id, "state": "Shipped"}


def test_an_order_that_is_being_modified_ships_too(shop: Shop) -> None:
    order = placed(shop)
    shop.vendure.transition(order, "Modifying")
    shop.vendure.fulfil(order)
    assert shop.state_of(order) == "Shipped"


def test_an_unpaid_addition_does_not_ship(shop: Shop) -> None:
    order = placed(shop)
    (sku,) = shop.line_ids(order)
    shop.vendure.modify(order, [(sku, 5)], finish=False)
    shop.vendure.transition(order, "ArrangingAdditionalPayment")
    fulfilment = shop.vendure.fulfil(order, state="Pending")
    assert shop.error(MOVE, {"id": fulfilment, "s": "Shipped"}) == (
        "INTERNAL_SERVER_ERROR",
        "ORDER_STATE_TRANSITION_ERROR",
    )
    assert shop.order(order, "state fulfillments { state }") == {
        "state": "ArrangingAdditionalPayment",
        "fulfillments": [{"state": "Pending"}],
    }
    assert shop.level(sku) == (95, 0)


def test_a_rest_that_was_cancelled_waits_for_somebody(shop: Shop) -> None:
    order = placed(shop, 3)
    (sku,) = shop.line_ids(order)
    shop.vendure.fulfil(order, [(sku, 1)])
    shop.vendure.cancel(order, [(sku, 2)])
    assert shop.state_of(order) == "PartiallyShipped"
    shop.root(MOVE_ORDER, {"id": order.id, "s": "Shipped"})
    assert shop.state_of(order) == "Shipped"


def test_shipping_what_a_cancellation_left(shop: Shop) -> None:
    order = placed(shop, 3)
    (sku,) = shop.line_ids(order)
    shop.vendure.cancel(order, [(sku, 2)])
    shop.vendure.fulfil(order, [(sku, 1)])
    assert shop.state_of(order) == "Shipped"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (
            "Shipped",
            'Cannot transition Order to the "Shipped" state unless all OrderItems are shipped',
        ),
        (
            "PartiallyShipped",
            'Cannot transition Order to the "PartiallyShipped" state '
            "unless some OrderItems are shipped",
        ),
        (
            "Cancelled",
            'Cannot transition Order to the "Cancelled" state unless all OrderItems are cancelled',
        ),
        ("PaymentSettled", 'Cannot transition Order from "PaymentSettled" to "PaymentSettled"'),
        ("Nowhere", 'Cannot transition Order from "PaymentSettled" to "Nowhere"'),
    ],
)
def test_states_that_an_order_cannot_reach(shop: Shop, state: str, why: str) -> None:
    order = placed(shop)
    assert shop.root(MOVE_ORDER, {"id": order.id, "s": state}) == {
        "__typename": "OrderStateTransitionError",
        "errorCode": "ORDER_STATE_TRANSITION_ERROR",
        "message": f'Cannot transition Order from "PaymentSettled" to "{state}"',
        "transitionError": why,
        "fromState": "PaymentSettled",
        "toState": state,
    }


def test_a_modification_that_is_not_paid_holds_the_order(shop: Shop) -> None:
    order = placed(shop)
    (sku,) = shop.line_ids(order)
    shop.vendure.modify(order, [(sku, 5)], finish=False)
    held = shop.root(MOVE_ORDER, {"id": order.id, "s": "PaymentSettled"})
    assert held["transitionError"] == (
        'Can only transition to the "ArrangingAdditionalPayment" state'
    )
    shop.root(MOVE_ORDER, {"id": order.id, "s": "ArrangingAdditionalPayment"})
    unpaid = shop.root(MOVE_ORDER, {"id": order.id, "s": "PaymentSettled"})
    assert unpaid["transitionError"] == (
        'Cannot transition away from "ArrangingAdditionalPayment" '
        "unless Order total is covered by Payments"
    )


@pytest.mark.parametrize("quantity", [5, 1])
def test_a_modification_that_is_finished(shop: Shop, quantity: int) -> None:
    order = placed(shop, 3)
    (sku,) = shop.line_ids(order)
    shop.vendure.modify(order, [(sku, quantity)])
    found = shop.order(
        order,
        """state lines { quantity orderPlacedQuantity } payments { amount refunds { total state } }
        modifications { priceChange } totalWithTax""",
    )
    change = (quantity - 3) * 1200
    paid = [{"amount": 4100, "refunds": []}]
    if change > 0:
        paid.append({"amount": change, "refunds": []})
    else:
        paid[0]["refunds"] = [{"total": -change, "state": "Settled"}]
    assert found == {
        "state": "PaymentSettled",
        "lines": [{"quantity": quantity, "orderPlacedQuantity": 3}],
        "payments": paid,
        "modifications": [{"priceChange": change}],
        "totalWithTax": 4100 + change,
    }


# ---- cancelling and settling ----------------------------------------------------------------


def test_cancelling(shop: Shop) -> None:
    order, other = placed(shop, 3), placed(shop)
    line = line_of(shop, order)

    def cancel(*lines: tuple[str, int]) -> Any:
        asked = [{"orderLineId": id, "quantity": count} for id, count in lines]
        return shop.root(CANCEL, {"i": {"orderId": order.id, "lines": asked, "reason": "x"}})

    assert refusal(cancel()) == EMPTY
    assert cancel((line, 4))["errorCode"] == "QUANTITY_TOO_GREAT_ERROR"
    assert cancel((line_of(shop, other), 1))["errorCode"] == "MULTIPLE_ORDER_ERROR"
    part = cancel((line, 1))
    assert part == {"__typename": "Order", "state": "PaymentSettled", "lines": [{"quantity": 2}]}
    whole = shop.root(CANCEL, {"i": {"orderId": order.id}})
    assert whole == {"__typename": "Order", "state": "Cancelled", "lines": [{"quantity": 0}]}
    assert refusal(shop.root(CANCEL, {"i": {"orderId": order.id}})) == EMPTY
    assert shop.error(CANCEL, {"i": {"orderId": "999999"}})[0] == "ENTITY_NOT_FOUND"


def test_cancelling_units_that_wait_in_a_fulfilment(shop: Shop) -> None:
    order = placed(shop, 3)
    (sku,) = shop.line_ids(order)
    shop.vendure.fulfil(order, [(sku, 2)], state="Pending")
    shop.vendure.cancel(order, [(sku, 2)])
    assert shop.order(order, "lines { quantity fulfillmentLines { quantity } }")["lines"] == [
        {"quantity": 1, "fulfillmentLines": [{"quantity": 2}]}
    ]


def test_cancelling_a_cart(shop: Shop) -> None:
    sku = new_sku()
    shop.vendure.create_variant(sku)
    cart = shop.vendure.place_order([(sku, 2)], None)
    whole = shop.root(CANCEL, {"i": {"orderId": cart.id}})
    assert whole == {"__typename": "Order", "state": "Cancelled", "lines": [{"quantity": 2}]}


def test_settling_a_payment(shop: Shop) -> None:
    order = placed(shop, payment="authorize-only")
    payment = shop.order(order, "payments { id }")["payments"][0]["id"]
    assert shop.root(SETTLE, {"id": payment}) == {"__typename": "Payment", "state": "Settled"}
    assert shop.state_of(order) == "PaymentSettled"
    assert shop.root(SETTLE, {"id": payment}) == {"__typename": "Payment", "state": "Settled"}
    history = shop.order(order, "history { totalItems }")["history"]["totalItems"]
    assert history == 6
    assert shop.error(SETTLE, {"id": "999999"})[0] == "ENTITY_NOT_FOUND"

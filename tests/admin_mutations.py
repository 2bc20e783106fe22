"""What an administrator can do to a placed order, mutation by mutation, and what is told of it.

``tests/real/test_mutations.py`` applies the rows to a real Vendure. The table in docs/vendure.md
is written from them by ``tests/generated_docs.py``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import graphql
from realvendure import ADDRESS, OrderRef, RealVendure
from vendure_graphql import Refused

SCHEMA = Path(__file__).parent / "data" / "vendure-admin-schema.graphql"
LINES = (("SKU-000001", 3), ("SKU-000002", 1))
COUPON = "TENOFF"
REFUSED = "refused"

Act = Callable[[RealVendure, OrderRef], None]


@cache
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(SCHEMA.read_text())


def mutations() -> Mapping[str, graphql.GraphQLField]:
    root = schema().mutation_type
    assert root is not None
    return root.fields


def call(vendure: RealVendure, name: str, **arguments: Any) -> None:
    """Run a mutation with these arguments; raises Refused also where nothing was deleted."""
    types = mutations()[name].args
    given = ", ".join(f"${one}: {types[one].type}" for one in arguments)
    passed = ", ".join(f"{one}: ${one}" for one in arguments)
    given, passed = (f"({one})" if one else "" for one in (given, passed))
    result = graphql.get_named_type(mutations()[name].type)
    shape = "__typename"
    if graphql.is_union_type(result):
        shape += " ... on ErrorResult { errorCode message }"
    elif result.name == "DeletionResponse":
        shape += " result message"
    answer = vendure.admin(f"mutation{given} {{ {name}{passed} {{ {shape} }} }}", arguments)
    for one in answer[name] if isinstance(answer[name], list) else [answer[name]]:
        if one and one.get("result") == "NOT_DELETED":
            raise Refused("NOT_DELETED", one["message"], None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Row:
    """One way to use a mutation on an order that VeraCore has.

    Args:
        how: What is done with it.
        act: Does it.
        told: Words that the next run says; ``""`` if nothing is told.
        kind: The alert that opens.
        why: Why nothing is told; ``REFUSED`` where Vendure does not do it.
        place: Arguments of `place_order`; or `OWN`, `OWN_METHOD`.
        before: Done before the order goes to VeraCore.
        then: Done after it was told: no news.
    """

    mutation: str
    how: str
    act: Act
    told: str = ""
    kind: str = ""
    why: str = ""
    place: Mapping[str, Any] = field(default_factory=dict)
    before: Act | None = None
    then: Act | None = None

    @property
    def name(self) -> str:
        return f"{self.mutation}: {self.how}"


# ---- helpers --------------------------------------------------------------------------------


def _lines(vendure: RealVendure, order: OrderRef) -> list[Any]:
    # PostgreSQL gives them in any order.
    return sorted(vendure.order(order)["lines"], key=lambda one: one["productVariant"]["sku"])


def _line(vendure: RealVendure, order: OrderRef) -> str:
    return str(_lines(vendure, order)[0]["id"])


def _variant(vendure: RealVendure, order: OrderRef, at: int = 0) -> str:
    return str(_lines(vendure, order)[at]["productVariant"]["id"])


def _payment(vendure: RealVendure, order: OrderRef) -> str:
    return str(vendure.order(order)["payments"][0]["id"])


def _customer(vendure: RealVendure, order: OrderRef) -> str:
    return str(vendure.order(order)["customer"]["id"])


def _method(vendure: RealVendure, code: str) -> str:
    listed = vendure.admin("{ shippingMethods { items { id code } } }")["shippingMethods"]["items"]
    return str(next(one["id"] for one in listed if one["code"] == code))


def _modify(finish: bool = True, **part: Any) -> Act:
    """A modification with these parts of ModifyOrderInput; paid or refunded afterwards."""

    def act(vendure: RealVendure, order: OrderRef) -> None:
        given = {
            name: value(vendure, order) if callable(value) else value
            for name, value in part.items()
        }
        vendure.transition(order, "Modifying")
        before = vendure.order(order)
        whole = {"dryRun": False, "orderId": order.id, **given}
        whole["refunds"] = vendure._refunds(before, whole)
        vendure._input("modifyOrder", "ModifyOrderInput!", whole)
        if finish:
            vendure._finish_modification(order, before["totalWithTax"])

    return act


def _refund(amount: int | None, *, lines: bool = False) -> Act:
    def act(vendure: RealVendure, order: OrderRef) -> None:
        found = vendure.order(order)
        payment = found["payments"][0]
        named = [{"orderLineId": one["id"], "quantity": 1} for one in found["lines"][:1]]
        given: dict[str, Any] = {"paymentId": payment["id"], "reason": "test"}
        # The older fields are not in the schema's text any more, and must not be null on SQLite.
        given |= {"lines": named if lines else [], "shipping": 0, "adjustment": 0}
        if not lines:
            given["amount"] = payment["amount"] if amount is None else amount
        vendure._input("refundOrder", "RefundOrderInput!", given)

    return act


def _settle_refunds(vendure: RealVendure, order: OrderRef) -> None:
    for payment in vendure.order(order)["payments"]:
        for refund in payment["refunds"]:
            if refund["state"] == "Pending":
                call(vendure, "settleRefund", input={"id": refund["id"], "transactionId": "r"})


def _note(vendure: RealVendure, order: OrderRef) -> None:
    given = {"id": order.id, "note": "Leave it at the door", "isPublic": True}
    call(vendure, "addNoteToOrder", input=given)


def _note_id(vendure: RealVendure, order: OrderRef) -> str:
    query = """query($id: ID!) { order(id: $id) {
      history(options: { filter: { type: { eq: "ORDER_NOTE" } } }) { items { id } } } }"""
    return str(vendure.admin(query, {"id": order.id})["order"]["history"]["items"][0]["id"])


def _state(*states: str) -> Act:
    def act(vendure: RealVendure, order: OrderRef) -> None:
        for one in states:
            vendure.transition(order, one)

    return act


def _pay_state(state: str) -> Act:
    return lambda v, o: call(v, "transitionPaymentToState", id=_payment(v, o), state=state)


def _fulfil_pending(vendure: RealVendure, order: OrderRef) -> None:
    vendure.fulfil(order, [(LINES[0][0], 1)], state="Pending")


def _fulfilment(state: str) -> Act:
    def act(vendure: RealVendure, order: OrderRef) -> None:
        made = vendure.order(order)["fulfillments"][0]["id"]
        call(vendure, "transitionFulfillmentToState", id=made, state=state)

    return act


def _product(vendure: RealVendure, order: OrderRef) -> str:
    query = "query($id: ID!) { productVariant(id: $id) { productId } }"
    found = vendure.admin(query, {"id": _variant(vendure, order)})
    return str(found["productVariant"]["productId"])


def _address(vendure: RealVendure, order: OrderRef) -> str:
    query = "query($id: ID!) { customer(id: $id) { addresses { id } } }"
    customer = _customer(vendure, order)
    listed = vendure.admin(query, {"id": customer})["customer"]["addresses"]
    if listed:
        return str(listed[0]["id"])
    made = vendure.admin(
        """mutation($c: ID!, $i: CreateAddressInput!) {
        createCustomerAddress(customerId: $c, input: $i) { id } }""",
        {"c": customer, "i": dict(ADDRESS)},
    )
    return str(made["createCustomerAddress"]["id"])


def _new_name(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


def _chosen(vendure: RealVendure, order: OrderRef) -> Any:
    """The order's shipping method."""
    return vendure.order(order)["shippingLines"][0]["shippingMethod"]


def _create_method(vendure: RealVendure) -> str:
    """A shipping method that only one order has; its code."""
    code = _new_name("method")
    given = {
        "code": code,
        "fulfillmentHandler": "manual-fulfillment",
        "checker": _operation("default-shipping-eligibility-checker", orderMinimum="0"),
        "calculator": _operation(
            "default-shipping-calculator", rate="500", includesTax="auto", taxRate="0"
        ),
        "translations": [{"languageCode": "en", "name": code, "description": ""}],
    }
    call(vendure, "createShippingMethod", input=given)
    return code


def _operation(code: str, **values: str) -> dict[str, Any]:
    return {"code": code, "arguments": [{"name": k, "value": v} for k, v in values.items()]}


def _someone(vendure: RealVendure) -> str:
    given = {
        "firstName": "B",
        "lastName": "C",
        "emailAddress": f"{secrets.token_hex(4)}@example.com",
    }
    query = """mutation($i: CreateCustomerInput!) {
      createCustomer(input: $i) { ... on Customer { id } } }"""
    return str(vendure.admin(query, {"i": given})["createCustomer"]["id"])


def _draft(name: str, arguments: Mapping[str, Any], **row: Any) -> Row:
    """A mutation of drafts on an order that was placed."""

    def act(vendure: RealVendure, order: OrderRef) -> None:
        given = {
            key: value(vendure, order) if callable(value) else value
            for key, value in arguments.items()
        }
        call(vendure, name, orderId=order.id, **given)

    return Row(name, "on a placed order", act, **(row or {"why": REFUSED}))


def _pay_by_hand(vendure: RealVendure, order: OrderRef) -> None:
    given = {"orderId": order.id, "method": "manual", "transactionId": "m", "metadata": {}}
    call(vendure, "addManualPaymentToOrder", input=given)


CHARGE = {"description": "Engraving", "sku": "", "price": 400, "priceIncludesTax": False}
CHARGE |= {"taxRate": 0, "taxDescription": ""}
MANUAL = {"payment": None}
AUTHORISED = {"payment": "authorize-only"}
OWN: Mapping[str, Any] = dict[str, Any]()
"""With a variant that only this order has, so that what befalls it befalls no other."""
OWN_METHOD: Mapping[str, Any] = dict[str, Any]()

DRIFT, REFUNDED, UNPAID = "order.drift", "order.refunded", "order.unpaid"
CANCELLED = "order.cancelled_in_shop"

GOODS = "the goods, the address and the money are as they were sent"
BOOKS = "bookkeeping of money that was counted already"
RENAMED = (
    "the order's goods are the same variants; `sync-inventory` names a SKU that VeraCore does not "
    "know (`stock.unknown`)"
)
CATALOGUE = "it concerns later orders; a placed order keeps its lines and prices"
PERSON = "the parcel goes to the order's own shipping address"
ONCE = "notes and custom fields are sent once, with the order; later ones are for the shop's staff"
LEFT_OUT = "units that were fulfilled before the order went out were not sent"

ROWS = [
    # ---- cancelOrder
    Row(
        "cancelOrder", "wholly", lambda v, o: v.cancel(o), "it was cancelled in the shop", CANCELLED
    ),
    Row(
        "cancelOrder",
        "wholly, with shipping",
        lambda v, o: call(v, "cancelOrder", input={"orderId": o.id, "cancelShipping": True}),
        "it was cancelled in the shop",
        CANCELLED,
    ),
    Row(
        "cancelOrder",
        "some units of a line",
        lambda v, o: v.cancel(o, [(LINES[0][0], 1)]),
        "units of SKU-000001 3 → 2",
        DRIFT,
    ),
    Row(
        "cancelOrder",
        "one of the lines, with shipping",
        lambda v, o: call(
            v,
            "cancelOrder",
            input={
                "orderId": o.id,
                "lines": [{"orderLineId": _lines(v, o)[1]["id"], "quantity": 1}],
                "cancelShipping": True,
            },
        ),
        "units of SKU-000002 1 → 0",
        DRIFT,
    ),
    # ---- modifyOrder
    Row(
        "modifyOrder",
        "`addItems`",
        _modify(
            addItems=lambda v, o: [{"productVariantId": v.variant_id("SKU-000003"), "quantity": 1}]
        ),
        "units of SKU-000003 0 → 1",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`adjustOrderLines`, more",
        lambda v, o: v.modify(o, [(LINES[0][0], 5)]),
        "units of SKU-000001 3 → 5",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`adjustOrderLines`, fewer",
        lambda v, o: v.modify(o, [(LINES[0][0], 2)]),
        "units of SKU-000001 3 → 2",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`adjustOrderLines`, none of a line",
        lambda v, o: v.modify(o, [(LINES[1][0], 0)]),
        "units of SKU-000002 1 → 0",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`surcharges`",
        _modify(surcharges=[CHARGE]),
        "surcharges 0.00 → 4.00 USD",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`updateShippingAddress`",
        _modify(updateShippingAddress={"city": "Potsdam"}),
        "ship-to changed",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`updateBillingAddress`",
        _modify(updateBillingAddress={"city": "Potsdam"}),
        why=PERSON,
    ),
    Row(
        "modifyOrder",
        "`couponCodes`, one more",
        _modify(couponCodes=[COUPON]),
        "price of SKU-000001",
        DRIFT,
    ),
    Row(
        "modifyOrder",
        "`couponCodes`, none left",
        _modify(couponCodes=[]),
        "price of SKU-000001",
        DRIFT,
        place={"coupon": COUPON},
    ),
    Row(
        "modifyOrder",
        "`shippingMethodIds`",
        _modify(shippingMethodIds=lambda v, o: [_method(v, "express-shipping")]),
        "shipping method standard-shipping → express-shipping",
        DRIFT,
    ),
    Row("modifyOrder", "`note` alone", _modify(note="Call first"), why=REFUSED),
    Row(
        "modifyOrder",
        "`dryRun`",
        lambda v, o: (
            v.transition(o, "Modifying"),
            v._input(
                "modifyOrder",
                "ModifyOrderInput!",
                {
                    "dryRun": True,
                    "orderId": o.id,
                    "adjustOrderLines": [{"orderLineId": _line(v, o), "quantity": 9}],
                },
            ),
            v.transition(o, "PaymentSettled"),
        ),
        why=GOODS,
    ),
    Row(
        "modifyOrder",
        "more, and not yet paid",
        _modify(
            finish=False,
            adjustOrderLines=lambda v, o: [{"orderLineId": _line(v, o), "quantity": 4}],
        ),
        "units of SKU-000001 3 → 4",
        DRIFT,
    ),
    # ---- payments and refunds
    Row("refundOrder", "in part", _refund(100), "refunded in part (1.00 USD", REFUNDED),
    Row("refundOrder", "in full", _refund(None), "refunded in full", REFUNDED),
    Row(
        "refundOrder",
        "by lines (the older fields)",
        _refund(None, lines=True),
        "refunded in part",
        REFUNDED,
    ),
    Row(
        "settleRefund",
        "of a refund that was pending",
        _settle_refunds,
        why=BOOKS,
        place=MANUAL,
        before=lambda v, o: (_pay_by_hand(v, o), _refund(100)(v, o)),
    ),
    Row(
        "settleRefund",
        "after `refundOrder`, which is told",
        _refund(100),
        "refunded in part (1.00 USD",
        REFUNDED,
        place=MANUAL,
        before=_pay_by_hand,
        then=_settle_refunds,
    ),
    Row(
        "settlePayment",
        "of an authorised order",
        lambda v, o: v.settle(o),
        why=BOOKS,
        place=AUTHORISED,
    ),
    Row(
        "cancelPayment",
        "of a settled payment",
        lambda v, o: call(v, "cancelPayment", id=_payment(v, o)),
        "its payments in the shop lack",
        UNPAID,
    ),
    Row(
        "cancelPayment",
        "of an authorised payment",
        lambda v, o: call(v, "cancelPayment", id=_payment(v, o)),
        "its payments in the shop lack",
        UNPAID,
        place=AUTHORISED,
    ),
    Row(
        "transitionPaymentToState",
        "`Settled`, of an authorised payment",
        _pay_state("Settled"),
        why=BOOKS,
        place=AUTHORISED,
    ),
    Row(
        "transitionPaymentToState",
        "`Cancelled`",
        _pay_state("Cancelled"),
        "its payments in the shop lack",
        UNPAID,
    ),
    Row(
        "transitionPaymentToState",
        "`Declined`, of an authorised payment",
        _pay_state("Declined"),
        why=REFUSED,
        place=AUTHORISED,
    ),
    Row(
        "transitionPaymentToState",
        "`Error`, of an authorised payment",
        _pay_state("Error"),
        "its payments in the shop lack",
        UNPAID,
        place=AUTHORISED,
    ),
    Row(
        "addManualPaymentToOrder",
        "to a paid order",
        lambda v, o: call(
            v,
            "addManualPaymentToOrder",
            input={"orderId": o.id, "method": "manual", "transactionId": "m", "metadata": {}},
        ),
        why=REFUSED,
    ),
    # ---- states of the order
    Row(
        "transitionOrderToState",
        "`Modifying`",
        _state("Modifying"),
        why="a person is at work on it; `order.unpaid` once it has lasted for an hour",
    ),
    Row(
        "transitionOrderToState",
        "`Modifying` and back",
        _state("Modifying", "PaymentSettled"),
        why=GOODS,
    ),
    Row(
        "transitionOrderToState",
        "`ArrangingAdditionalPayment`",
        _state("ArrangingAdditionalPayment"),
        "it is in ArrangingAdditionalPayment",
        UNPAID,
        then=_state("PaymentSettled"),
    ),
    Row(
        "transitionOrderToState",
        "`ArrangingAdditionalPayment` and back",
        _state("ArrangingAdditionalPayment", "PaymentSettled"),
        why=GOODS,
    ),
    *(
        Row("transitionOrderToState", f"`{state}`", _state(state), why=REFUSED)
        for state in (
            "Cancelled",
            "PartiallyShipped",
            "Shipped",
            "PartiallyDelivered",
            "Delivered",
            "PaymentAuthorized",
            "AddingItems",
            "Draft",
        )
    ),
    # ---- fulfilments by hand, while VeraCore has the order
    Row(
        "addFulfillmentToOrder",
        "of some units",
        _fulfil_pending,
        "units fulfilled by hand of SKU-000001 0 → 1",
        DRIFT,
        then=_fulfilment("Shipped"),
    ),
    Row(
        "addFulfillmentToOrder",
        "of all units, and `Shipped`",
        lambda v, o: v.fulfil(o),
        "units fulfilled by hand of SKU-000001 0 → 3; units fulfilled by hand of SKU-000002 0 → 1",
        DRIFT,
        then=_fulfilment("Delivered"),
    ),
    Row(
        "transitionFulfillmentToState",
        "`Shipped`",
        _fulfilment("Shipped"),
        why=LEFT_OUT,
        before=_fulfil_pending,
    ),
    Row(
        "transitionFulfillmentToState",
        "`Delivered`",
        _fulfilment("Delivered"),
        why=LEFT_OUT,
        before=_fulfil_pending,
    ),
    Row(
        "transitionFulfillmentToState",
        "`Cancelled`",
        _fulfilment("Cancelled"),
        "units fulfilled by hand of SKU-000001 1 → 0; VeraCore does not have 1 x SKU-000001",
        DRIFT,
        before=_fulfil_pending,
    ),
    # ---- the rest of an order
    Row(
        "setOrderCustomer",
        "another customer",
        lambda v, o: call(
            v, "setOrderCustomer", input={"orderId": o.id, "customerId": _someone(v)}
        ),
        why=PERSON,
    ),
    Row(
        "setOrderCustomFields",
        "other values",
        lambda v, o: call(
            v, "setOrderCustomFields", input={"id": o.id, "customFields": {"erpId": "X"}}
        ),
        why=ONCE,
    ),
    Row("addNoteToOrder", "a public one", _note, why=ONCE),
    Row(
        "updateOrderNote",
        "another text",
        lambda v, o: call(
            v, "updateOrderNote", input={"noteId": _note_id(v, o), "note": "Ring twice"}
        ),
        why=ONCE,
        before=_note,
    ),
    Row(
        "deleteOrderNote",
        "the only one",
        lambda v, o: call(v, "deleteOrderNote", id=_note_id(v, o)),
        why=ONCE,
        before=_note,
    ),
    # ---- drafts: Vendure 3.7.3 does some of these to placed orders, too
    _draft(
        "addItemToDraftOrder",
        {"input": lambda v, o: {"productVariantId": v.variant_id("SKU-000003"), "quantity": 1}},
    ),
    _draft(
        "adjustDraftOrderLine",
        {"input": lambda v, o: {"orderLineId": _line(v, o), "quantity": 9}},
    ),
    _draft("removeDraftOrderLine", {"orderLineId": _line}),
    _draft(
        "applyCouponCodeToDraftOrder",
        {"couponCode": COUPON},
        told="price of SKU-000001",
        kind=DRIFT,
    ),
    _draft(
        "removeCouponCodeFromDraftOrder",
        {"couponCode": COUPON},
        told="price of SKU-000001",
        kind=DRIFT,
        place={"coupon": COUPON},
    ),
    _draft("setCustomerForDraftOrder", {"customerId": lambda v, o: _someone(v)}, why=PERSON),
    _draft("setDraftOrderBillingAddress", {"input": {**ADDRESS, "city": "Potsdam"}}, why=PERSON),
    _draft("unsetDraftOrderBillingAddress", {}, why=PERSON),
    _draft(
        "setDraftOrderShippingAddress",
        {"input": {**ADDRESS, "city": "Potsdam"}},
        told="ship-to changed",
        kind=DRIFT,
    ),
    _draft("unsetDraftOrderShippingAddress", {}, told="ship-to changed", kind=DRIFT),
    _draft(
        "setDraftOrderCustomFields",
        {"input": lambda v, o: {"id": o.id, "customFields": {"erpId": "Y"}}},
        why=ONCE,
    ),
    _draft(
        "setDraftOrderShippingMethod",
        {"shippingMethodId": lambda v, o: _method(v, "express-shipping")},
    ),
    _draft("deleteDraftOrder", {}),
    Row(
        "createDraftOrder",
        "beside it",
        lambda v, o: call(v, "createDraftOrder"),
        why="another order, which was never placed",
    ),
    # ---- what an order refers to
    Row(
        "updateProductVariants",
        "another SKU",
        lambda v, o: v.rename_sku(_variant(v, o), _new_name("NEW")),
        why=RENAMED,
        place=OWN,
    ),
    Row(
        "updateProductVariant",
        "another SKU",
        lambda v, o: call(
            v,
            "updateProductVariant",
            input={"id": _variant(v, o), "sku": _new_name("NEW")},
        ),
        why=RENAMED,
        place=OWN,
    ),
    Row(
        "updateProductVariants",
        "another price, and not for sale",
        lambda v, o: v.update_variant(_variant(v, o), price=1, enabled=False),
        why=CATALOGUE,
        place=OWN,
    ),
    Row(
        "deleteProductVariant",
        "of a line",
        lambda v, o: call(v, "deleteProductVariant", id=_variant(v, o)),
        why=CATALOGUE,
        place=OWN,
    ),
    Row(
        "deleteProductVariants",
        "of a line",
        lambda v, o: call(v, "deleteProductVariants", ids=[_variant(v, o)]),
        why=CATALOGUE,
        place=OWN,
    ),
    Row(
        "deleteProduct",
        "of a line",
        lambda v, o: call(v, "deleteProduct", id=_product(v, o)),
        why=CATALOGUE,
        place=OWN,
    ),
    Row(
        "updateCustomer",
        "another name and phone",
        lambda v, o: call(
            v,
            "updateCustomer",
            input={"id": _customer(v, o), "lastName": "Byron", "phoneNumber": "1"},
        ),
        why=PERSON,
        place={"customer": {"emailAddress": "one@example.com"}},
    ),
    Row(
        "updateCustomerAddress",
        "another city",
        lambda v, o: call(
            v, "updateCustomerAddress", input={"id": _address(v, o), "city": "Potsdam"}
        ),
        why=PERSON,
        place={"customer": {"emailAddress": "two@example.com"}},
    ),
    Row(
        "deleteCustomerAddress",
        "the only one",
        lambda v, o: call(v, "deleteCustomerAddress", id=_address(v, o)),
        why=PERSON,
        place={"customer": {"emailAddress": "three@example.com"}},
    ),
    Row(
        "deleteCustomer",
        "of the order",
        lambda v, o: call(v, "deleteCustomer", id=_customer(v, o)),
        why=PERSON,
        place={"customer": {"emailAddress": "four@example.com"}},
    ),
    Row(
        "createCustomerAddress",
        "one more",
        lambda v, o: call(
            v, "createCustomerAddress", customerId=_customer(v, o), input=dict(ADDRESS)
        ),
        why=PERSON,
        place={"customer": {"emailAddress": "five@example.com"}},
    ),
    Row(
        "updateShippingMethod",
        "another code",
        lambda v, o: call(
            v,
            "updateShippingMethod",
            input={"id": _chosen(v, o)["id"], "code": _new_name("method"), "translations": []},
        ),
        why=CATALOGUE,
        place=OWN_METHOD,
    ),
    Row(
        "deleteShippingMethod",
        "of the order",
        lambda v, o: call(v, "deleteShippingMethod", id=_chosen(v, o)["id"]),
        why=CATALOGUE,
        place=OWN_METHOD,
    ),
    Row(
        "deleteShippingMethods",
        "of the order",
        lambda v, o: call(v, "deleteShippingMethods", ids=[_chosen(v, o)["id"]]),
        why=CATALOGUE,
        place=OWN_METHOD,
    ),
    *(
        Row(
            name,
            "from the default channel",
            lambda v, o, name=name, ids=ids, of=of: call(
                v, name, input={ids: [of(v, o)], "channelId": "1"}
            ),
            why=REFUSED,
            place=OWN,
        )
        for name, ids, of in (
            ("removeProductVariantsFromChannel", "productVariantIds", _variant),
            ("removeProductsFromChannel", "productIds", _product),
            (
                "removeShippingMethodsFromChannel",
                "shippingMethodIds",
                lambda v, o: _chosen(v, o)["id"],
            ),
        )
    ),
]

ELSEWHERE: Mapping[str, str] = {
    "what is sold later, and its price (a placed order keeps its lines and prices)": (
        "Product|Facet|Collection|Asset|Tag|Promotion|Tax|Zone|Country|Countries|Province|Entity"
    ),
    "how later orders are paid, sent and taken": (
        "PaymentMethod|ShippingMethod|Channel|Seller|GlobalSettings"
    ),
    "customers and their groups": "Customer",
    "stock: `sync-inventory` reads it": "StockLocation",
    "who may use the shop's admin": "Administrator|ApiKey|Role|^login$|^logout$|^authenticate$",
    "how the server works": "Job|Task|Index|^reindex$|SettingsStore",
}
"""Mutations that take no order, by what they change; the names that are left of the rows."""


def place(vendure: RealVendure, row: Row) -> OrderRef:
    """Take the row's order, as it is before it goes to VeraCore."""
    given = {"lines": LINES, **row.place}
    if row.place is OWN:
        given["lines"] = [(vendure.create_variant(_new_name("SKU")), 1)]
    if row.place is OWN_METHOD:
        given["shipping"] = _create_method(vendure)
    order = vendure.place_order(**given)
    if row.before is not None:
        row.before(vendure, order)
    return order


def handled() -> str:
    """The rows as the docs show them."""
    lines = ["| mutation | what is done | told by the next run |", "| --- | --- | --- |"]
    for row in ROWS:
        told = f"`{row.kind}`: {row.told} …" if row.told else f"nothing: {row.why}"
        told = "Vendure refuses it" if row.why == REFUSED else told
        lines.append(f"| `{row.mutation}` | {row.how} | {told} |")
    others = "; ".join(ELSEWHERE)
    return "\n".join([*lines, "", f"All other mutations take no order: {others}."])

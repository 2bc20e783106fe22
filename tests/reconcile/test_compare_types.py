"""Each type of difference, beside what looks like it and is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from compare_kit import (
    ADDRESS,
    CODE,
    LATELY,
    LONG_AGO,
    NOW,
    NUMBER,
    OTHER_NUMBER,
    SKUS,
    World,
    made,
    make_rules,
)

from veracore_sync.clock import to_text
from veracore_sync.config import SkuSettings
from veracore_sync.domain.comparisons import ComparedRow
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.order_records import AttemptRow
from veracore_sync.domain.states import (
    AttemptOutcome,
    CancelState,
    OrderCause,
    OrderState,
    PickSlipState,
)
from veracore_sync.domain.warehouse import Product, RecordLine, Shipment, ShippedRow
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.orders.ids import MAX_ABSENT, renewed_id, warehouse_id
from veracore_sync.jobs.reconcile.compare import CompareRules
from veracore_sync.ports.warehouse import LookUpFailed

Case = tuple[Callable[[], World], list[str]]
SENT, SKIPPED = OrderState.SYNCED, OrderState.SKIPPED
SECOND = renewed_id(CODE, "", 1)


def changed(world: World, **values: object) -> World:
    """The shop's order differs in these."""
    for name, value in values.items():
        setattr(world, name, value)
    return world


def lost(world: World, **there: object) -> World:
    """The ledger has lost the order; VeraCore's record may differ."""
    world.record(**there)
    world.ledger = None
    return world


def adopted(world: World) -> World:
    """A look-up found it after the ledger was lost: as the shop has it now."""
    return world.side(sent=world.facets())


def excluded_since(world: World, sku: str) -> World:
    """A setting names a SKU that VeraCore was sent before."""
    names = SkuMap(SkuSettings.model_validate({**SKUS, "exclude": [sku]}))
    return changed(world, rules=world.rules.under(names))


def with_service(world: World) -> World:
    """It was sent with a line for a service, whose SKU is another by now."""
    assert world.ledger is not None
    (attempt,) = world.ledger.attempts
    lines = (*attempt.lines, ("FREIGHT", 1))
    world.record(lines=tuple(RecordLine(*one) for one in lines))
    return world.side(attempts=(replace(attempt, lines=lines),))


def alone(world: World) -> World:
    """VeraCore does not have the order."""
    world.there.clear()
    return world


def shop_has(world: World, state: str) -> World:
    return changed(world, state=state)


def ordered(world: World, **units: int) -> World:
    world.ordered |= units
    return world


def another_there(world: World) -> World:
    world.there[CODE] = made(CODE, "another", {"CAP": 9})
    return world


def compared(world: World, at: datetime, by_hand: Mapping[str, int] | None = None) -> World:
    """``sync-orders`` compared the order then, before what the shop changed since."""
    return world.side(compared=ComparedRow(CODE, to_text(at), seen=world.facets(by_hand)))


def delivered(world: World) -> World:
    """All of it has shipped and is fulfilled."""
    return world.send().ship().fulfil().complete().end()


def rest(**units: int) -> World:
    return World(units or {"MUG": 2, "TEE": 1}, rules=make_rules(rest=True))


def found_again(world: World) -> World:
    """As a rebuilt ledger has it: what was sent is unknown, where VeraCore does not show it."""
    assert world.ledger is not None
    (attempt,) = world.ledger.attempts
    return world.side(attempts=(replace(attempt, lines=(), message="found by a look-up"),))


PAID_NOT_SENT: dict[str, Case] = {
    "nobody knows it": (World, ["paid_not_sent"]),
    "waits": (lambda: World().row(), ["paid_not_sent"]),
    "failed": (lambda: World().row(state=OrderState.FAILED), ["paid_not_sent"]),
    "parked": (
        lambda: World().row(state=OrderState.PARKED, cause=OrderCause.OURS),
        ["paid_not_sent"],
    ),
    "in conflict with another order there": (
        lambda: another_there(World().row(state=OrderState.CONFLICT, veracore_id=CODE)),
        ["paid_not_sent"],
    ),
    "its id is another order's": (lambda: another_there(World()), ["paid_not_sent"]),
    "was withdrawn and is paid again": (
        lambda: World().skipped(OrderCause.STATE),
        ["paid_not_sent"],
    ),
    "a setting excludes it no longer": (
        lambda: World().skipped(OrderCause.RULE),
        ["paid_not_sent"],
    ),
    "a long code": (lambda: World(code="ORDER-2026-03-0000000001"), ["paid_not_sent"]),
    "cannot be sent for want of an address": (
        lambda: changed(World(), address=replace(ADDRESS, city="")),
        ["paid_not_sent"],
    ),
    "rest": (rest, ["paid_not_sent"]),
    # near misses
    "a moment ago": (lambda: World(placed_at=LATELY), ["moving"]),
    "came back a moment ago from being changed": (
        lambda: World().row(cause=OrderCause.WAITING, checked_at=to_text(LATELY)),
        ["moving"],
    ),
    "came back long ago from being changed": (
        lambda: World().row(cause=OrderCause.WAITING, checked_at=to_text(LONG_AGO)),
        ["paid_not_sent"],
    ),
    "excluded by a setting a moment ago": (
        lambda: World().skipped(OrderCause.RULE).row(checked_at=to_text(LATELY)),
        ["moving"],
    ),
    "paid a moment ago": (lambda: changed(World(), paid_at=LATELY), ["moving"]),
    "put back into the queue a moment ago": (
        lambda: World().row(updated_at=to_text(LATELY)),
        ["moving"],
    ),
    "has to wait first": (
        lambda: World(placed_at=NOW - timedelta(minutes=90), rules=make_rules(min_age_minutes=60)),
        ["moving"],
    ),
    "in doubt": (lambda: World().row(state=OrderState.IN_DOUBT, veracore_id=CODE), ["moving"]),
    "is being sent": (lambda: World().row(state=OrderState.SENDING, veracore_id=CODE), ["moving"]),
    "not paid": (lambda: shop_has(World(), "PaymentAuthorized"), []),
    "a cart": (lambda: shop_has(World(), "AddingItems"), []),
    "a state of the shop's own": (lambda: shop_has(World(), "OnHold"), []),
    "is being changed": (lambda: shop_has(World().row(), "Modifying"), []),
    "cancelled in the shop": (lambda: World().cancel_here(), []),
    "cancelled in the shop and parked": (
        lambda: World().row(state=OrderState.PARKED).cancel_here(),
        [],
    ),
    "shipped by hand": (lambda: shop_has(World(), "Shipped"), []),
    "the shop has it no longer": (lambda: changed(World().row(), in_shop=False), []),
    "refunded": (lambda: changed(World(), refunded=Decimal("30.00")), []),
    "placed before go-live": (
        lambda: World(placed_at=datetime.fromisoformat("2025-12-01T00:00Z")),
        [],
    ),
    "early": (lambda: World().skipped(OrderCause.EARLY), ["paid_not_sent"]),
    "of an Aggregate": (lambda: World(type="Aggregate"), []),
    "of a Seller": (lambda: World(type="Seller"), []),
    "of a Seller that is sent": (
        lambda: World(type="Seller", rules=make_rules(order_types=["Seller"])),
        ["paid_not_sent"],
    ),
    "skipped for its type": (lambda: World(type="Seller").skipped(OrderCause.TYPE), []),
    "of other channels": (
        lambda: World(channels=("b",), rules=make_rules(channels=["a"])),
        [],
    ),
    "of a channel that is shared": (
        lambda: World(channels=("a", "b"), rules=make_rules(channels=["a"])),
        ["paid_not_sent"],
    ),
    "skipped for its channel": (lambda: World().skipped(OrderCause.CHANNEL), []),
    "by a person's decision": (lambda: World().skipped(OrderCause.RESOLVED), []),
    "withdrawn for good": (lambda: World().row(state=SKIPPED, cause=None), []),
    "collected by the customer": (
        lambda: World(rules=make_rules(skip_shipping_methods=["standard"])),
        [],
    ),
    "excluded SKUs alone": (lambda: World({"GIFT": 1}), []),
    "fulfilled by hand": (lambda: World().fulfil(slip=None), []),
    "the shop gave its code to another order": (
        lambda: changed(World().row(), vendure_id="8"),
        ["moving"],
    ),
    "no look-up has found an order": (
        lambda: World(rules=make_rules(finds_orders=False)),
        ["unseen"],
    ),
}

SENT_NOT_IN_LEDGER: dict[str, Case] = {
    "the ledger was lost": (lambda: lost(World().send()), ["sent_not_in_ledger"]),
    "… and sent it under a next id": (lambda: lost(World().send(SECOND)), ["sent_not_in_ledger"]),
    "… which was the last of those that are looked for": (
        lambda: lost(World().send(renewed_id(CODE, "", MAX_ABSENT))),
        ["sent_not_in_ledger"],
    ),
    "… with a long code": (
        lambda: lost(
            World(code="ORDER-2026-03-0000000001").send(
                warehouse_id("ORDER-2026-03-0000000001", "", lambda _: False)
            )
        ),
        ["sent_not_in_ledger"],
    ),
    "… and the shop cancelled it": (
        lambda: lost(World().send()).cancel_here(),
        ["sent_not_in_ledger"],
    ),
    "… and it was shipped": (lambda: lost(World().send().ship()), ["sent_not_in_ledger"]),
    "… and the shop shows it as shipped": (
        lambda: shop_has(lost(World().send().ship().complete()), "Shipped"),
        ["sent_not_in_ledger"],
    ),
    "without a reference, with the same units": (
        lambda: lost(World().send(), reference=""),
        ["sent_not_in_ledger"],
    ),
    "parked, and VeraCore has it": (
        lambda: World().send().row(state=OrderState.PARKED),
        ["sent_not_in_ledger"],
    ),
    "in conflict, and VeraCore has it": (
        lambda: World().send().row(state=OrderState.CONFLICT),
        ["sent_not_in_ledger"],
    ),
    "never to be sent, and VeraCore has it": (
        lambda: World().send().skipped(OrderCause.RESOLVED),
        ["sent_not_in_ledger"],
    ),
    "recorded as cancelled, and VeraCore took that back": (
        lambda: World().send().row(state=OrderState.CANCELLED),
        ["sent_not_in_ledger"],
    ),
    "a second order with its code": (
        lambda: second(World().send()),
        ["sent_not_in_ledger"],
    ),
    "an earlier id that was accepted after all": (
        lambda: again(World().send().row(state=SENT)),
        ["sent_not_in_ledger"],
    ),
    "listed as shipped under an id of nobody's": (
        lambda: listed(World()),
        ["sent_not_in_ledger"],
    ),
    "in its place, where VeraCore cancelled the first": (
        lambda: second(World().send().cancel_there()),
        ["sent_not_in_ledger"],
    ),
    "rest": (lambda: lost(rest().send()), ["sent_not_in_ledger"]),
    # near misses
    "a moment ago": (lambda: lost(World(placed_at=LATELY).send()), ["moving"]),
    "cancelled under the first id, sent under the next": (
        lambda: renewed(World().send()),
        [],
    ),
    "without a reference, with other units": (
        lambda: lost(World().send(), reference="", lines=(RecordLine("CAP", 1),)),
        ["paid_not_sent"],
    ),
    "shipped before it was placed": (
        lambda: lost(World().send().ship(at=LONG_AGO - timedelta(days=30))),
        ["paid_not_sent"],
    ),
    "placed before go-live": (
        lambda: lost(World(placed_at=datetime.fromisoformat("2025-12-01T00:00Z")).send()),
        [],
    ),
    "of an order that had the code before": (
        lambda: listed(World(rules=knows("R-77")).row(state=OrderState.CONFLICT)),
        ["paid_not_sent"],
    ),
    "of another configuration": (lambda: World().send().skipped(OrderCause.CHANNEL), []),
}


def knows(*ids: str) -> CompareRules:
    """The ledger has these ids for another order."""
    rules = make_rules()
    taken = {one.casefold() for one in ids}
    planner = replace(rules.planner, id_taken=lambda one, code: one.casefold() in taken)
    return replace(rules, planner=planner)


def second(world: World) -> World:
    world.there["R-77"] = made("R-77", CODE, {"CUP": 1})
    world.listed = [ShippedRow("R-77", CODE, "R-77-1", "UPS", "Ground", NUMBER, LONG_AGO)]
    return world


def listed(world: World) -> World:
    return second(world)


def again(world: World) -> World:
    """It was sent under a first id, whose answer was lost, and again under another."""
    assert world.ledger is not None
    at = to_text(LONG_AGO)
    first = AttemptRow(
        CODE, 1, CODE, (("CUP", 2), ("TEE", 1)), at, None, AttemptOutcome.IN_DOUBT, None
    )
    world.there[SECOND] = replace(world.there[CODE], id=SECOND)
    world.side(attempts=(first, *world.ledger.attempts))
    return world.row(veracore_id=SECOND)


def renewed(world: World) -> World:
    """VeraCore cancelled it, and a person sent it again."""
    world.cancel_there()
    return world.send(SECOND)


MISSING: dict[str, Case] = {
    "gone": (lambda: alone(World().send()), ["in_ledger_not_at_warehouse"]),
    "its id is another order's": (
        lambda: another_there(World().send()),
        ["in_ledger_not_at_warehouse"],
    ),
    "a part was fulfilled by hand": (
        lambda: alone(World().send()).fulfil({"MUG": 1}, slip=None),
        ["in_ledger_not_at_warehouse"],
    ),
    "the shop has it no longer either": (
        lambda: changed(alone(World().send()), in_shop=False),
        ["in_ledger_not_at_warehouse"],
    ),
    "set aside": (
        lambda: changed(alone(World().send()), in_shop=False).row(code="1001~7", shop_code=CODE),
        ["in_ledger_not_at_warehouse"],
    ),
    "the shop changed it, too": (
        lambda: ordered(alone(World().send()), MUG=1),
        ["in_ledger_not_at_warehouse"],
    ),
    "rest": (lambda: alone(rest().send()), ["in_ledger_not_at_warehouse"]),
    # near misses
    "accepted a moment ago": (lambda: alone(World().send(at=LATELY)), ["moving"]),
    "nothing of it is left to ship": (lambda: alone(delivered(World())), []),
    "shipped by hand": (lambda: alone(World().send()).fulfil(slip=None), []),
    "cancelled in the shop": (lambda: alone(World().send()).cancel_here(), []),
    "cancelled there, and gone": (
        lambda: alone(World().send()).row(state=OrderState.CANCELLED).cancel_here(),
        [],
    ),
    "accepted by a person": (lambda: alone(World().send()).accepted("order.missing"), []),
    "no usable answer": (
        lambda: changed(
            alone(World().send()),
            failed={CODE: LookUpFailed(Unavailable("no", upstream="veracore"))},
        ),
        ["unseen"],
    ),
}

CONTENT: dict[str, Case] = {
    "fewer units in the shop": (lambda: ordered(World().send(), MUG=1), ["content_differs"]),
    "more units in the shop": (lambda: ordered(World().send(), MUG=5), ["content_differs"]),
    "another address": (
        lambda: changed(World().send(), address=replace(ADDRESS, street1="2 Main St")),
        ["content_differs"],
    ),
    "another address, and one unit too many has left": (
        lambda: changed(
            World().send().ship({"CUP": 3, "TEE": 1}).fulfil(),
            address=replace(ADDRESS, street1="2 Main St"),
        ),
        ["content_differs", "shipped_not_ordered"],
    ),
    "another way of shipping": (
        lambda: changed(World().send(), method="express"),
        ["content_differs"],
    ),
    "more units at VeraCore": (
        lambda: World().send().record(lines=(RecordLine("CUP", 3), RecordLine("TEE", 1))),
        ["content_differs"],
    ),
    "more units at VeraCore, which has no reference": (
        lambda: (
            World().send().record(reference="", lines=(RecordLine("CUP", 3), RecordLine("TEE", 1)))
        ),
        ["content_differs"],
    ),
    "another SKU at VeraCore": (
        lambda: World().send().record(lines=(RecordLine("CUP", 2), RecordLine("CAP", 1))),
        ["content_differs"],
    ),
    "a part was cancelled at VeraCore": (
        lambda: (
            World()
            .send()
            .record(partially_cancelled=True, products=(Product("CUP", 2, 1), Product("TEE", 1, 0)))
        ),
        ["content_differs"],
    ),
    "a part of a kit was cancelled at VeraCore": (
        lambda: (
            World({"SET": 1})
            .send()
            .record(
                partially_cancelled=True, products=(Product("CUP", 1, 0), Product("SPOON", 2, 1))
            )
        ),
        ["content_differs"],
    ),
    "a part shipped, the rest was cancelled at VeraCore": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 2})
            .fulfil({"MUG": 2})
            .complete()
            .record(partially_cancelled=True)
        ),
        ["content_differs"],
    ),
    "a part shipped, and VeraCore shows all of it as cancelled": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 1})
            .fulfil({"MUG": 1})
            .record(status="cancelled", is_complete=True)
        ),
        ["content_differs"],
    ),
    "completed with fewer units": (
        lambda: World().send().ship({"CUP": 1, "TEE": 1}).fulfil({"MUG": 1, "TEE": 1}).complete(),
        ["content_differs"],
    ),
    "more units in the shop after it shipped": (
        lambda: shop_has(ordered(delivered(World()), MUG=4), "PartiallyShipped"),
        ["content_differs"],
    ),
    "VeraCore cut more than the shop": (
        lambda: ordered(World({"MUG": 5}).send().record(lines=(RecordLine("CUP", 2),)), MUG=4),
        ["content_differs"],
    ),
    "the shop has it no longer": (
        lambda: changed(World().send(), in_shop=False),
        ["content_differs"],
    ),
    "changed before it was adopted": (
        lambda: adopted(ordered(World().send(), MUG=1)),
        ["content_differs"],
    ),
    "a line taken out before it was adopted": (
        lambda: adopted(ordered(World().send(), MUG=0)),
        ["content_differs"],
    ),
    "units added before it was adopted": (
        lambda: adopted(ordered(World().send(), MUG=3)),
        ["content_differs"],
    ),
    "a unit that the shop cut is left to ship, and all others have": (
        lambda: (
            ordered(World().send(), MUG=1)
            .ship({"CUP": 1, "TEE": 1})
            .fulfil({"MUG": 1, "TEE": 1})
            .end()
        ),
        ["content_differs"],
    ),
    "units added before it was adopted, and what VeraCore has has left": (
        lambda: (
            adopted(ordered(World().send(), MUG=3)).ship().complete().fulfil({"MUG": 2, "TEE": 1})
        ),
        ["content_differs"],
    ),
    "lowered before it was adopted by what VeraCore lists": (
        lambda: ordered(World().send(), MUG=1).side(sent=None).row(content_hash=None),
        ["content_differs"],
    ),
    "rest, and the shop changed it": (lambda: ordered(rest().send(), MUG=1), ["content_differs"]),
    "rest, raised after it was found again, and shipped": (
        lambda: (
            ordered(found_again(rest().send()), MUG=3)
            .ship()
            .complete()
            .fulfil({"MUG": 2, "TEE": 1})
            .end()
        ),
        ["content_differs"],
    ),
    # near misses
    "as it was sent": (lambda: World().send(), []),
    "a SKU that the shop renamed": (
        lambda: changed(World().send(), renamed={"TEE": "SHIRT"}),
        [],
    ),
    "a SKU that the shop renamed, of an order that was adopted": (
        lambda: changed(
            compared(World().send(), LONG_AGO).side(sent=None), renamed={"TEE": "SHIRT"}
        ),
        [],
    ),
    "processed": (lambda: World().send().record(status="processed"), []),
    "the same change on both sides": (
        lambda: ordered(
            World().send().record(lines=(RecordLine("CUP", 1), RecordLine("TEE", 1))), MUG=1
        ),
        [],
    ),
    "cancelled by as many units on both sides": (
        lambda: ordered(
            World()
            .send()
            .record(
                partially_cancelled=True, products=(Product("CUP", 2, 1), Product("TEE", 1, 0))
            ),
            MUG=1,
        ),
        [],
    ),
    "accepted by a person": (lambda: ordered(World().send(), MUG=1).accept_changes(), []),
    "changed before it was adopted, and accepted by a person": (
        lambda: adopted(ordered(World().send(), MUG=1)).accept_changes(),
        [],
    ),
    "a unit that the shop cut was cancelled there, and all others have left": (
        lambda: (
            ordered(World().send(), MUG=1)
            .record(partially_cancelled=True, products=(Product("CUP", 2, 1), Product("TEE", 1, 0)))
            .ship({"CUP": 1, "TEE": 1})
            .fulfil({"MUG": 1, "TEE": 1})
            .end()
        ),
        [],
    ),
    "a unit that the shop cut is left to ship, which a person accepted": (
        lambda: (
            ordered(World().send(), MUG=1)
            .ship({"CUP": 1, "TEE": 1})
            .fulfil({"MUG": 1, "TEE": 1})
            .end()
            .accept_changes()
        ),
        [],
    ),
    "units added before it was adopted, and given by hand when the others had left": (
        lambda: (
            adopted(ordered(World().send(), MUG=3))
            .ship()
            .complete()
            .fulfil({"MUG": 2, "TEE": 1})
            .fulfil({"MUG": 1}, slip=None)
        ),
        [],
    ),
    "units added before it was adopted, and a hand gave all that left": (
        lambda: (
            adopted(ordered(World().send(), MUG=3))
            .ship()
            .complete()
            .fulfil({"MUG": 3, "TEE": 1}, slip=None)
            .slip("1001-1", PickSlipState.COVERED)
        ),
        [],
    ),
    "changed before it was adopted, on both sides": (
        lambda: adopted(ordered(World().send(), MUG=1)).record(
            partially_cancelled=True, products=(Product("CUP", 2, 1), Product("TEE", 1, 0))
        ),
        [],
    ),
    "sent before a setting excluded one of its SKUs": (
        lambda: excluded_since(World().send(), "TEE"),
        [],
    ),
    "sent with a service of which a setting names another SKU by now": (
        lambda: with_service(World().send()),
        [],
    ),
    "sent by an earlier version, under an alias that was changed since": (
        lambda: (
            World()
            .send()
            .record(lines=(RecordLine("BEAKER", 2), RecordLine("TEE", 1)))
            .sent_as(("BEAKER", 2), ("TEE", 1))
        ),
        [],
    ),
    "adopted by what VeraCore lists": (
        lambda: World().send().side(sent=None).row(content_hash=None),
        [],
    ),
    "a part left before it was adopted by what VeraCore lists": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 2})
            .fulfil({"MUG": 2}, slip=None)
            .slip("1001-1", PickSlipState.COVERED)
            .side(sent=None)
            .row(content_hash=None)
        ),
        [],
    ),
    "changed again after that": (
        lambda: ordered(ordered(World().send(), MUG=1).accept_changes(), TEE=4),
        ["content_differs"],
    ),
    "a kit less on both sides, accepted by a person": (
        lambda: ordered(
            World({"SET": 2})
            .send()
            .record(
                partially_cancelled=True, products=(Product("CUP", 2, 1), Product("SPOON", 4, 2))
            ),
            SET=1,
        ).accept_changes(),
        [],
    ),
    "a shortage that a person accepted": (
        lambda: (
            World()
            .send()
            .record(partially_cancelled=True, products=(Product("CUP", 2, 1), Product("TEE", 1, 0)))
            .accepted("order.short")
        ),
        [],
    ),
    "units that VeraCore never has": (
        lambda: ordered(World({"MUG": 2, "GIFT": 1}).send(), GIFT=3),
        [],
    ),
    "the service that stands for surcharges": (
        lambda: (
            World(rules=make_rules(surcharges="sku", service_sku="SERVICE"))
            .send()
            .record(lines=(RecordLine("CUP", 2), RecordLine("TEE", 1), RecordLine("SERVICE", 1)))
        ),
        [],
    ),
    "a part was fulfilled before it was sent": (
        lambda: World().fulfil({"MUG": 1}, slip=None).send(),
        [],
    ),
    "a state of the shop's own": (lambda: shop_has(World().send(), "OnHold"), []),
    "compared a moment ago, when it was not so": (
        lambda: ordered(compared(World().send(), LATELY), MUG=1),
        ["moving"],
    ),
    "compared long ago, when it was not so": (
        lambda: ordered(compared(World().send(), LONG_AGO), MUG=1),
        ["content_differs"],
    ),
    "a person changes it now": (
        lambda: ordered(shop_has(World().send(), "Modifying"), MUG=1),
        ["moving"],
    ),
    "completed before its last package is listed": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 2})
            .fulfil({"MUG": 2})
            .ship({"TEE": 1}, "1001-2", waiting=True)
        ),
        [],
    ),
    "the shop has it no longer, and it has ended": (
        lambda: changed(delivered(World()), in_shop=False),
        [],
    ),
    "rest": (lambda: rest().send(), []),
}

CANCELLED_HERE: dict[str, Case] = {
    "will ship": (lambda: World().send().cancel_here(), ["cancelled_here_live_there"]),
    "told long ago": (
        lambda: World().send().cancel_here().row(shop_cancelled_at=to_text(LONG_AGO)),
        ["cancelled_here_live_there"],
    ),
    "a part has left": (
        lambda: World().send().ship({"CUP": 1}).fulfil({"MUG": 1}).cancel_here(),
        ["cancelled_here_live_there"],
    ),
    "VeraCore refused to cancel it": (
        lambda: World().send().cancel_here().wish(CancelState.REFUSED),
        ["cancelled_here_live_there"],
    ),
    "VeraCore took the cancellation back": (
        lambda: World().send().cancel_here().row(state=OrderState.CANCELLED),
        ["cancelled_here_live_there"],
    ),
    "cancelled there, but a pick slip is open": (
        lambda: World().send().ship(waiting=True).record(status="cancelled").cancel_here(),
        ["cancelled_here_live_there"],
    ),
    "rest": (lambda: rest().send().cancel_here(), ["cancelled_here_live_there"]),
    # near misses
    "on both sides": (lambda: World().send().cancel_there().cancel_here(), []),
    "on both sides, and ended": (
        lambda: World().send().cancel_there().cancel_here().row(state=OrderState.CANCELLED),
        [],
    ),
    "is being cancelled": (
        lambda: World().send().cancel_here().wish(CancelState.UNKNOWN),
        ["moving"],
    ),
    "seen a moment ago": (
        lambda: World().send().cancel_here().row(shop_cancelled_at=to_text(LATELY)),
        ["moving"],
    ),
    "compared a moment ago, when it was not so": (
        lambda: compared(World().send(), LATELY).cancel_here(),
        ["moving"],
    ),
    "accepted by a person": (lambda: World().send().cancel_here().accept_changes(), []),
    "given up by a person": (
        lambda: (
            World().send().cancel_here().wish(CancelState.REFUSED).accepted("order.not_cancelled")
        ),
        [],
    ),
    "sent back after it was delivered": (lambda: delivered(World()).cancel_here(), []),
    "delivered and sent back, its fulfilment cancelled": (
        lambda: delivered(World()).cancel_fulfilment().cancel_here(),
        [],
    ),
}

CANCELLED_THERE: dict[str, Case] = {
    "open in the shop": (lambda: World().send().cancel_there(), ["cancelled_there_open_here"]),
    "and recorded": (
        lambda: World().send().cancel_there().row(state=OrderState.CANCELLED),
        ["cancelled_there_open_here"],
    ),
    "and no longer to be found": (
        lambda: alone(World().send().row(state=OrderState.CANCELLED)),
        ["cancelled_there_open_here"],
    ),
    "a part was fulfilled by hand": (
        lambda: World().send().cancel_there().fulfil({"MUG": 1}, slip=None),
        ["cancelled_there_open_here"],
    ),
    "by a ledger that was lost": (
        lambda: lost(World().send().cancel_there()),
        ["cancelled_there_open_here"],
    ),
    "rest": (lambda: rest().send().record(status="cancelled"), ["cancelled_there_open_here"]),
    # near misses
    "seen open a moment ago": (lambda: World().send().cancel_there().tracked(LATELY), ["moving"]),
    "shipped by hand": (lambda: World().send().cancel_there().fulfil(slip=None), []),
    "accepted by a person": (
        lambda: (
            World()
            .send()
            .cancel_there()
            .row(state=OrderState.CANCELLED)
            .accepted("order.cancelled")
        ),
        [],
    ),
    "sent again under another id": (lambda: renewed(World().send()), []),
    "left out by a person": (
        lambda: World().send().cancel_there().skipped(OrderCause.RESOLVED),
        [],
    ),
    "the shop has it no longer": (
        lambda: changed(World().send().cancel_there(), in_shop=False),
        [],
    ),
    "set aside": (
        lambda: changed(World().send().cancel_there(), in_shop=False).row(
            code="1001~7", shop_code=CODE
        ),
        [],
    ),
}

NOT_FULFILLED: dict[str, Case] = {
    "a whole order": (lambda: World().send().ship(), ["shipped_not_fulfilled"]),
    "and complete": (lambda: World().send().ship().complete(), ["shipped_not_fulfilled"]),
    "complete without a package": (lambda: World().send().complete(), ["shipped_not_fulfilled"]),
    "a second slip": (
        lambda: World().send().ship({"CUP": 2}).fulfil({"MUG": 2}).ship({"TEE": 1}, "1001-2"),
        ["shipped_not_fulfilled"],
    ),
    "its fulfilment was cancelled": (
        lambda: World().send().ship().fulfil().complete().cancel_fulfilment(),
        ["shipped_not_fulfilled"],
    ),
    "its fulfilment was cancelled after the end": (
        lambda: shop_has(delivered(World()).cancel_fulfilment(), "PaymentSettled"),
        ["shipped_not_fulfilled"],
    ),
    "handed to a person": (
        lambda: World().send().ship().slip("1001-1", PickSlipState.HANDED),
        ["shipped_not_fulfilled"],
    ),
    "while the shop keeps it in a state of its own": (
        lambda: shop_has(World().send().ship(), "OnHold"),
        ["shipped_not_fulfilled"],
    ),
    "its fulfilment stayed pending": (
        lambda: stayed_pending(World().send().ship().complete()),
        ["shipped_not_fulfilled"],
    ),
    "beside units that were fulfilled before it was sent": (
        lambda: World({"MUG": 2}).fulfil({"MUG": 1}, slip=None).send().ship({"CUP": 1}),
        ["shipped_not_fulfilled"],
    ),
    "sent again after a part had shipped under the first id": (
        lambda: sent_again(World({"MUG": 2}).send().ship({"CUP": 1}).fulfil({"MUG": 1})).ship(
            {"CUP": 1}, "1001-2"
        ),
        ["shipped_not_fulfilled"],
    ),
    "its slip stands for the rest, and its fulfilment was cancelled": (
        lambda: World().send().complete().fulfil(slip="rest").cancel_fulfilment(),
        ["shipped_not_fulfilled"],
    ),
    "in a fulfilment of a person's that is not finished": (
        lambda: World().send().ship().fulfil(slip=None, state="Pending").complete(),
        ["shipped_not_fulfilled"],
    ),
    "a unit set aside by hand before it was sent, and not finished": (
        lambda: (
            World()
            .fulfil({"MUG": 1}, slip=None, state="Pending")
            .send()
            .ship({"CUP": 1, "TEE": 1})
            .fulfil({"MUG": 1, "TEE": 1})
            .complete()
        ),
        [],
    ),
    "a kit": (
        lambda: World({"SET": 1}).send().ship({"CUP": 1, "SPOON": 2}),
        ["shipped_not_fulfilled"],
    ),
    "a kit beside its part": (
        lambda: World({"SET": 1, "MUG": 1}).send().ship({"CUP": 2, "SPOON": 2}).fulfil({"MUG": 1}),
        ["shipped_not_fulfilled"],
    ),
    "beside a slip that a person fulfilled, a moment ago": (
        lambda: (
            World()
            .send()
            .ship({"TEE": 1})
            .ship({"CUP": 2}, "1001-2", at=LATELY)
            .fulfil({"MUG": 2}, slip=None)
            .slip("1001-2", PickSlipState.COVERED)
        ),
        ["shipped_not_fulfilled"],
    ),
    "rest, adopted": (
        lambda: rest().send().side(attempts=()).ship().complete(),
        ["shipped_not_fulfilled"],
    ),
    "a SKU that the shop renamed": (
        lambda: changed(World().send().ship({"TEE": 1}), renamed={"TEE": "SHIRT"}),
        ["shipped_not_fulfilled"],
    ),
    "a slip without a package, the rest was cancelled": (
        lambda: (
            World()
            .send()
            .record(shipments=(Shipment("1001-1", (RecordLine("CUP", 2),), ()),))
            .complete()
            .record(partially_cancelled=True)
        ),
        ["shipped_not_fulfilled"],
    ),
    "under another id": (lambda: World().send(SECOND).ship(), ["shipped_not_fulfilled"]),
    "the shop has it no longer": (
        lambda: changed(World().send().ship(), in_shop=False),
        ["shipped_not_fulfilled"],
    ),
    "rest": (lambda: rest().send().ship().complete(), ["shipped_not_fulfilled"]),
    "rest, renamed after it was found again": (
        lambda: (
            changed(found_again(rest(TEE=1).send()), renamed={"TEE": "SHIRT"}).ship().complete()
        ),
        ["shipped_not_fulfilled"],
    ),
    "rest, raised after it was found again": (
        lambda: ordered(found_again(rest().send()), MUG=3).ship().complete(),
        ["content_differs", "shipped_not_fulfilled"],
    ),
    # near misses
    "fulfilled": (lambda: World().send().ship().fulfil(), []),
    "fulfilled, complete and ended": (lambda: delivered(World()), []),
    "delivered": (lambda: shop_has(delivered(World()), "Delivered"), []),
    "in a state of the shop's own beyond Shipped": (
        lambda: beyond_shipped(World().send().ship().fulfil()),
        [],
    ),
    "sent again after a part had shipped under the first id, and fulfilled": (
        lambda: (
            sent_again(World({"MUG": 2}).send().ship({"CUP": 1}).fulfil({"MUG": 1}))
            .ship({"CUP": 1}, "1001-2")
            .fulfil(slip="1001-2")
        ),
        [],
    ),
    "left a moment ago": (lambda: World().send().ship(at=LATELY), ["moving"]),
    "its packages changed a moment ago": (
        lambda: World().send().ship().slip("1001-1", PickSlipState.OPEN, since=to_text(LATELY)),
        ["moving"],
    ),
    "the shop is being asked": (
        lambda: (
            World().send().ship().slip("1001-1", PickSlipState.INTENDED, updated_at=to_text(LATELY))
        ),
        ["moving"],
    ),
    "listed late": (lambda: World().send().ship().tracked(LATELY), ["moving"]),
    "packed": (lambda: World().send().ship(waiting=True), []),
    "the first of two packages": (
        lambda: one_is_waiting(World().send().ship()),
        [],
    ),
    "the shop has it no longer, and had it fulfilled": (
        lambda: changed(World().send().ship().fulfil().complete(), in_shop=False),
        [],
    ),
    "the shop has it no longer, a moment ago": (
        lambda: changed(World().send().ship(at=LATELY), in_shop=False),
        ["moving"],
    ),
    "void": (lambda: World().send().ship(void=True), []),
    "complete, and a slip is packed": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 2})
            .fulfil({"MUG": 2})
            .ship({"TEE": 1}, "1001-2", waiting=True)
            .complete()
        ),
        [],
    ),
    "fulfilled by hand": (
        lambda: World().send().ship().fulfil(slip=None).slip("1001-1", PickSlipState.COVERED),
        [],
    ),
    "fulfilled by hand, and no run has seen it": (
        lambda: World().send().ship().fulfil(slip=None),
        [],
    ),
    "two slips in one fulfilment by hand": (
        lambda: World().send().ship({"CUP": 2}).ship({"TEE": 1}, "1001-2").fulfil(slip=None),
        [],
    ),
    "half a kit": (lambda: World({"SET": 1}).send().ship({"CUP": 1}), []),
    "a leaflet": (lambda: World().send().ship({"LEAFLET": 1}), []),
    "a kit in two slips": (
        lambda: (
            World({"SET": 1})
            .send()
            .ship({"CUP": 1})
            .ship({"SPOON": 2}, "1001-2")
            .fulfil(slip="1001-2")
        ),
        [],
    ),
    "all but what VeraCore never has": (
        lambda: World({"MUG": 1, "GIFT": 1}).send().ship().fulfil().complete(),
        [],
    ),
    "accepted by a person": (
        lambda: (
            World()
            .send()
            .ship()
            .slip("1001-1", PickSlipState.HANDED)
            .accepted(
                "order.unfulfilled", "the fulfilment of slip 1001-1 was cancelled in the shop"
            )
        ),
        [],
    ),
    "another slip than a person accepted": (
        lambda: (
            World()
            .send()
            .ship(slip="1001-12")
            .accepted(
                "order.unfulfilled", "the fulfilment of slip 1001-1 was cancelled in the shop"
            )
        ),
        ["shipped_not_fulfilled"],
    ),
    "where nobody tracks": (
        lambda: World(rules=make_rules(is_tracked=False)).send().ship(),
        [],
    ),
    "a slip that cannot be read": (
        lambda: World().send().record(shipments=(Shipment("1001-1", None, (), "its lines"),)),
        ["unseen"],
    ),
    "rest, under way": (lambda: rest().send().ship(), []),
    "rest, fulfilled": (
        lambda: rest().send().ship(slip="shipment").fulfil(slip="shipment").complete(),
        [],
    ),
}


def one_is_waiting(world: World) -> World:
    shipment = world.there[CODE].shipments[0]
    packed = replace(shipment.packages[0], shipped_at=None)
    return world.record(shipments=(replace(shipment, packages=(*shipment.packages, packed)),))


def stayed_pending(world: World) -> World:
    """The run was killed between making the fulfilment and setting it to Shipped."""
    world.fulfil(state="Pending")
    return world.slip("1001-1", PickSlipState.ADDED, fulfilment_id="f1", tracking_code=NUMBER)


def beyond_shipped(world: World) -> World:
    world.fulfilments = [replace(one, state="OutForDelivery") for one in world.fulfilments]
    return world


def sent_again(world: World) -> World:
    """VeraCore cancelled the rest, and a person sends that under another id."""
    world.record(partially_cancelled=True, status="cancelled", is_complete=True)
    return world.send(SECOND)


NOT_ORDERED: dict[str, Case] = {
    "one too many": (
        lambda: World().send().ship({"CUP": 3, "TEE": 1}).fulfil().complete(),
        ["shipped_not_ordered"],
    ),
    "the shop had cut it": (
        lambda: ordered(World().send().ship(), MUG=1).fulfil().complete(),
        ["shipped_not_ordered"],
    ),
    "a part twice": (
        lambda: World().send().ship().fulfil().complete().ship({"TEE": 1}, "1001-2"),
        ["shipped_not_ordered"],
    ),
    "cancelled in the shop": (
        lambda: World().send().ship().complete().cancel_here(),
        ["shipped_not_ordered"],
    ),
    "cancelled in the shop, all has left, and it is not complete": (
        lambda: World().send().ship().cancel_here(),
        ["shipped_not_ordered"],
    ),
    "recorded as cancelled, left all the same, and the shop cancelled it": (
        lambda: World().send().ship().complete().cancel_here().row(state=OrderState.CANCELLED),
        ["shipped_not_ordered"],
    ),
    "a slip more after it was sent back": (
        lambda: delivered(World()).ship({"TEE": 1}, "1001-2").cancel_here(),
        ["shipped_not_ordered"],
    ),
    "a part of a kit too many": (
        lambda: World({"SET": 1}).send().ship({"CUP": 1, "SPOON": 3}).fulfil().complete(),
        ["shipped_not_ordered"],
    ),
    # near misses
    "a kit that had more parts when it was sent": (
        lambda: (
            World({"SET": 1})
            .send()
            .record(products=(Product("CUP", 1, 0), Product("SPOON", 3, 0)))
            .ship({"CUP": 1, "SPOON": 3})
            .fulfil()
            .complete()
        ),
        [],
    ),
    "accepted by a person": (
        lambda: (
            World().send().ship({"CUP": 3, "TEE": 1}).fulfil().complete().accepted("order.beyond")
        ),
        [],
    ),
    "one too many, a moment ago": (
        lambda: World().send().ship({"CUP": 3, "TEE": 1}, at=LATELY).fulfil(),
        ["moving"],
    ),
    "cancelled in the shop, and left a moment ago": (
        lambda: World().send().ship(at=LATELY).complete().cancel_here(),
        ["moving"],
    ),
    "cancelled in the shop, all labels void": (
        lambda: World().send().ship(void=True).complete().cancel_here(),
        [],
    ),
    "one unit was sent back and refunded": (lambda: ordered(delivered(World()), MUG=1), []),
    "one line was sent back, its fulfilment cancelled": (
        lambda: ordered(
            World()
            .send()
            .ship({"CUP": 2})
            .fulfil({"MUG": 2})
            .ship({"TEE": 1}, "1001-2")
            .fulfil({"TEE": 1}, "1001-2")
            .complete()
            .end()
            .cancel_fulfilment("f2"),
            TEE=0,
        ),
        [],
    ),
    "another part of a kit than was sold alone": (
        lambda: World({"SET": 1, "MUG": 1}).send().ship({"CUP": 2}).fulfil({"MUG": 1}),
        [],
    ),
}

NOT_SHIPPED: dict[str, Case] = {
    "by hand": (lambda: World().send().fulfil({"MUG": 1}, slip=None), ["fulfilled_not_shipped"]),
    "all of it by hand": (lambda: World().send().fulfil(slip=None), ["fulfilled_not_shipped"]),
    "by hand, and not finished": (
        lambda: World().send().fulfil(slip=None, state="Pending"),
        ["fulfilled_not_shipped"],
    ),
    "a slip that VeraCore does not list any more": (
        lambda: World().send().ship().fulfil().record(shipments=(), status="processed"),
        ["fulfilled_not_shipped"],
    ),
    "all labels are void": (
        lambda: World().send().ship(void=True).fulfil(),
        ["fulfilled_not_shipped"],
    ),
    "all labels are void, and it is complete": (
        lambda: World().send().ship(void=True).fulfil().complete(),
        ["fulfilled_not_shipped"],
    ),
    "two fulfilments of one slip": (
        lambda: World().send().ship({"CUP": 1}).fulfil({"MUG": 1}).fulfil({"MUG": 1}, slip=None),
        ["fulfilled_not_shipped"],
    ),
    "rest": (lambda: rest().send().fulfil(slip=None), ["fulfilled_not_shipped"]),
    "rest, since the ledger was rebuilt": (
        lambda: found_again(rest().send()).fulfil({"MUG": 1}, slip=None),
        ["fulfilled_not_shipped"],
    ),
    # near misses
    "by hand before it was sent": (lambda: World().fulfil({"MUG": 1}, slip=None).send(), []),
    "by hand, and taken out at VeraCore": (
        lambda: (
            World()
            .send()
            .fulfil({"MUG": 1}, slip=None)
            .record(lines=(RecordLine("CUP", 1), RecordLine("TEE", 1)))
        ),
        [],
    ),
    "by hand, of what VeraCore never has": (
        lambda: World({"MUG": 1, "GIFT": 1}).send().fulfil({"GIFT": 1}, slip=None),
        [],
    ),
    "by hand, of what VeraCore completed without": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 1, "TEE": 1})
            .fulfil({"MUG": 1, "TEE": 1})
            .complete()
            .fulfil({"MUG": 1}, slip=None)
        ),
        [],
    ),
    "by hand, and cancelled": (
        lambda: World().send().fulfil(slip=None).cancel_fulfilment(),
        [],
    ),
    "accepted by a person": (
        lambda: accepted_by_hand(World().send().fulfil({"MUG": 1}, slip=None)),
        [],
    ),
    "rest, before the ledger was rebuilt": (
        lambda: found_again(rest().fulfil({"MUG": 1}, slip=None).send()),
        [],
    ),
    "rest, of what VeraCore never has, since the ledger was rebuilt": (
        lambda: found_again(rest(MUG=1, GIFT=1).send()).fulfil({"GIFT": 1}, slip=None),
        [],
    ),
    "rest, by hand while it ships, since the ledger was rebuilt": (
        lambda: found_again(rest().send()).ship().fulfil(slip=None),
        [],
    ),
    "rest, by hand while it ships": (lambda: rest().send().ship().fulfil(slip=None), []),
    "void, accepted by a person": (
        lambda: World().send().ship(void=True).fulfil().accepted("order.voided", "slip 1001-1"),
        [],
    ),
    "void, and shipped anew under the same number": (
        lambda: World().send().ship(void=True).ship(slip="1001-2").fulfil(slip="1001-2"),
        [],
    ),
    "compared a moment ago, when it was not so": (
        lambda: compared(World().send(), LATELY).fulfil({"MUG": 1}, slip=None),
        ["moving"],
    ),
    "compared a moment ago, when it was so": (
        lambda: compared(World().send().fulfil({"MUG": 1}, slip=None), LATELY, by_hand={"MUG": 1}),
        ["fulfilled_not_shipped"],
    ),
    "where nobody tracks": (
        lambda: World(rules=make_rules(is_tracked=False)).send().fulfil(slip=None),
        [],
    ),
}


def accepted_by_hand(world: World) -> World:
    at = to_text(LONG_AGO)
    base = world.facets({"MUG": 1})
    return world.side(compared=ComparedRow(CODE, at, base=base, accepted_at=at))  # type: ignore[arg-type]


TRACKING: dict[str, Case] = {
    "labelled anew": (
        lambda: World().send().ship(number=OTHER_NUMBER).fulfil(),
        ["tracking_differs"],
    ),
    "labelled anew after the end": (
        lambda: delivered_as(World(), OTHER_NUMBER),
        ["tracking_differs"],
    ),
    "one more package": (
        lambda: more_packages(World().send().ship().fulfil()),
        ["tracking_differs"],
    ),
    "two slips": (
        lambda: (
            World()
            .send()
            .ship({"CUP": 2}, number=OTHER_NUMBER)
            .fulfil({"MUG": 2})
            .ship({"TEE": 1}, "1001-2", OTHER_NUMBER)
            .fulfil({"TEE": 1}, "1001-2")
        ),
        ["tracking_differs", "tracking_differs"],
    ),
    "labelled anew, after a person put another fulfilment in its place": (
        lambda: (
            World()
            .send()
            .ship(number=OTHER_NUMBER)
            .fulfil()
            .cancel_fulfilment()
            .fulfil(slip=None, number="by courier")
        ),
        ["tracking_differs"],
    ),
    "rest": (
        lambda: (
            rest()
            .send()
            .ship(slip="shipment", number=OTHER_NUMBER)
            .fulfil(slip="shipment")
            .complete()
        ),
        ["tracking_differs"],
    ),
    # near misses
    "the same": (lambda: World().send().ship().fulfil(), []),
    "where nobody tracks": (
        lambda: World(rules=make_rules(is_tracked=False)).send().ship(number=OTHER_NUMBER).fulfil(),
        [],
    ),
    "told since": (
        lambda: (
            World()
            .send()
            .ship(number=OTHER_NUMBER)
            .fulfil()
            .slip("1001-1", PickSlipState.DONE, fulfilment_id="f1", tracking_code=OTHER_NUMBER)
        ),
        [],
    ),
    "looked at a moment ago": (
        lambda: World().send().ship(number=OTHER_NUMBER).fulfil().tracked(LATELY),
        ["moving"],
    ),
    "left a moment ago": (
        lambda: World().send().ship(number=OTHER_NUMBER, at=LATELY).fulfil(),
        ["moving"],
    ),
    "covered by a fulfilment of a person's, and told": (
        lambda: (
            World()
            .send()
            .ship()
            .fulfil(slip=None, number="by courier")
            .slip("1001-1", PickSlipState.COVERED)
        ),
        [],
    ),
    "a person put another fulfilment in its place, after the customer was told": (
        lambda: (
            World()
            .send()
            .ship()
            .fulfil()
            .cancel_fulfilment()
            .fulfil(slip=None, number="by courier")
        ),
        [],
    ),
    "labelled anew, and its fulfilment was cancelled": (
        lambda: World().send().ship(number=OTHER_NUMBER).fulfil().cancel_fulfilment(),
        ["shipped_not_fulfilled"],
    ),
    "a person put the same number in its place": (
        lambda: World().send().ship().fulfil().cancel_fulfilment().fulfil(slip=None),
        [],
    ),
}


def delivered_as(world: World, number: str) -> World:
    return world.send().ship(number=number).fulfil().complete().end()


def more_packages(world: World) -> World:
    shipment = world.there[CODE].shipments[0]
    more = replace(shipment.packages[0], tracking=OTHER_NUMBER)
    return world.record(shipments=(replace(shipment, packages=(*shipment.packages, more)),))


TABLES = {
    "paid_not_sent": PAID_NOT_SENT,
    "sent_not_in_ledger": SENT_NOT_IN_LEDGER,
    "in_ledger_not_at_warehouse": MISSING,
    "content_differs": CONTENT,
    "cancelled_here_live_there": CANCELLED_HERE,
    "cancelled_there_open_here": CANCELLED_THERE,
    "shipped_not_fulfilled": NOT_FULFILLED,
    "shipped_not_ordered": NOT_ORDERED,
    "fulfilled_not_shipped": NOT_SHIPPED,
    "tracking_differs": TRACKING,
}
CASES = [
    pytest.param(*case, id=f"{name}: {words}")
    for name, table in TABLES.items()
    for words, case in table.items()
]


@pytest.mark.parametrize(("build", "expected"), CASES)
def test_each_is_named_rightly(build: Callable[[], World], expected: list[str]) -> None:
    world = build()
    assert world.found() == expected, world.examined()

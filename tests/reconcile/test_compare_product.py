"""Every state of a side beside every state of the others: nothing that is told contradicts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from compare_kit import CODE, LATELY, World, made, make_rules

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.states import CancelState, OrderCause, OrderState, PickSlipState
from veracore_sync.ports.warehouse import LookUpFailed

_T = DifferenceType
RULES = {"oms": make_rules(), "rest": make_rules(rest=True)}
SKIPPED_FOR = (
    OrderCause.RULE,
    OrderCause.STATE,
    OrderCause.EARLY,
    OrderCause.TYPE,
    OrderCause.CHANNEL,
    OrderCause.RESOLVED,
)
ROWS: dict[str, tuple[OrderState | None, OrderCause | None]] = {
    "none": (None, None),
    **{str(state): (state, None) for state in OrderState if state is not OrderState.SKIPPED},
    **{f"skipped {cause}": (OrderState.SKIPPED, cause) for cause in SKIPPED_FOR},
}
IN_REST = ("none", "synced", "cancelled")
"""There is less to see there."""
SHOP = (
    "PaymentSettled",
    "PaymentAuthorized",
    "Modifying",
    "PartiallyShipped",
    "Shipped",
    "Delivered",
    "Cancelled",
    "OnHold",
    "missing",
)
Change = Callable[[World], object]
THERE: dict[str, Change] = {
    "absent": lambda world: world.there.clear(),
    "live": lambda world: None,
    "partly shipped": lambda world: world.ship({"CUP": 1}),
    "shipped": lambda world: world.ship(),
    "complete": lambda world: world.ship().complete(),
    "cancelled": lambda world: world.cancel_there(),
    "rest cancelled": lambda world: (
        world.ship({"CUP": 1}).complete().record(partially_cancelled=True)
    ),
    "another": lambda world: world.there.update({CODE: made(CODE, "another", {"CAP": 1})}),
    "failed": lambda world: world.failed.update(
        {CODE: LookUpFailed(Unavailable("no", upstream="veracore"))}
    ),
}
MADE: dict[str, Change] = {
    "nothing": lambda world: None,
    "ours": lambda world: world.fulfil({"MUG": 1}),
    "ours, cancelled": lambda world: world.fulfil({"MUG": 1}).cancel_fulfilment(),
    "by hand": lambda world: world.fulfil(slip=None, number="by hand"),
    "handed over": lambda world: world.slip("1001-1", PickSlipState.HANDED),
}
OF_THE_WHOLE = {
    _T.PAID_NOT_SENT,
    _T.SENT_NOT_IN_LEDGER,
    _T.IN_LEDGER_NOT_AT_WAREHOUSE,
    _T.CANCELLED_HERE_LIVE_THERE,
    _T.CANCELLED_THERE_OPEN_HERE,
}


def world_of(rules: str, row: str, shop: str, there: str, fulfilled: str) -> World:
    world = World(rules=RULES[rules]).send()
    THERE[there](world)
    if rules == "oms" or there != "another":
        MADE[fulfilled](world)
    state, cause = ROWS[row]
    if state is None:
        world.ledger = None
    else:
        world.row(state=state, cause=cause)
    if shop == "missing":
        world.in_shop = False
    elif shop == "Cancelled":
        world.cancel_here()
    elif not world.fulfilments or shop not in ("PaymentSettled", "PartiallyShipped"):
        world.state = shop
    return world


@pytest.mark.parametrize(
    ("rules", "row"), [*(("oms", row) for row in ROWS), *(("rest", row) for row in IN_REST)]
)
def test_no_two_things_are_told_that_contradict_each_other(rules: str, row: str) -> None:
    met = set()
    # Half of them for each row, and the other half for the next one.
    first = [*ROWS].index(row) % 2
    for shop, there, fulfilled in list(product(SHOP, THERE, MADE))[first::2]:
        case = (row, shop, there, fulfilled)
        seen = world_of(rules, *case).examined()
        met.add("moving" if seen.moving else "unseen" if seen.unseen else "compared")
        if not seen.is_compared:
            assert seen.differences == (), case
            continue
        types = [one.type for one in seen.differences]
        whole = OF_THE_WHOLE.intersection(types)
        assert len(types) == len(set(types)), case
        assert not whole or len(types) == 1, (case, types)
        units = {_T.SHIPPED_NOT_ORDERED, _T.CONTENT_DIFFERS}
        assert not units <= set(types), case
        if row.startswith("skipped"):
            assert not set(types) - {_T.PAID_NOT_SENT, _T.SENT_NOT_IN_LEDGER, *_recorded(types)}
        if shop == "missing":
            assert _T.PAID_NOT_SENT not in types and _T.CANCELLED_THERE_OPEN_HERE not in types
        if there == "failed" and row in ("synced", "shipped", "cancelled"):
            raise AssertionError(case)
        if shop in ("Shipped", "Delivered", "Cancelled", "missing"):
            assert _T.PAID_NOT_SENT not in types, case
    assert "compared" in met or row in ("sending", "in_doubt")


def _recorded(types: list[DifferenceType]) -> set[DifferenceType]:
    """A skipped order that is paid again, and that VeraCore has cancelled."""
    return {_T.CANCELLED_THERE_OPEN_HERE} & set(types)


@pytest.mark.parametrize("state", CancelState)
def test_an_open_cancellation_is_under_way(state: CancelState) -> None:
    is_open = state in (CancelState.WANTED, CancelState.ASKING, CancelState.UNKNOWN)
    found = World().send().cancel_here().wish(state).found()
    assert found == (["moving"] if is_open else ["cancelled_here_live_there"])


@pytest.mark.parametrize("state", ["Modifying", "ArrangingAdditionalPayment", "OnHold"])
def test_what_shipped_is_told_also_while_the_shop_keeps_the_order(state: str) -> None:
    world = World().send().ship()
    world.state = state
    assert world.found() == (["moving"] if state == "Modifying" else ["shipped_not_fulfilled"])


def test_an_order_that_nobody_has_agrees() -> None:
    world = World()
    world.in_shop = False
    assert world.found() == []
    assert world.row(updated_at=to_text(LATELY)).found() == []

"""What the act of each type does and refuses, on a ledger that knows more or less of an order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apply_kit import ApplyWorld, T, apply_world, fulfilled
from rig import HereRig

from veracore_sync.domain.errors import Category, NeedsPerson
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.orders.ids import is_derived


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplyWorld]:
    with apply_world(tmp_path_factory.mktemp("acts"), HereRig) as made:
        yield made


@pytest.fixture(autouse=True)
def unchanged_settings(world: ApplyWorld) -> Iterator[None]:
    before = dict(world.rig.env)
    yield
    world.rig.env.clear()
    world.rig.env |= before


def discovered(world: ApplyWorld, order: object, state: OrderState = OrderState.PENDING) -> None:
    """The ledger knows the order, and never sent it."""
    cause = OrderCause.RESOLVED if state is OrderState.SKIPPED else None
    found = Discovery(order.code, order.id, order.placed_at, state, cause)  # type: ignore[attr-defined]
    with world.ledger(write=True) as ledger:
        ledger.transitions.discover([found])


# ---- adopting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["unknown", "pending", "parked", "in doubt"])
def test_what_veracore_has_is_adopted_whatever_the_ledger_knows(
    world: ApplyWorld, known: str
) -> None:
    order = world.sent()
    there = world.veracore_id(order.code)
    world.forget(order.code)
    if known != "unknown":
        discovered(world, order)
    with world.ledger(write=True) as ledger:
        if known == "parked":
            ledger.transitions.park(order.code, Failure(Category.MAPPING, "no mapping"), "hash")
        if known == "in doubt":
            ledger.transitions.doubt_again(order.code, there)
    before = world.both()
    deed = world.act(T.SENT_NOT_IN_LEDGER, order.code, there)
    assert deed.sentence == f"adopted, VeraCore has it as {there}"
    assert (world.state(order.code), world.changed(before)) == ("synced", {})
    # Once more changes nothing.
    assert "by now" in world.act(T.SENT_NOT_IN_LEDGER, order.code, there).sentence


def test_it_is_adopted_under_the_renewed_id_that_veracore_has(world: ApplyWorld) -> None:
    order = world.sent()
    world.rig.control("cancel", {"order": world.veracore_id(order.code)})
    world.run("sync-tracking", "--order", order.code)
    world.run("resolve", order.code, "--new-id")
    world.run("sync-orders", "--order", order.code)
    with world.ledger() as ledger:
        renewed = ledger.orders.held([order.code])[order.code].veracore_id or ""
    assert renewed != order.code
    assert is_derived(renewed, order.code, [""])
    world.forget(order.code)
    world.act(T.SENT_NOT_IN_LEDGER, order.code, renewed)
    with world.ledger() as ledger:
        row = ledger.orders.held([order.code])[order.code]
    assert (row.state, row.veracore_id) == ("synced", renewed)


def test_what_left_before_the_ledger_was_lost_is_ended_without_another_fulfilment(
    world: ApplyWorld,
) -> None:
    order = world.sent()
    world.ship(order)
    world.run("sync-tracking", "--order", order.code)
    world.forget(order.code)
    before = world.both()
    world.act(T.SENT_NOT_IN_LEDGER, order.code, order.code)
    world.run("sync-tracking", "--order", order.code)
    assert (world.state(order.code), world.changed(before)) == ("shipped", {})


def refused(world: ApplyWorld, code: str, there: str) -> str:
    before, state = world.both(), world.state(code)
    with pytest.raises(NeedsPerson) as caught:
        world.act(T.SENT_NOT_IN_LEDGER, code, there)
    assert (world.state(code), world.changed(before)) == (state, {})
    return caught.value.message


def test_what_the_rules_do_not_allow_is_not_adopted(world: ApplyWorld) -> None:
    one, other = world.sent(), world.sent()
    for order in (one, other):
        world.forget(order.code)
    assert "reference" in refused(world, one.code, other.code)
    assert "no longer has" in refused(world, one.code, "NOWHERE")
    assert "the shop has no such order" in refused(world, "NOT-OURS", one.code)
    for state in ("PaymentAuthorized", "Cancelled"):
        world.shop.state.orders[one.id].state = state
        assert f"it is {state} in the shop" in refused(world, one.code, one.code)
    world.rig.control("cancel", {"order": other.code})
    assert "VeraCore has cancelled" in refused(world, other.code, other.code)
    discovered(world, other, OrderState.SKIPPED)
    assert "a person decided" in refused(world, other.code, other.code)
    world.shop.state.orders[one.id].state = "PaymentSettled"
    discovered(world, one)
    with world.ledger(write=True) as ledger:
        ledger.transitions.conflict(one.code, None, Failure(Category.CONFLICT, "other units"))
    assert "other units" in refused(world, one.code, one.code)
    world.forget(one.code)
    with world.ledger(write=True) as ledger:
        ledger.transitions.discover([Discovery(one.code, "999", one.placed_at)])
    assert "another order under this code" in refused(world, one.code, one.code)
    world.forget(one.code)


def test_a_second_order_under_the_code_is_a_persons(world: ApplyWorld) -> None:
    order = world.sent()
    assert "and as TWIN" in refused(world, order.code, "TWIN")


# ---- where VeraCore shows no content -------------------------------------------------------------


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplyWorld]:
    with apply_world(tmp_path_factory.mktemp("rest"), HereRig, dialect="rest") as made:
        yield made


@pytest.mark.parametrize("ledger", ["lost", "passed by", "never to be sent"])
@pytest.mark.parametrize("is_shipped", [False, True], ids=["open", "shipped"])
def test_in_rest_it_is_adopted_with_the_units_that_the_shop_shows(
    rest: ApplyWorld, ledger: str, *, is_shipped: bool
) -> None:
    order = rest.place()
    mug = order.lines[0]
    if is_shipped:
        # A hand has packed a unit, and VeraCore gets the others.
        rest.shop.state.fulfil(order, [(mug.id, 1)], "Pending", tracking="packed")
    rest.run("sync-orders", "--order", order.code)
    if is_shipped:
        rest.ship(order)
        rest.run("sync-tracking", "--order", order.code)
        assert order.state == "PartiallyShipped"
    rest.forget(order.code)
    if ledger != "lost":
        cause = OrderCause.RESOLVED if ledger == "never to be sent" else OrderCause.STATE
        found = Discovery(order.code, order.id, order.placed_at, OrderState.SKIPPED, cause)
        with rest.ledger(write=True) as opened:
            opened.transitions.discover([found])
    before = rest.both()
    if ledger == "never to be sent":
        rest.run("resolve", order.code, "--adopt", order.code)
    else:
        rest.act(T.SENT_NOT_IN_LEDGER, order.code, order.code)
    rest.run("sync-tracking", "--order", order.code)
    assert (rest.state(order.code), rest.changed(before)) == ("synced", {})
    with rest.ledger() as opened:
        known = dict(opened.holdings.known(order.code) or ())
    # Units that are added from now on are not held there, and must not be sold a second time.
    assert known == ({"MUG": 1, "TEE": 1} if is_shipped else {"MUG": 2, "TEE": 1})


def test_in_rest_an_id_that_is_not_ours_is_nobodys(rest: ApplyWorld) -> None:
    one, other = rest.sent(), rest.sent()
    for order in (one, other):
        rest.forget(order.code)
    assert "its id is not ours" in refused(rest, one.code, other.code)


# ---- sending -------------------------------------------------------------------------------------


def test_a_parked_order_is_requeued_and_sent(world: ApplyWorld) -> None:
    order = world.place()
    discovered(world, order)
    with world.ledger(write=True) as ledger:
        ledger.transitions.park(order.code, Failure(Category.MAPPING, "no mapping"), "hash")
    deed = world.act(T.PAID_NOT_SENT, order.code)
    assert (deed.sentence, deed.is_certain) == (f"sent, VeraCore has it as {order.code}", True)


def test_what_veracore_has_after_all_is_adopted_and_not_sent(world: ApplyWorld) -> None:
    order = world.sent()
    world.forget(order.code)
    discovered(world, order)
    with world.ledger(write=True) as ledger:
        ledger.transitions.doubt_again(order.code, order.code)
    world.act(T.PAID_NOT_SENT, order.code)
    assert world.state(order.code) == "synced"
    [one] = [each for each in world.rig.control("orders")["orders"] if each["id"] == order.code]
    assert one["submissions"] == 1


@pytest.mark.parametrize("state", [OrderState.CONFLICT, OrderState.CANCELLED])
def test_a_conflict_and_a_cancellation_are_a_persons(world: ApplyWorld, state: OrderState) -> None:
    order = world.place()
    discovered(world, order)
    with world.ledger(write=True) as ledger:
        if state is OrderState.CONFLICT:
            ledger.transitions.conflict(order.code, None, Failure(Category.CONFLICT, "other units"))
        else:
            ledger.transitions.cancel(order.code, order.code, "cancelled there")
    before = world.both()
    with pytest.raises(NeedsPerson) as caught:
        world.act(T.PAID_NOT_SENT, order.code)
    assert f"veracore-sync resolve {order.code}" in caught.value.message
    assert (world.state(order.code), world.changed(before)) == (state, {})
    world.shop.state.cancel(world.shop.state.orders[order.id])


def test_a_backlog_is_not_sent_one_by_one(world: ApplyWorld) -> None:
    order = world.place()
    world.rig.env |= {
        "VERACORE_SYNC_LEDGER__PATH": str(world.rig.folder / "fresh.db"),
        "VERACORE_SYNC_ORDERS__MAX_FIRST_RUN": "1",
    }
    before = world.both()
    with pytest.raises(NeedsPerson, match="many are waiting"):
        world.act(T.PAID_NOT_SENT, order.code)
    assert world.changed(before) == {}


# ---- cancelling ----------------------------------------------------------------------------------


def test_where_cancelling_is_off_veracore_is_not_asked(world: ApplyWorld) -> None:
    code = world.make(T.CANCELLED_HERE_LIVE_THERE)
    world.rig.env["VERACORE_SYNC_ORDERS__CANCEL"] = "off"
    before = world.both()
    with pytest.raises(NeedsPerson, match="is off"):
        world.act(T.CANCELLED_HERE_LIVE_THERE, code)
    assert world.changed(before) == {}
    world.forget(code)
    world.rig.env["VERACORE_SYNC_ORDERS__CANCEL"] = "ask"
    with pytest.raises(NeedsPerson, match="does not hold"):
        world.act(T.CANCELLED_HERE_LIVE_THERE, code)
    assert world.changed(before) == {}


@pytest.mark.parametrize("known", ["synced", "in doubt"])
def test_a_cancellation_there_is_recorded_once(world: ApplyWorld, known: str) -> None:
    code = world.make(T.CANCELLED_THERE_OPEN_HERE)
    if known == "in doubt":
        [order] = [one for one in world.shop.state.orders.values() if one.code == code]
        world.forget(code)
        discovered(world, order)
        with world.ledger(write=True) as ledger:
            ledger.transitions.doubt_again(code, code)
    before = world.both()
    deed = world.act(T.CANCELLED_THERE_OPEN_HERE, code, code)
    assert deed.needs_person
    assert "Cancel and refund it in the shop" in deed.sentence
    assert (world.state(code), world.changed(before)) == ("cancelled", {})
    with world.ledger() as ledger:
        assert [one.kind for one in ledger.alerts.standing() if one.code == code] == [
            "order.cancelled"
        ]
    with pytest.raises(NeedsPerson, match="has it as cancelled"):
        world.act(T.CANCELLED_THERE_OPEN_HERE, code, code)


# ---- shipments and stock -------------------------------------------------------------------------


def test_a_shipment_is_fulfilled_once_however_often_it_is_asked_for(world: ApplyWorld) -> None:
    code = world.make(T.SHIPPED_NOT_FULFILLED)
    for _ in range(2):
        world.act(T.SHIPPED_NOT_FULFILLED, code)
    [order] = [one for one in world.shop.state.orders.values() if one.code == code]
    assert fulfilled(order) == {"MUG": 2, "TEE": 1}
    assert len(order.fulfilments) == 1


def test_a_level_is_written_and_no_other(world: ApplyWorld) -> None:
    sku, before = world.make(T.STOCK_DIFFERS), world.both()
    deed = world.act(T.STOCK_DIFFERS, sku)
    assert (deed.sentence, deed.is_certain) == ("its levels were written", True)
    assert [key.split("/")[:3] for key in world.changed(before)] == [["shop", "stock", sku]]
    assert world.act(T.STOCK_DIFFERS, sku).sentence == "nothing was to write"


def test_a_guard_stays_in_force(world: ApplyWorld) -> None:
    # A ledger that never saw a full run with --allow-mass-change raises nothing.
    world.rig.env["VERACORE_SYNC_LEDGER__PATH"] = str(world.rig.folder / "other.db")
    world.rig.control("stock", {"stock": [{"sku": "HAT", "on_hand": 900}]})
    before = world.both()
    deed = world.act(T.STOCK_DIFFERS, "HAT")
    assert "the guard 'first' withheld it" in deed.sentence
    assert world.changed(before) == {}

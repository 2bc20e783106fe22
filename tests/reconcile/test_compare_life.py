"""An order's life: while all sides follow it nothing differs; one thing amiss is its own type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from compare_kit import ADDRESS, NUMBER, World, make_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.domain.states import OrderState, PickSlipState
from veracore_sync.domain.warehouse import RecordLine
from veracore_sync.jobs.orders.ids import renewed_id, warehouse_id
from veracore_sync.jobs.reconcile.account import account_of
from veracore_sync.jobs.tracking.actions import AlreadyFulfilled, Fulfil
from veracore_sync.jobs.tracking.plan import OrderPlan

RULES = [make_rules(), make_rules(id_prefix="W"), make_rules(prices="none")]
OFFERS = {"MUG": {"CUP": 1}, "TEE": {"TEE": 1}, "SET": {"CUP": 1, "SPOON": 2}}
EXAMPLES = settings(max_examples=60, deadline=None)


class Life:
    """A world in which every job does its work after each step."""

    def __init__(self, world: World, draw: Callable[[st.SearchStrategy], object]) -> None:
        self.world, self.draw = world, draw
        self.to_ship = {
            part: units * each
            for sku, units in world.units.items()
            if sku in OFFERS
            for part, each in OFFERS[sku].items()
        }
        cups = sum(world.units.get(sku, 0) for sku in ("MUG", "SET"))
        if "CUP" in self.to_ship:
            self.to_ship["CUP"] = cups
        self.slips = 0

    def step(self, name: str) -> None:
        getattr(self, name)()

    def ship(self) -> None:
        """Some parts leave in one slip."""
        part = {
            sku: self.draw(st.integers(0, units)) for sku, units in sorted(self.to_ship.items())
        }
        taken = {sku: units for sku, units in part.items() if units}
        if not taken:
            return
        self.slips += 1
        for sku, units in taken.items():
            self.to_ship[sku] -= units
        number = f"{NUMBER[:-2]}{self.slips:02}"
        self.world.ship(taken, f"{self.world.code}-{self.slips}", number)

    def track(self) -> None:
        """``sync-tracking`` as it plans: the fulfilments of all slips that have none."""
        world = self.world
        assert world.ledger is not None
        for shipment in world.there[world.id].shipments:
            if not any(one.slip == shipment.slip for one in world.ledger.slips):
                world.slip(shipment.slip, PickSlipState.OPEN)
        order = world.shop()
        assert order is not None
        account = account_of(world.ledger, order, world.there[world.id], world.rules.tracking.names)
        slips = {one.slip: one for one in world.ledger.slips}
        plan = OrderPlan(
            account.record, (), slips, account.order, world.rules.tracking, world.rules.now
        )
        skus = {line: sku for sku, line in world.lines.items()}
        for action in plan.plan():
            if isinstance(action, Fulfil):
                units = {skus[line]: count for line, count in action.lines.items()}
                world.fulfil(units, action.slip, action.tracking_code)
            elif isinstance(action, AlreadyFulfilled):
                world.slip(action.slip, PickSlipState.COVERED)

    def change_both(self) -> None:
        """A person cuts a TEE in the shop and at VeraCore."""
        world = self.world
        if world.ordered.get("TEE", 0) < 2 or self.to_ship.get("TEE", 0) < 1:
            return
        world.ordered["TEE"] -= 1
        self.to_ship["TEE"] -= 1
        lines = world.there[world.id].lines or ()
        world.record(
            lines=tuple(
                RecordLine(one.sku, one.quantity - 1) if one.sku == "TEE" else one for one in lines
            )
        )

    def end(self) -> None:
        """All has left, and VeraCore completes the order."""
        if not any(self.to_ship.values()) and self.slips:
            self.track()
            self.world.complete()
            if self.world.state == "Shipped":
                self.world.end()


@st.composite
def lives(draw: st.DrawFn) -> Life:
    units = draw(
        st.dictionaries(
            st.sampled_from(["MUG", "TEE", "SET", "GIFT"]), st.integers(1, 4), min_size=1
        ).filter(lambda units: set(units) != {"GIFT"})
    )
    rules = draw(st.sampled_from(RULES))
    world = World(
        units, rules=rules, code=draw(st.sampled_from(["1001", "O-2026-0000000000000001"]))
    )
    number = draw(st.integers(0, 2))
    id = (
        renewed_id(world.code, rules.prefixes[0], number)
        if number
        else warehouse_id(world.code, rules.prefixes[0], lambda _: False)
    )
    life = Life(world.send(id), draw)
    steps = st.sampled_from(["ship", "track", "change_both"])
    for name in draw(st.lists(steps, max_size=6)):
        life.step(name)
    life.step("track")
    life.step("end")
    return life


@EXAMPLES
@given(lives())
def test_nothing_differs_while_every_side_follows(life: Life) -> None:
    assert life.world.found() == [], life.world.examined()


# ---- one thing amiss ---------------------------------------------------------------------------


def _is_open(life: Life) -> bool:
    world = life.world
    return world.state != "Shipped" and any(world.offers())


def _lose(life: Life) -> str:
    life.world.ledger = None
    return "sent_not_in_ledger"


def _vanish(life: Life) -> str:
    life.world.there.clear()
    return "in_ledger_not_at_warehouse"


def _move(life: Life) -> str:
    life.world.address = replace(ADDRESS, street1="elsewhere")
    return "content_differs"


def _grow(life: Life) -> str:
    sku = next(sku for sku in life.world.units if sku != "GIFT")
    life.world.ordered[sku] += 1
    return "content_differs"


def _cancel_here(life: Life) -> str:
    life.world.cancel_here()
    return "cancelled_here_live_there"


def _cancel_there(life: Life) -> str:
    life.world.cancel_there()
    return "cancelled_there_open_here"


def _void_in_shop(life: Life) -> str:
    life.world.cancel_fulfilment()
    return "shipped_not_fulfilled"


def _ship_untold(life: Life) -> str:
    whole = {sku: units for sku, units in life.to_ship.items() if units}
    life.world.ship(whole, f"{life.world.code}-99")
    return "shipped_not_fulfilled"


def _ship_more(life: Life) -> str:
    life.world.ship({"TEE": 1}, f"{life.world.code}-99")
    return "shipped_not_ordered"


def _by_hand(life: Life) -> str:
    life.world.fulfil(slip=None, number="by hand")
    return "fulfilled_not_shipped"


def _relabel(life: Life) -> str:
    record = life.world.there[life.world.id]
    first = record.shipments[0]
    packages = (replace(first.packages[0], tracking="1Z999AA10999999994"),)
    life.world.record(shipments=(replace(first, packages=packages), *record.shipments[1:]))
    return "tracking_differs"


def _made(life: Life) -> bool:
    ledger = life.world.ledger
    assert ledger is not None
    return any(
        one.state is PickSlipState.DONE and one.fulfilment_id == "f1" for one in ledger.slips
    )


def _first_is_done(life: Life) -> bool:
    ledger = life.world.ledger
    assert ledger is not None
    name = f"{life.world.code}-1"
    return any(one.state is PickSlipState.DONE and one.slip == name for one in ledger.slips)


def _is_synced(life: Life) -> bool:
    ledger = life.world.ledger
    assert ledger is not None
    return ledger.row.state is OrderState.SYNCED


def _is_missing_nothing(life: Life) -> bool:
    return not any(life.to_ship.values())


AMISS: list[tuple[Callable[[Life], bool], Callable[[Life], str]]] = [
    (lambda life: True, _lose),
    (lambda life: _is_synced(life) and _is_open(life), _vanish),
    (_is_synced, _move),
    (lambda life: _is_synced(life) and not life.world.there[life.world.id].is_complete, _grow),
    (lambda life: not life.slips, _cancel_here),
    (lambda life: not life.slips, _cancel_there),
    (_made, _void_in_shop),
    (lambda life: bool(any(life.to_ship.values())), _ship_untold),
    (lambda life: "TEE" in life.world.units and not life.to_ship["TEE"], _ship_more),
    (lambda life: not life.slips, _by_hand),
    (_first_is_done, _relabel),
]


@EXAMPLES
@given(lives(), st.data())
def test_one_thing_amiss_is_named_and_nothing_else(life: Life, data: st.DataObject) -> None:
    fitting = [inject for fits, inject in AMISS if fits(life)]
    inject = data.draw(st.sampled_from(fitting))
    expected = inject(life)
    assert life.world.found() == [expected], life.world.examined()

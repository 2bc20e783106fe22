"""The planner: what a slip's fulfilment holds, and what must never be in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.clock import to_text
from veracore_sync.config import SkuSettings
from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.pick_slips import SlipRow, fresh_slip
from veracore_sync.domain.warehouse import Package, Product, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.actions import (
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    EndOrder,
    Escalate,
    Fulfil,
    Hold,
    ReportIssue,
)
from veracore_sync.jobs.tracking.carriers import Carriers, tracking_code
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import REST, shipments_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rules(**skus: object) -> Rules:
    return Rules(
        names=SkuMap(SkuSettings.model_validate(skus)),
        carriers=Carriers({}),
        states=frozenset({"PaymentSettled", "PartiallyShipped", "PartiallyDelivered"}),
        settle=timedelta(0),
        grace=timedelta(seconds=60),
    )


def package(tracking: str) -> Package:
    return Package("UPS", "UPS Ground", tracking, NOW - timedelta(hours=1), None)


def slip(number: str, units: Mapping[str, int], tracking: str | None = None) -> Shipment:
    lines = tuple(RecordLine(sku, count) for sku, count in units.items())
    return Shipment(number, lines, (package(tracking or f"1Z999AA1012345{number}"),))


def record(
    lines: Mapping[str, int],
    *slips: Shipment,
    complete: bool = False,
    cut: bool = False,
    products: Mapping[str, int] | None = None,
) -> WarehouseRecord:
    held = tuple(RecordLine(sku, count) for sku, count in lines.items())
    picked = tuple(Product(sku, count, 0) for sku, count in (products or lines).items())
    return WarehouseRecord("A", "A", held, "shipped", complete, cut, picked, slips)


def order(
    lines: Sequence[tuple[str, int]],
    *fulfilments: Fulfilment,
    state: str = "PaymentSettled",
) -> FulfilledOrder:
    made = tuple(Line(str(n), f"v{sku}", sku, count) for n, (sku, count) in enumerate(lines, 1))
    return FulfilledOrder("1", "A", state, "Regular", made, fulfilments)


def rows(told: WarehouseRecord, *known: SlipRow) -> dict[str, SlipRow]:
    found = {row.slip: row for row in known}
    for one in shipments_of(told, found):
        found.setdefault(one.slip, fresh_slip("A", "A", one.slip, (), to_text(NOW)))
    return found


def plan(
    told: WarehouseRecord, shop: FulfilledOrder, *known: SlipRow, by: Rules | None = None
) -> list[Action]:
    return OrderPlan(told, (), rows(told, *known), shop, by or rules(), NOW).plan()


def fulfils(actions: Sequence[Action]) -> list[Mapping[str, int]]:
    return [one.lines for one in actions if isinstance(one, Fulfil)]


def test_the_same_sku_on_two_lines_is_filled_in_line_order() -> None:
    told = record({"MUG": 5}, slip("1", {"MUG": 3}), slip("2", {"MUG": 2}))
    shop = order([("MUG", 2), ("MUG", 3)])
    assert fulfils(plan(told, shop)) == [{"1": 2, "2": 1}, {"2": 2}]


def test_a_slips_lines_do_not_depend_on_how_many_runs_it_took() -> None:
    told = record({"MUG": 5}, slip("1", {"MUG": 3}), slip("2", {"MUG": 2}))
    first = replace(
        fresh_slip("A", "A", "1", (), to_text(NOW)),
        state="done",
        fulfilment_id="f1",
        tracking_code="1Z999AA10123451",
    )
    made = Fulfilment("f1", "Shipped", "1Z999AA10123451", {"1": 2, "2": 1})
    shop = order([("MUG", 2), ("MUG", 3)], made, state="PartiallyShipped")
    assert fulfils(plan(told, shop, first)) == [{"2": 2}]


def test_what_is_fulfilled_by_hand_leaves_the_other_line() -> None:
    by_hand = Fulfilment("h", "Shipped", "by hand", {"1": 2})
    told = record({"MUG": 3}, slip("1", {"MUG": 3}))
    shop = order([("MUG", 2), ("MUG", 3)], by_hand, state="PartiallyShipped")
    assert fulfils(plan(told, shop)) == [{"2": 3}]


def test_an_alias_is_the_same_product() -> None:
    told = record({"10-4471": 1}, slip("1", {"10-4471 ": 1}))
    actions = plan(told, order([("TEE", 1)]), by=rules(aliases={"TEE": "10-4471"}))
    assert fulfils(actions) == [{"1": 1}]


def test_an_offer_that_is_picked_as_another_product() -> None:
    told = record(
        {"SET": 2, "MUG": 1}, slip("1", {"CUP": 4, "MUG": 1}), products={"CUP": 8, "MUG": 1}
    )
    assert fulfils(plan(told, order([("SET", 2), ("MUG", 1)]))) == [{"1": 1, "2": 1}]


def test_an_inner_leaflet_is_nobodys_business() -> None:
    told = record(
        {"MUG": 1}, slip("1", {"MUG": 1, "LEAFLET": 1}), products={"MUG": 1, "LEAFLET": 1}
    )
    (action,) = plan(told, order([("MUG", 1)]))
    assert isinstance(action, Fulfil)


def test_products_of_no_line_wait_for_the_end() -> None:
    lines = {"SET": 1, "BOX": 1}
    open_ = record(lines, slip("1", {"X": 1}), products={"X": 1, "Y": 1})
    (action,) = plan(open_, order([("SET", 1), ("BOX", 1)]))
    assert isinstance(action, Hold)
    done = replace(open_, is_complete=True)
    assert fulfils(plan(done, order([("SET", 1), ("BOX", 1)]))) == [{"1": 1, "2": 1}]


def test_units_that_veracore_never_held_are_not_fulfilled_at_its_end() -> None:
    told = record({"MUG": 1}, slip("1", {"MUG": 1}), complete=True)
    assert fulfils(plan(told, order([("MUG", 1), ("ADDED", 2)]))) == [{"1": 1}]


def test_complete_and_cut_fulfils_only_what_slips_list() -> None:
    told = record({"MUG": 3}, slip("1", {"MUG": 1}), complete=True, cut=True)
    (action,) = plan(told, order([("MUG", 3)]))
    assert isinstance(action, Fulfil)
    assert action.lines == {"1": 1}


def test_complete_without_a_slip() -> None:
    told = record({"MUG": 3}, complete=True)
    (action,) = plan(told, order([("MUG", 3)]))
    assert isinstance(action, Fulfil)
    assert (action.slip, action.lines, action.tracking_code) == (REST, {"1": 3}, "")


def test_an_intent_adopts_only_what_was_not_there_before() -> None:
    told = record({"MUG": 2}, slip("1", {"MUG": 1}, "LTL Freight"))
    intended = replace(
        fresh_slip("A", "A", "1", (), to_text(NOW)),
        state="intended",
        lines={"1": 1},
        tracking_code="LTL Freight",
        known=("f1",),
        intended_at=to_text(NOW),
    )
    before = Fulfilment("f1", "Shipped", "LTL Freight", {"1": 1})
    (action,) = plan(told, order([("MUG", 2)], before), intended)
    assert isinstance(action, Hold)
    ours = Fulfilment("f2", "Pending", "LTL Freight", {"1": 1})
    (action,) = plan(told, order([("MUG", 2)], before, ours), intended)
    assert isinstance(action, AdoptFulfilment)
    assert action.fulfilment.id == "f2"
    later = replace(intended, intended_at=to_text(NOW - timedelta(minutes=2)))
    assert fulfils(plan(told, order([("MUG", 2)], before), later)) == [{"1": 1}]


def test_our_fulfilment_that_was_cancelled_in_the_shop_is_not_made_again() -> None:
    told = record({"MUG": 1}, slip("1", {"MUG": 1}))
    added = replace(fresh_slip("A", "A", "1", (), to_text(NOW)), state="added", fulfilment_id="f1")
    gone = Fulfilment("f1", "Cancelled", "", {"1": 1})
    (action,) = plan(told, order([("MUG", 1)], gone), added)
    assert isinstance(action, Escalate)


def test_an_order_that_hangs_is_ended() -> None:
    told = record({"MUG": 2}, slip("1", {"MUG": 1}), complete=True, cut=True)
    done = replace(
        fresh_slip("A", "A", "1", (), to_text(NOW)),
        state="done",
        fulfilment_id="f1",
        tracking_code="1Z999AA10123451",
    )
    made = Fulfilment("f1", "Shipped", "1Z999AA10123451", {"1": 1})
    short = plan(told, order([("MUG", 2)], made, state="PartiallyShipped"), done)
    assert [type(one) for one in short] == [ReportIssue]
    cancelled = plan(told, order([("MUG", 1)], made, state="PartiallyShipped"), done)
    assert cancelled == [EndOrder()]


def test_what_was_added_later_is_in_no_parcel_that_shows_nothing() -> None:
    """A ledger was lost where VeraCore shows no lines: the parcel's number is all that there is."""
    parcel = Shipment("1", None, (package("1Z999AA10123451"),))
    told = replace(record({}, parcel, complete=True), lines=None, products=())
    made = Fulfilment("f1", "Shipped", "1Z999AA10123451", {"1": 2})
    shop = order([("MUG", 3)], made, state="PartiallyShipped")
    (adopted, reported) = plan(told, shop)
    assert isinstance(adopted, AdoptFulfilment)
    assert adopted.fulfilment.id == "f1"
    assert isinstance(reported, ReportIssue)
    assert reported.kind == "order.short_shipped"
    assert "no parcel with 1 x MUG" in reported.message
    (_, known) = _done(shop, rows(told), [adopted])
    again = plan(told, shop, *known.values())
    assert [type(one) for one in again] == [AlreadyFulfilled, ReportIssue]
    assert [type(one) for one in plan(told, order([("MUG", 2)]))] == [Fulfil]


def test_what_was_added_after_it_was_found_is_in_no_parcel_that_shows_nothing() -> None:
    """A ledger was restored; the shop asked for two when VeraCore's order was found, then more."""
    parcel = Shipment("1", None, (package("1Z999AA10123451"),))
    told = replace(record({}, parcel, complete=True), lines=None, products=())
    shop, wanted = order([("MUG", 3)]), (RecordLine("MUG", 2),)
    first = OrderPlan(told, (), rows(told), shop, rules(), NOW, wanted=wanted).plan()
    assert fulfils(first) == [{"1": 2}]
    (after, known) = _done(shop, rows(told), first)
    then = OrderPlan(told, (), known, after, rules(), NOW, wanted=wanted).plan()
    assert fulfils(then) == []
    reported = [one for one in then if isinstance(one, ReportIssue)]
    assert [one.kind for one in reported] == ["order.short_shipped"]
    assert "no parcel with 1 x MUG" in reported[0].message
    # Fewer than it was found with: what the shop still asks for.
    fewer = OrderPlan(told, (), rows(told), order([("MUG", 1)]), rules(), NOW, wanted=wanted)
    assert fulfils(fewer.plan()) == [{"1": 1}]


def test_codes_and_methods() -> None:
    carriers = Carriers({})
    packages = [package("1Z999AA10123456784"), package(" "), package("1Z999AA10123456784")]
    assert tracking_code(packages) == "1Z999AA10123456784"
    assert carriers.method(packages) == "UPS Ground"
    other = replace(package("x"), carrier="OTHER", service="FedEx")
    assert carriers.method([other]) == "FedEx"
    assert carriers.url(packages[0]) == "https://www.ups.com/track?tracknum=1Z999AA10123456784"
    assert carriers.url(replace(package("1234 5678 9012"), carrier="FEDEX GROUND")) is not None
    for words in ("prepaid", "LTL Freight", "SPD", "Will Call Pick Up", "", "604117"):
        assert carriers.url(package(words)) is None


SKUS = ("MUG", "TEE", "HAT")


@st.composite
def histories(draw: st.DrawFn) -> tuple[WarehouseRecord, FulfilledOrder]:
    lines = draw(
        st.lists(st.tuples(st.sampled_from(SKUS), st.integers(0, 4)), min_size=1, max_size=4)
    )
    held: Counter[str] = Counter()
    for sku, units in lines:
        held[sku] += units + draw(st.integers(-1, 1))
    slips = [
        slip(str(number), draw(st.dictionaries(st.sampled_from((*SKUS, "X")), st.integers(1, 4))))
        for number in range(draw(st.integers(0, 3)))
    ]
    made = []
    for number in range(draw(st.integers(0, 2))):
        units = {
            str(n): draw(st.integers(0, count)) for n, (_, count) in enumerate(lines, 1) if count
        }
        state = draw(st.sampled_from(("Pending", "Shipped", "Cancelled")))
        code = draw(st.sampled_from(("by hand", "", *(tracking_code(s.packages) for s in slips))))
        made.append(Fulfilment(f"h{number}", state, code, {k: v for k, v in units.items() if v}))
    kept = []
    left = Counter({str(n): count for n, (_, count) in enumerate(lines, 1)})
    for one in made:
        if not one.is_live or all(left[id] >= units for id, units in one.lines.items()):
            kept.append(one)
            left.subtract(one.lines if one.is_live else {})
    told = record(
        {sku: max(0, units) for sku, units in held.items()},
        *slips,
        complete=draw(st.booleans()),
        cut=draw(st.booleans()),
    )
    return told, order(lines, *kept)


@given(histories())
def test_never_more_than_is_ordered_and_nothing_twice(
    history: tuple[WarehouseRecord, FulfilledOrder],
) -> None:
    told, shop = history
    known = rows(told)
    for _ in range(6):
        actions = OrderPlan(told, (), known, shop, rules(), NOW).plan()
        shop, known = _done(shop, known, actions)
        fulfilled: Counter[str] = Counter()
        for one in shop.fulfilments:
            if one.is_live:
                fulfilled.update(one.lines)
        for line in shop.lines:
            assert fulfilled[line.id] <= line.quantity
        if not any(isinstance(one, Fulfil | AdoptFulfilment | AlreadyFulfilled) for one in actions):
            break
    else:
        raise AssertionError("the plan never comes to an end")
    owners = [row.fulfilment_id for row in known.values() if row.fulfilment_id]
    assert len(owners) == len(set(owners))


def _done(
    shop: FulfilledOrder, known: dict[str, SlipRow], actions: Sequence[Action]
) -> tuple[FulfilledOrder, dict[str, SlipRow]]:
    fulfilments = list(shop.fulfilments)
    after = dict(known)
    for action in actions:
        if isinstance(action, Fulfil):
            assert all(units > 0 for units in action.lines.values())
            id = f"f{len(fulfilments)}"
            fulfilments.append(Fulfilment(id, "Shipped", action.tracking_code, action.lines))
            after[action.slip] = replace(
                after[action.slip],
                state="done",
                fulfilment_id=id,
                tracking_code=action.tracking_code,
            )
        elif isinstance(action, AdoptFulfilment):
            after[action.slip] = replace(
                after[action.slip],
                state="done",
                fulfilment_id=action.fulfilment.id,
                tracking_code=action.fulfilment.tracking_code,
            )
        elif isinstance(action, AlreadyFulfilled):
            after[action.slip] = replace(after[action.slip], state="covered")
        elif isinstance(action, Escalate):
            after[action.slip] = replace(after[action.slip], state="handed")
    return replace(shop, fulfilments=tuple(fulfilments)), after

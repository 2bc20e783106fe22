"""What is looked up, what a difference says, and which command it names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from compare_kit import (
    ADDRESS,
    CODE,
    LATELY,
    LONG_AGO,
    NUMBER,
    OTHER_NUMBER,
    World,
    made,
    make_rules,
)
from test_compare_types import CASES

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import DIFFERENCES, Difference, DifferenceType
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.order_records import AttemptRow
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState, PickSlipState
from veracore_sync.domain.warehouse import Product, RecordLine
from veracore_sync.jobs.orders.ids import MAX_ABSENT, MAX_RENEWALS, renewed_ids, warehouse_id
from veracore_sync.jobs.reconcile.compare import examine_order, wanted_ids
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

RENEWED = list(renewed_ids(CODE, ""))
FIRST = [CODE, *RENEWED[:MAX_ABSENT]]
LONG = "ORDER-2026-03-0000000001"


def wanted(world: World, **seen: LookUp) -> list[str]:
    found = {one.replace("_", "-"): look_up for one, look_up in seen.items()}
    return list(wanted_ids(world.ledger, world.shop(), world.rules, found, world.listed))


WANTED: dict[str, tuple[Callable[[], World], list[str]]] = {
    "new": (World, FIRST),
    "waits": (lambda: World().row(), FIRST),
    "parked": (lambda: World().row(state=OrderState.PARKED), FIRST),
    "with a prefix": (
        lambda: World(rules=make_rules(id_prefix="W-")),
        ["W-1001", *renewed_ids(CODE, "W-")[:MAX_ABSENT]],
    ),
    "a long code": (
        lambda: World(code=LONG),
        [warehouse_id(LONG, "", lambda _: False), *renewed_ids(LONG, "")[:MAX_ABSENT]],
    ),
    "sent": (lambda: World().send(), [CODE]),
    "sent under another id": (lambda: World().send(RENEWED[0]), [RENEWED[0]]),
    "shipped": (lambda: World().send().end(), [CODE]),
    "cancelled there": (lambda: World().send().row(state=OrderState.CANCELLED), [CODE]),
    "in doubt": (lambda: World().row(state=OrderState.IN_DOUBT, veracore_id=CODE), []),
    "in doubt once, parked now": (
        lambda: (
            World()
            .row(state=OrderState.PARKED, veracore_id=RENEWED[0])
            .side(attempts=(attempt(CODE, AttemptOutcome.IN_DOUBT),))
        ),
        [RENEWED[0], *RENEWED[1:4], CODE],
    ),
    "skipped for its channel": (lambda: World().skipped(OrderCause.CHANNEL), []),
    "skipped by a person": (lambda: World().skipped(OrderCause.RESOLVED), []),
    "accepted, then skipped by a person": (
        lambda: World().send().skipped(OrderCause.RESOLVED),
        [CODE],
    ),
    "not paid": (lambda: in_state("PaymentAuthorized"), []),
    "of a type that is not sent": (lambda: World(type="Aggregate"), []),
    "set aside and ended": (
        lambda: World().send().end().row(code="1001~7", shop_code=CODE),
        [],
    ),
    "known to the ledger alone": (lambda: gone_in_shop(World().row()), FIRST),
}


def attempt(veracore_id: str, outcome: AttemptOutcome) -> AttemptRow:
    at = to_text(LONG_AGO)
    return AttemptRow(CODE, 1, veracore_id, (("CUP", 2),), at, at, outcome, None)


def in_state(state: str) -> World:
    world = World()
    world.state = state
    return world


def gone_in_shop(world: World) -> World:
    world.in_shop = False
    return world


@pytest.mark.parametrize("name", WANTED)
def test_which_ids_are_looked_up(name: str) -> None:
    build, expected = WANTED[name]
    assert wanted(build()) == expected


def test_more_ids_are_wanted_after_one_that_is_there() -> None:
    world = World().send(RENEWED[1]).cancel_there()
    dead, world.ledger = Present(world.there[RENEWED[1]]), None
    seen: dict[str, LookUp] = {one: Absent() for one in FIRST} | {RENEWED[1]: dead}
    again = list(wanted_ids(None, world.shop(), world.rules, seen))
    assert again == RENEWED[MAX_ABSENT : 2 + MAX_ABSENT]
    seen |= dict.fromkeys(again, dead)
    last = list(wanted_ids(None, world.shop(), world.rules, seen))
    assert last == RENEWED[2 + MAX_ABSENT : 5 + MAX_ABSENT]
    seen |= {one: Absent() for one in last}
    assert len(RENEWED) == MAX_RENEWALS
    assert list(wanted_ids(None, world.shop(), world.rules, seen)) == []


def test_an_id_that_was_not_looked_up_is_unseen_and_one_that_failed_too() -> None:
    world = World()
    sides = world.sides()
    left_out = replace(sides, seen=dict(list(sides.seen.items())[:-1]))
    assert examine_order(left_out, world.rules).unseen == "VeraCore was not asked about it"
    failed = LookUpFailed(Unavailable("no", upstream="veracore"))
    world.failed = {FIRST[-1]: failed}
    assert world.examined().unseen == "VeraCore gives no usable answer about it"
    unread = replace(sides, shop_unread="its lines")
    assert examine_order(unread, world.rules).unseen == "its lines"


# ---- commands ------------------------------------------------------------------------------------


def lost() -> World:
    world = World().send()
    world.ledger = None
    return world


REPAIRS: dict[str, tuple[Callable[[], World], str]] = {
    "new": (World, "sync-orders --order 1001"),
    "waits": (lambda: World().row(), "sync-orders --order 1001"),
    "failed": (lambda: World().row(state=OrderState.FAILED), "retry 1001"),
    "parked": (lambda: World().row(state=OrderState.PARKED), "retry 1001"),
    "conflict": (lambda: World().row(state=OrderState.CONFLICT), "resolve 1001 --new-id"),
    "lost": (lost, "reconcile --apply sent_not_in_ledger --order 1001"),
    "lost, and cancelled in the shop": (lambda: lost().cancel_here(), ""),
    "parked, there, and cancelled in the shop": (
        lambda: World().send().row(state=OrderState.PARKED).cancel_here(),
        "resolve 1001 --adopt 1001",
    ),
    "conflict, and there": (
        lambda: World().send().row(state=OrderState.CONFLICT),
        "resolve 1001 --adopt 1001",
    ),
    "cancelled here": (lambda: World().send().cancel_here(), "cancel 1001"),
    "cancelled here, where it cannot be asked": (
        lambda: World(rules=make_rules(rest=True)).send().cancel_here(),
        "",
    ),
    "cancelled there": (lambda: World().send().cancel_there(), "sync-tracking --order 1001"),
    "cancelled there, and recorded": (
        lambda: World().send().cancel_there().row(state=OrderState.CANCELLED),
        "",
    ),
    "shipped": (lambda: World().send().ship(), "sync-tracking --order 1001 --force"),
    "shipped, while it is changed": (lambda: in_own_state(World().send().ship()), ""),
    "shipped, in a person's fulfilment": (
        lambda: World().send().ship().fulfil(slip=None, state="Pending"),
        "",
    ),
    "shipped, in a fulfilment whose answer was lost": (
        lambda: answer_lost(World().send().ship().complete()),
        "sync-tracking --order 1001 --force",
    ),
    "shipped, in a person's fulfilment beside an intent that knew it": (
        lambda: answer_lost(World().send().ship().complete(), known=("f1",)),
        "",
    ),
    "relabelled": (
        lambda: World().send().ship(number=OTHER_NUMBER).fulfil(),
        "sync-tracking --order 1001 --force",
    ),
}


def answer_lost(world: World, known: tuple[str, ...] = ()) -> World:
    """The request that made the fulfilment was answered by nobody."""
    world.fulfil(slip=None, state="Pending")
    lines = world.fulfilments[0].lines
    return world.slip("1001-1", PickSlipState.INTENDED, lines=lines, known=known)


def in_own_state(world: World) -> World:
    world.state = "OnHold"
    return world


@pytest.mark.parametrize("name", REPAIRS)
def test_the_command_that_repairs_it(name: str) -> None:
    build, expected = REPAIRS[name]
    (found,) = build().examined().differences
    assert found.repair == expected
    assert found.repair or DIFFERENCES[found.type].by_hand


# ---- evidence ------------------------------------------------------------------------------------


def all_differences() -> list[Difference]:
    return [one for case in CASES for one in case.values[0]().examined().differences]  # type: ignore[operator]


def test_evidence_names_nobody_and_is_one_line() -> None:
    found = all_differences()
    assert {one.type for one in found} == set(DifferenceType) - {
        DifferenceType.ALLOCATED_SHORT,
        DifferenceType.STOCK_DIFFERS,
        DifferenceType.FOREIGN_AT_WAREHOUSE,
    }
    for one in found:
        for text in (one.ledger, one.shop, one.warehouse, one.detail, one.repair):
            assert text.isprintable()
            for private in (ADDRESS.full_name, ADDRESS.street1, "2 Main St", ADDRESS.city):
                assert private not in text
        assert one.ledger and one.shop and one.warehouse


def test_evidence_stays_as_long_as_the_sides_do() -> None:
    """A day later it is the same, or what was accepted would be news."""
    world = World().send().ship()
    (before,) = world.examined().differences
    world.rules = make_rules(now=world.rules.now.replace(day=21))
    world.row(updated_at=to_text(LATELY), checked_at=to_text(LATELY))
    (after,) = world.examined().differences
    assert (after.mark, after.key) == (before.mark, before.key)


def test_evidence_of_a_shipment_that_nobody_was_told_of() -> None:
    (found,) = World().send().ship({"CUP": 1}).examined().differences
    assert found.ledger == "synced as 1001"
    assert found.shop == "PaymentSettled, 2 x MUG, 1 x TEE"
    assert found.warehouse == (
        "1001: shipped, 2 x CUP, 1 x TEE, slip 1001-1 has left; not fulfilled: 1 x MUG"
    )
    assert (found.since, found.veracore_id, found.detail) == (LONG_AGO, CODE, "")


def test_evidence_of_what_the_shop_changed() -> None:
    world = World().send()
    world.ordered["MUG"], world.method = 1, "express"
    (found,) = world.examined().differences
    assert found.shop == (
        "PaymentSettled, 1 x MUG, 1 x TEE: units of MUG 2 → 1; shipping method standard → express"
    )


def test_evidence_of_what_veracore_changed() -> None:
    world = World({"MUG": 2, "SET": 1}).send()
    world.record(lines=(RecordLine("CUP", 1), RecordLine("SET", 1), RecordLine("CAP", 4)))
    (found,) = world.examined().differences
    assert found.shop == "PaymentSettled, 2 x MUG, 1 x SET"
    assert found.warehouse == (
        "1001: processed, 4 x CAP, 1 x CUP, 1 x SET: 4 of CAP, not 0; 1 of CUP, not 2"
    )
    world = World({"SET": 2}).send()
    world.record(partially_cancelled=True, products=(Product("CUP", 2, 1), Product("SPOON", 4, 2)))
    (found,) = world.examined().differences
    assert found.warehouse == "1001: processed, 2 x SET: 1 x CUP cancelled; 2 x SPOON cancelled"


def test_evidence_of_another_order_under_its_id() -> None:
    for world in (World(), World().send()):
        world.there[CODE] = made(CODE, "another", {"CAP": 9})
        (found,) = world.examined().differences
        assert found.warehouse == "1001 is another order there"


def test_evidence_of_a_fulfilment_that_is_not_finished() -> None:
    world = World().send().ship().complete().fulfil(slip=None, state="Pending")
    (found,) = world.examined().differences
    assert found.shop == "PaymentSettled, 2 x MUG, 1 x TEE, in fulfilment f1 (Pending)"


def test_evidence_of_another_label() -> None:
    (found,) = World().send().ship(number=OTHER_NUMBER).fulfil().examined().differences
    assert found.shop == f"Shipped, fulfilment f1, {NUMBER}"
    assert found.warehouse == f"1001, slip 1001-1: {OTHER_NUMBER}"
    assert found.detail == "1001-1"


def test_a_second_order_is_told_apart_by_its_id() -> None:
    world = World().send()
    at = to_text(LONG_AGO)
    first = AttemptRow(CODE, 1, RENEWED[0], (), at, None, AttemptOutcome.IN_DOUBT, None)
    world.there[RENEWED[0]] = replace(world.there[CODE], id=RENEWED[0])
    assert world.ledger is not None
    world.side(attempts=(first, *world.ledger.attempts))
    (found,) = world.examined().differences
    assert (found.detail, found.veracore_id, found.repair) == (RENEWED[0], RENEWED[0], "")


def test_reasons_name_nothing_of_the_order_so_that_orders_are_counted_by_them() -> None:
    seen = [case.values[0]().examined() for case in CASES]  # type: ignore[operator]
    reasons = {one.unseen or one.moving for one in seen} - {""}
    assert 8 < len(reasons) < 25
    assert not [one for one in reasons if any(digit.isdigit() for digit in one)]


def test_the_page_has_a_section_for_each_type_and_names_its_commands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reconcile.md").read_text()
    sections = dict(re.findall(r"(?ms)^### (\w+)\n(.*?)(?=^##|\Z)", page))
    assert set(sections) == {str(one) for one in DifferenceType}
    for type, entry in DIFFERENCES.items():
        section = " ".join(sections[type].split())
        assert len(section) > 200, type
        assert entry.repair.split(" NAME")[0] in section, type
    for build, command in REPAIRS.values():
        (found,) = build().examined().differences
        words = command.replace("1001", "CODE").replace("--adopt CODE", "--adopt ID")
        assert words in " ".join(sections[found.type].split()), command

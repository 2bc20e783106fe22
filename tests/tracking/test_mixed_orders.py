"""Orders with units that VeraCore never has (``skus.exclude``): when they have ended, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from test_tracking_plan import NOW, fulfils, order, plan, record, rules, slip
from tracking_world import World, world

from veracore_sync.clock import to_text
from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.pick_slips import fresh_slip
from veracore_sync.jobs.tracking import execute, requests
from veracore_sync.jobs.tracking.actions import Action, Close, Fulfil, ReportIssue
from veracore_sync.jobs.tracking.slips import EXCLUDED
from veracore_sync.jobs.tracking.targets import Targets

NUMBER = "1Z999AA10123456784"
OTHER = "1Z999AA10123456785"


@contextmanager
def mixed(folder: Path, fulfil: str = "never", **env: str) -> Iterator[World]:
    wanted = {
        "VERACORE_SYNC_SKUS__EXCLUDE": '["POSTER"]',
        "VERACORE_SYNC_TRACKING__FULFIL_EXCLUDED": fulfil,
    }
    with world(folder, **wanted, **env) as made:
        yield made


@pytest.fixture(params=["oms", "rest"])
def never(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with mixed(tmp_path, dialect=request.param) as made:
        yield made


@pytest.fixture(params=["oms", "rest"])
def with_last(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with mixed(tmp_path, "with_last", dialect=request.param) as made:
        yield made


def event_kinds(bed: World) -> list[str]:
    return [kind for kind, _, _ in bed.events() if kind.startswith(("order.", "tracking."))]


def test_never_ends_the_order_without_the_rest(never: World) -> None:
    order = never.place(("MUG", 2), ("POSTER", 1))
    never.send()
    never.ship(order, tracking=NUMBER)
    result = never.track()
    assert never.fulfilments(order) == [("Shipped", NUMBER, {"MUG": 2})]
    assert never.order(order).state == "PartiallyShipped"
    assert never.state(order) == "shipped"
    assert [one.what for one in result.outcomes] == ["fulfilled", "shipped"]
    assert "1 x POSTER is left to the shop" in result.outcomes[-1].detail
    row = never.parts.ledger.orders.get(order.code)
    assert row is not None
    assert "1 x POSTER" in (row.error_message or "")
    assert row.error_class is None
    for _ in range(3):
        never.clock.forward(hours=2)
        never.reopen()
        assert never.track().checked == 0, "nothing of it is looked up again"
    assert never.slip_states(order) == ["done"]
    assert never.run_orders().needs_person == []


def test_with_last_brings_the_order_to_shipped(with_last: World) -> None:
    order = with_last.place(("MUG", 2), ("POSTER", 1))
    with_last.send()
    with_last.ship(order, tracking=NUMBER)
    with_last.track()
    assert with_last.fulfilments(order) == [
        ("Shipped", NUMBER, {"MUG": 2}),
        ("Shipped", "", {"POSTER": 1}),
    ]
    assert with_last.order(order).state == "Shipped"
    assert with_last.state(order) == "shipped"
    assert event_kinds(with_last).count("order.shipped") == 1
    methods = {one.method for one in with_last.order(order).fulfilments}
    assert len(methods) == 1, "both name the carrier"
    with_last.clock.forward(hours=2)
    with_last.reopen()
    assert with_last.track().updated == 0


def test_only_after_the_last_shipment(tmp_path: Path) -> None:
    with mixed(tmp_path, "with_last") as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.ship(order, [("MUG", 1)], NUMBER)
        bed.track()
        assert bed.fulfilments(order) == [("Shipped", NUMBER, {"MUG": 1})]
        bed.ship(order, [("MUG", 1)], OTHER)
        bed.track()
        assert bed.fulfilments(order)[1:] == [
            ("Shipped", OTHER, {"MUG": 1}),
            ("Shipped", "", {"POSTER": 1}),
        ]


class Died(BaseException):
    """The process ends here."""


GAPS = ("fulfilment intended", "fulfilment added", "fulfilment recorded", "fulfilment shipped")


@pytest.mark.parametrize("gap", GAPS)
def test_a_crash_makes_no_second_fulfilment(tmp_path: Path, gap: str) -> None:
    with mixed(tmp_path, "with_last") as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.ship(order, tracking=NUMBER)
        passed = 0

        def hit(name: str) -> None:
            nonlocal passed
            passed += name == gap
            if name == gap and passed == 2:  # the first is that of the package
                raise Died

        with (
            patch.object(execute, "pass_failpoint", hit),
            patch.object(requests, "pass_failpoint", hit),
            pytest.raises(Died),
        ):
            bed.track()
        for _ in range(3):
            bed.clock.forward(minutes=21)
            bed.reopen()
            bed.track()
        assert bed.fulfilments(order) == [
            ("Shipped", NUMBER, {"MUG": 2}),
            ("Shipped", "", {"POSTER": 1}),
        ]
        assert bed.state(order) == "shipped"
        assert not bed.parts.ledger.alerts.standing()


@pytest.mark.parametrize("state", ["Shipped", "Pending"])
@pytest.mark.parametrize("fulfil", ["never", "with_last"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_person_fulfils_the_excluded_units(
    tmp_path: Path, state: str, fulfil: str, when: str
) -> None:
    with mixed(tmp_path, fulfil) as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        if when == "before":
            bed.shop.state.fulfil(bed.order(order), [("POSTER", 1)], state=state)
        bed.ship(order, tracking=NUMBER)
        bed.track()
        if when == "after" and fulfil == "never":
            bed.shop.state.fulfil(bed.order(order), [("POSTER", 1)], state=state)
        bed.clock.forward(hours=1)
        bed.reopen()
        assert bed.track().errors == 0
        assert bed.state(order) == "shipped"
        units = [units for _, _, units in bed.fulfilments(order)]
        assert sorted(units, key=str) == [{"MUG": 2}, {"POSTER": 1}]
        assert not bed.parts.ledger.alerts.standing()


def test_a_ledger_that_covered_it_before_ends_in_the_next_run(tmp_path: Path) -> None:
    with mixed(tmp_path) as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.ship(order, tracking=NUMBER)
        bed.track()
        bed.parts.ledger.database.connection.execute("UPDATE orders SET state = 'synced'")
        bed.parts.ledger.shipments.looked(
            order.code, order.code, reference="", rows=None, seen={"rest": ()}
        )
        (rest,) = [
            one for one in bed.parts.ledger.shipments.slips_of(order.code) if one.slip == "rest"
        ]
        bed.parts.ledger.shipments.cover(rest, "")
        bed.track()
        assert bed.state(order) == "shipped"


def test_a_shipment_after_the_end_is_still_fulfilled(tmp_path: Path) -> None:
    with mixed(tmp_path) as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.ship(order, tracking=NUMBER)
        bed.track()
        assert bed.state(order) == "shipped"
        (made,) = bed.order(order).fulfilments
        bed.ship(order, [("MUG", 1)], OTHER, beyond=True)
        result = bed.track()
        assert any("more than was ordered" in one for one in result.needs_person)
        assert made.state == "Shipped"


def test_units_added_in_the_shop_after_the_end_are_told(tmp_path: Path) -> None:
    with mixed(tmp_path) as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.ship(order, tracking=NUMBER)
        bed.track()
        bed.run_orders()
        bed.clock.forward(minutes=5)
        state = bed.shop.state
        state.start_modify(bed.order(order))
        state.modify(bed.order(order), [("MUG", 3)])
        state.finish_modify(bed.order(order))
        told = bed.run_orders().needs_person
        assert any("MUG" in one for one in told), told


def test_refused_units_are_not_made_up(tmp_path: Path) -> None:
    """Stock of what VeraCore does not have is never raised; a person is told in the end."""
    with mixed(tmp_path, "with_last") as bed:
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        bed.shop.state.set_stock("POSTER", 0)
        bed.ship(order, tracking=NUMBER)
        bed.track()
        for _ in range(12):
            bed.clock.forward(hours=2)
            bed.reopen()
            bed.track()
        assert bed.shop.state.variant("POSTER") is not None
        assert sum(one.on_hand for one in bed.shop.state.stock("POSTER").values()) == 0
        assert [one.kind for one in bed.parts.ledger.alerts.standing()] == ["order.unfulfillable"]
        bed.shop.state.set_stock("POSTER", 5)
        bed.track(order.code, force=True)
        bed.track()
        assert bed.state(order) == "shipped"
        assert not bed.parts.ledger.alerts.standing()


# ---- the planner -------------------------------------------------------------------------------

MUGS = {"MUG": 2}
SHIPPED = Fulfilment("f1", "Shipped", NUMBER, {"1": 2})


def planned(
    *lines: tuple[str, int],
    fulfil: bool,
    made: Fulfilment = SHIPPED,
    state: str = "PartiallyShipped",
    sent: dict[str, int] | None = None,
    cut: bool = False,
) -> list[Action]:
    own = replace(
        fresh_slip("A", "A", "1", (), to_text(NOW)),
        state="done",
        fulfilment_id="f1",
        tracking_code=NUMBER,
        method="UPS Ground",
    )
    by = replace(rules(exclude=["GIFT", "PDF"]), fulfils_excluded=fulfil)
    shipped = {"MUG": sum(made.lines.values())}
    told = record(sent or MUGS, slip("1", shipped, NUMBER), complete=True, cut=cut)
    shop = order(list(lines), made, state=state)
    actions = plan(told, shop, own, by=by)
    return [one for one in actions if getattr(one, "slip", "") != "rest"]


CASES: dict[str, tuple[list[tuple[str, int]], dict[str, Any], str]] = {
    "one excluded line": ([("MUG", 2), ("GIFT", 1)], {}, "ends"),
    "two excluded lines": ([("MUG", 2), ("GIFT", 1), ("PDF", 3)], {}, "ends"),
    "cancelled to nothing": ([("MUG", 2), ("GIFT", 0)], {}, "nothing"),
    "a line added in the shop": ([("MUG", 2), ("GIFT", 1), ("TEE", 1)], {}, "nothing"),
    "more units than were sent": ([("MUG", 3), ("GIFT", 1)], {}, "nothing"),
    "in Modifying": ([("MUG", 2), ("GIFT", 1)], {"state": "Modifying"}, "nothing"),
    "sent before it was excluded": (
        [("MUG", 2), ("GIFT", 1)],
        {"sent": {"MUG": 2, "GIFT": 1}, "cut": True},
        "short",
    ),
    "units cancelled at VeraCore": (
        [("MUG", 3), ("GIFT", 1)],
        {"sent": {"MUG": 3}, "cut": True},
        "short",
    ),
    "and then cancelled in the shop": (
        [("MUG", 2), ("GIFT", 1)],
        {"sent": {"MUG": 3}, "cut": True},
        "ends",
    ),
    "a picker found too few": ([("MUG", 3), ("GIFT", 1)], {"sent": {"MUG": 3}}, "short"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fulfil", [False, True], ids=["never", "with_last"])
def test_when_an_order_ends(name: str, fulfil: bool) -> None:
    lines, more, expected = CASES[name]
    actions = planned(*lines, fulfil=fulfil, **more)
    excluded = {str(n): units for n, (sku, units) in enumerate(lines, 1) if sku in ("GIFT", "PDF")}
    if expected == "ends" and fulfil:
        assert actions == [Fulfil(EXCLUDED, excluded, "UPS Ground", "", ())]
    elif expected == "ends":
        (action,) = actions
        assert isinstance(action, Close)
        assert action.is_shipped
    else:
        assert fulfils(actions) == []
        assert not any(isinstance(one, Close) for one in actions)
        told = [one.message for one in actions if isinstance(one, ReportIssue)]
        assert bool(told) == (expected == "short"), actions
        assert all("GIFT" not in one or name.startswith("sent before") for one in told)


# ---- many of them ------------------------------------------------------------------------------


def test_three_thousand_that_wait_leave_the_look_ups_to_the_others(tmp_path: Path) -> None:
    with mixed(tmp_path) as bed:
        ledger = bed.parts.ledger
        at = "2020-01-01T00:00:00.000000Z"
        with ledger.database.transaction() as connection:
            for n in range(3000):
                _hold(connection, f"DONE{n:04}", at)
            for n in range(30):
                _hold(connection, f"OPEN{n:04}", "2025-01-01T00:00:00.000000Z")
        for n in range(3000):
            code = f"DONE{n:04}"
            ledger.shipments.looked(code, code, reference="", rows=None, seen={}, complete=True)
        looked = [row.code for row in Targets(ledger, {}, None, 25).orders()]
        assert len(looked) == 25
        assert sum(code.startswith("OPEN") for code in looked) == 20
        assert [code for code in looked if code.startswith("DONE")] == [
            f"DONE{n:04}" for n in range(5)
        ]
        last = [row.code for row in Targets(ledger, {}, None, 25, looked[:20]).orders()]
        assert sum(code.startswith("OPEN") for code in last) == 20 + 10


def _hold(connection: Any, code: str, at: str) -> None:
    connection.execute(
        "INSERT INTO orders (code, vendure_id, veracore_id, state, attempt, created_at, "
        "updated_at) VALUES (?1, ?1, ?1, 'synced', 1, ?2, ?2)",
        (code, at),
    )


def test_three_thousand_mixed_orders_are_not_looked_up_at_all(tmp_path: Path) -> None:
    """What ended needs no look-up: only the one that is open does."""
    with mixed(tmp_path) as bed:
        with bed.parts.ledger.database.transaction() as connection:
            for n in range(3000):
                _hold(connection, f"DONE{n:04}", "2020-01-01T00:00:00.000000Z")
        for n in range(3000):
            assert bed.parts.ledger.transitions.ship(f"DONE{n:04}", "the rest is the shop's")
        order = bed.place(("MUG", 2), ("POSTER", 1))
        bed.send()
        assert bed.track().checked == 1
        bed.ship(order, tracking=NUMBER)
        assert bed.track().updated == 1

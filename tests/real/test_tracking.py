"""Shipments at the simulator become fulfilments of a real Vendure, in every shape, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import real_kit
from realvendure import OrderRef, RealVendure
from rig import Rig
from sample import one_of

from veracore_sync.sandbox.server import Sandbox

ONE, TWO, THREE = "SKU-000001", "SKU-000002", "SKU-000003"


def make_rig(vendure: RealVendure, sandbox: Sandbox, folder: Path, dialect: str = "oms") -> Rig:
    rig = real_kit.make_rig(vendure, sandbox, folder, dialect)
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    return rig


@pytest.fixture(params=one_of("oms", "rest"))
def either(
    request: pytest.FixtureRequest, fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path
) -> Rig:
    return make_rig(fresh_vendure, sandbox, tmp_path, request.param)


@pytest.fixture
def pg_rig(real_vendure_pg: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    rig = make_rig(real_vendure_pg, sandbox, tmp_path)
    # The server is shared: what other tests ordered is none of this one's.
    rig.env["VERACORE_SYNC_ORDERS__NOT_BEFORE"] = datetime.now(UTC).isoformat()
    return rig


def levels(vendure: RealVendure, sku: str) -> tuple[int, int]:
    """Units on hand and allocated, over all locations."""
    found = vendure.stock(sku).values()
    return sum(one.on_hand for one in found), sum(one.allocated for one in found)


def units_fulfilled(vendure: RealVendure, orders: Iterable[OrderRef], sku: str) -> int:
    return sum(one[2].get(sku, 0) for order in orders for one in live(vendure, order))


def live(vendure: RealVendure, order: OrderRef) -> list[tuple[str, str, dict[str, int]]]:
    """(state, tracking code, units by SKU) of each live fulfilment, oldest first."""
    told = vendure.order(order)
    skus = {line["id"]: line["productVariant"]["sku"] for line in told["lines"]}
    found = []
    for one in sorted(told["fulfillments"] or (), key=lambda f: int(f["id"])):
        if one["state"] == "Cancelled":
            continue
        units: Counter[str] = Counter()
        for line in one["lines"]:
            units[skus[line["orderLineId"]]] += line["quantity"]
        found.append((one["state"], one["trackingCode"], dict(units)))
    return found


def track(rig: Rig, *arguments: str, code: int = 0, **env: str) -> Any:
    ended = rig.run("sync-tracking", "--json", *arguments, **env)
    assert ended.code == code, (ended.code, ended.out, ended.err)
    return ended.json


def parcel(tracking: str) -> dict[str, Any]:
    return {"tracking": tracking, "carrier": "UPS", "service": "UPS Ground"}


@dataclass
class Case:
    """An order, what happens to it, and what the shop must then show."""

    lines: list[tuple[str, int]]
    ships: list[tuple[list[tuple[str, int]] | None, list[str]]] = field(default_factory=list)
    expected: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)
    state: str = "Shipped"
    in_rest: bool = True
    before: Callable[[RealVendure, OrderRef], object] = lambda vendure, order: None
    meanwhile: Callable[[RealVendure, OrderRef], object] = lambda vendure, order: None
    afterwards: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    news: str = ""


def _cases() -> dict[str, Case]:
    number = iter(range(100, 1000))

    def new() -> str:
        return f"1Z999AA10123456{next(number)}"

    found: dict[str, Case] = {}
    for index in range(8):
        code = new()
        lines = [(ONE, 1 + index % 3), (TWO, 1)]
        found[f"whole {index}"] = Case(lines, [(None, [code])], [("Shipped", code, dict(lines))])
    for words in ("LTL Freight", "prepaid", "Will Call Pick Up", "1234 5678 9012"):
        found[words] = Case([(ONE, 1)], [(None, [words])], [("Shipped", words, {ONE: 1})])
    first, second = new(), new()
    found["two packages"] = Case(
        [(ONE, 2)],
        [(None, [first, second])],
        [("Shipped", f"{first}, {second}", {ONE: 2})],
        in_rest=False,
    )
    for index in range(3):
        first, second = new(), new()
        found[f"two slips {index}"] = Case(
            [(ONE, 2), (TWO, 1)],
            [([(ONE, 1)], [first]), ([(ONE, 1), (TWO, 1)], [second])],
            [("Shipped", first, {ONE: 1}), ("Shipped", second, {ONE: 1, TWO: 1})],
            in_rest=False,
        )
    found["two slips, one word"] = Case(
        [(ONE, 2)],
        [([(ONE, 1)], ["LTL Freight"]), ([(ONE, 1)], ["LTL Freight"])],
        [("Shipped", "LTL Freight", {ONE: 1})] * 2,
        in_rest=False,
    )
    for index in range(3):
        code = new()
        found[f"partial {index}"] = Case(
            [(ONE, 2), (TWO, 1)],
            [([(ONE, 1)], [code])],
            [("Shipped", code, {ONE: 1})],
            "PartiallyShipped",
            in_rest=False,
        )
    dead, good = new(), new()
    found["relabelled"] = Case(
        [(ONE, 1)],
        [(None, [dead])],
        [("Shipped", good, {ONE: 1})],
        afterwards=[("void", {"tracking": dead, "relabel": good})],
    )
    found["void"] = Case(
        [(ONE, 1)],
        [(None, [dead := new()])],
        [],
        "PaymentSettled",
        afterwards=[("void", {"tracking": dead})],
    )
    code = new()
    found["rest cancelled there"] = Case(
        [(ONE, 1), (TWO, 2)],
        [([(ONE, 1)], [code])],
        [("Shipped", code, {ONE: 1})],
        "PartiallyShipped",
        in_rest=False,
        afterwards=[("cancel", {})],
        news="VeraCore will not ship 2 x SKU-000002",
    )
    found["no package"] = Case([(ONE, 1)], [(None, [])], [("Shipped", "", {ONE: 1})])
    code = new()
    found["half by hand before"] = Case(
        [(ONE, 3)],
        [(None, [code])],
        [("Pending", "by hand", {ONE: 1}), ("Shipped", code, {ONE: 2})],
        "PartiallyShipped",
        before=lambda v, o: v.fulfil(o, [(ONE, 1)], state="Pending", tracking="by hand"),
    )
    code = new()
    found["half by hand meanwhile"] = Case(
        [(ONE, 1), (TWO, 1)],
        [([(ONE, 1)], [new()]), ([(TWO, 1)], [code])],
        [("Shipped", "by hand", {ONE: 1}), ("Shipped", code, {TWO: 1})],
        in_rest=False,
        meanwhile=lambda v, o: v.fulfil(o, [(ONE, 1)], tracking="by hand"),
    )
    code = new()
    found["our own code by hand"] = Case(
        [(ONE, 2)],
        [(None, [code])],
        [("Shipped", code, {ONE: 2})],
        meanwhile=lambda v, o, code=code: v.fulfil(o, state="Pending", tracking=code),  # type: ignore[misc]
    )
    found["cancelled in the shop"] = Case(
        [(ONE, 1)],
        [(None, [new()])],
        [],
        "Cancelled",
        meanwhile=lambda v, o: v.cancel(o),
        news="although the order is cancelled in the shop",
    )
    found["modifying"] = Case(
        [(ONE, 1)],
        [(None, [new()])],
        [],
        "Modifying",
        meanwhile=lambda v, o: v.transition(o, "Modifying"),
    )
    found["not shipped"] = Case([(THREE, 1)], [], [], "PaymentSettled")
    return found


def _play(rig: Rig, vendure: RealVendure, cases: dict[str, Case]) -> dict[str, OrderRef]:
    placed = vendure.place_orders([{"lines": case.lines} for case in cases.values()])
    orders = dict(zip(cases, placed, strict=True))
    for name, case in cases.items():
        case.before(vendure, orders[name])
    rig.run("sync-orders", "--json", "--allow-first-run")
    for name, case in cases.items():
        case.meanwhile(vendure, orders[name])
        for lines, codes in case.ships:
            body: dict[str, Any] = {
                "order": orders[name].code,
                "packages": [parcel(code) for code in codes],
            }
            if lines is not None:
                body["lines"] = [{"sku": sku, "quantity": units} for sku, units in lines]
            rig.control("ship", body)
        for path, body in case.afterwards:
            rig.control(path, {"order": orders[name].code, **body})
    return orders


def test_thirty_orders_in_every_shape(either: Rig, fresh_vendure: RealVendure) -> None:
    cases = {
        name: case for name, case in _cases().items() if case.in_rest or either.dialect == "oms"
    }
    if either.dialect == "oms":
        assert len(cases) >= 30
    orders = _play(either, fresh_vendure, cases)
    before = levels(fresh_vendure, ONE)[0] + units_fulfilled(fresh_vendure, orders.values(), ONE)

    result = track(either, code=3)
    found = {
        name: (live(fresh_vendure, order), fresh_vendure.order(order)["state"])
        for name, order in orders.items()
    }
    wanted = {name: (case.expected, case.state) for name, case in cases.items()}
    assert found == wanted
    assert result["errors"] == 0, result
    after = levels(fresh_vendure, ONE)[0] + units_fulfilled(fresh_vendure, orders.values(), ONE)
    assert after == before

    requests = len(either.requests())
    again = track(either)
    assert again["trackingUpdated"] == 0
    assert {name: live(fresh_vendure, order) for name, order in orders.items()} == {
        name: case.expected for name, case in cases.items()
    }
    if either.dialect == "oms":
        # The list, and a look at each order that is still open.
        assert len(either.requests()) - requests <= 12

    fresh_vendure.transition(orders["modifying"], "PaymentSettled")
    track(either, "--order", orders["modifying"].code)
    assert fresh_vendure.order(orders["modifying"])["state"] == "Shipped"
    if "rest cancelled there" in orders:
        ended = orders["rest cancelled there"]
        fresh_vendure.cancel(ended, [(TWO, 2)])
        track(either, "--order", ended.code)
        assert fresh_vendure.order(ended)["state"] == "Shipped"


def test_only_authorised(fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path) -> None:
    rig = make_rig(fresh_vendure, sandbox, tmp_path)
    rig.env["VERACORE_SYNC_ORDERS__TRIGGER_STATES"] = '["PaymentAuthorized", "PaymentSettled"]'
    order = fresh_vendure.place_order([(ONE, 1)], payment="authorize-only")
    rig.sync()
    rig.control("ship", {"order": order.code, "packages": [parcel("1Z999AA10123456784")]})
    track(rig)
    assert live(fresh_vendure, order) == [("Shipped", "1Z999AA10123456784", {ONE: 1})]
    assert fresh_vendure.order(order)["state"] == "PaymentAuthorized"
    fresh_vendure.settle(order)
    track(rig)
    assert fresh_vendure.order(order)["state"] == "Shipped"


@pytest.mark.parametrize(
    "gap", ["fulfilment intended", "fulfilment added", "fulfilment recorded", "fulfilment shipped"]
)
def test_killed_in_a_gap(pg_rig: Rig, real_vendure_pg: RealVendure, gap: str) -> None:
    order = real_vendure_pg.place_order([(ONE, 2)])
    pg_rig.sync()
    pg_rig.control("ship", {"order": order.code, "packages": [parcel("1Z999AA10123456784")]})
    died = pg_rig.run("sync-tracking", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert died.code == -9
    track(pg_rig)
    if gap == "fulfilment intended":
        # Nobody knows whether the shop still works on it: only the grace ends that.
        assert live(real_vendure_pg, order) == []
        with pg_rig.ledger() as ledger:
            assert ledger.shipments.slips_of(order.code)[0].state == "intended"
        return
    assert live(real_vendure_pg, order) == [("Shipped", "1Z999AA10123456784", {ONE: 2})]
    assert real_vendure_pg.order(order)["state"] == "Shipped"
    assert pg_rig.run("stats", "--json").json["orders"]["totalShipped"] == 1


def test_two_runs_at_once(pg_rig: Rig, real_vendure_pg: RealVendure) -> None:
    orders = real_vendure_pg.place_orders([{"lines": [(ONE, 1)]}] * 6)
    pg_rig.sync()
    for index, order in enumerate(orders):
        code = f"1Z999AA1012345678{index}"
        pg_rig.control("ship", {"order": order.code, "packages": [parcel(code)]})
    both = [pg_rig.start("sync-tracking") for _ in range(2)]
    codes = sorted(one.wait(60) for one in both)
    for one in both:
        one.communicate()
    assert codes in ([0, 75], [0, 0])
    assert [len(live(real_vendure_pg, order)) for order in orders] == [1] * 6
    assert {real_vendure_pg.order(order)["state"] for order in orders} == {"Shipped"}


def test_stock_too_low_in_the_shop(
    fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    rig = make_rig(fresh_vendure, sandbox, tmp_path)
    rig.control("stock", {"stock": [{"sku": ONE, "on_hand": 10}]})
    order = fresh_vendure.place_order([(ONE, 4)])
    rig.sync()
    assert rig.run("sync-inventory", "--sku", ONE, "--allow-mass-change").code == 0
    fresh_vendure.set_stock(ONE, 1)
    rig.control("ship", {"order": order.code, "packages": [parcel("1Z999AA10123456784")]})
    result = track(rig)
    assert result["stockRaised"] == [ONE]
    assert live(fresh_vendure, order) == [("Shipped", "1Z999AA10123456784", {ONE: 4})]
    assert rig.run("sync-inventory", "--sku", ONE, "--allow-mass-change").code == 0
    on_hand, allocated = levels(fresh_vendure, ONE)
    assert on_hand - allocated == 6

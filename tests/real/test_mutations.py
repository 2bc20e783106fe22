"""What staff do to an order that VeraCore has is told once, or it is written why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import graphql
import pytest
from admin_mutations import COUPON, ELSEWHERE, REFUSED, ROWS, Row, mutations, place
from real_kit import make_rig
from realvendure import OrderRef, RealVendure, Refused, StartVendure
from rig import Rig
from sample import one_of

from veracore_sync.sandbox.server import Sandbox

PAID = '["PaymentSettled", "PaymentAuthorized"]'
ABOUT_ORDERS = re.compile("order(?!ing)|payment(?!Method)|fulfil(?!lmentHandler)|refund", re.I)


def rig_of(vendure: RealVendure, sandbox: Sandbox, folder: Path) -> Rig:
    rig = make_rig(vendure, sandbox, folder)
    rig.env["VERACORE_SYNC_ORDERS__PRICES"] = "gross"
    rig.env["VERACORE_SYNC_ORDERS__TRIGGER_STATES"] = PAID
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    return rig


def is_done(vendure: RealVendure, row: Row, order: OrderRef) -> bool:
    try:
        row.act(vendure, order)
    except Refused:
        return False
    return True


def news(rig: Rig) -> dict[str, list[str]]:
    """What a run of `sync-orders` says, by order."""
    ended = rig.run("sync-orders")
    found: dict[str, list[str]] = {}
    for line in ended.err.splitlines():
        if told := re.match(r"  - (\w+): (.*)", line):
            found.setdefault(told[1], []).append(told[2])
    assert ended.code == (3 if found else 0), ended.err
    return found


def ship_some(rig: Rig, order: OrderRef) -> None:
    """VeraCore ships one unit, and `sync-tracking` fulfils it in the shop."""
    there = rig.placed()[order.code]
    lines = [{"sku": there["lines"][0]["sku"], "quantity": 1}]
    shipped = {"order": there["id"], "packages": [{"tracking": "1Z1"}], "lines": lines}
    rig.control("ship", shipped)
    assert rig.run("sync-tracking").code == 0


def check(vendure: RealVendure, sandbox: Sandbox, folder: Path) -> None:
    rig = rig_of(vendure, sandbox, folder)
    vendure.create_coupon(COUPON)
    # One after the other: several at a time may deadlock on PostgreSQL.
    orders = [place(vendure, row) for row in ROWS]
    ours = vendure.place_order([("SKU-000001", 3)])
    assert rig.sync("--allow-first-run")["submitted"] == len(ROWS) + 1
    ship_some(rig, ours)
    assert news(rig) == {}

    done = [is_done(vendure, row, order) for row, order in zip(ROWS, orders, strict=True)]
    told = news(rig)
    alerts: dict[str, list[str]] = {}
    for one in rig.run("stats", "--json").json["alerts"]:
        alerts.setdefault(one["vendureOrderCode"], []).append(one["kind"])

    expected, found = {}, {}
    for row, order, did in zip(ROWS, orders, done, strict=True):
        words = told.pop(order.code, [])
        matching = [row.told if row.told and row.told in one else one for one in words]
        found[row.name] = (did, alerts.pop(order.code, []), matching)
        kinds = [row.kind] if row.kind else []
        expected[row.name] = (row.why != REFUSED, kinds, [row.told] if row.told else [])
    assert found == expected
    assert (told, alerts) == ({}, {})

    for row, order in zip(ROWS, orders, strict=True):
        if row.then is not None:
            row.then(vendure, order)
    assert news(rig) == {}


@pytest.mark.vendure
@pytest.mark.parametrize("start", one_of("start_vendure", "start_vendure_pg"))
def test_each_is_told_or_it_is_written_why_not(
    request: pytest.FixtureRequest,
    vendure_installed: None,
    start: str,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    start_vendure: StartVendure = request.getfixturevalue(start)
    check(start_vendure(custom_fields=True), sandbox, tmp_path)


# ---- which mutations there are ------------------------------------------------------------------


def words(kind: graphql.GraphQLType, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of a type and of what it has in it: fields of inputs, members of unions."""
    named = graphql.get_named_type(kind)
    yield named.name
    if graphql.is_input_object_type(named) and named.name not in seen:
        for name, field in named.fields.items():
            yield name
            yield from words(field.type, seen | {named.name})
    if graphql.is_union_type(named):
        yield from (one.name for one in named.types)


def is_about_orders(name: str) -> bool:
    field = mutations()[name]
    found = [name, *words(field.type)]
    for argument, given in field.args.items():
        found += [argument, *words(given.type)]
    return any(ABOUT_ORDERS.search(one) for one in found)


def test_each_mutation_about_orders_has_a_row() -> None:
    named = {row.mutation for row in ROWS}
    assert {name for name in mutations() if is_about_orders(name)} <= named
    assert named <= mutations().keys()


@pytest.mark.parametrize("name", mutations())
def test_each_other_mutation_is_named_by_what_it_changes(name: str) -> None:
    if name not in {row.mutation for row in ROWS}:
        assert any(re.search(nouns, name) for nouns in ELSEWHERE.values())

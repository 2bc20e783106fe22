"""What order hooks may change, and what follows when one refuses or fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from fakes import ADDRESS, START, TELLS_LITTLE, FakeWarehouse, make_order, make_settings
from order_hook_kit import FakeHooks, Hook

from veracore_sync.domain.errors import ConfigError, HooksUnusable
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion
from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import (
    Freight,
    Party,
    RecordLine,
    Variable,
    WarehouseLine,
    WarehouseOrder,
    WarehouseRecord,
)
from veracore_sync.jobs.orders.document import action_document
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.order_hooks import RefuseOrder, add_line, set_variable
from veracore_sync.ports.order_hooks import HookSilent

SKUS = {"hook_skus": ["LEAFLET"], "workers": 1}


def same(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    return rendered


def sets(**changes: Any) -> Hook:
    return lambda order, rendered: replace(rendered, **changes)


def makes(make: Callable[[WarehouseOrder], WarehouseOrder]) -> Hook:
    return lambda order, rendered: make(rendered)


def refuse(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise RefuseOrder(
        f"no PO boxes for {order.customer.last_name.upper()} at {order.shipping_address.street1}, "
        f"{order.shipping_address.street1.split()[0]}, in {order.custom_fields.get('gift', '')}"
    )


def fail(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise ValueError(order.customer.last_name)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "ledger.db", settings=make_settings(orders=SKUS))
    made.shop.add(make_order("A"))
    return made


def hooked(bench: Bench, *hooks: Hook, version: str = "1.2") -> None:
    bench.order_hooks = FakeHooks(
        {f"hook-{n}": one for n, one in enumerate(hooks, start=1)}, version
    )


def sent(bench: Bench, code: str = "A") -> WarehouseOrder:
    return bench.warehouse.sent[code.casefold()]


# ---- what may be changed ------------------------------------------------------------------------


def test_hooks_run_in_the_sequence_of_the_setting(bench: Bench) -> None:
    add = makes(lambda one: replace(one, comment=one.comment + "b"))
    hooked(bench, sets(comment="a"), add)
    bench.run()
    assert sent(bench).comment == "ab"
    assert bench.state("A") == "synced"


CHANGES: dict[str, Any] = {
    "po_number": "PO 7",
    "comment": "ring twice",
    "ship_comments": "gift",
    "needed_by": date(2026, 12, 24),
    "release_date": date(2026, 12, 1),
    "rush": True,
    "discount_code": "WEB10",
    "variables": (Variable("Group", "Wholesale"),),
    "freight": Freight(carrier="UPS", service="Ground"),
    "ship_to": Party("Kim", "Other", "", "1 Road", "", "Austin", "TX", "78701", "US"),
    "ordered_by": Party(last_name="Example"),
    "bill_to": Party(last_name="Payer"),
}


def test_everything_else_may_be_changed(bench: Bench) -> None:
    hooked(bench, sets(**CHANGES))
    bench.run()
    assert {name: getattr(sent(bench), name) for name in CHANGES} == CHANGES


def test_what_a_hook_writes_is_cleaned_as_every_text(bench: Bench) -> None:
    hooked(
        bench,
        makes(lambda one: set_variable(one, " Group\t", "  Whole\u200bsale \n ")),
        makes(lambda one: replace(one, ship_to=replace(one.ship_to, city=" Austin\x00 "))),
        makes(lambda one: set_variable(one, "group", "Retail")),
        makes(lambda one: set_variable(one, "Empty", " ")),
    )
    bench.run()
    assert sent(bench).variables == (Variable("group", "Retail"),)
    assert sent(bench).ship_to.city == "Austin"


REFUSED: dict[str, tuple[Hook, str]] = {
    "id": (sets(id="X"), "it changes id, which a hook may not"),
    "reference": (sets(reference="X"), "it changes reference"),
    "placed_at": (sets(placed_at=None), "it changes placed_at"),
    "shipping_charge": (sets(shipping_charge=Decimal(0)), "it changes shipping_charge"),
    "extra_charge": (sets(extra_charge=Decimal(1)), "it changes extra_charge"),
    "a line less": (makes(lambda one: replace(one, lines=one.lines[:1])), "the shop's lines"),
    "other units": (
        makes(lambda one: replace(one, lines=tuple(replace(x, quantity=9) for x in one.lines))),
        "it changes the shop's lines",
    ),
    "an offer that is not named": (
        makes(lambda one: add_line(one, "MUG")),
        "an offer that orders.hook_skus does not name",
    ),
    "no units": (makes(lambda one: add_line(one, "LEAFLET", 0)), "a line of 0 units"),
    "a price": (
        makes(
            lambda one: replace(one, lines=(*one.lines, WarehouseLine(3, "LEAFLET", 1, Decimal(1))))
        ),
        "a line with a price",
    ),
    "no street": (
        makes(lambda one: replace(one, ship_to=replace(one.ship_to, address1=" "))),
        "its ship_to has no street",
    ),
    "freight of two kinds": (
        sets(freight=Freight(carrier="UPS", code="U11")),
        "exactly one of carrier, code and shipping_option",
    ),
    "a service alone": (sets(freight=Freight(code="U11", service="x")), "without a carrier"),
    "half a third party": (
        sets(freight=Freight(code="U11", third_party_type=4)),
        "only one of third_party_type and third_party_account",
    ),
    "a third party that is none": (
        sets(freight=Freight(code="U11", third_party_type=9, third_party_account="x")),
        "a third_party_type that is none",
    ),
    "a long comment": (sets(comment="x" * 256), "its comment has more than 255 characters"),
    "long ship comments": (sets(ship_comments="x" * 256), ": ship_comments has more than 255"),
    "a long variable": (
        makes(lambda one: set_variable(one, "Gift", "x" * 256)),
        ': the variable "Gift" has more',
    ),
    "a variable without a name": (sets(variables=(Variable(" ", "x"),)), "has no name"),
    "a variable twice": (
        sets(variables=(Variable("Gift", "x"), Variable("GIFT", "y"))),
        "two variables have the same name",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_hook_may_not_make_parks_the_order_by_name(bench: Bench, name: str) -> None:
    hook, told = REFUSED[name]
    hooked(bench, same, hook)
    bench.shop.add(make_order("B"))
    bench.run()
    row = bench.row("A")
    assert (row.state, row.error_class) == ("parked", "hook")
    assert row.error_message is not None
    assert row.error_message.startswith(
        "the order hook hook-2 makes an order that cannot be sent: "
    )
    assert told in row.error_message
    assert bench.warehouse.submissions == {}


def test_a_dialect_without_the_fields_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.db", warehouse=FakeWarehouse(capabilities=TELLS_LITTLE))
    bench.shop.add(make_order("A"))
    hooked(bench, sets(ship_comments="gift"))
    bench.run()
    message = bench.row("A").error_message or ""
    assert "it sets ship_comments, which the dialect in use does not have" in message


# ---- refused, failed ----------------------------------------------------------------------------


def only(code: str, hook: Hook) -> Hook:
    return lambda order, rendered: hook(order, rendered) if order.code == code else rendered


def test_a_refused_order_is_parked_and_the_others_go(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.shop.add(make_order("B"))
    bench.shop.add(make_order("A", custom_fields={"gift": "Dear old Zora"}))
    hooked(bench, only("A", refuse))
    bench.run()
    row = bench.row("A")
    assert (row.state, row.error_class, bench.state("B")) == ("parked", "validation", "synced")
    assert row.error_message == (
        "the order hook hook-1 refuses it: no PO boxes for … at …, …, in …"
    )
    (alert,) = [one for one in bench.ledger.alerts.standing() if one.code == "A"]
    assert alert.kind == "order.parked"
    assert isinstance(bench.path, Path)
    kept = b"".join(one.read_bytes() for one in bench.path.parent.iterdir())
    for text in ("Zora", ADDRESS.street1, "Example", "EXAMPLE"):
        assert text.encode() not in kept
        assert text not in caplog.text


def test_a_hook_that_fails_parks_one_order_and_says_nothing_of_it(bench: Bench) -> None:
    bench.shop.add(make_order("B"))
    hooked(bench, only("A", fail))
    bench.run()
    row = bench.row("A")
    assert (row.state, row.error_class, bench.state("B")) == ("parked", "hook", "synced")
    assert row.error_message == "the order hook hook-1 failed: ValueError at a place"


def test_a_parked_order_is_planned_again_when_the_hook_is_another(bench: Bench) -> None:
    hashes = []
    for version in ("1.2", "1.2", "1.3"):
        hooked(bench, fail, version=version)
        bench.run()
        hashes.append(bench.row("A").settings_hash)
    assert hashes[0] == hashes[1] != hashes[2]
    hooked(bench, same, version="1.4")
    bench.run()
    assert bench.state("A") == "synced"


def test_a_hook_that_cannot_be_run_stops_sending_and_nothing_else(bench: Bench) -> None:
    hooked(bench, same, version="broken")
    _, error = bench.stopped()
    assert isinstance(error, ConfigError)
    assert (bench.state("A"), bench.warehouse.submissions) == ("pending", {})
    with pytest.raises(ConfigError):
        bench.run(dry_run=True)


def dies(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise HooksUnusable("the order hook hook-1 ended its process, for 3 orders in a row")


@pytest.mark.parametrize(("hook", "version"), [(same, "broken"), (dies, "1.2")])
def test_doubts_end_and_what_the_shop_cancelled_is_cancelled_whatever_hooks_do(
    bench: Bench, hook: Hook, version: str
) -> None:
    bench.settings = make_settings(orders={**SKUS, "cancel": "auto"})
    bench.run()
    # As a run leaves it that was killed while its request was on the way.
    bench.shop.add(make_order("B"))
    bench.ledger.transitions.discover([Discovery("B", "B", None)])
    intent = Intent("B", (("MUG", 2),), "payload", "settings", ShopVersion("hash", START))
    bench.ledger.transitions.intend("B", intent)
    bench.clock.forward(seconds=1)
    bench.shop.change("A", state="Cancelled", updated_at=bench.clock.now())
    bench.shop.add(make_order("C"))
    hooked(bench, hook, version=version)
    _, error = bench.stopped()
    assert isinstance(error, HooksUnusable)
    assert bench.warehouse.looked_up.count("B") == 1
    assert bench.warehouse.asked_to_cancel == ["A"]
    assert (bench.state("C"), list(bench.warehouse.submissions)) == ("pending", ["A"])


def hangs(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise HookSilent("gave no answer in 5 s")


def states(bench: Bench, codes: str) -> list[str]:
    return [bench.state(code) for code in codes]


def test_a_hook_that_hangs_on_one_order_parks_that_one(bench: Bench) -> None:
    bench.shop.add(make_order("B"))
    hooked(bench, only("A", hangs))
    for _ in range(3):
        bench.run()
        assert states(bench, "AB") == ["parked", "synced"]
    assert bench.row("A").error_message == "the order hook hook-1 failed: gave no answer in 5 s"


def test_a_hook_that_hangs_on_every_order_parks_none(bench: Bench) -> None:
    for code in "BCDE":
        bench.shop.add(make_order(code))
    hooked(bench, hangs)
    for _ in range(3):
        _, error = bench.stopped()
        assert isinstance(error, HooksUnusable)
        assert "gave no answer in 5 s, for 3 orders in a row" in error.message
        assert states(bench, "ABCDE") == ["pending"] * 5
    assert not [one for one in bench.ledger.alerts.standing() if one.kind == "order.parked"]
    hooked(bench, same, version="1.3")
    bench.run()
    assert states(bench, "ABCDE") == ["synced"] * 5


def test_where_orders_come_one_by_one_a_hook_that_hangs_stops_parking_them(bench: Bench) -> None:
    hooked(bench, hangs)
    bench.run()
    bench.shop.add(make_order("B"))
    bench.run()
    for code in "CDE":
        bench.shop.add(make_order(code))
        _, error = bench.stopped()
        assert isinstance(error, HooksUnusable)
    assert states(bench, "ABCDE") == ["parked", "parked", "pending", "pending", "pending"]
    # Corrected under the same version.
    hooked(bench, same)
    bench.clock.forward(seconds=7200)
    bench.run()
    assert states(bench, "ABCDE") == ["synced"] * 5


def test_three_orders_that_a_hook_hangs_on_keep_no_other_back(bench: Bench) -> None:
    def some(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        return hangs(order, rendered) if order.code in "ABC" else rendered

    for code in "BC":
        bench.shop.add(make_order(code))
    hooked(bench, some)
    _, error = bench.stopped()
    assert isinstance(error, HooksUnusable)
    bench.shop.add(make_order("D"))
    bench.run()
    assert states(bench, "ABCD") == ["parked", "parked", "parked", "synced"]


def test_a_dry_run_remembers_no_hook_that_hangs(bench: Bench) -> None:
    hooked(bench, hangs)
    for _ in range(4):
        (action,) = bench.run(dry_run=True).plan or ()
        assert "gave no answer" in action_document(action)["reason"]


def test_a_dry_run_shows_what_the_hooks_make(bench: Bench) -> None:
    hooked(bench, makes(lambda one: add_line(one, "LEAFLET")))
    report = bench.run(dry_run=True)
    (action,) = report.plan or ()
    assert {"sku": "LEAFLET", "quantity": 1} in action_document(action)["lines"]
    hooked(bench, refuse)
    (action,) = bench.run(dry_run=True).plan or ()
    assert "hook-1 refuses it" in action_document(action)["reason"]


def test_what_is_said_of_an_order_that_cannot_be_sent_has_nothing_of_it(bench: Bench) -> None:
    bench.shop.add(make_order("A", custom_fields={"gift": "Dear old Zora"}))
    names = makes(lambda one: set_variable(one, "Dear old Zora", "x" * 256))
    hooked(bench, names)
    bench.run()
    message = bench.row("A").error_message or ""
    assert 'the variable "…" has more than' in message


# ---- what a hook changed is no difference -------------------------------------------------------


def test_an_added_line_is_free_and_no_change_of_the_order(bench: Bench) -> None:
    hooked(bench, makes(lambda one: add_line(one, "LEAFLET", 2)))
    bench.run()
    assert [(one.number, one.sku, one.quantity) for one in sent(bench).lines][2:] == [
        (3, "LEAFLET", 2)
    ]
    assert sent(bench).lines[2].unit_price == 0
    for _ in range(2):
        bench.clock.forward(seconds=4000)
        bench.run()
    assert bench.ledger.alerts.standing() == []
    # What the shop changes afterwards is told as ever.
    first, second = make_order("A").lines
    bench.shop.add(make_order("A", lines=(replace(first, quantity=3), second)))
    bench.run()
    (alert,) = bench.ledger.alerts.standing()
    assert alert.kind == "order.drift"
    assert "units of MUG 2 → 3" in alert.message
    assert "LEAFLET" not in alert.message


def test_without_prices_an_added_line_has_none(tmp_path: Path) -> None:
    settings = make_settings(orders={**SKUS, "prices": "none"})
    bench = Bench(tmp_path / "ledger.db", settings=settings)
    bench.shop.add(make_order("A"))
    hooked(bench, makes(lambda one: add_line(one, "LEAFLET")))
    bench.run()
    assert sent(bench).lines[2].unit_price is None


def test_an_offer_of_hooks_in_an_order_of_the_shop_parks_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.db", settings=make_settings(orders={"hook_skus": ["mug"]}))
    bench.shop.add(make_order("A"))
    bench.run()
    assert "orders.hook_skus keeps for order hooks" in (bench.row("A").error_message or "")


def test_what_a_lost_ledger_sent_is_compared_with_what_the_hooks_make(bench: Bench) -> None:
    hooked(bench, makes(lambda one: add_line(one, "LEAFLET")))
    lines = (RecordLine("MUG", 2), RecordLine("TEE", 1), RecordLine("LEAFLET", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", lines, "open")
    bench.shop.add(make_order("A", placed_at=make_order("A").placed_at.replace(year=2026, month=1)))
    report = bench.run()
    assert report.count("adopted") == 1
    assert bench.ledger.alerts.standing() == []


def test_a_person_adopts_what_a_hook_changed(bench: Bench) -> None:
    hooked(bench, fail)
    bench.run()
    lines = (RecordLine("MUG", 2), RecordLine("TEE", 1), RecordLine("LEAFLET", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", lines, "open")
    told = Resolver(bench.context()).adopt("A", "A")
    assert told.sentence == "adopted, VeraCore has it as A"
    hooked(bench, makes(lambda one: add_line(one, "LEAFLET")))
    for _ in range(2):
        bench.clock.forward(seconds=4000)
        bench.run()
    assert bench.state("A") == "synced"
    assert bench.ledger.alerts.standing() == []


def test_the_same_order_gives_the_same_hash(bench: Bench) -> None:
    hooked(bench, makes(lambda one: set_variable(one, "Group", "Retail")))
    plans = [bench.run(dry_run=True).plan for _ in range(2)]
    hashes = {action.intent.payload_hash for plan in plans for action in plan or ()}  # type: ignore[union-attr]
    assert len(hashes) == 1

"""One bad record among the good: every kind of record of sync-tracking, every way to be bad.

Whatever is wrong with it, the others are worked on in the same run; the bad one is named, asked
last and ever more rarely, and put before a person after its time; and cured it goes its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sample import sample
from tracking_world import World, world

from veracore_sync.domain.errors import RateLimited, SyncError
from veracore_sync.jobs.tracking.report import TrackingReport

BOTH = ("oms", "rest")
WHOLE = r"(?s)\A.+\Z"


@dataclass(frozen=True)
class Bad:
    """A way in which a record is bad.

    Args:
        name: For the test's id.
        at: The side that answers so.
        operation: The request whose answer is bad.
        kind: The fault's.
        pattern: What is replaced in the answer, for "rewrite".
        replacement: By what.
        dialects: Where it can be said.
        alerts: One of these is opened, at the latest after a day.
    """

    name: str
    at: str
    operation: str
    kind: str = "rewrite"
    pattern: str = ""
    replacement: str = ""
    dialects: Sequence[str] = BOTH
    alerts: Sequence[str] = ("order.unanswered",)


def element(name: str, text: str) -> tuple[str, str]:
    return f"<{name}>[^<]*</{name}>", f"<{name}>{text}</{name}>"


def look_ups() -> Iterator[Bad]:
    """``GetOrderInfo`` and the status call."""
    for operation, dialect in (("GetOrderInfo", "oms"), ("status", "rest")):
        for kind in ("fault_unlisted", "html_500", "http_403", "http_503", "reset_before"):
            yield Bad(kind, "veracore", operation, kind, dialects=(dialect,))
        for kind in ("reset_after", "truncate"):
            yield Bad(kind, "veracore", operation, kind, dialects=(dialect,))
        for name, body in {"html": "<html>", "nothing": " ", "json list": "[1]"}.items():
            yield Bad(name, "veracore", operation, "rewrite", WHOLE, body, (dialect,))
    told = {
        "a line without quantity": element("OrderQty", ""),
        "a quantity in words": element("ToShipQty", "two"),
        "half a unit": element("ToShipQty", "1.5"),
        "no quantity": ("<ToShipQty>[^<]*</ToShipQty>", ""),
        "shipped some day": element("DateShipped", "soon"),
        "shipped in the year 10000": element("DateShipped", "10000-01-01T00:00:00"),
        "shipped on a day that is none": element("DateShipped", "2026-02-30T15:57:00"),
        "a status that is neither": element("Shipped", "perhaps"),
        "void some day": element("DateVoided", "never"),
        "another order": element("OrderId", "SOMEBODYS"),
    }
    for name, (pattern, text) in told.items():
        yield Bad(name, "veracore", "GetOrderInfo", "rewrite", pattern, text, ("oms",))
    values = {
        "a status that is none": (r'"Status": "\w+"', '"Status": {"a": 1}'),
        "a list of numbers": (r'"TrackingNumber": "\w+"', '"TrackingNumber": ["1Z1", "1Z2"]'),
        "a date that is none": (r'"ShipDate": "[^"]+"', '"ShipDate": [2026, 1, 2]'),
        "another order": (r'"OrderNumber": "\w+"', '"OrderNumber": "SOMEBODYS"'),
    }
    for name, (pattern, text) in values.items():
        yield Bad(name, "veracore", "status", "rewrite", pattern, text, ("rest",))


def shop_reads() -> Iterator[Bad]:
    """The order's fulfilments in the shop."""
    kinds = ("html_500", "http_503", "http_504", "reset_before", "reset_after", "truncate")
    for kind in (*kinds, "graphql_error_coded", "graphql_error_plain"):
        yield Bad(kind, "vendure", "ReadFulfilments", kind)
    told = {
        "html": (WHOLE, "<html>"),
        "null": (WHOLE, '{"data": {"orders": null}}'),
        "not listed": (WHOLE, '{"data": {"orders": {"totalItems": 0, "items": []}}}'),
        "listed in part": (r'"totalItems": \d+', '"totalItems": 9'),
        "a quantity in words": (r'"quantity": \d+', '"quantity": "two"'),
        "half a unit": (r'"quantity": \d+', '"quantity": 0.5'),
        "no variant": (r'"productVariant": \{[^}]*\}', '"productVariant": null'),
        "no state": (r'"state": "\w+"', '"state": null'),
    }
    for name, (pattern, text) in told.items():
        yield Bad(name, "vendure", "ReadFulfilments", "rewrite", pattern, text)


def mutations() -> Iterator[Bad]:
    """What makes a fulfilment, and what ships it."""
    told = {
        "html": (WHOLE, "<html>"),
        "null": (WHOLE, '{"data": {"addFulfillmentToOrder": null}}'),
        "of no type": (r'"__typename": "\w+"', '"__typename": null'),
    }
    alerts = ("order.unanswered", "order.unfulfillable")
    for operation in ("AddFulfilment", "ShipFulfilment"):
        for kind in ("http_503", "http_504", "html_500", "reset_before"):
            yield Bad(kind, "vendure", operation, kind, alerts=alerts)
        for kind in ("graphql_error_coded", "graphql_error_plain"):
            yield Bad(kind, "vendure", operation, kind, alerts=alerts)
        # These were carried out: the next run sees that, and nobody has to be told.
        yield Bad("reset_after", "vendure", operation, "reset_after", alerts=())
        for name, (pattern, text) in told.items():
            yield Bad(name, "vendure", operation, "rewrite", pattern, text, alerts=())


TABLE = [
    (dialect, bad) for bad in (*look_ups(), *shop_reads(), *mutations()) for dialect in bad.dialects
]
CASES = [
    pytest.param(dialect, bad, id=f"{dialect}-{bad.operation}-{bad.name}".replace(" ", "_"))
    for dialect, bad in sample(
        TABLE, lambda case: ((case[0], case[1].operation), (case[1].at, case[1].name)), times=1
    )
]


@dataclass
class Case:
    """A bad order between two good ones, all shipped.

    Args:
        bed: Both ends.
        bad: What is bad.
        orders: Three, of which the first is bad.
    """

    bed: World
    bad: Bad
    orders: list[Any] = field(default_factory=list)

    @property
    def code(self) -> str:
        return str(self.orders[0].code)

    def spoil(self) -> None:
        if self.bad.at == "vendure":
            self.bed.shop.add_faults(
                [self.bad.kind],
                operations=[self.bad.operation],
                order=self.code,
                pattern=self.bad.pattern,
                replacement=self.bad.replacement,
            )
            return
        rule = {"operations": [self.bad.operation], "kinds": [self.bad.kind], "order": self.code}
        rule |= {"pattern": self.bad.pattern, "replacement": self.bad.replacement}
        self.bed.control("faults", rule)

    def cure(self) -> None:
        self.bed.shop.clear_faults()
        self.bed.control("faults", {"kinds": []})

    def run(self) -> TrackingReport:
        """A run in a process of its own."""
        self.bed.reopen()
        return self.bed.track()

    def good_ones_are_done(self) -> bool:
        return all(self.bed.state(order) == "shipped" for order in self.orders[1:])

    def alerts(self) -> list[tuple[str, str | None]]:
        return [(one.kind, one.code) for one in self.bed.parts.ledger.alerts.standing()]

    def until_told(self) -> int:
        """Runs every quarter of an hour until an alert names it; how many it took."""
        for runs in range(1, 100):
            self.bed.clock.forward(minutes=15)
            with suppress(SyncError):  # with nothing else to do, a run tells of it by its end
                self.run()
            if self.alerts():
                return runs
        raise AssertionError("nobody was told")


@contextmanager
def case(folder: Path, dialect: str, bad: Bad, **env: str) -> Iterator[Case]:
    few = {"VERACORE_SYNC_RETRY__MAX_ATTEMPTS": "3"}
    with world(folder, dialect=dialect, **few | env) as bed:
        made = Case(bed, bad)
        made.orders = [bed.place(("MUG", 1), ("TEE", 2)) for _ in range(3)]
        bed.send()
        for order in made.orders:
            bed.ship(order, tracking=f"1Z{order.code}")
        yield made


@pytest.mark.parametrize(("dialect", "bad"), CASES)
def test_it_is_named_told_and_stops_no_other(tmp_path: Path, dialect: str, bad: Bad) -> None:
    with case(tmp_path, dialect, bad) as made:
        made.spoil()
        result = made.run()
        assert made.good_ones_are_done(), result
        assert any(one.code == made.code for one in result.outcomes)
        # An answer to a transition is not needed: what became of it is seen at once.
        assert result.errors == 1 or made.bed.state(made.orders[0]) == "shipped", result
        told_after = made.until_told() if bad.alerts else 0
        assert all(code == made.code for _, code in made.alerts()), made.alerts()
        assert all(kind in bad.alerts for kind, _ in made.alerts()), made.alerts()
        assert told_after <= 24 * 4
        made.cure()
        made.bed.clock.forward(hours=2)
        made.run()
        made.bed.clock.forward(hours=2)
        made.bed.track(made.code, force=True)
        [(state, code, _)] = made.bed.fulfilments(made.orders[0])
        assert (state, code) == ("Shipped", f"1Z{made.code}")
        assert made.bed.state(made.orders[0]) == "shipped"
        assert made.alerts() == []


@pytest.mark.parametrize("dialect", BOTH)
def test_it_is_asked_last_and_ever_more_rarely(tmp_path: Path, dialect: str) -> None:
    operation = {"oms": "GetOrderInfo", "rest": "status"}[dialect]
    bad = Bad("fault", "veracore", operation, "http_403")
    with case(tmp_path, dialect, bad) as made:
        made.spoil()
        times = 0
        for number in range(40):
            fresh = made.bed.place(("MUG", 1))
            made.bed.send()
            made.bed.ship(fresh, tracking=f"1Z{fresh.code}")
            before = len(made.bed.control("requests")["requests"])
            assert made.run().updated >= 1
            told = made.bed.control("requests")["requests"][before:]
            asked = [one["order"] for one in told if one["operation"] == operation]
            if made.code in asked:
                times += 1
                assert number == 0 or asked[-1] == made.code
            made.bed.clock.forward(minutes=15)
        assert 10 <= times <= 20


@pytest.mark.parametrize("dialect", BOTH)
def test_one_that_alone_is_turned_away_as_too_much_is_asked_last(
    tmp_path: Path, dialect: str
) -> None:
    operation = {"oms": "GetOrderInfo", "rest": "status"}[dialect]
    bad = Bad("429", "veracore", operation, "http_429")
    with case(tmp_path, dialect, bad, VERACORE_SYNC_RETRY__TRIES="1") as made:
        made.spoil()
        with pytest.raises(RateLimited):
            made.run()
        made.bed.clock.forward(minutes=15)
        with pytest.raises(RateLimited):
            made.run()
        assert made.good_ones_are_done()


def of_the_bad_package(name: str) -> str:
    return f"(<{name}>)[^<]*(?=(?:(?!<{name}>).)*1ZBAD)"


BAD_PARTS = {
    "a void date": (of_the_bad_package("DateVoided"), r"\1perhaps"),
    "a ship date": (of_the_bad_package("DateShipped"), r"\1soon"),
    "units": (r"(<ProductId>TEE</ProductId>(?:(?!ProductId).)*<ToShipQty>)[^<]*", r"\1two"),
}


@pytest.mark.parametrize("part", BAD_PARTS)
@pytest.mark.parametrize("bad_first", [True, False])
def test_a_bad_slip_waits_and_the_others_of_its_order_go_on(
    tmp_path: Path, part: str, bad_first: bool
) -> None:
    pattern, replacement = BAD_PARTS[part]
    with world(tmp_path) as bed:
        order = bed.place(("MUG", 1), ("TEE", 2))
        bed.send()
        rule = {"operations": ["GetOrderInfo"], "kinds": ["rewrite"], "order": order.code}
        bed.control("faults", rule | {"pattern": pattern, "replacement": replacement})
        slips = [(("TEE", 2), "1ZBAD"), (("MUG", 1), "1Z999AA10123456784")]
        for line, tracking in slips if bad_first else reversed(slips):
            bed.ship(order, [line], tracking)
        result = bed.track()
        assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 1})]
        assert (result.updated, result.errors) == (1, 1)
        [told] = [one.detail for one in result.outcomes if one.what == "failed"]
        assert "1ZBAD" in told or "product TEE has no readable ToShipQty" in told
        assert bed.state(order) == "synced"
        for _ in range(6):
            bed.clock.forward(minutes=15)
            bed.track()
        alerts = [(one.kind, one.code) for one in bed.parts.ledger.alerts.standing()]
        assert alerts == [("order.unanswered", order.code)]
        assert len(bed.fulfilments(order)) == 1
        bed.control("faults", {"kinds": []})
        bed.clock.forward(minutes=20)
        bed.track()
        assert sorted(code for _, code, _ in bed.fulfilments(order)) == [
            "1Z999AA10123456784",
            "1ZBAD",
        ]
        assert bed.state(order) == "shipped"
        bed.track()
        assert bed.parts.ledger.alerts.standing() == []


def test_a_slip_that_is_done_is_left_alone_while_it_cannot_be_read(tmp_path: Path) -> None:
    with world(tmp_path) as bed:
        order = bed.place(("MUG", 1), ("TEE", 2))
        bed.send()
        bed.ship(order, [("TEE", 1)], "1ZBAD")
        bed.track()
        rule = {"operations": ["GetOrderInfo"], "kinds": ["rewrite"], "order": order.code}
        pattern = r"(<ProductId>TEE</ProductId>(?:(?!ProductId).)*<ToShipQty>)1<"
        bed.control("faults", rule | {"pattern": pattern, "replacement": r"\1one<"})
        bed.ship(order, [("MUG", 1)], "1Z999AA10123456784")
        bed.clock.forward(minutes=5)
        bed.track()
        assert bed.fulfilments(order) == [
            ("Shipped", "1ZBAD", {"TEE": 1}),
            ("Shipped", "1Z999AA10123456784", {"MUG": 1}),
        ]
        bed.control("faults", {"kinds": []})
        bed.ship(order, [("TEE", 1)], "1Z999AA10123456785")
        bed.clock.forward(minutes=5)
        bed.track()
        assert bed.fulfilments(order)[2] == ("Shipped", "1Z999AA10123456785", {"TEE": 1})
        assert bed.state(order) == "shipped"


@pytest.mark.parametrize("place", range(3))
def test_a_row_of_the_list_that_names_no_order(tmp_path: Path, place: int) -> None:
    with case(tmp_path, "oms", Bad("order", "veracore", "GetShippingCharge")) as made:
        code = made.orders[place].code
        rule = {"operations": ["GetShippingCharge"], "kinds": ["rewrite"]}
        pattern = f"<OrderId>{code}</OrderId>"
        made.bed.control("faults", rule | {"pattern": pattern, "replacement": ""})
        result = made.run()
        # Two by their rows, the third by the look-ups of what was not seen for longest.
        assert (result.updated, result.errors) == (3, 0)
        assert any("it names no order" in one for one in result.notices), result.notices


@pytest.mark.parametrize("place", range(3))
def test_a_row_of_the_list_with_an_unreadable_date(tmp_path: Path, place: int) -> None:
    with case(tmp_path, "oms", Bad("date", "veracore", "GetShippingCharge")) as made:
        code = made.orders[place].code
        pattern = f"(<OrderId>{code}</OrderId><DateShipped>)[^<]*"
        rule = {"operations": ["GetShippingCharge"], "kinds": ["rewrite"], "pattern": pattern}
        made.bed.control("faults", rule | {"replacement": r"\1soon"})
        assert made.run().updated == 3
        made.bed.clock.forward(minutes=15)
        assert made.run().errors == 0
        assert made.alerts() == []


@pytest.mark.parametrize("kind", ["fault_unlisted", "html_500", "truncate", "http_403"])
def test_without_the_list_orders_are_looked_up_all_the_same(tmp_path: Path, kind: str) -> None:
    with case(tmp_path, "oms", Bad(kind, "veracore", "GetShippingCharge", kind)) as made:
        made.bed.control("faults", {"operations": ["GetShippingCharge"], "kinds": [kind]})
        for _ in range(2):
            with pytest.raises(SyncError):
                made.run()
            made.bed.clock.forward(minutes=50)
        assert {made.bed.state(order) for order in made.orders} == {"shipped"}
        assert made.alerts() == []
        with pytest.raises(SyncError):
            made.run()
        # Where nothing else was answered, VeraCore as a whole is taken to be down.
        assert [kind for kind, _ in made.alerts()] in (["tracking.unlisted"], ["veracore.down"])
        made.cure()
        made.bed.clock.forward(hours=1)
        made.run()
        assert made.alerts() == []


STRANGERS = [
    pytest.param(bad, id=f"{bad.operation}-{bad.name}".replace(" ", "_"))
    for bad in sample(
        [
            bad
            for bad in (*shop_reads(), *look_ups())
            if "oms" in bad.dialects and bad.name != "not listed"
        ],
        lambda bad: (bad.operation, bad.name),
        times=1,
    )
]


@pytest.mark.parametrize("bad", STRANGERS)
def test_a_strangers_order_that_cannot_be_read(tmp_path: Path, bad: Bad) -> None:
    """The ledger was lost: to the new one they are strangers' orders, of which one is bad."""
    with case(tmp_path, "oms", bad) as made:
        made.bed.reopen(VERACORE_SYNC_LEDGER__PATH=str(tmp_path / "new.db"))
        made.spoil()
        for _ in range(2):
            with suppress(SyncError):  # read together, none of them can be read
                made.run()
            made.bed.clock.forward(minutes=15)
        assert made.good_ones_are_done()
        made.until_told()
        assert made.alerts() == [("order.unanswered", made.code)]
        # It has long left the list when it is cured.
        for _ in range(6):
            made.bed.clock.forward(days=1)
            with suppress(SyncError):
                made.run()
        made.cure()
        made.bed.clock.forward(hours=2)
        made.run()
        assert made.bed.state(made.orders[0]) == "shipped"
        assert made.alerts() == []

"""U: the units of open orders that the warehouse does not have, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes import START, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.held_orders import AcceptedOrder
from veracore_sync.domain.shop_stock import OpenLine, OpenOrder
from veracore_sync.jobs.inventory.demand import Shortage, UnheldDemand, demand
from veracore_sync.jobs.inventory.sku_map import SkuMap

READ_AT = START
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SENT_AT = to_text(START - timedelta(hours=2))
LONG_AGO = to_text(START - timedelta(hours=1))
SKUS = {
    "exclude": ["GIFT"],
    "aliases": {"SHIRT": "TEE", "OLD-BOX": "box"},
    "kits": {"BOX": {"MUG": 2, "TEA": 1}},
}
NAMES = SkuMap(make_settings(skus=SKUS).skus)


def line(sku: str, quantity: int, *fulfilled: tuple[int, datetime], id: str = "") -> OpenLine:
    return OpenLine(id or f"v-{sku}", sku, quantity, fulfilled)


def order(code: str, *lines: OpenLine, **facts: Any) -> OpenOrder:
    return OpenOrder(
        code, **{"placed_at": START - DAY, "lines": lines, "id": f"id-{code}", **facts}
    )


def accepted(code: str, *lines: tuple[str, int], **facts: Any) -> AcceptedOrder:
    given: dict[str, Any] = {"cancelled": (), "sent_at": SENT_AT, "seen_at": LONG_AGO, **facts}
    return AcceptedOrder(code, lines, **given)


def u(
    orders: Sequence[OpenOrder],
    *held: AcceptedOrder,
    not_before: datetime | None = None,
    **more: Any,
) -> UnheldDemand:
    return demand(orders, held, names=NAMES, stock_read_at=READ_AT, not_before=not_before, **more)


def parts(found: UnheldDemand) -> dict[str, int]:
    return {part: units for part, units in found.parts.items() if units}


# ---- what counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        ((line("MUG", 3),), {"mug": 3}),
        ((line("MUG", 3), line("mug ", 2)), {"mug": 5}),
        ((line("SHIRT", 2),), {"tee": 2}),
        # a kit counts as its parts, beside a part that was sold by itself
        ((line("BOX", 3),), {"mug": 6, "tea": 3}),
        ((line("BOX", 3), line("MUG", 1)), {"mug": 7, "tea": 3}),
        # so does another SKU that orders the kit's offer
        ((line("OLD-BOX", 3),), {"mug": 6, "tea": 3}),
        # what the warehouse never gets it does not owe
        ((line("GIFT", 3),), {}),
        # what was fulfilled is gone
        ((line("MUG", 3, (1, START)),), {"mug": 2}),
        ((line("MUG", 3, (1, START), (2, START)),), {}),
        ((line("MUG", 3, (4, START)),), {}),
        ((line("BOX", 3, (1, START)),), {"mug": 4, "tea": 2}),
        ((line("MUG", 0),), {}),
    ],
)
def test_an_order_that_the_warehouse_does_not_have(
    lines: tuple[OpenLine, ...], counted: dict[str, int]
) -> None:
    found = u([order("A", *lines)])
    assert parts(found) == counted
    assert (found.short, found.unjudged, found.unread, found.unbounded) == ({}, set(), {}, False)


def test_orders_add_up() -> None:
    found = u([order("A", line("MUG", 3)), order("B", line("MUG", 4), line("GIFT", 1))])
    assert parts(found) == {"mug": 7}
    assert found.ordered == {"v-MUG": 7, "v-GIFT": 1}
    assert [one.code for one in found.orders] == ["A", "B"]


@pytest.mark.parametrize(
    ("held", "counted", "short"),
    [
        # all of it
        (accepted("A", ("BOX", 2), ("MUG", 1)), {}, ()),
        # less than was ordered: added or changed since it was accepted
        (accepted("A", ("BOX", 2)), {"mug": 1}, (Shortage("MUG", 5, 4, 1),)),
        (
            accepted("A", ("BOX", 1), ("MUG", 1)),
            {"mug": 2, "tea": 1},
            (Shortage("MUG", 5, 3, 2), Shortage("TEA", 2, 1, 1)),
        ),
        # more than was ordered is no negative demand
        (accepted("A", ("BOX", 9), ("MUG", 9)), {}, ()),
        # what it cancelled is owed again
        (accepted("A", ("BOX", 2), ("MUG", 1), cancelled=(("tea", 1),)), {"tea": 1}, None),
        (
            accepted("A", ("BOX", 2), ("MUG", 1), cancelled=(("MUG", 3), ("MUG", 1))),
            {"mug": 4},
            None,
        ),
        # by the parts, whichever way the warehouse took it
        (accepted("A", ("MUG", 5), ("TEA", 2)), {}, ()),
        # another order's units are of no use
        (accepted("B", ("BOX", 2), ("MUG", 1)), {"mug": 5, "tea": 2}, ()),
    ],
)
def test_an_order_that_the_warehouse_accepted(
    held: AcceptedOrder, counted: dict[str, int], short: tuple[Shortage, ...] | None
) -> None:
    found = u([order("A", line("BOX", 2), line("MUG", 1))], held)
    assert parts(found) == counted
    if short is not None:
        assert found.short == ({"A": short} if short else {})
    else:
        assert [one.missing for one in found.short["A"]] == list(counted.values())
    assert found.unjudged == set()


def test_a_part_of_a_kit_that_only_the_warehouse_knows() -> None:
    """The settings do not know the kit; the warehouse cancelled a part of it."""
    whole = u([order("A", line("CRATE", 2))], accepted("A", ("CRATE", 2), cancelled=(("nail", 3),)))
    assert (parts(whole), whole.short) == ({"nail": 3}, {"A": (Shortage("nail", 0, -3, 3),)})
    # of a part that a line names, too, the kit's come to those of the line
    both = order("A", line("CRATE", 2), line("MUG", 1))
    held = accepted("A", ("CRATE", 2), ("MUG", 1), cancelled=(("mug", 4),))
    assert parts(u([both], held)) == {"mug": 4}
    shipped = [order("A", line("CRATE", 2, (2, START)))]
    assert parts(u(shipped, accepted("A", ("CRATE", 2), cancelled=(("nail", 3),)))) == {}


@pytest.mark.parametrize(
    ("made", "counted"),
    [
        # fulfilled by hand before it was sent: those units were not sent
        (START - timedelta(hours=3), {}),
        # since: the warehouse was sent all three, and holds two
        (START - timedelta(hours=1), {"mug": 1}),
        (START - timedelta(hours=2), {"mug": 1}),
    ],
)
def test_units_that_were_fulfilled_before_it_was_sent(
    made: datetime, counted: dict[str, int]
) -> None:
    orders = [order("A", line("MUG", 3, (1, made)))]
    assert parts(u(orders, accepted("A", ("MUG", 2)))) == counted


def seen(by_hand: dict[str, int], **names: str) -> Facets:
    return Facets("PaymentSettled", {}, "", (), by_hand=by_hand, names=names)


BEFORE, SINCE = START - timedelta(hours=3), START - timedelta(hours=1)


@pytest.mark.parametrize(
    ("lines", "at_sending", "owed"),
    [
        ((line("MUG", 3, (1, BEFORE)),), seen({"MUG": 1}), {}),
        # the host's clock was ahead when it was sent: a shipment of ours seems to be older
        ((line("MUG", 3, (1, BEFORE)),), seen({}), {"mug": 1}),
        ((line("MUG", 3, (2, BEFORE)),), seen({"MUG": 1}), {}),
        ((line("MUG", 4, (2, BEFORE)),), seen({"MUG": 1}), {"mug": 1}),
        # what was fulfilled then was cancelled, and ours came since
        ((line("MUG", 3, (1, SINCE)),), seen({"MUG": 1}), {"mug": 1}),
        # two lines of one SKU, and a SKU that is called otherwise now
        ((line("MUG", 1, (1, BEFORE)), line("MUG", 3, (1, BEFORE))), seen({"MUG": 1}), {"mug": 1}),
        ((line("MUG", 3, (1, BEFORE), id="7"),), seen({"CUP": 1}, **{"variant 7": "CUP"}), {}),
    ],
)
def test_what_was_fulfilled_when_it_was_read_for_sending(
    lines: tuple[OpenLine, ...], at_sending: Facets, owed: dict[str, int]
) -> None:
    found = u([order("A", *lines)], accepted("A", ("MUG", 2)), at_sending={"A": at_sending})
    assert parts(found) == owed


@pytest.mark.parametrize(
    ("sku", "sent", "names", "cancelled", "asked", "owed"),
    [
        # SHIRT was sent under another alias, or before it had one
        ("SHIRT", "V-1", {"offer of variant v-SHIRT": "V-1"}, "V-1", 2, {"tee": 1}),
        ("SHIRT", "SHIRT", {}, "SHIRT", 2, {"tee": 1}),
        # it was called otherwise
        ("SHIRT", "OLD", {"variant v-SHIRT": "OLD"}, "OLD", 2, {"tee": 1}),
        # and so was a kit
        ("BOX", "V-BOX", {"offer of variant v-BOX": "V-BOX"}, "MUG", 4, {"mug": 1}),
        (
            "BOX",
            "OLD",
            {"variant v-BOX": "OLD", "offer of variant v-BOX": "OLD"},
            "MUG",
            4,
            {"mug": 1},
        ),
    ],
)
def test_what_is_called_otherwise_since_it_was_sent(
    sku: str, sent: str, names: dict[str, str], cancelled: str, asked: int, owed: dict[str, int]
) -> None:
    orders, at_sending = [order("A", line(sku, 2))], {"A": seen({}, **names)}
    whole = u(orders, accepted("A", (sent, 2)), at_sending=at_sending)
    assert (parts(whole), whole.short) == ({}, {})
    # What lacks is owed of what would be sent now.
    held = accepted("A", (sent, 2), cancelled=((cancelled.casefold(), 1),))
    lacks = u(orders, held, at_sending=at_sending)
    assert lacks.short == {"A": (Shortage(cancelled, asked, asked - 1, 1),)}
    assert parts(lacks) == owed


def test_without_a_time_of_sending_all_was_sent() -> None:
    orders = [order("A", line("MUG", 3, (1, START - DAY)))]
    held = accepted("A", ("MUG", 2), sent_at=None)
    found = u(orders, held)
    assert (parts(found), found.short.keys(), found.unjudged) == ({"mug": 1}, {"A"}, set())
    # Nobody is told to add what may have been fulfilled before; it is kept off sale.
    told = u(orders, held, at_sending={"A": seen({"MUG": 1})})
    assert (parts(told), told.short, told.unjudged) == ({"mug": 1}, {}, {"A"})
    # As long as it is known when it was sent, what lacks is told.
    dated = u(
        [order("A", line("MUG", 3, (1, BEFORE)))],
        accepted("A", ("MUG", 1)),
        at_sending={"A": seen({"MUG": 1})},
    )
    assert (dated.short.keys(), dated.unjudged) == ({"A"}, set())
    none = u(orders, held, at_sending={"A": seen({})})
    assert (parts(none), none.short.keys(), none.unjudged) == ({"mug": 1}, {"A"}, set())


def test_never_more_than_is_open() -> None:
    orders = [order("A", line("MUG", 5, (4, START)))]
    assert parts(u(orders, accepted("A"))) == {"mug": 1}


# ---- accepted while the stock was read -----------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "counted"),
    [
        (to_text(START - SECOND), {}),
        # the same moment: the stock may have been read just before
        (to_text(START), {"mug": 2, "tea": 1}),
        (to_text(START + SECOND), {"mug": 2, "tea": 1}),
        (None, {"mug": 2, "tea": 1}),
    ],
)
@pytest.mark.parametrize("is_listed", [True, False])
def test_what_was_accepted_after_the_stock_read_began(
    seen: str | None, counted: dict[str, int], is_listed: bool
) -> None:
    """The stock as read still had these units, even if the shop lists the order no more."""
    orders = [order("A", line("BOX", 1))] if is_listed else []
    assert parts(u(orders, accepted("A", ("BOX", 1), seen_at=seen))) == counted


def test_cancelled_parts_make_no_room_for_others() -> None:
    held = accepted("A", ("MUG", 2), cancelled=(("mug", 1), ("tea", 5)), seen_at=None)
    assert parts(u([], held)) == {"mug": 1}


@pytest.mark.parametrize(("seen", "counted"), [(LONG_AGO, {}), (None, {"mug": 2})])
def test_an_order_that_was_accepted_as_a_whole(seen: str | None, counted: dict[str, int]) -> None:
    held = accepted("A", is_whole=True, seen_at=seen)
    found = u([order("A", line("MUG", 2))], held)
    assert (parts(found), found.unjudged) == (counted, {"A"})


# ---- whose units ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placed", "not_before", "counts"),
    [
        (START - DAY, START - DAY, True),
        (START - DAY, START - DAY + SECOND, False),
        (START - DAY, None, True),
        (None, START, True),
    ],
)
def test_orders_from_before_the_start_do_not_count(
    placed: datetime | None, not_before: datetime | None, counts: bool
) -> None:
    found = u([order("A", line("MUG", 2), placed_at=placed)], not_before=not_before)
    assert parts(found) == ({"mug": 2} if counts else {})
    assert found.unjudged == (set() if counts else {"A"})


def test_an_early_one_keeps_no_other_from_counting() -> None:
    orders = [order("OLD", line("MUG", 2)), order("A", line("MUG", 3), placed_at=START)]
    assert parts(u(orders, not_before=START)) == {"mug": 3}


@pytest.mark.parametrize(
    ("type", "counts"), [("Regular", True), ("Seller", True), ("Aggregate", False), ("", True)]
)
def test_of_an_aggregate_and_its_seller_orders_only_one_kind_counts(
    type: str, counts: bool
) -> None:
    orders = [order("A", line("MUG", 2), type=type), order("B", line("MUG", 1))]
    assert parts(u(orders)) == {"mug": 3 if counts else 1}


@pytest.mark.parametrize(
    ("facts", "is_another"),
    [
        ({"vendure_id": "id-A"}, False),
        ({"vendure_id": "id-B"}, True),
        ({"placed_at": to_text(START - DAY)}, False),
        ({"placed_at": to_text(START)}, True),
    ],
)
def test_a_code_that_was_given_to_another_order(facts: dict[str, Any], is_another: bool) -> None:
    found = u([order("A", line("MUG", 2))], accepted("A", ("MUG", 2), **facts))
    assert parts(found) == ({"mug": 2} if is_another else {})


# ---- orders that cannot be read ------------------------------------------------------------------


def unread(code: str = "A", **facts: Any) -> OpenOrder:
    return order(code, unreadable="its lines are odd", **facts)


def test_of_an_unreadable_order_what_was_accepted_is_held() -> None:
    found = u([unread()], accepted("A", ("BOX", 2)))
    assert parts(found) == {}
    assert found.uncertain == {"mug": 0, "tea": 0}
    assert (found.unread, found.unjudged) == ({"A": "its lines are odd"}, {"A"})
    assert not found.unbounded
    assert not found.is_certain(["mug"])
    assert not found.is_certain(["hat", "tea"])
    assert found.is_certain(["hat"])


def test_of_an_unreadable_order_what_was_to_be_sent_counts() -> None:
    found = u([unread()], sent={"A": (("BOX", 2),), "B": (("HAT", 9),)})
    assert parts(found) == {"mug": 4, "tea": 2}
    assert found.uncertain == {"mug": 4, "tea": 2}
    assert not found.unbounded


@pytest.mark.parametrize("sent", [None, {}, {"B": (("HAT", 1),)}, {"A": ()}])
def test_of_an_unknown_unreadable_order_every_part_may_be_owed(sent: Any) -> None:
    found = u([unread(), order("C", line("MUG", 1))], sent=sent)
    assert (parts(found), found.unbounded) == ({"mug": 1}, True)
    assert not found.is_certain(["hat"])
    assert found.is_certain([]) is False


def test_one_unknown_order_is_enough() -> None:
    known = {"B": (("HAT", 1),)}
    assert u([unread("A"), unread("B")], sent=known).unbounded
    assert u([unread("B"), unread("A")], sent=known).unbounded


def test_negative_units_are_none() -> None:
    assert parts(u([unread()], sent={"A": (("MUG", -3), ("HAT", 2))})) == {"hat": 2}


def test_without_orders_nothing_is_uncertain() -> None:
    assert UnheldDemand({}, {}).is_certain(["mug"])


@pytest.mark.parametrize(("allocated", "unexplained"), [(0, 0), (5, 0), (7, 0), (8, 1), (11, 4)])
def test_what_vendure_allocated_beyond_what_is_known(allocated: int, unexplained: int) -> None:
    """Three units are in a readable order, four are known of an unreadable one."""
    orders = [order("B", line("MUG", 3)), unread()]
    found = u(orders, sent={"A": (("MUG", 4),)})
    assert found.unexplained("v-MUG", "mug", allocated) == unexplained
    assert found.unexplained("v-HAT", "hat", allocated) == allocated
    # with every order read, a drift of Vendure's own count explains nothing
    assert u([order("B", line("MUG", 3))]).unexplained("v-MUG", "mug", 99) == 0


def test_of_accepted_unreadable_orders_the_units_are_not_counted_twice() -> None:
    """It was accepted after the stock was read: its units count once."""
    found = u([unread()], accepted("A", ("MUG", 4), seen_at=None))
    assert parts(found) == {"mug": 4}

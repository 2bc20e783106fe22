"""Stock and shipments over SOAP: docs/wire.md §4.1, §5.3, §9.5 to §9.7."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from wire_client import ORDER_FACE, Reply, Wire, line

NS = f"{{{ORDER_FACE[1]}}}"


def rows(reply: Reply, name: str) -> list[dict[str, str]]:
    assert reply.status == 200, reply.body
    return [
        {child.tag.removeprefix(NS): child.text or "" for child in one}
        for one in reply.xml().iter(f"{NS}{name}")
    ]


def parts(reply: Reply) -> list[str]:
    return [row["PartNumber"] for row in rows(reply, "WarehouseLevels")]


@pytest.fixture
def stocked(wire: Wire) -> Wire:
    wire.do(
        "stock",
        stock=[
            {"sku": "MUG-BLUE", "on_hand": 140},
            {"sku": "MUG-RED", "on_hand": 7},
            {"sku": "MUG_RED", "on_hand": 8},
            {"sku": "TEE-M", "on_hand": 0},
            {"sku": "TEE-M", "on_hand": 5, "warehouse": "EAST"},
        ],
    )
    return wire


def test_every_field_of_a_level(stocked: Wire) -> None:
    (level,) = rows(stocked.stock("MUG-BLUE"), "WarehouseLevels")
    names = (
        "Warehouse PartNumber PartDescription Size Color ProductType OnHand Reserved Marked "
        "Backordered Needed Unavailable Expected OnOrder Available TotalReserved"
    )
    assert list(level) == names.split()
    assert (level["OnHand"], level["Available"], level["ProductType"]) == ("140", "140", "Product")


def test_rows_are_per_warehouse_and_some_part_numbers_padded(stocked: Wire) -> None:
    reply = stocked.stock("TEE-M")
    assert parts(reply) == ["TEE-M ", "TEE-M "]
    assert reply.texts("ID") == ["MAIN", "EAST"]
    assert reply.texts("OnHand") == ["0", "5"]
    assert len(rows(reply, "ProductAvailabilities")) == 1


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("%", ["MUG-BLUE", "MUG-RED ", "MUG_RED ", "TEE-M ", "TEE-M "]),
        ("mug%", ["MUG-BLUE", "MUG-RED ", "MUG_RED "]),
        ("MUG_RED", ["MUG-RED ", "MUG_RED "]),
        ("%e", ["MUG-BLUE"]),
        ("mug-red", ["MUG-RED "]),
        ("MUG", []),
        ("MUG.*", []),
        ("NO-SUCH", []),
    ],
)
def test_the_part_number_is_a_like_pattern(stocked: Wire, pattern: str, found: list[str]) -> None:
    assert parts(stocked.stock(pattern)) == found


@pytest.mark.parametrize("pattern", ["", "*"])
def test_no_pattern_and_a_star_are_refused(stocked: Wire, pattern: str) -> None:
    assert "Invalid Search Criteria" in stocked.stock(pattern).fault()


def test_an_unknown_part_is_an_empty_result_and_stays_unknown(wire: Wire) -> None:
    for _ in range(2):
        reply = wire.stock("NO-SUCH")
        assert rows(reply, "GetProductAvailabilitiesResult") == [{}]
    assert parts(wire.stock("%")) == []


@pytest.mark.parametrize(("owner", "count"), [("sandbox", 5), ("", 5), ("OTHER", 0)])
def test_the_owner_is_the_system(stocked: Wire, owner: str, count: int) -> None:
    assert len(parts(stocked.stock("%", owner))) == count


def levels(wire: Wire, sku: str) -> tuple[int, int, int]:
    (level,) = rows(wire.stock(sku), "WarehouseLevels")
    return int(level["OnHand"]), int(level["Reserved"]), int(level["Available"])


def test_orders_reserve_shipments_take_and_a_cancel_releases(wire: Wire) -> None:
    wire.add_order("A-1", line("MUG-BLUE", 5))
    assert levels(wire, "MUG-BLUE") == (1000, 5, 995)
    wire.do("ship", order="A-1", lines=[{"sku": "mug-blue", "quantity": 2}])
    assert levels(wire, "MUG-BLUE") == (998, 3, 995)
    wire.do("cancel", order="A-1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    assert levels(wire, "MUG-BLUE") == (998, 2, 996)
    wire.do("cancel", order="A-1")
    assert levels(wire, "MUG-BLUE") == (998, 0, 998)


def test_available_is_below_zero_when_oversold(stocked: Wire) -> None:
    stocked.add_order("A-1", line("MUG-RED", 10))
    (level,) = rows(stocked.stock("MUG-RED"), "WarehouseLevels")
    assert (level["Available"], level["Backordered"]) == ("-3", "3")


def test_reserved_units_spread_over_the_warehouses(stocked: Wire) -> None:
    stocked.add_order("A-1", line("TEE-M", 7))
    reply = stocked.stock("TEE-M")
    assert reply.texts("Reserved") == ["2", "5"]
    assert sum(map(int, reply.texts("Available"))) == -2
    stocked.do("ship", order="A-1", lines=[{"sku": "TEE-M", "quantity": 4}])
    assert stocked.stock("TEE-M").texts("OnHand") == ["0", "1"]


# ---- what shipped ------------------------------------------------------------------------


def charges(wire: Wire, start: str, end: str) -> list[dict[str, str]]:
    return rows(wire.window("GetShippingCharge", start, end), "ShippingCharges")


@pytest.fixture
def shipped(wire: Wire) -> Wire:
    wire.add_order()
    boxes = [
        {"tracking": "1ZEXAMPLE000000001", "carrier": "UPS", "service": "UPS Ground"},
        {"tracking": "1ZEXAMPLE000000002", "carrier": "UPS", "service": "UPS Ground"},
        {"tracking": "1ZEXAMPLE000000003", "shipped": False},
    ]
    wire.do("ship", order="WEB-100234", packages=boxes, at="2026-02-04T15:57:00Z")
    return wire


def test_one_row_per_package_that_left(shipped: Wire) -> None:
    first, second = charges(shipped, "2026-02-04T00:00:00", "2026-02-05T00:00:00")
    slip = shipped.see("orders")[0]["packages"][0]["slip"]
    expected = {
        "PPSlip": slip,
        "OrderId": "WEB-100234",
        "DateShipped": "2026-02-04T15:57:00",
        "FreightCarrier": "UPS",
        "FreightDescription": "UPS Ground",
        "TrackingID": "1ZEXAMPLE000000001",
        "Ref": "100234",
        "Po": "100234",
        "FreightService": "UPS Ground",
    }
    assert first.items() >= expected.items()
    assert second["TrackingID"] == "1ZEXAMPLE000000002"


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-02-04", "2026-02-05", 2),
        ("2026-02-05", "2026-02-06", 0),
        ("2026-02-03T00:00:00", "2026-02-04T15:56:59", 0),
        ("2026-02-04T15:57:00", "2026-02-04T15:57:00", 2),
        ("2026-02-04T15:57:00Z", "2026-02-04T10:58:00-05:00", 2),
        ("2026-02-06", "2026-02-03", 0),
        ("2026-02-05", "2026-02-04T15:57:00", 0),
    ],
)
def test_windows(shipped: Wire, start: str, end: str, count: int) -> None:
    assert len(charges(shipped, start, end)) == count


def test_the_variants_of_a_window(shipped: Wire) -> None:
    moment = "2026-02-04T15:57:00"
    shipped.do("behaviour", window_end="exclusive")
    assert charges(shipped, "2026-02-04", moment) == []
    shipped.do("behaviour", timezone="America/Chicago")
    (row, _) = charges(shipped, "2026-02-04T09:57:00", "2026-02-04T09:58:00")
    assert row["DateShipped"] == "2026-02-04T09:57:00"


def test_voided_packages_are_told_only_where_that_is_switched_on(shipped: Wire) -> None:
    shipped.do("void", order="WEB-100234", tracking="1ZEXAMPLE000000001")
    window = ("2026-02-04", "2026-02-05")
    assert [row["TrackingID"] for row in charges(shipped, *window)] == ["1ZEXAMPLE000000002"]
    shipped.do("behaviour", voided_charges=True)
    assert len(charges(shipped, *window)) == 2


def test_a_window_that_is_no_date_cannot_be_read(shipped: Wire) -> None:
    reply = shipped.window("GetShippingCharge", "yesterday", "2026-02-05")
    assert "Server was unable to read request" in reply.fault()


def test_activity_has_one_row_per_slip_and_no_tracking(shipped: Wire) -> None:
    reply = shipped.window("GetShippingActivity", "2026-02-04", "2026-02-05")
    (row,) = rows(reply, "ShippingActivity")
    assert row["ShipDate"] == "2/4/2026"
    assert (row["LinesShipped"], row["PiecesShipped"], row["NumberofPackages"]) == ("2", "3", "2")
    assert "1ZEXAMPLE" not in ElementTree.tostring(reply.xml(), "unicode")

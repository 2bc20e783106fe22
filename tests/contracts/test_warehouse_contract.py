"""The contract of the port `Warehouse`: every dialect over the simulator, and the fakes.

What a client may leave out is told by its capabilities, and each of them is proved here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from warehouse_beds import BEDS, CARRIER, ID, TWO, WarehouseBed, an_order

from veracore_sync.config.schema import DialectName
from veracore_sync.domain.errors import Occurrence, Unavailable, UpstreamError, UsageError
from veracore_sync.domain.returns import ReturnedRow
from veracore_sync.domain.warehouse import ShippedRow, StockLevel, Variable, WarehouseRecord
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    CancelNotPermitted,
    CancelNotSent,
    CancelSent,
    LookUpFailed,
    NotAccepted,
    Present,
    Warehouse,
)
from veracore_sync.veracore.connect import DIALECTS


@pytest.fixture(params=BEDS)
def bed(request: pytest.FixtureRequest) -> Iterator[WarehouseBed]:
    with BEDS[request.param](request.param) as made:
        yield made


@pytest.fixture
def warehouse(bed: WarehouseBed) -> Warehouse:
    return bed.warehouse


def record_of(warehouse: Warehouse, identity: str = ID) -> WarehouseRecord:
    found = warehouse.look_up(identity)
    assert isinstance(found, Present), found
    return found.record


def test_the_settings_name_each_dialect_that_has_a_client() -> None:
    assert set(get_args(DialectName)) == set(DIALECTS), (
        "DialectName in config/schema.py and DIALECTS in veracore/connect.py name different ones"
    )


# ---- creating ---------------------------------------------------------------------------------


def test_an_order_is_placed_once_and_found(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.check_connection(None)
    outcome = warehouse.submit(an_order())
    assert isinstance(outcome, Accepted)
    assert outcome.id == ID
    assert outcome.sequence is None or outcome.sequence > 0
    assert bed.creates() == 1
    assert bed.held() == {ID: list(TWO)}
    record = record_of(warehouse, ID.lower())
    assert record.id.casefold() == ID.casefold()
    assert record.status in ("open", "processed")
    assert (record.is_complete, record.partially_cancelled, record.shipments) == (False, False, ())


def test_its_content_is_told_or_nothing_of_it(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order(reference="WEB-100234-OF-SHOP-1"))
    record = record_of(warehouse)
    if warehouse.capabilities.tells_content:
        assert record.reference == "WEB-100234-OF-SHOP-1"
        assert [(line.sku, line.quantity) for line in record.lines or ()] == list(TWO)
    else:
        assert (record.reference, record.lines, record.products) == (None, None, ())


def test_its_fields_arrive_where_there_are_any(bed: WarehouseBed, warehouse: Warehouse) -> None:
    fields = {
        "ship_comments": "Happy <birthday>",
        "needed_by": "2026-02-10",
        "release_date": "2026-02-05T00:00:00+00:00",
        "rush": True,
        "discount_code": "WEB10",
        "variables": {"Gift": "yes & no", "Shelf": "B 7"},
    }
    sent = replace(
        an_order(),
        ship_comments="Happy <birthday>",
        needed_by=date(2026, 2, 10),
        release_date=date(2026, 2, 5),
        rush=True,
        discount_code="WEB10",
        variables=(Variable("Gift", "yes & no"), Variable("Shelf", "B 7")),
    )
    assert isinstance(warehouse.submit(sent), Accepted)
    there = bed.fields_of(ID)
    if warehouse.capabilities.takes_fields:
        assert there == fields
    else:
        assert not any(there.values())


def test_two_lines_of_one_sku_stay_two(bed: WarehouseBed, warehouse: Warehouse) -> None:
    assert isinstance(warehouse.submit(an_order(lines=[("MUG", 1), ("MUG", 1)])), Accepted)
    assert bed.held()[ID] == [("MUG", 1), ("MUG", 1)]


def test_text_in_any_script_arrives(bed: WarehouseBed, warehouse: Warehouse) -> None:
    sku = "Ä&<>\"'漢😀"
    assert isinstance(warehouse.submit(an_order(lines=[(sku, 1)])), Accepted)
    assert bed.held()[ID] == [(sku, 1)]


def test_a_used_id_is_a_duplicate_in_any_case(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    again = warehouse.submit(an_order(ID.lower(), lines=[("HAT", 9)]))
    assert isinstance(again, NotAccepted)
    assert again.what is Occurrence.DUPLICATE
    assert bed.held() == {ID: list(TWO)}


@pytest.mark.parametrize(
    ("fate", "told", "is_stored"),
    [
        ("lost before", {Occurrence.RESET, Occurrence.TIMEOUT}, False),
        ("lost after", {Occurrence.RESET, Occurrence.TIMEOUT}, True),
        ("slow down", {Occurrence.HTTP_429}, False),
    ],
)
def test_a_create_that_fails_is_a_value_and_one_request(
    bed: WarehouseBed, warehouse: Warehouse, fate: str, told: set[Occurrence], is_stored: bool
) -> None:
    warehouse.check_connection(None)
    bed.next_create(fate)
    outcome = warehouse.submit(an_order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.what in told
    assert bed.creates() == 1
    assert (ID in bed.held()) is is_stored
    assert isinstance(warehouse.look_up(ID), Present if is_stored else Absent)
    again = warehouse.submit(an_order())
    if is_stored:
        assert isinstance(again, NotAccepted)
        assert again.what is Occurrence.DUPLICATE
    else:
        assert isinstance(again, Accepted)
    assert bed.held() == {ID: list(TWO)}


# ---- cancelling ------------------------------------------------------------------------------


def test_an_order_is_cancelled_by_those_that_can(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    outcome = warehouse.cancel(ID.lower())
    if not warehouse.capabilities.can_cancel:
        assert isinstance(outcome, CancelNotSent)
        assert (bed.cancels(), record_of(warehouse).status == "cancelled") == (0, False)
        return
    assert isinstance(outcome, CancelSent)
    assert (bed.cancels(), record_of(warehouse).status) == (1, "cancelled")


@pytest.mark.parametrize(
    ("fate", "kind", "is_done"),
    [
        ("lost before", CancelSent, False),
        ("lost after", CancelSent, True),
        ("slow down", CancelNotSent, False),
        ("no permission", CancelNotPermitted, False),
        ("yes, but no", CancelSent, False),
        ("no, but yes", CancelSent, True),
    ],
)
def test_what_is_answered_to_a_cancellation_decides_nothing(
    bed: WarehouseBed, warehouse: Warehouse, fate: str, kind: type, is_done: bool
) -> None:
    if not warehouse.capabilities.can_cancel:
        pytest.skip("it cannot cancel")
    warehouse.submit(an_order())
    bed.next_cancel(fate)
    assert isinstance(warehouse.cancel(ID), kind)
    assert bed.cancels() == 1
    assert (record_of(warehouse).status == "cancelled") is is_done


def test_a_cancellation_of_an_order_that_is_not_there_is_a_value(warehouse: Warehouse) -> None:
    assert isinstance(warehouse.cancel(ID), CancelSent | CancelNotSent)
    assert warehouse.look_up(ID) == Absent()


def test_a_cancellation_that_never_left_says_so(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    bed.stop()
    assert isinstance(warehouse.cancel(ID), CancelNotSent)


# ---- looking up -------------------------------------------------------------------------------


def test_an_unknown_order_is_absent(warehouse: Warehouse) -> None:
    assert warehouse.look_up(ID) == Absent()
    warehouse.submit(an_order())
    assert isinstance(warehouse.look_up(ID), Present)
    assert warehouse.look_up(f"{ID}5") == Absent()
    assert warehouse.look_up(ID[:-1]) == Absent()


def test_a_cancelled_order_is_there_and_says_so(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    bed.cancel(ID)
    assert record_of(warehouse).status == "cancelled"


def test_units_that_were_cancelled_are_told_with_the_content(
    bed: WarehouseBed, warehouse: Warehouse
) -> None:
    warehouse.submit(an_order())
    bed.cancel(ID, [("TEE-M", 1)])
    record = record_of(warehouse)
    assert record.partially_cancelled is warehouse.capabilities.tells_content
    assert record.status != "cancelled"


def test_an_order_that_left_whole_is_complete(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    bed.ship(ID, None, "1Z999")
    record = record_of(warehouse)
    assert record.is_complete
    assert record.status in ("shipped", "complete")
    (shipment,) = record.shipments
    (package,) = shipment.packages
    assert (package.carrier, package.tracking, package.is_live) == (CARRIER, "1Z999", True)


def test_a_part_that_left_tells_its_lines_or_none(bed: WarehouseBed, warehouse: Warehouse) -> None:
    warehouse.submit(an_order())
    bed.ship(ID, [("MUG-BLUE", 1)], "1Z999")
    record = record_of(warehouse)
    assert not record.is_complete
    told = [shipment.lines for shipment in record.shipments]
    if warehouse.capabilities.tells_shipment_lines:
        (lines,) = told
        assert [(line.sku, line.quantity) for line in lines or ()] == [("MUG-BLUE", 1)]
    else:
        assert set(told) <= {None}


# ---- stock and what shipped -------------------------------------------------------------------


def test_stock_of_everything_and_of_one(bed: WarehouseBed, warehouse: Warehouse) -> None:
    bed.set_stock("MUG-BLUE", 7, "EAST")
    bed.set_stock("MUG-RED", 0, "EAST")
    place = "EAST" if warehouse.capabilities.tells_warehouses else ""
    rows = {row.sku: row for row in warehouse.stock(None)}
    assert {"MUG-BLUE", "MUG-RED"} <= rows.keys()
    (one,) = warehouse.stock(" mug-blue ")
    assert rows["MUG-BLUE"] == one
    assert isinstance(one, StockLevel)
    assert (one.sku, one.warehouse, one.available, one.on_hand) == ("MUG-BLUE", place, 7, 7)


def test_a_sku_that_is_unknown_there_yields_nothing(
    bed: WarehouseBed, warehouse: Warehouse
) -> None:
    bed.set_stock("MUG-BLUE", 7, "EAST")
    assert list(warehouse.stock("MUG")) == []


@pytest.mark.parametrize("sku", ["", "  ", "%", "*"])
def test_what_names_no_sku_is_not_asked_for(warehouse: Warehouse, sku: str) -> None:
    with pytest.raises(UsageError):
        list(warehouse.stock(sku))


def test_what_left_is_listed_by_those_that_can(bed: WarehouseBed, warehouse: Warehouse) -> None:
    today = datetime.now(UTC).date()
    warehouse.submit(an_order())
    warehouse.submit(an_order("WEB-2"))
    bed.ship(ID, None, "1Z999")
    listed = list(warehouse.shipped(today - timedelta(days=2), today + timedelta(days=2)))
    if not warehouse.capabilities.lists_shipped:
        assert listed == []
        return
    (row,) = listed
    assert isinstance(row, ShippedRow)
    assert (row.order_id, row.reference, row.tracking) == (ID, f"{ID}-FULL", "1Z999")
    assert list(warehouse.shipped(today - timedelta(days=9), today - timedelta(days=5))) == []


def test_what_came_back_is_listed_by_those_that_can(
    bed: WarehouseBed, warehouse: Warehouse
) -> None:
    today = datetime.now(UTC).date()
    window = today - timedelta(days=2), today + timedelta(days=2)
    warehouse.submit(an_order())
    bed.ship(ID, None, "1Z999")
    assert list(warehouse.returned(*window)) == []
    if not warehouse.capabilities.lists_returns:
        return
    bed.come_back(ID, "MUG-BLUE", 1)
    bed.come_back(ID, "MUG-BLUE", 1)
    rows = list(warehouse.returned(*window))
    assert len(rows) == 2
    for row in rows:
        assert isinstance(row, ReturnedRow)
        assert (row.order_id, row.reference) == (ID, f"{ID}-FULL")
        assert (row.product, row.quantity, row.product_reason) == ("MUG-BLUE", 1, "DMG")
        assert row.slip
        assert row.returned_at.tzinfo is UTC
    assert list(warehouse.returned(today - timedelta(days=9), today - timedelta(days=5))) == []
    assert list(warehouse.returned(*window)) == rows


# ---- when nobody answers ----------------------------------------------------------------------


def test_silence_is_never_an_absence_a_success_or_an_empty_list(
    bed: WarehouseBed, warehouse: Warehouse
) -> None:
    warehouse.submit(an_order())
    bed.stop()
    assert isinstance(warehouse.look_up(ID), LookUpFailed)
    assert isinstance(warehouse.look_up("WEB-2"), LookUpFailed)
    outcome = warehouse.submit(an_order("WEB-2"))
    assert isinstance(outcome, NotAccepted)
    with pytest.raises(UpstreamError):
        list(warehouse.stock(None))
    today = datetime.now(UTC).date()
    if warehouse.capabilities.lists_shipped:
        with pytest.raises(UpstreamError):
            list(warehouse.shipped(today, today))
    if warehouse.capabilities.lists_returns:
        with pytest.raises(UpstreamError):
            list(warehouse.returned(today, today))


def test_the_control_call_tells_of_silence_before_anything_is_sent(
    bed: WarehouseBed, warehouse: Warehouse
) -> None:
    bed.stop()
    with pytest.raises(Unavailable):
        warehouse.check_connection(None)
    with pytest.raises(Unavailable):
        warehouse.check_connection(ID)


def test_it_can_be_closed_again(warehouse: Warehouse) -> None:
    warehouse.check_connection(None)
    warehouse.close()
    warehouse.close()


# ---- what the account may use --------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, ID])
def test_every_operation_is_tried_and_nothing_changes(
    bed: WarehouseBed, warehouse: Warehouse, known: str | None
) -> None:
    warehouse.submit(an_order())
    proofs = list(warehouse.prove(known))
    assert [one.error for one in proofs] == [None] * len(proofs)
    assert all(one.operation and one.needed_by for one in proofs)
    assert any(one.unproven for one in proofs), "no create is harmless"
    assert isinstance(warehouse.look_up(ID), Present)

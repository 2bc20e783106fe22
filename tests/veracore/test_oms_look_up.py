"""Present, absent or nothing known: a look-up that errs here ships an order twice."""

from __future__ import annotations

import pytest
from fakes import FakeClock
from veracore_kit import (
    EMPTY,
    HTML,
    NO_STOCK,
    PROBE,
    SOAP_11,
    SOAP_12,
    Reply,
    Scripted,
    envelope,
    fault,
    info,
    oms,
    record,
    result,
    short,
    stack,
)

from veracore_sync.domain.errors import (
    AuthRefused,
    ProtocolError,
    RateLimited,
    SyncError,
    TimedOut,
    Unavailable,
    WrongEndpoint,
)
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present
from veracore_sync.veracore.oms.client import OmsWarehouse

ID = "WEB-100234"
FLAGS = [
    ("Accepted Unprocessed", "open"),
    ("Accepted Unprocessed Processed Pending", "processed"),
    ("Unprocessed Processed Shipped", "shipped"),
    ("Processed Shipped Complete", "complete"),
    ("Canceled Complete", "cancelled"),
    ("Shipped Canceled Complete", "complete"),
    ("Pending Canceled", "open"),
    ("Processed Pending Canceled", "processed"),
]


def refused(text: str) -> Reply:
    return Reply(500, fault(text))


def failure(found: LookUp) -> SyncError:
    assert isinstance(found, LookUpFailed)
    return found.error


# ---- present ------------------------------------------------------------------------------------


@pytest.mark.parametrize("soap_version", [SOAP_11, SOAP_12])
def test_present(soap: OmsWarehouse, server: Scripted, soap_version: str) -> None:
    server.says(record("web-100234 ").replace(SOAP_11.encode(), soap_version.encode()))
    lines = (RecordLine("MUG-BLUE", 2),)
    expected = WarehouseRecord("web-100234", "100234", lines, "open")
    assert soap.look_up(ID) == Present(expected)
    assert len(server.seen) == 1


@pytest.mark.parametrize(("flags", "status"), FLAGS)
def test_the_flags_accumulate(
    soap: OmsWarehouse, server: Scripted, flags: str, status: str
) -> None:
    server.says(record(flags=flags))
    found = soap.look_up(ID)
    assert isinstance(found, Present)
    assert found.record.status == status


@pytest.mark.parametrize(
    ("cancelled", "status"), [((2, 1), "cancelled"), ((2, 0), "open"), ((0, 0), "open")]
)
def test_cancelled_is_cancelled_whole(
    soap: OmsWarehouse, server: Scripted, cancelled: tuple[int, int], status: str
) -> None:
    rows = "".join(
        f"<BOMProductType><OrderQty>{ordered}</OrderQty><CanceledQty>{gone}</CanceledQty>"
        "</BOMProductType>"
        for ordered, gone in zip((2, 1), cancelled, strict=True)
    )
    server.says(record(flags="Canceled", materials=rows))
    found = soap.look_up(ID)
    assert isinstance(found, Present)
    assert found.record.status == status


def test_an_order_with_a_reference_and_no_lines_is_there(
    soap: OmsWarehouse, server: Scripted
) -> None:
    server.says(record(offers=""))
    assert isinstance(soap.look_up(ID), Present)


# ---- absent -------------------------------------------------------------------------------------

EMPTY_RECORD = record("", "", "", "")


@pytest.mark.parametrize(
    "body",
    [
        EMPTY,
        EMPTY_RECORD,
        result("GetOrderInfo", ""),
        result("GetOrderInfo", "<GetOrderInfoResult>\n</GetOrderInfoResult>"),
        result(
            "GetOrderInfo",
            '<GetOrderInfoResult xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><a/></GetOrderInfoResult>',
        ),
        info("<OrdHead><EntryDate>0001-01-01T00:00:00</EntryDate></OrdHead>"),
    ],
)
def test_an_empty_answer_is_absent(soap: OmsWarehouse, server: Scripted, body: bytes) -> None:
    server.says(body)
    assert soap.look_up(ID) == Absent()


@pytest.mark.parametrize("form", [stack, short])
def test_a_fault_like_that_for_an_id_that_cannot_exist_is_absent(
    soap: OmsWarehouse, server: Scripted, form: object
) -> None:
    ours = refused(form(f"Can NOT find information for Order ID {ID.lower()}"))  # type: ignore[operator]
    probe = refused(form(f"Can NOT find information for  Order ID {PROBE}"))  # type: ignore[operator]
    server.says(ours, probe, ours)
    assert soap.look_up(ID) == Absent()
    assert soap.look_up(ID) == Absent()
    probes = [one for one in server.seen if PROBE.encode() in one.body]
    assert (len(probes), len(server.seen)) == (1, 3)


@pytest.mark.parametrize("order_id", ["A", "1", "ID", "OrderId"])
def test_a_short_id_is_blanked_only_where_it_stands_alone(
    soap: OmsWarehouse, server: Scripted, order_id: str
) -> None:
    server.says(
        refused(short(f"Can NOT find '{order_id}' at 10:11")),
        refused(short(f"Can NOT find '{PROBE}' at 10:11")),
    )
    assert soap.look_up(order_id) == Absent()


def test_a_bare_record_like_that_for_an_id_that_cannot_exist_is_absent(
    soap: OmsWarehouse, server: Scripted
) -> None:
    server.says(record(ID, "", "", ""), record(PROBE, "", "", ""))
    assert soap.look_up(ID) == Absent()


# ---- nothing known ------------------------------------------------------------------------------


def test_a_fault_of_another_shape_is_no_absence(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(refused(short("Conversion overflowed")), EMPTY)
    error = failure(soap.look_up(ID))
    assert isinstance(error, ProtocolError)
    assert "Conversion overflowed" in error.message


def test_a_bare_record_of_another_shape_is_no_absence(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(record(ID, "", "", "Accepted"), record(PROBE, "", "", ""))
    assert isinstance(failure(soap.look_up(ID)), ProtocolError)


@pytest.mark.parametrize(
    "body",
    [
        info("<Message>The database is being moved</Message>"),
        info("The database is being moved"),
        result("GetOrderInfo", "<Error>busy</Error>"),
        record("", "100234"),
        record("", ""),
        record("WEB-1"),
        record(offers="<OfferType><OfferId>MUG</OfferId><OrderQty>two</OrderQty></OfferType>"),
        record()[:-30],
        envelope(""),
    ],
)
def test_an_answer_that_is_not_an_order_is_no_absence(
    soap: OmsWarehouse, server: Scripted, body: bytes
) -> None:
    server.says(body, EMPTY)
    assert isinstance(failure(soap.look_up(ID)), ProtocolError)


@pytest.mark.parametrize("body", [HTML, b"", b" \r\n"])
def test_a_web_page_is_no_absence(soap: OmsWarehouse, server: Scripted, body: bytes) -> None:
    server.says(body)
    assert isinstance(failure(soap.look_up(ID)), Unavailable)


def test_a_refused_login_is_never_an_absence(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(refused(stack("Invalid Username or Password")))
    error = failure(soap.look_up(ID))
    assert isinstance(error, AuthRefused)
    assert error.listed


def test_a_login_refused_to_the_probe_is_not_remembered(
    soap: OmsWarehouse, server: Scripted
) -> None:
    unknown = short("No such order")
    server.says(refused(unknown), refused(short("Invalid Password")), refused(unknown))
    assert isinstance(failure(soap.look_up(ID)), AuthRefused)
    assert soap.look_up(ID) == Absent()


@pytest.mark.parametrize(
    "words",
    [
        "Timeout expired.  The timeout period elapsed prior to completion of the operation",
        "A network-related or instance-specific error occurred while connecting to SQL Server",
        "Transaction (Process ID 61) was deadlocked on lock resources; deadlock victim",
    ],
)
def test_a_database_in_trouble_is_never_an_absence(
    soap: OmsWarehouse, server: Scripted, words: str
) -> None:
    server.says(refused(stack(words)))
    assert isinstance(failure(soap.look_up(ID)), Unavailable)


def test_what_the_probe_was_told_is_not_believed_for_long(server: Scripted) -> None:
    clock = FakeClock()
    client = oms(server.url, clock=clock)
    bad, unknown = refused(short("Under repair")), refused(short("No such order"))
    server.says(refused(short("Odd")), bad, unknown, unknown)
    failure(client.look_up(ID))
    failure(client.look_up(ID))
    clock.forward(minutes=10)
    assert client.look_up(ID) == Absent()
    client.close()


def test_an_order_that_is_unavailable_is_like_any_other_word_for_absent(
    soap: OmsWarehouse, server: Scripted
) -> None:
    server.says(
        refused(short(f"Order {ID} unavailable")), refused(short(f"Order {PROBE} unavailable"))
    )
    assert soap.look_up(ID) == Absent()


def test_a_message_of_ours_holds_one_line_whatever_the_other_side_calls_its_content(
    soap: OmsWarehouse, server: Scripted
) -> None:
    server.says(Reply(200, HTML, {"Content-Type": "x" * 5000}))
    assert len(failure(soap.look_up(ID)).message) < 300 + len(server.url)


def test_a_probe_that_fails_leaves_nothing_known(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(refused(short("No such order")), Reply(503, HTML))
    assert isinstance(failure(soap.look_up(ID)), Unavailable)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(500, HTML), Unavailable),
        (Reply(429, HTML), RateLimited),
        (Reply(403, HTML), Unavailable),
        (Reply(400, b"{}"), ProtocolError),
        (Reply(401, HTML), AuthRefused),
        (Reply(404, HTML), WrongEndpoint),
        (Reply(200, record(), {"Content-Encoding": "gzip"}), Unavailable),
    ],
)
def test_what_is_no_answer_of_the_service(
    soap: OmsWarehouse, server: Scripted, reply: Reply, kind: type[SyncError]
) -> None:
    server.says(reply)
    assert isinstance(failure(soap.look_up(ID)), kind)


def test_a_read_is_repeated_a_little(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(Reply(503, HTML), record())
    assert isinstance(soap.look_up(ID), Present)
    assert len(server.seen) == 2


# ---- the control call ---------------------------------------------------------------------------


def test_a_known_order_is_control_enough(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(record())
    soap.check_connection(ID)
    assert len(server.seen) == 1


@pytest.mark.parametrize("known", [None, ID])
def test_else_the_stock_of_a_part_that_cannot_exist(
    soap: OmsWarehouse, server: Scripted, known: str | None
) -> None:
    server.says(*([EMPTY] if known else []), NO_STOCK)
    soap.check_connection(known)
    body = server.seen[-1].body
    assert f"<partNumber>NO-SUCH-PART-{PROBE}</partNumber><owner>ABCOMS</owner>".encode() in body


@pytest.mark.parametrize(
    ("words", "listed"), [("Invalid Username or Password", True), ("Access is denied", False)]
)
def test_a_fault_is_refused_credentials_or_permissions(
    soap: OmsWarehouse, server: Scripted, words: str, listed: bool
) -> None:
    server.says(refused(stack(words)))
    with pytest.raises(AuthRefused, match=words) as caught:
        soap.check_connection(None)
    assert caught.value.listed is listed
    assert "GetProductAvailabilities" in caught.value.hint


STOCK = (
    "<GetProductAvailabilitiesResult><ProductAvailabilities><Warehouses><WarehouseLevels>"
    "<PartNumber>MUG</PartNumber></WarehouseLevels></Warehouses></ProductAvailabilities>"
    "</GetProductAvailabilitiesResult>"
)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, HTML),
        Reply(405, HTML),
        Reply(302, b""),
        Reply(301, b"", {"Location": "https://elsewhere.example/"}),
        Reply(200, result("GetProductAvailabilities", STOCK)),
        Reply(200, result("GetProductAvailabilities", "<Error>busy</Error>")),
    ],
)
def test_another_kind_of_answer_is_a_wrong_address(
    soap: OmsWarehouse, server: Scripted, reply: Reply
) -> None:
    server.says(reply)
    with pytest.raises(WrongEndpoint, match=f"{server.url}/pmomsws/oms.asmx"):
        soap.check_connection(None)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(500, HTML), Unavailable),
        (Reply(429, HTML), RateLimited),
        (Reply(200, HTML), Unavailable),
        (Reply(200, b""), Unavailable),
        (Reply(403, HTML), Unavailable),
        (Reply(302, b"", {"Location": "/maintenance"}), Unavailable),
        (Reply(200, NO_STOCK[:-30]), ProtocolError),
        (Reply(200, EMPTY), ProtocolError),
        (refused(stack("Timeout expired.  The timeout period elapsed")), Unavailable),
        (refused(stack("The server is too busy")), Unavailable),
    ],
)
def test_down_is_not_wrong(
    soap: OmsWarehouse, server: Scripted, reply: Reply, kind: type[SyncError]
) -> None:
    server.says(reply)
    with pytest.raises(kind):
        soap.check_connection(None)


def test_nobody_there() -> None:
    client = oms("http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        client.check_connection(None)
    assert isinstance(failure(client.look_up(ID)), Unavailable | TimedOut)
    client.close()

"""An answer means the same in every form in which a tenant may write it.

The plain form of an answer is compared with forms that are generated from it: other prefixes,
encodings and orders of elements, foreign elements between ours, CDATA, comments, blanks, xsi:nil.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from veracore_kit import (
    SOAP_11,
    SOAP_12,
    Reply,
    Scripted,
    envelope,
    fault,
    info,
    oms,
    order,
    record,
    result,
    short,
)

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.returns import ReturnedRow
from veracore_sync.domain.warehouse import (
    Package,
    RecordLine,
    Shipment,
    ShippedRow,
    StockLevel,
    UnreadableShipment,
    UnreadableStock,
)
from veracore_sync.ports.warehouse import LookUpFailed, NotAccepted, Present
from veracore_sync.veracore.moments import UnreadableMoment, read_moment
from veracore_sync.veracore.oms.client import OmsWarehouse
from veracore_sync.veracore.oms.parse import AnswerReader, UnreadableXml
from veracore_sync.veracore.oms.record import order_record
from veracore_sync.veracore.oms.returns import returned_row
from veracore_sync.veracore.oms.shipments import shipped_row
from veracore_sync.veracore.oms.stock import stock_row

ZONE = ZoneInfo("America/Chicago")
XSI = "http://www.w3.org/2001/XMLSchema-instance"
FACES = ("http://omscom/", "http://sma-promail/")
NEVER = "0001-01-01T00:00:00"


# ---- an answer as a tree, and its forms ---------------------------------------------------------


@dataclass
class E:
    """An element: a name, and a text or children."""

    name: str
    content: str | list[E] = ""


def leaves(**texts: object) -> list[E]:
    return [E(name, str(text)) for name, text in texts.items()]


STOCK = E(
    "GetProductAvailabilities",
    [
        E(
            "ProductAvailabilities",
            [
                E(
                    "Warehouses",
                    [
                        E(
                            "WarehouseLevels",
                            [
                                E("Warehouse", leaves(ID="MAIN")),
                                *leaves(PartNumber=sku, Available=units, OnHand=units + 3),
                            ],
                        )
                    ],
                )
            ],
        )
        for sku, units in (("MUG & CO", 126), ("TEE-M", 0), ("OVERSOLD", -4), ("<ODD>", 1))
    ],
)
CHARGES = E(
    "GetShippingCharge",
    [
        E(
            "ShippingCharges",
            leaves(
                PPSlip=604117 + number,
                OrderId=f"WEB-{number}",
                DateShipped="2026-02-04T15:57:00.1234567",
                FreightCarrier="UPS",
                TrackingID=f"1Z{number}",
                Ref=f"R & {number}",
            ),
        )
        for number in range(3)
    ],
)


def package(number: int, voided: str = NEVER) -> E:
    dates = leaves(DateShipped="2026-02-04T15:57:00", DateVoided=voided)
    return E("PackagesType", [*dates, *leaves(Carrier="UPS", TrackingId=f"1Z{number}")])


ORDER = E(
    "GetOrderInfo",
    [
        E(
            "OrdHead",
            [
                *leaves(OrderId="WEB-100234", ReferenceNo="R&D <1>"),
                E("Status", leaves(Processed="true", Shipped="true", Canceled="false")),
            ],
        ),
        E("OfferInfo", [E("OfferType", leaves(OfferId="MUG", OrderQty=2))]),
        E(
            "BillOfMaterials",
            [E("BOMProductType", leaves(ProductId="MUG", OrderQty=2, CanceledQty=0))],
        ),
        E(
            "ShippingOrders",
            [
                E(
                    "PickPackType",
                    [
                        E("PickPackId", str(604117 + slip)),
                        E(
                            "PickPackProducts",
                            [E("PickPackProductType", leaves(ProductId="MUG", ToShipQty=1))],
                        ),
                        E("Packages", [package(slip), package(9, "2026-02-04T10:01:00")]),
                    ],
                )
                for slip in (0, 1)
            ],
        ),
    ],
)
RETURNS = E(
    "GetProductReturns",
    [
        E(
            "ProductReturns",
            leaves(
                OrderId=f"WEB-{number}",
                PickSlip=604117 + number,
                DateReturned="2026-02-06T09:30:00.1234567",
                ProductId="MUG & CO",
                ProductReasonCode="<DMG>",
                ReturnQty=number + 1,
                ReferenceNumber=f"R & {number}",
                Disposition="Return to Stock",
                EvaluationDate=NEVER,
            ),
        )
        for number in range(3)
    ],
)
PLAIN = {"stock": STOCK, "charges": CHARGES, "returns": RETURNS, "order": ORDER}


@dataclass
class Form:
    """How an answer is written; `seed` decides where what is put."""

    seed: int = 0
    soap: str = SOAP_11
    face: str = FACES[0]
    prefix: str = ""
    codec: str = "utf-8"
    declared: str = "utf-8"
    shuffled: bool = False
    foreign: bool = False
    remarks: bool = False
    cdata: bool = False
    blanks: bool = False
    header: int = 0
    unqualified: bool = False

    def write(self, tree: E) -> bytes:
        rng = random.Random(self.seed)
        operation = tree.name
        body = self._element(E(f"{operation}Result", tree.content), rng, qualified=True)
        bound = f"xmlns:{self.prefix[:-1]}" if self.prefix else "xmlns"
        response = f"{self.prefix}{operation}Response"
        within = f'<{response} {bound}="{self.face}">{body}</{response}>'
        if self.unqualified:
            within = f'<p:{operation}Response xmlns:p="{self.face}">{body}</p:{operation}Response>'
        declaration = f'<?xml version="1.0" encoding="{self.declared}"?>' if self.declared else ""
        decoy = f"<Available>999</Available><{operation}Response/>" if self.foreign else ""
        header = f"<x:Header><y>{'h' * self.header}</y>{decoy}</x:Header>" if self.header else ""
        text = (
            f'{declaration}{self._remark(rng)}<x:Envelope xmlns:x="{self.soap}" xmlns:i="{XSI}" '
            f'xmlns:f="urn:foreign">{header}{self._remark(rng)}<x:Body>{within}</x:Body>'
            f"</x:Envelope>{self._remark(rng)}"
        )
        return text.encode(self.codec)

    def _element(self, one: E, rng: random.Random, *, qualified: bool) -> str:
        prefix = "" if self.unqualified else self.prefix
        if isinstance(one.content, str):
            inside = self._text(one.content, rng)
        else:
            children = list(one.content)
            if self.shuffled and len({child.name for child in children}) == len(children):
                rng.shuffle(children)
            inside = ""
            for child in children:
                inside += self._between(child, rng)
                inside += self._element(child, rng, qualified=qualified)
            inside += self._between(E("Available", "7"), rng)
        return f"<{prefix}{one.name}>{inside}</{prefix}{one.name}>"

    def _text(self, text: str, rng: random.Random) -> str:
        if self.cdata and text and rng.random() < 0.5:
            written = f"<![CDATA[{text}]]>"
        elif self.remarks and len(text) > 1:
            written = f"{escape(text[:1])}<!-- & --><?p?>{escape(text[1:])}"
        else:
            written = escape(text)
        pad = rng.choice(["", " ", "\n\t"]) if self.blanks else ""
        return f"{pad}{written}{pad}"

    def _between(self, beside: E, rng: random.Random) -> str:
        """What stands between two elements and means nothing."""
        text = "\n  " if self.blanks else ""
        text += self._remark(rng)
        if self.foreign and rng.random() < 0.7:
            # The same name in another namespace, before the real one; and an unknown one of ours.
            shown = escape(beside.content) if isinstance(beside.content, str) else ""
            text += f"<f:{beside.name}>999{shown}<f:deep><f:Available/></f:deep></f:{beside.name}>"
            prefix = "" if self.unqualified else self.prefix
            text += f"<{prefix}Unknown><{prefix}More>1</{prefix}More></{prefix}Unknown>"
        return text

    def _remark(self, rng: random.Random) -> str:
        return rng.choice(["", "<!-- <Available>9</Available> -->", "<?p q?>"]) * self.remarks


FORMS = st.builds(
    Form,
    seed=st.integers(0, 10_000),
    soap=st.sampled_from([SOAP_11, SOAP_12]),
    face=st.sampled_from([*FACES, "urn:some-other-face"]),
    prefix=st.sampled_from(["", "m:", "ns1:"]),
    shuffled=st.booleans(),
    foreign=st.booleans(),
    remarks=st.booleans(),
    cdata=st.booleans(),
    blanks=st.booleans(),
    header=st.sampled_from([0, 100, 70_000]),
    unqualified=st.booleans(),
)
ENCODINGS = st.sampled_from(
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8", ""),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-8", "utf-16"),
        ("iso-8859-1", "iso-8859-1"),
        ("windows-1252", "Windows-1252"),
    ]
)


def streamed(operation: str, record: str, body: bytes, size: int) -> list[object]:
    read: Callable[..., object] = {
        "WarehouseLevels": stock_row,
        "ShippingCharges": lambda row: shipped_row(row, ZONE),
        "ProductReturns": lambda row: returned_row(row, ZONE),
    }[record]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return [read(row) for row in AnswerReader(operation, record).read(pieces)]


def read(kind: str, body: bytes, size: int = 65536) -> object:
    if kind == "stock":
        return streamed("GetProductAvailabilities", "WarehouseLevels", body, size)
    if kind == "charges":
        return streamed("GetShippingCharge", "ShippingCharges", body, size)
    if kind == "returns":
        return streamed("GetProductReturns", "ProductReturns", body, size)
    [response] = AnswerReader("GetOrderInfo", None).read([body])
    [found] = response.findall("GetOrderInfoResult")
    return order_record(found, ZONE)


@pytest.mark.parametrize("kind", PLAIN)
@given(form=FORMS, encoding=ENCODINGS, size=st.sampled_from([1, 7, 100, 65536]))
@settings(max_examples=60, deadline=None)
def test_every_form_means_what_the_plain_one_means(
    kind: str, form: Form, encoding: tuple[str, str], size: int
) -> None:
    form.codec, form.declared = encoding
    if form.header > 1000:
        size = max(size, 1000)
    plain = read(kind, Form().write(PLAIN[kind]))
    assert read(kind, form.write(PLAIN[kind]), size) == plain


def test_the_plain_form_is_read() -> None:
    found = read("stock", Form().write(STOCK))
    assert isinstance(found, list)
    assert found[0] == StockLevel("MUG & CO", "MAIN", 126, 129, "/")
    assert len(found) == 4
    receipts = read("returns", Form().write(RETURNS))
    assert isinstance(receipts, list)
    assert isinstance(receipts[2], ReturnedRow)
    assert (receipts[2].order_id, receipts[2].quantity) == ("WEB-2", 3)
    rows = read("charges", Form().write(CHARGES))
    assert isinstance(rows, list)
    assert isinstance(rows[2], ShippedRow)
    assert (rows[2].order_id, rows[2].reference) == ("WEB-2", "R & 2")


# ---- through the client -------------------------------------------------------------------------

LEVELS = (
    "<GetProductAvailabilitiesResult><ProductAvailabilities><Warehouses>{}</Warehouses>"
    "</ProductAvailabilities></GetProductAvailabilitiesResult>"
)
LEVEL = "<WarehouseLevels><PartNumber>{}</PartNumber><Available>{}</Available></WarehouseLevels>"


def stock_answer(*rows: str) -> bytes:
    return result("GetProductAvailabilities", LEVELS.format("".join(rows)))


def with_header(body: bytes, size: int) -> bytes:
    header = b"<soap:Header><DebugHeader>" + b"d" * size + b"</DebugHeader></soap:Header>"
    return body.replace(b"<soap:Body>", header + b"<soap:Body>", 1)


def as_utf_16(body: bytes, codec: str = "utf-16") -> bytes:
    return body.decode().replace('encoding="utf-8"', 'encoding="utf-16"').encode(codec)


ONE = [StockLevel("MUG", "", 5, 5, "/")]
WAYS: dict[str, Callable[[bytes], Reply]] = {
    "a header of 70 kB": lambda body: Reply(200, with_header(body, 70_000)),
    "a header of 3 MB": lambda body: Reply(200, with_header(body, 3_000_000)),
    "utf-16": lambda body: Reply(200, as_utf_16(body)),
    "utf-16 by its type": lambda body: Reply(
        200,
        body.decode().split("?>")[1].strip().encode("utf-16-le"),
        {"Content-Type": "text/xml; charset=utf-16"},
    ),
    "utf-16 and a header": lambda body: Reply(200, as_utf_16(with_header(body, 70_000))),
    "latin by its type": lambda body: Reply(
        200, body, {"Content-Type": "text/xml; charset=iso-8859-1"}
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_stock_is_streamed_in_it(soap: OmsWarehouse, server: Scripted, way: str) -> None:
    server.says(WAYS[way](stock_answer(LEVEL.format("MUG", 5))))
    assert list(soap.stock(None)) == ONE
    server.says(WAYS[way](stock_answer()))
    assert list(soap.stock(None)) == []


@pytest.mark.parametrize("way", WAYS)
def test_orders_and_faults_are_read_in_it(soap: OmsWarehouse, server: Scripted, way: str) -> None:
    server.says(WAYS[way](record()))
    assert isinstance(soap.look_up("WEB-100234"), Present)
    said = WAYS[way](fault(short("Invalid Source")))
    server.says(Reply(500, said.body, said.headers))
    outcome = soap.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is Occurrence.REFUSED


@pytest.mark.parametrize("way", WAYS)
def test_a_fault_in_it_shows_that_the_service_works(server: Scripted, way: str) -> None:
    """Five refused orders must not look like an outage, whatever the refusal is written in."""
    seen: list[Occurrence | None] = []

    class Gate:
        run_ends_at = float("inf")

        def before(self, *, creating: bool) -> None:
            """Let everything through."""

        def after(self, what: Occurrence | None, retry_after: float | None) -> None:
            seen.append(what)

    client = oms(server.url, gate=Gate())
    said = WAYS[way](fault(short("Invalid Source")))
    server.says(Reply(500, said.body, said.headers))
    client.submit(order())
    client.close()
    assert seen == [None]


@pytest.mark.parametrize(
    "row",
    [
        '<f:Available xmlns:f="urn:f">999</f:Available><Available>5</Available>',
        '<Available>5</Available><f:Available xmlns:f="urn:f">999</f:Available>',
        '<Available xmlns="">999</Available><Available>5</Available>',
    ],
)
def test_a_foreign_number_does_not_override_ours(
    soap: OmsWarehouse, server: Scripted, row: str
) -> None:
    server.says(
        stock_answer(f"<WarehouseLevels><PartNumber>MUG</PartNumber>{row}</WarehouseLevels>")
    )
    assert list(soap.stock(None)) == ONE


def test_a_number_in_a_foreign_namespace_alone_is_no_number(
    soap: OmsWarehouse, server: Scripted
) -> None:
    foreign = '<f:Available xmlns:f="urn:f">999</f:Available>'
    server.says(
        stock_answer(f"<WarehouseLevels><PartNumber>MUG</PartNumber>{foreign}</WarehouseLevels>")
    )
    [row] = soap.stock(None)
    assert isinstance(row, UnreadableStock)


def test_a_record_of_another_operation_is_not_an_answer(
    soap: OmsWarehouse, server: Scripted
) -> None:
    levels = LEVELS.format(LEVEL.format("MUG", 5))
    hidden = f"<!-- GetProductAvailabilitiesResponse --><Other>{levels}</Other>"
    server.says(envelope(hidden))
    with pytest.raises(Exception, match="no answer to GetProductAvailabilities"):
        list(soap.stock(None))


# ---- dates --------------------------------------------------------------------------------------

UNSET = [
    "",
    " \n",
    NEVER,
    "0001-01-01T00:00:00Z",
    "0001-01-01",
    "0001-01-01T00:00:00-06:00",
    "1753-01-01T00:00:00",
    "1899-12-30T00:00:00",
    "1899-12-31T00:00:00",
    "1900-01-01T00:00:00",
    "1900-01-01T00:00:00.0000000+01:00",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999",
    "9999-12-31T23:59:59.9999999-12:00",
    "9999-12-31T00:00:00",
    "1/1/1900",
    "1/1/0001 12:00:00 AM",
    "12/31/9999 11:59:59 PM",
]
AT = datetime(2026, 2, 4, 21, 57, tzinfo=UTC)
TIMES = {
    "2026-02-04T15:57:00": AT,
    " 2026-02-04T15:57:00 ": AT,
    "2026-02-04T15:57:00.0000000": AT,
    "2026-02-04T15:57:00.1234567": AT + timedelta(microseconds=123456),
    "2026-02-04T15:57:00.1234567Z": AT.replace(hour=15) + timedelta(microseconds=123456),
    "2026-02-04T21:57:00Z": AT,
    "2026-02-04T16:57:00-05:00": AT,
    "2026-02-04 15:57:00": AT,
    "2026-02-04T15:57": AT,
    "2026-02-04": AT.replace(hour=6, minute=0),
    "2/4/2026": AT.replace(hour=6, minute=0),
    "02/04/2026": AT.replace(hour=6, minute=0),
    "02/04/2026 15:57:00": AT,
    "2/4/2026 3:57:00 PM": AT,
    "2/4/2026 3:57 pm": AT,
    "2/4/2026 12:00:00 AM": AT.replace(hour=6, minute=0),
}
NOT_TIMES = [
    "soon",
    "never",
    "15:57:00",
    "13/4/2026",
    "4.2.2026",
    "2/30/2026",
    "2/4/26",
    "2/4/2026 13:00 PM",
    "2026-02-30T00:00:00",
    "10000-01-01T00:00:00",
    "2026-02-04T15:57:00+25:00",
    "1Z2026",
]


@pytest.mark.parametrize("written", UNSET)
def test_every_sign_for_no_date_means_none(written: str) -> None:
    assert read_moment(written, ZONE) is None


@pytest.mark.parametrize("written", TIMES)
def test_times(written: str) -> None:
    assert read_moment(written, ZONE) == TIMES[written]


@pytest.mark.parametrize("written", NOT_TIMES)
def test_what_is_not_a_time(written: str) -> None:
    with pytest.raises(UnreadableMoment):
        read_moment(written, ZONE)


@given(st.one_of(st.text(), st.from_regex(r"[-+0-9/:.TZ APMapm]{0,30}", fullmatch=True)))
def test_any_text_is_a_time_none_or_our_one_error(written: str) -> None:
    try:
        found = read_moment(written, ZONE)
    except UnreadableMoment:
        return
    assert found is None or (found.utcoffset() == timedelta(0) and 1970 <= found.year <= 9999)


@given(st.integers(0, 7_000_000_000), st.integers(0, 9))
def test_a_time_is_read_alike_in_every_spelling(seconds: int, seventh: int) -> None:
    first = datetime(1972, 1, 1, tzinfo=UTC)
    at = (first + timedelta(seconds=seconds)).replace(tzinfo=None)
    there = at.replace(tzinfo=ZONE).astimezone(UTC)
    american = f"{at.month}/{at.day}/{at.year} {at:%H:%M:%S}"
    half = f"{at:%m/%d/%Y} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"
    for written in (at.isoformat(), f"{at.isoformat()}.000000{seventh}", american, half):
        assert read_moment(written, ZONE) == there
    assert read_moment(f"{there:%Y-%m-%dT%H:%M:%S}Z", ZONE) == there


# ---- a part of a look-up ------------------------------------------------------------------------


def slips(*contents: str) -> str:
    packs = (f"<PickPackType>{content}</PickPackType>" for content in contents)
    return f"<ShippingOrders>{''.join(packs)}</ShippingOrders>"


def slip(number: int, shipped: str, voided: str, units: str = "1") -> str:
    product = f"<ProductId>MUG</ProductId><ToShipQty>{units}</ToShipQty>"
    dates = f"<DateShipped>{shipped}</DateShipped><DateVoided>{voided}</DateVoided>"
    return (
        f"<PickPackId>{number}</PickPackId>"
        f"<PickPackProducts><PickPackProductType>{product}</PickPackProductType></PickPackProducts>"
        f"<Packages><PackagesType><TrackingId>1Z{number}</TrackingId>{dates}</PackagesType></Packages>"
    )


def look_up(soap: OmsWarehouse, server: Scripted, more: str, **changes: str) -> object:
    body = record(**changes).replace(
        b"</GetOrderInfoResult>", more.encode() + b"</GetOrderInfoResult>"
    )
    server.says(body)
    return soap.look_up("WEB-100234")


GOOD = "2026-02-04T15:57:00"


@pytest.mark.parametrize("written", [one for one in UNSET if one.strip()])
def test_a_label_with_a_sign_for_no_date_is_not_void(
    soap: OmsWarehouse, server: Scripted, written: str
) -> None:
    found = look_up(soap, server, slips(slip(1, GOOD, written), slip(2, written, NEVER)))
    assert isinstance(found, Present)
    first, second = found.record.shipments
    assert (first.packages[0].is_live, first.problem) == (True, "")
    assert (second.packages[0].is_waiting, second.problem) == (True, "")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (slip(1, GOOD, "perhaps"), "package 1Z1: DateVoided is not a time"),
        (slip(1, "soon", NEVER), "package 1Z1: DateShipped is not a time"),
        (slip(1, GOOD, NEVER, "two"), "product MUG has no readable ToShipQty"),
        (slip(1, GOOD, NEVER, "-1"), "product MUG has no readable ToShipQty"),
        (slip(1, GOOD, NEVER, ""), "product MUG has no readable ToShipQty"),
    ],
)
def test_a_bad_part_of_a_slip_costs_no_other_slip(
    soap: OmsWarehouse, server: Scripted, bad: str, words: str
) -> None:
    found = look_up(soap, server, slips(bad, slip(2, GOOD, NEVER)))
    assert isinstance(found, Present)
    first, second = found.record.shipments
    assert (first.slip, first.problem) == ("1", words)
    assert not any(one.is_live and "package" in words for one in first.packages)
    shipped = Package("", "", "1Z2", AT, None)
    assert second == Shipment("2", (RecordLine("MUG", 1),), (shipped,))


@pytest.mark.parametrize(
    ("shown", "freight"),
    [
        ("<ActualFreight>8.1100</ActualFreight>", Decimal("8.11")),
        ("<ActualFreight>-3</ActualFreight>", Decimal(-3)),
        ("<ActualFreight>n/a</ActualFreight>", None),
        ("<ActualFreight>NaN</ActualFreight>", None),
        (f"<ActualFreight>{'9' * 400}</ActualFreight>", None),
        ("<ActualFreight />", None),
        ("", None),
    ],
)
def test_what_a_package_cost_never_spoils_it(
    soap: OmsWarehouse, server: Scripted, shown: str, freight: Decimal | None
) -> None:
    one = slip(1, GOOD, NEVER).replace("<TrackingId>", f"{shown}<TrackingId>")
    found = look_up(soap, server, slips(one))
    assert isinstance(found, Present)
    [shipment] = found.record.shipments
    assert (shipment.problem, shipment.packages[0].freight) == ("", freight)


def test_one_number_of_two_slips(soap: OmsWarehouse, server: Scripted) -> None:
    twice = slip(1, GOOD, NEVER)
    found = look_up(soap, server, slips(twice, twice, slip(2, GOOD, NEVER)))
    assert isinstance(found, Present)
    assert [one.problem for one in found.record.shipments] == ["", ""]
    found = look_up(soap, server, slips(twice, slip(1, GOOD, NEVER, "2"), slip(2, GOOD, NEVER)))
    assert isinstance(found, Present)
    assert [one.problem for one in found.record.shipments] == ["two slips have its number", ""]


NIL = f'xsi:nil="true" xmlns:xsi="{XSI}"'


def test_rows_that_are_nil_or_empty_are_none(soap: OmsWarehouse, server: Scripted) -> None:
    packs = f"<ShippingOrders><PickPackType {NIL}/><PickPackType/></ShippingOrders>"
    offers = (
        f"<OfferType><OfferId>MUG</OfferId><OrderQty>2</OrderQty></OfferType><OfferType {NIL}/>"
    )
    found = look_up(soap, server, packs, offers=offers, materials=f"<BOMProductType {NIL}/>")
    assert isinstance(found, Present)
    assert (found.record.shipments, found.record.products) == ((), ())
    assert found.record.lines == (RecordLine("MUG", 2),)


@pytest.mark.parametrize("flag", ["Processed", "Shipped", "Canceled", "Complete"])
@pytest.mark.parametrize("written", ["perhaps", "2", "ja"])
def test_without_a_readable_status_nothing_is_known(
    soap: OmsWarehouse, server: Scripted, flag: str, written: str
) -> None:
    body = record().replace(b"<Hold>", f"<{flag}>{written}</{flag}><Hold>".encode())
    server.says(body)
    assert isinstance(soap.look_up("WEB-100234"), LookUpFailed)


BAD_MATERIAL = (
    "<BOMProductType><ProductId>MUG</ProductId><OrderQty>2</OrderQty><CanceledQty>2</CanceledQty>"
    "</BOMProductType><BOMProductType><ProductId>TEE</ProductId><OrderQty>{}</OrderQty>"
    "<CanceledQty>{}</CanceledQty></BOMProductType>"
)


@pytest.mark.parametrize("units", [("two", "0"), ("2", "none")])
def test_an_unreadable_product_never_makes_an_order_cancelled(
    soap: OmsWarehouse, server: Scripted, units: tuple[str, str]
) -> None:
    materials = BAD_MATERIAL.format(*units)
    found = look_up(soap, server, "", flags="Canceled", materials=materials)
    assert isinstance(found, LookUpFailed)
    found = look_up(soap, server, "", flags="Accepted", materials=materials)
    assert isinstance(found, Present)
    assert found.record.status == "open"


# ---- a row of a list ----------------------------------------------------------------------------


def charge(order_id: str, shipped: str = GOOD, more: str = "") -> str:
    named = f"<OrderId>{order_id}</OrderId>" if order_id else ""
    return (
        f"<ShippingCharges><PPSlip>1</PPSlip>{named}<DateShipped>{shipped}</DateShipped>{more}"
        "</ShippingCharges>"
    )


def test_a_bad_row_of_the_list_costs_no_other(soap: OmsWarehouse, server: Scripted) -> None:
    large = f"<FreightCarrier>{'x' * 4_000_001}</FreightCarrier>"
    rows = [charge("A"), charge(""), charge("B", "soon"), charge("C", more=large)]
    rows += ["<ShippingCharges />", f"<ShippingCharges {NIL} />", charge("D", "2/4/2026 3:57 PM")]
    content = f"<GetShippingChargeResult>{''.join(rows)}</GetShippingChargeResult>"
    server.says(result("GetShippingCharge", content))
    found = list(soap.shipped(date(2026, 2, 4), date(2026, 2, 5)))
    assert found[1] == UnreadableShipment("slip 1", "it names no order")
    listed = [one for one in found if isinstance(one, ShippedRow)]
    assert [(one.order_id, one.shipped_at) for one in listed] == [
        ("A", AT),
        ("B", None),
        ("C", AT),
        ("D", AT),
    ]


def test_a_bad_row_of_stock_costs_no_other(soap: OmsWarehouse, server: Scripted) -> None:
    control = LEVEL.format("TEE&#x1F;", 4)
    large = LEVEL.format("BIG", 5).replace(
        "<Avail", f"<PartDescription>{'x' * 4_000_001}</PartDescription><Avail", 1
    )
    deep = LEVEL.format("DEEP", 6).replace("<Avail", "<a>" * 60 + "</a>" * 60 + "<Avail", 1)
    server.says(stock_answer(LEVEL.format("MUG", 5), control, large, deep, LEVEL.format("CAP", 7)))
    found = list(soap.stock(None))
    # A name that hides something is nobody's.
    assert [row.sku for row in found] == ["MUG", "", "BIG", "DEEP", "CAP"]
    assert [type(row) for row in found[1:4]] == [UnreadableStock] * 3
    assert found[4] == StockLevel("CAP", "", 7, 7, "/")


def test_what_ends_in_the_middle_is_no_complete_list(soap: OmsWarehouse, server: Scripted) -> None:
    whole = stock_answer(LEVEL.format("MUG", 5))
    for cut in range(len(whole) - 60, len(whole)):
        server.says(whole[:cut])
        with pytest.raises(Exception, match="VeraCore"):
            list(soap.stock(None))


@given(st.binary(max_size=200), st.integers(0, 4000))
def test_no_byte_makes_more_of_an_answer_than_our_one_error(noise: bytes, at: int) -> None:
    body = Form().write(STOCK)
    at %= len(body)
    try:
        rows = read("stock", body[:at] + noise + body[at:])
    except UnreadableXml:
        return
    assert isinstance(rows, list)
    assert len(rows) <= 4 + noise.count(b"<")


def test_info_of_a_foreign_record_is_no_order(soap: OmsWarehouse, server: Scripted) -> None:
    inside = re.sub(
        rb".*<GetOrderInfoResult>(.*)</GetOrderInfoResult>.*", rb"\1", record(), flags=re.S
    )
    server.says(info(f'<f:x xmlns:f="urn:f">{inside.decode()}</f:x>'), info(""))
    found = soap.look_up("WEB-100234")
    assert not isinstance(found, Present)

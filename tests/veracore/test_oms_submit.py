"""What an answer to AddOrder means: every kind of answer is a value, and one request was sent."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from veracore_kit import (
    EMPTY,
    HTML,
    PAT,
    SECRET,
    SOAP_11,
    SOAP_12,
    Reply,
    Scripted,
    accepted,
    envelope,
    fault,
    oms,
    order,
    record,
    result,
    short,
    stack,
)

from veracore_sync.domain.errors import BreakerOpen, Occurrence
from veracore_sync.domain.warehouse import Party
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    LookUpFailed,
    NotAccepted,
    Present,
)
from veracore_sync.transport.http import OpenGate
from veracore_sync.veracore.oms.client import OmsWarehouse

BOTH_FORMS = pytest.mark.parametrize("form", [stack, short])
BOTH_VERSIONS = pytest.mark.parametrize("soap_version", [SOAP_11, SOAP_12])


def refusal(
    client: OmsWarehouse, server: Scripted, reply: Reply | bytes, **changes: object
) -> NotAccepted:
    server.says(reply)
    outcome = client.submit(order(**changes))
    assert len(server.seen) == 1
    assert isinstance(outcome, NotAccepted)
    return outcome


def test_an_acceptance(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(accepted())
    assert soap.submit(order()) == Accepted("WEB-100234", 481207)
    assert not soap.is_sandbox


def test_an_acceptance_in_other_case_padded_and_in_soap_12(
    soap: OmsWarehouse, server: Scripted
) -> None:
    body = accepted(" web-100234 ").replace(SOAP_11.encode(), SOAP_12.encode())
    server.says(Reply(body=body, headers={"X-VeraCore-Sandbox": "1"}))
    assert soap.submit(order()) == Accepted("web-100234", 481207)
    assert soap.is_sandbox


@pytest.mark.parametrize(
    "body",
    [
        accepted("WEB-1"),
        accepted(""),
        accepted(sequence=0),
        accepted(sequence=-1),
        accepted(sequence=""),
        accepted(sequence="1_0"),
        result("AddOrder", "<AddOrderResult />"),
        result("AddOrder", ""),
        result("AddOrder", '<AddOrderResult xsi:nil="true" xmlns:xsi="x" />'),
    ],
)
def test_another_id_or_no_sequence_is_an_odd_success(
    soap: OmsWarehouse, server: Scripted, body: bytes
) -> None:
    assert refusal(soap, server, body).what is Occurrence.ODD_SUCCESS


@BOTH_FORMS
@BOTH_VERSIONS
@pytest.mark.parametrize("status", [500, 200, 400])
def test_a_fault_in_each_form_version_and_status(
    soap: OmsWarehouse, server: Scripted, form: object, soap_version: str, status: int
) -> None:
    text = form("Invalid  Source")  # type: ignore[operator]
    outcome = refusal(soap, server, Reply(status, fault(text, soap_version)))
    assert (outcome.what, outcome.text) == (Occurrence.REFUSED, "Invalid Source")
    assert "orders.source" in outcome.hint
    assert "WEB" in outcome.hint


LISTED = [
    ("Order ID WEB-100234 already exists", Occurrence.DUPLICATE, ""),
    ("The Order 'web-100234' already exists in the system", Occurrence.DUPLICATE, ""),
    ("WEB-100234 already exists", Occurrence.DUPLICATE, ""),
    ("Order already exists", Occurrence.DUPLICATE, ""),
    ("There already exists an order with this ID", Occurrence.DUPLICATE, ""),
    ("OrderID: WEB-100234 already exists", Occurrence.DUPLICATE, ""),
    ("Invalid Source", Occurrence.REFUSED, "orders.source"),
    ("Offer TEE-M does not have a Ship To Key", Occurrence.REFUSED, "veracore.face"),
    ("Invalid Product ID", Occurrence.REFUSED, "skus.aliases"),
    ("Can NOT find information for Product ID TEE-M", Occurrence.REFUSED, "skus.aliases"),
    ("Unknown Offer TEE-M", Occurrence.REFUSED, "skus.aliases"),
    ("Invalid Freight Carrier", Occurrence.REFUSED, "orders.freight, now UPS, Ground"),
    ("Invalid Freight Service", Occurrence.REFUSED, "orders.freight"),
    ("Invalid Freight Code", Occurrence.REFUSED, "orders.freight"),
    ("Invalid Username or Password", Occurrence.LOGIN_REFUSED, ""),
    ("Login failed for user", Occurrence.LOGIN_REFUSED, ""),
]


@pytest.mark.parametrize(("message", "what", "hint"), LISTED)
def test_a_listed_text(
    soap: OmsWarehouse, server: Scripted, message: str, what: Occurrence, hint: str
) -> None:
    outcome = refusal(soap, server, Reply(500, fault(stack(message))))
    assert (outcome.what, outcome.text) == (what, message)
    assert hint in outcome.hint


@pytest.mark.parametrize(
    "message",
    [
        "PO Number WEB-100234 already exists",
        "Purchase Order 100234 already exists",
        "Customer WEB-100234 already exists",
        "Offer 7 already exists in order",
        "WEB-100234-2 already exists",
        "Reference WEB-100234 already exists",
        "Invalid Offer Quantity",
        "Invalid User Defined Field",
        "Offer TEE-M is unavailable",
        "Object reference not set to an instance of an object.",
        "",
    ],
)
def test_an_unlisted_text_is_never_guessed_at(
    soap: OmsWarehouse, server: Scripted, message: str
) -> None:
    outcome = refusal(soap, server, Reply(500, fault(stack(message))))
    assert (outcome.what, outcome.hint) == (Occurrence.FAULT, "")


def test_the_sku_that_is_named_is_the_one_in_the_hint(soap: OmsWarehouse, server: Scripted) -> None:
    reply = Reply(500, fault(short("Can NOT find information for Product ID TEE-M")))
    hint = refusal(soap, server, reply).hint
    assert "(TEE-M)" in hint


def test_a_stack_on_one_line_is_cut(soap: OmsWarehouse, server: Scripted) -> None:
    text = "System.Exception: Invalid Source at Example.OrderService.AddOrder(Order order) at X.Y()"
    assert refusal(soap, server, Reply(500, fault(text))).text == "Invalid Source"


def test_a_stack_with_windows_line_ends_is_cut(soap: OmsWarehouse, server: Scripted) -> None:
    for end in ("\r\n", "&#xD;\n"):
        server.seen.clear()
        text = stack("Invalid Source").replace("\n", end)
        assert refusal(soap, server, Reply(500, fault(text))).text == "Invalid Source"


def test_a_reason_of_several_lines_is_kept_whole(soap: OmsWarehouse, server: Scripted) -> None:
    text = stack("The order was not saved:\n  Invalid Source\n  at least one field is missing")
    outcome = refusal(soap, server, Reply(500, fault(text)))
    assert outcome.what is Occurrence.REFUSED
    assert outcome.text == "The order was not saved: Invalid Source"


def test_a_stack_without_a_reason_is_no_reason(soap: OmsWarehouse, server: Scripted) -> None:
    outcome = refusal(soap, server, Reply(500, fault(stack(""))))
    assert (outcome.what, outcome.text) == (Occurrence.FAULT, "")


@pytest.mark.parametrize("filler", [" ", "\n", "\r\n", "---&gt;", " at x", "sku ", "order "])
def test_a_hostile_text_takes_no_time(soap: OmsWarehouse, filler: str, server: Scripted) -> None:
    body = fault(f"System.Exception: x{filler * 300_000}y")
    began = time.thread_time()
    refusal(soap, server, Reply(500, body))
    # Its own work, whatever else the machine does; what is not linear takes minutes.
    assert time.thread_time() - began < 60


OUTAGES = [
    "Timeout expired.  The timeout period elapsed prior to completion of the operation",
    "Execution Timeout Expired.",
    "Transaction (Process ID 61) was deadlocked on lock resources with another process",
    "A network-related or instance-specific error occurred while connecting to SQL Server",
    "A transport-level error has occurred when receiving results from the server",
    "Exception of type 'System.OutOfMemoryException' was thrown.",
    "The operation has timed out",
    "The service is temporarily unavailable",
    "The server is too busy.",
    "Server is busy",
    "VeraCore is down for maintenance",
]


NOT_PERMITTED = [
    "User WSUSER does not have permission to call AddOrder",
    "Missing permission 'AddOrder'",
    "Access denied to AddOrder",
    "The user is not authorized to use this web service",
    "You do not have the privilege to execute this method",
    "AddOrder is not allowed for this user",
]
MAY_BE_NOT_PERMITTED = ["Access is denied.", "Not authorised", "You have no permission."]
# About this order, or about the server's own files: then the order may have been stored.
NOT_OF_THE_ACCOUNT = [
    "You are not authorized to order offer TEE-M",
    "Not permitted: TEE-M",
    "Customer is not allowed to use this ship to address",
    "Access to the path 'D:\\exports\\1.xml' is denied.",
    "The EXECUTE permission was denied on the object 'usp_AddOrder', database 'PM'",
    "Shipping method is not allowed for this carrier",
]


@pytest.mark.parametrize(
    ("message", "what"),
    [
        *((message, Occurrence.NOT_PERMITTED) for message in NOT_PERMITTED),
        *((message, Occurrence.FORBIDDEN) for message in MAY_BE_NOT_PERMITTED),
        *((message, Occurrence.FAULT) for message in NOT_OF_THE_ACCOUNT),
    ],
)
def test_what_may_be_about_the_account(
    soap: OmsWarehouse, server: Scripted, message: str, what: Occurrence
) -> None:
    for form in (stack, short):
        server.seen.clear()
        assert refusal(soap, server, Reply(500, fault(form(message)))).what is what


def test_two_orders_are_refused_alike_unless_it_is_about_what_they_differ_in(
    server: Scripted,
) -> None:
    client = oms(server.url)
    said = []
    for message in ("Code 17, order {id}", "Code 17, offer TEE-M", "{id} is odd"):
        for order_id in ("WEB-1", "WEB-2"):
            server.says(Reply(500, fault(short(message.format(id=order_id)))))
            outcome = client.submit(order(id=order_id))
            assert isinstance(outcome, NotAccepted)
            said.append(outcome.alike)
    client.close()
    assert said == ["code 17, order"] * 2 + [""] * 2 + ["is odd"] * 2


@pytest.mark.parametrize("message", OUTAGES)
def test_a_database_in_trouble_is_no_refusal(
    soap: OmsWarehouse, server: Scripted, message: str
) -> None:
    assert refusal(soap, server, Reply(500, fault(stack(message)))).what is Occurrence.DATABASE


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (Reply(500, HTML), Occurrence.HTTP_5XX),
        (Reply(503, b""), Occurrence.HTTP_5XX),
        (Reply(500, accepted()), Occurrence.HTTP_5XX),
        (Reply(403, HTML), Occurrence.BLOCKED),
        (Reply(400, b"{}"), Occurrence.HTTP_4XX),
        (Reply(404, HTML), Occurrence.HTTP_404),
        (Reply(302, b"", {"Location": "/login"}), Occurrence.MOVED),
        (Reply(302, b"", {"Location": "/maintenance"}), Occurrence.WEB_PAGE),
        (Reply(200, HTML), Occurrence.WEB_PAGE),
        (Reply(200, b""), Occurrence.WEB_PAGE),
        (Reply(202, accepted()), Occurrence.NOT_UNDERSTOOD),
        (Reply(200, accepted()[:-20]), Occurrence.NOT_UNDERSTOOD),
        (Reply(200, EMPTY), Occurrence.NOT_UNDERSTOOD),
        (Reply(200, envelope("")), Occurrence.NOT_UNDERSTOOD),
        (Reply(200, b"{}"), Occurrence.NOT_UNDERSTOOD),
    ],
)
def test_what_is_no_answer_of_the_service(
    soap: OmsWarehouse, server: Scripted, reply: Reply, what: Occurrence
) -> None:
    outcome = refusal(soap, server, reply)
    assert outcome.what is what
    assert "<" not in outcome.text


def test_too_many_requests_tell_how_long_to_wait(soap: OmsWarehouse, server: Scripted) -> None:
    outcome = refusal(soap, server, Reply(429, HTML, {"Retry-After": "17"}))
    assert (outcome.what, outcome.retry_after) == (Occurrence.HTTP_429, 17.0)


def test_nobody_there(server: Scripted) -> None:
    client = oms("http://127.0.0.1:9")
    outcome = client.submit(order())
    client.close()
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is Occurrence.NOT_CONNECTED


class Shut(OpenGate):
    def before(self, *, creating: bool) -> None:
        raise BreakerOpen("VeraCore was down a moment ago", upstream="veracore")

    def after(self, what: Occurrence | None, retry_after: float | None) -> None:
        raise AssertionError("nothing was sent")


def test_an_open_breaker_sends_nothing(server: Scripted) -> None:
    client = oms(server.url, gate=Shut())
    outcome = client.submit(order())
    client.close()
    assert isinstance(outcome, NotAccepted)
    assert outcome.what is Occurrence.NOT_CONNECTED
    assert server.seen == []


def test_a_fault_is_from_a_service_that_works(server: Scripted) -> None:
    heard: list[Occurrence | None] = []

    class Gate(OpenGate):
        def before(self, *, creating: bool) -> None:
            """Let it pass."""

        def after(self, what: Occurrence | None, retry_after: float | None) -> None:
            heard.append(what)

    client = oms(server.url, gate=Gate())
    refusal(client, server, Reply(500, fault(short("Invalid Source"))))
    server.seen.clear()
    refusal(client, server, Reply(500, HTML))
    client.close()
    assert heard == [None, Occurrence.HTTP_5XX]


# ---- nothing personal, nothing secret ------------------------------------------------------------


def test_a_quoted_text_holds_no_personal_data_and_no_secret(
    soap: OmsWarehouse, server: Scripted
) -> None:
    echo = (
        f"Order for PAT EXAMPLE, {PAT.address1}, {PAT.address2}, {PAT.city} {PAT.postal_code}, "
        f"{PAT.phone}, {PAT.email}, Leave at side door, by WSUSER {SECRET}"
    ).replace("&", "&amp;")
    text = refusal(soap, server, Reply(500, fault(short(echo)))).text
    values = (PAT.first_name, PAT.last_name, PAT.address1, PAT.address2, PAT.city, PAT.phone)
    for value in (*values, PAT.postal_code, PAT.email, "side door", "WSUSER", SECRET):
        assert value.casefold() not in text.casefold()
    assert text.startswith("a message that is not listed (")


def test_a_short_name_does_not_eat_other_words(soap: OmsWarehouse, server: Scripted) -> None:
    reply = Reply(500, fault(short("Invalid carrier for Li")))
    buyer = Party(last_name="Li")
    assert refusal(soap, server, reply, ordered_by=buyer).text == "Invalid carrier for …"


def test_a_repeated_text_is_at_most_200_characters(soap: OmsWarehouse, server: Scripted) -> None:
    text = refusal(soap, server, Reply(500, fault(short("the order is odd, " * 100)))).text
    assert len(text) == 200


# ---- whatever comes ------------------------------------------------------------------------------

PIECES = [accepted(), fault(stack("Invalid Source")), record(), HTML, EMPTY, b"<a>", b"\x00\xff"]


def spliced(piece: bytes, at: int, junk: bytes) -> bytes:
    at %= len(piece) + 1
    return piece[:at] + junk + piece[at:]


BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(spliced, st.sampled_from(PIECES), st.integers(0, 2000), st.binary(max_size=8)),
    st.sampled_from(["foo", "rot13", "unicode_escape", "idna", "big5", "utf-16"]).map(
        lambda name: f'<?xml version="1.0" encoding="{name}"?><a/>'.encode()
    ),
)


@pytest.fixture(scope="module")
def fuzzed(listener: Scripted) -> Iterator[OmsWarehouse]:
    client = oms(listener.url)
    yield client
    client.close()


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.one_of(
            st.sampled_from(["text/xml", "application/soap+xml; charset=x", "text/html", "", ";"]),
            st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
        ),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "identity", "br", "x"]),
        "Retry-After": st.sampled_from(
            ["0", "-1", "1e9", "9" * 40, "Fri, 31 Dec 9999 23:59:59 GMT"]
        ),
    },
)


@given(status=st.sampled_from([200, 201, 302, 400, 403, 404, 500]), body=BODIES, headers=HEADERS)
def test_any_answer_is_a_value(
    fuzzed: OmsWarehouse, listener: Scripted, status: int, body: bytes, headers: dict[str, str]
) -> None:
    listener.says(Reply(status, body, headers))
    outcome = fuzzed.submit(order())
    assert isinstance(outcome, Accepted | NotAccepted)
    if isinstance(outcome, Accepted):
        assert (status, outcome.id) == (200, "WEB-100234")
    found = fuzzed.look_up("WEB-100234")
    assert isinstance(found, Present | Absent | LookUpFailed)
    if isinstance(found, Present):
        assert (status, found.record.id) == (200, "WEB-100234")

"""A server that says what it is told to, an order made by hand, and the answers of docs/wire.md."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fakes import FakeClock

from veracore_sync.clock import Clock
from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.warehouse import (
    Classification,
    Freight,
    Party,
    Variable,
    WarehouseLine,
    WarehouseOrder,
)
from veracore_sync.transport.http import Gate
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.oms.client import OmsWarehouse
from veracore_sync.veracore.rest.client import RestWarehouse

PROBE = "PROBE0123456789ABCDE"
SECRET = "hunter2-secret"
QUICK = RetryPolicy(tries=2, base_seconds=0.001, cap_seconds=0.002)

PAT = Party(
    first_name="Pat",
    last_name="Example",
    company="Example & Co",
    address1="12 Sample Street",
    address2="Unit 4",
    city="Austin",
    state="TX",
    postal_code="78701",
    country="US",
    phone="512-555-0100",
    email="pat@example.com",
)


def order(**changes: Any) -> WarehouseOrder:
    """The order of docs/wire.md's sample, changed field by field."""
    fields: dict[str, Any] = {
        "id": "WEB-100234",
        "reference": "WEB-100234-FULL",
        "po_number": "100234",
        "placed_at": datetime(2026, 2, 3, 15, 14, 0, 317000, tzinfo=UTC),
        "comment": "Leave at side door",
        "classification": Classification(source="WEB"),
        "ordered_by": PAT,
        "ship_to": PAT,
        "bill_to": None,
        "freight": Freight(carrier="UPS", service="Ground"),
        "shipping_charge": Decimal("7.95"),
        "lines": (
            WarehouseLine(1, "MUG-BLUE", 2, Decimal("12.50")),
            WarehouseLine(2, "TEE-M", 1, Decimal("21.00")),
        ),
    }
    return WarehouseOrder(**fields | changes)


FULL = {
    "classification": Classification("WEB", "Retail", "P-1", "SPRING", "C-9"),
    "bill_to": Party(last_name="Payer", address1="1 Bill Road", city="Köln", country="DE"),
    "freight": Freight(code="U11", third_party_type=4, third_party_account="A-77"),
    "lines": (WarehouseLine(1, "MUG-BLUE", 2, Decimal("1E+2")), WarehouseLine(2, "FREE", 1, None)),
    "extra_charge": Decimal("-2.50"),
    "ship_comments": "Happy birthday",
    "needed_by": date(2026, 2, 10),
    "release_date": date(2026, 2, 5),
    "rush": True,
    "discount_code": "WEB10",
    "variables": (Variable("Gift", "yes & no"), Variable("Empty", ""), Variable("Shelf", "B 7")),
}

BARE = {
    "reference": "",
    "po_number": "",
    "placed_at": None,
    "comment": "",
    "classification": Classification(),
    "ordered_by": Party(),
    "freight": None,
    "shipping_charge": None,
}


# ---- what the other side says -------------------------------------------------------------------

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


def envelope(body: str, soap: str = SOAP_11) -> bytes:
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{soap}">'
    return f"{head}<soap:Body>{body}</soap:Body></soap:Envelope>".encode()


def result(operation: str, content: str, namespace: str = "http://omscom/") -> bytes:
    name = f"{operation}Response"
    return envelope(f'<{name} xmlns="{namespace}">{content}</{name}>')


def accepted(identity: str = "WEB-100234", sequence: object = 481207) -> bytes:
    content = f"<OrderSeqID>{sequence}</OrderSeqID><OrderID>{identity}</OrderID>"
    return result("AddOrder", f"<AddOrderResult>{content}</AddOrderResult>")


def stack(message: str) -> str:
    return (
        "System.Web.Services.Protocols.SoapException: Server was unable to process request. "
        f"---&gt; System.Exception: {message}\n"
        "   at Example.OrderService.AddOrder(Order order)\n"
        "   --- End of inner exception stack trace ---"
    )


def short(message: str) -> str:
    return f"Server was unable to process request. ---&gt; {message}"


def fault(text: str, soap: str = SOAP_11) -> bytes:
    if soap == SOAP_11:
        inner = f"<faultcode>soap:Server</faultcode><faultstring>{text}</faultstring><detail />"
    else:
        inner = (
            "<soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="en">{text}</soap:Text></soap:Reason>'
        )
    return envelope(f"<soap:Fault>{inner}</soap:Fault>", soap)


def info(content: str) -> bytes:
    return result("GetOrderInfo", f"<GetOrderInfoResult>{content}</GetOrderInfoResult>")


def record(
    identity: str = "WEB-100234",
    reference: str = "100234",
    offers: str = "<OfferType><OfferId>MUG-BLUE </OfferId><OrderQty>2</OrderQty></OfferType>",
    flags: str = "Accepted Unprocessed",
    materials: str = "",
) -> bytes:
    status = "".join(f"<{flag}>true</{flag}>" for flag in flags.split())
    return info(
        f"<OrdHead><OrderId>{identity}</OrderId><ReferenceNo>{reference}</ReferenceNo>"
        f"<Status>{status}<Hold>false</Hold></Status></OrdHead>"
        f"<OfferInfo>{offers}</OfferInfo><BillOfMaterials>{materials}</BillOfMaterials>"
    )


EMPTY = info("")
NO_STOCK = result("GetProductAvailabilities", "<GetProductAvailabilitiesResult />")
HTML = b"<html><body><h1>Server Error in '/' Application.</h1></body></html>"

# ---- a server that says it -----------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted:
    """Answers each request with the next of `script`, the last one again and again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Seen] = []
        self.script: deque[Reply] = deque()

    def says(self, *replies: Reply | bytes) -> None:
        made = (Reply(body=one) if isinstance(one, bytes) else one for one in replies)
        self.script = deque(made)

    def next(self) -> Reply:
        return self.script.popleft() if len(self.script) > 1 else self.script[0]

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.seen]


@contextmanager
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.seen.append(Seen(self.command, self.path, headers, body))
            reply = server.next()
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "text/xml"} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that leaves is no news."""

    listener = Server(("127.0.0.1", 0), Handler)
    server = Scripted(f"http://127.0.0.1:{listener.server_address[1]}")
    threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()


# ---- clients of it ------------------------------------------------------------------------------


def settings(url: str, **changes: Any) -> VeracoreSettings:
    fields = {
        "api_url": url,
        "client_id": "WSUSER",
        "client_secret": SECRET,
        "company_id": "ABCOMS",
        "timezone": "America/Chicago",
        "timeout_seconds": 5,
    }
    return VeracoreSettings.model_validate(fields | changes)


def oms(
    url: str, gate: Gate | None = None, clock: Clock | None = None, **changes: Any
) -> OmsWarehouse:
    chosen = settings(url, **changes)
    return OmsWarehouse(chosen, probe_id=PROBE, retry=QUICK, gate=gate, clock=clock)


def rest(
    url: str, gate: Gate | None = None, clock: Clock | None = None, **changes: Any
) -> RestWarehouse:
    chosen = settings(url, api="rest", **changes)
    time = clock or FakeClock()
    return RestWarehouse(chosen, probe_id=PROBE, retry=QUICK, gate=gate, clock=time)

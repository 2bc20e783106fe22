"""VeraCore over SOAP: one class, the port's `Warehouse`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cached_property

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.errors import (
    AuthRefused,
    BreakerOpen,
    ProtocolError,
    SyncError,
    UpstreamError,
    WrongEndpoint,
)
from veracore_sync.failure import What, read_error
from veracore_sync.model import WarehouseOrder
from veracore_sync.transport.http import Answer, Gate, HttpClient, Lost, retry_after_seconds
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.veracore.faults import meaning_of, message_of
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.parse import Unreadable, is_nil, read_document, shape, text
from veracore_sync.veracore.oms.parse import whole_number as number_at
from veracore_sync.veracore.oms.record import order_record
from veracore_sync.veracore.port import (
    Absent,
    Accepted,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    SubmitOutcome,
)
from veracore_sync.veracore.text import personal, quote

UPSTREAM = "veracore"
SANDBOX_HEADER = "x-veracore-sandbox"
_NAMESPACES = {"oms": "http://omscom/", "order": "http://sma-promail/"}
_PERMISSIONS = (
    "check veracore.client_id, veracore.client_secret and veracore.company_id, and that the web "
    "service user may use AddOrder, GetOrderInfo and GetProductAvailabilities"
)


class Fault(Exception):
    """The service answered with a fault; `message` is its reason."""

    def __init__(self, message: str, element: ET.Element) -> None:
        super().__init__(message)
        self.message = message
        self.element = element


class OmsWarehouse:
    """A tenant's order service; usable by several threads.

    Args:
        settings: ``[veracore]``.
        probe_id: An order id that cannot exist.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """

    dialect = "oms"

    def __init__(
        self,
        settings: VeracoreSettings,
        *,
        probe_id: str,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._probe_id = probe_id
        self._retry = retry
        self._clock = clock or SystemClock()
        self._namespace = _NAMESPACES[settings.face]
        self._url = service_url(settings.api_url, settings.face)
        self._http = HttpClient(
            UPSTREAM,
            timeout_seconds=settings.timeout_seconds,
            gate=gate,
            is_alive=lambda answer: answer.status < 500 or _is_xml(answer),
            clock=clock,
        )
        self.is_sandbox = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---- the port -----------------------------------------------------------------------------

    def control(self, known_id: str | None) -> None:
        """Prove that the service listens to us; see the port.

        An order that was found before must be found; else the stock of a part that cannot exist
        must be an empty list, not a fault.
        """
        if known_id is not None and isinstance(self.look_up(known_id), Present):
            return
        part = f"NO-SUCH-PART-{self._probe_id}"
        company = self._settings.company_id
        try:
            self._read("GetProductAvailabilities", partNumber=part, owner=company)
        except Fault as fault:
            words = quote(fault.message, self._secrets())
            refused = meaning_of(fault.message).what is What.LOGIN_REFUSED
            raise AuthRefused(
                f"VeraCore refuses us: {words}",
                upstream=UPSTREAM,
                hint=_PERMISSIONS,
                listed=refused,
            ) from fault
        except ProtocolError as error:
            raise WrongEndpoint(
                f"{self._url} does not answer as VeraCore's order service: {error.message}",
                hint="check veracore.api_url, veracore.api and veracore.face",
            ) from error

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order; see the port. One request."""
        hidden = personal(order) + self._secrets()
        try:
            answer = self._send(
                "AddOrder",
                lambda body: write.add_order(body, self._namespace, order, self._settings.zone),
            )
        except BreakerOpen as error:
            return NotAccepted(What.NOT_CONNECTED, error.message)
        except Lost as lost:
            return NotAccepted(lost.what, quote(lost.detail, hidden))
        try:
            result = self._result(answer, "AddOrder")
        except Fault as fault:
            meaning = meaning_of(fault.message, order)
            return NotAccepted(meaning.what, quote(fault.message, hidden), meaning.hint)
        except _NotSoap as error:
            return NotAccepted(error.what, str(error), retry_after=error.retry_after)
        identity, sequence = text(result, "OrderID"), number_at(result, "OrderSeqID")
        if identity.casefold() != order.id.casefold() or (sequence or 0) <= 0:
            words = quote(f"accepted as {identity or 'nothing'}, sequence {sequence}", hidden)
            return NotAccepted(What.ODD_SUCCESS, words)
        return Accepted(identity, sequence)

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up; see the port."""
        try:
            result = self._read("GetOrderInfo", orderId=order_id)
        except Fault as fault:
            return self._judge_fault(fault, order_id)
        except SyncError as error:
            return LookUpFailed(error)
        if is_nil(result) or not text(result, "OrdHead/OrderId"):
            return Absent()
        record = order_record(result)
        if record is None or record.id.casefold() != order_id.strip().casefold():
            return LookUpFailed(_odd("the look-up answered with another order"))
        if not record.reference and not record.lines:
            return self._judge_bare(result, order_id)
        return Present(record)

    # ---- telling absent from failed -----------------------------------------------------------

    def _judge_fault(self, fault: Fault, order_id: str) -> LookUp:
        if meaning_of(fault.message).what is What.LOGIN_REFUSED:
            words = quote(fault.message, self._secrets())
            return LookUpFailed(
                AuthRefused(
                    f"VeraCore refuses us: {words}",
                    upstream=UPSTREAM,
                    hint=_PERMISSIONS,
                    listed=True,
                )
            )
        try:
            same = self._absent_shape == _blanked(fault.message, order_id)
        except SyncError as error:
            return LookUpFailed(error)
        if same:
            return Absent()
        return LookUpFailed(_odd(f"the look-up was refused: {quote(fault.message)}"))

    def _judge_bare(self, result: ET.Element, order_id: str) -> LookUp:
        """A record without content: what an id that cannot exist gets is an absence."""
        try:
            same = self._absent_shape == shape(result, order_id)
        except SyncError as error:
            return LookUpFailed(error)
        return Absent() if same else LookUpFailed(_odd("the look-up answered without content"))

    @cached_property
    def _absent_shape(self) -> str:
        """How this tenant answers for an order that does not exist; asked once a run."""
        try:
            result = self._read("GetOrderInfo", orderId=self._probe_id)
        except Fault as fault:
            return _blanked(fault.message, self._probe_id)
        return shape(result, self._probe_id)

    # ---- one call -----------------------------------------------------------------------------

    def _read(self, operation: str, **arguments: str) -> ET.Element:
        """The result element of a reading operation, repeated a little.

        Raises:
            Fault: The service answered with a fault.
            UpstreamError: No usable answer.
            WrongEndpoint: There is no such service at that address.
        """
        return retry_read(lambda: self._read_once(operation, arguments), self._retry)

    def _read_once(self, operation: str, arguments: dict[str, str]) -> ET.Element:
        try:
            answer = self._send(
                operation,
                lambda body: write.operation(body, operation, self._namespace, **arguments),
            )
            return self._result(answer, operation)
        except Lost as lost:
            raise read_error(
                lost.what, f"VeraCore, {operation}: {lost.detail}", upstream=UPSTREAM
            ) from lost
        except _NotSoap as error:
            raise read_error(
                error.what,
                f"VeraCore, {operation}: {error}",
                upstream=UPSTREAM,
                hint=_ADDRESS if error.what is What.HTTP_404 else None,
                retry_after=error.retry_after,
            ) from error

    def _send(self, operation: str, fill: Callable[[ET.Element], object]) -> Answer:
        secret = self._settings.client_secret.get_secret_value()
        content = write.envelope(self._namespace, self._settings.client_id, secret, fill)
        answer = self._http.send(
            "POST",
            self._url,
            label=operation,
            headers={
                "content-type": "text/xml; charset=utf-8",
                "soapaction": f'"{self._namespace}{operation}"',
            },
            content=content,
        )
        if SANDBOX_HEADER in answer.headers:
            self.is_sandbox = True
        return answer

    def _result(self, answer: Answer, operation: str) -> ET.Element:
        """The ``…Result`` element.

        Raises:
            Fault: A SOAP fault, whatever the status.
            _NotSoap: Anything else.
        """
        body = _soap_body(answer, self._clock)
        fault = body.find("Fault")
        if fault is not None:
            reason = text(fault, "faultstring") or text(fault, "Reason/Text")
            raise Fault(message_of(reason), fault)
        response = body.find(f"{operation}Response")
        if response is None:
            raise _NotSoap(What.NOT_UNDERSTOOD, "the answer is not that of the operation")
        result = response.find(f"{operation}Result")
        return result if result is not None else response

    def _secrets(self) -> list[str]:
        return [self._settings.client_secret.get_secret_value(), self._settings.client_id]


_ADDRESS = "check veracore.api_url, veracore.api and veracore.face"


class _NotSoap(Exception):
    def __init__(self, what: What, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.what = what
        self.retry_after = retry_after


def _soap_body(answer: Answer, clock: Clock) -> ET.Element:
    try:
        root = read_document(answer.body)
    except Unreadable as error:
        raise _not_soap(answer, clock, "no SOAP") from error
    body = root.find("Body") if root.tag == "Envelope" else None
    if body is None:
        raise _not_soap(answer, clock, "no SOAP")
    return body


def _not_soap(answer: Answer, clock: Clock, words: str) -> _NotSoap:
    kind = answer.content_type or "no content type"
    message = f"HTTP {answer.status} with {words} ({kind})"
    if answer.status == 429:
        return _NotSoap(What.HTTP_429, message, retry_after_seconds(answer, clock))
    if answer.status >= 500:
        wait = retry_after_seconds(answer, clock)
        return _NotSoap(What.HTTP_5XX, message, wait)
    if answer.status == 404:
        return _NotSoap(What.HTTP_404, message)
    if answer.status >= 400:
        return _NotSoap(What.HTTP_4XX, message)
    return _NotSoap(What.NOT_UNDERSTOOD, message)


def service_url(api_url: str, face: str) -> str:
    """The service's address below the tenant's base URL, whichever part of it was given."""
    base = api_url.rstrip("/")
    lowered = base.lower()
    if lowered.endswith(".asmx"):
        base = base.rpartition("/")[0]
    elif not lowered.endswith("/pmomsws"):
        base += "/pmomsws"
    return f"{base}/{face}.asmx"


def _is_xml(answer: Answer) -> bool:
    return b":Envelope" in answer.body[:2000] or b"<Envelope" in answer.body[:2000]


def _blanked(message: str, order_id: str) -> str:
    return "".join(message.casefold().replace(order_id.casefold(), "").split())


def _odd(words: str) -> UpstreamError:
    return ProtocolError(f"VeraCore: {words}", upstream=UPSTREAM)

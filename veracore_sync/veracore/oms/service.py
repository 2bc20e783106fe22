"""One call of VeraCore's SOAP service: its address, the request, the kind of answer.

Requests are SOAP 1.1; answers are understood in 1.1 and 1.2 (docs/wire.md).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.config.address import Face, parse
from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.failures import read_error
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import (
    Gate,
    HttpAnswer,
    HttpClient,
    NoResponse,
    StreamedAnswer,
    retry_after_seconds,
)
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.transport.ways import upstream_of
from veracore_sync.veracore.faults import hint_of, message_of, what_of, words_of
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.parse import AnswerReader, UnreadableXml, text
from veracore_sync.veracore.streams import FirstPieces, begun

UPSTREAM = "veracore"
_SANDBOX_HEADER = "x-veracore-sandbox"
_CREATE = "AddOrder"
# Each face accepts bodies in its own namespace only (docs/wire.md 1.3).
NAMESPACES = {"oms": "http://omscom/", "order": "http://sma-promail/"}


class Fault(Exception):
    """The service answered with a SOAP fault; `message` is its reason."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotSoap(Exception):
    """The response is not an answer of the operation.

    Args:
        what: The row of the failure table.
        message: The status and the media type, never the content: it may contain card data.
        retry_after: Seconds to wait, from ``Retry-After``.
    """

    def __init__(self, what: Occurrence, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.what = what
        self.retry_after = retry_after


class Service:
    """One face of a tenant's order service; usable by several threads.

    Args:
        settings: ``[veracore]``.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """

    def __init__(
        self,
        settings: VeracoreSettings,
        *,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._retry = retry
        self.clock = clock or SystemClock()
        self.namespace = NAMESPACES[settings.used_face]
        self.url = service_url(settings.api_url, settings.used_face)
        self._adjustment_url = f"{self.url.rpartition('/')[0]}/orderadjustment.svc/soap"
        self.is_sandbox = False
        self._http = HttpClient(
            UPSTREAM,
            timeout_seconds=settings.timeout_seconds,
            gate=gate,
            is_alive=_is_alive,
            clock=clock,
            at=upstream_of(UPSTREAM, settings.api_url, settings),
        )

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the warehouse's clock is ahead of ours, once an answer carried its time."""
        return self._http.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, operation: str, fill: Callable[[ET.Element], object]) -> ET.Element:
        """Send one request; the operation's result element, or its response where it has none.

        Args:
            operation: Its name.
            fill: Puts it into the SOAP body.

        Raises:
            Fault: A SOAP fault, whatever the HTTP status.
            NotSoap: Anything else that arrived.
            NoResponse: No whole answer arrived.
            BreakerOpen: Nothing was sent.
        """
        return self._result(self._send(operation, fill), operation)

    def read(self, operation: str, **arguments: str) -> ET.Element:
        """The result element of a reading operation, repeated a little.

        Raises:
            Fault: A SOAP fault.
            UpstreamError: No usable answer.
            WrongEndpoint: There is no such service at that address.
        """
        return retry_read(
            lambda: self._read_once(operation, arguments), self._retry, clock=self.clock
        )

    def _read_once(self, operation: str, arguments: dict[str, str]) -> ET.Element:
        def fill(body: ET.Element) -> None:
            write.operation(body, operation, self.namespace, **arguments)

        try:
            return self.call(operation, fill)
        except (NoResponse, NotSoap) as error:
            raise _unread(error, operation) from error

    def records(self, operation: str, record: str, **arguments: str) -> Iterator[ET.Element]:
        """Each element named `record` of a reading operation's answer, as it streams in.

        The answer was complete only if the iteration ends without an error. The read is repeated
        until the first record arrives, never afterwards.

        Raises:
            Fault: A SOAP fault.
            UpstreamError: No usable answer; also after some records, when it is cut short.
            WrongEndpoint: There is no such service at that address.
        """
        yield from begun(lambda: self._records(operation, record, arguments), self._retry)

    def _records(
        self, operation: str, record: str, arguments: dict[str, str]
    ) -> Iterator[ET.Element]:
        def fill(body: ET.Element) -> None:
            write.operation(body, operation, self.namespace, **arguments)

        try:
            with self._request(operation, fill, AnswerKind.STREAM) as streamed:
                yield from self._streamed(streamed, operation, record)
        except (NoResponse, NotSoap) as error:
            raise _unread(error, operation) from error

    def _streamed(
        self, streamed: StreamedAnswer, operation: str, record: str
    ) -> Iterator[ET.Element]:
        if streamed.status != 200:
            self._result(streamed.whole(), operation)
        reader = AnswerReader(operation, record, streamed.headers.get("content-type", ""))
        head = FirstPieces(streamed.pieces())
        so_far = 0
        try:
            for element in reader.read(head):
                so_far += 1
                yield element
        except UnreadableXml as error:
            if so_far:
                words = f"{error} (after {so_far} records)"
                raise NotSoap(Occurrence.NOT_UNDERSTOOD, words) from error
            answer = HttpAnswer(streamed.status, streamed.headers, head.content)
            raise self._not_soap(answer, operation) from error
        # Without a record it is an empty list, a fault or another page.
        answer = HttpAnswer(streamed.status, streamed.headers, head.content)
        self._must_answer(reader, answer, operation)

    def adjust(self, operation: str, content: bytes, *, action: str) -> HttpAnswer:
        """Send one request to the service that changes orders; never repeated.

        Args:
            operation: Its name.
            content: The whole envelope: this service takes the credentials in the body.
            action: The SOAPAction.

        Raises:
            NoResponse: No whole answer arrived.
            BreakerOpen, RateLimited, RunOver: Nothing was sent.
        """
        with self._post(
            self._adjustment_url, operation, content, action, AnswerKind.ACT, creating=True
        ) as streamed:
            return streamed.whole()

    def _send(self, operation: str, fill: Callable[[ET.Element], object]) -> HttpAnswer:
        kind = AnswerKind.ACT if operation == _CREATE else AnswerKind.RECORD
        with self._request(operation, fill, kind) as streamed:
            return streamed.whole()

    def _request(
        self, operation: str, fill: Callable[[ET.Element], object], kind: AnswerKind
    ) -> AbstractContextManager[StreamedAnswer]:
        secret = self._settings.client_secret.get_secret_value()
        content = write.envelope(self.namespace, self._settings.client_id, secret, fill)
        action = f"{self.namespace}{operation}"
        is_create = operation == _CREATE
        return self._post(self.url, operation, content, action, kind, creating=is_create)

    @contextmanager
    def _post(
        self,
        url: str,
        operation: str,
        content: bytes,
        action: str,
        kind: AnswerKind,
        *,
        creating: bool,
    ) -> Iterator[StreamedAnswer]:
        with self._http.stream(
            "POST",
            url,
            label=operation,
            headers={"content-type": "text/xml; charset=utf-8", "soapaction": f'"{action}"'},
            content=content,
            creating=creating,
            kind=kind,
        ) as streamed:
            if _SANDBOX_HEADER in streamed.headers:
                self.is_sandbox = True
            yield streamed

    def _result(self, answer: HttpAnswer, operation: str) -> ET.Element:
        reader = AnswerReader(operation, None, answer.headers.get("content-type", ""))
        try:
            found = list(reader.read([answer.body]))
        except UnreadableXml as error:
            raise self._not_soap(answer, operation) from error
        self._must_answer(reader, answer, operation)
        result = found[0].find(f"{operation}Result")
        return result if result is not None else found[0]

    def _must_answer(self, reader: AnswerReader, answer: HttpAnswer, operation: str) -> None:
        if reader.fault is not None:
            words = text(reader.fault, "faultstring") or text(reader.fault, "Reason/Text")
            raise Fault(message_of(words))
        if not reader.is_answer or answer.status != 200:
            raise self._not_soap(answer, operation)

    def _not_soap(self, answer: HttpAnswer, operation: str) -> NotSoap:
        message = f"no answer to {operation} at {self.url}: {words_of(answer)}"
        return NotSoap(what_of(answer), message, retry_after_seconds(answer, self.clock))


def _unread(error: NoResponse | NotSoap, operation: str) -> SyncError:
    if isinstance(error, NoResponse):
        words = f"VeraCore, {operation}: {error.detail}"
        return read_error(error.what, words, upstream=UPSTREAM)
    return read_error(
        error.what,
        f"VeraCore, {operation}: {error}",
        upstream=UPSTREAM,
        hint=hint_of(error.what),
        retry_after=error.retry_after,
    )


def service_url(api_url: str, face: Face) -> str:
    """The service's address below the tenant's base URL, whichever part of it was given."""
    return parse(api_url).service(face)


def _is_alive(answer: HttpAnswer) -> bool:
    """Whether the service works, for the circuit breaker."""
    # A refused order is a SOAP fault with HTTP 500. Counted as an outage, five bad orders in a row
    # would stop all others.
    if answer.status < 500:
        return True
    reader = AnswerReader("", None, answer.headers.get("content-type", ""))
    return reader.begins_envelope(answer.body)

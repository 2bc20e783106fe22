"""Requests of a probe: none of them can change anything at VeraCore."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.config.address import Face, parse
from veracore_sync.domain.failures import read_error
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import Gate, HttpAnswer, HttpClient, NoResponse
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.transport.ways import upstream_of
from veracore_sync.veracore.faults import message_of
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.parse import AnswerReader, UnreadableXml, text
from veracore_sync.veracore.oms.service import NAMESPACES, UPSTREAM
from veracore_sync.veracore.probe.shape import XmlShape

READS = frozenset(
    {
        "GetOrderInfo",
        "GetProductAvailabilities",
        "GetShippingCharge",
        "GetShippingActivity",
        "GetProductReturns",
        "GetOffers",
        "GetProduct",
        "GetProducts",
    }
)
"""The only operations that are called."""

_MOST_BYTES = 4_000_000
_SOAP_12 = b"http://www.w3.org/2003/05/soap-envelope"


class NotShown(Exception):
    """The tenant did not show something; the message says why, without its values."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer of the order service.

    `raw_fault` is the text of its fault as it came, empty for none; `message` the reason in it.
    """

    answer: HttpAnswer
    shape: XmlShape
    is_whole: bool
    raw_fault: str = ""

    @property
    def message(self) -> str:
        """The reason of the fault."""
        return message_of(self.raw_fault)

    def result(self, operation: str) -> ET.Element:
        """What the operation returned.

        Raises:
            NotShown: Nothing that can be read.
        """
        reader = AnswerReader(operation, None, self.answer.headers.get("content-type", ""))
        try:
            found = list(reader.read([self.answer.body]))
        except UnreadableXml as error:
            raise NotShown("its answer cannot be read") from error
        if not found or not reader.is_answer:
            raise NotShown("it was answered without a result")
        inner = found[0].find(f"{operation}Result")
        return found[0] if inner is None else inner

    def rows(self, operation: str, record: str) -> list[ET.Element]:
        """The records of a list; of an answer that was cut, those that came."""
        reader = AnswerReader(operation, record, self.answer.headers.get("content-type", ""))
        found: list[ET.Element] = []
        try:
            found.extend(reader.read([self.answer.body]))
        except UnreadableXml as error:
            if self.is_whole:
                raise NotShown("its answer cannot be read") from error
        return found


class Wire:
    """A connection to one tenant.

    Args:
        settings: ``[veracore]``.
        retry: How a request that got no answer is repeated.
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
        self.settings = settings
        self.clock = clock or SystemClock()
        self._retry = retry
        self._address = parse(settings.api_url)
        self.namespace = NAMESPACES[settings.used_face]
        # Any answer is what a probe wants to see; none of them is an outage to it.
        self._http = HttpClient(
            UPSTREAM,
            timeout_seconds=settings.timeout_seconds,
            gate=gate,
            is_alive=lambda _answer: True,
            clock=clock,
            at=upstream_of(UPSTREAM, settings.api_url, settings),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def service(self, face: Face) -> str:
        """The address of a face."""
        return self._address.service(face)

    @property
    def adjustment(self) -> str:
        """The address of the service that changes orders; only its description is read."""
        return f"{self.service('oms').rpartition('/')[0]}/orderadjustment.svc"

    @property
    def public(self) -> str:
        """The address of the REST application."""
        return f"{self._address.origin}{self._address.prefix}/VeraCore/Public.Api"

    def soap(self, operation: str, arguments: Mapping[str, str], *, version: str = "1.1") -> Heard:
        """Call a reading operation.

        Raises:
            NotShown: It was not answered in SOAP.
            UpstreamError: No answer arrived.
        """
        if operation not in READS:
            raise ValueError(f"a probe does not call {operation}")

        def fill(body: ET.Element) -> None:
            write.operation(body, operation, self.namespace, **arguments)

        settings = self.settings
        secret = settings.client_secret.get_secret_value()
        content = write.envelope(self.namespace, settings.client_id, secret, fill)
        action = f"{self.namespace}{operation}"
        headers = {"content-type": "text/xml; charset=utf-8", "soapaction": f'"{action}"'}
        if version == "1.2":
            content = content.replace(write.ENVELOPE.encode(), _SOAP_12, 1)
            kind = f'application/soap+xml; charset=utf-8; action="{action}"'
            headers = {"content-type": kind}
        url = self.service(settings.used_face)
        answer, is_whole = self._send("POST", url, operation, headers, content)
        return _heard(answer, is_whole)

    def get(self, url: str, label: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """Read what is at an address.

        Raises:
            NotShown: It is too large.
            UpstreamError: No answer arrived.
        """
        return self._whole("GET", url, label, headers or {}, b"")

    def post_json(self, url: str, label: str, document: Any) -> HttpAnswer:
        """Post a JSON document: the login, which creates nothing but a token.

        Raises:
            NotShown: The answer is too large.
            UpstreamError: No answer arrived.
        """
        headers = {"content-type": "application/json; charset=utf-8"}
        return self._whole("POST", url, label, headers, json.dumps(document).encode())

    def _whole(
        self, method: str, url: str, label: str, headers: Mapping[str, str], content: bytes
    ) -> HttpAnswer:
        answer, is_whole = self._send(method, url, label, headers, content)
        if not is_whole:
            raise NotShown("the answer is too large to be read here")
        return answer

    def _send(
        self, method: str, url: str, label: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[HttpAnswer, bool]:
        """The answer, at most its first bytes, and whether that is all of it."""

        def once() -> tuple[HttpAnswer, bool]:
            body = b""
            try:
                with self._http.stream(
                    method,
                    url,
                    label=label,
                    headers=headers,
                    content=content,
                    kind=AnswerKind.STREAM,
                ) as streamed:
                    for piece in streamed.pieces():
                        body += piece
                        if len(body) >= _MOST_BYTES:
                            return HttpAnswer(streamed.status, streamed.headers, body), False
                    return HttpAnswer(streamed.status, streamed.headers, body), True
            except NoResponse as lost:
                words = f"{label}: {lost.detail}"
                raise read_error(lost.what, words, upstream=UPSTREAM) from lost

        return retry_read(once, self._retry, clock=self.clock)


def _heard(answer: HttpAnswer, is_whole: bool) -> Heard:
    kind = answer.headers.get("content-type", "")
    try:
        shape = XmlShape(answer.body, kind, is_whole=is_whole)
    except UnreadableXml as error:
        raise NotShown(f"no SOAP answer: {status_of(answer)}") from error
    if not shape.version:
        raise NotShown(f"no SOAP answer: {status_of(answer)}")
    reader = AnswerReader("", None, kind)
    if shape.response == "Fault":
        try:
            list(reader.read([answer.body]))
        except UnreadableXml as error:
            raise NotShown(f"its fault cannot be read: {status_of(answer)}") from error
    fault = reader.fault
    words = text(fault, "faultstring") or text(fault, "Reason/Text")
    if shape.response == "Fault" and not words:
        words = "a fault without words"
    return Heard(answer, shape, is_whole, words)


def status_of(answer: HttpAnswer) -> str:
    """The status and the media type of an answer."""
    kind = answer.content_type
    return f"HTTP {answer.status}" + (f" ({kind})" if kind.replace("/", "").isascii() else "")

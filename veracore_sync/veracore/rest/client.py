"""The REST dialect: one class, the port's `Warehouse`.

A used order number is 409 JSON, an unknown one 404 JSON that names it; only these count as
duplicate and absent. A look-up shows existence alone.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote as url_quote

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
from veracore_sync.model import WarehouseOrder, WarehouseRecord, WarehouseStatus
from veracore_sync.transport.http import Answer, Gate, HttpClient, Lost, retry_after_seconds
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.veracore.faults import meaning_of
from veracore_sync.veracore.port import (
    Absent,
    Accepted,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    SubmitOutcome,
)
from veracore_sync.veracore.rest.write import create_document
from veracore_sync.veracore.text import personal, quote

UPSTREAM = "veracore"
SANDBOX_HEADER = "x-veracore-sandbox"
_RENEW_BEFORE = 300.0
_TOKEN_LIFE = 3600.0
_REFUSED = (400, 401, 403)
_STATUSES: dict[str, WarehouseStatus] = {
    "unprocessed": "open",
    "processed": "processed",
    "partiallyshipped": "processed",
    "shipped": "shipped",
    "complete": "complete",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}


class RestWarehouse:
    """A tenant's REST API; usable by several threads.

    Args:
        settings: ``[veracore]``.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """

    dialect = "rest"

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
        self._clock = clock or SystemClock()
        self._http = HttpClient(
            UPSTREAM, timeout_seconds=settings.timeout_seconds, gate=gate, clock=clock
        )
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0
        self.is_sandbox = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---- the port -----------------------------------------------------------------------------

    def control(self, known_id: str | None) -> None:
        """Prove that the API listens to us: a token; see the port."""
        try:
            self._fresh_token()
        except ProtocolError as error:
            raise WrongEndpoint(
                f"{self._settings.api_url} does not answer as VeraCore's API: {error.message}",
                hint="check veracore.api_url and veracore.api",
            ) from error

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order; see the port. One request beside the token's."""
        hidden = [*personal(order), *self._secrets()]
        try:
            token = self._fresh_token()
        except SyncError as error:
            # The order never left: without a token nothing is sent.
            return NotAccepted(What.NOT_CONNECTED, quote(error.message, hidden))
        try:
            content = create_document(order, self._settings.company_id)
            answer = self._send("POST", "/api/orders", "create", token, content)
        except BreakerOpen as error:
            return NotAccepted(What.NOT_CONNECTED, error.message)
        except Lost as lost:
            return NotAccepted(lost.what, quote(lost.detail, hidden))
        return self._outcome(answer, order, hidden)

    def _outcome(self, answer: Answer, order: WarehouseOrder, hidden: list[str]) -> SubmitOutcome:
        document = _json_object(answer)
        words = quote(_message(document) or f"HTTP {answer.status}", hidden)
        if answer.status == 409 and document is not None:
            return NotAccepted(What.DUPLICATE, words)
        if 200 <= answer.status < 300 and document is not None and document.get("OrderId"):
            echoed = str(document.get("OrderNumber") or order.id)
            if echoed.casefold() == order.id.casefold():
                return Accepted(order.id, None)
            return NotAccepted(What.ODD_SUCCESS, quote(f"accepted as {echoed}", hidden))
        if 400 <= answer.status < 500 and document is not None and answer.status != 429:
            meaning = meaning_of(_message(document), order)
            if meaning.what is What.REFUSED:
                return NotAccepted(meaning.what, words, meaning.hint)
        return NotAccepted(
            _what(answer), words, retry_after=retry_after_seconds(answer, self._clock)
        )

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up by its number; see the port."""
        path = f"/api/orders/{url_quote(order_id, safe='')}/status"
        try:
            answer = self._read(path, "status")
        except SyncError as error:
            return LookUpFailed(error)
        document = _json_object(answer)
        if answer.status == 404 and document is not None and order_id in json.dumps(document):
            return Absent()
        if answer.status == 200 and document is not None:
            if str(document.get("OrderNumber", "")).casefold() == order_id.casefold():
                return Present(_record(order_id, document))
            return LookUpFailed(_odd("the look-up answered with another order"))
        return LookUpFailed(self._failure(answer, "status"))

    # ---- one call -----------------------------------------------------------------------------

    def _read(self, path: str, label: str) -> Answer:
        """An answer below 500; an expired token is renewed once."""
        return retry_read(lambda: self._read_once(path, label), self._retry)

    def _read_once(self, path: str, label: str) -> Answer:
        answer = self._attempt(path, label)
        if answer.status == 401:
            self._renew_at = 0.0
            answer = self._attempt(path, label)
        if answer.status == 401 or answer.status == 429 or answer.status >= 500:
            raise self._failure(answer, label)
        return answer

    def _attempt(self, path: str, label: str) -> Answer:
        try:
            return self._send("GET", path, label, self._fresh_token())
        except Lost as lost:
            raise read_error(
                lost.what, f"VeraCore, {label}: {lost.detail}", upstream=UPSTREAM
            ) from lost

    def _failure(self, answer: Answer, label: str) -> SyncError:
        words = quote(_message(_json_object(answer)) or answer.content_type, self._secrets())
        message = f"VeraCore, {label}: HTTP {answer.status} {words}".rstrip()
        if answer.status == 401:
            return AuthRefused(message, upstream=UPSTREAM)
        what = What.NOT_UNDERSTOOD if answer.status == 404 else _what(answer)
        wait = retry_after_seconds(answer, self._clock)
        return read_error(what, message, upstream=UPSTREAM, retry_after=wait)

    def _send(self, method: str, path: str, label: str, token: str, content: bytes = b"") -> Answer:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        if content:
            headers["content-type"] = "application/json"
        return self._call(method, path, label, headers, content)

    def _call(
        self, method: str, path: str, label: str, headers: Mapping[str, str], content: bytes
    ) -> Answer:
        url = f"{self._settings.api_url.rstrip('/')}{path}"
        answer = self._http.send(method, url, label=label, headers=headers, content=content)
        if SANDBOX_HEADER in answer.headers:
            self.is_sandbox = True
        return answer

    # ---- the token ----------------------------------------------------------------------------

    def _fresh_token(self) -> str:
        """A token that is good for a while.

        Raises:
            AuthRefused: The client's credentials were refused.
            UpstreamError: No usable answer.
        """
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._renew_at:
                self._token = retry_read(self._ask_for_token, self._retry)
            return self._token

    def _ask_for_token(self) -> str:
        secret = self._settings.client_secret.get_secret_value()
        pair = f"{self._settings.client_id}:{secret}".encode()
        headers = {
            "authorization": f"Basic {base64.b64encode(pair).decode()}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        form = b"grant_type=client_credentials&scope=api"
        try:
            answer = self._call("POST", "/api/token", "token", headers, form)
        except Lost as lost:
            raise read_error(
                lost.what, f"VeraCore, token: {lost.detail}", upstream=UPSTREAM
            ) from lost
        document = _json_object(answer)
        if answer.status in _REFUSED and document is not None:
            words = quote(_message(document), self._secrets())
            raise AuthRefused(
                f"VeraCore refuses the client: HTTP {answer.status} {words}".rstrip(),
                upstream=UPSTREAM,
                hint="check veracore.client_id and veracore.client_secret",
                listed=True,
            )
        token = document.get("access_token") if document and answer.status == 200 else None
        if not isinstance(token, str) or not token:
            raise self._failure(answer, "token")
        life = document.get("expires_in") if document else None
        seconds = float(life) if isinstance(life, int | float) else _TOKEN_LIFE
        self._renew_at = self._clock.monotonic() + max(seconds - _RENEW_BEFORE, seconds / 2)
        return token

    def _secrets(self) -> list[str]:
        return [self._settings.client_secret.get_secret_value(), self._settings.client_id]


def _record(order_id: str, document: Mapping[str, Any]) -> WarehouseRecord:
    word = str(document.get("Status", "")).replace(" ", "").casefold()
    return WarehouseRecord(order_id, None, None, _STATUSES.get(word, "unknown"))


def _json_object(answer: Answer) -> dict[str, Any] | None:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _message(document: Mapping[str, Any] | None) -> str:
    if document is None:
        return ""
    words = document.get("message") or document.get("error_description") or document.get("error")
    return words if isinstance(words, str) else ""


def _what(answer: Answer) -> What:
    if answer.status == 429:
        return What.HTTP_429
    if answer.status >= 500:
        return What.HTTP_5XX
    if answer.status == 404:
        return What.HTTP_404
    return What.HTTP_4XX if answer.status >= 400 else What.NOT_UNDERSTOOD


def _odd(words: str) -> UpstreamError:
    return ProtocolError(f"VeraCore: {words}", upstream=UPSTREAM)

"""One call of the REST API: its token, the request, the kind of answer (docs/wire.md 8)."""

from __future__ import annotations

import base64
import math
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import AuthRefused, Occurrence, SyncError
from veracore_sync.domain.failures import TRIED_AGAIN, read_error
from veracore_sync.domain.listed_words import repeat
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import (
    Gate,
    HttpAnswer,
    HttpClient,
    NoResponse,
    StreamedAnswer,
    retry_after_seconds,
)
from veracore_sync.transport.json_body import UnreadableJson, read_json
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.transport.ways import upstream_of
from veracore_sync.veracore.faults import hint_of, what_of, words_of

UPSTREAM = "veracore"
CREDENTIALS_HINT = "check veracore.client_id and veracore.client_secret"
_SANDBOX_HEADER = "x-veracore-sandbox"
_RENEW_BEFORE = 300.0
_TOKEN_LIFE = 3600.0
_TOKEN_REFUSALS = ("invalid_client", "unauthorized_client", "invalid_grant")
_FORM = b"grant_type=client_credentials&scope=api"
_FORM_TYPE = "application/x-www-form-urlencoded"
_TOKEN = re.compile(r"[!-~]+")
_KINDS = {"token": AnswerKind.CONTROL, "create": AnswerKind.ACT}


class RestApi:
    """The API with its token, kept in memory; usable by several threads.

    Args:
        settings: ``[veracore]``.
        retry: How reads, and the request for a token, are repeated.
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
        self._clock = clock or SystemClock()
        self.url = settings.api_url.rstrip("/")
        self.is_sandbox = False
        self._http = HttpClient(
            UPSTREAM,
            timeout_seconds=settings.timeout_seconds,
            gate=gate,
            clock=clock,
            at=upstream_of(UPSTREAM, settings.api_url, settings),
        )
        self._lock = threading.Lock()
        self._token: str | None = None
        self._newest_token = ""
        self._renew_at = 0.0

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the warehouse's clock is ahead of ours, once an answer carried its time."""
        return self._http.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token(self) -> str:
        """A valid token, requested if there is none; the request is retried.

        Raises:
            AuthRefused: The client's credentials were refused.
            UpstreamError: No usable answer.
        """
        return retry_read(self._good_token, self._retry, clock=self._clock)

    def create(self, path: str, content: bytes, token: str) -> HttpAnswer:
        """POST a document, once. An expired token is forgotten, but nothing is repeated.

        Raises:
            NoResponse: No whole answer arrived.
            BreakerOpen: Nothing was sent.
        """
        answer = self._send("POST", path, "create", _bearer(token), content)
        # A create may have worked in spite of its 401; repeating it could send the order twice.
        if answer.status == 401:
            self._forget(token)
        return answer

    def read(self, path: str, label: str) -> HttpAnswer:
        """GET, repeated a little; an expired token is renewed once.

        Returns:
            An answer below 500, neither 401 nor 429.

        Raises:
            AuthRefused: A fresh token was refused, or the client's credentials.
            UpstreamError: No usable answer.
        """
        return retry_read(lambda: self._read_once(path, label), self._retry, clock=self._clock)

    @contextmanager
    def stream(self, path: str, label: str) -> Iterator[StreamedAnswer]:
        """GET an answer piece by piece inside the ``with`` block; once, with an HTTP 200.

        Raises:
            AuthRefused: The token or the client's credentials were refused.
            UpstreamError: No usable answer; also from inside the block.
        """
        token = self._good_token()
        headers = {"authorization": _bearer(token), "accept": "application/json"}
        try:
            with self._request("GET", path, label, headers, kind=AnswerKind.STREAM) as streamed:
                if streamed.status == 401:
                    self._forget(token)
                if streamed.status != 200:
                    raise self.failure(streamed.whole(), label)
                yield streamed
        except NoResponse as lost:
            raise _lost(lost, label) from lost

    def failure(
        self, answer: HttpAnswer, label: str, what: Occurrence | None = None, known: str = ""
    ) -> SyncError:
        """The error that an answer to a read means.

        Args:
            answer: Not a usable one.
            label: What was read.
            what: What happened, if the answer alone does not tell.
            known: The order or SKU that was asked for, which may be repeated.
        """
        document = json_object(answer)
        words = repeat(message(document), [known], self.secrets()) or words_of(answer)
        sentence = f"VeraCore, {label} at {self.url}: HTTP {answer.status} {words}".rstrip()
        if answer.status == 401:
            return AuthRefused(sentence, upstream=UPSTREAM, hint=CREDENTIALS_HINT)
        what = what or self.what_of(answer)
        # Not HTTP_404: that would blame the address, though the token came from there.
        if what is Occurrence.HTTP_404 and label != "token":
            what = Occurrence.NOT_UNDERSTOOD
        wait, hint = self.retry_after(answer), hint_of(what)
        return read_error(what, sentence, upstream=UPSTREAM, hint=hint, retry_after=wait)

    def what_of(self, answer: HttpAnswer) -> Occurrence:
        """The row of the failure table for an answer that is not usable."""
        if answer.status == 403 and json_object(answer) is not None:
            return Occurrence.FORBIDDEN
        return what_of(answer)

    def retry_after(self, answer: HttpAnswer) -> float | None:
        """The wait in seconds that an answer asks for."""
        return retry_after_seconds(answer, self._clock)

    def secrets(self) -> list[str]:
        """What no message may contain; a refusal may echo the header that it refuses."""
        secret, user = self._settings.client_secret.get_secret_value(), self._settings.client_id
        return [secret, user, self._basic(), self._newest_token]

    # ---- one request --------------------------------------------------------------------------

    def _read_once(self, path: str, label: str) -> HttpAnswer:
        token = self._good_token()
        answer = self._get(path, label, token)
        if answer.status == 401:
            # Expired before its time. Only once: a fresh token that is refused will not get better.
            self._forget(token)
            answer = self._get(path, label, self._good_token())
        is_unanswered = answer.status in (401, 429) or answer.status >= 500
        # Retried, if the row of its page says so.
        if is_unanswered or self.what_of(answer) in TRIED_AGAIN:
            raise self.failure(answer, label)
        return answer

    def _get(self, path: str, label: str, token: str) -> HttpAnswer:
        try:
            return self._send("GET", path, label, _bearer(token))
        except NoResponse as lost:
            raise _lost(lost, label) from lost

    def _send(
        self,
        method: str,
        path: str,
        label: str,
        authorization: str,
        content: bytes = b"",
        content_type: str = "application/json",
    ) -> HttpAnswer:
        headers = {"authorization": authorization, "accept": "application/json"}
        if content:
            headers["content-type"] = content_type
        kind = _KINDS.get(label, AnswerKind.RECORD)
        with self._request(method, path, label, headers, content, kind) as streamed:
            return streamed.whole()

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        label: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        kind: AnswerKind = AnswerKind.RECORD,
    ) -> Iterator[StreamedAnswer]:
        with self._http.stream(
            method,
            f"{self.url}{path}",
            label=label,
            headers=headers,
            content=content,
            creating=label == "create",
            kind=kind,
        ) as streamed:
            if _SANDBOX_HEADER in streamed.headers:
                self.is_sandbox = True
            yield streamed

    # ---- the token ----------------------------------------------------------------------------

    def _good_token(self) -> str:
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._renew_at:
                self._token = self._ask_for_token()
            return self._token

    def _forget(self, token: str) -> None:
        """Drop an expired token."""
        # Only this one: another thread may have fetched a newer token already.
        with self._lock:
            if self._token == token:
                self._token = None

    def _ask_for_token(self) -> str:
        basic = f"Basic {self._basic()}"
        try:
            answer = self._send("POST", "/api/token", "token", basic, _FORM, _FORM_TYPE)
        except NoResponse as lost:
            raise _lost(lost, "token") from lost
        document = json_object(answer)
        if document is not None and _refuses_the_client(answer.status, document):
            words = repeat(message(document), (), self.secrets())
            raise AuthRefused(
                f"VeraCore refused the client: HTTP {answer.status} {words}".rstrip(),
                upstream=UPSTREAM,
                hint=CREDENTIALS_HINT,
                what=Occurrence.LOGIN_REFUSED,
            )
        token = document.get("access_token") if document and answer.status == 200 else None
        if document is None or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            # JSON, but neither a token nor a refusal: another service.
            raise self.failure(answer, "token", Occurrence.HTTP_404 if document else None)
        # Renewed early, so that none expires on its way; a short one at half its life.
        life = _seconds(document.get("expires_in"))
        self._renew_at = self._clock.monotonic() + max(life - _RENEW_BEFORE, life / 2)
        self._newest_token = token
        return token

    def _basic(self) -> str:
        pair = f"{self._settings.client_id}:{self._settings.client_secret.get_secret_value()}"
        return base64.b64encode(pair.encode("utf-8", "surrogateescape")).decode()


def json_object(answer: HttpAnswer) -> dict[str, Any] | None:
    """The answer's JSON object; ``None`` where it holds none."""
    try:
        document = read_json(answer.body)
    except UnreadableJson:
        return None
    return document if isinstance(document, dict) else None


def message(document: Mapping[str, Any] | None) -> str:
    """The reason that a refusal gives; empty where it gives none."""
    if document is None:
        return ""
    words = document.get("message") or document.get("error_description") or document.get("error")
    return words if isinstance(words, str) else ""


def _refuses_the_client(status: int, document: Mapping[str, Any]) -> bool:
    return status in (401, 403) or (status == 400 and document.get("error") in _TOKEN_REFUSALS)


def _seconds(life: object) -> float:
    """A token's life in seconds; an hour where the answer gives no usable number."""
    try:
        seconds = float(life) if isinstance(life, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return _TOKEN_LIFE
    return seconds if 0 < seconds < math.inf else _TOKEN_LIFE


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _lost(lost: NoResponse, label: str) -> SyncError:
    return read_error(lost.what, f"VeraCore, {label}: {lost.detail}", upstream=UPSTREAM)

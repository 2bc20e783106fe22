"""The GraphQL client of the Admin API: sessions, repeats and errors.

A session is a bearer token. With an API key there is no session. Where a channel is configured,
every answer is proved to be of that channel.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.errors import (
    AuthRefused,
    ConfigError,
    Occurrence,
    SyncError,
    UpstreamError,
    WrongEndpoint,
)
from veracore_sync.domain.failures import NO_SUCH_CHANNEL, OVERLOADED, read_error
from veracore_sync.transport.body import AnswerKind
from veracore_sync.transport.http import Gate, HttpAnswer, HttpClient, NoResponse
from veracore_sync.transport.overload import note_overload
from veracore_sync.transport.retry import RetryPolicy, retry_read
from veracore_sync.transport.ways import upstream_of
from veracore_sync.vendure.answers import (
    UPSTREAM,
    AnotherKind,
    Forbidden,
    TakeRefused,
    data_of,
    lost,
)
from veracore_sync.vendure.channel import ChannelInUse
from veracore_sync.vendure.documents import LOGIN, Document

_SENDABLE = re.compile(r"[\x21-\x7e]+")
_WRONG_LOGIN = ("InvalidCredentialsError", "NativeAuthStrategyError")


class Client:
    """A client of the Admin API; usable by several threads, which share one session.

    Args:
        settings: ``[vendure]``.
        retry: How reads and logins are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.

    Raises:
        ConfigError: A key or token has characters that a header cannot contain.
    """

    _list_limit: int | None = None

    def __init__(
        self,
        settings: VendureSettings,
        *,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._url = settings.admin_api_url
        self._api_key = _header_value(settings.api_key.get_secret_value(), "vendure.api_key")
        self._channel = ChannelInUse(
            _header_value(settings.channel_token, "vendure.channel_token"),
            settings.channel_token_header,
            clock or SystemClock(),
        )
        self._token_header = settings.auth_token_header.lower()
        self._retry = retry
        self._clock = clock or SystemClock()
        self._http = HttpClient(
            UPSTREAM,
            timeout_seconds=settings.timeout_seconds,
            gate=gate,
            clock=self._clock,
            at=upstream_of("vendure", self._url, settings),
        )
        self._lock = threading.Lock()
        self._session: Mapping[str, str] | None = None
        self._understood = False

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the shop's clock is ahead of ours, once an answer carried its time."""
        return self._http.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        # No logout: in Vendure it ends every session of the user, also those of other running jobs.
        self._http.close()

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        """Run a document and return its ``data``.

        A read is repeated as the policy says; a mutation only after an expired session. What is
        not of the configured channel is neither returned nor changed.

        Raises:
            AuthRefused: The credentials were refused, or a permission is missing.
            ConfigError: The address, the channel or Vendure's version is not what it should be.
            UpstreamError: Not reached, not in time, or not understood.
        """
        if not self._channel.is_chosen:
            return self._allowed(document, variables, mutation)
        if mutation:
            if not self._channel.is_proved:
                self._channel.prove(self._allowed(self._channel.question, {}, mutation=False))
            return self._allowed(document, variables, mutation)
        data = self._allowed(document.with_channel(), variables, mutation)
        self._channel.prove(data)
        return data

    def _allowed(
        self, document: Document, variables: Mapping[str, Any], mutation: bool
    ) -> dict[str, Any]:
        """The ``data`` of a document that is run with a session of an administrator."""
        session = self._credentials()
        try:
            return self._ask(document, variables, session, mutation)
        except Forbidden as refusal:
            # Logged in again once. A mutation is repeated only if the answer shows that the session
            # had expired, because then nothing has run; otherwise a part of it may have.
            if self._api_key or (mutation and not refusal.session_dead):
                raise self._refused(document, refusal) from None
        session = self._credentials(dead=session)
        try:
            return self._ask(document, variables, session, mutation)
        except Forbidden as refusal:
            raise self._refused(document, refusal) from None

    def refuses_unknown_channel(self) -> bool:
        """Whether the shop refuses a token of no channel, as it does if it has several.

        Any role may ask; only some may read the list of channels.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As `execute`.
        """
        session = {**self._credentials(), **self._channel.nobodys}
        try:
            self._ask(self._channel.question, {}, session, mutation=False)
        except Forbidden:
            # Answered in the default channel, where our role is not valid.
            return False
        except SyncError as error:
            if error not in NO_SUCH_CHANNEL:
                raise
            return True
        return False

    def listed(
        self, document: Document, take: int, variables: Callable[[int], Mapping[str, Any]]
    ) -> tuple[dict[str, Any], int]:
        """Run a document that lists at most `take` records, or as many as the shop lists at once.

        Without a `take` of its own a list is cut to the shop's limit (`adminListQueryLimit`), and
        with a larger one it is refused. The first refusal says how many, and from then on no list
        of this client asks for more.

        Args:
            document: A read.
            take: How many records are wanted at once.
            variables: The variables for the number that is asked for.

        Returns:
            The ``data``, and the number that was asked for.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As `execute`.
        """
        while True:
            asked = self.at_once(take)
            try:
                return self.execute(document, variables(asked)), asked
            except TakeRefused as refusal:
                limit = refusal.limit or asked // 2
                if not 0 < limit < asked:
                    raise
                self._list_limit = min(limit, self._list_limit or limit)

    def at_once(self, take: int) -> int:
        """How many of `take` records the shop lists in one request, as far as it has said."""
        return take if self._list_limit is None else min(take, self._list_limit)

    def _ask(
        self,
        document: Document,
        variables: Mapping[str, Any],
        session: Mapping[str, str],
        mutation: bool,
    ) -> dict[str, Any]:
        if mutation:
            return self._post(document, variables, session)[0]
        return retry_read(
            lambda: self._post(document, variables, session)[0], self._retry, self._clock
        )

    def _post(
        self, document: Document, variables: Mapping[str, Any], session: Mapping[str, str]
    ) -> tuple[dict[str, Any], HttpAnswer]:
        content = _body(document, variables)
        try:
            answer = self._http.send(
                "POST",
                self._url,
                label=document.operation,
                headers={**self._common_headers(), **session},
                content=content,
                kind=AnswerKind.CONTROL if document is LOGIN else AnswerKind.PAGE,
            )
            data = data_of(
                answer,
                document.operation,
                sent_bytes=len(content),
                clock=self._clock,
                token_header=self._token_header,
                document=document.text,
            )
        except NoResponse as error:
            raise lost(error, document.operation) from error
        except UpstreamError as error:
            # A deadlock, say, which has the HTTP status of a success.
            if error in OVERLOADED:
                note_overload()
            raise
        except AnotherKind as kind:
            raise self._not_vendure(document, str(kind)) from None
        self._understood = True
        return data, answer

    def _common_headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept": "application/json"}
        return {**headers, **self._channel.headers}

    # ---- who asks ---------------------------------------------------------------------------

    def _credentials(self, dead: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The authentication headers; a session that is `dead` is replaced once for all threads."""
        if self._api_key:
            return {self._settings.api_key_header: self._api_key}
        with self._lock:
            if self._session is None or self._session is dead:
                self._session = retry_read(self._log_in, self._retry, self._clock)
            return self._session

    def _log_in(self) -> Mapping[str, str]:
        variables = {
            "username": self._settings.username,
            "password": self._settings.password.get_secret_value(),
        }
        try:
            data, answer = self._post(LOGIN, variables, {})
        except Forbidden:
            raise self._login_refused(listed=False) from None
        outcome = data.get("login")
        kind = outcome.get("__typename") if isinstance(outcome, dict) else None
        if kind != "CurrentUser":
            raise self._login_refused(listed=kind in _WRONG_LOGIN)
        # Only from a login: other answers may contain the token of an anonymous session.
        token = answer.headers.get(self._token_header, "")
        if not _SENDABLE.fullmatch(token):
            raise _no_bearer(self._settings.auth_token_header)
        return {"authorization": f"Bearer {token}"}

    # ---- what went wrong --------------------------------------------------------------------

    def _not_vendure(self, document: Document, kind: str) -> SyncError:
        """The error for another API's answer: a wrong address, unless Vendure answered before."""
        if self._understood:
            return read_error(
                Occurrence.NOT_UNDERSTOOD,
                f"Vendure answered {document.operation} with {kind}, which is not understood",
                upstream=UPSTREAM,
            )
        return WrongEndpoint(
            f"vendure.admin_api_url does not answer as Vendure's Admin API does: {kind}",
            hint="set vendure.admin_api_url to the Admin API, "
            "for instance https://shop.example.com/admin-api",
        )

    def _login_refused(self, *, listed: bool) -> AuthRefused:
        return AuthRefused(
            "Vendure refused the login of vendure.username",
            upstream=UPSTREAM,
            hint="check vendure.username and vendure.password, and that vendure.admin_api_url "
            "is the Admin API, not the Shop API",
            what=Occurrence.LOGIN_REFUSED if listed else Occurrence.FORBIDDEN,
        )

    def _refused(self, document: Document, refusal: Forbidden) -> AuthRefused:
        if self._api_key and refusal.session_dead:
            return AuthRefused(
                "Vendure does not know vendure.api_key",
                upstream=UPSTREAM,
                hint="create a key in Vendure and put it into vendure.api_key",
                what=Occurrence.LOGIN_REFUSED,
            )
        who = "vendure.api_key" if self._api_key else "vendure.username"
        channel = "that of" if self._channel.is_chosen else "the default one, without"
        hint = (
            f"give the role of {who} the permission {document.permission} in the channel in use "
            f"({channel} vendure.channel_token)"
        )
        if self._api_key:
            hint += (
                ", and check that Vendure's authOptions.tokenMethod includes 'api-key' and its "
                "authOptions.apiKeyHeaderKey is vendure.api_key_header"
            )
        if self._channel.is_chosen:
            hint += "; " + self._channel.hint
        return AuthRefused(
            f"Vendure does not allow {who} to run {document.operation}: "
            f"the permission {document.permission} is probably missing",
            upstream=UPSTREAM,
            what=Occurrence.FORBIDDEN,
            hint=hint,
        )


def _no_bearer(header: str) -> ConfigError:
    return WrongEndpoint(
        f"Vendure accepted the login but returned no bearer token in the header {header}",
        hint="Vendure's authOptions.tokenMethod must include 'bearer', "
        "for instance ['bearer', 'cookie']; or use vendure.api_key. If Vendure's "
        "authOptions.authTokenHeaderKey is set, vendure.auth_token_header must be the same",
    )


def _body(document: Document, variables: Mapping[str, Any]) -> bytes:
    body = {
        "operationName": document.operation,
        "query": document.text,
        "variables": variables,
    }
    return json.dumps(body).encode()


def _header_value(value: str, setting: str) -> str:
    # httpx would quote the secret in its own error message.
    if value and not _SENDABLE.fullmatch(value):
        raise ConfigError(f"{setting} contains spaces or characters other than ASCII")
    return value

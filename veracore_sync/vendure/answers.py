"""The meaning of an Admin API answer: its data, or an error from the failure table.

Measured on Vendure 3.7 (docs/vendure.md, "Errors").
"""

from __future__ import annotations

import re
from typing import Any

from veracore_sync.clock import Clock
from veracore_sync.domain.errors import Occurrence, ProtocolError, SyncError, UpstreamError
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.listed_words import media_type, redirected
from veracore_sync.domain.texts import one_line
from veracore_sync.transport.http import HttpAnswer, NoResponse, retry_after_seconds
from veracore_sync.transport.json_body import UnreadableJson, read_json
from veracore_sync.vendure.error_words import repeated

UPSTREAM = "vendure"
BODY_LIMIT = 100 * 1024
"""Longest request body, in bytes, that Vendure accepts by default."""

_READ = 2_000
_NAME = re.compile(r"[A-Za-z_]\w{2,}")
_NAMED_ID = re.compile(r'id "([^"]+)"')
_NUMBER = re.compile(r"(?<!\d)\d{1,15}(?!\d)")
_TAKE_REFUSED = "list-query-limit-exceeded"
_CODES = {
    "CHANNEL_NOT_FOUND": Occurrence.CHANNEL_UNKNOWN,
    "GRAPHQL_VALIDATION_FAILED": Occurrence.QUERY_REFUSED,
    "GRAPHQL_PARSE_FAILED": Occurrence.QUERY_REFUSED,
}


class Forbidden(Exception):
    """The shop answered FORBIDDEN: the session is dead, or a permission is missing.

    `session_dead`: the answer has an empty token header. Then nothing of the request has run.
    """

    def __init__(self, session_dead: bool) -> None:
        super().__init__(session_dead)
        self.session_dead = session_dead


class UnknownEntity(ProtocolError):
    """The shop has no such record, `entity_id`; nothing of the request was done."""

    entity_id = ""


class TakeRefused(ProtocolError):
    """The shop lists fewer records in a request; `limit` is how many, where it says so."""

    limit: int | None = None


class AnotherKind(Exception):
    """The answer is not of this API (HTML, other JSON, a redirect); the message says what."""


def data_of(
    answer: HttpAnswer,
    operation: str,
    *,
    sent_bytes: int,
    clock: Clock,
    token_header: str,
    document: str = "",
) -> dict[str, Any]:
    """The ``data`` of an answer without errors.

    Args:
        answer: What arrived.
        operation: The operation's name, for messages.
        sent_bytes: The length of the request's body.
        clock: The time to read a ``Retry-After`` date by.
        token_header: The header, in lower case, that is empty if the session is dead.
        document: The text that was asked, whose names a refusal of it may repeat.

    Raises:
        Forbidden: The session is dead or a permission is missing.
        AnotherKind: It is not an answer of this API.
        SyncError: Any other failure.
    """
    _raise_for_status(answer, operation, sent_bytes, clock)
    body = _json_object(answer)
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        raise _graphql_failure(errors, answer, operation, document, token_header)
    data = body.get("data")
    if not isinstance(data, dict):
        raise AnotherKind(_words_for(answer))
    return data


def lost(error: NoResponse, operation: str) -> SyncError:
    """The error for a request without a whole answer."""
    return read_error(
        error.what, f"Vendure did not answer {operation}: {error.detail}", upstream=UPSTREAM
    )


def _raise_for_status(answer: HttpAnswer, operation: str, sent_bytes: int, clock: Clock) -> None:
    # Express refuses such a body with 413 or 500: a bug here, not an outage to wait for.
    if answer.status in (413, 500) and sent_bytes > BODY_LIMIT:
        raise SyncError(f"{operation} was {sent_bytes} bytes, more than Vendure accepts")
    if answer.status == 429 or answer.status >= 500:
        raise read_error(
            Occurrence.HTTP_429 if answer.status == 429 else Occurrence.HTTP_5XX,
            f"Vendure answered {operation} with HTTP {answer.status}",
            upstream=UPSTREAM,
            retry_after=retry_after_seconds(answer, clock),
        )


def _json_object(answer: HttpAnswer) -> dict[str, Any]:
    try:
        body = read_json(answer.body)
    except UnreadableJson:
        raise AnotherKind(_words_for(answer)) from None
    if not isinstance(body, dict):
        raise AnotherKind(_words_for(answer))
    return body


def _words_for(answer: HttpAnswer) -> str:
    goes_to = redirected(answer.status, answer.headers.get("location", ""))
    return goes_to or f"HTTP {answer.status} {media_type(answer.content_type)}".rstrip()


def _graphql_failure(
    errors: list[Any], answer: HttpAnswer, operation: str, document: str, token_header: str
) -> Exception:
    details = [(_code(error), _text(error)) for error in errors]
    # HTTP 200 in both cases; only the empty token header tells an expired session from a missing
    # permission (docs/vendure.md, "Sessions").
    if any(code == "FORBIDDEN" for code, _ in details):
        return Forbidden(session_dead=answer.headers.get(token_header) == "")
    code, text = details[0]
    what = _what(code, text)
    # What the shop does not know of a document is a name in it, of which none is a customer's.
    known = _NAME.findall(document) if what is Occurrence.QUERY_REFUSED else ()
    message, hint = _words(what, operation, repeated(code, text, known))
    failure = (
        _unknown_entity(code, text, message)
        or _take_refused(code, text, message)
        or read_error(what, message, upstream=UPSTREAM, hint=hint)
    )
    if isinstance(failure, UpstreamError):
        failure.has_ended = True
    return failure


def _unknown_entity(code: str, text: str, message: str) -> UnknownEntity | None:
    named = _NAMED_ID.search(text) if code == "ENTITY_NOT_FOUND" else None
    if named is None:
        return None
    failure = UnknownEntity(message, upstream=UPSTREAM, what=Occurrence.FAULT)
    failure.entity_id = named[1]
    return failure


def _take_refused(code: str, text: str, message: str) -> TakeRefused | None:
    # "Cannot take more than 20 results from a list query", in one of several languages, or as a key
    # that was not translated. No other refusal of a list is known to name one number.
    numbers = _NUMBER.findall(text)
    if code != "USER_INPUT_ERROR" or (len(numbers) != 1 and _TAKE_REFUSED not in text):
        return None
    failure = TakeRefused(message, upstream=UPSTREAM, what=Occurrence.FAULT)
    failure.limit = int(numbers[0]) if len(numbers) == 1 else None
    return failure


def _code(error: object) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return _plain(extensions.get("code") if isinstance(extensions, dict) else None)


def _text(error: object) -> str:
    return _plain(error.get("message") if isinstance(error, dict) else None)


def _plain(value: object) -> str:
    """One line, to be understood; `repeated` says what may leave."""
    return one_line(value[:_READ]) if isinstance(value, str) else ""


def _what(code: str, text: str) -> Occurrence:
    # Database errors come without a code. Only a deadlock is known to be temporary, and PostgreSQL
    # can report one when stock and orders are written at the same time.
    if not code and "deadlock" in text.lower():
        return Occurrence.DATABASE
    return _CODES.get(code, Occurrence.FAULT)


def _words(what: Occurrence, operation: str, detail: str) -> tuple[str, str | None]:
    if what is Occurrence.CHANNEL_UNKNOWN:
        return (
            "Vendure does not know the channel that vendure.channel_token names",
            "copy the channel's token from Settings > Channels in Vendure, "
            "or leave vendure.channel_token out for the default channel",
        )
    if what is Occurrence.QUERY_REFUSED:
        return (
            f"this Vendure does not know {operation} as it is asked ({detail})",
            "Vendure 3.x is needed, and its Admin API in vendure.admin_api_url",
        )
    return f"Vendure failed {operation}: {detail}", None

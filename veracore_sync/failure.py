"""The one table of failure: (what happened, reading or creating) → class → action.

Both clients name what happened with a `What`; nothing else in the program decides what a failure
means. Walked row by row in ``tests/test_failure.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from veracore_sync.errors import (
    AuthRefused,
    Category,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
    TimedOut,
    Unavailable,
    UpstreamError,
    WrongEndpoint,
)


class What(StrEnum):
    """What happened, as seen on the wire."""

    NOT_CONNECTED = "never connected"
    TIMEOUT = "no answer in time"
    RUN_OVER = "the run's time was over before the answer"
    RESET = "connection lost after the request may have left"
    HTTP_4XX = "an HTTP 4xx that says nothing known"
    HTTP_404 = "HTTP 404"
    HTTP_429 = "HTTP 429"
    HTTP_5XX = "an HTTP 5xx that is not a SOAP fault"
    NOT_UNDERSTOOD = "an answer of another kind (HTML, cut short, another shape)"
    REFUSED = "a listed refusal of the data"
    DUPLICATE = "a listed refusal of a used order id"
    FAULT = "a fault that is not listed"
    ODD_SUCCESS = "accepted under another id, or without a sequence number"
    LOGIN_REFUSED = "a listed refusal of the credentials"
    FORBIDDEN = "a permission is missing"
    CHANNEL_UNKNOWN = "the channel token is unknown"
    QUERY_REFUSED = "the API does not know the query"
    DATABASE = "a passing database error behind the API"


class Action(StrEnum):
    """What follows for the order that was being created, or for the read."""

    PENDING = "pending"  # it never left: send again, no look-up
    LATER = "later"  # it was turned away unread: send again when the upstream allows
    PARK = "park"  # a person or the other side must change something
    LOOK_UP = "look up"  # it may be ours: look before anything else
    DOUBT = "doubt"  # look up; absent means that this answer was a refusal
    DOUBT_LOST = "doubt, answer lost"  # look up; absent means that it never arrived
    RETRY = "retry, then end the run"
    END_RUN = "end the run"


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell of the table."""

    category: Category
    action: Action


_C, _A = Category, Action

READING: dict[What, Rule] = {
    What.NOT_CONNECTED: Rule(_C.UNAVAILABLE, _A.RETRY),
    What.TIMEOUT: Rule(_C.TIMEOUT, _A.RETRY),
    What.RUN_OVER: Rule(_C.TIMEOUT, _A.END_RUN),
    What.RESET: Rule(_C.UNAVAILABLE, _A.RETRY),
    What.HTTP_4XX: Rule(_C.PROTOCOL, _A.END_RUN),
    What.HTTP_404: Rule(_C.CONFIG, _A.END_RUN),
    What.HTTP_429: Rule(_C.RATE_LIMITED, _A.RETRY),
    What.HTTP_5XX: Rule(_C.UNAVAILABLE, _A.RETRY),
    What.NOT_UNDERSTOOD: Rule(_C.PROTOCOL, _A.END_RUN),
    What.REFUSED: Rule(_C.PROTOCOL, _A.END_RUN),
    What.DUPLICATE: Rule(_C.PROTOCOL, _A.END_RUN),
    What.FAULT: Rule(_C.PROTOCOL, _A.END_RUN),
    What.ODD_SUCCESS: Rule(_C.PROTOCOL, _A.END_RUN),
    What.LOGIN_REFUSED: Rule(_C.AUTH, _A.END_RUN),
    What.FORBIDDEN: Rule(_C.AUTH, _A.END_RUN),
    What.CHANNEL_UNKNOWN: Rule(_C.CONFIG, _A.END_RUN),
    What.QUERY_REFUSED: Rule(_C.CONFIG, _A.END_RUN),
    What.DATABASE: Rule(_C.UNAVAILABLE, _A.RETRY),
}

CREATING: dict[What, Rule] = {
    What.NOT_CONNECTED: Rule(_C.UNAVAILABLE, _A.PENDING),
    What.TIMEOUT: Rule(_C.TIMEOUT, _A.DOUBT_LOST),
    What.RUN_OVER: Rule(_C.TIMEOUT, _A.DOUBT_LOST),
    What.RESET: Rule(_C.UNAVAILABLE, _A.DOUBT_LOST),
    What.HTTP_4XX: Rule(_C.PROTOCOL, _A.DOUBT),
    What.HTTP_404: Rule(_C.PROTOCOL, _A.DOUBT),
    What.HTTP_429: Rule(_C.RATE_LIMITED, _A.LATER),
    What.HTTP_5XX: Rule(_C.UNAVAILABLE, _A.DOUBT_LOST),
    What.NOT_UNDERSTOOD: Rule(_C.PROTOCOL, _A.DOUBT_LOST),
    What.REFUSED: Rule(_C.VALIDATION, _A.PARK),
    What.DUPLICATE: Rule(_C.DUPLICATE, _A.LOOK_UP),
    What.FAULT: Rule(_C.PROTOCOL, _A.DOUBT),
    What.ODD_SUCCESS: Rule(_C.PROTOCOL, _A.DOUBT),
    # Concluded from a control call, never from one order's answer: until then it is a doubt.
    What.LOGIN_REFUSED: Rule(_C.PROTOCOL, _A.DOUBT),
    What.FORBIDDEN: Rule(_C.PROTOCOL, _A.DOUBT),
    What.CHANNEL_UNKNOWN: Rule(_C.PROTOCOL, _A.DOUBT),
    What.QUERY_REFUSED: Rule(_C.PROTOCOL, _A.DOUBT),
    What.DATABASE: Rule(_C.UNAVAILABLE, _A.DOUBT_LOST),
}

_ERRORS: dict[Category, type[UpstreamError]] = {
    Category.RATE_LIMITED: RateLimited,
    Category.UNAVAILABLE: Unavailable,
    Category.TIMEOUT: TimedOut,
    Category.PROTOCOL: ProtocolError,
}


def read_error(
    what: What,
    message: str,
    *,
    upstream: str,
    hint: str | None = None,
    retry_after: float | None = None,
) -> SyncError:
    """The exception for a read that failed as `what` says.

    Args:
        what: What happened.
        message: One sentence without secrets or personal data.
        upstream: ``"vendure"`` or ``"veracore"``.
        hint: The next step, where the caller knows a better one than the category's.
        retry_after: Seconds the upstream asked us to wait.

    Returns:
        An error of the tree in `veracore_sync.errors`, ready to be raised.
    """
    if what is What.RUN_OVER:
        return RunOver(message)
    category = READING[what].category
    if category is Category.CONFIG:
        return WrongEndpoint(message, hint=hint)
    if category is Category.AUTH:
        return AuthRefused(message, upstream=upstream, hint=hint)
    return _ERRORS[category](message, upstream=upstream, hint=hint, retry_after=retry_after)

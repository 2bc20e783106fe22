"""The failure table: what happened → class, action, and what the failure is about.

Clients name what happened by an `Occurrence`, which every error of an upstream carries. Every
decision about a failure is a group of this module (``error in ENDS_THE_RUN``). No other module has
a list of errors or reads a message: messages are for people, and when decisions were made in
several places they contradicted each other. Tested row by row in ``tests/test_failure.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from veracore_sync.domain.errors import (
    AuthRefused,
    BreakerOpen,
    Category,
    ConfigError,
    Interrupted,
    LedgerError,
    LockHeld,
    NeedsPerson,
    Occurrence,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
    TimedOut,
    Unavailable,
    UpstreamError,
    UsageError,
    WrongEndpoint,
)


class Action(StrEnum):
    """What follows for the order that was being created, or for the read."""

    PENDING = "pending"  # the request never left: send again, no look-up
    LATER = "later"  # rejected unread: send again when the upstream allows
    PARK = "park"  # something must be corrected, here or at VeraCore
    LOOK_UP = "look up"  # the order there may be ours: look it up first
    DOUBT = "doubt"  # look up; absent means that this answer was a refusal
    DOUBT_LOST = "doubt, answer lost"  # look up; absent means that the request never arrived
    RETRY = "retry, then end the run"
    END_RUN = "end the run"


class Whose(StrEnum):
    """What a failed read is about."""

    RECORD = "the record: it was answered, but not usably"
    SERVER = "the upstream, unless it answers for other records: no answer, or a broken one"
    PACE = "our rate: rejected unread"
    ACCESS = "the credentials or the record: refused"
    CALLER = "this account, whatever it asks for: refused, or not asked"
    RUN = "the run"
    SETTINGS = "the address, the channel or the version"


@dataclass(frozen=True, slots=True)
class Rule:
    """The class of a failure, and what follows."""

    category: Category
    action: Action


@dataclass(frozen=True, slots=True)
class Row:
    """What follows from one occurrence.

    Args:
        reading: For a read.
        creating: For the order that was being created.
        whose: What a failed read is about.
        is_down: Whether the circuit breaker counts it.
    """

    reading: Rule
    creating: Rule
    whose: Whose
    is_down: bool = False


_C, _A, _W = Category, Action, Whose
_END = Rule(_C.PROTOCOL, _A.END_RUN)
_RETRY = Rule(_C.UNAVAILABLE, _A.RETRY)
_LOST = Rule(_C.UNAVAILABLE, _A.DOUBT_LOST)
# Also after a refused login: VeraCore may answer one order like that. That the credentials are
# refused is concluded from a control call.
_DOUBT = Rule(_C.PROTOCOL, _A.DOUBT)
_AUTH = Rule(_C.AUTH, _A.END_RUN)
_CONFIG = Rule(_C.CONFIG, _A.END_RUN)
_SLOWER = Rule(_C.RATE_LIMITED, _A.RETRY)
_NEVER_LEFT = Rule(_C.UNAVAILABLE, _A.PENDING)
_LATER = Rule(_C.RATE_LIMITED, _A.LATER)

TABLE: dict[Occurrence, Row] = {
    Occurrence.NOT_CONNECTED: Row(_RETRY, _NEVER_LEFT, _W.SERVER, is_down=True),
    Occurrence.TIMEOUT: Row(
        Rule(_C.TIMEOUT, _A.RETRY), Rule(_C.TIMEOUT, _A.DOUBT_LOST), _W.SERVER, is_down=True
    ),
    Occurrence.RUN_OVER: Row(Rule(_C.TIMEOUT, _A.END_RUN), Rule(_C.TIMEOUT, _A.DOUBT_LOST), _W.RUN),
    Occurrence.RESET: Row(_RETRY, _LOST, _W.SERVER, is_down=True),
    Occurrence.HTTP_4XX: Row(_END, _DOUBT, _W.RECORD),
    Occurrence.HTTP_404: Row(_CONFIG, _DOUBT, _W.SETTINGS),
    Occurrence.HTTP_429: Row(_SLOWER, _LATER, _W.PACE),
    Occurrence.HTTP_5XX: Row(_RETRY, _LOST, _W.SERVER, is_down=True),
    Occurrence.NOT_UNDERSTOOD: Row(_END, Rule(_C.PROTOCOL, _A.DOUBT_LOST), _W.RECORD),
    # A create may have been stored, whatever its answer is padded with.
    Occurrence.TOO_LARGE: Row(_END, Rule(_C.PROTOCOL, _A.DOUBT_LOST), _W.RECORD),
    Occurrence.MOVED: Row(_CONFIG, _DOUBT, _W.SETTINGS),
    Occurrence.WEB_PAGE: Row(_RETRY, _LOST, _W.SERVER),
    Occurrence.BLOCKED: Row(_RETRY, _DOUBT, _W.SERVER),
    Occurrence.REFUSED: Row(_END, Rule(_C.VALIDATION, _A.PARK), _W.RECORD),
    Occurrence.DUPLICATE: Row(_END, Rule(_C.DUPLICATE, _A.LOOK_UP), _W.RECORD),
    Occurrence.FAULT: Row(_END, _DOUBT, _W.RECORD),
    Occurrence.ODD_SUCCESS: Row(_END, _DOUBT, _W.RECORD),
    Occurrence.LOGIN_REFUSED: Row(_AUTH, _DOUBT, _W.CALLER),
    Occurrence.KNOWN_REFUSED: Row(_AUTH, _NEVER_LEFT, _W.CALLER),
    Occurrence.FORBIDDEN: Row(_AUTH, _DOUBT, _W.CALLER),
    Occurrence.NOT_PERMITTED: Row(_AUTH, _NEVER_LEFT, _W.CALLER),
    Occurrence.ACCESS_REFUSED: Row(_AUTH, _DOUBT, _W.ACCESS),
    Occurrence.CHANNEL_UNKNOWN: Row(_CONFIG, _DOUBT, _W.SETTINGS),
    Occurrence.QUERY_REFUSED: Row(_CONFIG, _DOUBT, _W.SETTINGS),
    Occurrence.DATABASE: Row(_RETRY, _LOST, _W.SERVER),
    Occurrence.BREAKER_OPEN: Row(Rule(_C.UNAVAILABLE, _A.END_RUN), _NEVER_LEFT, _W.CALLER),
    Occurrence.BUDGET_SPENT: Row(_SLOWER, _LATER, _W.PACE),
}
READING = {what: row.reading for what, row in TABLE.items()}
CREATING = {what: row.creating for what, row in TABLE.items()}


class Group:
    """Failures with the same consequence; test an error or an `Occurrence` with ``in``.

    Args:
        whats: What happens at an upstream.
        others: Errors that no upstream causes.
    """

    def __init__(
        self, whats: Iterable[Occurrence] = (), others: tuple[type[SyncError], ...] = ()
    ) -> None:
        self.whats = frozenset(whats)
        self.others = others

    def __contains__(self, asked: SyncError | Occurrence | None) -> bool:
        what = asked.what if isinstance(asked, SyncError) else asked
        return what in self.whats or isinstance(asked, self.others)


def _where(holds: Callable[[Row], bool]) -> frozenset[Occurrence]:
    return frozenset(what for what, row in TABLE.items() if holds(row))


def _of(*whose: Whose) -> frozenset[Occurrence]:
    return _where(lambda row: row.whose in whose)


# ---- of a run ---------------------------------------------------------------------------------

ENDS_THE_RUN = Group(_of(_W.RUN, _W.SETTINGS), (LockHeld, ConfigError, LedgerError, Interrupted))
"""Never the fault of the record that was being processed."""

OF_AN_UPSTREAM_OR_THE_SETTINGS = Group(TABLE.keys() - _of(_W.RUN), (ConfigError,))
"""A run cannot use VeraCore or the shop, but the ledger works and time is left."""

OF_AN_UPSTREAM_OR_TIME = Group(TABLE.keys() - _of(_W.SETTINGS))
"""May end one run after another without an alert, so what waits too long is reported even then."""

OF_ONE_DECISION = Group(others=(NeedsPerson, UsageError))
"""What a person asked for is not possible for this order; the others are not affected."""

NOTHING_FOLLOWS = Group(others=(Interrupted, LedgerError))
"""After these a command exits at once; events wait for the next one."""

# ---- of one record, or of all -----------------------------------------------------------------

REFUSES_ALL = Group(_of(_W.CALLER))
"""Refusals of every request of this account. A refusal that may concern one order alone is not
among them: VeraCore may refuse an order with the message of a refused login although it has just
accepted the login, and Vendure's refusal names a permission."""

NOT_ASKED = Group({Occurrence.BREAKER_OPEN})
"""Says nothing about the order that was to be looked up, so no control read is needed."""

TOO_FAST = Group(_of(_W.PACE))
"""It hits whichever record is asked for next, so it does not count against that one."""

NOT_BEGUN = Group(_of(_W.CALLER, _W.ACCESS, _W.PACE))
"""Not sent, or rejected unread: the upstream has not begun to process the request."""

OF_ALL_RECORDS = Group(NOT_BEGUN.whats | ENDS_THE_RUN.whats, ENDS_THE_RUN.others)
"""Every other slip and order would fail in the same way."""

MAY_BE_AN_ENTRYS = Group(_of(_W.RECORD, _W.SERVER, _W.PACE, _W.SETTINGS))
"""May be the fault of one entry of a list, if the shop answers for other entries."""

MAY_BE_AN_ORDERS = Group(MAY_BE_AN_ENTRYS.whats | {Occurrence.FORBIDDEN, Occurrence.ACCESS_REFUSED})
"""The same for an order in full, which needs more permissions than a list."""

MAY_BE_A_RECORDS = Group(_of(_W.RECORD, _W.SERVER))
"""May be the fault of one record that is read among others, in a page or by a list of ids."""

TOO_MUCH_AT_ONCE = Group({Occurrence.TOO_LARGE})
"""Fewer records in a request may be answered."""

AN_ANSWER_OF_ITS_OWN = Group(_of(_W.RECORD))
"""Counts against a record: the upstream answered, but not usably, for this record only."""

ANOTHER_RECORD_TELLS = Group(_of(_W.SERVER, _W.PACE, _W.CALLER, _W.ACCESS))
"""May mean that VeraCore as a whole is in trouble: a look-up of another order shows which."""

SAYS_NOTHING_OF_ITS_NAME = Group(ANOTHER_RECORD_TELLS.whats | _of(_W.RUN))
"""A hint is kept however often it fails like this."""

MAY_PASS = Group(_of(_W.SERVER))
"""A slip is retried without limit."""

NO_SUCH_CHANNEL = Group({Occurrence.CHANNEL_UNKNOWN})
"""The shop has several channels, and none with the token."""

ROLLED_BACK = Group({Occurrence.DATABASE})
"""Nothing was written, so the same write may be repeated at once."""

OVERLOADED = Group({Occurrence.TIMEOUT, Occurrence.RESET, Occurrence.HTTP_429, Occurrence.DATABASE})
"""Fewer requests at once might have been answered: too late, cut off, refused, or a deadlock."""

# ---- of the account ---------------------------------------------------------------------------

NOT_ALLOWED = Group({Occurrence.FORBIDDEN, Occurrence.NOT_PERMITTED})
"""A create that is refused like this ends the run at once, unless VeraCore took another one in the
same run: then it is about that order."""

MAY_BE_OF_ALL = Group(
    _where(lambda row: row.creating.action is _A.DOUBT) - {Occurrence.ODD_SUCCESS}
)
"""An answer to a create that is about the account if another order gets the same one, and none is
taken."""

PROVES_PERMISSION = Group({Occurrence.REFUSED, Occurrence.DUPLICATE})
"""VeraCore processed the create, so this account may create orders."""

LISTED_REFUSALS = Group({Occurrence.REFUSED, Occurrence.NOT_PERMITTED})
"""The words say so, whatever their HTTP status."""

NO_ANSWER_OF_ITS_OWN = Group({Occurrence.WEB_PAGE, Occurrence.BLOCKED})
"""Something in front of VeraCore answered: it may be down, or keep this machine out."""

WRONG_ADDRESS = Group({Occurrence.HTTP_404, Occurrence.MOVED})
"""The service is not at this address."""

ONLY_THIS_OPERATION = Group({Occurrence.NOT_PERMITTED})
"""Refused for creates, it says nothing about look-ups."""


def of_all(what: Occurrence) -> Occurrence:
    """What an answer to creates means if every order gets it."""
    is_refusal = READING[what].category in (_C.PROTOCOL, _C.AUTH)
    return Occurrence.NOT_PERMITTED if is_refusal else what


# ---- of an upstream ---------------------------------------------------------------------------

TRIED_AGAIN = Group(_where(lambda row: row.reading.action is _A.RETRY))
"""Reads are retried inside a run."""

COUNTS_AGAINST_CREATING = Group(
    _where(lambda row: row.creating.action in (_A.PENDING, _A.LATER, _A.DOUBT_LOST)) - _of(_W.RUN)
)
"""Says nothing about the order that was to be created; several in a row end the run."""

OPENS_THE_BREAKER = Group(_where(lambda row: row.is_down))
"""Failures that a breaker counts. An answer of any kind shows that the server works."""

ENDS_A_PROBE = Group({Occurrence.HTTP_429})
"""Not a success, but it shows a probe that the server works."""


def slows_down(what: Occurrence | None, retry_after: float | None) -> bool:
    """Whether the rate is reduced: after a 429, and after a 5xx with ``Retry-After``."""
    return what is Occurrence.HTTP_429 or (what is Occurrence.HTTP_5XX and retry_after is not None)


IN_A_ROW = 3
"""That many failures in a row are not chance, and each further one would cost a time-out."""


class FailureBudget:
    """How many failures in a row a run tolerates, per upstream; thread-safe.

    Args:
        most: The number of failures that ends the run.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self.most = most
        self._failures: Counter[str] = Counter()
        self._lock = Lock()

    def spend(self, upstream: str = "") -> int:
        """Count a failure; returns how many there are in a row."""
        with self._lock:
            self._failures[upstream] += 1
            return self._failures[upstream]

    def is_spent(self, upstream: str = "") -> bool:
        """Whether the run must end."""
        return self._failures[upstream] >= self.most

    def restore(self, upstream: str = "") -> None:
        """Count a success: the failures before were chance, or one record's own."""
        with self._lock:
            self._failures[upstream] = 0


_ERRORS: dict[Category, type[UpstreamError]] = {
    Category.AUTH: AuthRefused,
    Category.RATE_LIMITED: RateLimited,
    Category.UNAVAILABLE: Unavailable,
    Category.TIMEOUT: TimedOut,
    Category.PROTOCOL: ProtocolError,
}


def read_error(
    what: Occurrence,
    message: str,
    *,
    upstream: str,
    hint: str | None = None,
    retry_after: float | None = None,
) -> SyncError:
    """The exception for a failed read.

    Args:
        what: What happened.
        message: One sentence without secrets or personal data.
        upstream: ``"vendure"`` or ``"veracore"``.
        hint: The next step, if the caller knows a better one than the category's.
        retry_after: Seconds that the upstream asked us to wait.

    Returns:
        An error of `veracore_sync.domain.errors`, not raised, with that `what`.
    """
    if what is Occurrence.RUN_OVER:
        return RunOver(message)
    category = READING[what].category
    if category is Category.CONFIG:
        endpoint = WrongEndpoint(message, hint=hint)
        endpoint.what = what
        return endpoint
    kind = BreakerOpen if what is Occurrence.BREAKER_OPEN else _ERRORS[category]
    return kind(message, upstream=upstream, hint=hint, retry_after=retry_after, what=what)

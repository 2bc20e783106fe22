"""The one table of failure: what happened → class, action, and what it says of whom.

Clients name what happened with an `Occurrence`, and every error of an upstream carries it. Every
decision about a failure is a group of this module (``error in ENDS_THE_RUN``); no other module
holds a list of errors, or reads a message. Walked row by row in ``tests/test_failure.py``.
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
    Occurrence,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
    TimedOut,
    Unavailable,
    UpstreamError,
    WrongEndpoint,
)


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


class Whose(StrEnum):
    """Of whom a failed read speaks."""

    RECORD = "an answer, but none of use: the record's"
    SERVER = "no answer, or a broken one: the upstream's, unless it answers for other records"
    PACE = "turned away unread, since we ask too fast"
    ACCESS = "refused: the credentials', or the record's"
    CALLER = "refused, or not asked at all: of whoever asks, for whatever"
    RUN = "the run's own"
    SETTINGS = "the address's, the channel's or the version's"


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows in one situation."""

    category: Category
    action: Action


@dataclass(frozen=True, slots=True)
class Row:
    """What happened, and all that follows.

    Args:
        reading: For a read.
        creating: For the order that was being created.
        whose: Of whom a failed read speaks.
        is_down: The upstream cannot be reached: its breaker counts it.
    """

    reading: Rule
    creating: Rule
    whose: Whose
    is_down: bool = False


_C, _A, _W = Category, Action, Whose
_END = Rule(_C.PROTOCOL, _A.END_RUN)
_RETRY = Rule(_C.UNAVAILABLE, _A.RETRY)
_LOST = Rule(_C.UNAVAILABLE, _A.DOUBT_LOST)
# Also of a login: that is concluded from a control call, never from one order's answer.
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
    Occurrence.REFUSED: Row(_END, Rule(_C.VALIDATION, _A.PARK), _W.RECORD),
    Occurrence.DUPLICATE: Row(_END, Rule(_C.DUPLICATE, _A.LOOK_UP), _W.RECORD),
    Occurrence.FAULT: Row(_END, _DOUBT, _W.RECORD),
    Occurrence.ODD_SUCCESS: Row(_END, _DOUBT, _W.RECORD),
    Occurrence.LOGIN_REFUSED: Row(_AUTH, _DOUBT, _W.CALLER),
    Occurrence.KNOWN_REFUSED: Row(_AUTH, _NEVER_LEFT, _W.CALLER),
    Occurrence.FORBIDDEN: Row(_AUTH, _DOUBT, _W.CALLER),
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
    """What calls for the same decision. Asked with ``in``, about an error or a `Occurrence`.

    Args:
        whats: What of it happens at an upstream.
        others: Errors of it that no upstream causes.
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
"""What is never one record's doing, whichever record was being worked on."""

OF_AN_UPSTREAM_OR_THE_SETTINGS = Group(TABLE.keys() - _of(_W.RUN), (ConfigError,))
"""What keeps a run from VeraCore or the shop, while the ledger works and time is left."""

OF_AN_UPSTREAM_OR_TIME = Group(TABLE.keys() - _of(_W.SETTINGS))
"""What ends run after run by itself, so that nobody would hear of what waits meanwhile."""

NOTHING_FOLLOWS = Group(others=(Interrupted, LedgerError))
"""After these a command leaves at once: events wait for the next one."""

# ---- of one record, or of all -----------------------------------------------------------------

REFUSES_ALL = Group(_of(_W.CALLER))
"""What an upstream tells whoever asks, for whatever. VeraCore may refuse one order alone in words
that a login could get, if it took the credentials themselves a moment ago; Vendure's refusal names
a permission."""

NOT_ASKED = Group({Occurrence.BREAKER_OPEN})
"""An open breaker says nothing of the order that was to be looked up, and needs no proof."""

TOO_FAST = Group(_of(_W.PACE))
"""Whoever was asked about last met it, by chance."""

NOT_BEGUN = Group(_of(_W.CALLER, _W.ACCESS, _W.PACE))
"""Held back or turned away unread: the other side has not begun what it was asked for."""

OF_ALL_RECORDS = Group(NOT_BEGUN.whats | ENDS_THE_RUN.whats, ENDS_THE_RUN.others)
"""What no other slip, and no other order, would fare better with."""

MAY_BE_AN_ENTRYS = Group(_of(_W.RECORD, _W.SERVER, _W.PACE, _W.SETTINGS))
"""What an entry of a list may cause, unless the shop answers for no other entry either."""

MAY_BE_AN_ORDERS = Group(MAY_BE_AN_ENTRYS.whats | {Occurrence.FORBIDDEN, Occurrence.ACCESS_REFUSED})
"""The same for an order in full: it asks for more than a list, also of permissions."""

MAY_BE_A_RECORDS = Group(_of(_W.RECORD, _W.SERVER))
"""What a record may cause that is read among others, beside lists of ids that are read at once."""

AN_ANSWER_OF_ITS_OWN = Group(_of(_W.RECORD))
"""Only this counts against a record: it was answered, and for it alone not in a way of use."""

ANOTHER_RECORD_TELLS = Group(_of(_W.SERVER, _W.PACE, _W.CALLER, _W.ACCESS))
"""What a look-up may get since VeraCore is in trouble: it has to answer for something else."""

SAYS_NOTHING_OF_ITS_NAME = Group(ANOTHER_RECORD_TELLS.whats | _of(_W.RUN))
"""However often a hint meets it, the hint stays."""

MAY_PASS = Group(_of(_W.SERVER))
"""A slip that meets it is never given up."""

OF_ANOTHER_SERVICE = Group(_of(_W.RECORD, _W.SETTINGS))
"""What a control call gets of something that is not the service: no order is the cause of it."""

ROLLED_BACK = Group({Occurrence.DATABASE})
"""Nothing was written, and the same may be written again at once."""

# ---- of an upstream ---------------------------------------------------------------------------

TRIED_AGAIN = Group(_where(lambda row: row.reading.action is _A.RETRY))
"""Reads are repeated inside a run."""

COUNTS_AGAINST_CREATING = Group(
    _where(lambda row: row.creating.action in (_A.PENDING, _A.LATER, _A.DOUBT_LOST)) - _of(_W.RUN)
)
"""No word about the order that was to be created: a few in a row, and VeraCore is in trouble."""

OPENS_THE_BREAKER = Group(_where(lambda row: row.is_down))
"""Failures that a breaker counts. An answer, of whatever kind, comes from a server at work."""

ENDS_A_PROBE = Group({Occurrence.HTTP_429})
"""No success, but a probe that meets it has found a server at work."""


def slows_down(what: Occurrence | None, retry_after: float | None) -> bool:
    """Whether the rate budget shrinks: always by a 429, by a 5xx only where it names a wait."""
    return what is Occurrence.HTTP_429 or (what is Occurrence.HTTP_5XX and retry_after is not None)


IN_A_ROW = 3
"""So many failures in a row are no chance any more; each one more would cost a time limit."""


class FailureBudget:
    """How many failures in a row a run has before it ends; a success restores it.

    Each upstream has its own. Several threads may use it.

    Args:
        most: So many failures use it up.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self.most = most
        self._failures: Counter[str] = Counter()
        self._lock = Lock()

    def spend(self, upstream: str = "") -> int:
        """One more failure; how many there are in a row now."""
        with self._lock:
            self._failures[upstream] += 1
            return self._failures[upstream]

    def is_spent(self, upstream: str = "") -> bool:
        """Whether so many have failed that the run ends."""
        return self._failures[upstream] >= self.most

    def restore(self, upstream: str = "") -> None:
        """It works: whatever failed before was chance, or one record's own trouble."""
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
    """The exception for a read that failed as `what` says.

    Args:
        what: What happened.
        message: One sentence without secrets or personal data.
        upstream: ``"vendure"`` or ``"veracore"``.
        hint: The next step, where the caller knows a better one than the category's.
        retry_after: Seconds the upstream asked us to wait.

    Returns:
        An error of the tree in `veracore_sync.domain.errors`, ready to be raised, with that `what`.
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

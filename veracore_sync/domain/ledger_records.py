"""Records that stores of the ledger return besides orders and shipments. Times are UTC texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Alert:
    """A standing trouble. `code` is the order's, where it concerns one; times are UTC texts."""

    key: str
    kind: str
    code: str | None
    message: str
    opened_at: str

    @property
    def about(self) -> str:
        """The order's code, or whatever else it is about."""
        return self.key.removeprefix(f"{self.kind}:")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command. Times are UTC texts; ``ended_at`` is ``None`` while it lasts, or for
    ever when it was killed."""

    id: int
    command: str
    pid: int
    started_at: str
    ended_at: str | None
    exit_code: int | None
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who took a job. `since` is a UTC text."""

    command: str
    pid: int
    since: str


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A record without a usable answer. Times are UTC texts.

    Args:
        name: What it is called: an order's code, where that is known.
        since: When the first of the failures in a row was.
        tries: How many there were in a row; 0 where it is only suspected.
        next_attempt_at: When it is asked for again; ``None``: in the next run.
        message: What came instead of an answer.
    """

    name: str
    since: str
    tries: int
    next_attempt_at: str | None
    message: str


@dataclass(frozen=True, slots=True)
class MomentKind:
    """A kind of stored moment.

    Args:
        place: Table and column, or ``meta`` and key.
        follows: What becomes of one that lies ahead.
        longest: How far ahead the right clock puts it.
        where: Which of its rows count.
    """

    place: str
    follows: str
    longest: timedelta = timedelta(0)
    where: str = "1"


@dataclass(frozen=True, slots=True)
class Ahead:
    """The moments of a kind that lie ahead: how many, and the last (a UTC text)."""

    kind: MomentKind
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker as it is kept. Times are UTC texts."""

    upstream: str
    family: str
    state: str
    failures: int
    opened_at: str | None
    retry_at: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event that waits for a hook. `tries` are the failed ones."""

    seq: int
    id: str
    type: str
    code: str | None
    at: str
    data: Mapping[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class HookRow:
    """How a hook does: failures in a row, and until when it is left alone (UTC texts)."""

    hook: str
    failures: int
    failing_since: str | None
    next_attempt_at: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """An event that a hook refuses again and again.

    Args:
        hook: The hook's name.
        id: The event's.
        type: For example ``order.synced``.
        code: Its order's code, where it concerns one.
        at: When it happened, and since when it waits (a UTC text).
        tries: How often the hook did not take it.
        error: The last answer.
        behind: How many events of its order wait for it.
    """

    hook: str
    id: str
    type: str
    code: str | None
    at: str
    tries: int
    error: str | None
    behind: int

    def document(self) -> dict[str, Any]:
        """As in ``--json`` documents."""
        return {
            "hook": self.hook,
            "id": self.id,
            "type": self.type,
            "vendureOrderCode": self.code,
            "since": self.at,
            "tries": self.tries,
            "error": self.error,
            "waitingBehind": self.behind,
        }


@dataclass(frozen=True, slots=True)
class PastAlert:
    """An alert of an order, open or resolved. Times are UTC texts."""

    kind: str
    message: str
    opened_at: str
    resolved_at: str | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """How a command's last run went. Times are UTC texts.

    Args:
        command: Its name.
        started_at: When that run began.
        ended_at: When it ended.
        exit_code: How.
        succeeded_at: When one last did its work.
    """

    command: str
    started_at: str
    ended_at: str
    exit_code: int
    succeeded_at: str | None


@dataclass(frozen=True, slots=True)
class RunHistory:
    """How the runs of a command have gone. Times are UTC texts.

    Args:
        first_at: When the oldest run that is remembered began; ``None``: it never ran.
        succeeded_at: When one last did its work.
        failed_at: When the newest one ended or, where it never did, began; ``None`` where that
            one did its work.
        exit_code: How that one ended; ``None`` where it did not.
        error: What it said, without personal data; may be empty.
    """

    first_at: str | None = None
    succeeded_at: str | None = None
    failed_at: str | None = None
    exit_code: int | None = None
    error: str = ""

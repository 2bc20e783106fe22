"""Records of the ledger besides orders and shipments. Times are UTC texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

ORDERS_LISTED = "net.checked_at"
"""The fact when the shop's orders were listed last: from the first time on it has answered."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert; `code` is the order's, if it concerns one."""

    key: str
    kind: str
    code: str | None
    message: str
    opened_at: str

    @property
    def about(self) -> str:
        """The order's code, or what else it is about."""
        return self.key.removeprefix(f"{self.kind}:")


@dataclass(frozen=True, slots=True)
class AcceptedAlert:
    """A difference that a person accepted; `at` is a UTC text."""

    kind: str
    difference: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command; `ended_at` is ``None`` while it runs, and if it was killed."""

    id: int
    command: str
    pid: int
    started_at: str
    ended_at: str | None
    exit_code: int | None
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who locked a job last.

    Args:
        command: As typed.
        pid: Its process.
        since: A UTC text.
        host: Its machine; empty where all processes are on one.
    """

    command: str
    pid: int
    since: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A record without a usable answer.

    Args:
        name: What it is called: an order's code, if known.
        since: When the first of the failures in a row was.
        tries: How many failures there were in a row; 0 if it is only suspected.
        next_attempt_at: When it is asked for again; ``None``: in the next run.
        message: The failure.
    """

    name: str
    since: str
    tries: int
    next_attempt_at: str | None
    message: str


@dataclass(frozen=True, slots=True)
class MomentKind:
    """A kind of stored time.

    Args:
        place: Table and column, or ``meta`` and key.
        follows: What happens to one that lies too far ahead.
        longest: How far ahead a correct clock puts it at most.
        where: A SQL condition: the rows that count.
    """

    place: str
    follows: str
    longest: timedelta = timedelta(0)
    where: str = "TRUE"


@dataclass(frozen=True, slots=True)
class Ahead:
    """The times of a kind that lie too far ahead: how many, and the last one."""

    kind: MomentKind
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A circuit breaker as stored."""

    upstream: str
    family: str
    state: str
    failures: int
    opened_at: str | None
    retry_at: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event that waits for a hook; `tries` counts failed deliveries."""

    seq: int
    id: str
    type: str
    code: str | None
    at: str
    data: Mapping[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class HookRow:
    """The state of a hook: failures in a row, and when it is called again at the earliest."""

    hook: str
    failures: int
    failing_since: str | None
    next_attempt_at: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """An event that a hook keeps refusing.

    Args:
        hook: The hook's name.
        id: The event's.
        type: For example ``order.synced``.
        code: The order's code, if it concerns one.
        at: When it happened, and since when it waits.
        tries: How often the hook refused it.
        error: The hook's last error.
        behind: How many later events of the order wait for it.
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
    """An alert of an order, open or resolved."""

    kind: str
    message: str
    opened_at: str
    resolved_at: str | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """A command's last finished run; `succeeded_at` is the end of its last success."""

    command: str
    started_at: str
    ended_at: str
    exit_code: int
    succeeded_at: str | None


@dataclass(frozen=True, slots=True)
class RunHistory:
    """How the runs of a command went.

    Args:
        first_at: When the oldest stored run began; ``None``: it never ran.
        succeeded_at: When the last successful run ended.
        failed_at: If the newest run did not succeed: when it ended, or began if it never ended.
        exit_code: The exit code of that run; ``None`` if it never ended.
        error: Its error, without personal data; may be empty.
    """

    first_at: str | None = None
    succeeded_at: str | None = None
    failed_at: str | None = None
    exit_code: int | None = None
    error: str = ""

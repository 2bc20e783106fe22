"""The state of everything in one sentence, and the alerts as a person reads them.

Pure: from the document of `stats` (`veracore_sync.jobs.stats.overall`), for the text of `stats`
and for the page alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from veracore_sync.clock import from_text
from veracore_sync.domain.advice import without
from veracore_sync.domain.alert_words import Severity, next_step, rank, words_of
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.readable import counted, relative
from veracore_sync.jobs.schedule import EXPECTED

_JOBS = ("orders", "inventory", "tracking", "returns", "reconcile")
_WAITING = (
    ("totalPending", "waiting to be sent"),
    ("totalSending", "being sent"),
    ("totalInDoubt", "in doubt, to be looked up"),
    ("totalFailed", "failed, tried again"),
)
"""What ends without a person."""
_NEED = (
    ("totalParked", AlertKind.ORDER_PARKED),
    ("totalConflict", AlertKind.ORDER_CONFLICT),
)
"""States that only a person ends; each order in one has an alert, unless its ledger lost it."""
_MAX_LABELS = 3
_SIDES = {"vendure": "Vendure", "veracore": "VeraCore"}


READ_WORDS: Mapping[str, str] = {
    "full": "all levels of the shop were read",
    "changes": "only levels that may have changed were read",
    "named": "only what was named was read",
}
"""What a run of ``sync-inventory`` read, by its mode."""


class StatusLevel(StrEnum):
    """How good the state is, from good to bad."""

    OK = "ok"
    BUSY = "busy"  # orders wait, and no person is needed
    UNUSED = "unused"  # nothing has run, so nothing is known
    ATTENTION = "attention"  # somebody should act
    TROUBLE = "trouble"  # goods leave wrongly, or nothing works, until somebody acts


@dataclass(frozen=True, slots=True)
class Status:
    """The state in one sentence.

    Args:
        level: How good it is.
        sentence: For a person; without a full stop.
        orders: How many orders need a person.
        others: How many other things do.
    """

    level: StatusLevel
    sentence: str
    orders: int = 0
    others: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing needs a person, and something is known."""
        return self.level in (StatusLevel.OK, StatusLevel.BUSY)


def status_document(status: Status) -> dict[str, Any]:
    """As in ``stats --json``."""
    return {
        "level": str(status.level),
        "sentence": status.sentence,
        "orders": status.orders,
        "others": status.others,
    }


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Open alerts that say the same, of one order or of several.

    Args:
        kind: Their kind.
        severity: How soon a person should look.
        label: The kind in words.
        message: What they say.
        codes: The codes of the orders; empty if they concern none.
        count: How many alerts they are.
        since: When the oldest was opened; a UTC text.
        next: What to do, with commands that can be typed.
    """

    kind: str
    severity: Severity
    label: str
    message: str
    codes: tuple[str, ...]
    count: int
    since: str
    next: str


def alert_groups(alerts: Iterable[Mapping[str, Any]]) -> list[AlertGroup]:
    """The alerts of the document, equal ones together: the gravest first, then the oldest."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for alert in alerts:
        code = alert["vendureOrderCode"]
        message = without(alert["message"], code, "CODE") if code else alert["message"]
        found.setdefault((alert["kind"], message), []).append(alert)
    groups = [_group(same) for same in found.values()]
    return sorted(groups, key=lambda one: (one.severity, one.since, one.kind, one.codes))


def _group(same: Sequence[Mapping[str, Any]]) -> AlertGroup:
    kind = same[0]["kind"]
    codes = tuple(dict.fromkeys(one["vendureOrderCode"] for one in same if one["vendureOrderCode"]))
    words = words_of(kind)
    return AlertGroup(
        kind,
        words.severity,
        words.label,
        same[0]["message"],
        codes,
        len(same),
        min(one["openedAt"] for one in same),
        next_step(kind, codes[0] if len(codes) == 1 else None),
    )


def status_of(document: Mapping[str, Any], now: datetime) -> Status:
    """What a person should know first.

    Args:
        document: Of `stats.overall`; ``jobs`` in it are the troubles of jobs, if they were asked
            for.
        now: The time (UTC).
    """
    if document["rebuilding"]:
        return Status(
            StatusLevel.TROUBLE,
            "the ledger is being rebuilt, and nothing is sent before that has ended",
            others=1,
        )
    orders, others = _orders_in_need(document), _others_in_need(document)
    count = sum(orders.values())
    if count or others:
        return Status(_level(document), _need(orders, others), count, len(others))
    if is_unused(document):
        return Status(
            StatusLevel.UNUSED,
            "no sync has ended here yet, so nothing is known; "
            "`veracore-sync sync-orders --dry-run` shows what one would do",
        )
    return _without_need(document["orders"], now)


def stock_read_of(part: Mapping[str, Any], now: datetime) -> str:
    """What of the shop's stock was read when, and why, in one sentence; empty: nothing is known.

    Args:
        part: The ``inventory`` of the document; where the settings are not known, it has no
            `nextFullTime`.
        now: The time (UTC).
    """
    if part["lastMode"] is None:
        return ""
    found = [f"in the last sync-inventory {READ_WORDS[part['lastMode']]}"]
    if part["lastFullTime"] is not None:
        because = f" ({part['lastFullBecause']})" if part["lastFullBecause"] else ""
        found.append(f"last full read {relative(from_text(part['lastFullTime']), now)}{because}")
    if "nextFullTime" in part:
        due = part["nextFullTime"]
        is_due = due is None or from_text(due) <= now
        when = "the next run" if is_due else f"due {relative(from_text(due), now)} at the latest"
        found.append(f"the next full read is {when}")
    return "; ".join(found)


def is_unused(document: Mapping[str, Any]) -> bool:
    """Whether no run of any job has ended, as far as the ledger remembers."""
    return all(document[job]["lastSyncTime"] is None for job in _JOBS)


def _orders_in_need(document: Mapping[str, Any]) -> dict[str, int]:
    """How many orders need a person, by why: each order counts once, for its gravest alert."""
    gravest: dict[str, str] = {}
    kinds: list[str] = []
    for alert in document["alerts"]:
        code, kind = alert["vendureOrderCode"], alert["kind"]
        kinds.append(kind)
        if code and (code not in gravest or rank(kind) < rank(gravest[code])):
            gravest[code] = kind
    found: dict[str, int] = {}
    for kind in sorted(gravest.values(), key=rank):
        label = words_of(kind).label
        found[label] = found.get(label, 0) + 1
    for name, kind in _NEED:
        without = document["orders"][name] - kinds.count(kind)
        if without > 0:
            label = words_of(kind).label
            found[label] = found.get(label, 0) + without
    return found


def _others_in_need(document: Mapping[str, Any]) -> list[str]:
    """What needs a person besides orders, the gravest first; each once."""
    groups = alert_groups(one for one in document["alerts"] if not one["vendureOrderCode"])
    labels = [group.label for group in groups]
    refused = [
        f"{_SIDES[name]} refuses the credentials"
        for name, one in document["upstreams"].items()
        if one["credentialsRefused"]
    ]
    late = [
        f"{_command(one['job'])} is {'stuck' if one['kind'] == 'stuck' else 'overdue'}"
        for one in document.get("jobs", ())
    ]
    return list(dict.fromkeys((*refused, *labels, *late)))


def _command(job: str) -> str:
    return EXPECTED[job]


def _level(document: Mapping[str, Any]) -> StatusLevel:
    urgent = any(words_of(one["kind"]).severity is Severity.URGENT for one in document["alerts"])
    refused = any(one["credentialsRefused"] for one in document["upstreams"].values())
    works_not = urgent or refused or document.get("jobs")
    return StatusLevel.TROUBLE if works_not else StatusLevel.ATTENTION


def _need(orders: Mapping[str, int], others: Sequence[str]) -> str:
    count = sum(orders.values())
    if not count:
        return f"{_things(len(others))} you: {_listed(others)}"
    verb = "needs" if count == 1 else "need"
    why = _listed([f"{number:,} {label}" for label, number in orders.items()])
    sentence = f"{counted(count, 'order')} {verb} you: {why}"
    return f"{sentence}; also: {_listed(others)}" if others else sentence


def _things(count: int) -> str:
    return "1 thing needs" if count == 1 else f"{count:,} things need"


def _listed(items: Sequence[str]) -> str:
    shown, rest = items[:_MAX_LABELS], len(items) - _MAX_LABELS
    return ", ".join((*shown, f"{rest} more")) if rest > 0 else ", ".join(shown)


def _without_need(orders: Mapping[str, Any], now: datetime) -> Status:
    waiting = [f"{orders[name]:,} {words}" for name, words in _WAITING if orders[name]]
    level = StatusLevel.BUSY if waiting else StatusLevel.OK
    first = _all_sent(orders)
    if waiting:
        total = sum(orders[name] for name, _ in _WAITING)
        first = f"{counted(total, 'order')} to go: {_listed(waiting)}"
    if orders["lastSyncTime"] == orders["lastSuccessTime"]:
        return Status(level, f"{first}; nothing needs you")
    # What is known is as old as the last success: newer orders may wait in the shop.
    when = relative(from_text(orders["lastSyncTime"]), now)
    error = f": {orders['lastError']}" if orders["lastError"] else ""
    return Status(
        StatusLevel.BUSY, f"nothing needs you yet; sync-orders failed {when}{error}; {first}"
    )


def _all_sent(orders: Mapping[str, Any]) -> str:
    if orders["totalSynced"]:
        return "all orders are at VeraCore"
    if orders["lastSyncTime"] is None:
        return "sync-orders has not run here yet"
    return "no order is to be sent"

"""What a rebuild, or a check against what both sides show, found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from veracore_sync.clock import to_text
from veracore_sync.jobs.rebuild.rebuilt import Certainty, RebuiltOrder
from veracore_sync.jobs.report import RunReport

MAX_NAMED = 100
"""Rows of one kind that a report names; the others are counted."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field in which a row of the ledger is not what both sides show."""

    code: str
    field: str
    ledger: str
    shown: str


@dataclass(slots=True)
class RebuildReport(RunReport):
    """The report of a rebuild.

    Args:
        since: Orders placed since then are rebuilt.
        states: Orders by state.
        certainties: Orders by certainty.
        probable: Those about which a person decides.
        waiting: Paid orders, older than a day, that VeraCore does not have.
        early: Orders placed before the first that VeraCore has.
        known: Orders that an earlier run of this rebuild recorded.
        unread: Orders of the shop that cannot be read, by name.
        foreign: Orders that VeraCore shipped and the shop does not know.
        lookups: How many look-ups were made.
        left: Orders of the shop that this run did not come to.
        has_begun: Whether the ledger is closed to the other commands until this has ended.
        has_ended: Whether everything is recorded.
        live_since: Since when orders go to VeraCore.
        by_content: Whether VeraCore shows what an order contains.
        equal: Rows of the ledger that are what both sides show.
        unknowable: Rows about which they show nothing, by code with the reason.
        differences: The others.
    """

    job: ClassVar[str] = "orders"
    writing: ClassVar[tuple[str, str]] = ("recorded", "record")
    since: datetime | None = None
    states: Counter[str] = field(default_factory=Counter)
    certainties: Counter[str] = field(default_factory=Counter)
    probable: list[RebuiltOrder] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    known: int = 0
    unread: list[str] = field(default_factory=list)
    foreign: int = 0
    lookups: int = 0
    left: int = 0
    has_begun: bool = False
    has_ended: bool = False
    live_since: datetime | None = None
    by_content: bool = True
    equal: int = 0
    unknowable: Counter[str] = field(default_factory=Counter)
    differences: list[FieldDifference] = field(default_factory=list)

    def add(self, one: RebuiltOrder) -> None:
        """Count a row."""
        self.states[one.state] += 1
        self.certainties[one.certainty] += 1
        if one.certainty is Certainty.PROBABLE:
            self.probable.append(one)

    @property
    def total(self) -> int:
        """The orders of this run."""
        return self.states.total()


def rebuild_document(report: RebuildReport, *, applied: bool) -> dict[str, Any]:
    """The document of ``ledger rebuild --json``."""
    return {
        "applied": applied,
        "ended": report.has_ended,
        "from": to_text(report.since) if report.since else None,
        "liveSince": to_text(report.live_since) if report.live_since else None,
        "orders": {str(one): report.certainties[one] for one in Certainty},
        "states": dict(sorted(report.states.items())),
        "recordedBefore": report.known,
        "lookups": report.lookups,
        "left": report.left,
        "foreign": report.foreign,
        "contentShown": report.by_content,
        "unread": report.unread[:MAX_NAMED],
        "probable": [
            {
                "vendureOrderCode": one.code,
                "veracoreOrderId": one.veracore_id,
                "syncStatus": one.state,
                "why": one.why,
            }
            for one in report.probable[:MAX_NAMED]
        ],
        "waiting": report.waiting[:MAX_NAMED],
        "early": report.early[:MAX_NAMED],
        "notes": report.notices,
    }


def check_document(report: RebuildReport) -> dict[str, Any]:
    """The document of ``ledger rebuild --check --json``."""
    return {
        "from": to_text(report.since) if report.since else None,
        "equal": report.equal,
        "differing": len({one.code for one in report.differences}),
        "unknowable": report.unknowable.total(),
        "lookups": report.lookups,
        "left": report.left,
        "contentShown": report.by_content,
        "unread": report.unread[:MAX_NAMED],
        "byField": dict(sorted(Counter(one.field for one in report.differences).items())),
        "differences": [
            {
                "vendureOrderCode": one.code,
                "field": one.field,
                "ledger": one.ledger,
                "shown": one.shown,
            }
            for one in report.differences[:MAX_NAMED]
        ],
        "notKnowable": dict(sorted(report.unknowable.items())),
        "notes": report.notices,
    }

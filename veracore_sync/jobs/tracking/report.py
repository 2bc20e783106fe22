"""What a run of ``sync-tracking`` did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from veracore_sync.jobs.reasons import HERE, Why
from veracore_sync.jobs.report import RunReport
from veracore_sync.jobs.tracking.actions import Action

LEFT = {
    "waiting": "nothing to do: a later run goes on",
    "handed over": f"once that is put right: `veracore-sync sync-tracking --order {HERE} --force`",
    "failed": f"every run tries again; at once: `veracore-sync sync-tracking --order {HERE}`",
    "missing": f"look for it at VeraCore; `veracore-sync stats --order {HERE}` shows its history",
}
"""The outcomes that leave something to be done, and what follows."""
_LABELS = {"handed over": "handed to a person", "missing": "missing at VeraCore"}


@dataclass(frozen=True, slots=True)
class SlipOutcome:
    """The outcome of a slip, or of an order (`slip` is empty then).

    `until`: when it is worked on again (UTC), if that is certain.
    """

    code: str
    slip: str
    what: str
    detail: str = ""
    until: datetime | None = None


@dataclass(slots=True)
class TrackingReport(RunReport):
    """The report of a run.

    Args:
        checked: Orders that were looked up at VeraCore.
        updated: Fulfilments that now have their tracking in the shop.
        errors: Orders that could not be worked on.
        outcomes: The outcome of each slip that was worked on.
        raised: SKUs whose level in the shop was raised so that they could be fulfilled.
        plan: The actions of a run that must not write, by order code; ``None`` otherwise.
    """

    job: ClassVar[str] = "tracking"
    checked: int = 0
    updated: int = 0
    errors: int = 0
    outcomes: list[SlipOutcome] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    plan: list[tuple[str, Action]] | None = None

    def record(
        self, code: str, slip: str, what: str, detail: str = "", until: datetime | None = None
    ) -> None:
        """Record the outcome of a slip, with its reason."""
        self.outcomes.append(SlipOutcome(code, slip, what, detail, until))
        is_left = what in LEFT
        why = Why(_LABELS.get(what, what), detail if is_left else "", LEFT.get(what, ""), until)
        self.reasons.add(why, code)

    def include(self, part: TrackingReport) -> None:
        """Add the report of one order, which was worked on beside others."""
        self.needs_person += part.needs_person
        self.notices += part.notices
        self.covered += part.covered
        self.checked += part.checked
        self.updated += part.updated
        self.errors += part.errors
        self.outcomes += part.outcomes
        self.raised += part.raised
        for one in part.reasons:
            why = Why(one.what, one.reason, one.todo, one.at)
            self.reasons.add_all(why, one.names, one.count, is_new=one.is_new)

    def idle(self, code: str, reason: str) -> None:
        """Record that an order was looked up and nothing of it is to be done."""
        self.reasons.add(Why("nothing to do", reason), code, is_new=False)

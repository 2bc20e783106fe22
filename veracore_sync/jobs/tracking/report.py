"""What a run of ``sync-tracking`` did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.jobs.report import RunReport
from veracore_sync.jobs.tracking.actions import Action


@dataclass(frozen=True, slots=True)
class SlipOutcome:
    """The outcome of a slip, or of an order (`slip` is empty then)."""

    code: str
    slip: str
    what: str
    detail: str = ""


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

    def record(self, code: str, slip: str, what: str, detail: str = "") -> None:
        """Record the outcome of a slip."""
        self.outcomes.append(SlipOutcome(code, slip, what, detail))

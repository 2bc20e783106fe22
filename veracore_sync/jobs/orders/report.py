"""What a run of the order jobs did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.states import LOST_RACE, Applied
from veracore_sync.jobs.orders.plan import Action
from veracore_sync.jobs.report import RunReport


@dataclass(slots=True)
class OrdersReport(RunReport):
    """The report of a run.

    Args:
        outcomes: By code, the result for each order that the run worked on: ``submitted``,
            ``adopted``, ``failed``, ``parked``, ``in_doubt``, ``conflict``, ``cancelled``,
            ``skipped`` or ``pending``.
        plan: The actions of a run that must not write; ``None`` otherwise.
        changes: By code, what the shop changed after the order was sent.
        found: By code, what a look-up of an order in doubt found, and what follows.
        unread: By code, why a run that must not write could not plan an order.
    """

    job: ClassVar[str] = "orders"
    writing: ClassVar[tuple[str, str]] = ("sent or recorded", "send")
    outcomes: dict[str, str] = field(default_factory=dict)
    plan: list[Action] | None = None
    changes: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def changed(self, code: str, message: str) -> None:
        """Record what the shop changed of an order that was sent, or passed by."""
        self.outcomes.setdefault(code, "drift")
        self.changes[code] = message

    def record(self, code: str, outcome: str, needs_person: str | None = None) -> None:
        """Record an order's outcome; `needs_person` says why a person is newly needed."""
        self.outcomes[code] = outcome
        if needs_person is not None:
            self.escalate(f"{code}: {needs_person}")

    def applied(self, code: str, change: Applied, outcome: str, message: str = "") -> None:
        """Record the result of a transition.

        Args:
            outcome: The order's outcome, unless another run was first.
            message: Why a person is needed, reported only if that is new.
        """
        if change is Applied.LOST:
            self.notify(f"{code}: {LOST_RACE}")
        else:
            self.record(code, outcome, message if change is Applied.NEWS else None)

    def count(self, outcome: str) -> int:
        """How many orders have that outcome."""
        return sum(1 for one in self.outcomes.values() if one == outcome)

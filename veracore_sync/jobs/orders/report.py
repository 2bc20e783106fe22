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
        outcomes: For each order that was touched, where it ended in this run: ``submitted``,
            ``adopted``, ``failed``, ``parked``, ``in_doubt``, ``conflict``, ``cancelled``,
            ``skipped`` or ``pending``.
        plan: The actions of a run that must not write; ``None`` otherwise.
    """

    job: ClassVar[str] = "orders"
    writing: ClassVar[tuple[str, str]] = ("sent or recorded", "send")
    outcomes: dict[str, str] = field(default_factory=dict)
    plan: list[Action] | None = None

    def record(self, code: str, outcome: str, needs_person: str | None = None) -> None:
        """An order ended up there; `needs_person` says why that newly needs one."""
        self.outcomes[code] = outcome
        if needs_person is not None:
            self.escalate(f"{code}: {needs_person}")

    def applied(self, code: str, change: Applied, outcome: str, message: str = "") -> None:
        """What came of a transition that would end an order there.

        Args:
            code: The order.
            change: As the ledger returned it.
            outcome: Where it ended, unless another run was first.
            message: What a person has to know, where that is new.
        """
        if change is Applied.LOST:
            self.notify(f"{code}: {LOST_RACE}")
        else:
            self.record(code, outcome, message if change is Applied.NEWS else None)

    def count(self, outcome: str) -> int:
        """How many orders ended up there."""
        return sum(1 for one in self.outcomes.values() if one == outcome)

"""What a run of ``sync-inventory`` did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.report import RunReport


@dataclass(frozen=True, slots=True)
class Drift:
    """A variant of which Vendure set aside other units than its open orders ask for."""

    sku: str
    allocated: int
    ordered: int


@dataclass(slots=True)
class InventoryReport(RunReport):
    """The report of a run. Counts are variants of the shop.

    Args:
        processed: Read in the shop.
        updated: Written.
        skipped: Left alone: unknown, ambiguous, excluded, not tracked, missing for now.
        withheld: Not raised because of a guard.
        unknown: SKUs that the warehouse does not report; some of them.
        ambiguous: SKUs shared by several variants, or spelled in two ways there; some of them.
        missing: Known SKUs that lacked in this read; some of them.
        refused: By SKU, what Vendure said instead of taking its levels.
        unreadable: Records that could not be read and were passed by, and why, by name.
        drift: Where Vendure's allocation is not what its orders ask for.
        guard: The name of the guard that held the plan back.
        plan: The first actions of a run that must not write; ``None`` otherwise.
        planned: How many actions there are in all.
    """

    job: ClassVar[str] = "inventory"
    processed: int = 0
    updated: int = 0
    skipped: int = 0
    withheld: int = 0
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    guard: str | None = None
    plan: list[Planned] | None = None
    planned: int = 0

    @property
    def errors(self) -> int:
        """How many variants could not be written."""
        return len(self.refused)

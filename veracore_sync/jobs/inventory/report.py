"""What a run of ``sync-inventory`` did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from veracore_sync.jobs.inventory.preview import Preview
from veracore_sync.jobs.report import RunReport


@dataclass(frozen=True, slots=True)
class Drift:
    """A variant whose allocated stock in Vendure differs from its open orders."""

    sku: str
    allocated: int
    ordered: int


class RunMode(StrEnum):
    """Which variants of the shop a run reads."""

    FULL = "full"
    CHANGES = "changes"
    NAMED = "named"


@dataclass(slots=True)
class InventoryReport(RunReport):
    """The report of a run. Counts are variants of the shop.

    Args:
        mode: Which variants it read: all, those that may have changed, or those named.
        full_because: Why all were read; empty if they were not.
        processed: Read in the shop.
        updated: Written.
        skipped: Not changed: unknown, ambiguous, excluded, not tracked, missing for now.
        withheld: Not raised because of a guard.
        unknown: SKUs that the warehouse does not report; at most 100.
        ambiguous: SKUs shared by several variants, or spelled in two ways there; at most 100.
        missing: Known SKUs that were missing in this read; at most 100.
        refused: By SKU, Vendure's message.
        unreadable: By name, why a record could not be read and was skipped.
        drift: Variants whose allocation differs from their orders.
        guard: The name of the guard that stopped the plan, or a part of it.
        plan: The plan of a run that must not write; ``None`` otherwise.
        location_names: The names of the shop's stock locations, by id.
    """

    job: ClassVar[str] = "inventory"
    mode: RunMode = RunMode.FULL
    full_because: str = ""
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
    plan: Preview | None = None
    location_names: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many variants could not be written."""
        return len(self.refused)

"""What can be done from here: the commands' own work, each named by what a person asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from veracore_sync.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: the command's ``--json`` document, or why nothing was done."""

    success: bool
    error: str | None = None
    result: dict[str, Any] = field(default_factory=dict)


class Actions(Protocol):
    """Each runs a command's own code, under its lock, and never raises for what was foreseeable."""

    @property
    def ledger(self) -> Ledger:
        """To read from."""

    def retry_order(self, name: str) -> Outcome:
        """Put an order back into the queue, or look it up; then send it if it is due."""

    def force_inventory(self) -> Outcome:
        """``sync-inventory --force``."""

    def inventory_for(self, sku: str) -> Outcome:
        """``sync-inventory --sku``."""

    def force_tracking(self) -> Outcome:
        """``sync-tracking --force``."""

    def tracking_for(self, name: str) -> Outcome:
        """``sync-tracking --order``."""

"""What a run of ``sync-returns`` did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veracore_sync.domain.returns import Receipt
from veracore_sync.jobs.report import RunReport


@dataclass(slots=True)
class ReturnsReport(RunReport):
    """The report of a run.

    Args:
        is_available: Whether VeraCore lists returned goods for this account; ``None``: not asked.
        listed: Receipts that VeraCore listed.
        errors: Rows that could not be read, and notes that could not be written.
        notes: Notes that were written.
        received: The receipts that were recorded, with the code of their order if it is known.
        plan: The same of a run that must not write; ``None`` otherwise.
    """

    job: ClassVar[str] = "returns"
    writing: ClassVar[tuple[str, str]] = ("recorded", "record")
    is_available: bool | None = None
    listed: int = 0
    errors: int = 0
    notes: int = 0
    received: list[tuple[str | None, Receipt]] = field(default_factory=list)
    plan: list[tuple[str | None, Receipt]] | None = None

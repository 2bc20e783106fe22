"""What a part of a run found that compares no single order of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.errors import SyncError


@dataclass(slots=True)
class PartFindings:
    """What was found of one type.

    Args:
        type: The type.
        differences: All that differs.
        compared: The names that stood in the ledger and were compared now.
        unseen: What could not be read, and why.
        moving: What is on its way, and why nothing is concluded of it.
        notes: Sentences for information.
        codes: Orders of the shop that have to be compared because of what was found.
        count: How much was compared; ``None``: nothing was.
        error: Why nothing of it could be read, if the upstream as a whole is in trouble.
    """

    type: DifferenceType
    differences: list[Difference] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    unseen: list[tuple[str, str]] = field(default_factory=list)
    moving: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    count: int | None = None
    error: SyncError | None = None

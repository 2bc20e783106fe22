"""What a probe of a tenant starts from, and the file that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FORMAT = 1
"""The version of the file; a reader refuses another one."""

LAST_PROBE = "probe.last"
"""The ledger's fact about the last probe: when it was, and what it showed."""


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that VeraCore accepted.

    Args:
        id: VeraCore's id of it.
        reference: The reference that was sent with it.
        accepted_at: When VeraCore answered (aware, UTC); ``None`` if unknown.
    """

    id: str
    reference: str
    accepted_at: datetime | None = None

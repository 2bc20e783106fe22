"""The port of the audit trail, a part of the ledger's."""

from __future__ import annotations

from typing import Protocol

from veracore_sync.domain.audit import Actor, AuditEntry


class AuditStore(Protocol):
    """Who acted, on what, from where, when."""

    def begin(self, actor: Actor, action: str, target: str | None) -> int:
        """Record an action before it is done; returns its number."""

    def end(self, id: int, *, success: bool) -> None:
        """Record how an action ended; the first word about it counts."""

    def latest(self, limit: int) -> list[AuditEntry]:
        """The actions, newest first."""

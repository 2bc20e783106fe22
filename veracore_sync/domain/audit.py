"""The audit trail: who acted through the Admin API or its page, on what, from where, when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["page", "api"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Args:
        who: The setting of the token, and a mark of its value, which changes with the token.
        way: How.
        address: From where, as far as that can be trusted.
    """

    who: str
    way: Way
    address: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action. Times are UTC texts.

    Args:
        action: The command whose code ran, or ``log-in``.
        target: The order's code or the SKU; ``None``: all of them, or none that is known.
        outcome: ``done`` or ``failed``; ``None`` while it runs, and for good if the process died.
    """

    at: str
    actor: Actor
    action: str
    target: str | None
    outcome: str | None
    ended_at: str | None

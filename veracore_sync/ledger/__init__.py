"""What was intended, sent, seen and failed: stores over a backend, which is SQLite."""

from __future__ import annotations

from veracore_sync.domain.order_records import AttemptRow, OrderRow, Sent, fresh_row, open_attempts
from veracore_sync.ledger.alerts import Alert
from veracore_sync.ledger.moves import Discovery, Intent, Seen, Trouble
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.runs import Run
from veracore_sync.ledger.unread import UnreadRow

__all__ = [
    "Alert",
    "AttemptRow",
    "Discovery",
    "Intent",
    "OrderRow",
    "Run",
    "Seen",
    "Sent",
    "Trouble",
    "UnreadRow",
    "fresh_row",
    "open_attempts",
    "open_ledger",
]

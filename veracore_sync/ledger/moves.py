"""How an order moves through the ledger: every verb is one transition in one transaction.

    pending ─▶ sending ─▶ synced ─▶ shipped
       ▲          ├─────▶ in_doubt ─▶ synced | pending | parked | conflict | cancelled
       │          ├─────▶ parked
       └──────────┴─────▶ failed, skipped

A verb that puts an order before a person also opens the alert, and tells whether that is new.
"""

from __future__ import annotations

from veracore_sync.domain.order_records import Discovery, Intent, Seen, Trouble
from veracore_sync.ledger.finding import Finding
from veracore_sync.ledger.queueing import Queueing
from veracore_sync.ledger.sending import Sending
from veracore_sync.ledger.shipping import Shipping

__all__ = ["Discovery", "Intent", "Moves", "Seen", "Trouble"]


class Moves(Queueing, Sending, Finding, Shipping):
    """Every transition of one ledger."""

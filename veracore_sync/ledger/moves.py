"""How an order moves through the ledger: every method is one transition in one transaction.

`veracore_sync.domain.states.TRANSITIONS` says from which states it may happen. Where the order has
left those, nothing is written and `Applied.LOST` is the answer; the one exception is that VeraCore
took it, which stays true. A transition that puts an order before a person also opens the alert.
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

"""How an order moves through the ledger: every method is one transition in one transaction.

`veracore_sync.domain.states.TRANSITIONS` says from which states it may happen. Where the order has
left those, nothing is written and `Applied.LOST` is the answer; the one exception is that VeraCore
took it, which stays true. A transition that puts an order before a person also opens the alert.
"""

from __future__ import annotations

from veracore_sync.ledger.finding import LookUpTransitions
from veracore_sync.ledger.queueing import Queueing
from veracore_sync.ledger.sending import Sending
from veracore_sync.ledger.shipping import Shipping


class OrderTransitions(Queueing, Sending, LookUpTransitions, Shipping):
    """Every transition of one ledger."""

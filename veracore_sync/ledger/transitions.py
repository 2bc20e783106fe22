"""The transitions of orders: every method is one transition in one transaction.

`veracore_sync.domain.states.TRANSITIONS` names the states in which each may happen. In any other
state nothing is written and `Applied.LOST` is returned; only `accept` is written in every state. A
transition that needs a person also opens the alert, in the same transaction.
"""

from __future__ import annotations

from veracore_sync.ledger.cancelling import Cancelling
from veracore_sync.ledger.finding import LookUpTransitions
from veracore_sync.ledger.sending import Sending
from veracore_sync.ledger.setting_aside import SettingAside
from veracore_sync.ledger.shipping import Shipping


class OrderTransitions(SettingAside, Sending, LookUpTransitions, Shipping, Cancelling):
    """The transitions of all orders of one ledger."""

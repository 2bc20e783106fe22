"""``order.passed_by`` ends once the shop shows that a person has dealt with the order."""

from __future__ import annotations

import logging

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.fulfilments import SHIPPED_STATES
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.orders.bad_records import Reader, in_batches
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import ShopOrders

_LOG = logging.getLogger(__name__)
_KIND = AlertKind.ORDER_PASSED_BY
_DEALT_WITH = (*SHIPPED_STATES, "Cancelled")
_MOST = 200


def end_passed_by(ledger: Ledger, shop: ShopOrders) -> None:
    """Resolve the alert of each order that is by now shipped, or cancelled, in the shop.

    Raises:
        SyncError: The shop as a whole cannot be read.
    """
    # A state of the shop moves no `updatedAt`, so these orders are read again in every run.
    codes = [one.code for one in ledger.alerts.standing() if one.kind == _KIND and one.code]
    reader = Reader(shop, ledger.meta.probe_id)

    def unread(code: str, error: SyncError) -> None:
        _LOG.info("order %s: its alert stays open: %s", code, error.message)

    for batch in in_batches(codes[:_MOST]):
        for order in reader.read(batch, unread):
            if order.state in _DEALT_WITH:
                ledger.alerts.resolve(_KIND, code=order.code)

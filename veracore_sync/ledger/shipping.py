"""After an order was placed: its goods have left."""

from __future__ import annotations

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import TRANSITIONS, OrderAct
from veracore_sync.ledger.order_table import OrderTable

_STAY_AS_THEY_ARE = (
    AlertKind.ORDER_BEYOND,
    AlertKind.ORDER_VOIDED,
    AlertKind.ORDER_SHIPPED_CANCELLED,
)


class Shipping(OrderTable):
    """The verbs of an order's end."""

    def ship(self, code: str) -> bool:
        """Nothing more is awaited: the shop shows it as shipped, or has cancelled it and VeraCore
        will ship nothing more of it. Whether this is new."""
        with self._db.transaction() as connection:
            row = connection.execute("SELECT state FROM orders WHERE code = ?", (code,)).fetchone()
            if row is None or row["state"] not in TRANSITIONS[OrderAct.SHIP].sources:
                return False  # each run sees it shipped again
            self._move(
                connection,
                code,
                OrderAct.SHIP,
                error_class=None,
                error_message=None,
                next_attempt_at=None,
            )
            self._alerts.resolve_order(code, keep=_STAY_AS_THEY_ARE)
            return True

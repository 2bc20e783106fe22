"""The transition of an order whose goods have left."""

from __future__ import annotations

from veracore_sync.domain.states import TRANSITIONS, OrderAct
from veracore_sync.ledger.order_table import ALERTS_OF_GOODS, OrderTable


class Shipping(OrderTable):
    """The transition at an order's end."""

    def ship(self, code: str, why: str | None = None) -> bool:
        """Nothing more will ship; whether that is new. See the port."""
        with self._db.transaction() as connection:
            row = connection.execute("SELECT state FROM orders WHERE code = ?", (code,)).fetchone()
            if row is None or row["state"] not in TRANSITIONS[OrderAct.SHIP].sources:
                # Every run sees the order as shipped again, so this is no lost race to log.
                return False
            self._move(
                connection,
                code,
                OrderAct.SHIP,
                error_class=None,
                error_message=why,
                next_attempt_at=None,
            )
            self._alerts.resolve_order(code, keep=ALERTS_OF_GOODS)
            return True

"""What the shop's cancellation means for an order in the ledger."""

from __future__ import annotations

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import Applied, OrderState
from veracore_sync.ledger.order_table import OrderTable

_ENDED = (OrderState.SHIPPED, OrderState.SKIPPED)


class Cancelling(OrderTable):
    """Records that the shop cancelled an order."""

    def cancelled_in_shop(self, code: str, message: str) -> Applied:
        """The shop has cancelled the order: an alert, unless VeraCore ships nothing more of it.

        Returns:
            `Applied.NEWS` if the alert is new, `Applied.LOST` if the ledger has no such order.
        """
        # The state is read here and not by the caller: tracking may have seen the order cancelled
        # at VeraCore meanwhile, and the alert would stay open beside the other one.
        with self._db.transaction() as connection:
            row = connection.execute("SELECT state FROM orders WHERE code = ?", (code,)).fetchone()
            if row is None:
                return Applied.LOST
            connection.execute(
                "UPDATE orders SET shop_cancelled_at = coalesce(shop_cancelled_at, ?) "
                "WHERE code = ?",
                (self._now(), code),
            )
            if row["state"] == OrderState.CANCELLED:
                connection.execute(
                    "UPDATE orders SET error_class = NULL, error_message = NULL WHERE code = ?",
                    (code,),
                )
                self._alerts.resolve(AlertKind.ORDER_CANCELLED, code=code)
            if row["state"] in (*_ENDED, OrderState.CANCELLED):
                return Applied.DONE
            return self._alert(AlertKind.ORDER_CANCELLED_IN_SHOP, message, code)

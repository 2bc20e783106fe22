"""The small shop without its HTTP side: a Python API for what shoppers and staff do to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from veracore_sync.sandbox.shop_catalogue import locked
from veracore_sync.sandbox.shop_errors import Refusal, Thrown, not_found
from veracore_sync.sandbox.shop_fulfilment import Fulfilling
from veracore_sync.sandbox.shop_orders import Lines, with_country
from veracore_sync.sandbox.shop_prices import apply_promotions, total_with_tax
from veracore_sync.sandbox.shop_process import ORDER_STATES, all_cancelled, covered
from veracore_sync.sandbox.shop_records import (
    Modification,
    Order,
    OrderLine,
    Payment,
    Refund,
    ShippingLine,
    Surcharge,
)


class ShopState(Fulfilling):
    """Everything in the shop. Every public method may be called from any thread.

    SKUs or ids name variants and lines. Refusals of Vendure's own are raised as `Refusal`.
    """

    # ---- payments --------------------------------------------------------------------------

    @locked
    def settle(self, order: Order) -> None:
        """Settle the payments that are only authorised; the order's `updated_at` does not move."""
        for payment in order.payments:
            if payment.state == "Authorized":
                self.settle_payment(payment.id)

    @locked
    def settle_payment(self, id: str) -> Payment:
        """``settlePayment``; of a settled payment it changes nothing.

        Raises:
            Thrown: There is no such payment.
        """
        if id not in self.payments:
            raise not_found("Payment", id)
        order, payment = self.payments[id]
        if payment.state == "Settled":
            return payment
        now = self.now()
        payment.state, payment.updated_at = "Settled", now
        self.note_payment(order, payment, "Authorized", now)
        paid = covered(order, "Settled") >= total_with_tax(order)
        if paid and "PaymentSettled" in ORDER_STATES[order.state] and _pays_at_once(order):
            self.transition(order, "PaymentSettled")
        return payment

    @locked
    def refund(self, order: Order, amount: int | None = None) -> None:
        """Give back all settled payments, or `amount` of the first; `updated_at` does not move."""
        settled = [payment for payment in order.payments if payment.state == "Settled"]
        for payment in settled if amount is None else settled[:1]:
            self._refund(order, payment, payment.amount if amount is None else amount)

    @locked
    def cancel_payments(self, order: Order) -> None:
        """``cancelPayment`` of every payment; the order's state and `updated_at` stay."""
        for payment in order.payments:
            before, payment.state = payment.state, "Cancelled"
            payment.updated_at = self.now()
            self.note_payment(order, payment, before, payment.updated_at)

    def _refund(self, order: Order, payment: Payment, amount: int) -> Refund:
        id = self.new_id("refund")
        refund = Refund(id, self.now(), payment.id, amount, "Settled", "test")
        payment.refunds.append(refund)
        data = {"refundId": int(id), "from": "Pending", "to": "Settled", "reason": refund.reason}
        self.note_history(order, "ORDER_REFUND_TRANSITION", data)
        return refund

    # ---- cancelling ------------------------------------------------------------------------

    @locked
    def cancel(self, order: Order, lines: Lines | None = None, reason: str = "test") -> None:
        """Cancel the whole order, or so many units of some lines.

        Raises:
            Refusal: As Vendure refuses it.
        """
        wanted = None if lines is None else self.line_ids(order, lines)
        self.cancel_lines(order, wanted, reason)

    @locked
    def cancel_lines(
        self,
        order: Order,
        lines: Sequence[tuple[str, int]] | None,
        reason: str | None,
        shipping: bool = False,
    ) -> None:
        """``cancelOrder``: by line ids; None: all. Moves the order's `updated_at`.

        With `shipping` the price of shipping is taken off too.

        Raises:
            Refusal: As Vendure refuses it.
            Thrown: The order is not there.
        """
        done = order.active and lines is None
        if not done:
            whole = [(line.id, line.quantity) for line in order.lines]
            self._cancel_units(order, whole if lines is None else lines, reason, shipping)
            order.updated_at = self.now()
            done = all_cancelled(order)
        if done:
            self.transition(order, "Cancelled")

    def _cancel_units(
        self,
        order: Order,
        lines: Sequence[tuple[str, int]],
        reason: str | None = None,
        shipping: bool = False,
    ) -> None:
        units = self._cancellable(order, lines)
        self.put_back([(line, n) for line, count in units if (n := min(_left(order, line), count))])
        self.release([(line, n) for line, count in units if (n := min(_waiting(line), count))])
        for line, count in units:
            line.quantity -= count
        for charge in order.shipping_lines if shipping else ():
            charge.off = charge.price
        cancelled = [{"orderLineId": id, "quantity": count} for id, count in lines]
        data = {"lines": cancelled, "shippingCancelled": shipping}
        data |= {"reason": reason} if reason else {}
        self.note_history(order, "ORDER_CANCELLATION", data)

    def _cancellable(
        self, order: Order, lines: Sequence[tuple[str, int]]
    ) -> list[tuple[OrderLine, int]]:
        if sum(count for _, count in lines) == 0:
            message = "At least one OrderLine must be specified"
            code = "EMPTY_ORDER_LINE_SELECTION_ERROR"
            raise Refusal("EmptyOrderLineSelectionError", code, message)
        units = []
        for id, count in lines:
            owner, line = self.lines.get(id, (None, None))
            if line is None or owner is not order:
                raise _several_orders()
            if line.quantity < count:
                raise _too_many()
            units.append((line, count))
        if order.active:
            raise _still_a_cart(order)
        return units

    # ---- modifying -------------------------------------------------------------------------

    @locked
    def start_modify(self, order: Order) -> None:
        """Bring an order to Modifying; its `updated_at` does not move."""
        self.transition(order, "Modifying")

    @locked
    def modify(
        self,
        order: Order,
        lines: Lines = (),
        *,
        add: Lines = (),
        address: Mapping[str, str] | None = None,
        billing: Mapping[str, str] | None = None,
        surcharges: Iterable[tuple[str, int, float]] = (),
        shipping_method: str | None = None,
        note: str = "",
    ) -> None:
        """``modifyOrder``: set quantities, add variants and surcharges, change address or shipping.

        The order must be in Modifying and stays there. What became cheaper is refunded at once.
        A surcharge is a description, a net price in minor units, and a tax rate in percent.

        Raises:
            Refusal: It is in another state, or there is not enough to sell.
        """
        if order.state != "Modifying":
            code = "ORDER_MODIFICATION_STATE_ERROR"
            raise Refusal("OrderModificationStateError", code, f"errorResult.{code}")
        before = total_with_tax(order)
        for key, quantity in add:
            self._add_units(order, self._line_for(order, self.variant(key).id), quantity)
        for id, quantity in self.line_ids(order, lines):
            self._set_quantity(order, self.lines[id][1], quantity)
        for description, price, rate in surcharges:
            id = self.new_id("surcharge")
            order.surcharges.append(Surcharge(id, self.now(), description, "", price, rate))
        if shipping_method is not None:
            method = self.shipping_method(shipping_method)
            line = ShippingLine(self.new_id("shippingLine"), method, method.price)
            order.shipping_lines = [line]
        order.shipping_address = with_country({**order.shipping_address, **(address or {})})
        order.billing_address = with_country({**order.billing_address, **(billing or {})})
        apply_promotions(order, self.promotions.values())
        change = total_with_tax(order) - before
        if change > 0:
            # Neither another address nor a smaller total moves it on a real Vendure.
            order.updated_at = self.now()
        self._note_modification(order, change, note)

    def _line_for(self, order: Order, variant_id: str) -> OrderLine:
        for line in order.lines:
            if line.variant.id == variant_id:
                return line
        line = self._new_line(order, variant_id, 0)
        order.lines.append(line)
        return line

    def _add_units(self, order: Order, line: OrderLine, count: int) -> None:
        self.refuse_oversale(line.variant.id, count, order.channel)
        line.quantity += count
        self.allocate([(line, count)], order.channel)

    def _set_quantity(self, order: Order, line: OrderLine, quantity: int) -> None:
        if quantity > line.quantity:
            self._add_units(order, line, quantity - line.quantity)
        elif quantity < line.quantity:
            self._cancel_units(order, [(line.id, line.quantity - quantity)])

    def _note_modification(self, order: Order, change: int, note: str) -> None:
        id = self.new_id("modification")
        modification = Modification(id, self.now(), change, note)
        if change < 0:
            modification.refund = self._refund(order, order.payments[0], -change)
        order.modifications.append(modification)
        self.note_history(order, "ORDER_MODIFIED", {"modificationId": int(id)})

    @locked
    def finish_modify(self, order: Order, to_state: str = "PaymentSettled") -> None:
        """Take what is still to pay, and leave Modifying; `updated_at` does not move."""
        due = total_with_tax(order) - covered(order)
        if due > 0:
            self.transition(order, "ArrangingAdditionalPayment")
            payment = self.new_payment(order, "manual", due, "Settled", self.now())
            for modification in order.modifications:
                if not modification.settled:
                    modification.payment = payment
        self.transition(order, to_state)

    def set_address(self, order: Order, **fields: str) -> None:
        """Change fields of the shipping address, as staff do."""
        with self.lock:
            self.start_modify(order)
            self.modify(order, address=fields)
            self.finish_modify(order)

    # ---- stock by many ---------------------------------------------------------------------

    @locked
    def write_levels(self, levels: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> None:
        """Set stock on hand: variant ids, each with location ids and absolute units; all or none.

        Raises:
            Thrown: There is no such variant or location; nothing was written.
        """
        for id, places in levels:
            variant = self.variants.get(id)
            if variant is None or variant.deleted:
                raise not_found("ProductVariant", id)
            for location, _ in places:
                if location not in self.locations:
                    raise Thrown("SqliteError: FOREIGN KEY constraint failed", None)
        for id, places in levels:
            for location, units in places:
                self.adjust(self.variants[id], location, units)


def _pays_at_once(order: Order) -> bool:
    return order.state not in ("PaymentSettled", "ArrangingAdditionalPayment")


def _left(order: Order, line: OrderLine) -> int:
    """The units of a line that are in fulfilments, also cancelled ones, and were not put back."""
    parts = (part for one in order.fulfilments for part in one.lines)
    return max(0, sum(part.quantity for part in parts if part.line is line) - line.put_back)


def _waiting(line: OrderLine) -> int:
    """The units of a line that are set aside."""
    allocated = sum(units for _, units in line.allocations)
    return max(0, allocated - line.sold - line.released)


def _several_orders() -> Refusal:
    code = "MULTIPLE_ORDER_ERROR"
    return Refusal("MultipleOrderError", code, f"errorResult.{code}")


def _too_many() -> Refusal:
    message = "The specified quantity is greater than the available OrderItems"
    return Refusal("QuantityTooGreatError", "QUANTITY_TOO_GREAT_ERROR", message)


def _still_a_cart(order: Order) -> Refusal:
    code = "CANCEL_ACTIVE_ORDER_ERROR"
    details = {"orderState": order.state}
    return Refusal("CancelActiveOrderError", code, f"errorResult.{code}", **details)

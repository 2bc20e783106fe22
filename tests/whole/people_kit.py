"""What people and the warehouse do by hand in the chaos, and how they answer its alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import wrong_clock
from rig import Rig
from whole_kit import SKUS, Whole, fulfilled, open_there, units

from veracore_sync.domain.ledger_records import Alert

_EIGHT_DAYS = 8 * 86_400


class People:
    """The hands in both systems.

    Args:
        world: The shop and the simulator.

    `cancelled_late` are the codes of orders that were cancelled on either side after the warehouse
    had them.
    """

    def __init__(self, world: Whole) -> None:
        self.world = world
        self.cancelled_late: set[str] = set()
        self._dice = world.dice

    # ---- what they do -------------------------------------------------------------------------

    def do_something(self, *, nobody_sends: bool) -> None:
        """An order or two, and something by hand.

        Args:
            nobody_sends: No process is at work that could be sending an order meanwhile.
        """
        for _ in range(self._dice.randint(1, 3)):
            self.place()
        acts: list[Callable[[], Any]] = [self.world.ship] * 4
        acts += [self.world.restock, self.count_down, self.cancel_late, self.cancel_there]
        if nobody_sends:
            acts += [self.world.cancel, self.world.by_hand] * 2
        for act in self._dice.sample(acts, 2):
            act()

    def place(self) -> None:
        """A paid order, where the warehouse really has as much."""
        skus = self._dice.sample(SKUS, self._dice.randint(1, 2))
        lines = [(sku, self._dice.randint(1, 3)) for sku in skus]
        there = {sku: min(self.world.saleable(sku), self.world.truth(sku)) for sku in skus}
        if all(there[sku] >= count for sku, count in lines):
            self.world.shop.state.place_order(lines)

    def count_down(self) -> None:
        """The warehouse finds less on the shelf than it thought, but enough for who has paid."""
        sku, lost = self._dice.choice(SKUS), self._dice.randint(1, 3)
        if self.world.truth(sku) >= lost:
            there = sum(level.on_hand for level in self.world.sandbox.world.stock_of(sku))
            self.world.stock(sku, there - lost)

    def cancel_late(self) -> None:
        """The shop cancels an order that the warehouse has, and has not begun to ship."""
        there = self.world.rig.placed()
        fresh = [
            order
            for order in list(self.world.shop.state.orders.values())
            if order.state == "PaymentSettled"
            and order.code in there
            and not there[order.code]["shippedLines"]
        ]
        if fresh:
            order = self._dice.choice(fresh)
            self.cancelled_late.add(order.code)
            self.world.shop.state.cancel(order)

    def cancel_there(self) -> None:
        """The warehouse cancels what is open of an order, or one line of it."""
        there = self.world.rig.placed()
        codes = [code for code, told in there.items() if open_there(told)]
        if not codes:
            return
        code, in_part = self._dice.choice(codes), self._dice.random() < 0.4
        told = there[code]
        body: dict[str, Any] = {"order": told["id"]}
        if in_part and self.world.rig.dialect == "oms":
            sku, count = next(iter(open_there(told).items()))
            body["lines"] = [{"sku": sku, "quantity": count}]
        self.cancelled_late.add(code)
        self.world.rig.control("cancel", body)

    # ---- at rest ------------------------------------------------------------------------------

    def nobody_is_forgotten(self) -> None:
        """Each paid order is at the warehouse once, or an alert says that it is not."""
        there = self.world.each_once()
        told_of = {one.code for one in self.alerts()}
        for order in list(self.world.shop.state.orders.values()):
            waits = order.state == "PaymentSettled" and order.code not in there
            assert not waits or order.code in told_of, f"{order.code} waits, and no alert says so"
            both = order.code in there and open_there(there[order.code])
            if order.state == "Cancelled" and both:
                assert order.code in told_of, f"{order.code} is cancelled, and nobody is told"
        self.world.never_more_for_sale_than_there_is()

    def alerts(self) -> list[Alert]:
        """What waits for a person."""
        with self.world.rig.ledger() as ledger:
            return ledger.alerts.standing()

    def end_every_alert(self, within_seconds: float) -> None:
        """Do what the alerts ask for; all of them are over then."""
        for answer in (self._bring_into_line, self._decide, self._let_a_week_pass):
            alerts = self.alerts()
            for code in sorted({one.code for one in alerts if one.code}):
                answer(code)
            if alerts:
                self.world.come_to_rest(within_seconds)
        left = [(one.kind, one.code, one.message) for one in self.alerts()]
        assert not left, f"nobody can end {left}"

    def _bring_into_line(self, code: str) -> None:
        """Cancel on the one side what is cancelled on the other."""
        order = next(one for one in self.world.shop.state.orders.values() if one.code == code)
        told = self.world.rig.placed().get(code)
        if told is None:
            self.world.run("retry", code)
        elif order.state == "Cancelled":
            if open_there(told):
                self.world.rig.control("cancel", {"order": told["id"]})
        else:
            wanted = {line.variant.sku: line.quantity for line in order.lines}
            too_many = Counter(wanted) - (units(told["lines"]) - units(told["cancelledLines"]))
            left = Counter(wanted) - fulfilled(order)
            if lines := list((too_many & left).items()):
                self.world.shop.state.cancel(order, lines)

    def _decide(self, code: str) -> None:
        """By ``resolve``, where the order waits for that."""
        with self.world.rig.ledger() as ledger:
            row = ledger.orders.get(code)
        choices = {"conflict": "--adopt", "in_doubt": "--adopt", "cancelled": "--skip"}
        if row is not None and row.state in choices:
            self.world.rig.run("resolve", code, choices[row.state])

    def _let_a_week_pass(self, code: str) -> None:
        """What happened once and stays as it is has been told for long enough."""
        ahead = {wrong_clock.VARIABLE: str(_EIGHT_DAYS)}
        Rig.run(self.world.rig, "sync-tracking", "--order", code, **ahead)

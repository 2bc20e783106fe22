"""What must be true of cancellations, whatever happened on the way.

An order that the ledger calls cancelled is cancelled in all its units at VeraCore; and goods that
left although their order was cancelled, or was to be, are told.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.clock import from_text
from veracore_sync.domain.states import CANCELLING
from veracore_sync.ports.ledger import Ledger

SWITCHES = (
    "until_picked",
    "until_shipped",
    "never",
    "says_yes_does_nothing",
    "says_no_does_it",
    "no_permission",
)
Control = Callable[[str, Mapping[str, Any]], Any]


@dataclass
class Verdict:
    """What was found of all orders; the first two must be empty.

    `open` are cancellations that have not ended yet.
    """

    false_cancelled: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    left: int = 0


def judge(ledger: Ledger, there: list[dict[str, Any]]) -> Verdict:
    """Compare the ledger with the simulator's orders, as its control surface shows them."""
    verdict = Verdict()
    for one in there:
        code = one["reference"]
        row, wish = ledger.orders.get(code), ledger.cancellations.get(code)
        assert row is not None
        ordered = [(line["sku"], line["quantity"]) for line in one["lines"]]
        cancelled = [(line["sku"], line["quantity"]) for line in one["cancelledLines"]]
        is_wholly = Counter(dict(ordered)) == Counter(dict(cancelled))
        says_so = row.state == "cancelled" or (wish is not None and wish.state == "cancelled")
        if says_so and not is_wholly:
            verdict.false_cancelled.append(code)
        if _has_left(ledger, one, row.shop_cancelled_at, wish.wanted_at if wish else None):
            verdict.left += 1
            kinds = {alert.kind for alert in ledger.reporting.alerts_of(code)}
            if "order.shipped_cancelled" not in kinds:
                verdict.untold.append(code)
        if wish is not None:
            verdict.ends[wish.state] += 1
            if wish.state in CANCELLING:
                verdict.open.append(code)
    return verdict


def _has_left(ledger: Ledger, order: dict[str, Any], *cancelled_at: str | None) -> bool:
    """Whether a package left although the order was cancelled, or was to be.

    One that had left and been fulfilled before is an ordinary shipment.
    """
    moments = [from_text(moment) for moment in cancelled_at if moment]
    rows = ledger.shipments.slips_of(order["reference"])
    fulfilled = {row.slip for row in rows if row.state in ("done", "covered")}
    return bool(moments) and any(
        from_text(one["shippedAt"]) >= min(moments) or one["slip"] not in fulfilled
        for one in order["packages"]
        if one["shippedAt"] and not one["voidedAt"]
    )


@dataclass
class Floor:
    """The warehouse's floor: it picks and ships at random, and changes how it cancels."""

    control: Control
    chance: random.Random
    packed: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def work(self, there: list[dict[str, Any]]) -> None:
        """Pack one order, or ship one; sometimes with another switch for cancellations."""
        if self.chance.random() < 0.3:
            self.control("behaviour", {"cancel": self.chance.choice(SWITCHES)})
        waiting = [
            one["id"]
            for one in there
            if one["status"] in ("Processed", "Unprocessed") and not one["packages"]
        ]
        if self.packed and self.chance.random() < 0.5:
            self.ship(self.chance.choice(sorted(self.packed)))
        elif waiting and self.chance.random() < 0.6:
            self.pack(self.chance.choice(waiting))

    def pack(self, order: str) -> None:
        """A slip is picked and packed, and stands at the dock."""
        self.count += 1
        self.packed[order] = f"1ZCANCEL{self.count:06d}"
        package = {"tracking": self.packed[order], "carrier": "UPS", "shipped": False}
        self.control("ship", {"order": order, "packages": [package]})

    def ship(self, order: str) -> None:
        """It leaves, whatever was cancelled meanwhile."""
        package = {"tracking": self.packed.pop(order), "carrier": "UPS"}
        self.control("ship", {"order": order, "packages": [package]})

    def clear(self) -> None:
        """Everything that stands at the dock leaves, and cancellations work as by default."""
        self.control("behaviour", {"cancel": "until_picked"})
        for order in sorted(self.packed):
            self.ship(order)

"""Orders that were sent, and what staff do to them in the small shop afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_records import Order


class ChangesBed(HereRig):
    """Orders of three mugs and a tee each, which VeraCore has."""

    shop: SmallShop
    order: Order

    def place(self, count: int = 1) -> list[Order]:
        """Orders that VeraCore accepts."""
        placed = [self.shop.state.place_order([("MUG", 3), ("TEE", 1)]) for _ in range(count)]
        self.run("sync-orders", "--allow-first-run")
        return placed

    def news(self) -> list[str]:
        """What the next run tells: exit 3 with sentences, or 0 with none."""
        ended = self.run("sync-orders")
        codes = tuple(f"{order.code}: " for order in self.shop.state.orders.values())
        lines = [line.strip(" -") for line in ended.err.splitlines()]
        told = [line for line in lines if line.startswith(codes)]
        assert ended.code == (3 if told else 0), (ended.code, ended.out, ended.err)
        return told

    def alerts(self) -> dict[str, str]:
        """The open alerts by kind."""
        return {one["kind"]: one["message"] for one in self.run("stats", "--json").json["alerts"]}

    def alerts_of(self, kind: str) -> set[str]:
        """The codes of the orders with an open alert of that kind."""
        alerts = self.run("stats", "--json").json["alerts"]
        return {one["vendureOrderCode"] for one in alerts if one["kind"] == kind}


@contextmanager
def changes_bed(folder: Path) -> Iterator[ChangesBed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        for sku in ("MUG", "TEE"):
            shop.state.add_variant(sku, on_hand=100_000)
            sandbox.world.set_stock(sku, "MAIN", 100_000)
        made = ChangesBed(folder, shop.admin_url, shop.username, shop.password, sandbox, "oms")
        made.shop = shop
        made.env["VERACORE_SYNC_ORDERS__PRICES"] = "gross"
        yield made


def modify(bed: ChangesBed, order: Order, **changes: Any) -> None:
    """Change an order as staff do, and pay or give back the difference."""
    bed.shop.state.start_modify(order)
    bed.shop.state.modify(order, **changes)
    bed.shop.state.finish_modify(order)


Act = Callable[[ChangesBed, Order], None]
CHANGES: Mapping[str, tuple[Act, str, str]] = {
    "the address": (
        lambda bed, order: bed.shop.state.set_address(order, city="Potsdam"),
        "order.drift",
        "ship-to changed",
    ),
    "fewer units": (
        lambda bed, order: modify(bed, order, lines=[("MUG", 2)]),
        "order.drift",
        "units of MUG 3 → 2",
    ),
    "more units": (
        lambda bed, order: modify(bed, order, lines=[("MUG", 5)]),
        "order.drift",
        "units of MUG 3 → 5",
    ),
    "units cancelled": (
        lambda bed, order: bed.shop.state.cancel(order, [("MUG", 1)]),
        "order.drift",
        "units of MUG 3 → 2",
    ),
    "the shipping method": (
        lambda bed, order: modify(bed, order, shipping_method="express-shipping"),
        "order.drift",
        "shipping method standard-shipping → express-shipping",
    ),
    "a surcharge": (
        lambda bed, order: modify(bed, order, surcharges=[("Engraving", 400, 0)]),
        "order.drift",
        "surcharges 0.00 → 4.00 USD",
    ),
    "refunded in part": (
        lambda bed, order: bed.shop.state.refund(order, 100),
        "order.refunded",
        "refunded in part (1.00 USD",
    ),
    "refunded in full": (
        lambda bed, order: bed.shop.state.refund(order),
        "order.refunded",
        "refunded in full",
    ),
    "a payment cancelled": (
        lambda bed, order: bed.shop.state.cancel_payments(order),
        "order.unpaid",
        "its payments in the shop lack",
    ),
    "a further payment asked for": (
        lambda bed, order: bed.shop.state.transition(order, "ArrangingAdditionalPayment"),
        "order.unpaid",
        "it is in ArrangingAdditionalPayment in the shop",
    ),
    "cancelled": (
        lambda bed, order: bed.shop.state.cancel(order),
        "order.cancelled_in_shop",
        "it was cancelled in the shop",
    ),
}

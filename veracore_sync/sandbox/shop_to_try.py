"""A small shop beside the simulator, with customers: something to try a configuration against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_errors import Refusal
from veracore_sync.sandbox.warehouse import MAIN_WAREHOUSE, World

SECONDS_BETWEEN_ORDERS = 30.0
CATALOGUE = (
    ("MUG-BLUE", "Mug, blue", 1250),
    ("TEE-M", "T-shirt, M", 2100),
    ("POSTER-A2", "Poster, A2", 900),
)
_CARTS = cycle(([("MUG-BLUE", 2)], [("TEE-M", 1), ("MUG-BLUE", 1)], [("POSTER-A2", 3)]))
_UNITS = 40
"""Other than what the shop begins with, so that `sync-inventory` has something to do."""


@contextmanager
def open_shop(world: World, port: int) -> Iterator[SmallShop]:
    """A shop whose goods lie in that warehouse.

    Args:
        world: The simulator's.
        port: The port on 127.0.0.1; 0 takes a free one.

    Raises:
        OSError: The port is taken.
    """
    with SmallShop(port=port) as shop:
        for sku, name, price in CATALOGUE:
            shop.state.add_variant(sku, name, price)
            world.set_stock(sku, MAIN_WAREHOUSE, _UNITS)
        yield shop


def someone_buys(shop: SmallShop) -> None:
    """A customer places an order and pays it, unless the shop has too little left of it."""
    # Not all at the start: `init` leaves alone what was placed before it.
    with suppress(Refusal):
        shop.state.place_order(list(next(_CARTS)))

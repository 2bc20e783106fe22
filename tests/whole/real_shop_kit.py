"""A real Vendure behind the face of the small shop, as far as `whole_kit.Whole` looks at it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from real_kit import settings_for
from realvendure import RealVendure
from vendure_bed import Options, new_server
from whole_kit import SKUS

_LEVELS = """query($take: Int!) { productVariants(options: { take: $take }) {
  items { id sku stockLevels { stockOnHand stockAllocated } } } }"""
_ORDERS = """query($take: Int!, $skip: Int!) { orders(options: { take: $take, skip: $skip,
    sort: { id: ASC }, filter: { active: { eq: false } } }) { totalItems items {
  id code state lines { id quantity productVariant { sku } }
  fulfillments { id state trackingCode lines { orderLineId quantity } } } } }"""
_T = TypeVar("_T")
_PAGE = 200
_KEPT_SECONDS = 1.0


@dataclass
class _Variant:
    sku: str


@dataclass
class _Line:
    id: str
    quantity: int
    variant: _Variant


@dataclass
class _Part:
    line: _Line
    quantity: int


@dataclass
class _Fulfilment:
    id: str
    state: str
    tracking_code: str
    lines: list[_Part]


@dataclass
class _Order:
    id: str
    code: str
    state: str
    lines: list[_Line]
    fulfilments: list[_Fulfilment]


@dataclass
class RealShop:
    """A real shop's orders and stock, read anew after a while.

    `kept_seconds` is how old a reading of the orders may be: they are read by every delivery.
    """

    vendure: RealVendure
    kept_seconds: float = _KEPT_SECONDS
    _orders: dict[str, _Order] = field(default_factory=dict)
    _read_at: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def state(self) -> RealShop:
        return self

    @property
    def admin_url(self) -> str:
        return self.vendure.admin_url

    @property
    def username(self) -> str:
        return self.vendure.username

    @property
    def password(self) -> str:
        return self.vendure.password

    @property
    def orders(self) -> dict[str, Any]:
        """All orders that were placed, by code; those of a moment ago."""
        with self._lock:
            if time.monotonic() - self._read_at > self.kept_seconds:
                self._read()
            return self._orders

    def _read(self) -> None:
        found: dict[str, _Order] = {}
        skip, total = 0, 1
        while skip < total:
            page = self._asked(_ORDERS, {"take": _PAGE, "skip": skip})["orders"]
            found |= {one["code"]: _order(one) for one in page["items"]}
            skip, total = skip + _PAGE, page["totalItems"]
        self._orders, self._read_at = found, time.monotonic()

    def _asked(self, query: str, variables: dict[str, int]) -> Any:
        return again_if_cut(lambda: self.vendure.admin(query, variables))

    def saleable(self, sku: str) -> int:
        """What the shop sells now."""
        with self._lock:
            items = self._asked(_LEVELS, {"take": 100})["productVariants"]["items"]
        (levels,) = [one["stockLevels"] for one in items if one["sku"] == sku]
        return sum(one["stockOnHand"] - one["stockAllocated"] for one in levels)

    def place_order(self, lines: Sequence[tuple[str, int]]) -> Any:
        """A shopper orders and pays."""
        with self._lock:
            placed = again_if_cut(lambda: self.vendure.place_order(lines))
        held = [_Line("", units, _Variant(sku)) for sku, units in lines]
        order = _Order(placed.id, placed.code, "PaymentSettled", held, [])
        with self._lock:
            self._orders = self._orders | {order.code: order}
        return order


def again_if_cut(act: Callable[[], _T]) -> _T:
    """Do it again where the shop has closed a connection that nobody had used for a while."""
    for _ in range(3):
        with suppress(httpx.TransportError):
            return act()
    return act()


def _order(told: Any) -> _Order:
    lines = {
        one["id"]: _Line(one["id"], one["quantity"], _Variant(one["productVariant"]["sku"]))
        for one in told["lines"]
    }
    fulfilments = [
        _Fulfilment(
            one["id"],
            one["state"],
            one["trackingCode"],
            [_Part(lines[part["orderLineId"]], part["quantity"]) for part in one["lines"]],
        )
        for one in told["fulfillments"] or ()
    ]
    return _Order(told["id"], told["code"], told["state"], list(lines.values()), fulfilments)


@contextmanager
def real_shop(on_hand: int) -> Iterator[tuple[RealShop, dict[str, str]]]:
    """A real Vendure that sells `SKUS`, and the settings that it calls for."""
    cache = Path(tempfile.gettempdir()) / "veracore-sync-seeds"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        server = new_server(cache, Options(variants=len(SKUS)), Path(folder) / "data")
        try:
            with closing(RealVendure(server.start(), server)) as vendure:
                for number, sku in enumerate(SKUS, 1):
                    vendure.rename_sku(f"SKU-{number:06}", sku)
                    vendure.set_stock(sku, on_hand)
                yield RealShop(vendure), settings_for(vendure)
        finally:
            server.stop()

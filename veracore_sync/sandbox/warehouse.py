"""The simulated warehouse: orders, stock and the log of requests, under one lock.

Reserved units are not stored: they are computed from the open orders, so stock and orders cannot
disagree. Every change is written to the state file before the method returns.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.behaviour import BadInput, Behaviour
from veracore_sync.sandbox.records import Line, Order, Package, Return, Slip, order_from, sku_key

MAIN_WAREHOUSE = "MAIN"
# What every row of a real export says (docs/wire.md §5.3).
RETURN_TO_STOCK = "Return to Stock"
PLENTY = 1000
_FIRST_SEQUENCE = 481_000
_FIRST_SLIP = 604_000


class AlreadyExists(Exception):
    """The order id is used, ignoring case."""


class UnknownSku(Exception):
    """A strict warehouse has no such SKU."""


@dataclass(slots=True)
class Product:
    """A stock item: its spelling, and units on hand per warehouse in the order put in."""

    sku: str
    on_hand: dict[str, int]

    def take(self, units: int) -> None:
        """Take units from each warehouse in turn, down to zero."""
        for warehouse, there in self.on_hand.items():
            taken = min(units, there)
            self.on_hand[warehouse] -= taken
            units -= taken

    def put_back(self, units: int) -> None:
        """Return units to the first warehouse."""
        self.on_hand[next(iter(self.on_hand))] += units


@dataclass(frozen=True, slots=True)
class Level:
    """Stock of one SKU in one warehouse, in units; `available` is below zero when oversold."""

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    backordered: int

    @property
    def available(self) -> int:
        """What may still be promised."""
        return self.on_hand - self.reserved


class World:
    """All that the simulator knows.

    `lock` guards everything; a test that looks at or changes `orders`, `products` or `requests`
    takes it first. `clock` returns an aware UTC moment.

    Raises:
        ValueError: The state file is not one.
        OSError: It cannot be read.
    """

    def __init__(
        self, strict: bool, state_file: Path | None, clock: Callable[[], datetime]
    ) -> None:
        self.lock = threading.RLock()
        self.strict = strict
        self.orders: dict[str, Order] = {}
        self.products: dict[str, Product] = {}
        self.requests: list[dict[str, Any]] = []
        self.behaviour = Behaviour()
        self.spoiled: dict[str, list[Any]] = {}
        self._sequence = _FIRST_SEQUENCE
        self._slip = _FIRST_SLIP
        self._reserved: Counter[str] = Counter()
        self._order_texts: dict[str, str] = {}
        self._clock = clock
        self._file = state_file
        if state_file is not None and state_file.exists():
            self._load(state_file)

    # ---- time ----------------------------------------------------------------------------

    def now(self) -> datetime:
        """The simulator's clock: aware, UTC."""
        return self._clock().astimezone(UTC)

    def zone(self) -> ZoneInfo:
        """The zone of times without an offset, in requests and answers."""
        return ZoneInfo(self.behaviour.timezone)

    def is_within(self, at: str, start: datetime, end: datetime) -> bool:
        """Whether a moment lies in a window, whose end belongs to it or not."""
        moment = datetime.fromisoformat(at)
        if moment == end:
            return self.behaviour.window_end == "inclusive" and start <= end
        return start <= moment < end

    # ---- orders --------------------------------------------------------------------------

    def find(self, order_id: str) -> Order | None:
        """The order with that id, whatever the case of its letters."""
        with self.lock:
            return self.orders.get(sku_key(order_id))

    def refuse_used(self, order_id: str) -> None:
        """Count one more submission of an order that is already here.

        Raises:
            AlreadyExists: It is.
        """
        with self.lock:
            order = self.find(order_id)
            if order is None:
                return
            with self._change(order):
                order.submissions += 1
            raise AlreadyExists(order_id)

    def place(self, order: Order) -> Order:
        """Accept an order: give it a sequence (and an id, if it has none) and reserve its stock.

        Raises:
            AlreadyExists: Its id is used.
            UnknownSku: The warehouse is strict and has no such SKU.
        """
        with self.lock:
            self.refuse_used(order.id)
            for line in order.lines:
                if self.strict and sku_key(line.sku) not in self.products:
                    raise UnknownSku(line.sku)
            with self._change(order):
                for line in order.lines:
                    self.products.setdefault(
                        sku_key(line.sku), Product(line.sku, {MAIN_WAREHOUSE: PLENTY})
                    )
                self._sequence += 1
                order.sequence = self._sequence
                order.id = order.id or self._free_id()
                self.orders[sku_key(order.id)] = order
                order.processed = self.behaviour.reserve == "accepted"
        return order

    def backordered(self, order: Order) -> Counter[str]:
        """Units per SKU key of this order for which earlier orders left nothing on hand."""
        with self.lock:
            wanted = order.reserved()
            there = {key: sum(self.products[key].on_hand.values()) for key in wanted}
            scarce = [key for key in wanted if self._reserved[key] > there[key]]
            ahead: Counter[str] = Counter()
            for other in self.orders.values() if scarce else ():
                if other.sequence < order.sequence:
                    ahead.update(other.reserved())
            short = {key: wanted[key] - max(0, there[key] - ahead[key]) for key in scarce}
            return +Counter(short)

    # ---- the warehouse floor --------------------------------------------------------------

    def process(self, order: Order) -> None:
        """The warehouse takes an order up; from now on it reserves its stock."""
        with self.lock, self._change(order):
            order.processed = True

    def ship(
        self,
        order: Order,
        lines: list[Line],
        packages: list[Package],
        at: str,
        *,
        short: bool = False,
    ) -> Slip:
        """Make a pick slip and take its units from stock. Packages without an id get one.

        `short`: the pickers did not find the rest, and the order is complete without it.
        """
        with self.lock, self._change(order):
            self._slip += 1
            slip = Slip(self._slip, at, lines, packages)
            for count, package in enumerate(packages, start=1):
                package.tracking = package.tracking or f"1ZSANDBOX{slip.number}{count:02d}"
            for line in lines:
                known = self.products.setdefault(
                    sku_key(line.sku), Product(line.sku, {MAIN_WAREHOUSE: PLENTY})
                )
                known.take(line.quantity)
            order.slips.append(slip)
            order.processed = True
            order.short = order.short or short
            return slip

    def ship_packed(self, order: Order, packages: list[Package], at: str) -> None:
        """Packages that stood packed at the dock leave."""
        with self.lock, self._change(order):
            for package in packages:
                package.shipped_at = at

    def void(self, order: Order, slip: Slip, package: Package, new_label: str | None) -> None:
        """Void a label, perhaps with a new one. The last label's goods return to the shelf."""
        with self.lock, self._change(order):
            now = self.now().isoformat()
            package.voided_at = now
            if new_label is not None:
                shipped_at = now if package.shipped_at else None
                slip.packages.append(
                    Package(new_label, package.carrier, package.service, now, shipped_at)
                )
            if not slip.is_live:
                for line in slip.lines:
                    self.products[sku_key(line.sku)].put_back(line.quantity)

    def cancel(self, order: Order, units: Counter[str]) -> None:
        """Cancel open units per SKU key, from the last line up."""
        with self.lock, self._change(order):
            for line in reversed(order.lines):
                key = sku_key(line.sku)
                taken = min(units[key], line.quantity - line.cancelled)
                line.cancelled += taken
                units[key] -= taken

    def take_back(self, order: Order, returns: list[Return]) -> None:
        """Goods come back; what is fit for sale is on the shelf again."""
        with self.lock, self._change(order):
            order.returns += returns
            for one in returns:
                if one.disposition == RETURN_TO_STOCK:
                    self.products[sku_key(one.sku)].put_back(one.quantity)

    # ---- stock ---------------------------------------------------------------------------

    def set_stock(self, sku: str, warehouse: str, on_hand: int) -> None:
        """Put a SKU in, or count it anew."""
        with self.lock, self._change():
            product = self.products.setdefault(sku_key(sku), Product(sku.strip(), {}))
            product.on_hand[warehouse] = on_hand

    def levels(self, pattern: str = "%") -> list[list[Level]]:
        """Per SKU that matches a SQL LIKE pattern (no case), its levels per warehouse."""
        matches = re.compile(_like(sku_key(pattern)), re.DOTALL).fullmatch
        with self.lock:
            return [
                _spread(product, self._reserved[key])
                for key, product in sorted(self.products.items())
                if matches(key)
            ]

    def spoil(self, sku: str, rows: list[Any]) -> None:
        """Tell the stock of a SKU in broken rows.

        Args:
            sku: A SKU.
            rows: The fields of each row, by the dialect's own names; null leaves a field
                out. What is no object stands in place of the row. None: told as it is, again.
        """
        with self.lock:
            self.spoiled[sku_key(sku)] = rows or [{}]

    def rows_of(self, sku: str) -> list[Any]:
        """The rows of a SKU's stock, each as the fields that differ."""
        return self.spoiled.get(sku_key(sku), [{}])

    def stock_of(self, sku: str) -> list[Level]:
        """The levels of exactly one SKU; none if there is no such SKU."""
        with self.lock:
            product = self.products.get(sku_key(sku))
            return _spread(product, self._reserved[sku_key(sku)]) if product else []

    # ---- the rest ------------------------------------------------------------------------

    def behave(self, document: Mapping[str, Any]) -> Behaviour:
        """Set switches.

        Raises:
            BadInput: One of them cannot be set so.
        """
        with self.lock, self._change():
            self.behaviour = self.behaviour.changed(document)
            return self.behaviour

    def record(self, dialect: str, operation: str, order: str | None, status: int | None) -> None:
        """Log a request; `status` is None where no answer is sent."""
        entry: dict[str, Any] = {
            "at": self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "dialect": dialect,
            "operation": operation,
        }
        if order:
            entry["order"] = order
        with self.lock:
            self.requests.append({**entry, "status": status})

    def reset(self) -> None:
        """Forget everything: orders, stock, requests and switches."""
        with self.lock, self._change():
            self.orders.clear()
            self.products.clear()
            self.requests.clear()
            self._reserved.clear()
            self._order_texts.clear()
            self.spoiled.clear()
            self.behaviour = Behaviour()
            self._sequence, self._slip = _FIRST_SEQUENCE, _FIRST_SLIP

    # ---- the state file ------------------------------------------------------------------

    @contextmanager
    def _change(self, order: Order | None = None) -> Iterator[None]:
        held = order is not None and sku_key(order.id) in self.orders
        before = order.reserved() if order is not None and held else Counter()
        yield
        if order is not None:
            self._reserved.subtract(before)
            self._note(order)
        if self._file is not None:
            # A rename is enough: the file has to outlive the process, not the machine.
            fresh = self._file.with_name(self._file.name + ".new")
            fresh.write_text(self._text(), "utf-8")
            fresh.replace(self._file)

    def _note(self, order: Order) -> None:
        self._reserved.update(order.reserved())
        if self._file is not None:
            self._order_texts[sku_key(order.id)] = json.dumps(order.document())

    def _text(self) -> str:
        """The state as JSON. Only the orders that changed are written out anew."""
        rest = {
            "sequence": self._sequence,
            "slip": self._slip,
            "stock": [
                {"sku": product.sku, "on_hand": product.on_hand}
                for product in self.products.values()
            ],
            "behaviour": self.behaviour.document(),
        }
        orders = ",\n".join(self._order_texts.values())
        return f'{json.dumps(rest)[:-1]}, "orders": [\n{orders}\n]}}\n'

    def _load(self, file: Path) -> None:
        try:
            self._restore(json.loads(file.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
            raise ValueError(f"{file} is not the state of a sandbox") from error

    def _restore(self, document: dict[str, Any]) -> None:
        self._sequence, self._slip = document["sequence"], document["slip"]
        orders = [order_from(order) for order in document["orders"]]
        self.orders = {sku_key(order.id): order for order in orders}
        self.products = {sku_key(item["sku"]): Product(**item) for item in document["stock"]}
        self.behaviour = Behaviour().changed(document["behaviour"])
        for order in orders:
            self._note(order)

    def _free_id(self) -> str:
        number = self._sequence
        while sku_key(f"V{number}") in self.orders:
            number += 1
        return f"V{number}"


def _like(pattern: str) -> str:
    wild = {"%": ".*", "_": "."}
    return "".join(wild.get(letter) or re.escape(letter) for letter in pattern)


def _spread(product: Product, reserved: int) -> list[Level]:
    """Reserve from each warehouse what it has; from the first, what none has."""
    taken = {}
    left = reserved
    for warehouse, on_hand in product.on_hand.items():
        taken[warehouse] = min(left, max(0, on_hand))
        left -= taken[warehouse]
    first = next(iter(product.on_hand))
    return [
        Level(
            sku=product.sku,
            warehouse=warehouse,
            on_hand=on_hand,
            reserved=taken[warehouse] + (left if warehouse == first else 0),
            backordered=left if warehouse == first else 0,
        )
        for warehouse, on_hand in product.on_hand.items()
    ]


def moment_of(text: str, zone: ZoneInfo, field: str) -> datetime:
    """The aware UTC moment of an ISO 8601 text; one without an offset is local to `zone`.

    Raises:
        BadInput: It is no such text.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(field, f"{text!r} is not an ISO 8601 date or time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)

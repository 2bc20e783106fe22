"""A clock, a shop and a warehouse in memory, for tests of the jobs.

The warehouse keeps the rules that matter to exactly-once: unique ids, and outcomes that may be
lost on the way after the order was stored.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from veracore_sync.config import Settings
from veracore_sync.domain.errors import (
    ConfigError,
    Occurrence,
    ProtocolError,
    Unavailable,
    UsageError,
)
from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.orders import (
    Address,
    Customer,
    Order,
    OrderContent,
    OrderLine,
    OrderStub,
    ShippingLine,
)
from veracore_sync.domain.returns import ListedReturn, ReturnedRow
from veracore_sync.domain.warehouse import (
    RecordLine,
    ShippedRow,
    StockRow,
    WarehouseOrder,
    WarehouseRecord,
)
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.ports.shop import (
    GrantedAccess,
    Poll,
    ProcessNames,
    ServerTraits,
    ShopAudit,
    ShopStock,
    Unlisted,
)
from veracore_sync.ports.shop_fulfilments import ShopFulfilments
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    CancelNotPermitted,
    CancelNotSent,
    CancelOutcome,
    CancelSent,
    Capabilities,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    Proof,
    SubmitOutcome,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class FakeClock:
    """Moves only when told."""

    def __init__(self, start: datetime = START) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def forward(self, **span: float) -> None:
        self.moment += timedelta(**span)


ADDRESS = Address(
    full_name="Pat Example",
    street1="12 Sample Street",
    city="Austin",
    province="TX",
    postal_code="78701",
    country_code="US",
    phone="512-555-0100",
)


def make_order(code: str, **changes: object) -> Order:
    """A paid order of two mugs and a shirt, unless `changes` say otherwise."""
    lines = (line("1", "MUG", 2), line("2", "TEE", 1))
    order = Order(
        id=f"id-{code}",
        code=code,
        state="PaymentSettled",
        type="Regular",
        placed_at=START,
        updated_at=START,
        currency="USD",
        paid=Decimal("46.00"),
        refunded=Decimal(0),
        customer=Customer("Pat", "Example", "pat@example.com", "512-555-0100"),
        shipping_address=ADDRESS,
        billing_address=None,
        lines=lines,
        shipping_lines=(ShippingLine("standard-shipping", Decimal("5.00"), Decimal("4.20")),),
        paid_at=START,
    )
    return replace(order, **changes)  # type: ignore[arg-type]


def line(identity: str, sku: str, quantity: int, fulfilled: int = 0) -> OrderLine:
    return OrderLine(
        identity, f"v{identity}", sku, quantity, fulfilled, Decimal("12.50"), Decimal("10.42")
    )


class UnchangedFulfilments:
    """Fulfilments that a test only reads."""

    def add(
        self, lines: Mapping[str, int], *, handler: str, method: str, tracking_code: str
    ) -> str:
        raise AssertionError("not to be changed")

    def ship(self, fulfilment_id: str) -> None:
        raise AssertionError("not to be changed")

    def cancel(self, fulfilment_id: str) -> None:
        raise AssertionError("not to be changed")

    def end(self, order_id: str) -> None:
        raise AssertionError("not to be changed")

    def notes(self, order_id: str) -> Iterator[str]:
        raise AssertionError("not asked for")

    def note(self, order_id: str, text: str) -> None:
        raise AssertionError("not to be changed")


class PartialShop:
    """A shop of which a test asks only some things.

    Args:
        stock: Its stock, where that is asked for.
        fulfilments: Its fulfilments, where they are asked for.
    """

    def __init__(
        self, stock: ShopStock | None = None, fulfilments: ShopFulfilments | None = None
    ) -> None:
        self._stock, self._fulfilments = stock, fulfilments
        self.clock_ahead_seconds: float | None = None

    @property
    def stock(self) -> ShopStock:
        assert self._stock is not None, "not asked for"
        return self._stock

    @property
    def fulfilments(self) -> ShopFulfilments:
        assert self._fulfilments is not None, "not asked for"
        return self._fulfilments

    @property
    def audit(self) -> ShopAudit:
        raise AssertionError("not asked for")

    def poll(
        self,
        *,
        trigger_states: Sequence[str],
        moved_since: datetime | None,
        passed_states: Sequence[str],
        passed_since: datetime | None,
        defer: bool = False,
    ) -> Poll:
        raise AssertionError("not asked for")

    def orders(self, codes: Sequence[str]) -> list[Order]:
        raise AssertionError("not asked for")

    contents_a_request = 500

    def contents(self, codes: Sequence[str]) -> list[OrderContent]:
        raise AssertionError("not asked for")

    def access(self) -> GrantedAccess:
        raise AssertionError("not asked for")

    def has_several_channels(self) -> bool:
        return False

    def server(self) -> ServerTraits:
        return ServerTraits("", None)

    def process_names(self) -> ProcessNames:
        return ProcessNames(("PaymentSettled",), ("manual-fulfillment",))

    def shipping_methods(self) -> list[str]:
        raise AssertionError("not asked for")

    def close(self) -> None:
        """Nothing is open."""


class FakeShop(PartialShop):
    """Orders in memory, listed as the real shop lists them."""

    def __init__(self) -> None:
        super().__init__()
        self.by_code: dict[str, Order] = {}
        self.polls = 0
        self.reads = 0
        self.compared: list[list[str]] = []
        self.garbled: set[str] = set()
        self.down = False
        self.refused: ConfigError | None = None
        self.fulfilled: dict[str, tuple[Fulfilment, ...]] = {}

    @property
    def audit(self) -> ShopAudit:
        return FakeAudit(self)

    def add(self, *orders: Order) -> None:
        for order in orders:
            self.by_code[order.code] = order

    def change(self, code: str, **changes: object) -> None:
        self.by_code[code] = replace(self.by_code[code], **changes)  # type: ignore[arg-type]

    def poll(
        self,
        *,
        trigger_states: Sequence[str],
        moved_since: datetime | None,
        passed_states: Sequence[str],
        passed_since: datetime | None,
        defer: bool = False,
    ) -> Poll:
        self.polls += 1
        self.must_be_up()
        everything = sorted(self.by_code.values(), key=lambda order: order.placed_at or _NEVER)
        placed = [(order, order.placed_at) for order in everything if order.placed_at is not None]
        return Poll(
            waiting=tuple(stub(o) for o in everything if o.state in trigger_states),
            moved=tuple(stub(o) for o, _ in placed if moved_since and o.updated_at > moved_since),
            passed=tuple(
                stub(o)
                for o, placed_at in placed
                if passed_since and o.state in passed_states and placed_at > passed_since
            ),
            money_precision=2,
            channel_code="__default_channel__",
            refused=self.refused,
        )

    def orders(self, codes: Sequence[str]) -> list[Order]:
        self.reads += 1
        self.must_be_up()
        if self.garbled & set(codes):
            raise ProtocolError("not understood", upstream="vendure")
        return [self.by_code[code] for code in dict.fromkeys(codes) if code in self.by_code]

    def contents(self, codes: Sequence[str]) -> list[OrderContent]:
        self.compared.append(list(codes))
        self.must_be_up()
        if self.garbled & set(codes):
            raise ProtocolError("not understood", upstream="vendure")
        found = [self.by_code[code] for code in dict.fromkeys(codes) if code in self.by_code]
        return [content_of(order) for order in found]

    def must_be_up(self) -> None:
        if self.down:
            raise Unavailable("the shop is down", upstream="vendure")


@dataclass(frozen=True)
class FakeAudit:
    """The orders of a `FakeShop`, in pages of `a_page`."""

    shop: FakeShop
    a_page: int = 2

    def placed(self, since: datetime) -> Iterator[Sequence[WholeOrder | Unlisted]]:
        self.shop.must_be_up()
        everything = list(self.shop.by_code.values())
        placed = [one for one in everything if one.placed_at and one.placed_at > since]
        for start in range(0, len(placed), self.a_page):
            self.shop.must_be_up()
            yield [self._entry(one) for one in placed[start : start + self.a_page]]

    def named(self, codes: Sequence[str]) -> list[WholeOrder]:
        self.shop.must_be_up()
        if self.shop.garbled & set(codes):
            raise ProtocolError("not understood", upstream="vendure")
        known = self.shop.by_code
        return [self._whole(known[code]) for code in dict.fromkeys(codes) if code in known]

    def _entry(self, order: Order) -> WholeOrder | Unlisted:
        if order.code not in self.shop.garbled:
            return self._whole(order)
        error = ProtocolError("not understood", upstream="vendure")
        return Unlisted(order.code, order.code, "placed", error)

    def _whole(self, order: Order) -> WholeOrder:
        fulfilments = self.shop.fulfilled.get(order.code, ())
        return WholeOrder(content_of(order), fulfilments, order.channels)


def content_of(order: Order) -> OrderContent:
    names = (one.name for one in fields(OrderContent))
    return OrderContent(**{name: getattr(order, name) for name in names})


def stub(order: Order) -> OrderStub:
    return OrderStub(
        order.id, order.code, order.state, order.type, order.placed_at, order.updated_at
    )


TELLS_ALL = Capabilities(
    lists_shipped=True,
    tells_content=True,
    tells_shipment_lines=True,
    tells_warehouses=True,
    can_cancel=True,
    lists_returns=True,
    takes_charges=True,
    takes_fields=True,
)
TELLS_LITTLE = Capabilities(
    lists_shipped=False,
    tells_content=False,
    tells_shipment_lines=False,
    tells_warehouses=False,
    can_cancel=False,
    lists_returns=False,
    takes_charges=False,
    takes_fields=False,
)


def without_fields(order: WarehouseOrder) -> WarehouseOrder:
    return replace(
        order,
        ship_comments="",
        needed_by=None,
        release_date=None,
        rush=False,
        discount_code="",
        variables=(),
    )


@dataclass
class FakeWarehouse:
    """Orders in memory, and the stock and the packages that a test puts there.

    `script` holds what the next creates meet: see `submit`; `cancels`, what the next requests to
    cancel meet: see `cancel`.
    """

    capabilities: Capabilities = TELLS_ALL
    is_sandbox: bool = False
    clock_ahead_seconds: float | None = None
    held: dict[str, WarehouseRecord] = field(default_factory=dict)
    sent: dict[str, WarehouseOrder] = field(default_factory=dict)
    submissions: dict[str, int] = field(default_factory=dict)
    script: deque[str] = field(default_factory=deque)
    cancels: deque[str] = field(default_factory=deque)
    asked_to_cancel: list[str] = field(default_factory=list)
    down: bool = False
    lies: int = 0
    controls: int = 0
    control_error: Exception | None = None
    looked_up: list[str] = field(default_factory=list)
    before_submit: Callable[[WarehouseOrder], None] = lambda order: None
    levels: list[StockRow] = field(default_factory=list)
    left: list[ShippedRow] = field(default_factory=list)
    back: list[ReturnedRow] = field(default_factory=list)

    def check_connection(self, known_id: str | None) -> None:
        self.controls += 1
        if self.control_error is not None:
            raise self.control_error
        self._must_be_up()

    def prove(self, known_id: str | None) -> Iterator[Proof]:
        self._must_be_up()
        yield Proof("create", ("sync-orders",), unproven="it is not tried")

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """`script` words: ``lost before``, ``lost after``, ``refused``, ``fault``, ``fault after``,
        ``429``, ``not connected``, ``no permission``, ``other id``; anything else accepts."""
        self.before_submit(order)
        self.submissions[order.id] = self.submissions.get(order.id, 0) + 1
        word = self.script.popleft() if self.script else ""
        if self.down or word == "not connected":
            self.submissions[order.id] -= 1
            return NotAccepted(Occurrence.NOT_CONNECTED, "connection refused")
        if word == "429":
            return NotAccepted(Occurrence.HTTP_429, "slow down", retry_after=30)
        if word == "no permission":
            text = "Missing permission 'AddOrder'"
            return NotAccepted(Occurrence.NOT_PERMITTED, text, operation="AddOrder")
        if word == "refused":
            return NotAccepted(Occurrence.REFUSED, "Invalid Source", hint="set orders.source")
        if word == "fault":
            return NotAccepted(Occurrence.FAULT, "Something odd")
        if word == "lost before":
            return NotAccepted(Occurrence.RESET, "connection reset")
        if order.id.casefold() in self.held:
            return NotAccepted(Occurrence.DUPLICATE, f"Order ID {order.id} already exists")
        self._store(order)
        if word == "lost after":
            return NotAccepted(Occurrence.TIMEOUT, "no answer")
        if word == "fault after":
            return NotAccepted(Occurrence.FAULT, "Something odd")
        if word == "other id":
            return NotAccepted(Occurrence.ODD_SUCCESS, "accepted as ZZZ")
        return Accepted(order.id, 481_000 + len(self.held))

    def _store(self, order: WarehouseOrder) -> None:
        lines = tuple(RecordLine(one.sku, one.quantity) for one in order.lines)
        record = WarehouseRecord(order.id, order.reference, lines, "open")
        self.held[order.id.casefold()] = record
        has_fields = self.capabilities.takes_fields
        self.sent[order.id.casefold()] = order if has_fields else without_fields(order)

    def cancel(self, order_id: str) -> CancelOutcome:
        """`cancels` words: ``not connected``, ``429``, ``no permission``, ``lost before``,
        ``lost after``, ``yes, but no`` (nothing is done), ``no, but yes``, ``too late``; anything
        else cancels."""
        if not self.capabilities.can_cancel:
            return CancelNotSent(Occurrence.REFUSED, "it cannot cancel")
        word = self.cancels.popleft() if self.cancels else ""
        if self.down or word == "not connected":
            return CancelNotSent(Occurrence.NOT_CONNECTED, "connection refused")
        self.asked_to_cancel.append(order_id)
        if word == "429":
            return CancelNotSent(Occurrence.HTTP_429, "slow down", retry_after=30)
        if word == "no permission":
            return CancelNotPermitted("Missing permission 'CancelOrder'")
        if word in ("lost before", "yes, but no", "too late"):
            return CancelSent(word)
        record = self.held.get(order_id.strip().casefold())
        if record is not None and not any(one.packages for one in record.shipments):
            self.held[order_id.strip().casefold()] = replace(record, status="cancelled")
        return CancelSent(word or "cancelled")

    def look_up(self, order_id: str) -> LookUp:
        self.looked_up.append(order_id)
        if self.down:
            return LookUpFailed(Unavailable("VeraCore is down", upstream="veracore"))
        if self.lies > 0:
            self.lies -= 1
            return Absent()
        record = self.held.get(order_id.strip().casefold())
        return Present(self._told(record)) if record else Absent()

    def _told(self, record: WarehouseRecord) -> WarehouseRecord:
        if not self.capabilities.tells_shipment_lines:
            hidden = tuple(replace(one, lines=None) for one in record.shipments)
            record = replace(record, shipments=hidden)
        if not self.capabilities.tells_content:
            record = replace(
                record, reference=None, lines=None, products=(), partially_cancelled=False
            )
        return record

    def stock(self, sku: str | None) -> Iterator[StockRow]:
        if sku is not None and not sku.strip().strip("%*"):
            raise UsageError(f"{sku!r} is no SKU that can be asked for", hint="name one SKU")
        self._must_be_up()
        for row in self.levels:
            if sku is None or row.sku.casefold() in (sku.strip().casefold(), ""):
                yield row if self.capabilities.tells_warehouses else replace(row, warehouse="")

    def shipped(self, first: date, last: date) -> Iterator[ShippedRow]:
        if not self.capabilities.lists_shipped:
            return
        self._must_be_up()
        for row in self.left:
            if row.shipped_at is not None and first <= row.shipped_at.date() <= last:
                yield row

    def returned(self, first: date, last: date) -> Iterator[ListedReturn]:
        if not self.capabilities.lists_returns:
            return
        self._must_be_up()
        for row in self.back:
            if first <= row.returned_at.date() <= last:
                yield row

    def _must_be_up(self) -> None:
        if self.down:
            raise Unavailable("VeraCore is down", upstream="veracore")

    def close(self) -> None:
        """Nothing is kept."""


@dataclass
class FakeHook:
    """Takes events, or does not: `mood` is ``takes``, ``refuses`` or ``is away``.

    It never takes the events of the orders in `poison`.
    """

    mood: str = "takes"
    poison: set[str] = field(default_factory=set)
    offered: list[str] = field(default_factory=list)
    kinds: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def deliver(self, event_id: str, body: bytes) -> None:
        document = json.loads(body)
        assert document["id"] == event_id
        self.offered.append(event_id)
        self.kinds.append((event_id, document["type"]))
        code = document["data"]["vendureOrderCode"]
        if self.mood == "is away":
            raise NotTaken("no answer", unreachable=True)
        if self.mood == "refuses" or code in self.poison:
            raise NotTaken("HTTP 400", unreachable=False)
        self.taken.append((code, document["type"]))
        self.bodies.append(body)

    def close(self) -> None:
        """Nothing is kept."""


def make_settings(**sections: dict[str, object]) -> Settings:
    """Settings of a shop and a warehouse on this machine, changed section by section."""
    tree: dict[str, dict[str, object]] = {
        "vendure": {"admin_api_url": "http://localhost/admin-api"},
        "veracore": {"api_url": "http://localhost/oms", "company_id": "SANDBOX"},
        "orders": {"not_before": "2026-01-01T00:00:00Z", "workers": 1},
    }
    for name, values in sections.items():
        tree.setdefault(name, {}).update(values)
    return Settings.model_validate(tree)

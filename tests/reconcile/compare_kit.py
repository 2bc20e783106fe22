"""One order as the three sides have it: all agree, until a test changes something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fakes import TELLS_ALL, TELLS_LITTLE, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.comparisons import ComparedRow
from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.ledger_records import AcceptedAlert
from veracore_sync.domain.order_records import AttemptRow, fresh_row
from veracore_sync.domain.orders import Address, OrderContent, OrderLine, ShippingLine
from veracore_sync.domain.pick_slips import SlipRow, TrackedRow, fresh_slip
from veracore_sync.domain.states import (
    AttemptOutcome,
    CancelState,
    OrderCause,
    OrderState,
    PickSlipState,
)
from veracore_sync.domain.warehouse import (
    Package,
    Product,
    RecordLine,
    Shipment,
    ShippedRow,
    WarehouseRecord,
)
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.facets import facets
from veracore_sync.jobs.orders.render import content_hash
from veracore_sync.jobs.reconcile.compare import CompareRules, examine_order, rules_of, wanted_ids
from veracore_sync.jobs.reconcile.sides import Examined, LedgerSide, OrderSides
from veracore_sync.ports.warehouse import Absent, LookUp, Present

CODE, KEY = "1001", b"key"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=5), NOW - timedelta(minutes=5)
NUMBER, OTHER_NUMBER = "1Z999AA10123456784", "1Z999AA10999999994"
SKUS: dict[str, object] = {
    "exclude": ["GIFT"],
    "aliases": {"MUG": "CUP"},
    "kits": {"SET": {"CUP": 1, "SPOON": 2}},
}
ADDRESS = Address("A. Person", street1="1 Main St", city="Town", postal_code="1", country_code="US")


def make_rules(
    now: datetime = NOW,
    *,
    rest: bool = False,
    is_tracked: bool = True,
    finds_orders: bool = True,
    **orders: object,
) -> CompareRules:
    """The rules of settings that differ from the usual ones by these of ``[orders]``."""
    return rules_of(
        make_settings(skus=SKUS, orders=orders, tracking={"settle_minutes": 0}),
        TELLS_LITTLE if rest else TELLS_ALL,
        now=now,
        live_since=datetime(2026, 1, 1, tzinfo=UTC),
        hash_key=KEY,
        channel_code="__default_channel__",
        is_tracked=is_tracked,
        finds_orders=finds_orders,
    )


RULES = make_rules()


@dataclass
class World:
    """An order and what each side has of it; `units` are what the customer ordered.

    The methods are what happens to an order, each on the sides that notice.
    """

    units: Mapping[str, int] = field(default_factory=lambda: {"MUG": 2, "TEE": 1})
    code: str = CODE
    type: str = "Regular"
    channels: tuple[str, ...] = ()
    placed_at: datetime = LONG_AGO
    rules: CompareRules = field(default_factory=lambda: RULES)

    def __post_init__(self) -> None:
        self.ordered = dict(self.units)
        self.state = "PaymentSettled"
        self.address = ADDRESS
        self.method = "standard"
        self.refunded = Decimal(0)
        self.fulfilments: list[Fulfilment] = []
        self.in_shop = True
        self.ledger: LedgerSide | None = None
        self.there: dict[str, WarehouseRecord] = {}
        self.failed: dict[str, LookUp] = {}
        self.listed: list[ShippedRow] = []
        self.vendure_id = "7"
        self.paid_at: datetime | None = None
        self.renamed: dict[str, str] = {}

    # ---- the sides ----------------------------------------------------------------------------

    @property
    def lines(self) -> dict[str, str]:
        """The shop's line ids by SKU."""
        return {sku: str(number) for number, sku in enumerate(self.units, 1)}

    def line(self, sku: str) -> OrderLine:
        number = self.lines[sku]
        done = sum(one.lines.get(number, 0) for one in self.fulfilments if one.is_live)
        price = Decimal("10.00")
        name = self.renamed.get(sku, sku)
        return OrderLine(number, f"v{sku}", name, self.ordered[sku], done, price, price)

    def shop(self) -> WholeOrder | None:
        if not self.in_shop:
            return None
        content = OrderContent(
            id=self.vendure_id,
            code=self.code,
            state=self.state,
            type=self.type,
            placed_at=self.placed_at,
            updated_at=self.placed_at,
            currency="USD",
            paid=Decimal("30.00"),
            refunded=self.refunded,
            shipping_address=self.address,
            lines=tuple(map(self.line, self.units)),
            shipping_lines=(ShippingLine(self.method, Decimal(5), Decimal(5)),),
            total=Decimal("30.00"),
        )
        return WholeOrder(content, tuple(self.fulfilments), self.channels, self.paid_at)

    def look_up(self, veracore_id: str) -> LookUp:
        if veracore_id in self.failed:
            return self.failed[veracore_id]
        record = self.there.get(veracore_id)
        return Present(record) if record is not None else Absent()

    def sides(self) -> OrderSides:
        """As a run reads them: it looks up what is wanted until nothing is."""
        seen: dict[str, LookUp] = {}
        listed, ledger, shop = tuple(self.listed), self.ledger, self.shop()
        while wanted := wanted_ids(ledger, shop, self.rules, seen, listed):
            seen |= {one: self.look_up(one) for one in wanted}
        name = ledger.row.code if ledger is not None else self.code
        return OrderSides(name, NOW, ledger, shop, seen, listed)

    def examined(self) -> Examined:
        return examine_order(self.sides(), self.rules)

    def found(self) -> list[str]:
        """The types of what was found; what is on its way or unseen has a type of its own."""
        seen = self.examined()
        if seen.is_compared:
            return [str(one.type) for one in seen.differences]
        assert not seen.differences
        return ["moving"] if seen.moving else ["unseen"]

    # ---- the ledger ---------------------------------------------------------------------------

    def row(self, **values: object) -> World:
        """Change the ledger's row; make one, if there is none."""
        if self.ledger is None:
            row = fresh_row(self.code, self.vendure_id, to_text(self.placed_at))
            self.ledger = LedgerSide(replace(row, placed_at=to_text(self.placed_at)))
        self.ledger = replace(self.ledger, row=replace(self.ledger.row, **values))  # type: ignore[arg-type]
        return self

    def side(self, **values: object) -> World:
        assert self.ledger is not None
        self.ledger = replace(self.ledger, **values)  # type: ignore[arg-type]
        return self

    def accepted(self, kind: str, difference: str = "") -> World:
        return self.side(accepted=(AcceptedAlert(kind, difference, "so be it", to_text(LATELY)),))

    def wish(self, state: CancelState) -> World:
        assert self.ledger is not None
        at = to_text(LONG_AGO)
        row = CancellationRow(
            self.code, self.code, state, "shop", 1, 1, None, at, at, None, None, None, None, at
        )
        return self.side(cancellation=row)

    def accept_changes(self) -> World:
        """A person accepts the shop's order as it is."""
        known = ComparedRow(
            self.code, to_text(LONG_AGO), base=self.facets(), accepted_at=to_text(LONG_AGO)
        )
        return self.side(compared=known)

    def facets(self, by_hand: Mapping[str, int] | None = None) -> object:
        order = self.shop()
        assert order is not None
        return facets(order.content, "gross", KEY, by_hand or {})

    def tracked(self, looked_at: datetime) -> World:
        at = to_text(looked_at)
        row = TrackedRow(self.code, self.code, self.code, {}, None, at, None, at)
        return self.side(tracked=row)

    # ---- what happens -------------------------------------------------------------------------

    def offers(self) -> dict[str, int]:
        """What is sent: what is ordered and not fulfilled, without what VeraCore never has."""
        found: dict[str, int] = {}
        for sku in self.units:
            line, renderer = self.line(sku), self.rules.renderer
            if line.open_quantity and not renderer.is_excluded(sku):
                offer = renderer.offer(sku)
                found[offer] = found.get(offer, 0) + line.open_quantity
        return found

    def send(self, veracore_id: str | None = None, at: datetime = LONG_AGO) -> World:
        """The order is sent and accepted."""
        id, offers, order = veracore_id or self.code, self.offers(), self.shop()
        assert order is not None
        self.there[id] = made(id, self.code, offers)
        if self.is_rest:
            self.there[id] = replace(self.there[id], reference=None, lines=None)
        lines = tuple(offers.items())
        attempt = AttemptRow(
            self.code, 1, id, lines, to_text(at), to_text(at), AttemptOutcome.ACCEPTED, None
        )
        self.row(
            state=OrderState.SYNCED,
            veracore_id=id,
            attempt=1,
            last_successful_sync=to_text(at),
            content_hash=content_hash(order.content, KEY),
            updated_at=to_text(at),
        )
        assert self.ledger is not None
        return self.side(
            attempts=(*self.ledger.attempts, attempt),
            sent=facets(order.content, "gross", KEY),
        )

    def sent_as(self, *lines: tuple[str, int]) -> World:
        """The order was sent with other offers than would be sent now."""
        assert self.ledger is not None
        (attempt,) = self.ledger.attempts
        return self.side(attempts=(replace(attempt, lines=lines),))

    @property
    def id(self) -> str:
        assert self.ledger is not None
        return self.ledger.row.veracore_id or self.code

    def record(self, **values: object) -> World:
        """Change VeraCore's record."""
        self.there[self.id] = replace(self.there[self.id], **values)  # type: ignore[arg-type]
        return self

    def ship(
        self,
        units: Mapping[str, int] | None = None,
        slip: str = "1001-1",
        number: str = NUMBER,
        at: datetime = LONG_AGO,
        void: bool = False,
        waiting: bool = False,
    ) -> World:
        """VeraCore ships products; all that it has, if not said otherwise."""
        record = self.there[self.id]
        products = units or {line.sku: line.quantity for line in record.lines or ()}
        lines = tuple(RecordLine(sku, count) for sku, count in products.items())
        left = None if waiting else at
        package = Package("UPS", "Ground", number, left, at if void else None)
        if self.is_rest:
            lines = None
        shipments = (*record.shipments, Shipment(slip, lines, (package,)))
        return self.record(status="shipped", shipments=shipments)

    @property
    def is_rest(self) -> bool:
        return not self.rules.capabilities.tells_content

    def complete(self) -> World:
        return self.record(status="complete", is_complete=True)

    def fulfil(
        self,
        units: Mapping[str, int] | None = None,
        slip: str | None = "1001-1",
        number: str = NUMBER,
        state: str = "Shipped",
        id: str | None = None,
    ) -> World:
        """The shop gets a fulfilment of units by SKU: of a slip, or (``None``) by hand."""
        named = units or {
            sku: self.line(sku).open_quantity
            for sku in self.units
            if not self.rules.renderer.is_excluded(sku)
        }
        lines = {self.lines[sku]: count for sku, count in named.items()}
        id = id or f"f{len(self.fulfilments) + 1}"
        self.fulfilments.append(Fulfilment(id, state, number, lines))
        if slip is not None:
            self.slip(slip, PickSlipState.DONE, lines=lines, fulfilment_id=id, tracking_code=number)
        open_units = any(self.line(sku).open_quantity for sku in self.units)
        if self.state in ("PaymentSettled", "PartiallyShipped") and state == "Shipped":
            self.state = "PartiallyShipped" if open_units else "Shipped"
        return self

    def slip(self, slip: str, state: PickSlipState, **values: object) -> World:
        assert self.ledger is not None
        at = to_text(LONG_AGO)
        row = replace(fresh_slip(self.code, self.id, slip, (), at), state=state, **values)  # type: ignore[arg-type]
        others = tuple(one for one in self.ledger.slips if one.slip != slip)
        return self.side(slips=(*others, row))

    def slip_row(self, slip: str = "1001-1") -> SlipRow:
        assert self.ledger is not None
        return next(one for one in self.ledger.slips if one.slip == slip)

    def cancel_fulfilment(self, id: str = "f1") -> World:
        self.fulfilments = [
            replace(one, state="Cancelled") if one.id == id else one for one in self.fulfilments
        ]
        return self

    def cancel_here(self) -> World:
        """The shop cancels all of the order."""
        self.ordered = dict.fromkeys(self.ordered, 0)
        self.state = "Cancelled"
        return self

    def cancel_there(self) -> World:
        """VeraCore cancels all of the order."""
        record = self.there[self.id]
        products = tuple(Product(one.sku, one.quantity, one.quantity) for one in record.lines or ())
        return self.record(status="cancelled", products=products)

    def end(self) -> World:
        """The ledger ends the order as shipped."""
        return self.row(state=OrderState.SHIPPED)

    def skipped(self, cause: OrderCause) -> World:
        return self.row(state=OrderState.SKIPPED, cause=cause)


def made(
    id: str, reference: str | None, offers: Mapping[str, int], **values: object
) -> WarehouseRecord:
    """VeraCore's record of an order that was just accepted."""
    lines = tuple(RecordLine(sku, units) for sku, units in offers.items())
    return replace(WarehouseRecord(id, reference, lines, "processed"), **values)  # type: ignore[arg-type]

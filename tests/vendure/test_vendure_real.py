"""The shop's client against a real Vendure: what it lists, what it reads, how sessions end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from realvendure import OrderRef, RealVendure
from vendure_cells import vendure_settings
from vendure_kit import AT_ONCE
from whole_orders_kit import LONG_AGO, check_whole_orders

from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.errors import (
    AuthRefused,
    Category,
    ConfigError,
    Occurrence,
    SyncError,
    WrongEndpoint,
)
from veracore_sync.domain.orders import Order, OrderStub
from veracore_sync.domain.shop_stock import NewLevel
from veracore_sync.ports.shop import Poll, UnknownVariant
from veracore_sync.transport.http import OpenGate
from veracore_sync.vendure import audit, listing
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import READ_ORDERS, Document
from veracore_sync.vendure.shop import VendureShop

LOGOUT = "mutation { logout { success } }"
ADD_NOTE = Document(
    "AddNote",
    "mutation AddNote($i: AddNoteToOrderInput!) { addNoteToOrder(input: $i) { id } }",
    "UpdateOrder",
)


class Counter(OpenGate):
    """A gate that holds nothing back and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def before(self, *, creating: bool) -> None:
        self.requests += 1

    def after(self, what: Occurrence | None, retry_after: float | None) -> None:
        pass


def settings(vendure: RealVendure, **changed: Any) -> VendureSettings:
    login = (
        {}
        if "api_key" in changed
        else {"username": vendure.username, "password": SecretStr(vendure.password)}
    )
    values = {
        "admin_api_url": vendure.admin_url,
        **vendure_settings(vendure),
        **login,
        **changed,
    }
    for name in ("password", "api_key"):
        if isinstance(values.get(name), str):
            values[name] = SecretStr(values[name])
    return VendureSettings(**values)


Open = Callable[..., VendureShop]


@pytest.fixture
def open_shop(module_vendure: RealVendure) -> Iterator[Open]:
    opened: list[VendureShop] = []

    def opening(gate: Counter | None = None, **changed: Any) -> VendureShop:
        opened.append(VendureShop(settings(module_vendure, **changed), retry=AT_ONCE, gate=gate))
        return opened[-1]

    yield opening
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(open_shop: Open) -> VendureShop:
    return open_shop()


def look(shop: VendureShop, **changed: Any) -> Poll:
    wanted: dict[str, Any] = {
        "trigger_states": ["PaymentSettled"],
        "moved_since": LONG_AGO,
        "passed_states": ["PartiallyShipped", "Shipped", "Delivered", "Cancelled"],
        "passed_since": LONG_AGO,
    }
    return shop.poll(**{**wanted, **changed})


def codes(stubs: tuple[OrderStub, ...]) -> set[str]:
    return {stub.code for stub in stubs}


def read(shop: VendureShop, order: OrderRef) -> Order:
    (found,) = shop.orders([order.code])
    return found


# ---- listings -------------------------------------------------------------------------------


def test_a_poll_costs_one_request_beside_the_login(
    module_vendure: RealVendure, open_shop: Open
) -> None:
    settled = module_vendure.place_order()
    shipped = module_vendure.place_order()
    module_vendure.fulfil(shipped)
    counter = Counter()
    poll = look(open_shop(counter))
    assert counter.requests == 2
    assert settled.code in codes(poll.waiting)
    assert shipped.code in codes(poll.passed) - codes(poll.waiting)
    assert {settled.code, shipped.code} <= codes(poll.moved)
    assert (poll.money_precision, poll.channel_code) == (2, "__default_channel__")


def test_lists_that_nobody_wants_are_empty(module_vendure: RealVendure, shop: VendureShop) -> None:
    module_vendure.place_order()
    poll = look(shop, trigger_states=[], moved_since=None, passed_since=None)
    assert (poll.waiting, poll.moved, poll.passed) == ((), (), ())


def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lists of a poll come in pages of two."""

    def short(wanted: listing.Options, skip: int, take: int | None = None) -> listing.Options:
        return options(wanted, skip, take or 2)

    options = listing.options
    for module in ("shop", "listing"):
        monkeypatch.setattr(f"veracore_sync.vendure.{module}.options", short)


def test_pages_add_up_to_the_same_lists(
    module_vendure: RealVendure, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    module_vendure.place_orders([{}] * 5)
    whole = look(open_shop())
    counter = Counter()
    shop = open_shop(counter)
    short_pages(monkeypatch)
    assert look(shop) == whole
    lists = (whole.waiting, whole.moved, whole.passed)
    further = sum(max(0, (len(stubs) - 1) // 2) for stubs in lists)
    assert counter.requests == 2 + further
    assert list(whole.waiting) == sorted(whole.waiting, key=lambda s: (s.placed_at, int(s.id)))


def test_a_settled_authorisation_is_found_by_its_state(
    module_vendure: RealVendure, shop: VendureShop
) -> None:
    order = module_vendure.place_order(payment="authorize-only")
    assert order.code not in codes(look(shop).waiting)
    assert order.code in codes(look(shop, trigger_states=["PaymentAuthorized"]).waiting)
    module_vendure.settle(order)
    assert order.code in codes(look(shop).waiting)


def test_a_cancellation_moves_an_order_and_a_settlement_does_not(
    real_vendure_pg: RealVendure,
) -> None:
    # On PostgreSQL, whose updatedAt has milliseconds; SQLite's has whole seconds.
    order = real_vendure_pg.place_order([("SKU-000001", 2)], payment="authorize-only")
    shop = VendureShop(settings(real_vendure_pg), retry=AT_ONCE)
    placed = read(shop, order).updated_at
    real_vendure_pg.settle(order)
    settled = look(shop, moved_since=placed)
    real_vendure_pg.cancel(order, [("SKU-000001", 1)])
    cancelled = look(shop, moved_since=placed)
    shop.close()
    assert order.code in codes(settled.waiting) - codes(settled.moved)
    assert order.code in codes(cancelled.waiting) & codes(cancelled.moved)


def test_moved_shows_placed_orders_alone(module_vendure: RealVendure, shop: VendureShop) -> None:
    order = module_vendure.place_order()
    cart = module_vendure.place_order(payment=None)
    draft = module_vendure.admin("mutation { createDraftOrder { code } }")["createDraftOrder"]
    moved = look(shop).moved
    assert order.code in codes(moved)
    assert not {cart.code, draft["code"]} & codes(moved)
    assert all(stub.placed_at for stub in moved)


def test_postgresql_lists_and_reads_alike(
    real_vendure_pg: RealVendure, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = real_vendure_pg.place_orders([{"billing": {}}] * 3)
    real_vendure_pg.admin("mutation { createDraftOrder { code } }")
    real_vendure_pg.fulfil(orders[0])
    shop = VendureShop(settings(real_vendure_pg), retry=AT_ONCE)
    short_pages(monkeypatch)
    poll = look(shop)
    found = shop.orders([order.code for order in orders])
    shop.close()
    wanted = [order.code for order in orders]
    assert {*wanted[1:]} <= codes(poll.waiting)
    assert wanted[0] in codes(poll.passed) - codes(poll.waiting)
    assert {*wanted} <= codes(poll.moved)
    assert all(stub.placed_at for stub in poll.moved)
    assert [order.code for order in found] == wanted
    assert [line.open_quantity for order in found for line in order.lines] == [0, 1, 1]


def check_in_pages_of_two(
    vendure: RealVendure, shop: VendureShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendure.admin("mutation { createDraftOrder { code } }")
    cart = vendure.place_order(payment=None)
    open_, shipped, part, cancelled = vendure.place_orders([{"lines": [("SKU-000001", 2)]}] * 4)
    vendure.fulfil(shipped)
    dropped = vendure.fulfil(part, [("SKU-000001", 1)], state="Pending")
    vendure.transition_fulfilment(dropped, "Cancelled")
    vendure.fulfil(part, [("SKU-000001", 1)])
    vendure.cancel(cancelled)
    monkeypatch.setattr(audit, "ORDERS_A_REQUEST", 2)
    check_whole_orders(shop, [open_.code, shipped.code, part.code, cancelled.code], [cart.code])


def test_whole_orders_are_listed_and_named(
    module_vendure: RealVendure, shop: VendureShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_in_pages_of_two(module_vendure, shop, monkeypatch)


def test_postgresql_lists_and_names_whole_orders_alike(
    real_vendure_pg: RealVendure, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = VendureShop(settings(real_vendure_pg), retry=AT_ONCE)
    check_in_pages_of_two(real_vendure_pg, shop, monkeypatch)
    shop.close()


# ---- orders in full -------------------------------------------------------------------------


def test_a_partly_fulfilled_order(module_vendure: RealVendure, shop: VendureShop) -> None:
    order = module_vendure.place_order([("SKU-000001", 3), ("SKU-000002", 1)])
    dropped = module_vendure.fulfil(order, [("SKU-000002", 1)], state="Pending")
    module_vendure.fulfil(order, [("SKU-000001", 2)])
    module_vendure.transition_fulfilment(dropped, "Cancelled")
    lines = {line.sku: line for line in read(shop, order).lines}
    assert [(lines[sku].quantity, lines[sku].fulfilled) for sku in sorted(lines)] == [
        (3, 2),
        (1, 0),
    ]


def test_cancelled_lines_stay_with_quantity_zero(
    module_vendure: RealVendure, shop: VendureShop
) -> None:
    order = module_vendure.place_order([("SKU-000001", 2), ("SKU-000002", 1)])
    module_vendure.cancel(order, [("SKU-000001", 1), ("SKU-000002", 1)])
    found = read(shop, order)
    assert {line.sku: line.open_quantity for line in found.lines} == {
        "SKU-000001": 1,
        "SKU-000002": 0,
    }
    assert found.state == "PaymentSettled"


def test_refunds_add_up(module_vendure: RealVendure, shop: VendureShop) -> None:
    order = module_vendure.place_order()
    before = read(shop, order)
    total = Decimal(module_vendure.order(order)["totalWithTax"]) / 100
    assert (before.paid, before.refunded) == (total, 0)
    module_vendure.refund(order, 250)
    assert read(shop, order).refunded == Decimal("2.50")


def test_the_newest_public_note(module_vendure: RealVendure, shop: VendureShop) -> None:
    order = module_vendure.place_order()
    for note, public in (("first", True), ("second \u2013 \u00fc", True), ("staff", False)):
        given = {"id": order.id, "note": note, "isPublic": public}
        module_vendure.admin(ADD_NOTE.text, {"i": given})
    assert read(shop, order).note == "second \u2013 \u00fc"


def test_addresses_as_the_customer_wrote_them(
    module_vendure: RealVendure, shop: VendureShop
) -> None:
    odd = {"fullName": "Zo\u00eb \U0001f600", "streetLine1": "A & <B>\u0007", "postalCode": "00123"}
    plain = read(shop, module_vendure.place_order(address=odd))
    assert plain.shipping_address.full_name == odd["fullName"]
    assert plain.shipping_address.street1 == odd["streetLine1"]
    assert plain.shipping_address.postal_code == "00123"
    assert plain.billing_address is None
    billed = read(shop, module_vendure.place_order(billing={"company": "Payer"}))
    assert billed.billing_address is not None
    assert billed.billing_address.company == "Payer"


def test_orders_by_code(module_vendure: RealVendure, open_shop: Open) -> None:
    first, second = module_vendure.place_orders([{}] * 2)
    counter = Counter()
    found = open_shop(counter).orders([second.code, "NOPE", first.code])
    assert [order.code for order in found] == [second.code, first.code]
    assert counter.requests == 2


def test_another_channel_in_yen(module_vendure: RealVendure, open_shop: Open) -> None:
    channel = module_vendure.create_channel(f"jp-{secrets.token_hex(3)}", currency="JPY")
    here = module_vendure.place_order()
    there = module_vendure.place_order(channel_token=channel.token)
    shop = open_shop(channel_token=channel.token)
    poll = look(shop)
    assert codes(poll.waiting) == {there.code}
    assert here.code not in codes(poll.moved)
    assert poll.channel_code.startswith("jp-")
    (order,) = shop.orders([there.code, here.code])
    assert order.currency == "JPY"
    assert order.paid == Decimal(module_vendure.order(there)["totalWithTax"]) / 100


def test_a_channel_that_is_not_there(module_vendure: RealVendure, open_shop: Open) -> None:
    module_vendure.create_channel(f"c-{secrets.token_hex(3)}")
    with pytest.raises(ConfigError, match=r"vendure\.channel_token"):
        look(open_shop(channel_token="nope"))


# ---- who asks -------------------------------------------------------------------------------


def test_a_dead_session_heals(module_vendure: RealVendure, open_shop: Open) -> None:
    order = module_vendure.place_order()
    counter = Counter()
    shop = open_shop(counter)
    assert order.code in codes(look(shop).waiting)
    module_vendure.admin(LOGOUT)
    assert order.code in codes(look(shop).waiting)
    assert counter.requests == 5


def test_a_mutation_on_a_dead_session_runs_once(module_vendure: RealVendure) -> None:
    order = module_vendure.place_order()
    client = Client(settings(module_vendure), retry=AT_ONCE)
    for note in ("one", "two"):
        given = {"id": order.id, "note": note, "isPublic": True}
        client.execute(ADD_NOTE, {"i": given}, mutation=True)
        module_vendure.admin(LOGOUT)
    client.close()
    entries = module_vendure.order(order)["history"]["items"]
    notes = [entry["data"]["note"] for entry in entries if entry["type"] == "ORDER_NOTE"]
    assert notes == ["one", "two"]


def test_a_role_with_read_order_is_enough(module_vendure: RealVendure, open_shop: Open) -> None:
    order = module_vendure.place_order(billing={})
    username, password = module_vendure.create_administrator(["ReadOrder"])
    shop = open_shop(username=username, password=password)
    assert order.code in codes(look(shop).waiting)
    assert read(shop, order).customer.first_name == "Ada"
    assert [one.code for one in shop.audit.named([order.code])] == [order.code]


def test_a_missing_permission_is_named(module_vendure: RealVendure, open_shop: Open) -> None:
    username, password = module_vendure.create_administrator(["ReadCatalog"])
    with pytest.raises(AuthRefused, match=r"PollOrders.*ReadOrder") as caught:
        look(open_shop(username=username, password=password))
    assert caught.value.listed is False


def test_a_wrong_password_is_a_listed_refusal(open_shop: Open) -> None:
    counter = Counter()
    with pytest.raises(AuthRefused) as caught:
        look(open_shop(counter, password="wrong"))
    assert caught.value.listed is True
    assert counter.requests == 1


def test_an_api_key_polls(module_vendure: RealVendure, open_shop: Open) -> None:
    order = module_vendure.place_order()
    counter = Counter()
    shop = open_shop(counter, api_key=module_vendure.create_api_key(["ReadOrder"]))
    assert order.code in codes(look(shop).waiting)
    assert counter.requests == 1


@pytest.mark.parametrize("known", [True, False])
def test_an_api_key_that_is_refused(
    module_vendure: RealVendure, open_shop: Open, known: bool
) -> None:
    key = module_vendure.create_api_key(["ReadCatalog"]) if known else "0123:4567"
    counter = Counter()
    with pytest.raises(AuthRefused) as caught:
        look(open_shop(counter, api_key=key))
    assert caught.value.listed is not known
    assert counter.requests == 1


def test_a_server_without_bearer_tokens(start_vendure: Callable[..., RealVendure]) -> None:
    vendure = start_vendure(token_methods="cookie")
    shop = VendureShop(settings(vendure), retry=AT_ONCE)
    with pytest.raises(WrongEndpoint) as caught:
        look(shop)
    shop.close()
    assert "must include 'bearer'" in caught.value.hint


# ---- wrong addresses and our own faults -----------------------------------------------------


def test_a_wrong_path(module_vendure: RealVendure, open_shop: Open) -> None:
    nowhere = module_vendure.admin_url.replace("admin-api", "nope")
    with pytest.raises(WrongEndpoint, match="HTTP 404"):
        look(open_shop(admin_api_url=nowhere))


def test_the_shop_api_is_not_the_admin_api(module_vendure: RealVendure, open_shop: Open) -> None:
    with pytest.raises(AuthRefused) as caught:
        look(open_shop(admin_api_url=module_vendure.shop_url))
    assert "not the Shop API" in caught.value.hint


def test_a_document_that_this_vendure_does_not_know(module_vendure: RealVendure) -> None:
    client = Client(settings(module_vendure), retry=AT_ONCE)
    with pytest.raises(ConfigError, match="does not know Newer"):
        client.execute(Document("Newer", "query Newer { newer }", ""), {})
    client.close()


def test_a_body_beyond_the_limit_is_our_own_fault(module_vendure: RealVendure) -> None:
    client = Client(settings(module_vendure), retry=AT_ONCE)
    with pytest.raises(SyncError) as caught:
        client.execute(READ_ORDERS, {"codes": ["x" * 20] * 6000})
    client.close()
    assert caught.value.category is Category.INTERNAL


# ---- stock ----------------------------------------------------------------------------------


def test_a_variant_that_was_deleted_is_named_and_nothing_is_written(
    module_vendure: RealVendure, shop: VendureShop
) -> None:
    gone, other = (f"SKU-{secrets.token_hex(4)}" for _ in range(2))
    for sku in (gone, other):
        module_vendure.create_variant(sku, stock=5)
    id_of_gone, id_of_other = map(module_vendure.variant_id, (gone, other))
    [at] = shop.stock.variants_by_id([id_of_other])[id_of_other].levels
    module_vendure.delete_variant(gone)
    levels = [NewLevel(id, at.location, 9) for id in (id_of_other, id_of_gone)]
    with pytest.raises(UnknownVariant) as refused:
        shop.stock.set_levels(levels)
    assert refused.value.variant_id == id_of_gone
    assert module_vendure.stock(other)[at.location].on_hand == 5
    assert shop.stock.variants_by_id([id_of_gone]) == {}

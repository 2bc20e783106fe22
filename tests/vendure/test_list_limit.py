"""Shops that list few records in a request: every command, and every document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    GraphQLObjectType,
    IntValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    print_ast,
    visit,
)
from list_limit_kit import (
    LAST_PLACE,
    LOCATIONS,
    METHODS,
    VARIANTS,
    FewAtOnce,
    live_a_day,
    settings,
)
from pydantic import SecretStr
from rig import HereRig, Rig

from veracore_sync.config.schema import VendureSettings
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure import documents
from veracore_sync.vendure.documents import Document
from veracore_sync.vendure.shop import VendureShop

SCHEMA = build_schema(
    (Path(__file__).parents[1] / "data" / "vendure-admin-schema.graphql").read_text("utf-8")
)
ALL = [one for one in vars(documents).values() if isinstance(one, Document)]


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        state = running.state
        for number in range(2, LOCATIONS + 1):
            state.add_location(f"Warehouse {number}")
        for number in range(METHODS):
            state.add_shipping_method(f"method-{number}", f"Method {number}", 100)
        for number in range(VARIANTS):
            state.add_variant(f"SKU-{number:03}", on_hand=100)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env |= settings()
        yield made
        made.end()


def day_of(shop: SmallShop, rig: Rig) -> FewAtOnce:
    state = shop.state
    last = next(one.id for one in state.locations.values() if one.name == LAST_PLACE)

    def on_hand() -> dict[str, int]:
        return {
            one.sku: sum(
                level.on_hand for level in one.levels.values() if level.location.id == last
            )
            for one in state.variants.values()
        }

    return FewAtOnce(
        rig,
        [f"SKU-{number:03}" for number in range(VARIANTS)],
        lambda lines: str(state.place_order(lines).code),
        lambda code: state.set_address(state.by_code[code], city="Elsewhere"),
        lambda: {code: order.state for code, order in state.by_code.items()},
        on_hand,
    )


@pytest.mark.parametrize("limit", [50, 20, 7, 1000])
def test_a_day_of_a_shop_that_lists_few_at_once(shop: SmallShop, rig: Rig, limit: int) -> None:
    shop.state.list_limit = limit
    live_a_day(day_of(shop, rig), limit)


class ListFields(Visitor):
    """The fields of a document that Vendure cuts to its limit, and the lists it does not cut."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.cut: list[FieldNode] = []
        self.with_options: list[str] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        found = get_named_type(self.info.get_type())
        field = self.info.get_field_def()
        assert field is not None
        if isinstance(found, GraphQLObjectType) and "PaginatedList" in {
            one.name for one in found.interfaces
        }:
            self.cut.append(node)
        elif "options" in field.args:
            self.with_options.append(node.name.value)


def fields_of(document: Document) -> ListFields:
    info = TypeInfo(SCHEMA)
    found = ListFields(info)
    visit(parse(document.text), TypeInfoVisitor(info, found))
    return found


STUBS = documents.POLL_ORDERS.text.partition("fragment Stubs on OrderList")[2]
ONE_BY_ONE = {"NameOrders", "ReadOrders.history"}
"""Asked for one record at most, so that nothing can be missing."""
COUNTED = {"ReadMoments.history", "ReadMovements.stockMovements"}
"""Lists of a record: what their total counts is read page by page, or the read fails."""


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.operation)
def test_what_is_missing_from_a_list_is_noticed(document: Document) -> None:
    """A list that Vendure may cut is asked for its total, in a fixed order; others are whole."""
    found = fields_of(document)
    # Only what takes list options is cut: lines, fulfilments, payments and levels never are.
    assert set(found.with_options) <= {"stockMovements"}
    for field in found.cut:
        text = print_ast(field)
        nested = f"{document.operation}.{field.name.value}"
        if nested in ONE_BY_ONE:
            takes = [
                inner.value
                for argument in field.arguments
                for one in getattr(argument.value, "fields", ())
                if one.name.value == "take" and isinstance(inner := one.value, IntValueNode)
            ]
            assert takes == ["1"]
        elif document.operation not in ONE_BY_ONE:
            text = text.replace("...Stubs", STUBS)
            assert "totalItems" in text.split("items")[0], nested
            named = any(name in text for name in ("$options", "$take", "options: $"))
            assert named or nested in COUNTED, nested


def test_every_kind_of_list_is_walked() -> None:
    names = {field.name.value for one in ALL for field in fields_of(one).cut}
    listed = {"orders", "history", "productVariants", "stockLocations", "shippingMethods"}
    assert names >= listed


@pytest.mark.parametrize("limit", [1, 3, 20, 1000])
def test_notes_are_read_to_the_first(shop: SmallShop, limit: int) -> None:
    order = shop.state.place_order([("SKU-001", 1)])
    settings = VendureSettings(
        admin_api_url=shop.admin_url,
        username=shop.username,
        password=SecretStr(shop.password),
    )
    with closing(VendureShop(settings, retry=RetryPolicy(tries=1))) as ours:
        for number in range(25):
            ours.fulfilments.note(order.id, f"note {number}")
        shop.state.list_limit = limit
        found = list(ours.fulfilments.notes(order.id))
    assert found == [f"note {at}" for at in reversed(range(25))]

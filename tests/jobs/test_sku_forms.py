"""One SKU in two Unicode forms (NFC and NFD), in each place that compares SKUs."""

from __future__ import annotations

import unicodedata
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import line, make_order, make_settings
from pydantic import ValidationError

from veracore_sync.domain.held_orders import same_units, spellings, totals, unit_key
from veracore_sync.domain.warehouse import RecordLine, StockLevel
from veracore_sync.jobs.doctor.skus import skus as check_skus
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.jobs.orders.changes import missing_units
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.jobs.tracking.allocate import allocate, units_of
from veracore_sync.veracore.text import names_id

NFC, NFD = "CAFÉ-ÅNGSTRÖM", unicodedata.normalize("NFD", "CAFÉ-ÅNGSTRÖM")
BOTH_WAYS = pytest.mark.parametrize(("shop", "there"), [(NFC, NFD), (NFD, NFC)])


def mapped(**skus: object) -> SkuMap:
    return SkuMap(make_settings(skus=skus).skus)


def test_the_forms_differ() -> None:
    assert NFC != NFD
    assert spellings("MUG") == ["MUG"]
    assert spellings(NFC) == spellings(NFD) == [NFC, NFD]


@pytest.mark.parametrize(
    ("one", "other"),
    [(NFC, NFD), (NFC.lower(), NFD), (f" {NFD} ", NFC), ("ǰ", "J̌"), ("ΐ", "Ϊ́")],
)
def test_keys_are_equal(one: str, other: str) -> None:
    assert sku_key(one) == sku_key(other) == unit_key(one)


@pytest.mark.parametrize(
    ("one", "other"), [("CAFE", "CAFÉ"), ("007", "7"), ("①", "1"), ("\uff21", "A")]
)
def test_what_looks_different_is_different(one: str, other: str) -> None:
    assert sku_key(one) != sku_key(other)


@BOTH_WAYS
def test_settings(shop: str, there: str) -> None:
    assert mapped(exclude=[there]).is_excluded(shop)
    assert mapped(aliases={there: "10-4471"}).part(shop) == "10-4471"
    assert mapped(kits={there: {"MUG": 2}}).parts(shop) == {"MUG": 2}
    assert mapped(kits={"BOX": {there: 2}}).exploded("box") == {sku_key(shop): 2}
    assert mapped(aliases={"TEE": there}).shop_skus(shop) == [shop, "tee"]


@pytest.mark.parametrize("table", ["aliases", "kits"])
def test_both_forms_in_one_table_are_refused(table: str) -> None:
    part: Any = {"MUG": 1} if table == "kits" else "MUG"
    with pytest.raises(ValidationError, match="keep one"):
        make_settings(skus={table: {NFC: part, NFD: part}})


@BOTH_WAYS
def test_an_order_is_sent(shop: str, there: str) -> None:
    order = make_order("A", lines=(line("1", shop, 1),))
    plain, alias = make_settings(), make_settings(skus={"aliases": {there: NFD}})

    def sent(settings: Any) -> str:
        return Renderer(settings.orders, settings.skus).render(order, "A").order.lines[0].sku

    assert sent(plain) == NFC
    # An alias is VeraCore's own spelling.
    assert sent(alias) == NFD


@BOTH_WAYS
def test_units_that_veracore_has(shop: str, there: str) -> None:
    settings = make_settings()
    order = make_order("A", lines=(line("1", shop, 2), line("2", there, 1)))
    renderer = Renderer(settings.orders, settings.skus)
    assert totals([(shop, 2), (there, 1)]) == Counter({unit_key(NFC): 3})
    assert same_units([(shop, 2)], [(there, 2)])
    assert missing_units(order, ((there, 3),), renderer) == {}
    assert missing_units(order, ((there, 2),), renderer) == {NFC: 1}


@BOTH_WAYS
def test_rows_that_shipped(shop: str, there: str) -> None:
    units = units_of([RecordLine(there, 2)])
    found = allocate(units, [line("1", shop, 2)], {"1": 2}, mapped(), {})  # type: ignore[list-item]
    assert (found.lines, +found.left) == ({"1": 2}, {})


@BOTH_WAYS
def test_doctor(shop: str, there: str) -> None:
    variants = [SimpleNamespace(sku=shop, id="1", enabled=True, tracked=True, oversold=0)]
    stock = [StockLevel(there, "MAIN", 1, 1)]
    settings = make_settings().skus

    def checked() -> list[str]:
        shop_side: Any = SimpleNamespace(variants=lambda: iter(variants))
        warehouse: Any = SimpleNamespace(stock=lambda _: iter(stock))
        return [str(one) for one in check_skus(settings, shop_side, warehouse)]

    assert len(checked()) == 1
    assert "1 on both sides, 0 only at VeraCore" in checked()[0]
    variants.append(SimpleNamespace(sku=there, id="2", enabled=True, tracked=True, oversold=0))
    assert "shared by several variants" in checked()[0]


@BOTH_WAYS
def test_a_refusal_that_names_the_sku(shop: str, there: str) -> None:
    assert names_id(f"Offer {there} does not exist", shop)

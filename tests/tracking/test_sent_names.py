"""Orders are on their way while a SKU is renamed, or an alias added, changed or taken away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconcile_kit import small_bed
from tracking_world import world

from veracore_sync.config import SkuSettings
from veracore_sync.domain.comparisons import Facets, offer_key, variant_key
from veracore_sync.domain.fulfilments import FulfilledOrder, Line
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.sent_names import under_sent_names

ALIASES = "VERACORE_SYNC_SKUS__ALIASES"
BEFORE = {ALIASES: json.dumps({"MUG": "V-MUG", "TEE": "V-TEE"})}
LATER = {ALIASES: json.dumps({"MUG": "W-MUG", "HAT": "V-HAT"})}
"""MUG's changed, TEE's taken away, HAT's added; BOX is renamed in the shop."""
ORDERED = (("MUG", 2), ("TEE", 1), ("HAT", 2), ("BOX", 1))
FULFILLED = {"MUG": 2, "TEE": 1, "HAT": 2, "CASE": 1}


def rename(shop: Any) -> None:
    for variant in shop.state.variants.values():
        if variant.sku == "BOX":
            variant.sku = "CASE"


@pytest.mark.parametrize("api", ["oms", "rest"])
def test_what_ships_is_fulfilled_all_the_same(tmp_path: Path, api: str) -> None:
    with world(tmp_path, dialect=api, VERACORE_SYNC_VERACORE__API=api, **BEFORE) as bed:
        order = bed.place(*ORDERED)
        bed.send()
        bed.reopen(**LATER)
        rename(bed.shop)
        bed.ship(order, tracking="1Z1")
        bed.run_orders()
        bed.track()
        assert bed.fulfilments(order) == [("Shipped", "1Z1", FULFILLED)]
        assert bed.state(order) == "shipped"
        assert not bed.parts.ledger.alerts.standing()


def test_reconcile_goes_by_the_same_names(tmp_path: Path) -> None:
    names = ["MUG", "TEE", "HAT", "BOX", "V-MUG", "V-TEE"]
    with small_bed(tmp_path, names, **BEFORE) as bed:
        code = bed.shop.place(ORDERED)
        bed.timers()
        bed.rig.env |= LATER
        rename(bed.shop.shop)
        bed.clock.forward(hours=2)
        assert not bed.reconcile()["differences"]
        bed.there.ship(code, [("V-MUG", 1), ("V-TEE", 1), ("HAT", 1), ("BOX", 1)], "1Z1")
        bed.clock.forward(hours=2)
        (found,) = bed.reconcile()["differences"]
        assert found["type"] == "shipped_not_fulfilled"
        assert "not fulfilled: 1 x BOX, 1 x HAT, 1 x MUG, 1 x TEE" in found["warehouse"]


def test_stock_and_changes_go_by_the_same_names(tmp_path: Path) -> None:
    """What was said to lack would be added at VeraCore by hand, and shipped twice."""
    names = ["MUG", "TEE", "HAT", "BOX", "CASE", "V-MUG", "V-TEE", "V-HAT", "W-MUG"]
    with small_bed(tmp_path, names, **BEFORE) as bed:
        code = bed.shop.place(ORDERED)
        bed.timers()
        bed.rig.env |= LATER
        rename(bed.shop.shop)
        bed.clock.forward(hours=7)
        bed.timers()
        assert code not in {one for _, one, _ in bed.ledger.alerts()}
        bed.shop.set_units(code, "TEE", 3)
        bed.clock.forward(hours=7)
        bed.timers()
        told = bed.run("stats", "--order", code).out
        assert "VeraCore does not have 2 x V-TEE;" in told
        assert "VeraCore has 1 of 3 V-TEE; 2 will not ship" in told
        assert "V-HAT" not in told
        assert "W-MUG" not in told


SKUS = ("a", "b", "c", "d")
some_aliases = st.dictionaries(st.sampled_from(SKUS), st.sampled_from([*SKUS, "x", "y"]))


def mapped(aliases: Mapping[str, str], **more: Any) -> SkuMap:
    return SkuMap(SkuSettings.model_validate({"aliases": aliases, **more}))


def order_of(skus: Mapping[str, str]) -> FulfilledOrder:
    lines = tuple(Line(id, id, sku, 1) for id, sku in skus.items())
    return FulfilledOrder("1", "A", "PaymentSettled", "Regular", lines, ())


@given(
    some_aliases, some_aliases, st.permutations(SKUS), st.sets(st.sampled_from(SKUS), min_size=1)
)
def test_each_line_has_the_offer_that_it_was_sent_as(
    before: Mapping[str, str], later: Mapping[str, str], now: list[str], ordered: set[str]
) -> None:
    """Whatever is renamed to whatever, also two to each other's names."""
    was = mapped(before)
    offers = {sku: was.part(sku) for sku in sorted(ordered)}
    names = {variant_key(sku): sku for sku in offers}
    names |= {offer_key(sku): offer for sku, offer in offers.items()}
    sent = tuple(Counter(offers.values()).items())
    wanted = Facets("PaymentSettled", dict.fromkeys(offers, 1), "", (), names=names)
    called = dict(zip(SKUS, now, strict=True))
    order = order_of({sku: called[sku] for sku in offers})
    found, by_name = under_sent_names(order, mapped(later), sent, wanted, None)
    assert [line.sku for line in found.lines] == list(offers)
    assert {line.sku: by_name.part(line.sku) for line in found.lines} == offers


def test_a_kit_that_is_renamed_on_both_sides_is_still_one() -> None:
    names = mapped({}, kits={"NEW": {"PEN": 2}})
    wanted = Facets("", {"OLD": 1}, "", (), names={variant_key("1"): "OLD"})
    found, by_name = under_sent_names(order_of({"1": "NEW"}), names, (("OLD", 1),), wanted, None)
    (line,) = found.lines
    assert (line.sku, by_name.part(line.sku), by_name.kit(line.sku)) == ("OLD", "OLD", {"PEN": 2})


@pytest.mark.parametrize(
    ("alias", "sent", "offer"),
    [("V-1", "V-1", "V-1"), ("V-1", "TEE", "TEE"), ("V-1", "V-2", "V-1"), ("V-1", "tee", "TEE")],
)
def test_what_an_earlier_version_sent(alias: str, sent: str, offer: str) -> None:
    """It stored the names of variants, and not what they were sent as."""
    wanted = Facets("", {"TEE": 1}, "", (), names={variant_key("1"): "TEE"})
    order, names = order_of({"1": "TEE"}), mapped({"TEE": alias})
    assert under_sent_names(order, names, ((sent, 1),), wanted, None)[1].part("TEE") == offer


NAMES_OF = {variant_key("1"): "A", variant_key("2"): "B"}


@pytest.mark.parametrize(
    ("skus", "aliases", "sent", "stored", "offers"),
    [
        # an earlier version sent it, and two SKUs changed their names
        ({"1": "B", "2": "A"}, {}, ["A", "B"], {}, ["A", "B"]),
        # and the plain name of the second is what the first was sent as
        ({"2": "B", "1": "A"}, {"A": "B", "B": "D"}, ["B", "C"], {}, ["D", "B"]),
        # the second was added in the shop since, or never sent
        ({"2": "B", "1": "A"}, {"A": "B", "B": "C"}, ["B"], {offer_key("1"): "B"}, ["C", "B"]),
        # it was refused as V-A; what a person entered at VeraCore instead was adopted
        ({"1": "A"}, {"A": "W-A"}, ["W-A"], {offer_key("1"): "V-A"}, ["W-A"]),
        # another ledger had sent it before there was an alias, and a look-up found it
        ({"1": "A"}, {"A": "W-A"}, ["A"], {offer_key("1"): "W-A"}, ["A"]),
        # VeraCore lacks all of it
        ({"1": "A"}, {"A": "W-A"}, [], {offer_key("1"): "V-A"}, ["V-A"]),
    ],
)
def test_what_veracore_has_tells_what_it_was_sent_as(
    skus: Mapping[str, str],
    aliases: Mapping[str, str],
    sent: list[str],
    stored: Mapping[str, str],
    offers: list[str],
) -> None:
    wanted = Facets("", {}, "", (), names={**NAMES_OF, **stored})
    held = tuple((offer, 1) for offer in sent)
    found, names = under_sent_names(order_of(skus), mapped(aliases), held, wanted, None)
    assert [names.part(line.sku) for line in found.lines] == offers


@pytest.mark.parametrize("excluded", [["OLD"], ["NEW"]])
def test_what_veracore_never_gets_is_called_as_the_settings_call_it(excluded: list[str]) -> None:
    names = mapped({}, exclude=excluded)
    wanted = Facets("", {"OLD": 1, "TEE": 1}, "", (), names={variant_key("1"): "OLD"})
    found, _ = under_sent_names(order_of({"1": "NEW"}), names, (("TEE", 1),), wanted, None)
    assert [line.sku for line in found.lines] == ["NEW"]


def test_a_line_that_was_not_sent_keeps_its_names() -> None:
    wanted = Facets("", {"TEE": 1}, "", (), names={variant_key("1"): "TEE"})
    order = order_of({"1": "TEE", "2": "HAT"})
    found, by_name = under_sent_names(order, mapped({"HAT": "V-HAT"}), (("TEE", 1),), wanted, None)
    assert found == order
    assert by_name.part("HAT") == "V-HAT"

"""Whatever SKU of the shop orders a kit's offer is that kit."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import make_settings
from inventory_world import World

from veracore_sync.jobs.inventory.sku_map import SkuMap

KIT = {"MUG": 2, "TEA": 1}


@pytest.mark.parametrize(
    ("aliases", "sku", "is_kit"),
    [
        ({}, "box", True),
        ({"OLD-BOX": "Box"}, "OLD-BOX", True),
        ({"BOX": "K-9", "OLD-BOX": "k-9"}, "old-box ", True),
        # the offer's own name, unless it is another's by now
        ({"BOX": "K-9"}, "K-9", True),
        ({"BOX": "K-9", "K-9": "CUP"}, "K-9", False),
        ({"BOX": "K-9", "OLD-BOX": "BOX"}, "OLD-BOX", False),
        # what is a part of it is for sale by itself
        ({"BOX": "MUG"}, "MUG", False),
        ({"BOX": "MUG", "CUP": "MUG"}, "CUP", False),
        ({}, "TEA", False),
    ],
)
def test_who_orders_a_kits_offer(aliases: dict[str, str], sku: str, is_kit: bool) -> None:
    names = SkuMap(make_settings(skus={"aliases": aliases, "kits": {"BOX": KIT}}).skus)
    assert names.kit(sku) == (KIT if is_kit else None)
    assert (sku.strip().casefold() in names.kits_with("mug")) == is_kit


def test_a_kit_of_its_own_comes_first() -> None:
    skus = {"aliases": {"PAIR": "BOX"}, "kits": {"BOX": KIT, "PAIR": {"MUG": 2}}}
    names = SkuMap(make_settings(skus=skus).skus)
    assert (names.kit("PAIR"), names.kit("BOX")) == ({"MUG": 2}, KIT)


@pytest.mark.parametrize(
    ("kits", "parts"),
    [
        ({"BOX": KIT, "HAMPER": {"box": 2, "CUP": 1}}, {"MUG": 4, "TEA": 2, "CUP": 1}),
        ({"BOX": KIT, "HAMPER": {"Box": 1, "mug": 3}}, {"mug": 5, "TEA": 1}),
        ({"BOX": KIT, "PAIR": {"BOX": 2}, "HAMPER": {"PAIR": 3}}, {"MUG": 12, "TEA": 6}),
        # a product that is sold with something else under its own name
        ({"BOX": {"BOX": 1, "TEA": 1}, "HAMPER": {"BOX": 2}}, {"BOX": 2}),
        # in a circle nothing tells what is picked
        ({"BOX": {"HAMPER": 1}, "HAMPER": {"BOX": 2}}, {"HAMPER": 2}),
        ({"HAMPER": {"HAMPER": 2}}, {"HAMPER": 2}),
    ],
)
def test_a_kit_in_a_kit_is_picked_as_its_parts(
    kits: dict[str, dict[str, int]], parts: dict[str, int]
) -> None:
    names = SkuMap(make_settings(skus={"kits": kits}).skus)
    assert names.kit("HAMPER") == parts
    assert names.exploded("hamper") == {one.casefold(): units for one, units in parts.items()}
    assert all("hamper" in names.kits_with(one.casefold()) for one in parts)


def test_an_unsent_kit_of_kits_takes_its_parts_off_sale(tmp_path: Path) -> None:
    kits = {"BOX": {"MUG": 2}, "HAMPER": {"BOX": 2, "CUP": 1}}
    world = World(tmp_path / "ledger.db", make_settings(skus={"kits": kits}))
    for sku in ("BOX", "HAMPER"):
        world.add(sku, 50)
    world.add("MUG", 0, there=10)
    world.add("CUP", 0, there=10)
    world.run()
    skus = ("HAMPER", "BOX", "MUG", "CUP")
    assert [world.saleable(sku) for sku in skus] == [2, 5, 10, 10]
    world.place("A", "HAMPER", 1)
    world.run()
    assert [world.saleable(sku) for sku in skus] == [1, 3, 6, 9]
    world.ledger.close()

"""Whatever SKU of the shop orders a kit's offer is that kit."""

from __future__ import annotations

import pytest
from fakes import make_settings

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
    assert SkuMap(make_settings(skus=skus).skus).kit("PAIR") == {"MUG": 2}

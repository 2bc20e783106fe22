"""A day of a real Vendure that lists 20 records in a request, and has more of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
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
from real_kit import make_rig
from realvendure import OrderRef, RealVendure
from sample import one_of
from vendure_bed import PRE_RELEASE

from veracore_sync.config.schema import VendureSettings
from veracore_sync.ports.shop import ServerTraits
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

LIMIT = 20


def listed(vendure: RealVendure, field: str, wanted: str) -> list[Any]:
    """Every record of a list, whatever is listed at once."""
    found: list[Any] = []
    while True:
        options = f"options: {{ skip: {len(found)}, sort: {{ id: ASC }} }}"
        page = vendure.admin(f"{{ {field}({options}) {{ totalItems items {{ {wanted} }} }} }}")
        found += page[field]["items"]
        if len(found) >= page[field]["totalItems"]:
            return found


def add_methods(vendure: RealVendure) -> None:
    mutation = """mutation($i: CreateShippingMethodInput!) { createShippingMethod(input: $i)
        { id } }"""
    free = {"rate": "100", "includesTax": "auto", "taxRate": "0"}
    for number in range(METHODS):
        given = {
            "code": f"method-{number}",
            "fulfillmentHandler": "manual-fulfillment",
            "checker": {
                "code": "default-shipping-eligibility-checker",
                "arguments": [{"name": "orderMinimum", "value": "0"}],
            },
            "calculator": {
                "code": "default-shipping-calculator",
                "arguments": [{"name": name, "value": value} for name, value in free.items()],
            },
            "translations": [{"languageCode": "en", "name": f"Method {number}", "description": ""}],
        }
        vendure.admin(mutation, {"i": given})


@pytest.mark.vendure
def test_a_day_of_a_server_that_lists_few_at_once(
    start_any_vendure: Callable[..., RealVendure], sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_any_vendure(variants=VARIANTS, locations=LOCATIONS, list_limit=LIMIT)
    add_methods(vendure)
    last = next(
        one["id"]
        for one in listed(vendure, "stockLocations", "id name")
        if one["name"] == LAST_PLACE
    )
    refs: dict[str, OrderRef] = {}

    def place(lines: Sequence[tuple[str, int]]) -> str:
        order = vendure.place_order(lines)
        refs[order.code] = order
        return order.code

    def on_hand() -> dict[str, int]:
        wanted = "sku stockLevels { stockLocationId stockOnHand }"
        return {
            one["sku"]: sum(
                level["stockOnHand"]
                for level in one["stockLevels"]
                if level["stockLocationId"] == last
            )
            for one in listed(vendure, "productVariants", wanted)
        }

    rig = make_rig(vendure, sandbox, tmp_path)
    rig.env |= settings()
    day = FewAtOnce(
        rig,
        [f"SKU-{number:06}" for number in range(1, VARIANTS + 1)],
        place,
        lambda code: vendure.set_address(refs[code], city="Elsewhere"),
        lambda: {one["code"]: one["state"] for one in listed(vendure, "orders", "code state")},
        on_hand,
    )
    live_a_day(day, LIMIT)


@pytest.mark.vendure
@pytest.mark.parametrize(
    ("version", "said"),
    one_of(("3.0.8", "3.0"), ("3.7.3", "3.6 or 3.7"), (PRE_RELEASE, "3.8 or later")),
)
def test_the_version_and_the_limit_that_a_server_shows(
    start_any_vendure: Callable[..., RealVendure], version: str, said: str
) -> None:
    vendure = start_any_vendure(version=version, list_limit=50)
    given = VendureSettings(
        admin_api_url=vendure.admin_url,
        username=vendure.username,
        password=SecretStr(vendure.password),
    )
    with closing(VendureShop(given, retry=RetryPolicy(tries=1))) as shop:
        assert shop.server() == ServerTraits(said, 50)

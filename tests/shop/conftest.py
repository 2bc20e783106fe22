"""The shop under test: the small one, and a real Vendure where node is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shop_contract import Shop, SmallVendure, TestClock

from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture(params=["small", pytest.param("real", marks=pytest.mark.vendure)])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop that answers: run each test of the contract against both."""
    if request.param == "real":
        found = Shop(request.getfixturevalue("module_vendure"))
        yield found
        found.close()
        return
    clock = TestClock()
    with SmallShop(clock=clock) as small:
        found = Shop(SmallVendure(small, clock))
        yield found
        found.close()


@pytest.fixture
def small() -> Iterator[SmallShop]:
    """The small shop alone, at a time that stands still."""
    with SmallShop(clock=TestClock()) as small:
        yield small

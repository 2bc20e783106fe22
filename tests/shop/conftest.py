"""The shop under test: the small one, and a real Vendure on each database where node is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shop_contract import Shop, SmallVendure, TestClock

from veracore_sync.sandbox.shop import SmallShop

REAL = {"sqljs": "module_vendure", "postgres": "module_vendure_pg"}


@pytest.fixture(
    params=[
        "small",
        pytest.param("sqljs", marks=pytest.mark.vendure),
        pytest.param("postgres", marks=[pytest.mark.vendure, pytest.mark.postgres]),
    ]
)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop that answers: run each test of the contract against all of them."""
    if request.param in REAL:
        found = Shop(request.getfixturevalue(REAL[request.param]))
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

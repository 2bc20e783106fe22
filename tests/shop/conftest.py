"""The shop under test: the small one, and a real Vendure on each database where node is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sample import one_of
from shop_contract import Shop, SmallVendure, TestClock

from veracore_sync.sandbox.shop import SmallShop

REAL = {"sqljs": "module_vendure", "postgres": "module_vendure_pg"}


BEDS = {
    "small": (),
    "sqljs": (pytest.mark.vendure,),
    "postgres": (pytest.mark.vendure, pytest.mark.postgres),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the contract against the small shop and a real one."""
    if "shop" not in metafunc.fixturenames:
        return
    on_each = getattr(metafunc.module, "ON_EACH_DATABASE", False)
    real = REAL if on_each else one_of(*REAL)
    beds = [pytest.param(one, marks=BEDS[one]) for one in ("small", *real)]
    metafunc.parametrize("shop", beds, indirect=True)


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop that answers."""
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

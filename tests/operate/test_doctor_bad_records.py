"""``doctor`` checks the others when one of the waiting orders cannot be read."""

from __future__ import annotations

import pytest
from fakes import FakeShop, make_order, make_settings

from veracore_sync.domain.errors import AuthRefused
from veracore_sync.domain.shop_stock import Location
from veracore_sync.jobs.doctor.shop import shop
from veracore_sync.ports.shop import GrantedAccess
from veracore_sync.ports.warehouse import Capabilities

EVERYTHING = Capabilities(True, True, True, True, True, True, True, True)


class OnePlace:
    """The locations of a shop that has one."""

    def locations(self) -> list[Location]:
        return [Location("1", "Here")]


class Keyed(FakeShop):
    """Shows no permissions, as with an API key: the waiting orders tell the shipping methods."""

    stock = OnePlace()

    def access(self) -> GrantedAccess:
        raise AuthRefused("not shown", upstream="vendure")


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_waiting_order_that_cannot_be_read(bad: int) -> None:
    client = Keyed()
    codes = [f"CODE{number:04}" for number in range(120)]
    client.add(*map(make_order, codes))
    client.garbled = set(codes[:bad])
    settings = make_settings(orders={"freight": {"standard-shipping": {"carrier": "UPS"}}})
    found = list(shop(settings, client, EVERYTHING))
    (methods,) = [one for one in found if one.name == "shipping methods"]
    if bad:
        assert methods.level == "warn"
        assert codes[0] in methods.message
        assert ("and 1 more" in methods.message) == (bad == 2)
    else:
        assert codes[0] not in methods.message

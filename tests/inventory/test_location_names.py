"""Stock locations by their names or ids, which may look the same."""

from __future__ import annotations

import pytest

from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.shop_stock import Location
from veracore_sync.jobs.inventory.location_map import location_map

NUMBERED = [
    Location("1", "Default Stock Location"),
    Location("2", "1"),
    Location("3", "3"),
    Location("4", "Attic"),
    Location("5", "attic "),
]


@pytest.mark.parametrize(
    ("reference", "place"),
    [("default stock location", "1"), ("2", "2"), ("3", "3"), (" 4", "4"), ("5", "5")],
)
def test_what_only_one_location_has_names_it(reference: str, place: str) -> None:
    assert location_map({"MAIN": reference}, NUMBERED, tells_warehouses=True).order == (place,)


@pytest.mark.parametrize("reference", ["1", "ATTIC"])
def test_what_two_locations_have_is_not_guessed(reference: str) -> None:
    with pytest.raises(ConfigError, match="name or id of several") as refused:
        location_map({"MAIN": reference}, NUMBERED, tells_warehouses=True)
    assert '"1" (2)' in refused.value.hint

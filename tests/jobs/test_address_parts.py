"""Which fields of an address changed is told from hashes of which none is of a field alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import make_order

from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.orders import Address
from veracore_sync.jobs.orders.address_parts import COMBINATIONS, address_parts, changed_parts
from veracore_sync.jobs.orders.change_words import other_words
from veracore_sync.jobs.orders.facets import facets

KEY = b"k" * 32
HOME = Address(
    full_name="Pat Example",
    company="Example & Co",
    street1="12 Sample Street",
    street2="Unit 4",
    city="Berlin",
    province="Berlin",
    postal_code="10115",
    country_code="DE",
    phone="+49 30 1",
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"full_name": "Kim Example"}, "name"),
        ({"company": ""}, "company"),
        ({"street1": "13 Sample Street"}, "street"),
        ({"street1": "1 Road", "street2": ""}, "street"),
        ({"city": "Potsdam"}, "city"),
        ({"province": "Brandenburg"}, "province"),
        ({"postal_code": "10117"}, "postal code"),
        ({"country_code": "AT"}, "country"),
        ({"phone": ""}, "phone"),
        ({"street2": "Unit 5", "city": "Potsdam"}, "street, city"),
        ({"city": "Potsdam", "postal_code": "14467"}, "city, postal code"),
        ({"street1": "1 Road", "city": "Potsdam", "postal_code": "14467"},
         "street, city, postal code"),
        ({"street1": "1 Road", "city": "Wien", "province": "", "postal_code": "1010",
          "country_code": "AT"}, "street, city, province, postal code, country"),
        ({"full_name": "Kim Other", "street1": "1 Road"}, "several fields"),
    ],
)  # fmt: skip
def test_the_fields_that_changed_are_named(changes: dict[str, str], told: str) -> None:
    def seen(address: Address, whole: str) -> Facets:
        return Facets("", {}, whole, (), ship_to_parts=address_parts(address, KEY))

    [words] = other_words(seen(HOME, "a"), seen(replace(HOME, **changes), "b"))
    assert words == f"ship-to changed ({told})"


def test_blanks_that_veracore_would_not_see_are_no_change() -> None:
    spaced = replace(HOME, city=" Berlin ", street1="12 Sample Street\t")
    assert address_parts(spaced, KEY) == address_parts(HOME, KEY)


@pytest.mark.parametrize("was", ["", "abcd"])
def test_an_order_of_an_earlier_version_says_only_that(was: str) -> None:
    now = address_parts(HOME, KEY)
    assert changed_parts(was, now) is None
    before = Facets("", {}, "a", (), ship_to_parts=was)
    assert other_words(before, Facets("", {}, "b", (), ship_to_parts=now)) == ["ship-to changed"]


def test_no_hash_is_of_few_fields_and_none_leaves_the_name_alone() -> None:
    everything = {name for parts in COMBINATIONS for name in parts}
    for left_out in COMBINATIONS:
        rest = everything - {*left_out}
        assert len(rest) >= 3
        assert "name" in rest or left_out == ("name",)


def test_another_key_and_another_address_give_other_hashes() -> None:
    assert address_parts(HOME, KEY) != address_parts(HOME, b"x" * 32)
    blank = address_parts(Address(), KEY)
    assert len({blank[at : at + 4] for at in range(0, len(blank), 4)}) > 8


def test_the_hashes_of_an_address_that_is_the_same_are_taken_over() -> None:
    order = make_order("A", shipping_address=HOME)
    known = facets(order, "none", KEY)
    assert known.ship_to_parts == address_parts(HOME, KEY)
    marked = replace(known, ship_to_parts="as they were")
    assert facets(order, "none", KEY, earlier=marked).ship_to_parts == "as they were"
    # Versions that knew no parts stored none; and another address has others.
    unknown = replace(known, ship_to_parts="")
    assert facets(order, "none", KEY, earlier=unknown).ship_to_parts == known.ship_to_parts
    there = replace(HOME, city="Potsdam")
    moved = facets(replace(order, shipping_address=there), "none", KEY, earlier=marked)
    assert moved.ship_to_parts == address_parts(there, KEY)

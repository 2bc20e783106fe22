"""The people and addresses of an order, as the warehouse gets them; pure."""

from __future__ import annotations

from collections.abc import Collection

from veracore_sync.domain.orders import Address
from veracore_sync.domain.warehouse import Party
from veracore_sync.jobs.orders.countries import (
    country_code,
    need_of_postal_code,
    needs_province,
    province_code,
)
from veracore_sync.jobs.orders.text import clean, split_name


def party(address: Address) -> Party:
    """The party of a shop's address; known countries and provinces by their codes."""
    first, last = split_name(address.full_name)
    country = country_code(clean(address.country_code))
    return Party(
        first_name=first,
        last_name=last,
        company=clean(address.company),
        address1=clean(address.street1),
        address2=clean(address.street2),
        city=clean(address.city),
        state=province_code(country, clean(address.province)),
        postal_code=clean(address.postal_code),
        country=country,
        phone=clean(address.phone),
    )


def missing_fields(
    ship_to: Party, without_postal_code: Collection[str], warnings: list[str]
) -> list[str]:
    """The fields that the shipping address must have and does not.

    Args:
        without_postal_code: ``orders.countries_without_postal_code``.
        warnings: Gets what should be there, and is sent without.
    """
    # What VeraCore requires (docs/wire.md 3.2); checked here, so that the message names the field.
    missing = [
        name
        for name, value in (
            ("name or company", ship_to.last_name or ship_to.company),
            ("street", ship_to.address1),
            ("city", ship_to.city),
            ("country", ship_to.country),
        )
        if not value
    ]
    country = ship_to.country
    if country and not ship_to.postal_code and country not in without_postal_code:
        need = need_of_postal_code(country)
        if need == "required":
            missing.append("postal code")
        elif need == "usual":
            warnings.append("the shipping address has no postal code, which its country uses")
    if country and not ship_to.state and needs_province(country):
        warnings.append("the shipping address has no province, which its country requires")
    return missing

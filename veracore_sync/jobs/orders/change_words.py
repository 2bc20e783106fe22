"""What the shop changed after an order was sent, in words for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from veracore_sync.domain.comparisons import Facets
from veracore_sync.jobs.orders.address_parts import changed_parts
from veracore_sync.jobs.orders.facets import SHIPPING, SURCHARGES

_MAX_LISTED = 10


def unit_words(
    was: Mapping[str, int],
    now: Mapping[str, int],
    is_excluded: Callable[[str], bool],
    what: str = "units of",
) -> list[str]:
    """One for each SKU with other units: ``units of TEE-M 3 → 2``."""
    names = sorted(name for name in was.keys() | now.keys() if not is_excluded(name))
    return [
        f"{what} {name} {was.get(name, 0)} → {now.get(name, 0)}"
        for name in names
        if was.get(name, 0) != now.get(name, 0)
    ]


def price_words(was: Facets, now: Facets) -> list[str]:
    """One for each amount that is sent and differs; none if other prices are sent by now."""
    if (was.basis, was.currency) != (now.basis, now.currency):
        return []
    both = [name for name in was.prices if name in now.prices]
    # A line that was added or removed is reported by its units.
    return [
        f"{name if name in (SHIPPING, SURCHARGES) else f'price of {name}'} "
        f"{was.prices[name]} → {now.prices[name]} {now.currency}"
        for name in sorted(both)
        if was.prices[name] != now.prices[name]
    ]


def other_words(was: Facets, now: Facets) -> list[str]:
    """Which fields of the address differ, without their values; shipping method, custom fields."""
    words = [_ship_to_words(was, now)] if was.ship_to != now.ship_to else []
    words += [f"custom field {name} changed" for name in changed_fields(was, now)]
    if was.shipping != now.shipping:
        before, after = (", ".join(one) or "none" for one in (was.shipping, now.shipping))
        words.append(f"shipping method {before} → {after}")
    return words


def changed_fields(was: Facets, now: Facets) -> list[str]:
    """The custom fields that differ, as far as both sides have them."""
    if was.ship_to != now.ship_to:
        return []  # each is hashed together with the address
    both = was.fields.keys() & now.fields.keys()
    return sorted(name for name in both if was.fields[name] != now.fields[name])


def _ship_to_words(was: Facets, now: Facets) -> str:
    parts = changed_parts(was.ship_to_parts, now.ship_to_parts)
    if parts is None:
        return "ship-to changed"
    return f"ship-to changed ({', '.join(parts) or 'several fields'})"


def listed(words: Sequence[str]) -> str:
    """A few of them, and how many more there are."""
    more = len(words) - _MAX_LISTED
    return "; ".join(words[:_MAX_LISTED]) + (f"; and {more} more" if more > 0 else "")


def counted_units(missing: Mapping[str, int]) -> str:
    """A few offers with their units: ``1 x TEE-M``."""
    return ", ".join(f"{units} x {offer}" for offer, units in list(missing.items())[:_MAX_LISTED])

"""Which of Vendure's stock locations gets a warehouse's stock; pure (docs/inventory.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veracore_sync.config.types import closest
from veracore_sync.domain.errors import ConfigError, Occurrence
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.shop_stock import Location
from veracore_sync.jobs.inventory.sku_map import sku_key


@dataclass(frozen=True, slots=True)
class LocationMap:
    """Location ids in the order in which demand is taken from them, and each warehouse's location.

    `by_warehouse` is ``None`` if everything is at one location.
    """

    order: tuple[str, ...]
    by_warehouse: Mapping[str, str] | None

    def of(self, warehouse: str) -> str | None:
        """The location id of a warehouse; ``None`` if it is not mapped."""
        if self.by_warehouse is None:
            return self.order[0]
        return self.by_warehouse.get(sku_key(warehouse))


def location_map(
    mapping: Mapping[str, str], locations: Sequence[Location], *, tells_warehouses: bool
) -> LocationMap:
    """The locations of one run.

    Args:
        mapping: ``[inventory.locations]``: name or id of a location, by warehouse.
        locations: Those of the shop's channel.
        tells_warehouses: Whether this dialect's stock rows name a warehouse.

    Raises:
        ConfigError: The mapping is missing but needed, or names an unknown location.
        UpstreamError: The mapping may name a location whose name cannot be read.
    """
    if not mapping:
        return _only(locations)
    found = {sku_key(name): _location(ref, locations) for name, ref in mapping.items()}
    order = tuple(dict.fromkeys(found.values()))
    if tells_warehouses:
        return LocationMap(order, found)
    if len(order) > 1:
        raise ConfigError(
            "inventory.locations names several stock locations, but this dialect's stock names no "
            "warehouses",
            hint="keep one line in [inventory.locations]",
        )
    return LocationMap(order, None)


def _only(locations: Sequence[Location]) -> LocationMap:
    # Never guessed: stock at the wrong location would be for sale where it cannot ship from.
    if len(locations) == 1:
        return LocationMap((locations[0].id,), None)
    names = ", ".join(f'"{one.name}"' for one in locations) or "none"
    raise ConfigError(
        f"inventory.locations is missing: the shop's channel has {len(locations)} stock "
        f"locations ({names})",
        hint="map each warehouse of VeraCore to one of them in [inventory.locations]",
    )


def _location(reference: str, locations: Sequence[Location]) -> str:
    # Names may be numbers as ids are: then neither is meant more than the other.
    found = [
        one.id
        for one in locations
        if one.id == reference.strip()
        or (one.unreadable is None and sku_key(one.name) == sku_key(reference))
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f'"{one.name}" ({one.id})' for one in locations)
    unread = [one for one in locations if one.unreadable is not None]
    if not found and unread:
        raise read_error(
            Occurrence.NOT_UNDERSTOOD,
            f'the stock location "{reference}" may be the one with the id {unread[0].id}, whose '
            f"name cannot be read: {unread[0].unreadable}",
            upstream="vendure",
            hint="write its id into inventory.locations, or correct it in the shop",
        )
    if found:
        raise ConfigError(
            f'inventory.locations: "{reference}" is the name or id of several stock locations of '
            "the shop's channel",
            hint=f"it has {names}; write what only one has, or rename one in the shop",
        )
    meant = closest(reference, [one.name for one in locations])
    raise ConfigError(
        f'inventory.locations: the shop\'s channel has no stock location "{reference}"{meant}',
        hint=f"it has {names}; use the name, or the id" if names else "it has none",
    )

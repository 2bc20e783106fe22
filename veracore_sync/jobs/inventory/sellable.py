"""What may be sold of each staged variant: from its part's stock, or its kit's scarcest part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from veracore_sync.config import Settings
from veracore_sync.config.types import Buffer
from veracore_sync.domain.staged_stock import ANY, MAX_AT, Matched, Planned
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.location_map import LocationMap
from veracore_sync.jobs.inventory.plan import NOTHING, LevelNow, most_saleable, saleable_kits
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.ports.stock_staging import StagingStore

MISSING_READS = 3
"""A known SKU that is missing from so many complete reads is set to zero.

VeraCore may leave a part out of one answer, so "no row" is not zero at once (docs/wire.md 4.1).
"""


@dataclass(slots=True)
class SellableCalculator:
    """Computes S from the staging tables.

    Args:
        is_absence_proven: A part without a row was not in the read; false if a row named no part.
    """

    book: StagingStore
    settings: Settings
    names: SkuMap
    places: LocationMap
    is_absence_proven: bool
    _left: dict[str, list[int]] = field(default_factory=dict)
    _buffers: dict[str, Buffer] = field(default_factory=dict)
    _by_part: dict[str, Buffer] = field(default_factory=dict)
    _shared: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = self.settings.inventory.buffers
        self._buffers = {sku_key(sku): buffer for sku, buffer in wanted.items()}
        # A kit names its parts as the warehouse does, and the shop's SKU of one may have an alias.
        self._by_part = {sku_key(self.names.part(sku)): one for sku, one in wanted.items()}

    def begin(self) -> None:
        """Begin a plan: variants that share a SKU get their shares anew."""
        self._shared.clear()

    def offer(self, match: Matched, demand: UnheldDemand) -> dict[str, int] | None:
        """S by location; ``None`` if nothing is known of it.

        If something could not be read or is ambiguous, the result is an upper bound of S and never
        more than is for sale now: a level may then go down, but never up. Why a variant cannot be
        matched is noted: ``unknown``, ``missing``, ``ambiguous``.
        """
        why = "ambiguous" if match.variant.kind == "ambiguous" else None
        if match.variant.is_kit:
            found, doubt, is_certain = self._kit(match, demand)
            why = why or doubt
        else:
            plain = self._plain(match, demand)
            found, is_certain = (None, False) if isinstance(plain, str) else (plain, True)
            why = why or (plain if isinstance(plain, str) else None)
            is_certain = is_certain and not match.unread
        if why is not None:
            self.leave(match, why)
        if found is None:
            return None
        parts = map(sku_key, self.names.parts(match.variant.sku))
        if is_certain and why is None and demand.is_certain(parts):
            return found
        now = self.levels(match)
        if match.variant.kind != "ambiguous":
            return {at: min(most, now[at].saleable, now[at].offered) for at, most in found.items()}
        # Variants that share a SKU sell the same units: together they offer S at most. In their
        # order each keeps what it has until S is used up.
        left = self._shared.setdefault(match.variant.key, dict(found))
        kept = {at: min(left[at], now[at].saleable, now[at].offered) for at in found}
        for at, units in kept.items():
            left[at] -= max(0, units)
        return kept

    def _plain(self, match: Matched, demand: UnheldDemand) -> dict[str, int] | str:
        stock = match.stock
        if stock is None:
            if match.state != "known":
                return "unknown"
            if match.missing + 1 < MISSING_READS or not self.is_absence_proven:
                return "missing"
            stock = {}
        part, variant = match.variant.part, match.variant
        allocated = sum(level[1] for level in variant.levels.values())
        units = demand.parts.get(part, 0) + demand.unexplained(variant.id, part, allocated)
        return self._part(stock, match.unread, part, variant.sku, units)

    def _part(
        self,
        stock: Mapping[str, int],
        unread: Mapping[str, int],
        part: str,
        sku: str,
        demand: int,
    ) -> dict[str, int]:
        own = self._buffers.get(sku_key(sku)) or self._by_part.get(part)
        buffer = own or self.settings.inventory.buffer
        return most_saleable(stock, unread, demand, buffer, self.places.order)

    def _kit(
        self, match: Matched, demand: UnheldDemand
    ) -> tuple[dict[str, int] | None, str | None, bool]:
        """S of a kit, why it is only an upper bound, and whether all of it is known exactly."""
        parts: list[tuple[dict[str, int], int]] = []
        why: str | None = None
        several = self.names.parts(match.variant.sku)
        is_certain = demand.is_certain(map(sku_key, several))
        for name, units in several.items():
            part = sku_key(name)
            stock = self.book.stock_of(part)
            if stock is None:
                # The other parts still bound it.
                why, is_certain = "unknown", False
                continue
            if self.book.is_spelled_twice(part):
                why = why or "ambiguous"
            unread = self.book.unread_of(part)
            is_certain = is_certain and not unread
            owed = demand.parts.get(part, 0)
            parts.append((self._part(stock, unread, part, name, owed), units))
        if not parts:
            return None, why, False
        whole = saleable_kits(parts, 0, self.places.order)
        own = self._buffers.get(sku_key(match.variant.sku))
        if own is not None:
            bounds = {at: MAX_AT if at in whole else ANY for at in self.places.order}
            in_doubt = {} if is_certain else bounds
            whole = most_saleable(whole, in_doubt, 0, own, self.places.order)
        return whole, why, is_certain

    def levels(self, match: Matched) -> dict[str, LevelNow]:
        """Vendure's levels at the mapped locations.

        Vendure sells `oversold` units more than it has, at any location: they count as fewer
        allocated at the first one, so that the level to write compensates for them.
        """
        levels, more = match.variant.levels, match.variant.oversold
        now = {at: LevelNow(*levels[at]) if at in levels else NOTHING for at in self.places.order}
        first = self.places.order[0]
        now[first] = now[first].oversold_by(more)
        return now

    def action(
        self, match: Matched, now: Mapping[str, LevelNow], changes: Mapping[str, int]
    ) -> Planned:
        """The planned change of a variant."""
        return Planned(
            ordinal=match.ordinal,
            id=match.variant.id,
            sku=match.variant.sku,
            saleable=changes,
            before={at: now[at].saleable for at in changes},
            allocated={at: now[at].allocated for at in changes},
        )

    def leave(self, match: Matched, why: str) -> None:
        """Record that a variant is not changed."""
        self._left.setdefault(why, []).append(match.ordinal)
        if len(self._left[why]) >= 1000:
            self.settle()

    def settle(self) -> None:
        """Write the variants that are not changed to the staging table."""
        for why, ordinals in self._left.items():
            self.book.set_kind(why, ordinals)
        self._left.clear()

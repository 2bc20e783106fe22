"""What the shop's SKUs are called at the warehouse: aliases, exclusions and kits; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy

from veracore_sync.config import SkuSettings
from veracore_sync.domain.held_orders import spellings, totals, unit_key

sku_key = unit_key

SPELLINGS = "stock.spellings"
"""The ledger's key of VeraCore's parts that are not in NFC: a JSON object by `sku_key`."""


def kit_key(sku: str) -> str:
    """The key by which variants of a kit are staged: no part's, for a part may have its name."""
    return f"kit {sku_key(sku)}"


class SkuMap:
    """The aliases, exclusions and kits of ``[skus]``.

    Args:
        spelled: The ledger's value of `SPELLINGS`.
    """

    def __init__(self, skus: SkuSettings, spelled: str | None = None) -> None:
        self._spelled: dict[str, str] = json.loads(spelled or "{}")
        self._excluded = {sku_key(sku) for sku in skus.exclude}
        self._aliases = {sku_key(sku): part.strip() for sku, part in skus.aliases.items()}
        self._kits: dict[str, Mapping[str, int]] = {
            sku_key(sku): {part.strip(): units for part, units in parts.items()}
            for sku, parts in skus.kits.items()
        }
        self._kits_by_offer = {sku_key(self.part(sku)): parts for sku, parts in self._kits.items()}
        # The warehouse has no stock of a kit in a kit, and picks its parts.
        for sku, parts in self._kits.items():
            picked = list(self._picked(parts, sku_key(self.part(sku))))
            names = {sku_key(part): part for part, _ in picked}
            self._kits[sku] = {names[key]: units for key, units in totals(picked).items()}
        self._kits_by_offer = {sku_key(self.part(sku)): parts for sku, parts in self._kits.items()}
        # Whatever else orders the offer of a kit is that kit; but what is a part of it, too, is for
        # sale by itself.
        for sku in (*self._aliases, *self._kits_by_offer):
            offer = sku_key(self.part(sku))
            kit = self._kits_by_offer.get(offer)
            if kit is not None and offer not in map(sku_key, kit):
                self._kits.setdefault(sku, kit)
        self._kits_by_part: dict[str, list[str]] = {}
        for sku, parts in self._kits.items():
            for part in {sku_key(part) for part in parts}:
                self._kits_by_part.setdefault(part, []).append(sku)

    def _picked(self, parts: Mapping[str, int], *within: str) -> Iterator[tuple[str, int]]:
        """The parts of a kit; of a kit in it, that one's."""
        for part, units in parts.items():
            key = sku_key(part)
            kit = self._kits_by_offer.get(key)
            if kit is None or key in within or key in map(sku_key, kit):
                yield part, units
            else:
                inner = self._picked(kit, *within, key)
                yield from ((one, each * units) for one, each in inner)

    def with_names(
        self, offers: Mapping[str, str], kits: Mapping[str, Mapping[str, int]]
    ) -> SkuMap:
        """The same with these offers and kits by the shop's SKU; itself, if it has them."""
        has_offers = all(self.part(sku) == offer for sku, offer in offers.items())
        if has_offers and all(self.kit(sku) == parts for sku, parts in kits.items()):
            return self
        made = copy(self)
        made._aliases = self._aliases | {sku_key(sku): offer for sku, offer in offers.items()}
        made._kits = self._kits | {sku_key(sku): parts for sku, parts in kits.items()}
        by_offer = {sku_key(made.part(sku)): parts for sku, parts in kits.items()}
        made._kits_by_offer = self._kits_by_offer | by_offer
        return made

    def is_excluded(self, sku: str) -> bool:
        """Whether the warehouse never gets this SKU."""
        return sku_key(sku) in self._excluded

    def part(self, sku: str) -> str:
        """VeraCore's offer or part of a shop SKU.

        That is its alias as it stands, else the SKU in VeraCore's Unicode form: NFC, unless the
        stock was read in another.
        """
        key = sku_key(sku)
        return self._aliases.get(key) or self._spelled.get(key) or spellings(sku.strip())[0]

    def kit(self, sku: str) -> Mapping[str, int] | None:
        """The parts of a kit and the units of each; ``None`` if the SKU is no kit."""
        return self._kits.get(sku_key(sku))

    def parts(self, sku: str) -> Mapping[str, int]:
        """The parts that one unit of a shop SKU takes, and units of each."""
        return self.kit(sku) or {self.part(sku): 1}

    def kits_with(self, part: str) -> list[str]:
        """The kits (shop SKUs) that contain this part (as `sku_key`)."""
        return self._kits_by_part.get(part, [])

    def exploded(self, offer: str) -> Mapping[str, int]:
        """The parts (as keys) that one unit of an offer takes, and units of each."""
        kit = self._kits_by_offer.get(sku_key(offer))
        if kit is None:
            return {sku_key(offer): 1}
        return {sku_key(part): units for part, units in kit.items()}

    def shop_skus(self, name: str) -> list[str]:
        """The shop SKUs that `name` may mean: itself, and those that are aliased to it."""
        aliased = [sku for sku, part in self._aliases.items() if sku_key(part) == sku_key(name)]
        return [name.strip(), *aliased]

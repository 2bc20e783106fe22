"""What an order's lines were called when it was sent; pure.

A SKU may be renamed in the shop, and an alias added, changed or taken away, while orders are on
their way. VeraCore ships them under the offers that they were sent with.
"""

from __future__ import annotations

from collections.abc import Sequence

from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.order_records import SentLines
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key


def sent_names(
    lines: Sequence[tuple[str, str]],
    names: SkuMap,
    sent: SentLines,
    wanted: Facets | None,
    known: ComparedRow | None = None,
) -> tuple[list[str], SkuMap]:
    """The SKUs of an order's lines when it was sent, and their offers then.

    Args:
        lines: (variant id, SKU) as the shop has them.
        names: Those of the settings.
        sent: What VeraCore was sent, or has of the order.
        wanted: The shop's order when it was sent; ``None`` if unknown.
        known: How it was compared last; ``None``: never, or not known.
    """
    offered = {sku_key(offer) for offer, _ in sent}
    before = (known and known.seen, known and known.base, wanted)
    skus, found = [], []
    for variant_id, now in lines:
        sku = now
        for one in before:
            sku = one.sku_of(variant_id, sku) if one else sku
        stored = wanted.offer_of(variant_id) if wanted is not None else None
        # What was adopted may have been sent by somebody else, under other names than are stored.
        may_be = (stored, names.part(sku), names.part(now))
        skus.append(sku)
        found.append(next((one for one in may_be if one and sku_key(one) in offered), None))
    named = {sku_key(offer) for offer in found if offer is not None}
    offers, kits = {}, {}
    for index, (variant_id, now) in enumerate(lines):
        sku, offer = skus[index], found[index]
        if offer is None and sku_key(sku) in offered - named:
            # An earlier version stored none: of what it sent, only the plain name is certain, and
            # only while no other line is known to have been sent as that.
            offer = sku
        if offer is None and wanted is not None:
            offer = wanted.offer_of(variant_id)
        if offer is None:
            # Added in the shop after the order was sent, or never for VeraCore.
            skus[index] = now
            continue
        offers[sku] = offer
        if kit := names.kit(sku) or names.kit(now):
            kits[sku] = kit
    return skus, names.with_names(offers, kits)

"""What an order's lines were called when it was sent; pure.

A SKU may be renamed in the shop, and an alias added, changed or taken away, while orders are on
their way. VeraCore ships them under the offers that they were sent with.
"""

from __future__ import annotations

from dataclasses import replace

from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.order_records import SentLines
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key


def under_sent_names(
    order: FulfilledOrder,
    names: SkuMap,
    sent: SentLines,
    wanted: Facets | None,
    known: ComparedRow | None,
) -> tuple[FulfilledOrder, SkuMap]:
    """An order with the SKUs that it was sent with, and their offers then.

    Args:
        order: As the shop has it.
        names: Those of the settings.
        sent: What VeraCore was sent.
        wanted: The shop's order when it was sent; ``None`` if unknown.
        known: How it was compared last; ``None``: never.
    """
    offered = {sku_key(offer) for offer, _ in sent}
    before = (known and known.seen, known and known.base, wanted)
    lines, offers, kits = [], {}, {}
    for line in order.lines:
        sku = line.sku
        for one in before:
            sku = one.sku_of(line.variant_id, sku) if one else sku
        offer = wanted.offer_of(line.variant_id) if wanted is not None else None
        if offer is None and sku_key(names.part(line.sku)) not in offered:
            # An earlier version stored none: of what it sent, only the plain name is certain.
            offer = sku if sku_key(sku) in offered else None
        if offer is None:
            # Added in the shop after the order was sent, or never for VeraCore.
            lines.append(line)
            continue
        lines.append(replace(line, sku=sku))
        offers[sku] = offer
        if kit := names.kit(sku) or names.kit(line.sku):
            kits[sku] = kit
    return replace(order, lines=tuple(lines)), names.with_names(offers, kits)

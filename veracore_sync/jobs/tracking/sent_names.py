"""The order that is fulfilled, under the names that it was sent with, and what was sent; pure."""

from __future__ import annotations

from dataclasses import replace

from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.order_records import SentLines
from veracore_sync.jobs.inventory.sent_names import sent_names
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.orders.changes import open_units


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
    lines = [(line.variant_id, line.sku) for line in order.lines]
    skus, by_name = sent_names(lines, names, sent, wanted, known)
    if skus != [line.sku for line in order.lines]:
        both = zip(order.lines, skus, strict=True)
        order = replace(order, lines=tuple(replace(line, sku=sku) for line, sku in both))
    return order, by_name


def wanted_at_first(sent: Facets | None, order: FulfilledOrder, names: SkuMap) -> SentLines:
    """What the shop asked for when an order was sent, or found at VeraCore; empty if unknown.

    Args:
        sent: The shop's order by then.
        order: The same `under_sent_names`.
        names: Those that it was sent with.
    """
    if sent is None:
        return ()
    # Of what was found, nothing may say how a renamed SKU was sent: its line has the new name.
    named = {sent.sku_of(line.variant_id, line.sku): line.sku for line in order.lines}
    wanted = [(named.get(sku, sku), units) for sku, units in open_units(sent).items()]
    return tuple((names.part(sku), units) for sku, units in wanted if not names.is_excluded(sku))

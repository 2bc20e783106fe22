"""``GetProductAvailabilities``: what is asked, and a row of the answer (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.listed_words import shown_number
from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, one_line
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.veracore.oms.parse import cut_short, is_nil, text, whole_number

_EVERYTHING = "%"
_MAX = 10**9
_NAMED = 60


def pattern_of(sku: str | None) -> str:
    """A LIKE pattern that matches at least that SKU; everything for ``None``.

    Raises:
        UsageError: The SKU is empty or made of wildcards alone.
    """
    if sku is None:
        return _EVERYTHING
    if not sku.strip().strip("%*"):
        raise UsageError(f"{sku!r} is a pattern, not a SKU", hint="name one SKU")
    # LIKE reads [abc] as a set of characters, which would miss the SKU itself. _ matches any one
    # character; the caller drops rows of other SKUs.
    return sku.strip().replace("[", "_")


def stock_row(row: ET.Element) -> StockRow | None:
    """One row, of a part in a warehouse (and size and colour); ``None`` where it holds nothing."""
    if is_nil(row):
        return None
    sku, warehouse = text(row, "PartNumber"), text(row, "Warehouse/ID")
    variation = f"{text(row, 'Size')}/{text(row, 'Color')}"
    available, on_hand = _units(row, "Available"), _units(row, "OnHand")
    if cut_short(row):
        return UnreadableStock(sku, warehouse, f"a row cannot be read: {cut_short(row)}")
    if not sku:
        return UnreadableStock("", warehouse, "a row has no PartNumber")
    if hides_something(sku) or hides_something(warehouse):
        # It may be any SKU's, so it is named by none.
        named = one_line(f"{sku}, warehouse {warehouse}")[:_NAMED]
        return UnreadableStock("", "", f"a row cannot be used: {HAS_HIDDEN} ({named})", on_hand)
    if available is None:
        problem = f"Available is {shown_number(text(row, 'Available'))}"
        return UnreadableStock(sku, warehouse, problem, on_hand, variation)
    there = available if on_hand is None else on_hand
    return StockLevel(sku, warehouse, available, there, variation)


def _units(row: ET.Element, name: str) -> int | None:
    units = whole_number(row, name)
    return units if units is not None and abs(units) <= _MAX else None

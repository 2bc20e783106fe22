"""``GetProductAvailabilities``: what is asked, and a row of the answer (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.veracore.oms.parse import is_nil, text, whole_number

_EVERYTHING = "%"
_MAX = 10**9
_QUOTED = 20


def pattern_of(sku: str | None) -> str:
    """The LIKE pattern whose matches hold that SKU; everything for ``None``.

    ``%`` and ``_`` in a SKU find more than it, and ``[`` would find something else, so ``_`` stands
    for it: the caller keeps only equal rows.

    Raises:
        UsageError: The SKU is empty or made of wildcards alone.
    """
    if sku is None:
        return _EVERYTHING
    if not sku.strip().strip("%*"):
        raise UsageError(f"{sku!r} is no SKU that can be asked for alone", hint="name one SKU")
    return sku.strip().replace("[", "_")


def stock_row(row: ET.Element) -> StockRow | None:
    """One row, of a part in a warehouse (and size and colour); ``None`` where it holds nothing."""
    if is_nil(row):
        return None
    sku, warehouse = text(row, "PartNumber"), text(row, "Warehouse/ID")
    variation = f"{text(row, 'Size')}/{text(row, 'Color')}"
    available, on_hand = _units(row, "Available"), _units(row, "OnHand")
    if not sku:
        return UnreadableStock("", warehouse, "a row has no PartNumber")
    if available is None:
        problem = f"Available is {text(row, 'Available')[:_QUOTED]!r}"
        return UnreadableStock(sku, warehouse, problem, on_hand, variation)
    there = available if on_hand is None else on_hand
    return StockLevel(sku, warehouse, available, there, variation)


def _units(row: ET.Element, name: str) -> int | None:
    units = whole_number(row, name)
    return units if units is not None and abs(units) <= _MAX else None

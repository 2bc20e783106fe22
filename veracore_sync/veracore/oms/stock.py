"""``GetProductAvailabilities``: what is asked, and a row of the answer (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from veracore_sync.errors import UsageError
from veracore_sync.model import StockLevel
from veracore_sync.veracore.oms.parse import Unreadable, text, whole_number

_EVERYTHING = "%"


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


def stock_level(row: ET.Element) -> StockLevel | None:
    """One level, of a part in a warehouse (and size and colour); ``None`` without a part number.

    Raises:
        Unreadable: A number is missing.
    """
    sku = text(row, "PartNumber")
    if not sku:
        return None
    return StockLevel(
        sku, text(row, "Warehouse/ID"), _units(row, "Available"), _units(row, "OnHand")
    )


def _units(row: ET.Element, name: str) -> int:
    units = whole_number(row, name)
    if units is None:
        raise Unreadable(f"a row of stock has no {name}")
    return units

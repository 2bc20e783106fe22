"""The rows of ``GetProductReturns`` (docs/wire.md 5.3)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

from veracore_sync.domain.returns import ListedReturn, ReturnedRow, UnreadableReturn
from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, one_line, plain_words
from veracore_sync.veracore.oms.parse import (
    UnreadableXml,
    cut_short,
    moment,
    text,
    whole_number,
)

_NAMED = 40
_LONGEST = 100
_VARIATION = ("ProductVersion", "Size", "Color")


def returned_row(row: ET.Element, zone: ZoneInfo) -> ListedReturn | None:
    """One ``ProductReturns``; ``None`` where it holds nothing, or nothing has come back yet.

    Names, addresses and comments of the row are not read: nothing here needs them.
    """
    order_id, product = _word(row, "OrderId"), _word(row, "ProductId")
    name = _name(order_id, product)
    if hides_something(order_id + product + text(row, "ReferenceNumber") + text(row, "PickSlip")):
        return UnreadableReturn(name, f"one of its names cannot be used: {HAS_HIDDEN}")
    if cut_short(row):
        return UnreadableReturn(name, cut_short(row))
    if not order_id:
        if not name and not "".join(row.itertext()).strip():
            return None
        return UnreadableReturn(name, "it names no order")
    if not product:
        return UnreadableReturn(name, "it names no product")
    units = whole_number(row, "ReturnQty")
    if units is None or units < 0:
        return UnreadableReturn(name, "it has no readable ReturnQty")
    if units == 0:
        return None
    try:
        returned_at = moment(row, "DateReturned", zone)
    except UnreadableXml as error:
        return UnreadableReturn(name, str(error))
    if returned_at is None:
        return UnreadableReturn(name, "it has no DateReturned")
    return ReturnedRow(
        order_id=order_id,
        reference=_word(row, "ReferenceNumber"),
        slip=_word(row, "PickSlip"),
        product=product,
        quantity=units,
        returned_at=returned_at,
        variation=" ".join(word for path in _VARIATION if (word := _words(row, path))),
        order_reason=_words(row, "OrderReasonCode"),
        product_reason=_words(row, "ProductReasonCode"),
        disposition=_words(row, "Disposition"),
        received_as=_words(row, "ReceivedAs"),
    )


def _name(order_id: str, product: str) -> str:
    parts = (f"order {order_id[:_NAMED]}" if order_id else "", product[:_NAMED])
    return ", ".join(part for part in parts if part)


def _words(row: ET.Element, path: str) -> str:
    return plain_words(text(row, path))[:_LONGEST]


def _word(row: ET.Element, path: str) -> str:
    return one_line(text(row, path))[:_LONGEST]

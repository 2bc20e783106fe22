"""An order's texts in VeraCore's messages: what may be repeated, and its id."""

from __future__ import annotations

import re
import unicodedata

from veracore_sync.domain.warehouse import Freight, WarehouseOrder


def blank_id(text: str, order_id: str) -> str:
    """The text in lower case, the order id taken out wherever it stands as a word of its own."""
    if not order_id.strip():
        return _folded(text)
    name = re.escape(_folded(order_id.strip()))
    return re.sub(rf"(?<![\w/-]){name}(?![\w/-])", "", _folded(text))


def names_id(text: str, order_id: str) -> bool:
    """Whether the text names the order id as a word of its own, not as a part of a path."""
    return blank_id(text, order_id) != _folded(text)


def _folded(text: str) -> str:
    # VeraCore may quote a SKU in another Unicode form than it was sent in.
    return unicodedata.normalize("NFC", text.casefold())


def ours(order: WarehouseOrder) -> list[str]:
    """What of the order may be repeated: ids, SKUs, and what the settings say."""
    freight, codes = order.freight or Freight(), order.classification
    settings = (freight.carrier, freight.service, freight.code, freight.shipping_option)
    classes = (codes.source, codes.price_class, codes.project, codes.campaign)
    variables = (one.name for one in order.variables)
    skus = (line.sku for line in order.lines)
    return [order.id, order.reference, *skus, *variables, *settings, *classes]

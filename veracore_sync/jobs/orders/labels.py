"""Texts of an order that a label printer may not print; pure."""

from __future__ import annotations

import unicodedata

from veracore_sync.domain.warehouse import WarehouseOrder

_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_INVISIBLE = {"Cf", "Co", "Cn", "Zl", "Zp"}


def label_warnings(order: WarehouseOrder) -> list[str]:
    """A sentence that names the fields with such texts, never what they hold; or nothing."""
    to = order.ship_to
    printed = {
        "name": to.first_name + to.last_name,
        "company": to.company,
        "street": to.address1 + to.address2,
        "city": to.city,
        "province": to.state,
        "postal code": to.postal_code,
        "country": to.country,
        "phone": to.phone,
        "comment": order.comment,
        "PO number": order.po_number,
        "ship comments": order.ship_comments,
        "variables": "".join(one.value for one in order.variables),
    }
    named = [name for name, text in printed.items() if not _is_printable(text)]
    if not named:
        return []
    return ["a label printer may not print the emoji or right-to-left text in: " + ", ".join(named)]


def _is_printable(text: str) -> bool:
    return text.isascii() or all(map(_prints, text))


def _prints(char: str) -> bool:
    # Arrows to dingbats, variation selectors, and the planes of emoji and rare signs. Other scripts
    # that are written from left to right are left to the warehouse.
    if "\u2190" <= char <= "\u2bff" or "\ufe00" <= char <= "\ufe0f" or char > "\uffff":
        return False
    if unicodedata.category(char) in _INVISIBLE:
        return False
    return unicodedata.bidirectional(char) not in _RIGHT_TO_LEFT

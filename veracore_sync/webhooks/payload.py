"""The SKUs or orders that a delivery names; docs/schemas/ describes the forms.

Lenient in form (common spellings, one or many, at the top or under ``data``), strict in type and
size. Nothing else of a body is used: quantities and states are looked up, never taken from a hint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from veracore_sync.domain.hints import Kind

MOST_NAMES = 100
LONGEST_NAME = 200
_SKU = frozenset({"sku", "partnumber", "partid", "productid", "offerid"})
_ORDER = frozenset(
    {"order", "ordercode", "code", "orderid", "ordernumber", "veracoreorderid", "vendureordercode",
     "referencenumber"}
)  # fmt: skip
_NAMES: dict[Kind, frozenset[str]] = {"inventory": _SKU, "order": _ORDER, "tracking": _ORDER}
_CONTAINERS = frozenset({"data", "items"})
_DEEPEST = 4


class BadPayload(ValueError):
    """The body is no such document; the message says why, to a sender that has signed."""


def names_in(kind: Kind, body: bytes) -> tuple[str, ...]:
    """The SKUs (``inventory``) or orders (``order``, ``tracking``) that a body names.

    Args:
        kind: What the delivery is about.
        body: JSON in UTF-8, an object.

    Returns:
        Each name once, in the order of the body, trimmed; none where it names nothing.

    Raises:
        BadPayload: It is not a JSON object, or a name is of another type, too long, or one of too
            many.
    """
    found: dict[str, None] = {}
    for value in _values(_document(body), _NAMES[kind], 0):
        found[_name(value)] = None
        if len(found) > MOST_NAMES:
            raise BadPayload(f"more than {MOST_NAMES} names")
    return tuple(found)


def _document(body: bytes) -> dict[str, Any]:
    try:
        # Some senders put a byte order mark in front; the signature is over it too.
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise BadPayload("not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise BadPayload("not a JSON object")
    return document


def _values(node: Mapping[str, Any], wanted: frozenset[str], depth: int) -> Iterator[Any]:
    """What stands under a wanted key, one or many, here or in a known container."""
    for key, value in node.items():
        plain = key.replace("_", "").replace("-", "").lower()
        is_name = plain in wanted or plain.removesuffix("s") in wanted
        if (is_name or plain in _CONTAINERS) and depth < _DEEPEST:
            yield from _flat(value, wanted, depth, is_name=is_name)


def _flat(value: Any, wanted: frozenset[str], depth: int, *, is_name: bool) -> Iterator[Any]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield from _values(one, wanted, depth + 1)
        elif is_name and one is not None:
            yield one


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise BadPayload("a name must be text")
    name = value.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadPayload(f"a name must be 1 to {LONGEST_NAME} printable characters")
    return name

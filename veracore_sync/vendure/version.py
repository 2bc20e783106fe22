"""Which version a Vendure may be, as far as its Admin API shows: no field of it tells.

A type that a minor version added is the sign of that version and those after it. 3.2 and 3.7 added
none, and no patch level does.
"""

from __future__ import annotations

from veracore_sync.vendure.node import Node

_SIGNS = (
    ("since38", "3.8 or later"),
    ("since36", "3.6 or 3.7"),
    ("since35", "3.5"),
    ("since34", "3.4"),
    ("since33", "3.3"),
    ("since31", "3.1 or 3.2"),
)
_NO_SIGN = "3.0"


def version(features: Node) -> str:
    """The versions that it may be, from the answer to `READ_FEATURES`."""
    found = (name for sign, name in _SIGNS if features.node_or_none(sign) is not None)
    return next(found, _NO_SIGN)

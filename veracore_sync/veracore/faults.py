"""What a refusal says, in both dialects: the listed texts, and their hints (docs/wire.md).

A text that is not listed is never guessed at: it is a `What.FAULT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from veracore_sync.failure import What
from veracore_sync.model import WarehouseOrder

_SPLIT = re.compile(r"System\.Exception:|--->|—>")
_STACK = re.compile(r"\s*(?:[\r\n]|\s{2,}at\s|\sat\s+[\w.`<>+]+\()")

_LOGIN = re.compile(
    r"invalid (user ?name|login|password|credential|user\b)|(user ?name|password) (is )?(invalid|"
    r"incorrect|wrong)|(login|log-?on|authentication) failed|invalid requested system",
    re.IGNORECASE,
)
_USED_ID = re.compile(r"\border\b.*already exists|already exists.*\border\b", re.IGNORECASE | re.S)
_SKU = re.compile(
    r"(invalid|unknown|inactive) (product|offer)\b|can ?not find (information for )?"
    r"(product|offer)|unable to locate (product|offer)",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"invalid source", re.IGNORECASE)
_FREIGHT = re.compile(
    r"(invalid|unknown) (freight ?(carrier|service|code)|carrier|shipping option)", re.IGNORECASE
)
_KEY = re.compile(r"does not have a ship ?to key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the failure table, and what to change."""

    what: What
    hint: str = ""


def message_of(fault: str) -> str:
    """The reason inside a fault's text: without .NET's wrapping and without the stack."""
    return _STACK.split(_SPLIT.split(fault)[-1].strip(), maxsplit=1)[0].strip()


def meaning_of(message: str, order: WarehouseOrder | None = None) -> Meaning:
    """What a reason means, for the order that was being created."""
    if _LOGIN.search(message):
        return Meaning(What.LOGIN_REFUSED)
    if order is None:
        return Meaning(What.FAULT)
    if _USED_ID.search(message) or _names_the_id(message, order.id):
        return Meaning(What.DUPLICATE)
    if _SOURCE.search(message):
        ours = order.classification.source or "(none)"
        return Meaning(
            What.REFUSED, f"set orders.source, now {ours}, to a source that VeraCore knows"
        )
    if _SKU.search(message):
        skus = ", ".join(line.sku for line in order.lines[:10])
        return Meaning(
            What.REFUSED,
            f"a SKU of it ({skus}) is unknown there: create the offer at VeraCore, "
            "correct the SKU in the shop, or map it in skus.aliases",
        )
    if _FREIGHT.search(message):
        return Meaning(What.REFUSED, "correct [orders.freight] to what VeraCore knows")
    if _KEY.search(message):
        return Meaning(What.REFUSED, "try veracore.face, and report this")
    return Meaning(What.FAULT)


def _names_the_id(message: str, order_id: str) -> bool:
    return "already exists" in message.lower() and order_id.casefold() in message.casefold()

"""What VeraCore's refusals mean, in both dialects: the listed texts and their hints (docs/wire.md).

A text that is not listed is an `Occurrence.FAULT`: the order is in doubt, never taken as refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.warehouse import Freight, WarehouseOrder
from veracore_sync.veracore.text import blank_id, names_id, one_line

# .NET wraps the message in class names before it and a stack trace after it (docs/wire.md 3.6).
_WRAPPING = re.compile(r"System\.Exception:|--->")
_STACK_LINE = re.compile(r"\s*(at\s|--- End of)")
_STACK_INSIDE = re.compile(r" at [\w.`<>+\[\],]+\(")
_MAX = 20_000

# A match is remembered as refused credentials and stops every run, so no word of an order may
# match: "user defined" fields are the order's.
_LOGIN = re.compile(
    r"invalid (user ?name|login|password|credential|user\b(?! defined))|"
    r"(user ?name|password) (is )?(invalid|incorrect|wrong)|"
    r"(login|log-?on|authentication) failed|invalid requested system",
    re.IGNORECASE,
)
# Only words about the account: "the order is not permitted to be cancelled" is about the order.
_PERMISSION = re.compile(
    r"missing permission|"
    r"\b(no|not have|lacks?|without|insufficient) (the |any )?"
    r"(permissions?|authori[sz]ation|rights)|"
    r"(permission|authori[sz]ation) (to \w+ )?(is |was )?(missing|denied|required|not granted)|"
    r"(user|account)( \S+)? (is |was )?not (authori[sz]ed|permitted|allowed)|"
    r"not authori[sz]ed to (use|call|access|perform|execute)|\bunauthori[sz]ed\b",
    re.IGNORECASE,
)
# Purchase order numbers, customers and products "already exist" too. Such a
# refusal is about the order's content and must not look like an order that is there already.
_USED = re.compile(r"^(.*?)already exists", re.IGNORECASE | re.DOTALL)
_ORDER = re.compile(r"\border(id|number|no)?\b")
_USED_ORDER = re.compile(r"already exists an? order\b", re.IGNORECASE)
_OTHER_THING = re.compile(
    r"\b(purchase|po|customer|mailer|user|offer|product|part|sku|line|ship ?to|reference|"
    r"variable|project|campaign)\b"
)
# "Invalid product quantity" and the like are no unknown SKU: its hint would mislead.
_SKU = re.compile(
    r"(invalid|unknown|inactive) (product|offer|sku)( ?id)?\b(?! ?(quantity|price|type|class))|"
    r"can ?not find (information for )?(product|offer)|unable to locate (product|offer)|"
    r"\bsku\b.* is not known",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"invalid source\b", re.IGNORECASE)
_FREIGHT = re.compile(
    r"(invalid|unknown) (freight ?(carrier|service|code)|carrier|shipping option)", re.IGNORECASE
)
_KEY = re.compile(r"does not have a ship ?to key", re.IGNORECASE)
# What ADO.NET and SQL Server say when the database is down or busy. GetOrderInfo may say it for any
# id, so it must never count as the absence of an order.
_OUTAGE = re.compile(
    r"time-?out (expired|period)|timed out|deadlock|network-related|transport-level|"
    r"outofmemory|(service|server|system|database)( \w+){0,3} unavailable",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the failure table, and what to change."""

    what: Occurrence
    hint: str = ""


def what_of(status: int) -> Occurrence:
    """The row of the failure table for a status alone."""
    if status == 429:
        return Occurrence.HTTP_429
    if status >= 500:
        return Occurrence.HTTP_5XX
    if status == 404:
        return Occurrence.HTTP_404
    return Occurrence.HTTP_4XX if status >= 400 else Occurrence.NOT_UNDERSTOOD


def message_of(fault: str) -> str:
    """The reason in a fault's text as one line, without .NET's wrapping and stack trace."""
    lines = _WRAPPING.split(fault[:_MAX])[-1].strip().splitlines()
    kept = takewhile(lambda line: not _STACK_LINE.match(line), lines)
    return _STACK_INSIDE.split(one_line(" ".join(kept)), maxsplit=1)[0]


def is_login_refusal(message: str) -> bool:
    """Whether the reason is a listed refusal of the credentials."""
    return _LOGIN.search(message) is not None


def is_permission_refusal(message: str) -> bool:
    """Whether the reason is that this account lacks the permission for the operation.

    Permissions are per operation and concern the account, never one order (docs/wire.md 2.1).
    """
    return _PERMISSION.search(message) is not None


def is_outage(message: str) -> bool:
    """Whether the reason is a database failure, and so says nothing about an order."""
    return _OUTAGE.search(message) is not None


def meaning_of(message: str, order: WarehouseOrder) -> Meaning:
    """What a reason means for the order that was being created."""
    if is_login_refusal(message):
        return Meaning(Occurrence.LOGIN_REFUSED)
    if _says_id_is_used(message, order.id):
        return Meaning(Occurrence.DUPLICATE)
    if _SOURCE.search(message):
        ours = order.classification.source or "(none)"
        return Meaning(
            Occurrence.REFUSED, f"set orders.source, now {ours}, to a source that VeraCore knows"
        )
    if _SKU.search(message):
        return Meaning(Occurrence.REFUSED, _sku_hint(message, order))
    if _FREIGHT.search(message):
        return Meaning(Occurrence.REFUSED, _freight_hint(order))
    if _KEY.search(message):
        return Meaning(Occurrence.REFUSED, "try the other veracore.face, and report this")
    return Meaning(Occurrence.DATABASE if is_outage(message) else Occurrence.FAULT)


def _says_id_is_used(message: str, order_id: str) -> bool:
    """Whether the reason says that this order id is used."""
    found = _USED.search(message)
    if found is None or _USED_ORDER.search(message):
        return found is not None
    subject = blank_id(found[1], order_id)
    if _OTHER_THING.search(subject):
        return False
    return names_id(found[1], order_id) or _ORDER.search(subject) is not None


def _sku_hint(message: str, order: WarehouseOrder) -> str:
    skus = [line.sku for line in order.lines]
    named = [sku for sku in skus if names_id(message, sku)] or skus[:10]
    return (
        f"VeraCore does not know a SKU of the order ({', '.join(dict.fromkeys(named))}): create "
        "the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases"
    )


def _freight_hint(order: WarehouseOrder) -> str:
    sent = order.freight or Freight()
    sent_values = (sent.carrier, sent.service, sent.code, sent.shipping_option)
    words = ", ".join(word for word in sent_values if word) or "nothing"
    return (
        "correct carrier, service, code or shipping_option of its method in orders.freight, "
        f"now {words}, to what VeraCore knows"
    )

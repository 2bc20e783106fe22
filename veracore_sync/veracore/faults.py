"""What VeraCore's refusals mean, in both dialects: the listed texts and their hints (docs/wire.md).

A text that is not listed is an `Occurrence.FAULT`: the order is in doubt, never taken as refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.failures import NO_ANSWER_OF_ITS_OWN, WRONG_ADDRESS
from veracore_sync.domain.listed_words import media_type, redirected
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import Freight, WarehouseOrder
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.veracore.text import blank_id, names_id

# .NET wraps the message in class names before it and a stack trace after it (docs/wire.md 3.6).
_WRAPPING = re.compile(r"System\.Exception:|--->")
_STACK_LINE = re.compile(r"\s*(at\s|--- End of)")
_STACK_INSIDE = re.compile(r" at [\w.`<>+\[\],]+\(")
_MAX = 20_000
_HINT_PAGE = (
    "nothing is lost and the next run continues; if it lasts, ask whether VeraCore is down or "
    "keeps this machine out, and check veracore.api_url"
)
ADDRESS_HINT = "check veracore.api_url, veracore.api and veracore.face"

# A match is remembered as refused credentials and stops every run, so no word of an order may
# match: "user defined" fields are the order's.
_LOGIN = re.compile(
    r"invalid (user ?name|login|password|credential|user\b(?![ -]defined))|"
    r"(user ?name|password) (is )?(invalid|incorrect|wrong)|"
    r"(login|log-?on|authentication) failed|invalid requested system",
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
    r"outofmemory|(service|server|system|database)( \w+){0,3} (unavailable|too busy)|"
    r"server( \w+){0,2} busy|(under|down for|scheduled) maintenance",
    re.IGNORECASE,
)
# What is missing, not to whom: "WSUSER does not have permission to call AddOrder", "Missing
# permission 'WarehouseProducts'" (docs/wire.md 2.3).
_PERMISSION = re.compile(
    r"permission|privilege|authori[sz](ed|ation)|access (rights?|is denied|was denied|denied)|"
    r"(not|isn't) (allowed|permitted|entitled)",
    re.IGNORECASE,
)
# Only words about the account: "the order is not permitted to be cancelled" is about the order.
_OF_THE_ACCOUNT = re.compile(
    r"missing permission|"
    r"\b(no|not have|lacks?|without|insufficient) (the |any )?"
    r"(permissions?|authori[sz]ation|rights)|"
    r"(permission|authori[sz]ation) (to \w+ )?(is |was )?(missing|denied|required|not granted)|"
    r"(user|account)( \S+)? (is |was )?not (authori[sz]ed|permitted|allowed)|"
    r"not authori[sz]ed to (use|call|access|perform|execute)|\bunauthori[sz]ed\b",
    re.IGNORECASE,
)
_OPERATION = re.compile(
    r"\b(AddOrder|GetOrderInfo|GetProductAvailabilities|GetShippingCharge|CancelOrder)\b",
    re.IGNORECASE,
)
_ANY_OPERATION = re.compile(
    r"missing permission|web ?service|web ?method|"
    r"\b(call|use|execute|invoke|access)\w*( to)?( the| this)? "
    r"(method|operation|function|api|service)",
    re.IGNORECASE,
)
# A permission for a thing is about the order that needs it, or about the server's own files.
_THING = re.compile(
    r"\b(offers?|products?|parts?|skus?|lines?|ship ?to|address|carrier|freight|country|customer|"
    r"mailer|source|project|campaign|warehouse|path|file|folder|directory|registry|database|"
    r"object|table|column|execute permission)\b",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"not (be )?found|can ?not (be )?(find|found|locate)|unable to (find|locate)|"
    r"(does not|doesn't) exist|no (such )?(order|record|data|rows?|information|matching)|"
    r"(unknown|invalid) order|object reference not set|sequence contains no",
    re.IGNORECASE,
)
_GONE = (404, 405, 410, 415)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_PAGE_STARTS = (b"<!doctype html", b"<html")
# A page that says it is down for now, or that .NET shows instead of an error.
_FOR_NOW = re.compile(
    r"maintenance|offline|unavailable|outage|downtime|\bstatus\b|aspxerrorpath|/error",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the failure table, and what to change."""

    what: Occurrence
    hint: str = ""


def what_of(answer: HttpAnswer) -> Occurrence:
    """The row of the failure table for an answer that is none of the service's own."""
    status = answer.status
    if status == 429:
        return Occurrence.HTTP_429
    if status >= 500:
        return Occurrence.HTTP_5XX
    if 300 <= status < 400:
        goes_to = answer.headers.get("location", "")
        return Occurrence.WEB_PAGE if _FOR_NOW.search(goes_to) else Occurrence.MOVED
    if status in _GONE:
        return Occurrence.HTTP_404
    if status == 401:
        return Occurrence.ACCESS_REFUSED
    if status == 408:
        return Occurrence.TIMEOUT
    if status >= 400:
        is_of_the_service = answer.content_type.endswith(("json", "xml")) or status != 403
        is_blocked = is_page(answer) or not is_of_the_service
        return Occurrence.BLOCKED if is_blocked else Occurrence.HTTP_4XX
    is_none = is_page(answer) or (status == 200 and not answer.body.strip())
    return Occurrence.WEB_PAGE if is_none else Occurrence.NOT_UNDERSTOOD


def is_page(answer: HttpAnswer) -> bool:
    """Whether the answer is a web page."""
    start = answer.body[:200].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return answer.content_type in _PAGE_TYPES or start.startswith(_PAGE_STARTS)


def words_of(answer: HttpAnswer) -> str:
    """The status, and where the answer points or what it is; never its content."""
    if goes_to := redirected(answer.status, answer.headers.get("location", "")):
        return goes_to
    kind = media_type(answer.content_type) or ("no content type" if answer.body else "nothing")
    return f"HTTP {answer.status} ({kind})"


def hint_of(what: Occurrence) -> str | None:
    """What to do about such an answer; ``None``: the hint of its class."""
    if what in NO_ANSWER_OF_ITS_OWN:
        return _HINT_PAGE
    return ADDRESS_HINT if what in WRONG_ADDRESS else None


def message_of(fault: str) -> str:
    """The reason in a fault's text as one line, without .NET's wrapping and stack trace."""
    lines = _WRAPPING.split(fault[:_MAX])[-1].strip().splitlines()
    kept = takewhile(lambda line: not _STACK_LINE.match(line), lines)
    return _STACK_INSIDE.split(one_line(" ".join(kept)), maxsplit=1)[0]


def is_login_refusal(message: str) -> bool:
    """Whether the reason is a listed refusal of the credentials."""
    return _LOGIN.search(message) is not None


def is_outage(message: str) -> bool:
    """Whether the reason is a database failure, and so says nothing about an order."""
    return _OUTAGE.search(message) is not None


def is_permission_refusal(message: str) -> bool:
    """Whether the reason is a listed refusal of an operation to this account."""
    if not _PERMISSION.search(message):
        return False
    if _OPERATION.search(message):
        return True
    return bool(_ANY_OPERATION.search(message)) and not _THING.search(message)


def is_refusal_of_the_account(message: str) -> bool:
    """Whether the reason of a refused operation is the account, and not what it was called for.

    For an operation whose caller is known; a text of any other call must name the operation.
    """
    return _OF_THE_ACCOUNT.search(message) is not None


def says_not_found(message: str, order_id: str) -> bool:
    """Whether the reason is one of a missing order, and of nothing else."""
    return _NOT_FOUND.search(message) is not None or names_id(message, order_id)


def alike(message: str, order: WarehouseOrder) -> str:
    """The reason without the order's id; empty if it names anything else of the order.

    Two orders that get the same one were refused for what they do not differ in.
    """
    if any(names_id(message, line.sku) for line in order.lines):
        return ""
    return " ".join(blank_id(message, order.id).split())


def meaning_of(message: str, order: WarehouseOrder) -> Meaning:
    """What a reason means for the order that was being created."""
    if is_login_refusal(message):
        return Meaning(Occurrence.LOGIN_REFUSED)
    if is_permission_refusal(message):
        return Meaning(Occurrence.NOT_PERMITTED)
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
    if is_outage(message):
        return Meaning(Occurrence.DATABASE)
    # It names no operation, so it may be about this order, which may have been stored.
    is_bare = _PERMISSION.search(message) and alike(message, order) and not _THING.search(message)
    return Meaning(Occurrence.FORBIDDEN if is_bare else Occurrence.FAULT)


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

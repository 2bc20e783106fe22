"""What may be repeated of an upstream's message: listed words, and values that we know ourselves.

A refusal may echo a part of what was sent, or of another order: half a name, a street without its
number, a phone without its dashes, in capitals or with accents taken off. No list of what to hide
finds them all. So nothing is repeated but phrases that are listed here, and ids, SKUs and settings
that the caller names; the rest is "…", and a message without a listed phrase is shown by its shape.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from veracore_sync.domain.lazy_pattern import lazy_pattern
from veracore_sync.domain.texts import one_line

_MAX = 200
_READ = 2_000
_GAP = "…"

IN_FULL = "veracore_sync.in_full"
"""The logger of whole messages: for a person at a terminal alone (`cli.logs`), stored nowhere."""
_LOG = logging.getLogger(IN_FULL)
_LOG.disabled = True

_THING = (
    # The longer one first: an invalid "user" would be the login.
    r"(?:user[ -]defined fields?|"
    r"(?:order|product|offer|part|customer|ship ?to|purchase order|po|mailer|user|reference|"
    r"warehouse|sku|line|source|project|campaign)s?(?: ?(?:ids?|numbers?|no\.?|key))?|"
    r"freight ?(?:carrier|service|code)s?|carrier|shipping (?:option|method)|price class|"
    r"web service|warehouse)"
)
_OPERATION = (
    r"(?:AddOrder|GetOrderInfo|GetOffers|GetProducts?|GetProductAvailabilities|GetProductReturns|"
    r"GetShippingCharge|GetShippingActivity|CancelOrder|WarehouseProducts)"
)
_BE = r"(?:is|are|was|were|be|been|has been|have been)"
_DOES_NOT = r"(?:does not|doesn't|do not|don't)"

# Each says that something failed; without one of them a message is not listed.
_FAULTS = (
    # Of a used id, or of a thing that is missing (docs/wire.md 3.6).
    r"already (?:exists?(?: an? order)?|shipped|cancell?ed|complete|placed|processed)",
    rf"(?:invalid|unknown|inactive|missing|duplicate|no such|wrong) {_THING}(?: quantity)?",
    r"invalid (?:requested system|search criteria|quantity|data|request|state|country|"
    r"user ?name(?: or password)?|login|password|credentials?|client|token|grant)",
    rf"{_DOES_NOT} (?:exist|have an?|have the|have|know|match)",
    r"not (?:be )?(?:found|known|available|active|valid|set up|permitted|allowed|entitled|saved|"
    r"stored|processed|cancell?ed|authori[sz]ed|supported|implemented|recognised|recognized)",
    r"(?:can ?not|could not|unable to|failed to) (?:be )?(?:find|found|locate|process|save|read|"
    r"store|cancel|connect|open|parse|insert|ship)(?: information for)?",
    r"no (?:such )?(?:order|record|data|rows?|information|matching order)(?: found)?",
    rf"{_BE} (?:required|missing|unavailable|temporarily unavailable|denied|locked|disabled|"
    r"expired|busy|too (?:busy|long|large)|cancell?ed|shipped|odd|held|on hold|refused)",
    r"request too large|maximum length|string or binary data would be truncated",
    r"object reference not set to an instance of an object|sequence contains no elements?",
    r"input string was not in a correct format|value cannot be null|index was out(?:side| of) "
    r"(?:the bounds|range)",
    r"there is an error in xml document(?: \(\d{1,4}, \d{1,4}\))?|malformed|unexpected error|"
    r"internal (?:server )?error|general failure|an error (?:has )?occurred",
    # Of the credentials and permissions.
    r"(?:user ?name|password|user) (?:is |or password )?(?:invalid|incorrect|wrong)",
    r"(?:login|log-?on|authentication) failed",
    r"(?:missing|no|lacks?|without|insufficient) (?:the )?(?:permissions?|authori[sz]ation|rights)",
    r"permissions? (?:is |was )?(?:denied|missing|required|not granted)|access (?:is |was )?denied",
    r"authori[sz]ation has been denied|unauthori[sz]ed|forbidden|"
    r"(?:invalid|unauthorized)_(?:client|grant|request|token)|not have the privilege",
    # Of the database and the server.
    r"(?:execution )?time-?out (?:expired|period elapsed)|timed out|deadlock(?:ed)?|"
    r"network-related or instance-specific error|transport-level error|"
    r"(?:System\.)?OutOfMemoryException|down for(?: scheduled)? maintenance|"
    r"under maintenance|scheduled maintenance|(?:UNIQUE|FOREIGN KEY|NOT NULL) constraint failed",
    # Of Vendure (docs/vendure.md, "Errors").
    r"cannot take more than \d{1,6} results from a list query|list-query-limit-exceeded",
    r"cannot return null for non-nullable field(?: [A-Za-z]\w{0,60}\.[A-Za-z]\w{0,60})?|"
    r"not currently authorized|cannot query field|unknown (?:argument|type|field)|syntax error|"
    r"cannot transition (?:fulfillment|order)|insufficient stock(?:onhand)?|"
    r"no (?:ProductVariant|Order|StockLocation|OrderLine|Fulfillment|Channel) with the id|"
    r"could be found|violates (?:not-null|foreign key|unique) constraint|null value in column|"
    r"sqlite_busy|database is locked|(?:conversion|arithmetic|numeric) (?:is )?overflow(?:ed)?",
    # Of the wire.
    r"connection (?:refused|reset(?: by peer)?|closed|aborted|timed out|attempts failed)|"
    r"server disconnected(?: without sending a response)?|peer closed connection|"
    r"without sending complete message body|certificate verify failed|hostname mismatch|"
    r"self-signed certificate|certificate has expired|name or service not known|"
    r"temporary failure in name resolution|no address associated with hostname|broken pipe|"
    r"network is unreachable|no route to host|host is unreachable|"
    r"illegal (?:header|status|request) (?:line|value|name)|incorrect header check|"
    r"(?:read|write|connect|pool) (?:operation )?timed out|while decompressing data|"
    r"unable to get local issuer certificate|EOF occurred|"
    r"(?:wrong|unsupported) (?:version number|protocol)|Errno -?\d{1,4}|\d{3} proxy|"
    r"[45]\d\d (?:forbidden|bad gateway|service unavailable|gateway time-?out|not found)",
)
# Words between them that are no one's: kept beside a fault.
_BESIDE = (
    _THING,
    _OPERATION,
    _BE,
    rf"HTTP(?: error)?(?: \d{{3}})?|SSL|TLS|TCP|SQL Server|{_DOES_NOT}",
    r"the|a|an|this|that|it|its|you|your|for|of|in|on|at|to|with|from|by|and|or|not|no|any|but|"
    r"there|which|because|as|must|may|can|has|have|only|please|call|use|execute|access|invoke|"
    r"line \d{1,3}|position \d{1,4}|id|ids|code|codes|system|server|service|user|account|password|"
    r"permissions?|method|operation|error|database|field|key|quantity|account|while|than|"
    r"information|results?|item|items|fulfillment|received \d{1,9} bytes|expected \d{1,9}",
)

# Not in the middle of a word, an address of mail, or a name with dots.
_LISTED = lazy_pattern(
    rf"(?<![\w@.+-])(?:(?P<fault>{'|'.join(_FAULTS)})|(?:{'|'.join(_BESIDE)}))(?![\w@+-])",
    re.IGNORECASE,
)
_WORD = lazy_pattern(r"\w+")
_BETWEEN = lazy_pattern(r"""[\s'".,:;()\[\]!?-]*""")


def repeat(message: str, known: Iterable[str] = (), hidden: Iterable[str] = ()) -> str:
    """What of an upstream's message may be stored, logged and shown; one line, at most 200 long.

    Args:
        message: What it said.
        known: Values of ours that may be repeated: ids, SKUs, names of settings.
        hidden: What may not be, even if it happens to be a listed word: a customer called Field.
    """
    line = one_line(message)[:_READ]
    if not line:
        return ""
    words = {word for one in hidden for word in _WORD.findall(_folded(one))}
    tell_in_full(line, words)
    parts, at, is_listed = "", 0, False
    for start, end, is_fault in _kept(line, list(known), words):
        parts += _between(line[at:start]) + line[start:end]
        at, is_listed = end, is_listed or is_fault
    if not is_listed:
        return shape(line, known, words)
    repeated = " ".join((parts + _between(line[at:])).split())
    return repeated if len(repeated) <= _MAX else repeated[: _MAX - 1] + _GAP


def shape(message: str, known: Iterable[str] = (), hidden: Iterable[str] = ()) -> str:
    """A message by its length, and a mark that two equal ones share.

    The mark is so short that no name can be found by trying all of them.
    """
    line, words = one_line(message), set(hidden)
    own = line
    for value in known:
        own = _as_word(value).sub("", own) if value.strip() else own
    bare = " ".join(word for word in _WORD.findall(_folded(own)) if word not in words)
    mark = hashlib.sha256(bare.encode()).hexdigest()[:4]
    return f"a message that is not listed ({len(line)} characters, #{mark})"


def tell_in_full(line: str, hidden: Iterable[str] = ()) -> None:
    """Show a whole message to the person at the terminal, if there is one who asks for it."""
    if _LOG.isEnabledFor(logging.DEBUG):
        words = set(hidden)
        shown = _WORD.sub(lambda one: _GAP if _folded(one[0]) in words else one[0], line)
        _LOG.debug("in full, stored nowhere: %s", shown)


def _kept(line: str, known: list[str], hidden: set[str]) -> Iterator[tuple[int, int, bool]]:
    """What may be repeated, in its order: where it begins and ends, and whether it is a fault."""
    ours = [span for value in known if value.strip() for span in _spans(_as_word(value), line)]
    found = [(start, end, False) for start, end in ours]
    for one in _LISTED.finditer(line):
        is_fault = one["fault"] is not None
        if is_fault or not hidden.intersection(_WORD.findall(_folded(one[0]))):
            found.append((one.start(), one.end(), is_fault))
    last = 0
    # What is ours goes before a listed word at the same place, and the longer before the shorter.
    for start, end, is_fault in sorted(found, key=lambda one: (one[0], one[2], -one[1])):
        if start >= last:
            yield start, end, is_fault
            last = end


def _spans(pattern: re.Pattern[str], line: str) -> list[tuple[int, int]]:
    return [one.span() for one in pattern.finditer(line)]


def _as_word(value: str) -> re.Pattern[str]:
    """Finds a value of ours where it stands as a word of its own, in whatever case."""
    return re.compile(rf"(?<![\w/@-]){re.escape(one_line(value))}(?![\w/@-])", re.IGNORECASE)


def _between(text: str) -> str:
    """What stands between two words that are repeated: punctuation, or a sign that more stood."""
    if _BETWEEN.fullmatch(text):
        return text
    return f"{' ' * text[:1].isspace()}{_GAP}{' ' * text[-1:].isspace()}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


# ---- what is no message -----------------------------------------------------------------------

_MEDIA_TYPES = frozenset(
    {
        "application/graphql-response+json",
        "application/json",
        "application/octet-stream",
        "application/problem+json",
        "application/soap+xml",
        "application/xhtml+xml",
        "application/xml",
        "multipart/form-data",
        "text/css",
        "text/html",
        "text/plain",
        "text/xml",
    }
)
_NUMBER = lazy_pattern(r"[+-]?\d{1,6}([.,]\d{1,4})?")
_HOST = lazy_pattern(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_PLACE = lazy_pattern(
    r"/?(?:[/._-]|pmomsws|pmwarehouse|veracore|public\.api|order|oms|orderadjustment|asmx|svc|soap|"
    r"api|admin-api|shop-api|admin|login|logon|signin|sign-in|auth|account|sso|token|default|index|"
    r"home|aspx|html?|php|error|errors|errorpage|maintenance|offline|unavailable|outage|status|"
    r"downtime|v\d|(?<!\d)[45]\d\d(?!\d)|en|www)*",
    re.IGNORECASE,
)


def media_type(text: str) -> str:
    """A known media type, ``"an unknown content type"`` for another, empty for none."""
    return text if text in _MEDIA_TYPES else "an unknown content type" if text else ""


def shown_number(written: str) -> str:
    """What stands where a number of units should: a short number as it is, else what it is not."""
    return written if _NUMBER.fullmatch(written) else "no number" if written else "empty"


def place(address: str) -> str:
    """Where a redirect points: scheme and host, and of its path what is listed; no query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return _GAP
    # The part before an @ may be a password.
    host = parts.netloc.rpartition("@")[2]
    shown_host = host if _HOST.fullmatch(host) or not host else _GAP
    scheme = f"{parts.scheme}://" if parts.scheme in ("http", "https") else "//" if host else ""
    shown = parts.path if _PLACE.fullmatch(parts.path) else f"/{_GAP}"
    return f"{scheme}{shown_host}{shown}"


def redirected(status: int, location: str) -> str:
    """The status and where the answer points; empty if it is no redirect."""
    goes_to = place(location)
    if not (300 <= status < 400 and goes_to):
        return ""
    return f"HTTP {status}, a redirect to {goes_to}, which is not followed"

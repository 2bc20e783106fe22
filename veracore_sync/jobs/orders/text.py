"""Text that the warehouse can take, and money with its currency's digits."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_EVEN, Decimal

from veracore_sync.domain.texts import for_people

_SPACE = re.compile(r"[\t\r\n]+")
# XML 1.0 cannot contain surrogates and the two non-characters of the basic plane. One of them in a
# name would make the whole request unreadable.
_UNSENDABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")

_NO_DIGITS = set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())  # noqa: SIM905 - reads as a table
_THREE_DIGITS = set("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905 - reads as a table


def clean(text: str | None) -> str:
    """NFC; tabs and line ends as one space; without what nobody sees and what XML forbids."""
    if text is not None and text.isascii() and text.isprintable():
        return text.strip()
    return comparable(for_people(_SPACE.sub(" ", text or "")))


def comparable(text: str | None) -> str:
    """The form by which a later change is found; the ledger holds digests of it, so it stays."""
    if text is not None and text.isascii() and text.isprintable():
        return text.strip()
    spaced = _SPACE.sub(" ", text or "")
    kept = "".join(c for c in spaced if unicodedata.category(c) != "Cc")
    return unicodedata.normalize("NFC", _UNSENDABLE.sub("", kept)).strip()


def split_name(full_name: str) -> tuple[str, str]:
    """First and last name, split at the last space; a single word is a last name."""
    first, _, last = clean(full_name).rpartition(" ")
    return first.strip(), last


def as_currency(amount: Decimal, currency: str) -> tuple[Decimal, bool]:
    """The amount with its currency's own number of digits (ISO 4217), rounded half-even.

    Returns:
        The rounded amount, and whether rounding changed it.
    """
    rounded = amount.quantize(smallest_unit(currency), rounding=ROUND_HALF_EVEN)
    return rounded, rounded != amount


def smallest_unit(currency: str) -> Decimal:
    """The currency's smallest amount: 1, 0.01 or 0.001 (ISO 4217)."""
    digits = 0 if currency in _NO_DIGITS else 3 if currency in _THREE_DIGITS else 2
    return Decimal(1).scaleb(-digits)

"""The upstream's own words, made fit for a log, the ledger and a person."""

from __future__ import annotations

import re
from collections.abc import Iterable

from veracore_sync.model import Party, WarehouseOrder

_MOST = 200
_WHOLE_WORD_BELOW = 4


def quote(text: str, hidden: Iterable[str] = ()) -> str:
    """One printable line of at most 200 characters, with `hidden` values blanked.

    Args:
        text: What the upstream said.
        hidden: Personal data and secrets that it may have echoed, in whatever case.
    """
    line = one_line(text)
    for value in sorted({one_line(one) for one in hidden}, key=len, reverse=True):
        line = _hide(line, value)
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"


def one_line(text: str) -> str:
    """The text without control characters, each run of blanks one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _hide(line: str, value: str) -> str:
    if not value:
        return line
    if len(value) < _WHOLE_WORD_BELOW:
        # Inside other words a short one means nothing: "Li" is no name in "Invalid".
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", line)
    return re.sub(re.escape(value), "…", line, flags=re.IGNORECASE)


def blank_id(text: str, order_id: str) -> str:
    """The text in lower case, the order id taken out wherever it stands as a word of its own."""
    if not order_id.strip():
        return text.casefold()
    name = re.escape(order_id.strip().casefold())
    return re.sub(rf"(?<![\w/-]){name}(?![\w/-])", "", text.casefold())


def names_id(text: str, order_id: str) -> bool:
    """Whether the text names the order id as a word of its own, not as a part of a path."""
    return blank_id(text, order_id) != text.casefold()


def personal(order: WarehouseOrder) -> list[str]:
    """Every value of the order that tells of a person."""
    parties = [order.ordered_by, order.ship_to, *([order.bill_to] if order.bill_to else [])]
    found = [order.comment]
    for party in parties:
        found += _values(party)
    return [value for value in found if value]


def _values(party: Party) -> list[str]:
    return [
        f"{party.first_name} {party.last_name}",
        party.first_name,
        party.last_name,
        party.company,
        party.address1,
        party.address2,
        party.city,
        party.state,
        party.postal_code,
        party.country,
        party.phone,
        party.email,
    ]

"""The upstream's own words, made fit for a log, the ledger and a person."""

from __future__ import annotations

from collections.abc import Iterable

from veracore_sync.model import Party, WarehouseOrder

_MOST = 200
_SHORTEST_HIDDEN = 3


def quote(text: str, hidden: Iterable[str] = ()) -> str:
    """One printable line of at most 200 characters, with `hidden` values blanked.

    Args:
        text: What the upstream said.
        hidden: Personal data and secrets that it may have echoed.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for value in sorted({one.strip() for one in hidden}, key=len, reverse=True):
        if len(value) >= _SHORTEST_HIDDEN:
            line = line.replace(value, "…")
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"


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
        party.postal_code,
        party.phone,
        party.email,
    ]

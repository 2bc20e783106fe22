"""Goods that came back to the warehouse: its list, and receipts as the ledger keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.states import NoteState

LISTED_FROM = "returns.listed_from"
"""The first day of the last complete list, in the ledger's facts."""
FORGOTTEN_TO = "returns.forgotten_to"
"""The last day of which receipts were pruned: what is listed of it and before is known."""
UNAVAILABLE = "returns.unavailable_since"
"""Since when VeraCore has not listed returned goods for this account; empty: it does."""


@dataclass(frozen=True, slots=True)
class ReturnedRow:
    """A receipt of goods in the warehouse's list.

    `product` is VeraCore's part, `variation` its version, size and colour; `returned_at` is UTC.
    Reasons and `disposition` may be changed after the receipt, when the goods are evaluated.
    """

    order_id: str
    reference: str
    slip: str
    product: str
    quantity: int
    returned_at: datetime
    variation: str = ""
    order_reason: str = ""
    product_reason: str = ""
    disposition: str = ""
    received_as: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableReturn:
    """A row that cannot be read; `name` is what it shows of itself, perhaps nothing."""

    name: str
    problem: str


ListedReturn = ReturnedRow | UnreadableReturn


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt to be stored.

    Args:
        row: As it was listed.
        key: A digest of what identifies a receipt; several receipts may have the same one.
        details: A digest of the rest, which may change later.
        day: The warehouse's day, ``YYYY-MM-DD``.
        note: Whether a note is to be written into the order's history.
    """

    row: ReturnedRow
    key: str
    details: str
    day: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A stored receipt whose note is to be written.

    `asked_at` is when the last request for it ends at the latest, corrected by its tick; `nth`
    counts the receipts with its key.
    """

    id: int
    key: str
    nth: int
    veracore_id: str
    slip: str
    product: str
    quantity: int
    day: str
    disposition: str
    note: NoteState
    tries: int
    asked_at: datetime | None

"""The protocol of the ledger's receipts of returned goods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from veracore_sync.domain.returns import Receipt, ReceiptRow
from veracore_sync.domain.states import Applied


class ReceiptStore(Protocol):
    """Receipts, each stored once, and the notes about them in the shop.

    The transitions of a note are `veracore_sync.domain.states.NOTE_TRANSITIONS`.
    """

    def known(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """The details of each stored receipt with one of these keys, by key."""

    def record(self, receipt: Receipt) -> None:
        """Store a receipt, in the open unit of work."""

    def open_notes(self, limit: int) -> list[ReceiptRow]:
        """Receipts whose note is to be written, the least tried first."""

    def ask(self, row: ReceiptRow, ends_by: datetime) -> Applied:
        """A note is about to be written; the request ends at `ends_by` (UTC) at the latest."""

    def not_asked(self, row: ReceiptRow) -> Applied:
        """The request was not sent, or wrote nothing for certain."""

    def unanswered(self, row: ReceiptRow) -> Applied:
        """Our side of the request has ended, and it is unknown whether the note was written."""

    def written(self, row: ReceiptRow) -> Applied:
        """The shop has the note."""

    def drop(self, row: ReceiptRow) -> Applied:
        """The shop no longer has the order."""

    def summary(self) -> dict[str, Any]:
        """Counts for `stats`: ``totalReceived``, ``notesWaiting``."""

"""Which of the listed receipts are new; pure.

A receipt has no number at VeraCore, so it is known by what does not change: order, slip, product,
variation, day and time, units. Two receipts may agree in all of that; they are counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from veracore_sync.clock import to_text
from veracore_sync.domain.returns import Receipt, ReceiptRow, ReturnedRow
from veracore_sync.domain.states import NoteState

_DIGITS = 24


def by_key(rows: Iterable[ReturnedRow], zone: ZoneInfo) -> dict[str, list[Receipt]]:
    """The receipts of one answer by key, in its order.

    Args:
        rows: Of one answer: a day at whose beginning one answer ends may be in the next, too, so
            the receipts of two answers must not be counted together.
        zone: The warehouse's.
    """
    found: dict[str, list[Receipt]] = {}
    for row in rows:
        # The local time, as VeraCore writes it: it stays the same if the setting of the zone is
        # corrected later.
        local = row.returned_at.astimezone(zone).replace(tzinfo=None)
        key = _digest(
            row.order_id.casefold(),
            row.slip,
            row.product.casefold(),
            row.variation,
            local.isoformat(),
            str(row.quantity),
        )
        details = _digest(
            row.reference, row.order_reason, row.product_reason, row.disposition, row.received_as
        )
        found.setdefault(key, []).append(Receipt(row, key, details, local.date().isoformat()))
    return found


def new_receipts(
    listed: Mapping[str, Sequence[Receipt]],
    known: Mapping[str, Sequence[str]],
    forgotten_to: str = "",
) -> list[Receipt]:
    """The receipts to record.

    Args:
        listed: The receipts of one answer by key.
        known: The details of the recorded ones by key.
        forgotten_to: What is listed of this day (``YYYY-MM-DD``) or an earlier one is known.
    """
    new: list[Receipt] = []
    for key, receipts in listed.items():
        if receipts[0].day <= forgotten_to:
            continue
        recorded = known.get(key, ())
        left = len(receipts) - len(recorded)
        if left > 0:
            new += _unmatched(receipts, recorded)[:left]
    return new


def _unmatched(receipts: Sequence[Receipt], recorded: Sequence[str]) -> list[Receipt]:
    """The receipts whose details were not recorded: at least as many as are new."""
    # Which of several equal receipts is the new one shows in their details, as far as these did
    # not change since; the number of new ones does not depend on it.
    have = Counter(recorded)
    fresh = []
    for one in receipts:
        if have[one.details]:
            have[one.details] -= 1
        else:
            fresh.append(one)
    return fresh


def event_data(receipt: Receipt, code: str | None) -> dict[str, Any]:
    """The data of ``return.received``.

    Args:
        receipt: The receipt.
        code: The order's code; ``None`` if the ledger does not hold the order.
    """
    row = receipt.row
    return {
        "vendureOrderCode": code,
        "veracoreOrderId": row.order_id,
        "reference": row.reference,
        "slip": row.slip,
        "productId": row.product,
        "quantity": row.quantity,
        "returnedAt": to_text(row.returned_at),
        "orderReasonCode": row.order_reason,
        "productReasonCode": row.product_reason,
        "disposition": row.disposition,
        "receivedAs": row.received_as,
    }


def note_text(row: ReceiptRow) -> str:
    """The note in the order's history; it ends with the mark by which it is found again."""
    disposition = f" ({row.disposition})" if row.disposition else ""
    slip = f" of slip {row.slip}" if row.slip else ""
    what = f"VeraCore received {row.quantity} x {row.product}{slip} back on {row.day}{disposition}"
    return f"{what} {mark_of(row)}"


def mark_of(row: ReceiptRow) -> str:
    """What only the note about this receipt contains, whichever ledger has it written."""
    return f"[receipt {_digest(row.key, str(row.nth))[:12]}]"


def is_about(row: ReceiptRow, note: str) -> bool:
    """Whether that note is the one about this receipt."""
    if mark_of(row) in note:
        return True
    # The number of a row is another one in a ledger that was restored, so such a mark shows only
    # what this ledger itself has asked for.
    earlier = _digest(row.veracore_id.casefold(), row.slip, row.product, row.day, str(row.id))
    return row.note is NoteState.ASKED and f"[receipt {earlier[:12]}]" in note


def _digest(*fields: str) -> str:
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()[:_DIGITS]

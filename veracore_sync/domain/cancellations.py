"""The wish to cancel an order that VeraCore accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from veracore_sync.domain.states import CancelState
from veracore_sync.domain.warehouse import WarehouseRecord

WantedBy = Literal["person", "shop"]


@dataclass(frozen=True, slots=True)
class CancellationRow:
    """A cancellation in the ledger. Times are UTC texts.

    Args:
        code: The order's code in the shop.
        veracore_id: The id under which VeraCore is asked.
        state: Where it stands.
        wanted_by: A person, by the command; or the shop, which cancelled the order.
        asked: How many requests were sent, or may have been.
        looks: How many look-ups in a row showed nothing new.
        message: The last answer, or why it ended; no personal data.
        wanted_at: Since when it is wanted.
        asked_at: When the last request was intended.
        seen_at: When a look-up first showed the order cancelled; ``None``: the last one did not.
        seen_tick: The same as a tick of the monotonic clock.
        left_at: When the goods were seen to have left.
        next_attempt_at: When it is looked up next; ``None``: in the next run.
        updated_at: When the row changed last.
    """

    code: str
    veracore_id: str
    state: CancelState
    wanted_by: WantedBy
    asked: int
    looks: int
    message: str | None
    wanted_at: str
    asked_at: str | None
    seen_at: str | None
    seen_tick: str | None
    left_at: str | None
    next_attempt_at: str | None
    updated_at: str


def open_slips(record: WarehouseRecord) -> list[str]:
    """The pick slips of a record that may still leave: not voided, and not gone yet."""
    return [
        one.slip
        for one in record.shipments
        if not one.packages or any(package.is_waiting for package in one.packages)
    ]


def left_slips(record: WarehouseRecord) -> list[str]:
    """The pick slips of a record of which a package has left."""
    return [one.slip for one in record.shipments if any(pack.is_live for pack in one.packages)]


def is_cancelled_wholly(record: WarehouseRecord) -> bool:
    """Whether every unit is cancelled and nothing of the order can leave any more.

    A pick slip that is still open may ship although the order is shown as cancelled.
    """
    return record.status == "cancelled" and not open_slips(record) and not left_slips(record)

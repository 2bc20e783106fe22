"""What the three sides have of one order, as it is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.differences import Difference
from veracore_sync.domain.ledger_records import AcceptedAlert
from veracore_sync.domain.order_records import AttemptRow, OrderRow
from veracore_sync.domain.pick_slips import SlipRow, TrackedRow
from veracore_sync.domain.warehouse import ShippedRow
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.warehouse import LookUp


@dataclass(frozen=True, slots=True)
class LedgerSide:
    """What the ledger has of an order.

    `compared` and `sent` are what the comparison with the shop keeps (`jobs.orders.compare`);
    `accepted` is what a person accepted of its alerts.
    """

    row: OrderRow
    attempts: tuple[AttemptRow, ...] = ()
    slips: tuple[SlipRow, ...] = ()
    tracked: TrackedRow | None = None
    cancellation: CancellationRow | None = None
    compared: ComparedRow | None = None
    sent: Facets | None = None
    accepted: tuple[AcceptedAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderSides:
    """What the three sides have of one order.

    Args:
        code: The order's code in the shop.
        read_at: When the first of them was read (UTC).
        ledger: ``None``: the ledger does not hold it.
        shop: ``None``: the shop was asked and has no such order.
        seen: What look-ups of this run found, by the VeraCore id that was asked for.
        listed: The order's packages in VeraCore's list of shipments.
        shop_unread: Why the shop's order could not be read; empty: it was.
    """

    code: str
    read_at: datetime
    ledger: LedgerSide | None
    shop: WholeOrder | None
    seen: Mapping[str, LookUp] = field(default_factory=dict)
    listed: tuple[ShippedRow, ...] = ()
    shop_unread: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found of one order.

    `unseen` says what could not be read of it, `moving` what of it is on its way (a doubt, an order
    that was placed a moment ago): then nothing is concluded. Both empty: it was compared.
    """

    code: str
    differences: tuple[Difference, ...] = ()
    unseen: str = ""
    moving: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether the sides were compared."""
        return not self.unseen and not self.moving


class Examiner(Protocol):
    """Compares orders now, from fresh reads of all sides."""

    def examine(self, codes: Sequence[str]) -> list[Examined]:
        """Read and compare these, each suspect twice.

        Raises:
            SyncError: A side as a whole cannot be read.
        """

"""What the ledger, the shop and the warehouse may disagree about, and what repairs each.

The names of the types are stored in the ledger and shown in ``--json`` documents, so they never
change. docs/reconcile.md explains each; its table is generated from `DIFFERENCES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from veracore_sync.domain.kinds import AlertKind


class DifferenceType(StrEnum):
    """In which way the three sides disagree."""

    PAID_NOT_SENT = "paid_not_sent"
    SENT_NOT_IN_LEDGER = "sent_not_in_ledger"
    IN_LEDGER_NOT_AT_WAREHOUSE = "in_ledger_not_at_warehouse"
    CONTENT_DIFFERS = "content_differs"
    CANCELLED_HERE_LIVE_THERE = "cancelled_here_live_there"
    CANCELLED_THERE_OPEN_HERE = "cancelled_there_open_here"
    SHIPPED_NOT_FULFILLED = "shipped_not_fulfilled"
    SHIPPED_NOT_ORDERED = "shipped_not_ordered"
    FULFILLED_NOT_SHIPPED = "fulfilled_not_shipped"
    TRACKING_DIFFERS = "tracking_differs"
    ALLOCATED_SHORT = "allocated_short"
    STOCK_DIFFERS = "stock_differs"
    FOREIGN_AT_WAREHOUSE = "foreign_at_warehouse"


@dataclass(frozen=True, slots=True)
class DifferenceEntry:
    """What is said about a type.

    Args:
        meaning: What disagrees, in one sentence.
        repair: The command that repairs it, with ``NAME`` for what it is about; empty: none does.
        applied: Whether ``reconcile --apply`` carries the repair out.
        by_hand: What a person does where no command repairs it.
        told_by: Alerts that tell the same: while one of them is open, no second alert is opened.
    """

    meaning: str
    repair: str = ""
    applied: bool = False
    by_hand: str = ""
    told_by: frozenset[AlertKind] = frozenset()


_T, _A = DifferenceType, AlertKind

DIFFERENCES: Mapping[DifferenceType, DifferenceEntry] = {
    _T.PAID_NOT_SENT: DifferenceEntry(
        "The shop has a paid order that is to be sent, and VeraCore does not have it",
        "sync-orders --order NAME",
        applied=True,
        told_by=frozenset({_A.ORDER_PARKED, _A.ORDER_CONFLICT, _A.ORDER_OLD}),
    ),
    _T.SENT_NOT_IN_LEDGER: DifferenceEntry(
        "VeraCore has an order of this shop, and the ledger does not know it as sent",
        "reconcile --apply sent_not_in_ledger --order NAME",
        applied=True,
        by_hand="Cancel it at VeraCore if the shop cancelled it, or if it is a second one",
        told_by=frozenset({_A.ORDER_CONFLICT, _A.ORDER_SHIPPED_CANCELLED}),
    ),
    _T.IN_LEDGER_NOT_AT_WAREHOUSE: DifferenceEntry(
        "The ledger knows the order as accepted, and VeraCore does not find it",
        by_hand="Have VeraCore restore it, or ship it by hand; it is never sent again by itself",
        told_by=frozenset({_A.ORDER_MISSING}),
    ),
    _T.CONTENT_DIFFERS: DifferenceEntry(
        "VeraCore holds other units, or the shop changed the address, the shipping or the prices "
        "after the order was sent",
        by_hand="Make the same change at VeraCore",
        told_by=frozenset({_A.ORDER_DRIFT, _A.ORDER_SHORT, _A.ORDER_SHORT_SHIPPED}),
    ),
    _T.CANCELLED_HERE_LIVE_THERE: DifferenceEntry(
        "The shop cancelled the order, and VeraCore will ship it",
        "cancel NAME",
        applied=True,
        by_hand="Cancel it at VeraCore",
        told_by=frozenset({_A.ORDER_CANCELLED_IN_SHOP, _A.ORDER_NOT_CANCELLED}),
    ),
    _T.CANCELLED_THERE_OPEN_HERE: DifferenceEntry(
        "VeraCore cancelled the order, and it is open in the shop",
        # The ledger records it; nothing is cancelled or refunded in the shop by us.
        applied=True,
        by_hand="Cancel and refund it in the shop, or send it again: "
        "`veracore-sync resolve NAME --new-id`",
        told_by=frozenset({_A.ORDER_CANCELLED}),
    ),
    _T.SHIPPED_NOT_FULFILLED: DifferenceEntry(
        "VeraCore shipped units that no fulfilment of the shop has",
        "sync-tracking --order NAME --force",
        applied=True,
        by_hand="Bring the order into a state in which it can be fulfilled, or fulfil it by hand",
        told_by=frozenset(
            {
                _A.ORDER_UNFULFILLABLE,
                _A.ORDER_UNFULFILLED,
                _A.ORDER_SHIPMENT_WAITING,
                _A.ORDER_PENDING_BY_HAND,
                _A.ORDER_UNANSWERED,
            }
        ),
    ),
    _T.SHIPPED_NOT_ORDERED: DifferenceEntry(
        "VeraCore shipped more than the order contains",
        by_hand="Have the units sent back, or give them away",
        told_by=frozenset({_A.ORDER_BEYOND, _A.ORDER_SHIPPED_CANCELLED}),
    ),
    _T.FULFILLED_NOT_SHIPPED: DifferenceEntry(
        "The shop has units as fulfilled that VeraCore has not shipped, so they may leave twice",
        by_hand="Cancel the fulfilment in the shop, or take the units out of the order at VeraCore",
        told_by=frozenset({_A.ORDER_DRIFT, _A.ORDER_VOIDED, _A.ORDER_DOUBLED}),
    ),
    _T.TRACKING_DIFFERS: DifferenceEntry(
        "The shop shows other tracking numbers than VeraCore, and no event reported it",
        "sync-tracking --order NAME --force",
        applied=True,
    ),
    _T.ALLOCATED_SHORT: DifferenceEntry(
        "Vendure allocated fewer units than the paid order asks for",
        by_hand="If VeraCore cannot fill it, cancel and refund it in the shop",
        told_by=frozenset({_A.ORDER_SHORTFALL}),
    ),
    _T.STOCK_DIFFERS: DifferenceEntry(
        "The shop offers other units of a SKU than VeraCore's stock allows",
        "sync-inventory --sku NAME",
        applied=True,
        told_by=frozenset({_A.STOCK_GUARDED, _A.STOCK_REFUSED}),
    ),
    _T.FOREIGN_AT_WAREHOUSE: DifferenceEntry(
        "VeraCore shipped an order that neither the ledger nor the shop knows",
        by_hand="Find out at VeraCore who placed it; accept those of other systems",
    ),
}

NOT_OF_ORDERS: Mapping[DifferenceType, AlertKind] = {
    _T.STOCK_DIFFERS: AlertKind.STOCK_DIFFERS,
    _T.FOREIGN_AT_WAREHOUSE: AlertKind.VERACORE_FOREIGN,
}
"""Types that concern no order of the shop. All of a type share one alert: they may be thousands."""
ORDER_TYPES = frozenset(_T) - frozenset(NOT_OF_ORDERS)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the sides disagree about. No personal data is in any of its texts.

    Args:
        type: In which way.
        name: The order's code; the SKU; or VeraCore's id of an order that is not the shop's.
        detail: What tells two of one type and name apart: a slip, for example.
        ledger: What the ledger has.
        shop: What the shop has.
        warehouse: What VeraCore has.
        since: Since when it is so, as far as that is known (UTC).
        veracore_id: The order's id at VeraCore, if it is about one.
        repair: The command to type, without the program's name; empty: no command repairs it.
    """

    type: DifferenceType
    name: str
    ledger: str
    shop: str
    warehouse: str
    since: datetime | None
    detail: str = ""
    veracore_id: str = ""
    repair: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same difference in the next run."""
        return (self.type, self.name, self.detail)

    @property
    def mark(self) -> str:
        """What a person accepts: the same difference with other evidence is news."""
        return f"{self.ledger}\n{self.shop}\n{self.warehouse}"


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference as the ledger remembers it. Times are UTC texts.

    `accepted_mark` is what was accepted with `reason`; `ended_at` is when it was seen to be gone.
    """

    difference: Difference
    first_seen_at: str
    last_seen_at: str
    ended_at: str | None = None
    accepted_at: str | None = None
    accepted_mark: str | None = None
    reason: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether a person accepted it as it is now."""
        return self.accepted_mark == self.difference.mark


def alerts_of(rows: Iterable[DifferenceRow]) -> set[tuple[str, AlertKind]]:
    """The names, and the kinds of alert that report the same: of what no one accepted."""
    return {
        (row.difference.name, kind)
        for row in rows
        if not row.is_accepted
        for kind in DIFFERENCES[row.difference.type].told_by
    }


@dataclass(frozen=True, slots=True)
class AgreedRow:
    """An order of which all sides agreed.

    `fingerprint` is a digest of what the ledger and the shop had; while it is the same and the
    order has ended, it need not be looked up again. `at` is a UTC text.
    """

    code: str
    at: str
    fingerprint: str

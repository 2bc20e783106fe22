"""Which order a code means: the shop may give the code of one order to another.

It happens when a shop is restored from a backup, and when its codes count. Vendure's id and
``orderPlacedAt`` show it; without them the second order would pass as the first, which was sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.warehouse import WarehouseRecord

CHANNEL_UNSET = "default"
"""What stands for the channel in the identity of a shop without ``vendure.channel_token``."""
_NO_DATE = 1990
_ZONE = timedelta(hours=26)
"""How far apart two clocks may be that name no time zone, or the wrong one."""
_SAME = timedelta(seconds=1)
"""A database may have stored the time of placement without its fractions of a second."""


def is_another(row: OrderRow, vendure_id: str, placed_at: datetime | None) -> bool:
    """Whether the shop's order is another one than the ledger's order with its code."""
    return differs(row.vendure_id, row.placed_at, vendure_id, placed_at)


def in_another_channel(shop: str, other: str) -> bool:
    """Whether two identities of a ledger's shop (address, channel) have one address."""
    return shop != other and shop.partition(" ")[0] == other.partition(" ")[0]


def differs(
    known_id: str, known_placed_at: str | None, vendure_id: str, placed_at: datetime | None
) -> bool:
    """Whether two orders with one code differ by id or time; what is unknown does not differ."""
    if known_id and vendure_id and known_id != vendure_id:
        return True
    if known_placed_at is None or placed_at is None:
        return False
    return abs(datetime.fromisoformat(known_placed_at) - placed_at) > _SAME


def left_before(record: WarehouseRecord, placed_at: datetime | None) -> bool:
    """Whether the warehouse shipped it before the shop's order was placed: it is another order."""
    if placed_at is None:
        return False
    times = [one.shipped_at for shipment in record.shipments for one in shipment.packages]
    # A dialect writes year 1 or the epoch where it has no date; neither says anything.
    left = [at for at in times if at is not None and at.year > _NO_DATE]
    return bool(left) and min(left) < placed_at - _ZONE

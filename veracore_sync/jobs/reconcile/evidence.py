"""What each side has, in words: states, ids, units, slips and tracking numbers; pure.

Nothing of it is personal data. The words are what a person accepts, so they hold nothing that
moves by itself, such as an age, a count of tries, or an upstream's message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from veracore_sync.domain.cancellations import is_cancelled_wholly, left_slips, open_slips
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.texts import one_line
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.change_words import listed

NO_ORDER = "no such order"
_MOST = 20


def ledger_words(row: OrderRow | None) -> str:
    """What the ledger has of an order."""
    if row is None:
        return NO_ORDER
    cause = f" ({row.cause})" if row.cause else ""
    known_as = f" as {one_line(row.veracore_id)}" if row.veracore_id else ""
    return f"{row.state}{cause}{known_as}"


def shop_words(shop: WholeOrder | None) -> str:
    """What the shop has of an order: its state, and the units that are ordered."""
    if shop is None:
        return NO_ORDER
    units: dict[str, int] = {}
    for line in shop.content.lines:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    return with_units(one_line(shop.content.state), units)


def record_words(record: WarehouseRecord) -> str:
    """What VeraCore has of an order: its id, whether it ships, and what has left."""
    words = [f"{one_line(record.id)}: {status_words(record)}"]
    if record.lines:
        units: dict[str, int] = {}
        for line in record.lines:
            units[line.sku.strip()] = units.get(line.sku.strip(), 0) + line.quantity
        words.append(counted(units))
    if gone := left_slips(record):
        words.append(f"{slips_words(gone)} {'has' if len(gone) == 1 else 'have'} left")
    return ", ".join(words)


def status_words(record: WarehouseRecord) -> str:
    """Whether an order ships, in VeraCore's words where it has some."""
    if is_cancelled_wholly(record):
        return "cancelled"
    if record.status == "cancelled" and (still := open_slips(record)):
        return f"cancelled, but {slips_words(still)} {'is' if len(still) == 1 else 'are'} open"
    if record.is_complete:
        return "complete"
    return record.status if record.status != "unknown" else "present"


def slips_words(slips: Iterable[str]) -> str:
    """Slips by name."""
    names = [one_line(slip) for slip in dict.fromkeys(slips)]
    return f"slip{'s' if len(names) > 1 else ''} {', '.join(names)}"


def with_units(words: str, units: Mapping[str, int]) -> str:
    """The words, and the units by SKU, if there are any."""
    counts = counted(units)
    return f"{words}, {counts}" if counts else words


def counted(units: Mapping[str, int]) -> str:
    """Units by SKU."""
    words = [f"{count} x {one_line(sku)}" for sku, count in sorted(units.items()) if count]
    more = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {more} more" if more > 0 else "")


def joined(words: Sequence[str]) -> str:
    """A few of them, in one line."""
    return one_line(listed(list(words)))

"""Why a complete read of the warehouse's stock is rejected as suspicious."""

from __future__ import annotations

from collections.abc import Collection

from veracore_sync.jobs.inventory.plan import GUARD_LEAST, Guard
from veracore_sync.ports.stock_staging import StagingStore


def implausible(
    book: StagingStore,
    nameless: int,
    unseen: Collection[str],
    most: int,
    *,
    allowed: bool,
    known: tuple[int, int],
) -> Guard | None:
    """The guard that rejects a read of stock, or ``None``.

    An empty read, or one that lacks a warehouse or many SKUs, would set the whole shop to zero.

    Args:
        book: What was read.
        nameless: How many rows of stock had no SKU.
        unseen: Mapped warehouses that no row named.
        most: ``inventory.max_zero_percent``.
        allowed: ``--allow-mass-change``: only an empty read is rejected then.
        known: How many SKUs of the shop are known at VeraCore, and how many of these are missing.
    """
    if not book.count_parts():
        return Guard("empty", "VeraCore reported no stock at all", False)
    if allowed:
        return None
    unread = book.count_unread() + nameless
    rows = book.count_parts() + nameless
    if unread >= GUARD_LEAST and unread * 100 > rows * most:
        return Guard(
            "unreadable",
            f"{unread} of {rows} SKUs in VeraCore's stock cannot be read, more than "
            f"inventory.max_zero_percent ({most})",
            decreases=False,
        )
    if unseen:
        return Guard(
            "warehouse",
            f"VeraCore reported no stock in {', '.join(sorted(unseen))}, which "
            "[inventory.locations] names",
            decreases=False,
        )
    count, lacking = known
    if lacking >= GUARD_LEAST and lacking * 100 > count * most:
        return Guard(
            "missing",
            f"{lacking} of {count} known SKUs are missing from VeraCore's stock, more than "
            f"inventory.max_zero_percent ({most})",
            decreases=False,
        )
    return None

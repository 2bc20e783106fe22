"""SQLite: what was intended, sent, seen and failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.ledger.alerts import Alert, Alerts
from veracore_sync.ledger.breaker import Breakers
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.holdings import Holdings
from veracore_sync.ledger.meta import Meta
from veracore_sync.ledger.moves import Discovery, Intent, Moves, Seen, Trouble
from veracore_sync.ledger.orders import (
    AttemptRow,
    OrderRow,
    Orders,
    Sent,
    fresh_row,
    open_attempts,
)
from veracore_sync.ledger.outbox import Outbox
from veracore_sync.ledger.refusals import Refusals
from veracore_sync.ledger.runs import Run, Runs
from veracore_sync.ledger.shipments import Shipments
from veracore_sync.ledger.unread import Unread, UnreadRow

__all__ = [
    "Alert",
    "AttemptRow",
    "Discovery",
    "Intent",
    "Ledger",
    "Moves",
    "OrderRow",
    "Orders",
    "Run",
    "Seen",
    "Sent",
    "Trouble",
    "UnreadRow",
    "fresh_row",
    "open_attempts",
]


class Ledger:
    """The ledger of one shop and one warehouse.

    Args:
        path: The SQLite file; ``None`` keeps it in memory.
        read_only: Refuse every write (dry runs, ``stats``); the file must exist.
        clock: The wall clock for every time that is written.
        hooks: The names of the hooks that get events; without any, no event is kept.

    Raises:
        LedgerError: It cannot be opened, or is damaged.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        clock: Clock | None = None,
        hooks: Sequence[str] = (),
    ) -> None:
        ticking = clock or SystemClock()
        self.database = Database(path, read_only=read_only)
        self.path = self.database.path
        self.meta = Meta(self.database, ticking)
        self.outbox = Outbox(self.database, ticking, hooks)
        self.alerts = Alerts(self.database, self.outbox, ticking)
        self.orders = Orders(self.database, ticking)
        self.holdings = Holdings(self.database, ticking)
        self.moves = Moves(self.database, self.alerts, self.outbox, ticking)
        self.shipments = Shipments(self.database, ticking)
        self.unread = Unread(self.database)
        self.runs = Runs(self.database, ticking)
        self.breakers = Breakers(self.database, self.alerts, ticking)
        self.refusals = Refusals(self.database, self.meta, ticking)

    def close(self) -> None:
        """Close the file."""
        self.database.close()

"""What the ledger tells of how orders, shipments and stock move; only reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from veracore_sync.domain.throughput import Departure, OrderCount, SentOrder


class ThroughputStore(Protocol):
    """Rows of a period, which is from `since` (UTC) on and ends before `until`."""

    def orders_placed(self, since: datetime, until: datetime) -> list[OrderCount]:
        """How many orders were placed, by quarter of an hour and state.

        An order of which the shop did not say when it was placed counts when it was first seen.
        """

    def orders_sent(self, since: datetime, until: datetime) -> list[SentOrder]:
        """The orders that this ledger sent and VeraCore has."""

    def departures(self, since: datetime, until: datetime) -> list[Departure]:
        """The slips whose last package left, oldest first."""

    def successes(self, command: str, since: datetime, until: datetime) -> list[str]:
        """When the runs of a command ended that succeeded, oldest first (UTC texts).

        The first is the last one before the period, if there is any.
        """

    def waiting_since(self, bounds: Sequence[datetime]) -> list[int]:
        """How many of the orders that wait were first seen after each of these times (UTC)."""

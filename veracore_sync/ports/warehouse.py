"""The warehouse as the jobs see it: one port, spoken by each dialect.

A create never raises for what the wire did: its outcome is a value, so that no path can forget to
record it. A read raises an error of `veracore_sync.domain.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.warehouse import ShippedRow, StockRow, WarehouseOrder, WarehouseRecord


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order was taken: its id as echoed, and its internal number (``None`` in rest)."""

    id: str
    sequence: int | None


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Anything but a definite acceptance.

    Args:
        what: What happened, a row of the failure table.
        text: The upstream's own words, cut and cleaned; no personal data.
        hint: What to change, where the refusal is a listed one.
        retry_after: Seconds the upstream asked us to wait.
    """

    what: Occurrence
    text: str
    hint: str = ""
    retry_after: float | None = None


SubmitOutcome = Accepted | NotAccepted


@dataclass(frozen=True, slots=True)
class Present:
    """A look-up found the order."""

    record: WarehouseRecord


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up answered, and the order is not there."""


@dataclass(frozen=True, slots=True)
class LookUpFailed:
    """A look-up gave no usable answer: nothing is known."""

    error: SyncError


LookUp = Present | Absent | LookUpFailed


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a dialect tells beyond the least, which is whether an order is there.

    Args:
        lists_shipped: Which packages left on some days. Else each order is looked up.
        tells_content: Reference and lines of an order. Else an order of somebody else's under our
            id, or one with other units, goes unnoticed.
        tells_shipment_lines: What each shipment holds. Else nothing is fulfilled before the order
            is complete.
        tells_warehouses: Where stock lies. Else all of it is offered at one stock location.
    """

    lists_shipped: bool
    tells_content: bool
    tells_shipment_lines: bool
    tells_warehouses: bool


class Warehouse(Protocol):
    """What every dialect can do; usable by several threads."""

    @property
    def capabilities(self) -> Capabilities:
        """What it tells. The jobs ask for this, never for the name of a dialect."""

    @property
    def is_sandbox(self) -> bool:
        """Whether an answer so far bore the simulator's header."""

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far its clock was ahead of ours at its newest answer; ``None`` where it sent none."""

    def check_connection(self, known_id: str | None) -> None:
        """Prove that the warehouse listens to us, before the first create of a run.

        Args:
            known_id: An order id that a look-up found before, if there is one.

        Raises:
            AuthRefused: The credentials were refused.
            Unavailable, TimedOut, RateLimited: It cannot be reached now.
            WrongEndpoint: Something else answers at that address.
        """

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order: one request, never repeated in here."""

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up by its VeraCore id. Reads are retried a little.

        Raises:
            RunOver: The run's time is over; nothing else is raised.
        """

    def stock(self, sku: str | None) -> Iterator[StockRow]:
        """Stock as it streams in: every SKU's, or with `sku` that one's alone.

        Only a read that came to its end without an error is complete. A SKU that the warehouse
        does not know yields nothing: it is unknown, never zero. A row that cannot be read is
        reported as such and ends nothing. Repeated a little until the first row, never afterwards.

        Args:
            sku: A SKU; compared trimmed and without case.

        Raises:
            UsageError: `sku` cannot be asked for alone (empty, or made of wildcards alone).
            AuthRefused, UpstreamError: No usable answer; also in the middle of the stream.
        """

    def shipped(self, first: date, last: date) -> Iterator[ShippedRow]:
        """The packages that left on these days of the warehouse, as they stream in.

        Only a read that came to its end without an error is complete. Whether the last day belongs
        to it, and whether voided packages are in it, differs; so overlap. Empty in a
        dialect without `Capabilities.lists_shipped`.

        Args:
            first: The first day.
            last: A day whose first moment ends the list.

        Raises:
            AuthRefused, UpstreamError: No usable answer; also in the middle of the stream.
        """

    def close(self) -> None:
        """Close the connections."""

"""The warehouse's port, which each dialect implements.

The outcome of a create is a value and never an exception, so that no code path can forget to record
it. A read raises an error of `veracore_sync.domain.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.returns import ListedReturn
from veracore_sync.domain.warehouse import ListedRow, StockRow, WarehouseOrder, WarehouseRecord


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order was accepted: its id as echoed, and its internal number (``None`` in ``rest``)."""

    id: str
    sequence: int | None


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Anything but a definite acceptance.

    Args:
        what: What happened: a row of the failure table.
        text: The upstream's message, shortened and cleaned; no personal data.
        hint: What to change, if the refusal is listed.
        retry_after: Seconds that the upstream asked us to wait.
        operation: What VeraCore calls the request.
        alike: The message without this order's id, to be compared with that for another order;
            empty if it is about anything else of this order.
    """

    what: Occurrence
    text: str
    hint: str = ""
    retry_after: float | None = None
    operation: str = "create"
    alike: str = ""


SubmitOutcome = Accepted | NotAccepted


@dataclass(frozen=True, slots=True)
class Present:
    """A look-up found the order."""

    record: WarehouseRecord


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up was answered, and VeraCore does not have the order.

    `unless` is the error that the answer is if VeraCore gives it for an order that it has, too.
    """

    unless: SyncError | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LookUpFailed:
    """A look-up gave no usable answer, so nothing is known."""

    error: SyncError


LookUp = Present | Absent | LookUpFailed


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether VeraCore lets this account use an operation.

    Args:
        operation: Its name at VeraCore.
        needed_by: The commands that need it.
        error: Why it cannot be used.
        unproven: Why nothing is known, if nothing was refused.
        is_optional: Whether an account may well do without it.
    """

    operation: str
    needed_by: tuple[str, ...]
    error: SyncError | None = None
    unproven: str = ""
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class CancelSent:
    """The request to cancel left, and what it did is unknown, whatever was answered.

    `text` is the upstream's message, shortened and cleaned; for people only. What an answer looks
    like is not known (docs/wire.md 3.7), so only look-ups tell whether the order is cancelled.
    """

    text: str


@dataclass(frozen=True, slots=True)
class CancelNotSent:
    """The request to cancel never left, or was rejected unread: the order is as it was."""

    what: Occurrence
    text: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CancelNotPermitted:
    """This account may not cancel orders, whichever; `text` quotes the refusal."""

    text: str


CancelOutcome = CancelSent | CancelNotSent | CancelNotPermitted


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a dialect can show, beyond whether an order exists.

    Args:
        lists_shipped: Which packages left on given days. If not, each order is looked up.
        tells_content: Reference and lines of an order. If not, another order under our id, or one
            with other units, goes unnoticed.
        tells_shipment_lines: The lines of each shipment. If not, nothing is fulfilled before the
            order is complete.
        tells_warehouses: Stock per warehouse. If not, all stock is offered at one location.
        can_cancel: Cancel an order on request. If not, a person does that at VeraCore.
        lists_returns: Which goods came back on given days. If not, nobody hears of them.
        takes_charges: An order's shipping, surcharges and discounts beside its lines.
        takes_fields: All that an order may carry; if not, no more than who, where to and what.
    """

    lists_shipped: bool
    tells_content: bool
    tells_shipment_lines: bool
    tells_warehouses: bool
    can_cancel: bool
    lists_returns: bool
    takes_charges: bool
    takes_fields: bool


def permission_hint(operation: str) -> str:
    """Where the permission for an operation is given."""
    return (
        f"at VeraCore, give the user of veracore.client_id the permission for {operation}; nothing "
        "has to be done here afterwards, the next run continues"
    )


class Warehouse(Protocol):
    """What every dialect can do; thread-safe."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can show. Jobs ask for this, never for the name of a dialect."""

    @property
    def is_sandbox(self) -> bool:
        """Whether an answer so far had the simulator's header."""

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far its clock was ahead of ours at its last answer; ``None`` if unknown."""

    def check_connection(self, known_id: str | None) -> None:
        """Prove that the warehouse accepts our login, before the first create of a run.

        Args:
            known_id: An order id that a look-up has found before, if there is one.

        Raises:
            AuthRefused: The credentials were refused.
            Unavailable, TimedOut, RateLimited: It cannot be reached now.
            WrongEndpoint: Something else answers at that address.
        """

    def prove(self, known_id: str | None) -> Iterator[Proof]:
        """Try each operation that a command needs with a call that changes nothing.

        Args:
            known_id: The id of an order that VeraCore accepted, if there is one.

        Raises:
            RunOver: The run's time is over; nothing else is raised.
        """

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order with one request, which is never retried."""

    def cancel(self, order_id: str) -> CancelOutcome:
        """Ask for the cancellation of the whole order with one request, which is never retried.

        Without `Capabilities.can_cancel` nothing is sent.
        """

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up by its VeraCore id, with a few retries.

        Raises:
            RunOver: The run's time is over; nothing else is raised.
        """

    def stock(self, sku: str | None) -> Iterator[StockRow]:
        """Stream the stock of every SKU, or of `sku` only.

        Only a stream that ends without an error is complete. A SKU that the warehouse does not know
        yields nothing: it is unknown, never zero. A row that cannot be read is yielded as
        `UnreadableStock`. Retried a few times before the first row, never afterwards.

        Args:
            sku: A SKU; compared trimmed and ignoring case.

        Raises:
            UsageError: `sku` cannot be asked for (empty, or only wildcards).
            AuthRefused, UpstreamError: No usable answer; also in the middle of the stream.
        """

    def shipped(self, first: date, last: date) -> Iterator[ListedRow]:
        """Stream the packages that left on these days, in the warehouse's time zone.

        Only a stream that ends without an error is complete. A row that names no order is yielded
        as `UnreadableShipment`. Tenants differ in whether the last day and voided packages are
        included, so choose overlapping windows. Empty in a dialect without
        `Capabilities.lists_shipped`.

        Args:
            first: The first day.
            last: The day at whose beginning the list ends.

        Raises:
            AuthRefused, UpstreamError: No usable answer; also in the middle of the stream.
        """

    def returned(self, first: date, last: date) -> Iterator[ListedReturn]:
        """Stream the receipts of goods that came back on these days, in the warehouse's time zone.

        A row that cannot be read is yielded as `UnreadableReturn`. What was yielded before an error
        is true; only a stream that ends without one is complete. Two equal rows are two receipts.
        Tenants may differ in whether the last day is included, so choose overlapping windows. Empty
        in a dialect without `Capabilities.lists_returns`.

        Args:
            first: The first day.
            last: The day at whose beginning the list ends.

        Raises:
            AuthRefused, UpstreamError: No usable answer; also in the middle of the stream. One of
                `ONLY_THIS_OPERATION`: this account has no such operation.
        """

    def close(self) -> None:
        """Close the connections."""

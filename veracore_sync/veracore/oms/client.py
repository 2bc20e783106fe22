"""VeraCore over SOAP: one class, the port's `Warehouse`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import (
    Occurrence,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
    WrongEndpoint,
)
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.held_orders import unit_key
from veracore_sync.domain.listed_words import repeat
from veracore_sync.domain.personal import personal, quote
from veracore_sync.domain.returns import ListedReturn
from veracore_sync.domain.warehouse import ListedRow, StockRow, WarehouseOrder
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    CancelOutcome,
    Capabilities,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    Proof,
    SubmitOutcome,
    permission_hint,
)
from veracore_sync.transport.http import Gate, NoResponse
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.faults import (
    ADDRESS_HINT,
    alike,
    is_login_refusal,
    is_outage,
    is_permission_refusal,
    meaning_of,
    says_not_found,
)
from veracore_sync.veracore.oms import adjustment, write
from veracore_sync.veracore.oms.parse import UnreadableXml, is_nil, shape, text, whole_number
from veracore_sync.veracore.oms.record import is_empty_record, order_record
from veracore_sync.veracore.oms.returns import returned_row
from veracore_sync.veracore.oms.service import UPSTREAM, Fault, NotSoap, Service
from veracore_sync.veracore.oms.shipments import day_text, shipped_row
from veracore_sync.veracore.oms.stock import pattern_of, stock_row
from veracore_sync.veracore.text import blank_id, ours

_CREDENTIALS_HINT = (
    "check veracore.client_id, veracore.client_secret and veracore.company_id, and that the web "
    "service user may use AddOrder, GetOrderInfo, GetProductAvailabilities and GetShippingCharge"
)
# An answer given while VeraCore was failing must not decide about absences for the rest of the run.
_SHAPE_SECONDS = 600.0
_EMPTY_DAY = date(2000, 1, 1)
NEEDED_BY = {
    "AddOrder": ("sync-orders",),
    "GetOrderInfo": ("sync-orders", "sync-tracking"),
    "GetProductAvailabilities": ("sync-inventory", "sync-orders"),
    "GetShippingCharge": ("sync-tracking",),
    "GetProductReturns": ("sync-returns",),
}
_LISTS_OF_DAYS = ("GetShippingCharge", "GetProductReturns")
_UNPROVEN = "it cannot be tried without creating an order"


class OmsWarehouse:
    """A tenant's order service; usable by several threads.

    Args:
        settings: ``[veracore]``.
        probe_id: An order id that cannot exist.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """

    capabilities = Capabilities(
        lists_shipped=True,
        tells_content=True,
        tells_shipment_lines=True,
        tells_warehouses=True,
        can_cancel=True,
        lists_returns=True,
        takes_charges=True,
        takes_fields=True,
    )

    def __init__(
        self,
        settings: VeracoreSettings,
        *,
        probe_id: str,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._probe_id = probe_id
        self._clock = clock or SystemClock()
        # No document says how an unknown order is answered (docs/wire.md 5.1), so the answer for an
        # id that cannot exist is taken as the pattern.
        self._absent_shape = ""
        self._absent_shape_until = 0.0
        self._service = Service(settings, retry=retry, gate=gate, clock=clock)

    @property
    def is_sandbox(self) -> bool:
        """Whether an answer so far bore the simulator's header."""
        return self._service.is_sandbox

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the warehouse's clock is ahead of ours, once an answer carried its time."""
        return self._service.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    # ---- the control call ---------------------------------------------------------------------

    def check_connection(self, known_id: str | None) -> None:
        """Prove that address and credentials work; see the port.

        Either the known order is found, or the stock of a part that cannot exist is an empty list.
        """
        # Both transfer next to nothing; a wrong address or login would answer neither way.
        if known_id is not None and isinstance(self.look_up(known_id), Present):
            return
        if self._must_be_used("GetProductAvailabilities"):
            raise self._wrong_endpoint("it returned stock of a part that cannot exist")

    def prove(self, known_id: str | None) -> Iterator[Proof]:
        """Try each operation; see the port."""
        yield Proof("AddOrder", NEEDED_BY["AddOrder"], unproven=_UNPROVEN)
        yield self._proof("GetOrderInfo", lambda: self._prove_look_ups(known_id))
        for operation in ("GetProductAvailabilities", "GetShippingCharge"):
            yield self._proof(operation, partial(self._must_be_used, operation))
        # Many tenants do without it, so its absence is no fault of theirs.
        last = self._proof("GetProductReturns", partial(self._must_be_used, "GetProductReturns"))
        yield replace(last, is_optional=True)

    def _proof(self, operation: str, use: Callable[[], object]) -> Proof:
        try:
            use()
        except RunOver:
            raise
        except SyncError as error:
            return Proof(operation, NEEDED_BY[operation], error)
        return Proof(operation, NEEDED_BY[operation])

    def _prove_look_ups(self, known_id: str | None) -> None:
        found = self.look_up(known_id or self._probe_id)
        if isinstance(found, LookUpFailed):
            raise found.error
        if known_id is not None and isinstance(found, Absent) and found.unless is not None:
            raise found.unless

    # ---- refusals -----------------------------------------------------------------------------

    def _must_be_used(self, operation: str) -> str:
        """Use an operation about something that cannot exist; the text of its result.

        Raises:
            AuthRefused: A fault: only the account can be the reason.
            SyncError: No usable answer.
        """
        try:
            result = self._service.read(operation, **self._harmless(operation))
        except Fault as fault:
            raise self._listed(fault) or self._not_permitted(operation, fault) from fault
        return "".join(result.itertext()).strip()

    def _harmless(self, operation: str) -> dict[str, str]:
        if operation in _LISTS_OF_DAYS:
            return {"StartDate": day_text(_EMPTY_DAY), "EndDate": day_text(_EMPTY_DAY)}
        part = f"NO-SUCH-PART-{self._probe_id}"
        return {"partNumber": part, "owner": self._settings.company_id}

    def _meaning(self, operation: str, fault: Fault) -> SyncError:
        """What the fault of a list means: it is the account's if nothing is answered either."""
        listed = self._listed(fault)
        if listed is not None:
            return listed
        try:
            self._must_be_used(operation)
        except SyncError as error:
            return error
        return _not_understood(f"{operation} was refused: {self._quoted(fault)}")

    def _listed(self, fault: Fault) -> SyncError | None:
        """The error of a fault that means the same for whatever is asked."""
        if is_login_refusal(fault.message):
            words = f"VeraCore refused the request: {self._quoted(fault)}"
            what = Occurrence.LOGIN_REFUSED
            return read_error(what, words, upstream=UPSTREAM, hint=_CREDENTIALS_HINT)
        if is_outage(fault.message):
            words = f"VeraCore's database fails: {self._quoted(fault)}"
            return read_error(Occurrence.DATABASE, words, upstream=UPSTREAM)
        return None

    def _not_permitted(self, operation: str, fault: Fault) -> SyncError:
        return read_error(
            Occurrence.NOT_PERMITTED,
            f"VeraCore refuses {operation} to this web service user: {self._quoted(fault)}",
            upstream=UPSTREAM,
            hint=permission_hint(operation),
        )

    def _wrong_endpoint(self, why: str) -> WrongEndpoint:
        return WrongEndpoint(
            f"{self._service.url} does not answer as VeraCore's order service: {why}",
            hint=ADDRESS_HINT,
        )

    # ---- creating -----------------------------------------------------------------------------

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order; see the port. One request."""
        hidden = personal(order) + self._secrets()
        try:
            result = self._add_order(order)
        except RateLimited as error:
            return NotAccepted(Occurrence.HTTP_429, error.message, retry_after=error.retry_after)
        except SyncError as error:
            # The gate held the request back, so the order was certainly not sent.
            return NotAccepted(Occurrence.NOT_CONNECTED, error.message)
        except NoResponse as lost:
            return NotAccepted(lost.what, lost.detail)
        except Fault as fault:
            meaning = meaning_of(fault.message, order)
            same = alike(quote(fault.message, hidden), order)
            words = repeat(fault.message, ours(order), hidden)
            return NotAccepted(meaning.what, words, meaning.hint, operation="AddOrder", alike=same)
        except NotSoap as error:
            words = quote(str(error))
            return NotAccepted(
                error.what, words, retry_after=error.retry_after, operation="AddOrder", alike=words
            )
        # Success is our id with a sequence above 0. Anything else may or may not be an order, so it
        # is a doubt (docs/wire.md 3.6).
        identity, sequence = text(result, "OrderID"), whole_number(result, "OrderSeqID")
        if identity.casefold() == order.id.strip().casefold() and sequence and sequence > 0:
            return Accepted(identity, sequence)
        another = "another id" if identity else "no id"
        given = order.id if identity.casefold() == order.id.strip().casefold() else another
        return NotAccepted(Occurrence.ODD_SUCCESS, f"accepted as {given}, sequence {sequence}")

    def _add_order(self, order: WarehouseOrder) -> ET.Element:
        def fill(body: ET.Element) -> None:
            write.add_order(body, self._service.namespace, order, self._settings.zone)

        return self._service.call("AddOrder", fill)

    # ---- cancelling ---------------------------------------------------------------------------

    def cancel(self, order_id: str) -> CancelOutcome:
        """Ask for the order's cancellation; see the port. One request."""
        return adjustment.cancel_order(self._service, self._settings, order_id)

    # ---- stock --------------------------------------------------------------------------------

    def stock(self, sku: str | None) -> Iterator[StockRow]:
        """Read stock; see the port."""
        arguments = {"partNumber": pattern_of(sku), "owner": self._settings.company_id}
        wanted = unit_key(sku) if sku is not None else None
        rows = self._service.records("GetProductAvailabilities", "WarehouseLevels", **arguments)
        try:
            for row in map(stock_row, rows):
                if row is None:
                    continue
                # `partNumber` is a LIKE pattern and also matches other SKUs; case does not matter.
                if wanted is None or unit_key(row.sku) in (wanted, ""):
                    yield row
        except UnreadableXml as error:
            raise _not_understood(str(error)) from error
        except Fault as fault:
            raise self._meaning("GetProductAvailabilities", fault) from fault

    # ---- what shipped -------------------------------------------------------------------------

    def shipped(self, first: date, last: date) -> Iterator[ListedRow]:
        """List the packages of some days; see the port. One request."""
        arguments = {"StartDate": day_text(first), "EndDate": day_text(last)}
        rows = self._service.records("GetShippingCharge", "ShippingCharges", **arguments)
        try:
            for row in rows:
                shipment = shipped_row(row, self._settings.zone)
                if shipment is not None:
                    yield shipment
        except UnreadableXml as error:
            raise _not_understood(str(error)) from error
        except Fault as fault:
            raise self._meaning("GetShippingCharge", fault) from fault

    # ---- what came back -----------------------------------------------------------------------

    def returned(self, first: date, last: date) -> Iterator[ListedReturn]:
        """List the receipts of returned goods of some days; see the port. One request."""
        arguments = {"StartDate": day_text(first), "EndDate": day_text(last)}
        rows = self._service.records("GetProductReturns", "ProductReturns", **arguments)
        try:
            for row in rows:
                receipt = returned_row(row, self._settings.zone)
                if receipt is not None:
                    yield receipt
        except UnreadableXml as error:
            raise _not_understood(str(error)) from error
        except Fault as fault:
            raise self._meaning("GetProductReturns", fault) from fault

    # ---- looking up ---------------------------------------------------------------------------

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up; see the port."""
        try:
            result = self._service.read("GetOrderInfo", orderId=order_id)
            return self._interpret(result, order_id)
        except Fault as fault:
            return self._interpret_fault(fault, order_id)
        except UnreadableXml as error:
            return LookUpFailed(
                _not_understood(f"the look-up returned an order that cannot be read: {error}")
            )
        except RunOver:
            raise  # The run ends here; this says nothing about the order.
        except SyncError as error:
            return LookUpFailed(error)

    def _interpret(self, result: ET.Element, order_id: str) -> LookUp:
        if is_nil(result) or is_empty_record(result):
            return Absent()
        record = order_record(result, self._settings.zone)
        if record.id and record.id.casefold() != order_id.strip().casefold():
            return LookUpFailed(_not_understood("the look-up answered with another order"))
        if record.id and (record.reference or record.lines):
            return Present(record)
        if shape(result, order_id) == self._shape_of_absence():
            return Absent()
        return LookUpFailed(_not_understood("the look-up answered without an order"))

    def _interpret_fault(self, fault: Fault, order_id: str) -> LookUp:
        try:
            if is_permission_refusal(fault.message):
                # Asked anew: the permission may have been taken away since the answer for an id
                # that cannot exist was remembered. Without an error, only this order is refused.
                self._look_up_impossible_id()
            elif self._fault_shape(fault, order_id) == self._shape_of_absence():
                is_clear = says_not_found(fault.message, order_id)
                return Absent(None if is_clear else self._not_permitted("GetOrderInfo", fault))
        except RunOver:
            raise
        except SyncError as error:
            return LookUpFailed(error)
        words = self._quoted(fault, order_id)
        return LookUpFailed(_not_understood(f"the look-up was refused: {words}"))

    def _shape_of_absence(self) -> str:
        """How this tenant answers for an order that cannot exist; failures are not remembered."""
        if not self._absent_shape or self._clock.monotonic() >= self._absent_shape_until:
            self._absent_shape = self._look_up_impossible_id()
            self._absent_shape_until = self._clock.monotonic() + _SHAPE_SECONDS
        return self._absent_shape

    def _look_up_impossible_id(self) -> str:
        try:
            result = self._service.read("GetOrderInfo", orderId=self._probe_id)
        except Fault as fault:
            return self._fault_shape(fault, self._probe_id)
        return shape(result, self._probe_id)

    def _fault_shape(self, fault: Fault, order_id: str) -> str:
        """The fault's text without the id.

        Raises:
            AuthRefused: A listed refusal of the credentials, or of the operation.
            Unavailable: A database failure.
        """
        # All of these come for any id, also the impossible one, and would make every order look
        # absent: it would be sent a second time.
        listed = self._listed(fault)
        if listed is not None:
            raise listed
        if is_permission_refusal(fault.message):
            raise self._not_permitted("GetOrderInfo", fault)
        return f"fault:{''.join(blank_id(fault.message, order_id).split())}"

    def _quoted(self, fault: Fault, *known: str) -> str:
        return repeat(fault.message, known, self._secrets())

    def _secrets(self) -> list[str]:
        return [self._settings.client_secret.get_secret_value(), self._settings.client_id]


def _not_understood(words: str) -> ProtocolError:
    return ProtocolError(f"VeraCore: {words}", upstream=UPSTREAM)

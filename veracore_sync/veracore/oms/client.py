"""VeraCore over SOAP: one class, the port's `Warehouse`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import (
    AuthRefused,
    Occurrence,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
    WrongEndpoint,
)
from veracore_sync.domain.failures import OF_ANOTHER_SERVICE, read_error
from veracore_sync.domain.warehouse import ShippedRow, StockRow, WarehouseOrder
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    CancelOutcome,
    Capabilities,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    SubmitOutcome,
)
from veracore_sync.transport.http import Gate, NoResponse
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.faults import is_login_refusal, is_outage, meaning_of
from veracore_sync.veracore.oms import adjustment, write
from veracore_sync.veracore.oms.parse import UnreadableXml, is_nil, shape, text, whole_number
from veracore_sync.veracore.oms.record import is_empty_record, order_record
from veracore_sync.veracore.oms.service import ADDRESS_HINT, UPSTREAM, Fault, NotSoap, Service
from veracore_sync.veracore.oms.shipments import day_text, shipped_row
from veracore_sync.veracore.oms.stock import pattern_of, stock_row
from veracore_sync.veracore.text import blank_id, personal, quote

_CREDENTIALS_HINT = (
    "check veracore.client_id, veracore.client_secret and veracore.company_id, and that the web "
    "service user may use AddOrder, GetOrderInfo, GetProductAvailabilities and GetShippingCharge"
)
# An answer given while VeraCore was failing must not decide about absences for the rest of the run.
_SHAPE_SECONDS = 600.0


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
        try:
            stock = self._service.read(
                "GetProductAvailabilities",
                partNumber=f"NO-SUCH-PART-{self._probe_id}",
                owner=self._settings.company_id,
            )
        except Fault as fault:
            raise self._refused(fault) from fault
        except SyncError as error:
            if error not in OF_ANOTHER_SERVICE:
                raise
            raise self._wrong_endpoint(error.message) from error
        if "".join(stock.itertext()).strip():
            raise self._wrong_endpoint("it returned stock of a part that cannot exist")

    def _refused(self, fault: Fault) -> AuthRefused:
        return AuthRefused(
            f"VeraCore refused the request: {self._quoted(fault)}",
            upstream=UPSTREAM,
            hint=_CREDENTIALS_HINT,
            what=Occurrence.LOGIN_REFUSED if is_login_refusal(fault.message) else None,
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
            return NotAccepted(lost.what, quote(lost.detail, hidden))
        except Fault as fault:
            meaning = meaning_of(fault.message, order)
            return NotAccepted(meaning.what, quote(fault.message, hidden), meaning.hint)
        except NotSoap as error:
            return NotAccepted(error.what, quote(str(error)), retry_after=error.retry_after)
        # Success is our id with a sequence above 0. Anything else may or may not be an order, so it
        # is a doubt (docs/wire.md 3.6).
        identity, sequence = text(result, "OrderID"), whole_number(result, "OrderSeqID")
        if identity.casefold() == order.id.strip().casefold() and sequence and sequence > 0:
            return Accepted(identity, sequence)
        words = f"accepted as {identity or 'nothing'}, sequence {sequence}"
        return NotAccepted(Occurrence.ODD_SUCCESS, quote(words, hidden))

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
        wanted = sku.strip().casefold() if sku is not None else None
        rows = self._service.records("GetProductAvailabilities", "WarehouseLevels", **arguments)
        try:
            for row in map(stock_row, rows):
                if row is None:
                    continue
                # `partNumber` is a LIKE pattern and also matches other SKUs; case does not matter.
                if wanted is None or row.sku.casefold() in (wanted, ""):
                    yield row
        except UnreadableXml as error:
            raise _not_understood(str(error)) from error
        except Fault as fault:
            if is_login_refusal(fault.message):
                raise self._refused(fault) from fault
            raise _not_understood(f"the stock could not be read: {self._quoted(fault)}") from fault

    # ---- what shipped -------------------------------------------------------------------------

    def shipped(self, first: date, last: date) -> Iterator[ShippedRow]:
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
            if is_login_refusal(fault.message):
                raise self._refused(fault) from fault
            raise _not_understood(
                f"the shipments could not be read: {self._quoted(fault)}"
            ) from fault

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
            if self._fault_shape(fault, order_id) == self._shape_of_absence():
                return Absent()
        except RunOver:
            raise
        except SyncError as error:
            return LookUpFailed(error)
        return LookUpFailed(_not_understood(f"the look-up was refused: {self._quoted(fault)}"))

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
            AuthRefused: A listed refusal of the credentials.
            Unavailable: A database failure.
        """
        # Both come for any id, also the impossible one, and would make every order look absent: it
        # would be sent a second time.
        if is_login_refusal(fault.message):
            raise self._refused(fault)
        if is_outage(fault.message):
            words = f"VeraCore's database fails: {self._quoted(fault)}"
            raise read_error(Occurrence.DATABASE, words, upstream=UPSTREAM)
        return f"fault:{''.join(blank_id(fault.message, order_id).split())}"

    def _quoted(self, fault: Fault) -> str:
        return quote(fault.message, self._secrets())

    def _secrets(self) -> list[str]:
        return [self._settings.client_secret.get_secret_value(), self._settings.client_id]


def _not_understood(words: str) -> ProtocolError:
    return ProtocolError(f"VeraCore: {words}", upstream=UPSTREAM)

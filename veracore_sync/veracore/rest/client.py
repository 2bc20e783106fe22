"""The REST dialect: one class, the port's `Warehouse`.

A used order number is 409 JSON, an unknown one 404 JSON that names it; only these count as
duplicate and absent. A look-up shows existence alone (docs/wire.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote as url_quote
from zoneinfo import ZoneInfo

from veracore_sync.clock import Clock
from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import (
    AuthRefused,
    Occurrence,
    ProtocolError,
    RateLimited,
    RunOver,
    SyncError,
)
from veracore_sync.domain.failures import LISTED_REFUSALS, read_error
from veracore_sync.domain.held_orders import unit_key
from veracore_sync.domain.listed_words import repeat
from veracore_sync.domain.personal import personal, quote
from veracore_sync.domain.returns import ListedReturn
from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, marked, plain_words
from veracore_sync.domain.warehouse import (
    ListedRow,
    Package,
    Shipment,
    StockRow,
    WarehouseOrder,
    WarehouseRecord,
    WarehouseStatus,
)
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    CancelNotSent,
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
from veracore_sync.transport.http import Gate, HttpAnswer, NoResponse
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.faults import (
    alike,
    meaning_of,
    what_of,
    words_of,
)
from veracore_sync.veracore.moments import UnreadableMoment, read_moment
from veracore_sync.veracore.rest.api import UPSTREAM, RestApi, json_object, message
from veracore_sync.veracore.rest.stock import items, name_of, stock_row
from veracore_sync.veracore.rest.write import create_document
from veracore_sync.veracore.streams import UnreadableStream, begun
from veracore_sync.veracore.text import names_id, ours

_ONLY_SLIP = "1"
_SPACE = " \t\r\n"
_UTC = ZoneInfo("UTC")
NEEDED_BY = {
    "create": ("sync-orders",),
    "status": ("sync-orders", "sync-tracking"),
    "inventory": ("sync-inventory",),
}
_UNPROVEN = "it cannot be tried without creating an order"
_SOME_DAY = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: dict[str, WarehouseStatus] = {
    "unprocessed": "open",
    "processed": "processed",
    "partiallyshipped": "processed",
    "shipped": "shipped",
    "complete": "complete",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}


class RestWarehouse:
    """A tenant's REST API; usable by several threads.

    Args:
        settings: ``[veracore]``.
        probe_id: An order id that cannot exist.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """

    capabilities = Capabilities(
        lists_shipped=False,
        tells_content=False,
        tells_shipment_lines=False,
        tells_warehouses=False,
        can_cancel=False,
        lists_returns=False,
        takes_charges=False,
        takes_fields=False,
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
        self._company_id = settings.company_id
        self._probe_id = probe_id
        self._retry = retry
        self._api = RestApi(settings, retry=retry, gate=gate, clock=clock)

    @property
    def is_sandbox(self) -> bool:
        """Whether an answer so far bore the simulator's header."""
        return self._api.is_sandbox

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the warehouse's clock is ahead of ours, once an answer carried its time."""
        return self._api.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def check_connection(self, known_id: str | None) -> None:
        """Prove that address and credentials work, by a token; see the port."""
        self._api.token()

    def prove(self, known_id: str | None) -> Iterator[Proof]:
        """Try each operation; see the port."""
        yield Proof("create", NEEDED_BY["create"], unproven=_UNPROVEN)
        for label in ("status", "inventory"):
            yield self._proof(label)

    def _proof(self, label: str) -> Proof:
        try:
            answer = self._api.read(self._harmless(label), label)
            if answer.status not in (200, 404):
                raise self._api.failure(answer, label)
        except RunOver:
            raise
        except SyncError as error:
            return Proof(label, NEEDED_BY[label], self._refused(label, error))
        return Proof(label, NEEDED_BY[label])

    def _harmless(self, label: str) -> str:
        return (
            f"/api/orders/{self._probe_id}/status"
            if label == "status"
            else (f"/api/inventory/NO-SUCH-PART-{self._probe_id}")
        )

    def _meaning(self, label: str, error: SyncError) -> SyncError:
        """What a 403 means: it is the account's if nothing is answered either."""
        if error.what is not Occurrence.FORBIDDEN:
            return error
        found = self._proof(label).error
        return found or ProtocolError(error.message, upstream=UPSTREAM)

    def _refused(self, label: str, error: SyncError) -> SyncError:
        if error.what is not Occurrence.FORBIDDEN:
            return error
        what, hint = Occurrence.NOT_PERMITTED, permission_hint(label)
        return read_error(what, error.message, upstream=UPSTREAM, hint=hint)

    # ---- creating -----------------------------------------------------------------------------

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        """Create the order; see the port. One request beside the token's."""
        try:
            token = self._api.token()
        except RateLimited as error:
            return NotAccepted(Occurrence.HTTP_429, error.message, retry_after=error.retry_after)
        except SyncError as error:
            # Without a token no order is sent.
            return NotAccepted(Occurrence.NOT_CONNECTED, error.message)
        hidden = [*personal(order), *self._api.secrets()]
        try:
            content = create_document(order, self._company_id)
            answer = self._api.create("/api/orders", content, token)
        except RateLimited as error:
            return NotAccepted(Occurrence.HTTP_429, error.message, retry_after=error.retry_after)
        except SyncError as error:
            # The gate held the request back, so the order was certainly not sent.
            return NotAccepted(Occurrence.NOT_CONNECTED, error.message)
        except NoResponse as lost:
            return NotAccepted(lost.what, lost.detail)
        return self._outcome(answer, order, hidden)

    def _outcome(
        self, answer: HttpAnswer, order: WarehouseOrder, hidden: list[str]
    ) -> SubmitOutcome:
        document = json_object(answer)
        said = message(document)
        words = repeat(said, ours(order), hidden) or words_of(answer)
        if document is not None and 200 <= answer.status < 300 and _has_order_id(document):
            return _accepted(document, order)
        if document is not None and answer.status == 409:
            return NotAccepted(Occurrence.DUPLICATE, words)
        if document is not None and 400 <= answer.status < 500 and answer.status != 429:
            meaning = meaning_of(said, order)
            # With its status the refusal is a listed one.
            if answer.status == 403 and meaning.what is Occurrence.FORBIDDEN:
                return NotAccepted(Occurrence.NOT_PERMITTED, words)
            if meaning.what in LISTED_REFUSALS:
                return NotAccepted(meaning.what, words, meaning.hint)
        wait = self._api.retry_after(answer)
        if answer.status == 401:
            # The token has expired, for every order alike; the next one gets another.
            return NotAccepted(Occurrence.HTTP_4XX, words, retry_after=wait)
        same = alike(quote(said, hidden), order) if said else words
        return NotAccepted(what_of(answer), words, retry_after=wait, alike=same)

    # ---- cancelling ---------------------------------------------------------------------------

    def cancel(self, order_id: str) -> CancelOutcome:
        """Send nothing: this dialect has no operation for it."""
        del order_id
        return CancelNotSent(Occurrence.REFUSED, "the rest API cannot cancel an order")

    # ---- stock --------------------------------------------------------------------------------

    def stock(self, sku: str | None) -> Iterator[StockRow]:
        """Read stock; see the port. This dialect has no warehouses."""
        try:
            if sku is None:
                yield from self._begun()
            else:
                yield from self._stock_of(name_of(sku))
        except UnreadableStream as error:
            raise ProtocolError(f"VeraCore, inventory: {error}", upstream=UPSTREAM) from error
        except AuthRefused as error:
            raise self._meaning("inventory", error) from error

    def _begun(self) -> Iterator[StockRow]:
        try:
            return begun(self._all_stock, self._retry)
        except AuthRefused as refusal:
            if refusal.listed:
                raise
            # The token may have expired before its time, so a fresh one is tried once.
            return begun(self._all_stock, self._retry)

    def _all_stock(self) -> Iterator[StockRow]:
        with self._api.stream("/api/inventory", "inventory") as streamed:
            yield from map(stock_row, items(streamed.pieces()))

    def _stock_of(self, sku: str) -> Iterator[StockRow]:
        answer = self._api.read(f"/api/inventory/{url_quote(sku, safe='')}", "inventory")
        document = json_object(answer)
        if answer.status == 404 and document is not None and _names(document, sku):
            return
        if answer.status != 200 or document is None:
            raise self._api.failure(answer, "inventory", known=sku)
        row = stock_row(document)
        if unit_key(row.sku) in (unit_key(sku), ""):
            yield row

    def shipped(self, first: date, last: date) -> Iterator[ListedRow]:
        """Not in this dialect: each order is looked up."""
        return iter(())

    # ---- what came back -----------------------------------------------------------------------

    def returned(self, first: date, last: date) -> Iterator[ListedReturn]:
        """Not in this dialect."""
        return iter(())

    # ---- looking up ---------------------------------------------------------------------------

    def look_up(self, order_id: str) -> LookUp:
        """Look the order up by its number; see the port."""
        number = url_quote(order_id, safe="", errors="replace")
        try:
            answer = self._api.read(f"/api/orders/{number}/status", "status")
        except RunOver:
            raise
        except SyncError as error:
            return LookUpFailed(error)
        document = json_object(answer)
        if answer.status == 404 and document is not None and _names(document, order_id):
            return Absent()
        if answer.status != 200 or document is None:
            refused = self._api.failure(answer, "status", known=order_id)
            return LookUpFailed(self._meaning("status", refused))
        if not _same(document.get("OrderNumber"), order_id):
            words = "VeraCore: the look-up answered with another order"
            return LookUpFailed(ProtocolError(words, upstream=UPSTREAM))
        try:
            return Present(_record(order_id, document))
        except UnreadableStream as error:
            words = f"VeraCore: the look-up returned an order that cannot be read: {error}"
            return LookUpFailed(ProtocolError(words, upstream=UPSTREAM))


def _has_order_id(document: Mapping[str, Any]) -> bool:
    order_id = document.get("OrderId")
    return bool(order_id) and isinstance(order_id, str | int) and not isinstance(order_id, bool)


def _accepted(document: Mapping[str, Any], order: WarehouseOrder) -> SubmitOutcome:
    """``OrderId`` is the warehouse's own number; ours is ``OrderNumber``, where it is echoed."""
    echoed = document.get("OrderNumber")
    if echoed is None or _same(echoed, order.id):
        return Accepted(order.id, None)
    return NotAccepted(Occurrence.ODD_SUCCESS, "accepted as another id")


def _names(document: Mapping[str, Any], order_id: str) -> bool:
    """Whether a 404 is about that order."""
    # A server without this route answers 404 as well, and names only the path. Taken as an absence,
    # it would make every order look unsent.
    if document.get("OrderNumber") is not None:
        return _same(document["OrderNumber"], order_id)
    if order_id.strip() == "404":
        return False  # Every 404 contains this number, as its own status.
    return any(names_id(text, order_id) for text in document.values() if isinstance(text, str))


def _same(number: object, order_id: str) -> bool:
    return str(number).strip().casefold() == order_id.strip().casefold()


def _record(order_id: str, document: Mapping[str, Any]) -> WarehouseRecord:
    word = _text(document, "Status").replace(" ", "").casefold()
    status = _STATUSES.get(word, "unknown")
    is_complete = status in ("shipped", "complete")
    shipment = _shipment(document, has_left=is_complete)
    return WarehouseRecord(
        order_id,
        None,
        None,
        status,
        is_complete=is_complete,
        shipments=() if shipment is None else (shipment,),
    )


def _shipment(document: Mapping[str, Any], *, has_left: bool) -> Shipment | None:
    """The one package that this dialect shows; ``None`` before there is any."""
    try:
        tracking = _text(document, "TrackingNumber")
        shipped_at = _moment(_text(document, "ShipDate"), has_left=has_left)
        if hides_something(tracking):
            raise UnreadableStream(f"its TrackingNumber cannot be used: {HAS_HIDDEN}")
        carrier = plain_words(_text(document, "Carrier"))
        package = Package(carrier, "", tracking, shipped_at, None)
    except UnreadableStream as error:
        # The status is readable, so only the shipment waits.
        return Shipment(_ONLY_SLIP, None, (), f"its package: {error}")
    if not tracking and shipped_at is None:
        return None
    return Shipment(_ONLY_SLIP, None, (package,))


def _text(document: Mapping[str, Any], name: str) -> str:
    """A trimmed text in which what nobody sees is marked; empty if it is null or missing.

    Raises:
        UnreadableStream: It is an object, a list or the like.
    """
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise UnreadableStream(f"{name} is no text")
    return "" if value is None else marked(str(value).strip(_SPACE)).strip()


def _moment(text: str, *, has_left: bool) -> datetime | None:
    """The time of shipment; without a readable date the status decides whether there was one."""
    try:
        parsed = read_moment(text, _UTC)
    except UnreadableMoment:
        return _SOME_DAY
    return parsed or (_SOME_DAY if has_left else None)

"""What orders that VeraCore has show: shapes, the reference, times, and what the lists hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from veracore_sync.domain.tenant import KnownOrder
from veracore_sync.veracore.moments import UnreadableMoment, read_moment
from veracore_sync.veracore.oms.parse import rows, text
from veracore_sync.veracore.oms.shipments import day_text
from veracore_sync.veracore.probe.report import Findings
from veracore_sync.veracore.probe.wire import Heard, NotShown, Wire

_DAYS = 7
_CUT = 50
_DEFAULT_LONGEST = 20
_QUARTER = timedelta(minutes=15)
_SLACK = timedelta(minutes=3)
_FARTHEST = timedelta(hours=14)
_MOST_WINDOWS = 3
_SECOND = timedelta(seconds=1)
_NO_ORDER = "the ledger has no order that VeraCore accepted"


class KnownOrders:
    """Looks at what there is.

    Args:
        wire: The connection.
        found: Where the findings go.
        known: Orders of the ledger, at most a few.
        usable: The operations that may be used.
    """

    def __init__(
        self, wire: Wire, found: Findings, known: Sequence[KnownOrder], usable: Sequence[str]
    ) -> None:
        self._wire = wire
        self._found = found
        self._known = known
        self._usable = usable
        self._zone = wire.settings.zone
        self._seen: list[tuple[KnownOrder, ET.Element]] = []
        self._id_lengths: set[int] = set()
        self.sku = ""

    def run(self) -> None:
        """Look up the known orders, then the lists of the last days."""
        self._found.try_to("shapes.GetOrderInfo", self._look_up)
        self._found.try_to("reference", self._reference)
        self._found.try_to("timezone", self._time_zone)
        listed = self._lists()
        self._found.try_to("window_end", partial(self._window_end, listed))
        self._found.try_to("voided_charges", self._voided)
        self._found.try_to("longest_id", partial(self._ids, listed))
        self._found.try_to("shapes.stock", self._products)

    # ---- single orders ------------------------------------------------------------------------

    def _look_up(self) -> None:
        self._must_use("GetOrderInfo")
        if not self._known:
            raise NotShown(_NO_ORDER)
        for order in self._known:
            heard = self._wire.soap("GetOrderInfo", {"orderId": order.id})
            if heard.raw_fault:
                continue
            result = heard.result("GetOrderInfo")
            if text(result, "OrdHead/OrderId").casefold() != order.id.strip().casefold():
                continue
            self._seen.append((order, result))
            self._id_lengths.add(len(text(result, "OrdHead/OrderId")))
            self._shape("GetOrderInfo", heard)
            self.sku = self.sku or text(result, "BillOfMaterials/BOMProductType/ProductId")
        if not self._seen:
            raise NotShown("no order of the ledger was found")

    def _reference(self) -> None:
        if not self._seen:
            raise NotShown("no order of the ledger was looked up")
        order, result = max(self._seen, key=lambda one: len(one[0].reference.strip()))
        sent, returned = order.reference.strip(), text(result, "OrdHead/ReferenceNo")
        is_there = result.find("OrdHead/ReferenceNo") is not None
        lengths: dict[str, Any] = {"sent": len(sent), "returned": len(returned)}
        lengths["element"] = is_there
        self._found.pieces["reference"] = lengths
        if returned == sent:
            self._found.show("reference", "whole")
            if len(sent) <= _CUT:
                lengths["wholeUpTo"] = len(sent)
        elif not returned:
            self._found.show("reference", "omitted")
        elif sent.startswith(returned) and len(returned) == _CUT:
            self._found.show("reference", "cut50")
        elif sent.startswith(returned):
            raise NotShown(f"it was cut to {len(returned)} characters, which is no switch")
        else:
            raise NotShown("another text was returned than was sent")

    def _time_zone(self) -> None:
        if not self._seen:
            raise NotShown("no order of the ledger was looked up")
        offsets: dict[timedelta, datetime] = {}
        for order, result in self._seen:
            local = _local(text(result, "OrdHead/UploadDate"))
            # At midnight it is a day, not a time.
            if order.accepted_at is None or local is None or local.time() == time.min:
                continue
            ahead = local - order.accepted_at.replace(tzinfo=None)
            offset = round(ahead / _QUARTER) * _QUARTER
            if abs(ahead - offset) > _SLACK or abs(offset) > _FARTHEST:
                raise NotShown("an order's time without an offset is none of its acceptance")
            offsets[offset] = order.accepted_at
        if not offsets:
            raise NotShown(
                "no order has a time without an offset, and an acceptance by this ledger"
            )
        if len(offsets) > 1:
            raise NotShown(
                "the orders do not agree about it: they may be from both sides of a change"
            )
        self._tell_offset(*offsets.popitem())

    def _tell_offset(self, offset: timedelta, at: datetime) -> None:
        hours = offset.total_seconds() / 3600
        is_ours = at.astimezone(self._zone).utcoffset() == offset
        self._found.pieces["times"] = {"hoursAhead": hours, "asInOurSettings": is_ours}
        if is_ours:
            self._found.show("timezone", self._zone.key)
        elif hours == int(hours):
            # The sign of these names is the other way round.
            name = "UTC" if not hours else f"Etc/GMT{int(-hours):+d}"
            self._found.show("timezone", name)
        else:
            raise NotShown(f"it is {hours} hours ahead of UTC, for which there is no one name")

    # ---- lists --------------------------------------------------------------------------------

    def _lists(self) -> list[ET.Element]:
        """The rows of the last days' shipping charges; the shapes of the other lists."""
        charges: list[ET.Element] = []
        today = self._wire.clock.now().astimezone(self._zone).date()
        window = {
            "StartDate": day_text(today - timedelta(days=_DAYS)),
            "EndDate": day_text(today + timedelta(days=1)),
        }

        def find(operation: str) -> None:
            self._must_use(operation)
            heard = self._wire.soap(operation, window)
            if heard.raw_fault:
                raise NotShown("it was refused for the last days")
            self._shape(operation, heard)
            if operation == "GetShippingCharge":
                charges.extend(heard.rows(operation, "ShippingCharges"))
            if not self._found.pieces["shapes"][operation]["elements"]:
                raise NotShown("nothing is listed for the last days")

        for operation in ("GetShippingCharge", "GetShippingActivity", "GetProductReturns"):
            self._found.try_to(f"shapes.{operation}", partial(find, operation))
        return [row for row in charges if text(row, "OrderId")]

    def _window_end(self, listed: list[ET.Element]) -> None:
        """Whether a package is listed whose moment is the end of the window."""
        self._must_use("GetShippingCharge")
        # A moment may have a fraction that the answer does not show, and lie behind the end that is
        # asked for. Those of a full minute were typed, or rounded before they were stored.
        timed = [(row, _local(text(row, "DateShipped"))) for row in listed]
        full = [(row, at) for row, at in timed if at and not at.second and (at.hour or at.minute)]
        for row, at in full[:_MOST_WINDOWS]:
            day = day_text(at.date())
            if not self._lists_package(row, day, (at + _SECOND).isoformat()):
                continue
            at_end = self._lists_package(row, day, at.isoformat())
            whole_day = self._lists_package(row, day, day)
            self._found.pieces["window"] = {"endListed": at_end, "wholeLastDayListed": whole_day}
            self._found.show("window_end", "inclusive" if at_end else "exclusive")
            return
        raise NotShown("no package of the last days left at a full minute")

    def _lists_package(self, row: ET.Element, start: str, end: str) -> bool:
        heard = self._wire.soap("GetShippingCharge", {"StartDate": start, "EndDate": end})
        return _same_package(row, heard.rows("GetShippingCharge", "ShippingCharges"))

    def _voided(self) -> None:
        """Whether a package that a look-up shows as voided is in the list of its day."""
        self._must_use("GetShippingCharge")
        for order, result in self._seen:
            for package in rows(result, "ShippingOrders/PickPackType/Packages/PackagesType"):
                shipped, tracking = (
                    _local(text(package, "DateShipped")),
                    text(package, "TrackingId"),
                )
                if shipped is None or not tracking or _local(text(package, "DateVoided")) is None:
                    continue
                around = {
                    "StartDate": day_text(shipped.date() - timedelta(days=1)),
                    "EndDate": day_text(shipped.date() + timedelta(days=2)),
                }
                heard = self._wire.soap("GetShippingCharge", around)
                listed = any(
                    (text(row, "OrderId").casefold(), text(row, "TrackingID"))
                    == (order.id.strip().casefold(), tracking)
                    for row in heard.rows("GetShippingCharge", "ShippingCharges")
                )
                self._found.show("voided_charges", listed)
                return
        raise NotShown("no order that was looked up has a package that was voided after it shipped")

    def _ids(self, listed: list[ET.Element]) -> None:
        self._id_lengths |= {len(text(row, "OrderId")) for row in listed}
        if not self._id_lengths:
            raise NotShown("no order was seen")
        self._found.pieces["idLengths"] = sorted(self._id_lengths)
        longest = max(self._id_lengths)
        if longest <= _DEFAULT_LONGEST:
            raise NotShown(f"no id of more than {_DEFAULT_LONGEST} characters was seen")
        self._found.show("longest_id", longest)

    def _products(self) -> None:
        """The shapes of answers about the product of a known order."""
        if not self.sku:
            raise NotShown("no order of the ledger names a product")
        self._found.cleaner.hide(self.sku)
        owner = self._wire.settings.company_id
        of_product = {"OwnerID": owner, "ProductID": self.sku}
        calls = {
            "GetProductAvailabilities": {"partNumber": self.sku, "owner": owner},
            "GetOffers": {"searchString": self.sku, "searchID": "true"}
            | {"searchDescription": "false"},
            "GetProduct": of_product,
            "GetProducts": of_product,
        }

        def find(operation: str, arguments: dict[str, str]) -> None:
            self._must_use(operation)
            heard = self._wire.soap(operation, arguments)
            if heard.raw_fault:
                raise NotShown("it was refused for the product of a known order")
            self._shape(operation, heard)

        for operation, arguments in calls.items():
            self._found.try_to(
                f"shapes.{operation}",
                partial(find, operation, arguments),
            )

    # ---- both ---------------------------------------------------------------------------------

    def _must_use(self, operation: str) -> None:
        if operation not in self._usable:
            raise NotShown(f"{operation} is not known to be allowed to this login")

    def _shape(self, operation: str, heard: Heard) -> None:
        """Add the shape; of several answers of one operation, the one with the most elements."""
        shapes = self._found.pieces.setdefault("shapes", {})
        told = heard.shape.document(self._found.cleaner)
        before = shapes.get(operation, {"elements": []})
        if len(told["elements"]) >= len(before["elements"]):
            shapes[operation] = told


def _same_package(row: ET.Element, among: list[ET.Element]) -> bool:
    wanted = (text(row, "OrderId"), text(row, "PPSlip"), text(row, "TrackingID"))
    return any(
        (text(one, "OrderId"), text(one, "PPSlip"), text(one, "TrackingID")) == wanted
        for one in among
    )


def _local(written: str) -> datetime | None:
    """A time as it is written; ``None`` for none, or one with an offset."""
    try:
        moment = read_moment(written, ZoneInfo("UTC"))
    except UnreadableMoment:
        return None
    has_offset = written.endswith(("Z", "z")) or "+" in written or written.count("-") > 2
    return None if moment is None or has_offset else moment.astimezone(UTC).replace(tzinfo=None)

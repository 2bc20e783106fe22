"""What a slip's own data allow, whatever the shop's order is; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.held_orders import short_units
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import OPEN_SLIPS, PickSlipState
from veracore_sync.domain.warehouse import Package, Shipment, WarehouseRecord
from veracore_sync.jobs.tracking.actions import Hold
from veracore_sync.jobs.tracking.carriers import tracking_code
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.waits import NONE, bounded

_LOOK_AGAIN = timedelta(minutes=15)
REST = "rest"
"""The slip of units that shipped without one: the order is complete and lists nothing more."""
EXCLUDED = "excluded"
"""The slip of units that VeraCore never has, if they are to be fulfilled with its last shipment."""


def shipments_of(record: WarehouseRecord, slips: Mapping[str, SlipRow]) -> tuple[Shipment, ...]:
    """The order's shipments; and one for units that shipped without, once no other is expected."""
    shipments = record.shipments
    if EXCLUDED in slips:
        shipments = (*shipments, Shipment(EXCLUDED, None, ()))
    if not record.is_complete or record.partially_cancelled or short_units(record):
        return shipments
    if any(_is_awaited(one, slips.get(one.slip)) for one in record.shipments):
        return shipments
    if any(row.state == PickSlipState.HANDED for row in slips.values()):
        return shipments  # a person decides about the rest, too
    return (*shipments, Shipment(REST, None, ()))


def _is_awaited(shipment: Shipment, row: SlipRow | None) -> bool:
    return (row is None or row.state in OPEN_SLIPS) and not shipment.is_void


def live(shipment: Shipment) -> tuple[Package, ...]:
    """A shipment's packages that have left."""
    return tuple(package for package in shipment.packages if package.is_live)


def is_relabelled(row: SlipRow, shipment: Shipment | None) -> bool:
    """Whether a slip that is fulfilled has other tracking numbers since."""
    if row.state != PickSlipState.DONE or shipment is None or not shipment.packages:
        return False
    return tracking_code(live(shipment)) != (row.tracking_code or "")


def unready(
    shipment: Shipment, row: SlipRow, record: WarehouseRecord, rules: Rules, now: datetime
) -> Hold | None:
    """Why an open slip has to wait, whatever the shop's order is; ``None``: it is ready."""
    if shipment.slip == EXCLUDED:
        return None  # nothing of it comes from VeraCore
    if shipment.problem:
        # Looked up again soon: the list of what shipped does not show when it can be read again.
        return Hold(row.slip, f"it cannot be read: {shipment.problem}", now + _LOOK_AGAIN)
    if any(package.is_waiting for package in shipment.packages):
        return Hold(row.slip, "a package is packed and has not left")
    if shipment.is_void:
        return Hold(row.slip, "all of its labels are void")
    if not shipment.packages and not record.is_complete:
        return Hold(row.slip, "no package has left")
    if shipment.lines is None and not record.is_complete:
        return Hold(row.slip, "VeraCore does not show which lines have left")
    # Vendure cannot change a tracking code once it is written, and warehouses relabel packages.
    settled = bounded(from_text(row.since), now, NONE) + rules.settle
    if row.state == PickSlipState.OPEN and settled > now:
        when = f"{settled:%Y-%m-%d %H:%M} UTC"
        why = f"its packages may still change until {when} (tracking.settle_minutes)"
        return Hold(row.slip, why, settled)
    return None

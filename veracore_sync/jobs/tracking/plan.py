"""What to do about an order of which something has shipped; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.jobs.inventory.names import Names
from veracore_sync.jobs.tracking.carriers import Carriers, tracking_code
from veracore_sync.jobs.tracking.fill import Filling
from veracore_sync.ledger.shipments import OPEN, SlipRow
from veracore_sync.model import Package, RecordLine, Shipment, WarehouseRecord
from veracore_sync.vendure.fulfilment import GONE, FulfilledOrder, Fulfilment
from veracore_sync.waits import NONE, SLIP, bounded, is_over

REST = "rest"
"""The slip of what left without one: a complete order of which nothing more is listed."""

_LOOK_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Fulfil:
    """Make a fulfilment of these units by line id, and ship it."""

    slip: str
    lines: Mapping[str, int]
    method: str
    tracking_code: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Adopt:
    """That fulfilment is this slip's; ship it where it is not."""

    slip: str
    fulfilment: Fulfilment
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """All of it is in fulfilments that were not made from it."""

    slip: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits: until then, or (``None``) until the warehouse shows something new."""

    slip: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Nothing more is done about this slip: a person decides."""

    slip: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Correct:
    """The labels of a slip were done anew after it was fulfilled."""

    slip: str
    before: str
    after: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Something that a person has to know of."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class EndOrder:
    """Nothing is left to ship of an order that hangs in a state before Shipped."""


Action = Fulfil | Adopt | Cover | Hold | HandOver | Correct | Report | EndOrder


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of all orders.

    Args:
        names: Aliases and kits.
        carriers: Labels.
        states: The shop's states in which something may be fulfilled.
        settle: How long packages must have been the same.
        grace: How long a mutation of a process that died may still be under way.
    """

    names: Names
    carriers: Carriers
    states: frozenset[str]
    settle: timedelta
    grace: timedelta


def shipments_of(record: WarehouseRecord, slips: Mapping[str, SlipRow]) -> tuple[Shipment, ...]:
    """The order's shipments; and one for what left without any, once nothing else is to come."""
    told = record.shipments
    if not record.is_complete or record.is_cut:
        return told
    if any(_is_awaited(one, slips.get(one.slip)) for one in told):
        return told
    if any(row.state == "handed" for row in slips.values()):
        return told  # a person decides about the rest, too
    return (*told, Shipment(REST, None, ()))


def _is_awaited(shipment: Shipment, row: SlipRow | None) -> bool:
    return (row is None or row.state in OPEN) and not _is_void(shipment)


def _is_void(shipment: Shipment) -> bool:
    return bool(shipment.packages) and not any(
        one.is_live or one.is_waiting for one in shipment.packages
    )


def live(shipment: Shipment) -> tuple[Package, ...]:
    """Its packages that have left."""
    return tuple(package for package in shipment.packages if package.is_live)


def unready(
    shipment: Shipment, row: SlipRow, record: WarehouseRecord, rules: Rules, now: datetime
) -> Hold | None:
    """Why nothing can be done about an open slip yet, whatever the shop says; ``None``: it can."""
    if any(package.is_waiting for package in shipment.packages):
        return Hold(row.slip, "a package is packed and has not left")
    if _is_void(shipment):
        return Hold(row.slip, "all of its labels are void")
    if not shipment.packages and not record.is_complete:
        return Hold(row.slip, "no package has left")
    if shipment.lines is None and not record.is_complete:
        return Hold(row.slip, "VeraCore does not tell which lines have left")
    settled = bounded(from_text(row.since), now, NONE) + rules.settle
    if row.state == "open" and settled > now:
        return Hold(row.slip, "its packages may still change", settled)
    return None


@dataclass(slots=True)
class OrderPlan:
    """The plan for one order.

    Args:
        record: What the warehouse says.
        sent: What was sent of it, where the record tells no lines.
        slips: The ledger's rows; one for each shipment.
        order: What the shop says.
        rules: The settings.
        now: This moment (UTC).
    """

    record: WarehouseRecord
    sent: Sequence[RecordLine]
    slips: Mapping[str, SlipRow]
    order: FulfilledOrder
    rules: Rules
    now: datetime
    actions: list[Action] = field(default_factory=list)
    _filling: Filling = field(init=False)
    _awaits: bool = False

    def __post_init__(self) -> None:
        claimed = {row.fulfilment_id for row in self.slips.values() if row.fulfilment_id}
        self._filling = Filling(self.record, self.sent, self.order, self.rules.names, claimed)

    def plan(self) -> list[Action]:
        """What to do, in order."""
        shipments = {one.slip: one for one in shipments_of(self.record, self.slips)}
        ready: list[tuple[SlipRow, Shipment]] = []
        for row in self.slips.values():
            shipment = shipments.get(row.slip)
            if shipment is None:
                self._gone(row)
            elif row.state not in OPEN:
                self._ended(row, shipment)
            elif until := self._backs_off(row):
                self._hold(row, row.reason or "it failed", until)
            elif row.state != "open":
                ready.append((row, shipment))
            elif hold := unready(shipment, row, self.record, self.rules, self.now):
                self.actions.append(hold)
                self._awaits = self._awaits or not _is_void(shipment)
            else:
                ready.append((row, shipment))
        for index, (row, shipment) in enumerate(ready):
            self._ready(row, shipment, last=index == len(ready) - 1 and not self._awaits)
        self._conclude()
        return self.actions

    def _backs_off(self, row: SlipRow) -> datetime | None:
        """Until when a slip that failed is left alone, however often its order is looked at."""
        if not row.tries or not row.next_attempt_at:
            return None
        until = from_text(row.next_attempt_at)
        return None if is_over(until, self.now, SLIP) else until

    # ---- slips that need nothing more, or nobody knows any more --------------------------------

    def _gone(self, row: SlipRow) -> None:
        if row.state in OPEN and row.slip != REST:
            self.actions.append(Hold(row.slip, "VeraCore no longer tells of it"))

    def _ended(self, row: SlipRow, shipment: Shipment) -> None:
        if row.state != "done":
            return
        self._filling.count(shipment)
        packages, before = live(shipment), row.tracking_code or ""
        after = tracking_code(packages)
        if _is_void(shipment):
            message = f"all labels of slip {row.slip} are void, and it was fulfilled in the shop"
            self.actions.append(HandOver(row.slip, "order.voided", message))
        elif packages and after != before:
            self.actions.append(Correct(row.slip, before, after, packages))

    # ---- slips that are ready ------------------------------------------------------------------

    def _ready(self, row: SlipRow, shipment: Shipment, *, last: bool) -> None:
        if row.state == "added":
            self._added(row, shipment)
            return
        adopted = self._adoptable(row, shipment, last=last)
        if adopted is not None:
            self._filling.claimed.add(adopted.id)
            self._filling.count(shipment)
            self.actions.append(Adopt(row.slip, adopted, live(shipment)))
        elif self._may_fulfil(row):
            self._fulfil(row, shipment, last=last)

    def _added(self, row: SlipRow, shipment: Shipment) -> None:
        self._filling.count(shipment)
        ours = next((f for f in self.order.fulfilments if f.id == row.fulfilment_id), None)
        if ours is None or not ours.is_live:
            message = f"its fulfilment of slip {row.slip} was cancelled in the shop"
            self.actions.append(HandOver(row.slip, "order.unfulfilled", message))
        else:
            self.actions.append(Adopt(row.slip, ours, live(shipment)))

    def _adoptable(self, row: SlipRow, shipment: Shipment, *, last: bool) -> Fulfilment | None:
        """A live fulfilment that is nobody's, with this slip's lines and code."""
        intended = row.state == "intended"
        code = row.tracking_code if intended else tracking_code(live(shipment))
        for one in self.order.fulfilments:
            if not one.is_live or one.id in self._filling.claimed:
                continue
            if one.tracking_code.strip() != code:
                continue
            if intended:
                if one.id not in row.known and one.lines == row.lines:
                    return one
            elif one.lines == self._filling.own_lines(shipment, last=last, beside=one):
                return one
        return None

    def _may_fulfil(self, row: SlipRow) -> bool:
        if row.state == "intended" and row.intended_at:
            until = from_text(row.intended_at) + self.rules.grace
            if not is_over(until, self.now, self.rules.grace):
                self._hold(row, "an earlier run may have made its fulfilment", until)
                return False
        state = self.order.state
        if state == "Cancelled":
            message = f"VeraCore shipped slip {row.slip} of it although the shop cancelled it"
            self.actions.append(HandOver(row.slip, "order.shipped_cancelled", message))
            return False
        if state in self.rules.states or not self._is_left:
            return True
        self._hold(row, f"the shop has it in {state}", self.now + _LOOK_AGAIN)
        return False

    def _hold(self, row: SlipRow, reason: str, until: datetime | None) -> None:
        self.actions.append(Hold(row.slip, reason, until))
        self._awaits = True

    def _fulfil(self, row: SlipRow, shipment: Shipment, *, last: bool) -> None:
        lines = self._filling.own_lines(shipment, last=last)
        if not lines and not self._filling.is_of_the_order(shipment):
            self._hold(row, "its products are no lines of the order: it waits for the rest", None)
            return
        self._filling.count(shipment)
        self._tell_beyond(row, shipment)
        packages = live(shipment)
        if not lines:
            self.actions.append(Cover(row.slip, packages))
            return
        self._filling.planned.update(lines)
        method = self.rules.carriers.method(packages)
        code = tracking_code(packages)
        self.actions.append(Fulfil(row.slip, dict(lines), method, code, packages))

    # ---- what a person has to know, and the end ------------------------------------------------

    def _tell_beyond(self, row: SlipRow, shipment: Shipment) -> None:
        beyond = self._filling.beyond(shipment)
        if beyond:
            told = ", ".join(f"{units} x {sku}" for sku, units in beyond.items())
            message = f"VeraCore shipped {told} more than the order holds (slip {row.slip})"
            self._report("order.beyond", message)

    def _report(self, kind: str, message: str) -> None:
        self.actions.append(Report(kind, message))

    @property
    def _is_left(self) -> bool:
        return any(units > 0 for units in self._filling.left().values())

    def _conclude(self) -> None:
        if self._awaits or self._filling.planned:
            return
        if self._is_left:
            if self.record.is_complete and self.record.is_cut and self._is_open:
                self._report("order.short", self._short())
            return
        live_ones = [one for one in self.order.fulfilments if one.is_live]
        if live_ones and all(one.state in GONE for one in live_ones) and self._hangs:
            self.actions.append(EndOrder())

    @property
    def _is_open(self) -> bool:
        return self.order.state not in (*GONE, "Cancelled")

    @property
    def _hangs(self) -> bool:
        return self.order.state in self.rules.states

    def _short(self) -> str:
        left = self._filling.left()
        told = ", ".join(
            f"{left[line.id]} x {line.sku}" for line in self.order.lines if left[line.id] > 0
        )
        return f"VeraCore will not ship {told}: cancel or refund that in the shop, or ship it"

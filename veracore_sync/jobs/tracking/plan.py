"""What to do about an order of which something has shipped; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import OPEN_SLIPS, PickSlipState
from veracore_sync.domain.warehouse import RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.tracking.actions import (
    DOUBLED,
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    Close,
    Correct,
    EndOrder,
    Escalate,
    Fulfil,
    Hold,
    ReportIssue,
    Undo,
)
from veracore_sync.jobs.tracking.carriers import is_number, tracking_code
from veracore_sync.jobs.tracking.line_allocation import LineAllocation
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import REST, is_void, live, shipments_of, unready
from veracore_sync.waits import SLIP, is_over

_LOOK_AGAIN = timedelta(minutes=15)


def _is_made_by(row: SlipRow, fulfilment: Fulfilment) -> bool:
    """Whether a slip's intent may have made it: its code and lines, and it was not there before."""
    made = (fulfilment.tracking_code.strip(), fulfilment.lines)
    return made == (row.tracking_code, row.lines) and fulfilment.id not in row.known


def _doubled(row: SlipRow, one: Fulfilment) -> str:
    return (
        f"fulfilment {one.id} ({one.state}) holds the same units of slip {row.slip} "
        f"under the same code as {row.fulfilment_id}: cancel one of them in the shop"
    )


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
    _filling: LineAllocation = field(init=False)
    _shipments: dict[str, Shipment] = field(init=False)
    _own: dict[str, Fulfilment] = field(default_factory=dict)
    _awaits: bool = False
    _is_doubled: bool = False

    def __post_init__(self) -> None:
        self._filling = LineAllocation(self.record, self.sent, self.order, self.rules.names)
        self._shipments = {one.slip: one for one in shipments_of(self.record, self.slips)}
        self._count()

    def _count(self) -> None:
        """Each slip that has a fulfilment counts, whatever its state: before any is planned."""
        live = {one.id: one for one in self.order.fulfilments if one.is_live}
        self._filling.claimed = {
            row.fulfilment_id for row in self.slips.values() if row.fulfilment_id
        }
        for row in self.slips.values():
            shipment = self._shipments.get(row.slip)
            made = live.get(row.fulfilment_id or "") or self._made_as_intended(row)
            if made is not None:
                self._own[row.slip] = made
                self._filling.claimed.add(made.id)
            if shipment is not None and made is not None:
                self._filling.own(shipment, made)
            elif shipment is not None and row.state == PickSlipState.COVERED:
                self._filling.cover(shipment)
            elif made is None and (row.state == PickSlipState.HANDED or row.fulfilment_id):
                # A person decides about its units: they are no rest that another slip takes.
                self._filling.takes_rest = False

    def _made_as_intended(self, row: SlipRow) -> Fulfilment | None:
        """What an intent without an answer has made after all."""
        if row.state != PickSlipState.INTENDED:
            return None
        return next((one for one in self._unclaimed if _is_made_by(row, one)), None)

    @property
    def _unclaimed(self) -> Iterator[Fulfilment]:
        for one in self.order.fulfilments:
            if one.is_live and one.id not in self._filling.claimed:
                yield one

    def plan(self) -> list[Action]:
        """What to do, in order."""
        doubles: list[Action] = list(self._doubles())
        if doubles:
            # What is doubled takes up room: the rest is planned when it is gone.
            return doubles
        ready: list[tuple[SlipRow, Shipment]] = []
        for row in self.slips.values():
            shipment = self._shipments.get(row.slip)
            if shipment is None:
                self._gone(row)
            elif row.state not in OPEN_SLIPS:
                self._ended(row, shipment)
            elif until := self._backs_off(row):
                self._hold(row, row.reason or "it failed", until)
            elif row.state != PickSlipState.OPEN:
                ready.append((row, shipment))
            elif hold := unready(shipment, row, self.record, self.rules, self.now):
                self.actions.append(hold)
                self._awaits = self._awaits or not is_void(shipment)
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
        if row.state in OPEN_SLIPS and row.slip != REST:
            self.actions.append(Hold(row.slip, "VeraCore no longer tells of it"))

    def _ended(self, row: SlipRow, shipment: Shipment) -> None:
        if row.state != PickSlipState.DONE:
            return
        packages, before = live(shipment), row.tracking_code or ""
        after = tracking_code(packages)
        if row.fulfilment_id and row.slip not in self._own and self._is_left and self._is_open:
            self._was_cancelled(row)
        elif is_void(shipment):
            message = f"all labels of slip {row.slip} are void, and it was fulfilled in the shop"
            self.actions.append(Escalate(row.slip, AlertKind.ORDER_VOIDED, message))
        elif packages and after != before:
            self.actions.append(Correct(row.slip, before, after, packages))

    # ---- what was made twice -------------------------------------------------------------------

    def _doubles(self) -> Iterator[Undo]:
        """Fulfilments that a request made after its slip had been given another one.

        A request outlived every wait, and the one that was sent in its place was carried out, too.
        """
        for row in self.slips.values():
            if (
                row.slip not in self._own
                or row.state == PickSlipState.INTENDED
                or not row.intended_at
            ):
                continue
            for one in self._unclaimed:
                if not _is_made_by(row, one) or self._may_be_anothers(one):
                    continue
                if one.state not in SHIPPED_STATES and is_number(one.tracking_code):
                    yield Undo(row.slip, one)
                else:
                    self._report(DOUBLED, _doubled(row, one))
                    self._is_doubled = True

    def _may_be_anothers(self, fulfilment: Fulfilment) -> bool:
        """Whether it may be that of another slip under the same code ("prepaid", say)."""
        return any(
            row.state in (PickSlipState.OPEN, PickSlipState.INTENDED)
            and self._code_of(row) == fulfilment.tracking_code
            for row in self.slips.values()
        )

    def _code_of(self, row: SlipRow) -> str:
        shipment = self._shipments.get(row.slip)
        if row.state == PickSlipState.INTENDED or shipment is None:
            return row.tracking_code or ""
        return tracking_code(live(shipment))

    # ---- slips that are ready ------------------------------------------------------------------

    def _ready(self, row: SlipRow, shipment: Shipment, *, last: bool) -> None:
        if row.state == PickSlipState.ADDED and row.slip not in self._own:
            if self._is_cancelled:
                self._shipped_cancelled(row)
            else:
                self._was_cancelled(row)
            return
        ours = self._own.get(row.slip) or self._adoptable(row, shipment, last=last)
        if ours is not None:
            if row.slip not in self._own:
                self._filling.own(shipment, ours)
            self.actions.append(AdoptFulfilment(row.slip, ours, live(shipment)))
        elif self._may_fulfil(row):
            self._fulfil(row, shipment, last=last)

    def _was_cancelled(self, row: SlipRow) -> None:
        message = f"its fulfilment of slip {row.slip} was cancelled in the shop"
        self.actions.append(Escalate(row.slip, AlertKind.ORDER_UNFULFILLED, message))

    def _shipped_cancelled(self, row: SlipRow) -> None:
        handed = [one.slip for one in self.slips.values() if one.state == PickSlipState.HANDED]
        handed += [one.slip for one in self.actions if isinstance(one, Escalate)]
        slips = ", ".join(dict.fromkeys((*handed, row.slip)))
        message = f"VeraCore shipped slip {slips} of it although the shop cancelled it"
        self.actions.append(Escalate(row.slip, AlertKind.ORDER_SHIPPED_CANCELLED, message))

    def _adoptable(self, row: SlipRow, shipment: Shipment, *, last: bool) -> Fulfilment | None:
        """A live fulfilment that is nobody's, with this slip's lines and code."""
        if row.state != PickSlipState.OPEN:
            return None
        code = tracking_code(live(shipment))
        for one in self._unclaimed:
            if one.tracking_code.strip() != code:
                continue
            if one.lines == self._filling.own_lines(shipment, last=last, beside=one):
                return one
        return None

    def _may_fulfil(self, row: SlipRow) -> bool:
        if (until := self._doubt_ends_at) is not None:
            self._hold(row, "the shop may still be making a fulfilment of this order", until)
            return False
        if self._is_doubled:
            # It takes up room: what is fulfilled beside it would get less than has shipped.
            why = "a person is to cancel what was made twice in the shop"
            self._hold(row, why, self.now + _LOOK_AGAIN)
            return False
        state = self.order.state
        if self._is_cancelled:
            self._shipped_cancelled(row)
            return False
        if state in self.rules.states or not self._is_left:
            return True
        self._hold(row, f"the shop has it in {state}", self.now + _LOOK_AGAIN)
        return False

    @property
    def _doubt_ends_at(self) -> datetime | None:
        """Until when a request without an answer may still be carried out; ``None``: none may."""
        ends = [
            from_text(row.intended_at) + self.rules.grace
            for row in self.slips.values()
            if row.state == PickSlipState.INTENDED and row.intended_at and row.slip not in self._own
        ]
        longest = self.rules.call_limit + self.rules.grace
        return max((end for end in ends if not is_over(end, self.now, longest)), default=None)

    def _hold(self, row: SlipRow, reason: str, until: datetime | None) -> None:
        self.actions.append(Hold(row.slip, reason, until))
        self._awaits = True

    def _fulfil(self, row: SlipRow, shipment: Shipment, *, last: bool) -> None:
        lines = self._filling.own_lines(shipment, last=last)
        if not lines and not self._filling.is_of_the_order(shipment):
            self._hold(row, "its products are no lines of the order: it waits for the rest", None)
            return
        self._filling.plan(shipment, lines)
        self._tell_beyond(row, shipment)
        packages = live(shipment)
        if not lines:
            self.actions.append(AlreadyFulfilled(row.slip, packages))
            return
        method = self.rules.carriers.method(packages)
        code = tracking_code(packages)
        self.actions.append(Fulfil(row.slip, dict(lines), method, code, packages))

    # ---- what a person has to know, and the end ------------------------------------------------

    def _tell_beyond(self, row: SlipRow, shipment: Shipment) -> None:
        beyond = self._filling.beyond(shipment)
        if beyond:
            excess = ", ".join(f"{units} x {sku}" for sku, units in beyond.items())
            message = f"VeraCore shipped {excess} more than the order holds (slip {row.slip})"
            self._report(AlertKind.ORDER_BEYOND, message)

    def _report(self, kind: AlertKind, message: str) -> None:
        self.actions.append(ReportIssue(kind, message))

    @property
    def _is_left(self) -> bool:
        return any(units > 0 for units in self._filling.left().values())

    def _conclude(self) -> None:
        if self._awaits or self._filling.planned:
            return
        if self._is_cancelled:
            if self.record.is_complete:
                self.actions.append(Close())
            return
        if self._is_left:
            if self.record.is_complete and self.record.partially_cancelled and self._is_open:
                self._report(AlertKind.ORDER_SHORT, self._short())
            return
        live_ones = [one for one in self.order.fulfilments if one.is_live]
        if live_ones and all(one.state in SHIPPED_STATES for one in live_ones) and self._hangs:
            self.actions.append(EndOrder())

    @property
    def _is_cancelled(self) -> bool:
        return self.order.state == "Cancelled"

    @property
    def _is_open(self) -> bool:
        return self.order.state not in SHIPPED_STATES and not self._is_cancelled

    @property
    def _hangs(self) -> bool:
        return self.order.state in self.rules.states

    def _short(self) -> str:
        left = self._filling.left()
        missing = ", ".join(
            f"{left[line.id]} x {line.sku}" for line in self.order.lines if left[line.id] > 0
        )
        return f"VeraCore will not ship {missing}: cancel or refund that in the shop, or ship it"

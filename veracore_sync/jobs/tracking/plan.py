"""What to do about an order of which something has shipped; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.shop_texts import is_code_of
from veracore_sync.domain.states import OPEN_SLIPS, PickSlipState
from veracore_sync.domain.warehouse import RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.tracking.actions import (
    DOUBLED,
    PENDING_BY_HAND,
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
from veracore_sync.jobs.tracking.allocate import units_of
from veracore_sync.jobs.tracking.carriers import is_number, tracking_code
from veracore_sync.jobs.tracking.excluded import end_of_excluded, is_all_that_lacks
from veracore_sync.jobs.tracking.line_allocation import LineAllocation, listed
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.short import short
from veracore_sync.jobs.tracking.slips import EXCLUDED, REST, live, shipments_of, unready
from veracore_sync.waits import SLIP, is_over

_LOOK_AGAIN = timedelta(minutes=15)


def is_made_by(row: SlipRow, fulfilment: Fulfilment) -> bool:
    """Whether a slip's request may have made the fulfilment: same code and lines, and new since."""
    is_same = is_code_of(fulfilment.tracking_code, row.tracking_code or "")
    return is_same and fulfilment.lines == row.lines and fulfilment.id not in row.known


def _as_named(one: Fulfilment) -> str:
    """How a message names it; what a person accepted is known by this."""
    return f" {one.id} ({one.state})"


def _doubled(row: SlipRow, one: Fulfilment) -> str:
    return (
        f"fulfilment {one.id} ({one.state}) has the same units of slip {row.slip} "
        f"and the same code as {row.fulfilment_id}: cancel one of them in the shop"
    )


@dataclass(slots=True)
class OrderPlan:
    """The plan for one order.

    Args:
        sent: The lines that were sent, if the record shows none.
        slips: The ledger's rows; one for each shipment.
        accepted: Duplicates that a person has accepted, by the alert's message.
        wanted: As in `LineAllocation`.
    """

    record: WarehouseRecord
    sent: Sequence[RecordLine]
    slips: Mapping[str, SlipRow]
    order: FulfilledOrder
    rules: Rules
    now: datetime
    accepted: Collection[str] = ()
    wanted: Sequence[RecordLine] = ()
    actions: list[Action] = field(default_factory=list)
    _allocation: LineAllocation = field(init=False)
    _shipments: dict[str, Shipment] = field(init=False)
    _own: dict[str, Fulfilment] = field(default_factory=dict)
    _awaits: bool = False
    _is_doubled: bool = False
    _is_uncountable: bool = False

    def __post_init__(self) -> None:
        names = self.rules.names
        self._allocation = LineAllocation(self.record, self.sent, self.order, names, self.wanted)
        self._shipments = {one.slip: one for one in shipments_of(self.record, self.slips)}
        self._count()

    def _count(self) -> None:
        """Count every slip that has a fulfilment, whatever its state, before any is planned."""
        live = {one.id: one for one in self.order.fulfilments if one.is_live}
        self._allocation.claimed = {
            row.fulfilment_id for row in self.slips.values() if row.fulfilment_id
        }
        for row in self.slips.values():
            shipment = self._shipments.get(row.slip)
            made = live.get(row.fulfilment_id or "") or self._made_as_intended(row)
            if made is not None:
                self._own[row.slip] = made
                self._allocation.claimed.add(made.id)
            if shipment is not None and shipment.problem:
                # Counted with a part of its units, its fulfilment would cover those of other slips.
                # What it is covered by is unknown, so until then no other slip is planned.
                self._is_uncountable |= row.state == PickSlipState.COVERED
            elif shipment is not None and made is not None:
                self._allocation.own(shipment, made)
            elif shipment is not None and row.state == PickSlipState.COVERED:
                self._allocation.cover(shipment)
            elif made is None and (row.state == PickSlipState.HANDED or row.fulfilment_id):
                # A person decides about this slip's units; no other slip may take them as a rest.
                self._allocation.takes_rest = False

    def _made_as_intended(self, row: SlipRow) -> Fulfilment | None:
        """The fulfilment that a request without an answer made after all."""
        # After a crash or a time-out it is adopted: adding it again would ship the units twice.
        if row.state != PickSlipState.INTENDED:
            return None
        return next((one for one in self._unclaimed if is_made_by(row, one)), None)

    @property
    def _unclaimed(self) -> Iterator[Fulfilment]:
        for one in self.order.fulfilments:
            if one.is_live and one.id not in self._allocation.claimed:
                yield one

    def plan(self) -> list[Action]:
        """The actions, in order."""
        doubles: list[Action] = list(self._doubles())
        if doubles:
            # A duplicate takes up the lines' room, so the rest is planned once it is cancelled.
            return doubles
        ready: list[tuple[SlipRow, Shipment]] = []
        for row in self.slips.values():
            shipment = self._shipments.get(row.slip)
            if shipment is None:
                self._gone(row)
            elif row.state not in OPEN_SLIPS:
                self._ended(row, shipment)
            elif row.slip == EXCLUDED and row.state == PickSlipState.OPEN:
                continue  # planned last, by `end_of_excluded`
            elif shipment.problem or self._is_uncountable:
                why = shipment.problem or "another slip's data, which cover this one"
                self._hold(row, f"it cannot be read: {why}", self.now + _LOOK_AGAIN)
            elif until := self._backs_off(row):
                self._hold(row, row.reason or "it failed", until)
            elif row.state != PickSlipState.OPEN:
                ready.append((row, shipment))
            elif hold := unready(shipment, row, self.record, self.rules, self.now):
                self.actions.append(hold)
                self._awaits = self._awaits or not shipment.is_void
            else:
                ready.append((row, shipment))
        # First, so that the last of VeraCore's slips is the last one.
        ready.sort(key=lambda one: one[0].slip != EXCLUDED)
        for index, (row, shipment) in enumerate(ready):
            self._ready(row, shipment, last=index == len(ready) - 1 and not self._awaits)
        self._conclude()
        return self.actions

    def _backs_off(self, row: SlipRow) -> datetime | None:
        """Until when a slip that failed waits, however often its order is looked up."""
        if not row.tries or not row.next_attempt_at:
            return None
        until = from_text(row.next_attempt_at)
        return None if is_over(until, self.now, SLIP) else until

    # ---- slips that are finished, or have disappeared ------------------------------------------

    def _gone(self, row: SlipRow) -> None:
        if row.state in OPEN_SLIPS and row.slip != REST:
            self.actions.append(Hold(row.slip, "VeraCore no longer lists it"))

    def _ended(self, row: SlipRow, shipment: Shipment) -> None:
        if row.state != PickSlipState.DONE:
            return
        packages, before = live(shipment), row.tracking_code or ""
        after = tracking_code(packages)
        is_cancelled = row.fulfilment_id and row.slip not in self._own
        if is_cancelled and self._is_left and self._is_open:
            if not self._is_replaced(row):
                self._was_cancelled(row)
        elif shipment.is_void:
            message = (
                f"all labels of slip {row.slip} are void, but it is fulfilled in the shop: "
                "cancel that fulfilment, or find out what became of the goods"
            )
            self.actions.append(Escalate(row.slip, AlertKind.ORDER_VOIDED, message))
        elif packages and after != before:
            self.actions.append(Correct(row.slip, before, after, packages))

    def _is_replaced(self, row: SlipRow) -> bool:
        """Whether a person has put a fulfilment of the same units in the place of the slip's."""
        return any(one.lines == row.lines for one in self._unclaimed)

    # ---- duplicates ----------------------------------------------------------------------------

    def _doubles(self) -> Iterator[Undo]:
        """Fulfilments that a request made after its slip had got another one.

        The request took longer than every wait, and the second one was carried out as well.
        """
        for row in self.slips.values():
            if (
                row.slip not in self._own
                or row.state == PickSlipState.INTENDED
                or not row.intended_at
            ):
                continue
            for one in self._unclaimed:
                if not is_made_by(row, one) or self._may_be_anothers(one):
                    continue
                # Cancelled here only while it is certainly a duplicate and the customer has not
                # been notified: a number that no other shipment shares, and not yet Shipped.
                if one.state not in SHIPPED_STATES and is_number(row.tracking_code or ""):
                    yield Undo(row.slip, one)
                elif (message := _doubled(row, one)) not in self.accepted:
                    self._report(DOUBLED, message)
                    self._is_doubled = True

    def _may_be_anothers(self, fulfilment: Fulfilment) -> bool:
        """Whether it may belong to another slip with the same code ("prepaid", for example)."""
        return any(
            row.state in (PickSlipState.OPEN, PickSlipState.INTENDED)
            and is_code_of(fulfilment.tracking_code, self._code_of(row))
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
                self._allocation.own(shipment, ours)
            self.actions.append(AdoptFulfilment(row.slip, ours, live(shipment)))
        elif self._may_fulfil(row):
            self._fulfil(row, shipment, last=last)

    def _was_cancelled(self, row: SlipRow) -> None:
        message = f"the fulfilment of slip {row.slip} was cancelled in the shop"
        self.actions.append(Escalate(row.slip, AlertKind.ORDER_UNFULFILLED, message))

    def _shipped_cancelled(self, row: SlipRow) -> None:
        handed = [one.slip for one in self.slips.values() if one.state == PickSlipState.HANDED]
        handed += [one.slip for one in self.actions if isinstance(one, Escalate)]
        slips = ", ".join(dict.fromkeys((*handed, row.slip)))
        message = f"VeraCore shipped slip {slips} although the order is cancelled in the shop"
        self.actions.append(Escalate(row.slip, AlertKind.ORDER_SHIPPED_CANCELLED, message))

    def _adoptable(self, row: SlipRow, shipment: Shipment, *, last: bool) -> Fulfilment | None:
        """A live fulfilment of no other slip with this slip's lines and code: made by hand, say.

        Only a number shows that an unfinished one is about this parcel. Under words, or without a
        code, it is a person's: somebody may still want to hand the goods over (`_set_aside`).
        """
        if row.state != PickSlipState.OPEN:
            return None
        code = tracking_code(live(shipment))
        for one in self._unclaimed:
            if not is_code_of(one.tracking_code, code):
                continue
            if one.state not in SHIPPED_STATES and not is_number(code):
                continue  # unfinished, and nothing but our intent would show that it is ours
            if one.lines == self._allocation.own_lines(shipment, last=last, beside=[one]):
                return one
            # Where nothing shows what has shipped, a parcel of this number was fulfilled already.
            if shipment.lines is None and not self._allocation.is_known and is_number(code):
                return one
        return None

    def _may_fulfil(self, row: SlipRow) -> bool:
        # Vendure may still carry out a request whose answer was lost; a second one would add the
        # same units again.
        if (until := self._doubt_ends_at) is not None:
            self._hold(row, "the shop may still be adding a fulfilment to this order", until)
            return False
        if self._is_doubled:
            # The duplicate takes up the lines' room: this slip would get less than it shipped.
            why = "a fulfilment exists twice in the shop: cancel one of them there"
            self._hold(row, why, self.now + _LOOK_AGAIN)
            return False
        state = self.order.state
        if self._is_cancelled:
            self._shipped_cancelled(row)
            return False
        if state in self.rules.states or not self._is_left:
            return True
        self._hold(row, f"the order is in {state} in the shop", self.now + _LOOK_AGAIN)
        return False

    @property
    def _doubt_ends_at(self) -> datetime | None:
        """Until when an unanswered request may still be carried out; ``None``: there is none."""
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
        if row.slip == EXCLUDED:
            lines: Mapping[str, int] = self._allocation.excluded(self._allocation.left())
        else:
            lines = self._allocation.own_lines(shipment, last=last)
            if self._set_aside(row, shipment, lines, last=last):
                return
        if not lines and not self._allocation.is_of_the_order(shipment):
            self._hold(row, "its products match no line of the order: it waits for the rest", None)
            return
        self._allocation.plan(shipment, lines)
        self._report_excess(row, shipment)
        packages = live(shipment)
        if not lines:
            self.actions.append(AlreadyFulfilled(row.slip, packages))
            return
        method = self.rules.carriers.method(packages)
        code = tracking_code(packages)
        self.actions.append(Fulfil(row.slip, dict(lines), method, code, packages))

    def _set_aside(
        self, row: SlipRow, shipment: Shipment, lines: Mapping[str, int], *, last: bool
    ) -> bool:
        """Whether units that shipped are in a person's fulfilment that is not finished."""
        unfinished = [
            one
            for one in self._unclaimed
            if one.state not in SHIPPED_STATES
            and not any(_as_named(one) in message for message in self.accepted)
        ]
        if not unfinished or (lines and not self._allocation.is_known):
            return False
        whole = self._allocation.own_lines(shipment, last=last, beside=unfinished)
        taken = Counter(whole) - Counter(lines)
        named = [one for one in unfinished if taken.keys() & one.lines.keys()]
        if not named:
            return False
        which = ",".join(map(_as_named, named))
        message = (
            f"VeraCore shipped {listed(self.order.lines, taken)} (slip {row.slip}), which a "
            f"person has put into fulfilment{which}: set that to Shipped if it is this shipment, "
            "or cancel it in the shop"
        )
        self._report(PENDING_BY_HAND, message)
        why = f"its units are in fulfilment{which}, which was made by hand"
        self._hold(row, why, self.now + _LOOK_AGAIN)
        return True

    # ---- alerts, and the end of the order ------------------------------------------------------

    def _report_excess(self, row: SlipRow, shipment: Shipment) -> None:
        beyond = self._allocation.beyond(units_of(shipment.lines or ()))
        if beyond:
            excess = ", ".join(f"{units} x {sku}" for sku, units in beyond.items())
            message = f"VeraCore shipped {excess} more than was ordered (slip {row.slip})"
            self._report(AlertKind.ORDER_BEYOND, message)

    def _report(self, kind: AlertKind, message: str) -> None:
        self.actions.append(ReportIssue(kind, message))

    @property
    def _is_left(self) -> bool:
        return any(units > 0 for units in self._allocation.left().values())

    def _conclude(self) -> None:
        if self._awaits or self._allocation.planned:
            return
        if self._is_cancelled:
            if self.record.is_complete:
                covered = (one for one in self.slips.values() if one.state == PickSlipState.COVERED)
                for slip in covered:
                    # Parts of a kit that no slip has completed are in no fulfilment.
                    if self._allocation.has_pieces(slip.slip):
                        self._shipped_cancelled(slip)
                self.actions.append(Close())
            return
        if self._is_open and is_all_that_lacks(self._allocation):
            if self._hangs:
                row, fulfils = self.slips.get(EXCLUDED), self.rules.fulfils_excluded
                waits = row is not None and self._backs_off(row) is not None
                self.actions += end_of_excluded(
                    self._allocation, self.slips, fulfils=fulfils, waits=waits
                )
            return
        if self._is_left:
            if self.record.is_complete and self._is_open:
                self.actions += short(self.record, self.order, self._allocation)
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

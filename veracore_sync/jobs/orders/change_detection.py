"""After an order was handed over: changes in the shop that the warehouse does not know of.

Vendure moves ``updatedAt`` with some changes and not with others (docs/vendure.md). An order whose
time moved is compared at once; the others are compared in turn. Orders that passed the trigger
states are found by their state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.ledger_records import ORDERS_LISTED
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.compare import Comparer
from veracore_sync.jobs.orders.plan import PASSED_STATES
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import NET, is_ahead

_MOVED = "watch.updated_at"
_FULL_SCAN = "net.deep_at"
_MOVED_OVERLAP = timedelta(minutes=2)
_SAFETY_OVERLAP = timedelta(days=1)
_FULL_REACH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Windows:
    """How far back this run lists orders (UTC); ``None``: not at all."""

    moved_since: datetime | None
    passed_since: datetime | None
    is_full_scan: bool


def windows(ledger: Ledger, now: datetime, not_before: datetime) -> Windows:
    """Since when the shop is asked for changed and for passed orders.

    Changes are listed from the newest change seen; passed orders (the safety scan) from a day
    before the last run, and once a day over the last thirty days (the full scan).
    """
    # The windows overlap: the shop's clock may differ from ours, and on SQLite `updatedAt` has
    # whole seconds (docs/vendure.md).
    moved = ledger.meta.moment(_MOVED) or max(ledger.meta.live_since, now - _FULL_REACH)
    checked, full_at = ledger.meta.moment(ORDERS_LISTED), ledger.meta.moment(_FULL_SCAN)
    is_full = full_at is None or now - full_at >= NET
    reach = now - _FULL_REACH if is_full or checked is None else checked - _SAFETY_OVERLAP
    return Windows(moved - _MOVED_OVERLAP, max(reach, not_before), is_full)


@dataclass(slots=True)
class ChangeDetector(RunPart[OrdersReport]):
    """Finds changes made in the shop after an order was sent."""

    def changed(self, moved: Sequence[OrderStub], waiting: Sequence[OrderStub] = ()) -> None:
        """Compare orders that were sent with the shop, and tell what it changed.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        if not Comparer(self.context).compare(moved, waiting):
            return
        now = self.clock.now()
        # One order with an `updatedAt` years ahead would move the window past all other changes.
        passed = [stub.updated_at for stub in moved if not is_ahead(stub.updated_at, now)]
        if passed:
            self.ledger.meta.put(_MOVED, to_text(max(passed)))

    def passed(self, stubs: Sequence[OrderStub], span: Windows) -> None:
        """Record orders that left the trigger states between two runs, once each.

        `stubs` are of the types that are sent.

        A partly shipped one opens an alert, because its rest is not sent automatically.
        """
        held = self.ledger.orders.held([stub.code for stub in stubs])
        missed = [stub for stub in stubs if stub.code not in held]
        self.ledger.transitions.discover(_missed(stub) for stub in missed)
        for stub in missed:
            if stub.state.startswith("Partially"):
                kind = AlertKind.ORDER_PASSED_BY
                if raise_alert(
                    self.ledger, self.report, kind, _missed_message(stub), code=stub.code
                ):
                    self.report.changed(stub.code, _missed_message(stub))
            self.report.record(stub.code, "skipped")
        now = to_text(self.clock.now())
        self.ledger.meta.put(ORDERS_LISTED, now)
        if span.is_full_scan:
            self.ledger.meta.put(_FULL_SCAN, now)


def passed_states(trigger_states: Sequence[str]) -> tuple[str, ...]:
    """The states after the trigger states that are not trigger states themselves."""
    return tuple(state for state in PASSED_STATES if state not in trigger_states)


def _missed(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.STATE,
        trouble=Failure(Category.VALIDATION, _missed_message(stub)),
    )


def _missed_message(stub: OrderStub) -> str:
    rest = ": its rest is not sent automatically" if stub.state.startswith("Partially") else ""
    return f"it was {stub.state} in the shop before it could be sent{rest}"

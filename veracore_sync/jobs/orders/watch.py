"""After an order was handed over: changes in the shop that the warehouse does not know of.

Vendure moves ``updatedAt`` on cancellation and modification, not on state transitions
(docs/vendure.md); so cancellations and modifications are seen by time, everything else by state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, to_text
from veracore_sync.errors import Category
from veracore_sync.jobs.orders.plan import PASSED_STATES
from veracore_sync.jobs.orders.render import content_hash
from veracore_sync.jobs.orders.result import OrdersResult
from veracore_sync.ledger import Discovery, Ledger, OrderRow, Trouble
from veracore_sync.model import Order, OrderStub
from veracore_sync.vendure.shop import Shop
from veracore_sync.waits import NET, is_ahead

_MOVED = "watch.updated_at"
_NET = "net.checked_at"
_DEEP = "net.deep_at"
_MOVED_OVERLAP = timedelta(minutes=2)
_NET_OVERLAP = timedelta(days=1)
_DEEP_REACH = timedelta(days=30)

_WATCHED = frozenset({"synced", "in_doubt", "sending", "conflict"})


@dataclass(frozen=True, slots=True)
class Windows:
    """How far back this run listens (UTC); ``None`` asks for nothing."""

    moved_since: datetime | None
    passed_since: datetime | None
    deep: bool


def windows(ledger: Ledger, now: datetime, not_before: datetime) -> Windows:
    """Since when the shop is asked for changed and for passed orders.

    Changes are followed from the newest change seen, with an overlap; the net for passed orders
    reaches back a day before the last run, and once a day thirty days.
    """
    moved = ledger.meta.moment(_MOVED) or max(ledger.meta.created_at, now - _DEEP_REACH)
    checked, deep_at = ledger.meta.moment(_NET), ledger.meta.moment(_DEEP)
    deep = deep_at is None or now - deep_at >= NET
    reach = now - _DEEP_REACH if deep or checked is None else checked - _NET_OVERLAP
    return Windows(moved - _MOVED_OVERLAP, max(reach, not_before), deep)


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks over what the shop did behind our back.

    Args:
        shop: To read changed orders in full.
        ledger: Where alerts are written.
        clock: The time.
        result: Where news are told.
    """

    shop: Shop
    ledger: Ledger
    clock: Clock
    result: OrdersResult

    def changed(self, moved: Sequence[OrderStub]) -> None:
        """Raise ``order.cancelled_in_shop`` or ``order.drift`` for what VeraCore holds."""
        held = self.ledger.orders.held([stub.code for stub in moved])
        fresh = [stub for stub in moved if stub.code in held and _is_news(stub, held[stub.code])]
        cancelled = [stub for stub in fresh if stub.state == "Cancelled"]
        for stub in cancelled:
            self._raise(
                "order.cancelled_in_shop",
                stub.code,
                "it was cancelled in the shop after it went to VeraCore: "
                "cancel it there too, or it ships",
            )
        others = [stub.code for stub in fresh if stub.state != "Cancelled"]
        for order in self.shop.orders(others) if others else []:
            self._compare(order, held[order.code])
        for stub in fresh:
            self.ledger.moves.touch(stub.code, shop_updated_at=to_text(stub.updated_at))
        now = self.clock.now()
        # By the shop's clock: one order that was written years ahead must not hide all others.
        passed = [stub.updated_at for stub in moved if not is_ahead(stub.updated_at, now)]
        if passed:
            self.ledger.meta.put(_MOVED, to_text(max(passed)))

    def _compare(self, order: Order, row: OrderRow) -> None:
        if row.content_hash is None:
            return
        if content_hash(order, self.ledger.meta.hash_key) != row.content_hash:
            self._raise(
                "order.drift",
                order.code,
                "it was changed in the shop after it went to VeraCore (units, address or "
                "shipping): change it there too",
            )

    def _raise(self, kind: str, code: str, message: str) -> None:
        if self.ledger.alerts.open(kind, message, code=code):
            self.result.note(code, self.result.outcomes.get(code, "drift"), f"{code}: {message}")

    def passed(self, stubs: Sequence[OrderStub], span: Windows) -> None:
        """Report orders that went through the trigger state between two runs, once each.

        A partly shipped one is put before a person, for its rest will not be sent.
        """
        held = self.ledger.orders.held([stub.code for stub in stubs])
        strangers = [s for s in stubs if s.code not in held and s.type == "Regular"]
        self.ledger.moves.discover(_stranger(stub) for stub in strangers)
        for stub in strangers:
            if stub.state.startswith("Partially"):
                self._raise("order.passed_by", stub.code, _stranger_words(stub))
            self.result.note(stub.code, "skipped")
        now = to_text(self.clock.now())
        self.ledger.meta.put(_NET, now)
        if span.deep:
            self.ledger.meta.put(_DEEP, now)


def passed_states(trigger_states: Sequence[str]) -> tuple[str, ...]:
    """The states behind the trigger that are not triggers themselves."""
    return tuple(state for state in PASSED_STATES if state not in trigger_states)


def _is_news(stub: OrderStub, row: OrderRow) -> bool:
    if row.state not in _WATCHED:
        return False
    # Another moment, not a later one: after a clock that was ahead, what happens next is earlier.
    return row.shop_updated_at != to_text(stub.updated_at)


def _stranger(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state="skipped",
        cause="state",
        trouble=Trouble(Category.VALIDATION, _stranger_words(stub)),
    )


def _stranger_words(stub: OrderStub) -> str:
    rest = ": its rest is not sent by itself" if stub.state.startswith("Partially") else ""
    return f"it was {stub.state} in the shop before it could be sent{rest}"

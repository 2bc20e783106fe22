"""Reads ledger, shop, warehouse and the ledger again, and compares; each suspect twice."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.inventory.sku_map import SPELLINGS
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import in_batches, read_apart
from veracore_sync.jobs.reconcile.compare import CompareRules, examine_order, rules_of, wanted_ids
from veracore_sync.jobs.reconcile.ledger_side import ledger_sides
from veracore_sync.jobs.reconcile.listed import ListedShipments
from veracore_sync.jobs.reconcile.look_ups import LookUps
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.scope import TRIED, fingerprint, has_moved
from veracore_sync.jobs.reconcile.sides import Examined, LedgerSide, OrderSides
from veracore_sync.ports.warehouse import Absent, LookUp

_LOG = logging.getLogger(__name__)
_A_TICK = timedelta(milliseconds=1)
_MOVED = "the ledger's order changed while it was compared"
_JUST_PLACED = "it was placed or changed a short time ago"
_OTHERWISE = "it differed in another way at the second look"
# What an unforeseen record may raise in a pure comparison. It must not stop the other orders.
_ERRORS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Looked:
    """An order that was examined.

    Args:
        examined: What was found.
        mark: Its `fingerprint`; empty: it needed no look-up.
    """

    examined: Examined
    mark: str = ""


@dataclass(slots=True)
class OrderExaminer(RunPart[ReconcileReport]):
    """Compares orders; an `Examiner`.

    Args:
        channel_code: The code of the shop's channel.
        listed: VeraCore's list of shipments, as far as it was read.
    """

    channel_code: str
    listed: ListedShipments = field(default_factory=ListedShipments)
    _at_first: CompareRules = field(init=False)
    look_ups: LookUps = field(init=False)

    def __post_init__(self) -> None:
        ledger = self.ledger
        self.look_ups = LookUps(self.context)
        self._at_first = rules_of(
            self.settings,
            self.warehouse.capabilities,
            now=self.clock.now(),
            live_since=ledger.meta.live_since,
            hash_key=ledger.meta.hash_key,
            channel_code=self.channel_code,
            settle=timedelta(minutes=self.settings.reconcile.settle_minutes),
            spelled=ledger.meta.get(SPELLINGS),
            id_taken=ledger.orders.id_sent_for,
            was_sent=self._was_sent,
            is_tracked=ledger.runs.last_ended("sync-tracking") is not None,
        )

    def _was_sent(self, code: str) -> bool:
        row = self.ledger.orders.get(code)
        return row is not None and row.attempt > 0

    def rules(self) -> CompareRules:
        """The rules at this moment: a run may last longer than what is recent."""
        finds = self.look_ups.finds_orders
        return replace(self._at_first, now=self.clock.now(), finds_orders=finds)

    def examine(self, codes: Sequence[str]) -> list[Examined]:
        """Read and compare these, each suspect twice.

        Raises:
            SyncError: A side as a whole cannot be read.
        """
        return [one.examined for one in self.look(codes)]

    def look(self, codes: Sequence[str]) -> list[Looked]:
        """As `examine`, with what is remembered of an order that agrees."""
        found: list[Looked] = []
        for batch in in_batches(codes):
            found += self.confirmed(self._fresh(batch))
        return found

    # ---- reading ------------------------------------------------------------------------------

    def _fresh(self, codes: Sequence[str]) -> list[Looked]:
        # The ledger is read first, and its times have milliseconds: what a repair stored a moment
        # ago may bear this one, and has not moved since.
        began = self.clock.now() + _A_TICK
        held = ledger_sides(self.ledger, codes)
        orders, unread = self.read_shop(codes, held)
        return self.compare(self.sides(codes, began, held, orders, unread))

    def read_shop(
        self, codes: Sequence[str], held: Mapping[str, LedgerSide]
    ) -> tuple[dict[str, WholeOrder], dict[str, str]]:
        """The shop's orders by code, and why those that it cannot show were not read.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        unread: dict[str, str] = {}

        def failed(code: str, error: SyncError) -> None:
            unread[code] = error.message

        # The shop has another order under the code of one that was set aside.
        asked = [code for code in codes if code not in held or not held[code].row.is_set_aside]
        if not asked:
            return {}, {}
        read = read_apart(self.shop.audit.named, asked, self.ledger.meta.probe_id, failed)
        return {order.code: order for order in read}, unread

    def sides(
        self,
        codes: Iterable[str],
        began: datetime,
        held: Mapping[str, LedgerSide],
        orders: Mapping[str, WholeOrder],
        unread: Mapping[str, str],
    ) -> list[OrderSides]:
        """What was read of each order, without look-ups."""
        return [
            OrderSides(
                code,
                began,
                held.get(code),
                orders.get(code),
                listed=self.listed.of(code, held.get(code)),
                shop_unread=unread.get(code, ""),
            )
            for code in codes
        ]

    def wanted(
        self, sides: OrderSides, rules: CompareRules, seen: Mapping[str, LookUp] | None = None
    ) -> tuple[str, ...]:
        """The ids of the order that have to be looked up to compare it."""
        if sides.shop_unread or is_just_placed(sides, rules):
            return ()
        return wanted_ids(sides.ledger, sides.shop, rules, seen or {}, sides.listed)

    # ---- comparing ----------------------------------------------------------------------------

    def compare(
        self, all_sides: Sequence[OrderSides], marks: Mapping[str, str] | None = None
    ) -> list[Looked]:
        """Look these orders up, read the ledger again and compare.

        Args:
            all_sides: The orders.
            marks: Their `fingerprint` by code, where it is known.

        Raises:
            SyncError: VeraCore as a whole cannot be read, or the ledger.
        """
        seen = self._seen(all_sides)
        after: Mapping[str, LedgerSide | None] = {one.code: one.ledger for one in all_sides}
        if any(seen.values()):
            after = ledger_sides(self.ledger, list(seen), sent=False)
        until, rules = to_text(self.clock.now()), self.rules()
        key, known = self.ledger.meta.hash_key, marks or {}
        found: list[Looked] = []
        for sides in all_sides:
            code, look_ups = sides.code, seen[sides.code]
            mark = (known.get(code) or fingerprint(sides, key)) if look_ups else ""
            if _is_gone(sides, look_ups):
                # VeraCore may have forgotten it, or have failed to find it once: it has not agreed.
                mark = TRIED
            if has_moved(sides.ledger, after.get(code), to_text(sides.read_at), until):
                found.append(Looked(Examined(code, moving=_MOVED), mark))
                continue
            found.append(Looked(self._examined(replace(sides, seen=look_ups), rules), mark))
        return found

    def _seen(self, all_sides: Sequence[OrderSides]) -> dict[str, dict[str, LookUp]]:
        """What look-ups show of each order, by the id that was asked for."""
        seen: dict[str, dict[str, LookUp]] = {one.code: {} for one in all_sides}
        rules = self.rules()
        left = list(all_sides)
        # What is found under one id may ask for another: a person may have given it a new one.
        while left:
            wanted = {one.code: self.wanted(one, rules, seen[one.code]) for one in left}
            found = self.look_ups.of([id for ids in wanted.values() for id in ids])
            for code, ids in wanted.items():
                seen[code] |= {id: found[id] for id in ids}
            left = [one for one in left if wanted[one.code]]
        return seen

    def _examined(self, sides: OrderSides, rules: CompareRules) -> Examined:
        if is_just_placed(sides, rules):
            return Examined(sides.code, moving=_JUST_PLACED)
        try:
            return examine_order(sides, rules)
        except _ERRORS as error:
            _LOG.debug("order %s cannot be compared", sides.code, exc_info=True)
            return Examined(sides.code, unseen=f"it cannot be compared: {type(error).__name__}")

    def confirmed(self, looked: Sequence[Looked]) -> list[Looked]:
        """The same; what seems to differ is read once more on all sides, and counts if it stays.

        Raises:
            SyncError: A side as a whole cannot be read.
        """
        suspects = [one.examined.code for one in looked if one.examined.differences]
        again: dict[str, Looked] = {}
        for batch in in_batches(suspects):
            again |= {one.examined.code: one for one in self._fresh(batch)}
        return [
            _both(one, again[one.examined.code]) if one.examined.code in again else one
            for one in looked
        ]


def _is_gone(sides: OrderSides, seen: Mapping[str, LookUp]) -> bool:
    """Whether VeraCore does not find an order that has left it."""
    has_left = sides.ledger is not None and sides.ledger.row.state is OrderState.SHIPPED
    return has_left and any(isinstance(one, Absent) for one in seen.values())


def is_just_placed(sides: OrderSides, rules: CompareRules) -> bool:
    """Whether the order waits to be sent, and so recent that no look-up would say anything."""
    side, order = sides.ledger, sides.shop
    if order is None or order.content.state not in rules.planner.settings.trigger_states:
        return False
    if side is not None and (side.row.state is not OrderState.PENDING or side.row.is_set_aside):
        return False
    return rules.is_fresh(order.content.placed_at)


def _both(first: Looked, second: Looked) -> Looked:
    """What two looks at an order say."""
    now = second.examined
    if not now.differences:
        return second
    seen = {one.key for one in first.examined.differences}
    stayed = tuple(one for one in now.differences if one.key in seen)
    if not stayed:
        return replace(second, examined=Examined(now.code, moving=_OTHERWISE))
    return replace(second, examined=replace(now, differences=stayed))

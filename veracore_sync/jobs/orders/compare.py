"""Compares orders that were handed over with the shop, by content, and tells what changed.

On a real Vendure neither an address-only change, nor fewer units with a refund, nor a refund moves
``updatedAt`` (docs/vendure.md), so only reading an order anew shows them. All open orders are read
where they are few; else a slice of them each run, the one whose last comparison is longest ago
first, so that each is compared within three runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.comparisons import ComparedRow, Facets, LastLook
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow, SentLines
from veracore_sync.domain.orders import OrderContent, OrderStub
from veracore_sync.domain.states import HANDED_OVER, Applied, OrderState
from veracore_sync.jobs.cancel.words import asks_by_itself, cancelled_in_shop
from veracore_sync.jobs.inventory.sent_names import sent_names
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import LOOK_UP, SHOP, BadRecords, read_apart
from veracore_sync.jobs.orders.changes import (
    CANCELLED,
    DRIFT,
    KINDS,
    LASTING,
    PASSING_STATE,
    ChangeRules,
    Comparison,
    Verdict,
    agrees,
    excess_units,
    has_ended,
    held_lines,
    is_followed,
    missing_units,
    open_units,
    sent_lines,
)
from veracore_sync.jobs.orders.facets import facets, fulfilled_by_hand, under_first_names
from veracore_sync.jobs.orders.render import Renderer, content_hash
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.waits import is_ahead

_FEW = 1000
"""So many open orders are compared in every run."""
_RUNS = 3
"""Within so many runs each open order is compared."""
_MAX_REQUESTS = 10
_MAX_ENDED = 200
_JUST_NOW = timedelta(minutes=5)
_UNREAD = "the shop gives no usable answer about it, so changes made there cannot be detected,"


@dataclass(slots=True)
class Comparer(RunPart[OrdersReport]):
    """Reads orders in pages and tells what the shop changed."""

    _rules: ChangeRules = field(init=False)
    _standing: dict[str, set[str]] = field(init=False)
    _is_tracked: bool = field(init=False)
    _key: bytes = field(init=False)

    def __post_init__(self) -> None:
        orders = self.settings.orders
        renderer = Renderer(orders, self.settings.skus)
        self._rules = ChangeRules(renderer, orders.trigger_states)
        self._key = self.ledger.meta.hash_key
        self._is_tracked = self.ledger.runs.last_ended("sync-tracking") is not None
        self._standing = {}
        for alert in self.ledger.alerts.standing():
            if alert.code is not None:
                self._standing.setdefault(alert.code, set()).add(alert.kind)

    # ---- which orders -----------------------------------------------------------------------

    def compare(self, moved: Sequence[OrderStub], waiting: Sequence[OrderStub]) -> bool:
        """Compare what the shop says it changed, and open orders; whether all of `moved` were.

        Args:
            moved: Orders whose ``updatedAt`` moved.
            waiting: Orders in a trigger state: one that has ended may have units that VeraCore
                does not have.

        Raises:
            SyncError: The shop as a whole cannot be read.
        """
        stubs = {stub.code: stub for stub in (*waiting, *moved)}
        rows = self.ledger.orders.held(list(stubs))
        known = self.ledger.comparisons.looks(list(rows))
        has_moved = {stub.code for stub in moved}
        unseen = [
            code
            for code, row in rows.items()
            if _is_unseen(stubs[code], row, known.get(code), has_moved=code in has_moved)
        ]
        page = self.shop.contents_a_request
        most = page * _MAX_REQUESTS
        # First what no later run would find: an order that has ended is read only when it moves.
        unseen.sort(key=lambda code: not has_ended(rows[code]))
        urgent = list(dict.fromkeys([*unseen[:most], *self._ended_with_an_alert()]))
        sent = self._sent_just_now()
        slice_ = self.ledger.comparisons.longest_uncompared(self._slice(page))
        open_ = [code for code in slice_ if code not in sent]
        codes = list(dict.fromkeys([*urgent, *open_]))[:most]
        return self._read(codes, stubs) and len(unseen) <= most

    def _sent_just_now(self) -> set[str]:
        """What this run read in full and sent a moment ago: the next run compares it."""
        sent = [code for code, outcome in self.report.outcomes.items() if outcome == "submitted"]
        now = self.clock.now()
        times = {code: row.last_sync_attempt for code, row in self.ledger.orders.held(sent).items()}
        begin, end = to_text(now - _JUST_NOW), to_text(now)
        return {code for code, at in times.items() if at is not None and begin <= at <= end}

    def _slice(self, page: int) -> int:
        """How many open orders this run compares: whole pages, so that there is some slack."""
        count = self.ledger.comparisons.count_open()
        if count <= _FEW:
            return count
        return max(_FEW, -(-count // (_RUNS * page)) * page)

    def _ended_with_an_alert(self) -> list[str]:
        """Ended orders with an alert that only another look at the shop can end."""
        kinds = {*KINDS, AlertKind.ORDER_CANCELLED}
        codes = [code for code, standing in self._standing.items() if standing & kinds]
        rows = self.ledger.orders.held(codes)
        ended = [code for code, row in rows.items() if has_ended(row) and is_followed(row)]
        known = self.ledger.comparisons.looks(ended)
        ended.sort(key=lambda code: (known[code].compared_at or "") if code in known else "")
        return ended[:_MAX_ENDED]

    # ---- reading ----------------------------------------------------------------------------

    def _read(self, codes: Sequence[str], stubs: dict[str, OrderStub]) -> bool:
        """Read and compare these in pages, and earlier bad records one by one; whether all were."""
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.report)
        remembered = list(self.ledger.unread.of(SHOP))
        rows = self.ledger.orders.held([*codes, *remembered])
        followed = [code for code in remembered if code in rows and is_followed(rows[code])]
        first, last = bad.asked_last(list(dict.fromkeys([*codes, *followed])), all_due=False)
        failed: dict[str, SyncError] = {}
        page = self.shop.contents_a_request
        pages = [first[start : start + page] for start in range(0, len(first), page)]
        for batch in [*pages, *([code] for code in last)]:
            if self.context.ends_here():
                return False
            failed.clear()
            known = bad.known()
            probe = self.ledger.meta.probe_id
            found = list(read_apart(self.shop.contents, batch, probe, failed.__setitem__))
            self._compare_page(found)
            gone = set(batch) - {order.code for order in found} - failed.keys()
            self._not_there(gone)
            for code in gone:
                # An answer, too: there is nothing left that could be read.
                known.answered(SHOP, code)
            for order in found:
                known.answered(SHOP, order.code)
                known.answered(LOOK_UP, order.code)
            for code, error in failed.items():
                stub = stubs.get(code)
                if stub is not None and stub.state == "Cancelled" and not has_ended(rows[code]):
                    self._cancelled(code)
                bad.report_failure(bad.failed(SHOP, code, error), _UNREAD)
        return True

    def _not_there(self, codes: Iterable[str]) -> None:
        """Orders that the shop does not have (any more) take no other's place in the next runs."""
        known = self.ledger.comparisons.of(list(codes))
        now = to_text(self.clock.now())
        for code in codes:
            before = known.get(code) or ComparedRow(code)
            self.ledger.comparisons.keep(replace(before, compared_at=now))

    # ---- comparing --------------------------------------------------------------------------

    def _compare_page(self, orders: Sequence[OrderContent]) -> None:
        codes = [order.code for order in orders]
        # One transaction a page: a thousand single ones would take longer than the requests. The
        # rows are read inside, because `sync-tracking` may have ended an order meanwhile.
        with self.ledger.unit_of_work():
            rows = self.ledger.orders.held(codes)
            known = self.ledger.comparisons.of(codes)
            sent = self.ledger.comparisons.sent(codes)
            at = to_text(self.clock.now())
            as_before = []
            for order in orders:
                row = rows[order.code]
                if is_another(row, order.id, order.placed_at):
                    self._not_there([order.code])
                    continue
                before = known.get(order.code) or ComparedRow(order.code)
                if not self._compare(order, row, before, sent.get(order.code)):
                    as_before.append(order.code)
            if as_before:
                self.ledger.comparisons.seen_again(as_before, at)

    def _compare(
        self, order: OrderContent, row: OrderRow, before: ComparedRow, sent: Facets | None
    ) -> bool:
        """Compare an order, and store and tell what is new; whether anything is."""
        key, known = self._key, before
        order = under_first_names(order, known.seen, known.base, sent)
        was = known.base or sent
        slips = partial(self.ledger.shipments.slips_of, order.code)
        by_hand = fulfilled_by_hand(order, was.by_hand if was else {}, slips)
        if was is not None and not self._is_tracked and by_hand != was.by_hand:
            # Whoever fulfils all orders by hand gets no notice of each.
            known = replace(known, base=replace(was, by_hand=by_hand))
        now = facets(order, self.settings.orders.prices, key, by_hand, known.seen or was)
        at = self.clock.now()
        away = None
        if now.state == PASSING_STATE:
            since = from_text(known.away_since) if known.away_since else at
            away = at if is_ahead(since, at) else since
        seen = replace(
            known,
            compared_at=to_text(at),
            state=row.state,
            shop_at=to_text(order.updated_at),
            seen=now,
            away_since=to_text(away) if away else None,
        )
        standing = self._standing.get(order.code, set())
        is_open = not has_ended(row)
        was = known.base or sent
        if is_open and not standing & {*KINDS} and self._rules.is_quiet(was, now, known):
            if _is_as_before(before, seen):
                return False
            self.ledger.comparisons.keep(seen)
            return True
        held, lines = self._held(row)
        named = [(line.variant_id, line.sku) for line in order.lines]
        renderer = self._rules.renderer
        # VeraCore has it under the names that it was sent with, whatever an alias is now.
        _, names = sent_names(named, renderer.names, held or lines or (), sent)
        renderer = renderer.named(names)
        units = open_units(sent) if sent else None
        verdict = self._rules.judge(
            Comparison(
                row=row,
                known=known,
                sent=sent,
                sent_lines=lines,
                now=now,
                now_hash=content_hash(order, key),
                missing=missing_units(order, held, renderer),
                excess=excess_units(order, held, renderer),
                agrees=is_open and agrees(open_units(now), units, held, lines, renderer),
                is_standing=DRIFT in standing,
                is_lasting=away is not None and at - away >= LASTING,
            )
        )
        if row.state == OrderState.CANCELLED and now.state == "Cancelled":
            self._cancelled(order.code)
        self._tell(seen, known, verdict)
        return True

    def _held(self, row: OrderRow) -> tuple[SentLines | None, SentLines | None]:
        """What VeraCore has of the order (its record if one was seen), and what it was sent."""
        attempts = self.ledger.orders.attempts(row.code)
        sent = held_lines(row, attempts)
        known = self.ledger.holdings.known(row.code) if row.state in HANDED_OVER else None
        return (known if known is not None else sent), sent_lines(row, attempts)

    # ---- telling ----------------------------------------------------------------------------

    def _tell(self, seen: ComparedRow, known: ComparedRow, verdict: Verdict) -> None:
        code, standing = seen.code, self._standing.get(seen.code, set())
        for kind in KINDS:
            notice, reported = verdict.notices.get(kind), known.reported.get(kind)
            if notice is not None:
                # What another job reported of an order that was never compared is the same news.
                is_same = reported is None and kind in standing and known.compared_at is None
                again = reported != notice.mark and not is_same
                if kind == CANCELLED:
                    self._cancelled(code)
                else:
                    # What was accepted before the newest acceptance counts no more: the order is
                    # compared with what was accepted last.
                    mark = f"{notice.mark} {known.accepted_at or ''}".strip()
                    self._raise(kind, code, notice.message, again=again, mark=mark)
            elif kind in standing and (kind != DRIFT or not verdict.keeps_drift):
                # Only a standing one: what a person accepted is in the order's history.
                self.ledger.alerts.resolve(kind, code=code)
        marks = {str(kind): notice.mark for kind, notice in verdict.notices.items()}
        self.ledger.comparisons.keep(replace(seen, base=verdict.base, reported=marks))

    def _cancelled(self, code: str) -> None:
        """The shop cancelled an order that went to VeraCore."""
        message = cancelled_in_shop(self.context, code)
        change = self.ledger.transitions.cancelled_in_shop(code, message)
        is_asked, order = asks_by_itself(self.context, code), self.ledger.orders.get(code)
        if is_asked and order is not None and order.state == OrderState.SYNCED:
            # Wanted here, so that what the alert says holds if a person accepts it meanwhile.
            self.ledger.cancellations.want(code, order.veracore_id or code, "shop")
        if change is Applied.NEWS:
            self.report.changed(code, message)
            # With `auto` VeraCore is asked by this run, and an alert follows if that fails.
            if not is_asked:
                self.report.escalate(f"{code}: {message}")

    def _raise(
        self,
        kind: AlertKind,
        code: str,
        message: str,
        *,
        again: bool = False,
        mark: str | None = None,
    ) -> None:
        if raise_alert(
            self.ledger, self.report, kind, message, code=code, again=again, difference=mark
        ):
            self.report.changed(code, message)


def _is_unseen(stub: OrderStub, row: OrderRow, known: LastLook | None, *, has_moved: bool) -> bool:
    """Whether the order may have changed since it was sent or compared last."""
    if not is_followed(row):
        return False
    last = row.shop_updated_at
    if known is not None and known.shop_at is not None:
        last = known.shop_at
        if has_ended(row) and known.state != row.state:
            return True
    elif has_ended(row) and not has_moved:
        return True
    # "Different", not "later": after the shop's clock was ahead, the next time is earlier.
    return (has_moved or has_ended(row)) and last != to_text(stub.updated_at)


def _is_as_before(before: ComparedRow, seen: ComparedRow) -> bool:
    """Whether the two rows differ in nothing but when the order was compared."""
    was, now = before.seen, seen.seen
    return (
        was is not None
        and now is not None
        and replace(before, compared_at=seen.compared_at) == seen
        and (was.names, was.ship_to_parts) == (now.names, now.ship_to_parts)
    )

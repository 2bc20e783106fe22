"""The books of a shop, its warehouse and the ledger between them: what must be true of each order.

Each order has one story at most, so that they can say exactly what must have become of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from tracking_world import World

from veracore_sync.clock import from_text
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.jobs.orders.changes import open_units
from veracore_sync.sandbox.records import Order as Placed
from veracore_sync.sandbox.shop_process import live_lines
from veracore_sync.sandbox.shop_records import Fulfilment, Order

SKUS = ("MUG", "TEE", "HAT", "POSTER", "BOX", "PEN")
BY_HAND = "by hand"
"""The tracking code of every fulfilment that the timers did not make."""
ALERTS = {
    "partly by hand": "order.passed_by",
    "cancelled late": "order.cancelled_in_shop",
    "cancelled there": "order.cancelled",
    "changed late": "order.drift",
    "cut late": "order.drift",
    "refunded late": "order.refunded",
}
"""What a person must have been told of, by story."""
_NEVER_SENT = ("cancelled", "by hand", "partly by hand", "refunded")
_ENDED = ("Shipped", "Cancelled")
_DRIFTS = tuple(story for story, kind in ALERTS.items() if kind == "order.drift")
_NOT_AT_REST = ("pending", "sending", "in_doubt", "failed", "parked", "conflict")


@dataclass(slots=True)
class Case:
    """An order of the shop, and what beside its plain course became of it."""

    order: Order
    story: str = ""
    goes_elsewhere: bool = False
    """Whether the shop changed its address after it was sent."""

    @property
    def is_ended(self) -> bool:
        """Whether the shop is done with it."""
        return self.order.state in _ENDED

    @property
    def ordered(self) -> Counter[str]:
        """Units by SKU."""
        return +Counter({line.variant.sku: line.quantity for line in self.order.lines})

    @property
    def is_served(self) -> bool:
        """Whether all of it, and not nothing, has been shipped."""
        gone = all(one.state == "Shipped" for one in self.order.fulfilments if one.live)
        return gone and bool(self.ordered) and self.fulfilled() == self.ordered

    def fulfilled(self, by_hand: bool | None = None) -> Counter[str]:
        """Units by SKU in live fulfilments: all, those made by hand, or those that were not."""
        units = Counter[str]()
        for part in live_lines(self.order):
            if by_hand is None or by_hand == is_by_hand(part.fulfilment):
                units[part.line.variant.sku] += part.quantity
        return units

    def unheld(self, promised: Counter[str]) -> Counter[str]:
        """Open units by SKU that the warehouse did not promise."""
        missing = self.ordered - self.fulfilled(by_hand=True) - promised
        return missing & (self.ordered - self.fulfilled())

    def row_states(self, placed: Placed) -> tuple[str, ...]:
        """Where the ledger may have it."""
        if placed.is_cancelled:
            return ("cancelled",)
        if self.order.state == "Cancelled" and placed.is_complete:
            return ("shipped",)
        if not self.is_served:
            return ("synced",)
        # Where a hand gave some of it the warehouse may still have units that nobody waits for.
        return ("shipped",) if placed.is_complete else ("synced", "shipped")


def is_by_hand(fulfilment: Fulfilment) -> bool:
    """Whether the timers did not make it."""
    return fulfilment.tracking_code == BY_HAND


def _is_dated_early(row: OrderRow | None, placed: Placed | None) -> bool:
    """Whether the host's clock was behind when the order was sent."""
    if row is None or placed is None or row.last_successful_sync is None:
        return False
    accepted_at = datetime.fromisoformat(placed.accepted_at)
    return from_text(row.last_successful_sync) < accepted_at


@dataclass
class Books:
    """What is known of all orders.

    Args:
        bed: Both ends.
        cases: The shop's orders by code.
        there: The warehouse's by the shop's code, as of the last `look_there`.
        came: The same in the sequence in which they came, with those that were sent anew.
        lost: The codes of orders that an old ledger did not know to be sent.
        forgotten: Those of them with which the shop was done by then: an old one hears no more.
        told: What a ledger told, by code and kind of alert, before it was lost and rebuilt.
        found_again: Those of which a hand had given a part when a ledger was rebuilt, which does
            not know whether that was before they were sent.
        unshown: Orders of which a lost ledger knows no more than what the shop had of them then:
            the units that were ordered, and those that a hand had fulfilled.
        untold: Those of them that had been changed by then: nothing shows it any more.
    """

    bed: World
    cases: dict[str, Case] = field(default_factory=dict)
    there: dict[str, Placed] = field(default_factory=dict)
    came: list[Placed] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    found_again: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)
    unshown: dict[str, tuple[Counter[str], Counter[str]]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)
    _heard: set[tuple[str, str]] = field(default_factory=set)

    def look_there(self) -> list[Placed]:
        """The orders that came to the warehouse since the last look; none may come twice, unless
        the first was cancelled there."""
        world = self.bed.sandbox.world
        with world.lock:
            new = list(islice(world.orders.values(), len(self.came), None))
        self.came += new
        for order in new:
            # The dialect `rest` sends no reference; the id is the code there.
            code = order.reference or order.id
            assert code in self.cases, f"{code} is nobody's"
            first = self.there.get(code)
            assert first is None or first.is_cancelled, f"{code} is there twice"
            self.there[code] = order
        return new

    def lose(self, known: set[str]) -> None:
        """An old ledger comes back, of a time when it had sent only these."""
        self._heard |= {(code, kind) for code, kinds in self._alerts().items() for kind in kinds}
        lost = self.there.keys() - known
        self.lost |= lost
        self.forgotten |= {code for code in lost if self.cases[code].is_ended}
        self._know_no_more(lost)

    def rebuild(self) -> None:
        """A ledger was lost, and another one rebuilt from what both sides show."""
        self.told |= {(code, kind) for code, kinds in self._alerts().items() for kind in kinds}
        self.found_again |= {
            code for code in self.there if self.cases[code].fulfilled(by_hand=True)
        }
        self._know_no_more(set(self.there))

    def _know_no_more(self, codes: set[str]) -> None:
        for code in () if self.shows_content else codes:
            case = self.cases[code]
            if not self.there[code].is_complete or not case.fulfilled(by_hand=False):
                self.unshown[code] = case.ordered, case.fulfilled(by_hand=True)
                if case.story in _DRIFTS and case.order.state != "Modifying":
                    self.untold.add(code)

    @property
    def shows_content(self) -> bool:
        """Whether the warehouse shows what its orders contain."""
        return self.bed.dialect != "rest"

    def promised(self, placed: Placed | None) -> Counter[str]:
        """The units that the warehouse shipped or will ship, as far as it shows what it has."""
        if placed is None or placed.is_cancelled:
            return Counter()
        if self.shows_content:
            return placed.ordered() - placed.cancelled()
        return self.unshown.get(placed.id, (placed.ordered(),))[0]

    # ---- stock ----------------------------------------------------------------------------------

    def never_oversold(self) -> None:
        """Right after a run: nothing is for sale that the timers could know not to be there."""
        truth = self._truth(known_only=True)
        for sku in SKUS:
            assert self._saleable(sku) <= max(0, truth[sku]), sku

    def _saleable(self, sku: str) -> int:
        return self.bed.shop.state.saleable(sku) or 0

    def _truth(self, *, known_only: bool = False) -> Counter[str]:
        """What the warehouse could give to new customers, by SKU.

        Args:
            known_only: An order that it cancelled counts once a look-up has shown that.
        """
        world = self.bed.sandbox.world
        levels = {sku: world.stock_of(sku) for sku in SKUS}
        free = Counter({sku: sum(one.available for one in levels[sku]) for sku in SKUS})
        for code, case in self.cases.items():
            unknown = known_only and case.story == "cancelled there" and not self._is_known(code)
            if not case.is_ended and not unknown:
                free.subtract(case.unheld(self.promised(self.there.get(code))))
        return free

    def _is_known(self, code: str) -> bool:
        row = self.bed.parts.ledger.orders.get(code)
        return row is None or row.state == "cancelled"

    def _doubtful(self) -> Counter[str]:
        """Units that the timers keep back: a hand gave them, perhaps in the warehouse's place.

        So it is where it gave what an order was raised by, and where an old ledger, one that was
        rebuilt, or the time of a host whose clock was behind, does not tell whether it gave them
        before the order was sent.
        """
        units = Counter[str]()
        rows = self.bed.parts.ledger.orders.held(list(self.cases))
        for code, case in self.cases.items():
            row, placed = rows.get(code), self.there.get(code)
            if self._looks_passed_by(case) or self._is_refunded_unknown(case, row):
                units += case.ordered
            elif not case.is_ended and (
                code in self.lost | self.found_again
                or case.story == "changed late"
                or _is_dated_early(row, placed)
                or self._is_dated_ahead(row)
            ):
                units += case.fulfilled(by_hand=True)
        return units

    def _is_dated_ahead(self, row: OrderRow | None) -> bool:
        """Whether the host's clock was so far ahead when the order was sent that it still is."""
        at = row.last_successful_sync if row is not None else None
        return at is not None and from_text(at) > self.bed.clock.at

    def _looks_passed_by(self, case: Case) -> bool:
        """Whether an old ledger takes it for one that was never sent.

        That is so where a hand shipped a part; until the warehouse ships, and it is adopted. Where
        it lists no shipments, `reconcile` adopts it.
        """
        placed = self.there.get(case.order.code)
        partly = case.order.state == "PartiallyShipped"
        is_listed = self.shows_content and bool(placed and placed.slips)
        return case.order.code in self.lost and partly and not is_listed

    def _is_refunded_unknown(self, case: Case, row: OrderRow | None) -> bool:
        """Whether to an old ledger the order was refunded before it was sent; until `reconcile`,
        which a person lets run after that, has it adopted."""
        is_lost = case.order.code in self.lost and case.story == "refunded late"
        return is_lost and row is not None and row.state == "skipped"

    # ---- the balance ----------------------------------------------------------------------------

    def balance(self) -> None:
        """At rest: nothing lost, nothing twice, nothing oversold, no trouble kept from a person."""
        ledger = self.bed.parts.ledger
        counts = ledger.orders.counts()
        assert not any(counts[state] for state in _NOT_AT_REST), counts
        rows, alerts = ledger.orders.held(list(self.cases)), self._alerts()
        for code, case in self.cases.items():
            row = rows.get(code)
            self._placed_once(case, row)
            is_unknown = self._looks_passed_by(case) or self._is_refunded_unknown(case, row)
            if row is None or row.state != "skipped" or not is_unknown:
                self._shipped_once(case)
            is_told = self._is_told(case, alerts.get(code, set()))
            assert is_told or self._is_refunded_unknown(case, row), (code, case.story)
        truth, doubtful = self._truth(), self._doubtful()
        for sku in SKUS:
            saleable, most = self._saleable(sku), max(0, truth[sku])
            assert max(0, truth[sku] - doubtful[sku]) <= saleable <= most, (sku, saleable, most)

    def _alerts(self) -> dict[str, set[str]]:
        """Kinds of all alerts that ever were, by order."""
        found: dict[str, set[str]] = {}
        database = self.bed.parts.ledger.database
        for row in database.rows("SELECT code, kind FROM alerts WHERE code IS NOT NULL"):
            found.setdefault(row["code"], set()).add(row["kind"])
        return found

    def _placed_once(self, case: Case, row: OrderRow | None) -> None:
        code, state = case.order.code, row.state if row is not None else ""
        about = (code, case.story, case.order.state, state)
        placed = self.there.get(code)
        assert (placed is None) == (case.story in _NEVER_SENT), about
        if code in self.forgotten and state in ("", "skipped"):
            return
        if placed is not None:
            may_be = self._looks_passed_by(case) or self._is_refunded_unknown(case, row)
            passed_by = ("skipped",) if may_be else ()
            assert state in case.row_states(placed) + passed_by, about

    def _shipped_once(self, case: Case) -> None:
        """The warehouse's shipments fill what no hand has fulfilled, and nothing beyond."""
        placed = self.there.get(case.order.code)
        if placed is None:
            return
        about = (case.order.code, case.story, case.order.state)
        due = self._arrived(case, placed) & (case.ordered - case.fulfilled(by_hand=True))
        assert case.fulfilled(by_hand=False) == due, (about, due)
        assert not case.is_served or case.order.state == "Shipped", about
        slips = sum(slip.is_live for slip in placed.slips)
        ours = sum(one.live and not is_by_hand(one) for one in case.order.fulfilments)
        if not self.shows_content:
            slips = int(bool(due))
        assert ours <= slips if case.story else ours == slips, (about, ours, slips)

    def _arrived(self, case: Case, placed: Placed) -> Counter[str]:
        """The units that must be fulfilled; of what shows no content, all once it is complete."""
        if not self.shows_content and (placed.is_cancelled or not placed.is_complete):
            return Counter()
        if placed.id not in self.unshown:
            return placed.shipped()
        # What was added since a look-up found it again is not in it.
        code = case.order.code
        found = self.bed.parts.ledger.comparisons.sent([code]).get(code)
        return case.ordered & Counter(open_units(found)) if found else case.ordered

    def _is_told(self, case: Case, kinds: set[str]) -> bool:
        """Whether a person heard what the case needs one for."""
        code, kind = case.order.code, ALERTS.get(case.story)
        if kind is None or kind in kinds or (code, kind) in self.told:
            return True
        if kind == "order.drift" and code in self.untold:
            return True
        late = "order.cancelled_in_shop"
        if kind == "order.cancelled" and (late in kinds or (code, late) in self.told | self._heard):
            # The shop cancelled it, too, before its turn to be looked up came.
            return case.is_ended
        placed, shorts = self.there.get(code), ("order.short", "order.short_shipped")
        is_short = any(short in kinds or (code, short) in self.told for short in shorts)
        if kind == "order.drift" and is_short and placed is not None:
            # The shop could not be asked until all had left, which then was too little.
            return bool(case.ordered - placed.ordered())
        # Of what the shop is done with nobody has to hear again from an old ledger.
        if case.is_ended and (code in self.forgotten or (code, kind) in self._heard):
            return True
        # Partly shipped when an old ledger came back: to that it is an order that passed by.
        return code in self.lost and "order.passed_by" in kinds

"""A shop's life beside its timers, on a virtual clock.

A step is an hour: things happen, the timers run, and an hour goes by. The day ends with a balance
of the books (days_books.py); each day has a great trouble (days_troubles.py).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from days_books import BY_HAND, SKUS, Books, Case, is_by_hand
from days_troubles import HostClock, Timers, Troubles
from tracking_world import World

from veracore_sync.sandbox.records import Order as Placed
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_records import Fulfilment
from veracore_sync.sandbox.shop_state import ShopState

ZONE = "America/Los_Angeles"
_HOURS = 24
_BEFORE_TIMERS = timedelta(minutes=7)
_BETWEEN_CUSTOMERS = timedelta(seconds=7)
"""As between people: Vendure shows to which order an allocation belongs by its moment alone."""
# After the morning's troubles, so that the timers have told what there is to do.
_PERSON_COMES = 13


@dataclass(frozen=True, slots=True)
class Pace:
    """How much happens.

    Args:
        orders: Orders a day, as far as there is stock.
        stories: How many orders a day get each kind of story.
    """

    orders: int
    stories: float

    def placed(self, hour: int) -> int:
        """How many of the day's orders come in this hour."""
        return self.orders * (hour + 1) // _HOURS - self.orders * hour // _HOURS

    @property
    def pallet(self) -> int:
        """How many units of a SKU arrive, about three times a day."""
        return max(4, self.orders // 6)


@dataclass
class Life:
    """A shop's life, and the timers beside it.

    Args:
        bed: Both ends.
        dice: Decides what happens.
        pace: How much happens.
        books: All orders.
        told: Counts what happened today.
        stories: What may befall single orders.
        timers: They run every hour.
        troubles: What befalls those.
        checks: What must hold at the end of each day, beside the balance of the books.
    """

    bed: World
    dice: random.Random
    pace: Pace
    books: Books = field(init=False)
    told: Counter[str] = field(default_factory=Counter)
    stories: Sequence[Story] = ()
    timers: Timers = field(init=False)
    troubles: Troubles = field(init=False)
    checks: list[Callable[[], None]] = field(default_factory=list)
    _open: list[Placed] = field(default_factory=list)
    _looked: int = 0
    _soon: list[Callable[[], None]] = field(default_factory=list)
    tomorrow: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stories = self.stories or STORIES
        self.books = Books(self.bed)
        self.timers = Timers(self.bed, self.books, self.told)
        self.troubles = Troubles(self.timers, self.dice)

    @property
    def shop(self) -> ShopState:
        return self.bed.shop.state

    # ---- a day ----------------------------------------------------------------------------------

    def day(self, number: int) -> None:
        """Live through a day, to its balance."""
        self.told.clear()
        before = self._totals()
        for hour in range(_HOURS):
            self._do(self._soon)
            if hour == _PERSON_COMES:
                self._do(self.tomorrow)
            self.troubles.befall(number, hour)
            self._happen(hour)
            self.bed.clock.at += _BEFORE_TIMERS
            self.timers.tick()
            self.bed.clock.at += timedelta(hours=1) - _BEFORE_TIMERS
        self._do(self._soon)
        self.timers.come_to_rest()
        self.books.balance()
        for check in self.checks:
            check()
        self.told.update(self._totals() - before)

    def _totals(self) -> Counter[str]:
        made = self.shop.fulfilments.values()
        ours = sum(one.live and not is_by_hand(one) for one in made)
        return Counter(placed=len(self.books.cases), sent=len(self.books.there), fulfilled=ours)

    def _do(self, waiting: list[Callable[[], None]]) -> None:
        due = list(waiting)
        waiting.clear()
        for act in due:
            act()

    def _happen(self, hour: int) -> None:
        for before in range(self.pace.placed(hour), 0, -1):
            self.place(self.bed.clock.at - _BETWEEN_CUSTOMERS * before)
        for story in self.stories:
            if self.dice.random() < self.pace.stories / _HOURS:
                story(self)
        self.restock()
        self.ship()

    # ---- what happens ---------------------------------------------------------------------------

    def place(self, at: datetime) -> None:
        """A customer orders some units of some SKUs, as far as they are for sale."""
        few = self.dice.choice((1, 1, 1, 2, 2, 3))
        wanted = [(sku, self.dice.randint(1, 3)) for sku in self.dice.sample(SKUS, few)]
        lines = [(sku, units) for sku, units in wanted if self._is_for_sale(sku, units)]
        if lines:
            order = self.bed.place(*lines, placed_at=at)
            self.books.cases[order.code] = Case(order)

    def _is_for_sale(self, sku: str, units: int = 1) -> bool:
        return (self.shop.saleable(sku) or 0) >= units

    def restock(self) -> None:
        """Goods arrive for some SKUs, about as many as are ordered."""
        for sku in SKUS:
            if self.dice.random() < 1 / 8:
                row = {"sku": sku, "on_hand": self._on_hand(sku) + self.pace.pallet}
                self.bed.control("stock", {"stock": [row]})

    def _on_hand(self, sku: str) -> int:
        return sum(one.on_hand for one in self.bed.sandbox.world.stock_of(sku))

    def ship(self) -> None:
        """The warehouse ships some orders of which it has all, a few of them in parts."""
        waiting = self._open_there()
        for order in self.dice.sample(waiting, -(-len(waiting) // 10)):
            left = order.to_pick()
            if any(self._on_hand(sku) < units for sku, units in left.items()):
                continue
            if self.dice.random() < 0.15:
                left = Counter({sku: self.dice.randint(1, units) for sku, units in left.items()})
            package = {"tracking": f"1Z{self.dice.randrange(10**14):014}", "carrier": "UPS"}
            lines = [{"sku": sku, "quantity": units} for sku, units in left.items()]
            body = {"order": order.id, "packages": [package], "lines": lines}
            self.bed.control("ship", body)
            self.told["shipped"] += 1

    def _open_there(self) -> list[Placed]:
        """What the warehouse has still to ship; what it is done with is not looked at again."""
        self.books.look_there()
        came = self.books.came
        self._open += islice(came, self._looked, None)
        self._open, self._looked = [one for one in self._open if one.to_pick()], len(came)
        return self._open

    # ---- the stories of single orders -----------------------------------------------------------

    @contextmanager
    def story(self, name: str, *, sent: bool) -> Iterator[Case | None]:
        """Let it befall an order that has none yet, or none; the caller does what happens."""
        case = self._untold(sent=sent)
        if case is not None:
            case.story = name
            self.told[name] += 1
        yield case

    def _untold(self, *, sent: bool) -> Case | None:
        """A late order without a story, of which nothing has left yet."""
        self.books.look_there()
        late = islice(reversed(self.books.cases.values()), 2 * self.pace.orders)
        found = [case for case in late if not case.story and self._is_fresh(case, sent=sent)]
        self.dice.shuffle(found)
        held = self.bed.parts.ledger.orders.held([case.order.code for case in found])
        wanted = "synced" if sent else None
        for case in found:
            row = held.get(case.order.code)
            if (row.state if row is not None else None) == wanted:
                return case
        return None

    def _is_fresh(self, case: Case, *, sent: bool) -> bool:
        placed = self.books.there.get(case.order.code)
        if (placed is not None) != sent or (placed is not None and placed.slips):
            return False
        return case.order.state == "PaymentSettled" and not case.order.fulfilments

    def cancel_here(self) -> None:
        """Cancelled before it was sent."""
        with self.story("cancelled", sent=False) as case:
            if case:
                self.shop.cancel(case.order)

    def cancel_late(self) -> None:
        """Cancelled in the shop after it was sent; a person cancels it at the warehouse, too."""
        with self.story("cancelled late", sent=True) as case:
            if case:
                self.shop.cancel(case.order)
                self.tomorrow.append(lambda: self._cancel_rest_there(case))

    def _cancel_rest_there(self, case: Case) -> None:
        placed = self.books.there[case.order.code]
        if placed.to_pick():
            self.bed.control("cancel", {"order": placed.id})

    def cancel_there(self) -> None:
        """Cancelled at the warehouse; a person cancels it in the shop, too."""
        with self.story("cancelled there", sent=True) as case:
            if case:
                self._cancel_rest_there(case)
                self.tomorrow.append(lambda: self._cancel_unless_sent_anew(case))

    def _cancel_unless_sent_anew(self, case: Case) -> None:
        if case.story == "cancelled there":
            self.shop.cancel(case.order)

    # ---- by hand --------------------------------------------------------------------------------

    def by_hand(self) -> None:
        """Fulfilled by hand before it was sent."""
        with self.story("by hand", sent=False) as case:
            if case:
                self._fulfil(case)

    def partly_by_hand(self) -> None:
        """Shipped in part by hand before it was sent: a person has to do the rest."""
        with self.story("partly by hand", sent=False) as case:
            if case and self._fulfil_one(case):
                self.tomorrow.append(lambda: self._fulfil(case))

    def packed_by_hand(self) -> None:
        """A unit is set aside by hand, and not shipped: the rest is sent."""
        with self.story("packed by hand", sent=False) as case:
            if case and (made := self._fulfil_one(case, "Pending")):
                self.tomorrow.append(lambda: self._ship_packed(case, made))

    def _ship_packed(self, case: Case, made: Fulfilment) -> None:
        self.books.look_there()
        if case.order.code in self.books.there:
            self.shop.transition_fulfilment(made, "Shipped")
        else:
            # A partly shipped order is not sent any more: the unit waits for the rest.
            self.tomorrow.append(lambda: self._ship_packed(case, made))

    def by_hand_too(self) -> None:
        """A unit is shipped by hand after the order was sent, in which it is, too."""
        with self.story("by hand too", sent=True) as case:
            if case:
                self._fulfil_one(case)

    def _fulfil(self, case: Case) -> None:
        self.shop.fulfil(case.order, tracking=BY_HAND)

    def _fulfil_one(self, case: Case, state: str = "Shipped") -> Fulfilment | None:
        """Fulfil one unit by hand; of an order of a single unit that is all of it."""
        if case.ordered.total() == 1:
            case.story = case.story if case.order.code in self.books.there else "by hand"
            self._fulfil(case)
            return None
        line = self.dice.choice(case.order.lines)
        return self.shop.fulfil(case.order, [(line.id, 1)], state, tracking=BY_HAND)

    # ---- changes --------------------------------------------------------------------------------

    def change(self) -> None:
        """Changed before it was sent."""
        with self.story("changed", sent=False) as case:
            if case:
                self._begin_change(case)

    def change_late(self) -> None:
        """Changed after it was sent; a person takes care of the difference."""
        with self.story("changed late", sent=True) as case:
            if case:
                self._begin_change(case)

    def _begin_change(self, case: Case) -> None:
        """The timers see it in the middle: staff end it in the next hour."""
        self.shop.start_modify(case.order)
        self._soon.append(lambda: self._end_change(case))

    def _end_change(self, case: Case) -> None:
        order, line = case.order, self.dice.choice(case.order.lines)
        if line.quantity > 1 and self.dice.random() < 0.5:
            self.shop.modify(order, [(line.id, line.quantity - 1)])
        elif self._is_for_sale(line.variant.sku):
            self.shop.modify(order, [(line.id, line.quantity + 1)])
        else:
            street = f"{self.dice.randrange(1, 10**4)} Elm Street"
            self.shop.modify(order, address={"streetLine1": street})
            case.goes_elsewhere = case.story == "changed late"
        self.shop.finish_modify(order)
        if case.story == "changed late":
            # Evened out before the timers saw it there would be nothing to tell.
            self._soon.append(lambda: self.tomorrow.append(lambda: self.even_out(case)))

    def even_out(self, case: Case) -> None:
        """What the warehouse holds too much is cancelled there; what it lacks goes by hand."""
        placed = self.books.there[case.order.code]
        promised = placed.ordered() - placed.cancelled()
        for sku, units in ((promised - case.ordered) & placed.to_pick()).items():
            lines = [{"sku": sku, "quantity": units}]
            self.bed.control("cancel", {"order": placed.id, "lines": lines})
        lacking = (case.ordered - promised) & (case.ordered - case.fulfilled())
        if lacking:
            self.shop.fulfil(case.order, list(lacking.items()), tracking=BY_HAND)


Story = Callable[[Life], None]
STORIES: tuple[Story, ...] = (
    Life.cancel_here,
    Life.cancel_late,
    Life.cancel_there,
    Life.by_hand,
    Life.partly_by_hand,
    Life.packed_by_hand,
    Life.by_hand_too,
    Life.change,
    Life.change_late,
)


@contextmanager
def life(
    folder: Path, start: str, pace: Pace, seed: int = 0, dialect: str = "oms"
) -> Iterator[Life]:
    """A shop that opens at midnight of a day in Los Angeles, with its warehouse and timers."""
    midnight = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(ZONE))
    # UTC: hours added to a local time would not be hours where the clocks change.
    clock = HostClock(midnight.astimezone(UTC))
    env = {
        "dialect": dialect,
        "VERACORE_SYNC_ORDERS__WORKERS": "1",  # so that a seed always gives the same life
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_VERACORE__TIMEZONE": ZONE,
        "VERACORE_SYNC_RECONCILE__LOOKUPS_PER_RUN": "0",  # all of a month in one run
        "VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS": "60",
        # No fault of these days is a silence; a busy machine is none either.
        "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "120",
        "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "120",
    }
    on_hand = 10 + pace.orders
    with Sandbox(strict=True, clock=clock.true) as sandbox, SmallShop(clock=clock.true) as shop:
        for sku in SKUS:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=on_hand)
        bed = World(folder, sandbox, shop, clock, env)
        bed.control("behaviour", {"timezone": ZONE})
        bed.control("stock", {"stock": [{"sku": sku, "on_hand": on_hand} for sku in SKUS]})
        try:
            yield Life(bed, random.Random(f"{start} {seed}"), pace)
        finally:
            bed.close()

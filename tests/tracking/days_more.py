"""A shop's life (days_kit.py) with all that may befall it, and `reconcile` at the end of each day.

Beside its stories, goods are refunded, cut and cancelled by the program's own command, and come
back to the warehouse. Beside its troubles, the host's clock is set, and the ledger is restored and
rebuilt with the program's own commands.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from days_agree import Agreement
from days_books import Case
from days_kit import STORIES, Life, Pace, Story, life
from days_troubles import HostClock, Troubles
from lost_kit import Files, Place, rebuilt

from veracore_sync.composition.locked_run import CommandReport, Job, run_locked
from veracore_sync.composition.orders import order_canceller
from veracore_sync.domain.errors import UpstreamError
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.ledger.opening import place_of, restore

# A rebuild goes on where the last one ended.
_LOOKUPS = 60
_MOST_RUNS = 100


# ---- stories -------------------------------------------------------------------------------------


def refund(life: Life) -> None:
    """All money is given back before it was sent: it is not sent."""
    with life.story("refunded", sent=False) as case:
        if case:
            life.shop.refund(case.order)


def refund_late(life: Life) -> None:
    """All money is given back after it was sent, and the parcel ships."""
    with life.story("refunded late", sent=True) as case:
        if case:
            life.shop.refund(case.order)


def cut_late(life: Life) -> None:
    """A unit is cancelled after it was sent; a person cancels it at the warehouse, too."""
    with life.story("cut late", sent=True) as case:
        if case and case.ordered.total() == 1:
            case.story = "cancelled late"
            _cancel_late(life, case)
        elif case:
            life.shop.cancel(case.order, [(life.dice.choice(case.order.lines).id, 1)])
            life.tomorrow.append(lambda: life.even_out(case))


def cancel_by_command(life: Life) -> None:
    """Cancelled in the shop after it was sent; a person has `cancel` cancel it at the warehouse."""
    with life.story("cancelled late", sent=True) as case:
        if case:
            _cancel_late(life, case)


def _cancel_late(life: Life, case: Case) -> None:
    life.shop.cancel(case.order)
    life.tomorrow.append(lambda: _ask_there(life, case))


def _ask_there(life: Life, case: Case) -> None:
    """Until it is cancelled there, or all of it has left: a lost ledger forgets the wish."""
    placed = life.books.there[case.order.code]
    if not placed.to_pick():
        return
    if not life.books.shows_content:
        life.bed.control("cancel", {"order": placed.id})
        return
    life.tomorrow.append(lambda: _ask_there(life, case))
    job = Job("cancel", "orders", record=True)
    run_locked(job, life.bed.parts, lambda parts: _asked(parts, case.order.code))


def _asked(parts: object, code: str) -> CommandReport:
    order_canceller(parts, OrdersReport()).execute([code])  # type: ignore[arg-type]
    return CommandReport({})


def come_back(life: Life) -> None:
    """What a slip of a complete order brought is received at the warehouse again."""
    late = islice(reversed(life.books.cases.values()), 4 * life.pace.orders)
    found = [case for case in late if not case.story and case.is_served]
    found = [case for case in found if case.order.code in life.books.there]
    if not found:
        return
    case = life.dice.choice(found)
    case.story = "came back"
    life.told["came back"] += 1
    placed = life.books.there[case.order.code]
    (_, units), *_ = placed.returnable()
    lines = [{"sku": sku, "quantity": count} for sku, count in units.items()]
    life.bed.control("returns", {"order": placed.id, "lines": lines})


ALL_STORIES: tuple[Story, ...] = (
    *STORIES,
    refund,
    refund_late,
    cut_late,
    cancel_by_command,
    come_back,
)


# ---- troubles ------------------------------------------------------------------------------------


@dataclass
class HostTroubles(Troubles):
    """Those of the other days, a host whose clock is set, and ledgers that are lost.

    Args:
        place: Where the next ledger is.
    """

    place: Place | None = None
    _file: Path | None = None

    def days(self) -> Sequence[Mapping[int, Callable[[], None]]]:
        passwords, warehouse, _, shop = super().days()
        right = partial(self.set_clock, timedelta(0))
        days: list[Mapping[int, Callable[[], None]]] = [
            {
                **passwords,
                14: partial(self.set_clock, timedelta(minutes=40)),
                17: right,
                19: partial(self.set_clock, timedelta(hours=-3)),
                22: right,
            },
            {**warehouse, 12: self.lose},
            {
                4: partial(self.set_clock, timedelta(days=1)),
                8: right,
                12: self.back_up,
                18: self.restore,
            },
            {**shop, 19: partial(self.set_clock, timedelta(days=-1)), 22: right},
            {
                3: partial(self.set_clock, timedelta(days=400)),
                6: right,
                10: self.back_up,
                12: partial(self.set_clock, timedelta(hours=-2)),
                16: self.restore,
                19: right,
            },
        ]
        return days

    def set_clock(self, off: timedelta) -> None:
        """The host's clock is set, by so much too late."""
        clock = self._bed.clock
        assert isinstance(clock, HostClock)
        clock.off = off
        self.timers.told["clock set"] += 1

    def lose(self) -> None:
        """The ledger is lost, and `ledger rebuild` fills another one."""
        bed, books = self._bed, self.timers.books
        assert self.place is not None
        books.look_there()
        books.rebuild()
        bed.reopen(**self.place.fresh())
        for number in range(1, _MOST_RUNS):
            try:
                # Each lists all again, so a month of orders takes more look-ups a run.
                if rebuilt(bed, number * _LOOKUPS).has_ended:
                    break
            except UpstreamError:
                bed.clock.forward(minutes=5)
        else:
            raise AssertionError("the rebuild does not end")
        self.timers.told["rebuilt"] += 1

    def back_up(self) -> None:
        self.timers.books.look_there()
        self._known = set(self.timers.books.there)
        self._file = self._bed.folder / f"backup-{self._bed.clock.true():%d-%H}"
        self._bed.parts.ledger.upkeep.backup(self._file)

    def restore(self) -> None:
        assert self._file is not None
        self.timers.books.look_there()
        self.timers.books.lose(self._known)
        place, clock = place_of(self._bed.parts.settings.ledger), self._bed.clock
        self._bed.close()
        belongs = self._bed.container().must_belong
        restore(self._file, place, clock, belongs)
        self.timers.told["restored"] += 1


# ---- the life ------------------------------------------------------------------------------------


def _each_return_is_one_event(life: Life) -> None:
    orders = life.books.came if life.books.shows_content else ()
    received = Counter({one.id: len(one.returns) for one in orders if one.returns})
    rows = life.bed.parts.ledger.database.rows(
        "SELECT data FROM events WHERE type = 'return.received'"
    )
    events = Counter(json.loads(row["data"])["veracoreOrderId"] for row in rows)
    assert events == received, (events - received, received - events)


@contextmanager
def whole_life(
    folder: Path,
    start: str,
    pace: Pace,
    seed: int = 0,
    dialect: str = "oms",
    place: Place | None = None,
) -> Iterator[tuple[Life, Agreement]]:
    """A shop's life with all of this; its ledgers are in files if nothing else is said."""
    where = place or Files(folder)
    with life(folder, start, pace, seed, dialect) as lived:
        lived.bed.reopen(VERACORE_SYNC_INVENTORY__INTERVAL_MINUTES="60", **where.fresh())
        lived.stories = ALL_STORIES
        lived.timers.takes_back = True
        lived.troubles = HostTroubles(lived.timers, lived.dice, place=where)
        agreement = Agreement(lived.bed, lived.books)
        lived.checks = [agreement.check, lambda: _each_return_is_one_event(lived)]
        yield lived, agreement

"""A shop's days beside its timers on a virtual clock, while differences are made at random.

A step is an hour: customers order, the warehouse ships, some differences and much that only looks
like one are made, the timers run. Once a day `reconcile` runs, as its command; a person then does
what docs/reconcile.md says, hours later. What the timers repair by themselves within the hour is
made after the last timers before the run.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconcile_kit import Bed, LedgerHands, small_bed
from reconcile_makers import MAKERS, NEAR_MISSES, UNITS, Maker, Stage, number

from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import sync_inventory
from veracore_sync.composition.locked_run import Job, Work, run_locked
from veracore_sync.composition.orders import sync_orders
from veracore_sync.composition.tracking import sync_tracking
from veracore_sync.config import load
from veracore_sync.domain.differences import DIFFERENCES, DifferenceType
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.schedule import COMMANDS

_T = DifferenceType
SKUS = tuple(f"SKU-{count:02}" for count in range(1, 41))
RECONCILES_AT = 6
"""The hour of the day."""
SETTLES = timedelta(minutes=60)
_BETWEEN_CUSTOMERS = timedelta(seconds=7)
"""As between people: Vendure shows to which order an allocation belongs by its moment alone."""
AT_ONCE = {"never sent", "lost by ledger and VeraCore", "row dropped", "row of an old ledger"} | {
    "row dropped, partly shipped",
    "shipped",
    "shipped in part",
    "the rest shipped",
    "relabelled",
    "a label more",
    "a level here",
}
"""What the next timers repair by themselves."""
STORIES = (
    "cancelled before it was sent",
    "fulfilled by hand before it was sent",
    "cancelled on both sides",
    "a unit less on both sides",
    "a unit more on both sides",
    "delivered",
    "come back and cancelled",
    "packed",
    "refunded after it shipped",
    "fulfilled anew in two",
    "another system's, not shipped",
    "lines split there",
    "a level there",
)


@dataclass
class Case:
    """An order of the shop.

    Args:
        code: The order's.
        sku: Its SKU, if it is of `UNITS` units of one alone: only such an order is struck.
        ships_at: When VeraCore ships what is left of it.
        stage: How far it has come, as far as the timers know.
        since: When it came there.
        story: What became of it beside its plain course.
    """

    code: str
    sku: str
    ships_at: datetime
    since: datetime
    stage: Stage = Stage.NONE
    story: str = ""


@dataclass
class Injected:
    """A difference that was made."""

    key: str
    name: str
    code: str
    sku: str
    at: datetime
    found_at: datetime | None = None
    mended_at: datetime | None = None
    is_gone: bool = False

    @property
    def maker(self) -> Maker:
        return MAKERS[self.key]

    @property
    def what(self) -> tuple[str, str]:
        """How `reconcile` must report it."""
        return (str(self.maker.type), self.name)


@dataclass
class Tally:
    """What came of all runs; each list has one sentence for a fault."""

    runs: int = 0
    compared: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)
    told_again: list[str] = field(default_factory=list)
    orders: int = 0
    stories: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> list[str]:
        """Everything that went wrong."""
        return [*self.missed, *self.false, *self.stayed, *self.told_again]


@dataclass
class Days:
    """The shop's life.

    Args:
        bed: Both ends.
        dice: Decides what happens.
        orders: Orders a day.
        plan: What is to be injected, by hour since the beginning.
    """

    bed: Bed
    dice: random.Random
    orders: int
    plan: dict[int, list[str]]
    tally: Tally = field(default_factory=Tally)
    cases: dict[str, Case] = field(default_factory=dict)
    injected: list[Injected] = field(default_factory=list)
    hour: int = 0
    _parts: Container | None = None
    _open: deque[Case] = field(default_factory=deque)
    _late: list[str] = field(default_factory=list)
    _news: Counter[tuple[str, str]] = field(default_factory=Counter)

    # ---- an hour --------------------------------------------------------------------------------

    def live(self, days: int) -> Iterator[int]:
        """Live so many days; yields after each."""
        for _ in range(days * 24):
            self._hour()
            if self.hour % 24 == 0:
                yield self.hour // 24

    def _hour(self) -> None:
        of_day = self.hour % 24
        is_before = (of_day + 1) % 24 == RECONCILES_AT
        count = self.orders * (of_day + 1) // 24 - self.orders * of_day // 24
        for before in range(count, 0, -1):
            self._place(self._now() - _BETWEEN_CUSTOMERS * before)
        self._ship()
        if self.dice.random() < 0.5:
            self._story()
        self._late += self.plan.pop(self.hour, [])
        if of_day != RECONCILES_AT:
            self._inject_all(set(MAKERS) - AT_ONCE)
        if of_day == RECONCILES_AT:
            self.bed.clock.forward(minutes=15)
            self._reconcile()
            self._mend()
            self.bed.clock.forward(minutes=5)
            self._timers()
            self.bed.clock.forward(minutes=40)
        else:
            self.bed.clock.forward(minutes=7)
            self._timers()
            self.bed.clock.forward(minutes=1)
            if is_before:
                self._inject_all(AT_ONCE)
            self.bed.clock.forward(minutes=52)
        self.hour += 1

    # ---- what happens ---------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.bed.clock.now()

    def _place(self, at: datetime) -> None:
        sku, lines = "", [(sku, self.dice.randint(1, 3)) for sku in self.dice.sample(SKUS, 2)]
        if self.dice.random() < 0.5:
            sku = self.dice.choice(SKUS)
            lines = [(sku, UNITS)]
        code = self.bed.shop.place(lines, placed_at=at)
        after = timedelta(hours=self.dice.uniform(2, 30))
        case = Case(code, sku, self._now() + after, self._now())
        self.cases[code] = case
        self._open.append(case)
        self.tally.orders += 1

    def _ship(self) -> None:
        """The warehouse ships what is due; of some orders, a unit first."""
        for case in list(self._open):
            if case.story or case.stage == Stage.NONE or case.ships_at > self._now():
                continue
            order = self.bed.there.order(case.code)
            if case.sku and case.stage == Stage.SENT and self.dice.random() < 0.2:
                self.bed.there.ship(case.code, [(case.sku, 1)], number(case.code))
                case.ships_at = self._now() + timedelta(hours=self.dice.uniform(8, 40))
            elif order.missing():
                last = "2" if order.slips else "1"
                self.bed.there.ship(case.code, None, number(case.code, last))

    def _timers(self) -> None:
        first = RunOptions(allow_first_run=True)
        self._run("orders", lambda parts: sync_orders(parts, first))
        self._run("tracking", lambda parts: sync_tracking(parts, RunOptions()))
        some = RunOptions(allow_mass_change=True)
        self._run("inventory", lambda parts: sync_inventory(parts, some))
        self._look()

    def _run(self, job: str, work: Work) -> None:
        """As the command does, in this process: its start would be most of the time."""
        if self._parts is None:
            loaded = load(None, self.bed.rig.environment, cwd=self.bed.rig.folder)
            self._parts = Container(loaded, self.bed.clock, family="days")
        _, report = run_locked(Job(COMMANDS[job], job, record=True), self._parts, work)
        assert report.error is None, report.error

    def _look(self) -> None:
        """How far the orders have come by now."""
        open_cases = [case for case in self._open if not case.story]
        assert self._parts is not None
        rows = self._parts.ledger.orders.held([case.code for case in open_cases])
        for case in open_cases:
            row = rows.get(case.code)
            stage = Stage.NONE
            if row is not None and row.state == "shipped":
                stage = Stage.SHIPPED
            elif row is not None and row.state == "synced":
                is_partly = self.bed.shop.state(case.code) == "PartiallyShipped"
                stage = Stage.PARTLY if is_partly else Stage.SENT
            if stage != case.stage:
                case.stage, case.since = stage, self._now()
        self._open = deque(
            case for case in open_cases if case.stage != Stage.SHIPPED or self._is_young(case)
        )

    def _is_young(self, case: Case) -> bool:
        """Whether it may still be chosen: of what has shipped, the last two days."""
        return self._now() - case.since < timedelta(days=2)

    def _choose(self, stage: Stage, *, settled: bool = True) -> Case | None:
        found = [
            case
            for case in self._open
            if case.sku
            and not case.story
            and case.stage == stage
            and (not settled or self._now() - case.since > timedelta(hours=2))
            and self._is_still(case)
        ]
        return self.dice.choice(found) if found else None

    def _is_still(self, case: Case) -> bool:
        """Nothing has happened to it that the timers have not seen; it has one slip at most."""
        order = self.bed.there.order(case.code)
        shipped = sum(order.pulled().values())
        wanted = {Stage.SENT: 0, Stage.PARTLY: 1, Stage.SHIPPED: UNITS}[case.stage]
        return shipped == wanted and len(order.slips) <= 1

    def _story(self) -> None:
        key = self.dice.choice(STORIES)
        miss = NEAR_MISSES[key]
        case = self._choose(miss.stage) if miss.stage > Stage.NONE else None
        if case is None and miss.stage > Stage.NONE:
            return
        sku = case.sku if case else f"{self.dice.choice(SKUS)}"
        if key == "another system's, not shipped":
            id = self.bed.there.place(f"FAX-{self.hour}", [(sku, 1)], "by fax")
            self.bed.there.cancel(id)
        else:
            miss.strike(self.bed, case.code if case else "", sku)
        if case is not None:
            case.story = key
        self.tally.stories[key] += 1

    # ---- differences ----------------------------------------------------------------------------

    def _inject_all(self, keys: Collection[str]) -> None:
        """Make what is due of these; what finds no order now is made later."""
        self._late = [key for key in self._late if key not in keys or not self._inject(key)]

    def _inject(self, key: str) -> bool:
        maker = MAKERS[key]
        case = self._choose(maker.stage) if maker.stage > Stage.NONE else None
        if case is None and maker.stage > Stage.NONE:
            return False
        sku = case.sku if case else self._free_sku()
        code = case.code if case else ""
        if maker.type is _T.FOREIGN_AT_WAREHOUSE:
            name: str | None = self._foreign(sku)
        else:
            name = maker.strike(self.bed, code, sku)
        if case is not None:
            case.story = key
        made = Injected(key, name or code, code or (name or ""), sku, self._now())
        self.injected.append(made)
        self.tally.injected[str(maker.type)] += 1
        return True

    def _free_sku(self) -> str:
        taken = {one.sku for one in self.injected if not one.is_gone}
        free = [sku for sku in SKUS if sku not in taken] or list(SKUS)
        return self.dice.choice(free)

    def _foreign(self, sku: str) -> str:
        id = self.bed.there.place(f"PHONE-{len(self.injected)}", [(sku, 1)], "by phone")
        self.bed.there.ship(id, None, number(id + str(len(self.injected))))
        return id

    # ---- the run --------------------------------------------------------------------------------

    def _reconcile(self) -> None:
        document = self.bed.reconcile()
        self.tally.runs += 1
        self.tally.compared += document["totals"]["ordersCompared"]
        reported = {(one["type"], one["name"]) for one in standing(document)}
        moving = {name for group in document["moving"] for name in group["names"]}
        expected = {one.what for one in self.injected if not one.is_gone}
        new = [one for one in standing(document) if one["isNew"]]
        self._news.update((one["type"], one["name"]) for one in new)
        for what in sorted(reported - expected):
            self._fault(self.tally.false, f"{what} {self._about(what[1])}")
        if document["unseen"] or not document["complete"]:
            self._fault(self.tally.false, f"unseen: {document['unseen']}, {document['totals']}")
        for one in self.injected:
            if not one.is_gone:
                self._judge(one, reported, one.name in moving)

    def _judge(self, one: Injected, reported: set[tuple[str, str]], is_moving: bool) -> None:
        is_reported = one.what in reported
        if is_reported and one.found_at is None:
            one.found_at = self._now()
            self.tally.found[one.what[0]] += 1
        if one.mended_at is not None and not is_moving:
            one.is_gone = True
            if is_reported:
                self._fault(self.tally.stayed, f"{one.what} ({one.key})")
        elif not is_reported and one.mended_at is None and one.at + SETTLES <= self._now():
            # What the timers have just worked on counts in the next run.
            if is_moving and one.at + timedelta(hours=26) > self._now():
                return
            one.is_gone = True
            also = sorted(type for type, name in reported if name == one.name)
            what = f"{one.what} ({one.key}) of {one.at:%d %H:%M}: {also or 'not reported'}"
            self._fault(self.tally.missed, f"{what} {self._about(one.code)}")

    def _fault(self, faults: list[str], sentence: str) -> None:
        faults.append(f"day {self.hour // 24}: {sentence}")

    def _about(self, name: str) -> str:
        """What is known of the order of a false difference."""
        case = self.cases.get(name)
        keys = [one.key for one in self.injected if name in (one.name, one.sku, one.code)]
        if case is None:
            return f"(near {keys})" if keys else ""
        row = LedgerHands(self.bed.rig.ledger_path).row(name)
        state = row["state"] if row else None
        return (
            f"({case.story or 'plain'}, {case.stage.name}, ledger {state}, "
            f"shop {self.bed.shop.state(name)}, injected {keys})"
        )

    def _mend(self) -> None:
        """A person does what is to be done about what was found, or leaves it for a day."""
        applied: set[DifferenceType] = set()
        for one in self.injected:
            if one.found_at is None or one.mended_at is not None or one.is_gone:
                continue
            if one.key not in AT_ONCE and self.dice.random() < 0.4:
                continue
            if one.key in AT_ONCE:
                pass
            elif one.maker.accepted:
                self.bed.accept(*one.what)
            elif one.maker.is_applied:
                applied.add(one.maker.type)
                continue
            else:
                assert one.maker.mend is not None, one.key
                one.maker.mend(self.bed, one.code, one.sku)
            one.mended_at = self._now()
        if applied:
            names = [
                one
                for one in self.injected
                if one.maker.type in applied and one.found_at and not one.is_gone
            ]
            types = ",".join(sorted(applied))
            self.bed.run("reconcile", "--json", "--apply", types, "--max", "100", codes=(0, 3))
            for one in names:
                one.mended_at = self._now()

    def end(self) -> None:
        """A last run, for what was made since the last one; count what is known only now."""
        self.bed.clock.forward(minutes=15)
        self._reconcile()
        for one in self.injected:
            if one.found_at is None and not one.is_gone:
                self._fault(self.tally.missed, f"{one.what} ({one.key}) of {one.at:%d %H:%M}")
        self.tally.told_again += self._told_again()

    def _told_again(self) -> list[str]:
        """Differences of which a person was told more than once."""
        opened = self._opened()
        # An item may be made to differ again, once its first difference is gone.
        made = Counter(one.what for one in self.injected)
        again = [
            f"{what}: news {count} times"
            for what, count in self._news.items()
            if count > max(1, made[what])
        ]
        for one in self.injected:
            told = opened.get(one.code, {})
            at = told.get("order.differs", "")
            by = {str(kind) for kind in DIFFERENCES[one.maker.type].told_by}
            before = sorted(kind for kind in by if told.get(kind, at) < at)
            if before:
                again.append(f"{one.what} ({one.key}): order.differs after {before}")
        return again

    def _opened(self) -> dict[str, dict[str, str]]:
        """When each kind of alert of an order was opened, by code."""
        assert self._parts is not None
        found: dict[str, dict[str, str]] = {}
        for row in self._parts.ledger.database.rows(
            "SELECT code, kind, opened_at FROM alerts WHERE code IS NOT NULL"
        ):
            found.setdefault(row["code"], {})[row["kind"]] = row["opened_at"]
        return found

    def figures(self) -> str:
        """Counts so far, in a line."""
        tally, open_ones = self.tally, [one for one in self.injected if not one.is_gone]
        return (
            f"{tally.orders} orders, {len(self.injected)} made to differ, "
            f"{sum(tally.found.values())} found, {len(open_ones)} stand, "
            f"{len(tally.missed)} missed, {len(tally.false)} false, {len(tally.stayed)} stayed"
        )

    def summary(self) -> list[str]:
        """What came of it all."""
        tally = self.tally
        by_type = [f"  {type}: {tally.found[type]} of {tally.injected[type]}" for type in _T]
        return [
            self.figures(),
            f"{tally.runs} runs, {tally.compared} orders compared, "
            f"{sum(tally.stories.values())} near-misses, {len(tally.told_again)} told twice",
            *by_type,
        ]

    def close(self) -> None:
        """Close the timers' container."""
        if self._parts is not None:
            self._parts.close()
            self._parts = None


def standing(document: Any) -> list[Any]:
    """The differences of a run that nobody accepted."""
    found: list[Any] = [one for one in document["differences"] if not one["isAccepted"]]
    return found


def planned(
    count: int, days: int, dice: random.Random, keys: Sequence[str]
) -> dict[int, list[str]]:
    """So many differences at random hours; every key about as often."""
    plan: dict[int, list[str]] = {}
    first, last = min(30, days * 6), days * 24 - 26
    for index in range(count):
        hour = dice.randint(first, max(first, last))
        plan.setdefault(hour, []).append(keys[index % len(keys)])
    return plan


@contextmanager
def reconciled_days(
    folder: Path,
    *,
    days: int,
    orders: int,
    inject: int,
    seed: int = 0,
    keys: Sequence[str] | None = None,
) -> Iterator[Days]:
    """A shop, its warehouse and its timers, with what is going to be injected."""
    dice = random.Random(seed)
    chosen = list(keys or MAKERS)
    dice.shuffle(chosen)
    env = {
        "VERACORE_SYNC_ORDERS__WORKERS": "1",
        "VERACORE_SYNC_INVENTORY__INTERVAL_MINUTES": "60",
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "10",
    }
    with small_bed(folder, [*SKUS, "SOMETHING-ELSE"], **env) as bed:
        for sku in SKUS:
            bed.shop.set_stock(sku, 100_000)
            bed.there.set_stock(sku, 100_000)
        made = Days(bed, dice, orders, planned(inject, days, dice, chosen))
        try:
            yield made
        finally:
            made.close()

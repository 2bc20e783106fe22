"""Random lives of stock: what the shop sells never exceeds what the warehouse could give.

Orders are placed, sent, shipped, fulfilled, cancelled and modified between the tool's requests and
between its runs; allocations get lost; runs are cut short; a run reads everything or what changed.
The same test fails for wrong rules.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from fakes import TELLS_ALL, TELLS_LITTLE
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from inventory_world import World

from veracore_sync.domain.errors import SyncError, Unavailable
from veracore_sync.domain.stock_baseline import SeenOrder
from veracore_sync.jobs.inventory import changes
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import RunMode
from veracore_sync.ledger.stock_baseline import BaselineStore
from veracore_sync.ports.warehouse import Capabilities

SKUS = ("MUG", "TEE")
REQUESTS = ("variants", "stock", "orders", "levels", "write", "answer")
OUTCOMES = ("accepted", "accepted", "accepted", "lost", "doubt", "parked", "conflict")


class Died(BaseException):
    """The process is gone; only what was committed is left."""


def event(world: World, name: str, number: int, units: int) -> None:
    """Something happens to one of the orders, or a new one comes."""
    codes = list(world.sales)
    if name == "place" or not codes:
        world.place(f"N{len(codes)}", SKUS[number % 2], units)
        return
    code = codes[number % len(codes)]
    {
        "export": lambda: world.export(code, OUTCOMES[(units + number) % len(OUTCOMES)], units),
        "end doubt": lambda: world.end_doubt(code),
        "ship": lambda: world.ship(code, units),
        "fulfil": lambda: world.fulfil(code, units),
        "by hand": lambda: world.fulfil_by_hand(code, units),
        "cancel": lambda: world.cancel(code, units),
        "cancel there": lambda: world.cancel_there(code),
        "modify": lambda: world.modify(code, units),
        "send again": lambda: world.send_again(code),
        "drop there": lambda: world.drop_there(code, units),
        "look": lambda: world.look(code),
        "end": lambda: world.end(code),
        "blur": lambda: world.blur(code),
    }[name]()


EVENTS = (
    "place",
    "export",
    "export",
    "end doubt",
    "ship",
    "fulfil",
    "by hand",
    "cancel",
    "cancel there",
    "modify",
    "send again",
    "drop there",
    "look",
    "end",
    "blur",
)
events = st.tuples(st.sampled_from(EVENTS), st.integers(0, 9), st.integers(1, 4))
most_by_change = st.sampled_from((True, True, True, False))
ours = st.tuples(st.sampled_from(REQUESTS), events)


class StockLives(RuleBasedStateMachine):
    """One shop, one warehouse, one ledger on disk."""

    rule_of: ClassVar[Callable[[World], None]] = lambda world: None
    capabilities: ClassVar[Capabilities] = TELLS_ALL

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder / "ledger.db")
        self.world.warehouse.capabilities = self.capabilities
        for sku in SKUS:
            self.world.add(sku, 5, there=20)
        type(self).rule_of(self.world)
        self.go(by_change=False)
        self.never_more_than_there_is()

    def go(self, *, by_change: bool) -> None:
        """A run, long after the last one: what the shop dates just before that is not seen again.

        A run with everything allowed reads everything.
        """
        self.world.clock.forward(minutes=10)
        report = self.world.run(allow_mass_change=not by_change)
        assert by_change or report.mode is RunMode.FULL

    # ---- the world ----------------------------------------------------------------------------

    @rule(what=events)
    def happens(self, what: tuple[str, int, int]) -> None:
        event(self.world, *what)

    @rule(number=st.integers(0, 1), units=st.integers(1, 4), lost=st.integers(1, 4))
    def place_and_lose(self, number: int, units: int, lost: int) -> None:
        code = f"N{len(self.world.sales)}"
        self.world.place(code, SKUS[number], units, lost=min(lost, units))

    @rule(number=st.integers(0, 1), units=st.integers(-8, 8))
    def adjust(self, number: int, units: int) -> None:
        self.world.adjust(SKUS[number], units)

    # ---- us -----------------------------------------------------------------------------------

    @rule(by_change=most_by_change)
    def sync(self, by_change: bool) -> None:
        self.go(by_change=by_change)
        self.never_more_than_there_is()

    @rule(meanwhile=st.lists(ours, max_size=3), by_change=most_by_change)
    def sync_while_things_happen(
        self, meanwhile: list[tuple[str, tuple[str, int, int]]], by_change: bool
    ) -> None:
        waiting = list(meanwhile)

        def between(request: str) -> None:
            for one in [one for one in waiting if one[0] == request]:
                waiting.remove(one)
                event(self.world, *one[1])

        wrote = len(self.world.writes)
        self.world.between = between
        self.go(by_change=by_change)
        self.world.between = lambda request: None
        self.never_more_than_there_is(self.written_since(wrote))

    @rule(
        request=st.sampled_from(REQUESTS), fault=st.booleans(), what=ours, by_change=most_by_change
    )
    def sync_and_die(
        self, request: str, fault: bool, what: tuple[str, tuple[str, int, int]], by_change: bool
    ) -> None:
        happened = False

        def between(asked: str) -> None:
            nonlocal happened
            if asked == what[0] and not happened:
                happened = True
                event(self.world, *what[1])
            if asked == request:
                raise Unavailable("gone", upstream="vendure") if fault else Died

        self.world.between = between
        wrote = len(self.world.writes)
        died = False
        try:
            self.go(by_change=by_change)
        except (SyncError, Died):
            died = True
            self.world.reopen()
        self.world.between = lambda request: None
        # Between a batch's last read and its write nobody can look; who dies then, before looking
        # again, leaves that to the next run (docs/inventory.md, "Known limits").
        if not (died and happened and what[0] == "write"):
            self.never_more_than_there_is(self.written_since(wrote))

    # ---- what must hold -----------------------------------------------------------------------

    def written_since(self, count: int) -> set[str]:
        """What lost an allocation and moved while the run read may wait for the next run."""
        ids = {level.variant_id for batch in self.world.writes[count:] for level in batch}
        return {self.world.variants[one].sku for one in ids}

    def never_more_than_there_is(self, skus: Iterable[str] = SKUS) -> None:
        for sku in skus:
            assert self.world.saleable(sku) <= max(0, self.world.truth(sku)), (
                sku,
                self.world.saleable(sku),
                self.world.truth(sku),
            )

    def comes_out(self, sku: str) -> None:
        """At rest, what is for sale is what there is."""
        assert self.world.saleable(sku) == max(0, self.world.truth(sku)), sku

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.blurred.clear()
            for code in list(self.world.sales):
                self.world.end_doubt(code)
            # What changed is enough to get everything right: reading all finds no more to write.
            self.go(by_change=True)
            self.go(by_change=True)
            for sku in SKUS:
                self.comes_out(sku)
            writes = len(self.world.writes)
            self.go(by_change=False)
            assert len(self.world.writes) == writes
        finally:
            self.world.ledger.close()
            shutil.rmtree(self.folder)


TestStockLives = StockLives.TestCase
TestStockLives.settings = settings(max_examples=150, stateful_step_count=30)


class StockLivesInRest(StockLives):
    """A warehouse that tells of an order that it is there, and nothing else.

    Of several attempts nobody knows which one it took: then the least of them counts as held, and
    too little may be for sale.
    """

    capabilities = TELLS_LITTLE

    def comes_out(self, sku: str) -> None:
        self.never_more_than_there_is([sku])


TestStockLivesInRest = StockLivesInRest.TestCase
TestStockLivesInRest.settings = settings(max_examples=60, stateful_step_count=30)


def _must_fail(
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[World, str, int], int],
    *,
    knows_demand: bool = False,
) -> None:
    """The same lives, under a rule that believes `told` to be allocated, and knows U or not."""
    nothing = UnheldDemand({}, {})

    def rule_of(world: World) -> None:
        world.told_allocation = lambda sku, allocated: told(world, sku, allocated)

    monkeypatch.setattr(StockLives, "rule_of", rule_of)
    if not knows_demand:
        monkeypatch.setattr(Reading, "demand", lambda self, stock_read_at: nothing)
    searching = settings(
        TestStockLives.settings,
        max_examples=1000,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(StockLives, settings=searching)


def _accepted_units(world: World, sku: str, allocated: int) -> int:
    return sum(
        sale.open
        for sale in world.sales.values()
        if sale.sku == sku and sale.sent is not None and not sale.cancelled_there
    )


def test_it_fails_where_on_hand_becomes_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    _must_fail(monkeypatch, lambda world, sku, allocated: 0)


def test_it_fails_where_accepted_units_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    _must_fail(monkeypatch, _accepted_units)


def test_it_fails_where_the_allocation_is_taken_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _must_fail(monkeypatch, lambda world, sku, allocated: 0, knows_demand=True)


def test_it_fails_where_an_allocation_below_zero_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _must_fail(monkeypatch, lambda world, sku, allocated: max(0, allocated), knows_demand=True)


# ---- causes that a run by change could forget ------------------------------------------------


def test_it_fails_where_the_stock_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: BaselineStore) -> Iterator[str]:
        self._load_kept("SELECT part, basis FROM stock_parts", "part")
        return iter(())

    monkeypatch.setattr(BaselineStore, "changed_parts", none)
    _must_fail(monkeypatch, lambda world, sku, allocated: allocated, knows_demand=True)


def test_it_fails_where_the_demand_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = BaselineStore.stage_basis
    monkeypatch.setattr(BaselineStore, "stage_basis", lambda self, demand: stage(self, {}))
    _must_fail(monkeypatch, lambda world, sku, allocated: allocated, knows_demand=True)


def test_it_fails_where_cancelled_orders_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def placed_only(
        before: Mapping[str, SeenOrder], now: Mapping[str, SeenOrder], touched: object
    ) -> set[str]:
        return {one for id, order in now.items() if id not in before for one in order.variants}

    monkeypatch.setattr(changes, "moved_variants", placed_only)
    # Not searched for: in most lives something else moves the same SKU before the end.
    life = StockLives()
    life.begin()
    life.happens(what=("place", 0, 3))
    life.happens(what=("export", 0, 1))
    life.sync(by_change=True)
    # The warehouse still holds its units, and the shop offers them again.
    life.happens(what=("cancel", 0, 3))
    with pytest.raises(AssertionError):
        life.teardown()

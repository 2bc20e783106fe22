"""Random lives of orders: planner, ledger, shop and warehouse, with clock steps and crashes.

The warehouse here is worse than a real one: requests land late, look-ups lag behind, answers get
lost, and the process dies on either side of a request. The assumptions are those of
docs/guarantees.md: whatever lands, lands and is visible within ``orders.grace_seconds``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from bench import Bench
from fakes import START, FakeWarehouse, line, make_order, make_settings
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.warehouse import WarehouseOrder, WarehouseRecord
from veracore_sync.jobs import retry
from veracore_sync.jobs.orders import interpret_lookup, send
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.plan import SubmitOrder
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    LookUp,
    NotAccepted,
    Present,
    SubmitOutcome,
)

GRACE = 180
LANDING = 60
OUTCOMES = (
    "lost before",
    "lost after",
    "lands late",
    "refused",
    "fault",
    "fault after",
    "429",
    "not connected",
    "other id",
    "dies before",
    "dies after",
)


class Died(BaseException):
    """The process is gone; only what was committed is left."""


@dataclass
class HarshWarehouse(FakeWarehouse):
    """Lands requests late, shows orders late, and kills whoever talks to it."""

    now: Callable[[], datetime] = lambda: START
    lag: timedelta = timedelta(0)
    in_flight: list[tuple[datetime, WarehouseOrder]] = field(default_factory=list)
    stored_at: dict[str, datetime] = field(default_factory=dict)

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        assert order.id.casefold() not in self.held, f"{order.id} is there, and was sent again"
        assert order.id not in {one.id for _, one in self.in_flight}, f"{order.id} is on its way"
        word = self.script[0] if self.script else ""
        if word == "lands late":
            self.before_submit(order)
            self.script.popleft()
            self.in_flight.append((self.now() + timedelta(seconds=LANDING), order))
            return NotAccepted(Occurrence.TIMEOUT, "no answer")
        if word == "dies before":
            self.script.popleft()
            raise Died
        if word == "dies after":
            self.script[0] = ""
            super().submit(order)
            raise Died
        return super().submit(order)

    def _store(self, order: WarehouseOrder) -> None:
        super()._store(order)
        self.stored_at[order.id] = self.now()

    def land(self) -> None:
        """What was on its way arrives."""
        arrived = [one for one in self.in_flight if one[0] <= self.now()]
        for one in arrived:
            self.in_flight.remove(one)
            self._store(one[1])
            self.stored_at[one[1].id] = one[0]

    def look_up(self, order_id: str) -> LookUp:
        found = super().look_up(order_id)
        if isinstance(found, Present) and self.now() - self.stored_at[order_id] < self.lag:
            return Absent()
        return found


def decide(bench: Bench, act: str, code: str) -> None:
    """``resolve``, as a person types it."""
    resolver = Resolver(bench.context())
    if act == "adopt":
        resolver.adopt(code, None)
    elif act == "new_id":
        resolver.new_id(code)
    else:
        resolver.skip(code)


class OrderLives(RuleBasedStateMachine):
    """One shop, one warehouse, one ledger on disk."""

    codes: ClassVar[st.SearchStrategy[str]] = st.sampled_from([f"A{n}" for n in range(3)])
    acts: ClassVar[st.SearchStrategy[str]] = st.sampled_from(["new_id", "skip", "adopt"])

    @initialize(known=st.booleans())
    def begin(self, known: bool) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.bench = Bench(self.new_ledger())
        self.bench.warehouse = self.warehouse = HarshWarehouse()
        self.warehouse.now = self.bench.clock.now
        self.warehouse.before_submit = self.intent_is_on_disk
        self.bench.settings = make_settings(orders={"workers": 1, "grace_seconds": GRACE})
        if known:
            self.bench.shop.add(make_order("KNOWN"))
            self.run()

    def new_ledger(self) -> Path | PostgresPlace:
        """Where this life's ledger is."""
        return self.folder / "ledger.db"

    def intent_is_on_disk(self, order: WarehouseOrder) -> None:
        reader = open_ledger(self.bench.path, read_only=True)
        row = reader.orders.find(order.id)
        assert row is not None
        assert row.state == "sending"
        assert reader.orders.attempts(row.code)[-1].outcome is None
        reader.close()

    # ---- the world ----------------------------------------------------------------------------

    @rule(code=codes)
    def place(self, code: str) -> None:
        if code not in self.bench.shop.by_code:
            self.bench.shop.add(make_order(code, placed_at=self.bench.clock.now()))

    @rule(code=codes)
    def cancel_in_shop(self, code: str) -> None:
        if code in self.bench.shop.by_code:
            none = (line("1", "MUG", 0),)
            now = self.bench.clock.now()
            self.bench.shop.change(code, state="Cancelled", lines=none, updated_at=now)

    @rule(code=codes, units=st.integers(1, 3))
    def modify_in_shop(self, code: str, units: int) -> None:
        if code in self.bench.shop.by_code:
            now = self.bench.clock.now()
            lines = (line("1", "MUG", units),)
            self.bench.shop.change(code, lines=lines, updated_at=now)

    @rule(code=codes)
    def cancel_at_warehouse(self, code: str) -> None:
        for key, record in self.warehouse.held.items():
            if record.reference == code:
                cancelled = WarehouseRecord(record.id, record.reference, record.lines, "cancelled")
                self.warehouse.held[key] = cancelled

    @rule(code=codes, words=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=2))
    def place_into_trouble(self, code: str, words: list[str]) -> None:
        self.place(code)
        self.warehouse.script.clear()
        self.warehouse.script.extend(words)
        self.run()

    @rule(seconds=st.integers(0, GRACE - LANDING - 1))
    def lag(self, seconds: int) -> None:
        self.warehouse.lag = timedelta(seconds=seconds)

    @rule(down=st.booleans())
    def outage(self, down: bool) -> None:
        self.warehouse.down = down

    @rule(minutes=st.sampled_from([0.1, 0.5, 1, 3, 5, 70]))
    def time_passes(self, minutes: float) -> None:
        self.bench.clock.forward(minutes=minutes)

    # ---- us -----------------------------------------------------------------------------------

    @rule()
    def run(self) -> None:
        self.warehouse.land()
        try:
            self.bench.run()
        except SyncError:
            pass
        except Died:
            self.bench.ledger.close()
            self.bench.ledger = open_ledger(self.bench.path, clock=self.bench.clock)

    @rule()
    def retry_all(self) -> None:
        self.warehouse.land()
        bench = self.bench
        chosen = retry.plan(bench.ledger, (), every=True, error_class=None)
        context = bench.context()
        with suppress(SyncError):
            retry.execute(chosen, bench.ledger, context.report, DoubtResolver(context))

    @rule(code=codes, act=acts, patient=st.booleans())
    def resolve(self, code: str, act: str, patient: bool) -> None:
        """A person decides, and where told to come back later, does so or not."""
        for _ in range(1 + patient):
            self.warehouse.land()
            with suppress(SyncError):
                decide(self.bench, act, code)
                return
            self.bench.clock.forward(seconds=(GRACE + 1) * patient)

    @rule(code=codes, word=st.sampled_from(OUTCOMES), act=acts)
    def resolve_at_once(self, code: str, word: str, act: str) -> None:
        """The moment in which least is known."""
        self.place_into_trouble(code, [word])
        self.resolve(code, act, patient=False)
        self.run()

    # ---- what must hold -----------------------------------------------------------------------

    @invariant()
    def one_order_a_code(self) -> None:
        if not hasattr(self, "warehouse"):
            return
        live = [one.reference for one in self.warehouse.held.values() if one.status == "open"]
        assert len(live) == len(set(live)), sorted(self.warehouse.held)

    @invariant()
    def synced_means_there(self) -> None:
        if not hasattr(self, "warehouse"):
            return
        for row in self.bench.ledger.orders.in_states(["synced"]):
            assert (row.veracore_id or "").casefold() in self.warehouse.held

    def teardown(self) -> None:
        if not hasattr(self, "warehouse"):
            return
        try:
            self.warehouse.script.clear()
            self.warehouse.down = False
            for _ in range(12):
                self.bench.clock.forward(minutes=70)
                self.run()
            self.nothing_is_lost()
        finally:
            self.bench.ledger.close()
            shutil.rmtree(self.folder)

    def nothing_is_lost(self) -> None:
        for order in self.bench.shop.by_code.values():
            row = self.bench.ledger.orders.get(order.code)
            held = [one for one in self.warehouse.held.values() if one.reference == order.code]
            there = min(held, key=lambda one: one.status != "open", default=None)
            if row is not None and (row.state, row.cause) == ("skipped", "resolved"):
                assert there is None or there.status == "cancelled", "it ships, and is skipped"
                continue
            if order.state == "PaymentSettled":
                assert there is not None, f"{order.code} was lost: {row}"
            if there is not None:
                assert row is not None
                expected = {"synced", "cancelled"}
                if there.status == "open":
                    expected = {"synced"}
                elif order.state == "Cancelled":
                    # A person asked for a new id, and the shop cancelled before it was used.
                    expected.add("skipped")
                assert row.state in expected, row


TestOrderLives = OrderLives.TestCase
TestOrderLives.settings = settings(max_examples=150, stateful_step_count=40)


def test_a_new_id_for_an_order_that_both_sides_have_cancelled_is_not_used() -> None:
    life = OrderLives()
    life.begin(known=False)
    life.resolve_at_once(code="A2", word="lost after", act="new_id")
    life.cancel_at_warehouse(code="A2")
    life.cancel_in_shop(code="A2")
    life.resolve(code="A2", act="adopt", patient=False)
    life.resolve(code="A2", act="new_id", patient=False)
    life.run()
    row = life.bench.ledger.orders.get("A2")
    assert row is not None and (row.state, row.cause) == ("skipped", "state")
    assert list(life.warehouse.held) == ["a2"]
    life.teardown()


def _must_find_the_bug() -> None:
    searching = settings(
        TestOrderLives.settings,
        max_examples=1000,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(OrderLives, settings=searching)


def test_it_finds_a_look_up_that_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        interpret_lookup, "_interpret_absence", lambda *_: interpret_lookup.Resend()
    )
    _must_find_the_bug()


def test_it_finds_an_intent_that_is_committed_after_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def send_then_commit(self: send.Sender, action: SubmitOrder) -> None:
        outcome = self.warehouse.submit(action.order)
        attempt = self.ledger.transitions.intend(action.code, action.intent)
        if isinstance(outcome, Accepted):
            self.ledger.transitions.accept(action.code, attempt, outcome.sequence)

    monkeypatch.setattr(send.Sender, "send", send_then_commit)
    monkeypatch.setattr(OrderLives, "intent_is_on_disk", lambda self, order: None)
    _must_find_the_bug()

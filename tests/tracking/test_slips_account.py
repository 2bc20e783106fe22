"""Random lives of one order's slips, without sockets: what its fulfilments hold is what shipped.

Slips come in parts, and parts of kits; they wait, are refused, lose their answers, and the process
dies in every gap. At rest each slip's fulfilment holds its own units, and each line what shipped.
The executor is played here, so that many lives are cheap; `test_slips_machine.py` has the real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from veracore_sync.clock import to_text
from veracore_sync.config import SkuSettings
from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.pick_slips import SlipRow, fresh_slip
from veracore_sync.domain.warehouse import Package, Product, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.actions import (
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    Escalate,
    Fulfil,
)
from veracore_sync.jobs.tracking.carriers import Carriers
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import shipments_of

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = {"mug": 5, "tee": 3}
KIT = {"part-a": 1, "part-b": 2}
KITS = 2
SKUS = {"1": "mug", "2": "tee", "3": "box"}
DEATHS = ("died asking", "died before recording", "died before shipping")
OUTCOMES = ("ok", "ok", "ok", "refused", "request lost", "answer lost", "not shipped", *DEATHS)
BACK_OFF = timedelta(minutes=30)


class Died(Exception):
    """The process is gone; only what was committed is left."""


class Account(RuleBasedStateMachine):
    """One order."""

    with_kits: ClassVar = False

    @initialize(settle=st.sampled_from((0, 20)))
    def begin(self, settle: int) -> None:
        self.now = START
        self.shipped: dict[str, Counter[str]] = {}
        self.rows: dict[str, SlipRow] = {}
        self.made: list[Fulfilment] = []
        self.ordered = Counter(PLAIN)
        if self.with_kits:
            self.ordered["box"] = KITS
        self.rules = Rules(
            names=SkuMap(SkuSettings.model_validate({"kits": {"box": KIT}})),
            carriers=Carriers({}),
            states=frozenset({"PaymentSettled", "PartiallyShipped"}),
            settle=timedelta(minutes=settle),
            grace=timedelta(minutes=5),
        )

    # ---- what happens -------------------------------------------------------------------------

    @rule(units=st.dictionaries(st.sampled_from((*PLAIN, *KIT)), st.integers(1, 2), min_size=1))
    def ship(self, units: dict[str, int]) -> None:
        most = Counter(PLAIN)
        if self.with_kits:
            most += Counter({part: each * KITS for part, each in KIT.items()})
        fits = Counter(units) & (most - sum(self.shipped.values(), Counter()))
        if fits:
            self.shipped[f"60{len(self.shipped)}"] = fits

    @rule(
        minutes=st.sampled_from((0, 1, 6, 21, 70)),
        outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=3),
    )
    def run(self, minutes: int, outcomes: list[str]) -> None:
        self.now += timedelta(minutes=minutes)
        self._run(chain(outcomes, repeat("ok")))

    def teardown(self) -> None:
        if not hasattr(self, "rows"):
            return
        for _ in range(6):
            self.now += timedelta(hours=2)
            self._run(repeat("ok"))
        self._at_rest()

    # ---- the executor, played -------------------------------------------------------------------

    def _run(self, outcomes: Iterator[str]) -> None:
        record = self._record()
        for one in shipments_of(record, self.rows):
            fresh = fresh_slip("A", "A", one.slip, (), to_text(self.now))
            self.rows.setdefault(one.slip, fresh)
        try:
            for _ in range(4):
                plan = OrderPlan(record, (), self.rows, self._order(), self.rules, self.now)
                actions = plan.plan()
                for action in actions:
                    self._execute(action, outcomes)
                if not any(isinstance(one, Fulfil | AdoptFulfilment) for one in actions):
                    break
        except Died:
            pass

    def _execute(self, action: Action, outcomes: Iterator[str]) -> None:
        if isinstance(action, Fulfil):
            self._fulfil(action, next(outcomes))
        elif isinstance(action, AdoptFulfilment):
            self._set(action.slip, state="added", fulfilment_id=action.fulfilment.id)
            self._set(action.slip, tracking_code=action.fulfilment.tracking_code)
            self._finish(action.slip, action.fulfilment.id, next(outcomes))
        elif isinstance(action, AlreadyFulfilled):
            self._set(action.slip, state="covered")
        elif isinstance(action, Escalate):
            raise AssertionError(action)

    def _fulfil(self, action: Fulfil, outcome: str) -> None:
        id, slip = f"f{len(self.made)}", action.slip
        if outcome == "refused":
            self._fail(slip)
            return
        known = tuple(one.id for one in self.made)
        told = {"lines": dict(action.lines), "tracking_code": action.tracking_code}
        self._set(slip, state="intended", known=known, intended_at=to_text(self.now), **told)
        if outcome == "died asking":
            raise Died
        if outcome == "request lost":
            self._fail(slip)
            return
        self.made.append(Fulfilment(id, "Pending", action.tracking_code, dict(action.lines)))
        if outcome == "died before recording":
            raise Died
        if outcome == "answer lost":
            self._fail(slip)
            return
        self._set(slip, state="added", fulfilment_id=id)
        self._finish(slip, id, outcome)

    def _finish(self, slip: str, id: str, outcome: str) -> None:
        if outcome == "died before shipping":
            raise Died
        if outcome == "not shipped":
            self._fail(slip)
            return
        self.made = [replace(one, state="Shipped") if one.id == id else one for one in self.made]
        self._set(slip, state="done", tries=0, next_attempt_at=None)

    def _fail(self, slip: str) -> None:
        later = to_text(self.now + BACK_OFF)
        self._set(slip, tries=self.rows[slip].tries + 1, next_attempt_at=later)

    def _set(self, slip: str, **values: object) -> None:
        self.rows[slip] = replace(self.rows[slip], **values)  # type: ignore[arg-type]

    # ---- both sides -----------------------------------------------------------------------------

    def _record(self) -> WarehouseRecord:
        shipped = sum(self.shipped.values(), Counter[str]())
        is_complete = not self.with_kits and shipped == self.ordered
        offers = tuple(RecordLine(sku, units) for sku, units in self.ordered.items())
        products = tuple(Product(sku, units, 0) for sku, units in self.ordered.items())
        slips = tuple(self._shipment(slip, units) for slip, units in self.shipped.items())
        return WarehouseRecord("A", "A", offers, "shipped", is_complete, False, products, slips)

    def _shipment(self, slip: str, units: Mapping[str, int]) -> Shipment:
        package = Package("UPS", "Ground", f"1Z999AA1012345{slip}", START, None)
        return Shipment(slip, tuple(RecordLine(*one) for one in units.items()), (package,))

    def _order(self) -> FulfilledOrder:
        lines = tuple(Line(id, f"v{id}", sku, self.ordered[sku]) for id, sku in SKUS.items())
        state = "PartiallyShipped" if self.made else "PaymentSettled"
        return FulfilledOrder("1", "A", state, "Regular", lines, tuple(self.made))

    def _at_rest(self) -> None:
        shipped = sum(self.shipped.values(), Counter[str]())
        kits = min(shipped[part] // each for part, each in KIT.items())
        due = +Counter({sku: shipped[sku] for sku in PLAIN} | {"box": kits})
        codes = [one.tracking_code for one in self.made]
        assert len(codes) == len(set(codes)), codes
        assert all(one.state == "Shipped" for one in self.made), self.made
        held = {one.tracking_code: _by_sku(one.lines) for one in self.made}
        assert sum(held.values(), Counter[str]()) == due, (held, due)
        for slip, units in self.shipped.items():
            own = held.pop(f"1Z999AA1012345{slip}", Counter[str]())
            del own["box"]
            assert own == Counter({sku: units[sku] for sku in PLAIN if units[sku]}), (slip, own)
        assert not held, held
        assert {row.state for row in self.rows.values()} <= {"done", "covered"}


def _by_sku(lines: Mapping[str, int]) -> Counter[str]:
    return Counter({SKUS[id]: units for id, units in lines.items()})


class AccountOfKits(Account):
    """One order, some of which is picked as parts."""

    with_kits = True


@pytest.mark.parametrize("machine", [Account, AccountOfKits])
def test_each_slip_holds_its_own(machine: type[Account]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=300, stateful_step_count=20, deadline=None)
    )

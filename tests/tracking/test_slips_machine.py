"""Random lives of one order's slips: what its fulfilments hold is what VeraCore shipped.

Slips come in parts, and parts of kits; they wait, are refused, lose their answers, and the process
dies in every gap. At rest each slip's fulfilment holds its own units, and each line what shipped.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tracking_world import world

from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.tracking import execute

ORDERED = {"MUG": 5, "TEE": 3}
KIT = {"PART-A": 1, "PART-B": 2}
KITS = 2
BY_HAND = "by hand"
FAULTS = {
    "refused": ("graphql_error_coded", "AddFulfilment"),
    "refused to ship": ("graphql_error_coded", "ShipFulfilment"),
    "answer lost": ("reset_after", "AddFulfilment"),
    "request lost": ("reset_before", "AddFulfilment"),
    "shipping lost": ("reset_after", "ShipFulfilment"),
    "gateway": ("html_500", "AddFulfilment"),
}
_GAPS = ("fulfilment intended", "fulfilment added", "fulfilment recorded", "fulfilment shipped")
TROUBLES = ("none", "none", "none", *FAULTS, *_GAPS)


class Died(BaseException):
    """The process is gone; only what was committed is left."""


class Slips(RuleBasedStateMachine):
    """One order."""

    with_kits: ClassVar = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stack = ExitStack()
        kits = '{"BOX": {"PART-A": 1, "PART-B": 2}}'
        env = {
            "VERACORE_SYNC_SKUS__KITS": kits,
            "VERACORE_SYNC_RETRY__BASE_SECONDS": "900",
            "VERACORE_SYNC_RETRY__MAX_ATTEMPTS": "100",
            "VERACORE_SYNC_RETRY__BREAKER_THRESHOLD": "1000",
        }
        self.bed = self.stack.enter_context(world(self.folder, **env))
        self.slips: dict[str, Counter[str]] = {}
        self.by_hand: Counter[str] = Counter()

    @initialize(settle=st.sampled_from((0, 20)))
    def begin(self, settle: int) -> None:
        self.bed.reopen(VERACORE_SYNC_TRACKING__SETTLE_MINUTES=str(settle))
        self.ordered = Counter(ORDERED)
        if self.with_kits:
            self.ordered["BOX"] = KITS
        self.order = self.bed.place(*self.ordered.items())
        self.bed.send()

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.stack.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what happens -------------------------------------------------------------------------

    @rule(units=st.dictionaries(st.sampled_from((*ORDERED, *KIT)), st.integers(1, 2), min_size=1))
    def ship(self, units: dict[str, int]) -> None:
        most = self.ordered + Counter({part: each * KITS for part, each in KIT.items()})
        if not self.ordered["BOX"]:
            most -= Counter(dict.fromkeys(KIT, 100))
        shipped = sum(self.slips.values(), Counter[str]())
        fits = Counter(units) & (most - shipped)
        if fits:
            tracking = f"1Z999AA1012345{len(self.slips):04}"
            self.bed.ship(self.order, list(fits.items()), tracking, beyond=True)
            self.slips[tracking] = fits

    @rule(minutes=st.sampled_from((0, 6, 21, 70)), trouble=st.sampled_from(TROUBLES))
    def run(self, minutes: int, trouble: str) -> None:
        self.bed.clock.forward(minutes=minutes)
        if trouble in FAULTS:
            kind, operation = FAULTS[trouble]
            self.bed.shop.add_faults([kind], operations=[operation], count=1)
        with patch.object(execute, "pass_failpoint", self._dies_at(trouble)):
            try:
                self.bed.track()
            except SyncError:
                pass
            except Died:
                self.bed.reopen()
        self.bed.shop.clear_faults()

    @staticmethod
    def _dies_at(gap: str) -> Callable[[str], None]:
        def hit(name: str) -> None:
            if name == gap:
                raise Died

        return hit

    @rule(sku=st.sampled_from(tuple(ORDERED)))
    def somebody_fulfils_one(self, sku: str) -> None:
        if not self.by_hand and self.order.state in ("PaymentSettled", "PartiallyShipped"):
            open_units = dict(self.bed.shop.state.open_lines(self.order))
            (line,) = [one for one in self.order.lines if one.variant.sku == sku]
            if open_units.get(line.id):
                self.bed.shop.state.fulfil(self.order, [(line.id, 1)], tracking=BY_HAND)
                self.by_hand[sku] += 1

    # ---- what must be true ----------------------------------------------------------------------

    @invariant()
    def nothing_twice(self) -> None:
        if not hasattr(self, "order"):
            return
        held, codes = Counter[str](), Counter[str]()
        for _, code, units in self.bed.fulfilments(self.order):
            held.update(units)
            codes[code] += 1
        assert held <= self.ordered, held
        assert max(codes.values(), default=0) <= 1, codes

    def come_to_rest(self) -> None:
        if not hasattr(self, "order"):
            return
        for _ in range(8):
            self.bed.clock.forward(minutes=61)
            self.bed.track()
        shipped = sum(self.slips.values(), Counter[str]())
        kits = min(shipped[part] // each for part, each in KIT.items())
        due = Counter({sku: shipped[sku] for sku in ORDERED}) + Counter(BOX=kits)
        held, own = Counter[str](), dict[str, dict[str, int]]()
        for state, code, units in self.bed.fulfilments(self.order):
            assert state == "Shipped"
            if code != BY_HAND:
                own[code] = units
                held.update(units)
        assert held == due & (self.ordered - self.by_hand), (held, due)
        assert own.keys() <= self.slips.keys(), own
        if not self.by_hand:
            for code, units in self.slips.items():
                plain = Counter({sku: units[sku] for sku in ORDERED})
                assert Counter(own.get(code, {})) - Counter(BOX=KITS) == +plain, (code, own)
        rows = self.bed.parts.ledger.shipments.slips_of(self.order.code)
        assert {row.state for row in rows} <= {"done", "covered"}, rows
        alerts: list[Any] = self.bed.parts.ledger.alerts.standing()
        assert [one.kind for one in alerts] == []


class SlipsOfKits(Slips):
    """One order, some of which is picked as parts."""

    with_kits = True


@pytest.mark.parametrize("machine", [Slips, SlipsOfKits])
def test_each_slip_holds_its_own(machine: type[Slips]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, phases=(Phase.generate,)
        ),
    )

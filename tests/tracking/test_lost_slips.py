"""Another process ends a slip while a run is at it: the shop is not asked, and nothing is told."""

from __future__ import annotations

import pytest
from tracking_world import World

from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.jobs.tracking.actions import Fulfil
from veracore_sync.jobs.tracking.execute import _Step


def test_what_was_made_of_a_slip_that_moved_on_is_put_before_a_person(
    bed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    ask = _Step._ask

    def handed_over_meanwhile(self: _Step, row: SlipRow, action: Fulfil) -> str:
        made = ask(self, row, action)
        bed.parts.ledger.shipments.hand_over(row, "by another")
        return made

    monkeypatch.setattr(_Step, "_ask", handed_over_meanwhile)
    result = bed.track()
    assert bed.slip_states(order) == ["handed"]
    (told,) = result.news
    assert "another run changed it meanwhile" in told
    assert f"fulfilment {bed.order(order).fulfilments[0].id}" in told


def test_a_slip_that_was_handed_over_meanwhile_is_not_fulfilled(
    bed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    make = _Step._make

    def handed_over_meanwhile(self: _Step, row: SlipRow, action: Fulfil) -> str:
        bed.parts.ledger.shipments.hand_over(row, "by another")
        return make(self, row, action)

    monkeypatch.setattr(_Step, "_make", handed_over_meanwhile)
    result = bed.track()
    assert bed.fulfilments(order) == []
    assert bed.slip_states(order) == ["handed"]
    assert (result.updated, result.errors, result.news) == (0, 0, [])
    assert any("another run changed it meanwhile" in note for note in result.notes)
    assert "tracking.updated" not in [kind for kind, _, _ in bed.events()]

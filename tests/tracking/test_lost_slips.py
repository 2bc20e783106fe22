"""Another process ends a slip while a run is at it: the shop is not asked, and nothing is told."""

from __future__ import annotations

import pytest
from tracking_world import World

from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.jobs.tracking.actions import Fulfil
from veracore_sync.jobs.tracking.requests import ShopRequests


def test_what_was_made_of_a_slip_that_moved_on_is_put_before_a_person(
    bed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    ask = ShopRequests._ask

    def handed_over_meanwhile(self: ShopRequests, row: SlipRow, action: Fulfil) -> str:
        made = ask(self, row, action)
        bed.parts.ledger.shipments.hand_over(row, "by another")
        return made

    monkeypatch.setattr(ShopRequests, "_ask", handed_over_meanwhile)
    result = bed.track()
    assert bed.slip_states(order) == ["handed"]
    (told,) = result.needs_person
    assert "another run changed it meanwhile" in told
    assert f"fulfilment {bed.order(order).fulfilments[0].id}" in told


def test_a_slip_that_was_handed_over_meanwhile_is_not_fulfilled(
    bed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    make = ShopRequests._ask

    def handed_over_meanwhile(self: ShopRequests, row: SlipRow, action: Fulfil) -> str:
        bed.parts.ledger.shipments.hand_over(row, "by another")
        return make(self, row, action)

    monkeypatch.setattr(ShopRequests, "_ask", handed_over_meanwhile)
    result = bed.track()
    assert bed.fulfilments(order) == []
    assert bed.slip_states(order) == ["handed"]
    assert (result.updated, result.errors, result.needs_person) == (0, 0, [])
    assert any("another run changed it meanwhile" in note for note in result.notices)
    assert "tracking.updated" not in [kind for kind, _, _ in bed.events()]

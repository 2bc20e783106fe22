"""A run that its time limit ends is no complete one: the days that it listed are listed again."""

from __future__ import annotations

from unittest.mock import patch

from tracking_world import World

from veracore_sync.jobs.kernel import RunContext


def complete_at(bed: World) -> object:
    return bed.parts.ledger.meta.moment("tracking.complete_at")


def test_a_run_that_is_cut_short_is_not_remembered_as_complete(bed: World) -> None:
    orders = [bed.place(("MUG", 1)), bed.place(("TEE", 1))]
    bed.send()
    for number, order in enumerate(orders):
        bed.ship(order, tracking=f"1Z999AA1012345678{number}")
    bed.clock.forward(hours=1)
    asked: list[str] = []

    def ends_here(self: object, rest: str = "") -> bool:
        # The time is up after the first order.
        asked.append(rest)
        return len(asked) > 1

    with patch.object(RunContext, "ends_here", ends_here):
        bed.track()
    assert complete_at(bed) is None
    bed.track()
    assert complete_at(bed) is not None

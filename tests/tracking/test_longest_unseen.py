"""However many orders are new, one that was looked at before is looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tracking_world import World, world


@pytest.fixture(params=["oms", "rest"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    most = {
        "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "2",
        "VERACORE_SYNC_TRACKING__STATUS_CALLS_PER_RUN": "2",
    }
    with world(tmp_path, dialect=request.param, **most) as made:
        yield made


def test_one_cancelled_at_veracore_is_noticed_though_new_ones_keep_coming(either: World) -> None:
    old = either.place(("MUG", 1))
    either.send()
    either.track()
    either.control("cancel", {"order": old.code})
    runs = 0
    while either.state(old) == "synced":
        either.clock.forward(minutes=15)
        either.reopen()
        for _ in range(2):
            either.place(("MUG", 1))
        either.send()
        either.track()
        runs += 1
        assert runs < 12
    assert either.state(old) == "cancelled"


def test_new_ones_are_looked_at_too(either: World) -> None:
    orders = []
    for _ in range(6):
        either.clock.forward(minutes=15)
        either.reopen()
        orders.append(either.place(("MUG", 1)))
        either.send()
        either.track()
    last = orders[-1]
    either.control("cancel", {"order": last.code})
    for _ in range(4):
        either.clock.forward(minutes=15)
        either.reopen()
        either.track()
    assert either.state(last) == "cancelled"

"""``reconcile --apply``, killed at every gap of its jobs: nothing twice, nothing lost."""

from __future__ import annotations

import signal
from pathlib import Path

import ledger_server
from apply_kills import reconciled, settle
from apply_kit import ApplyWorld, T, apply_world
from rig import HereRig

GAPS = (
    ("repair begun", T.SENT_NOT_IN_LEDGER),
    ("repair done", T.SENT_NOT_IN_LEDGER),
    ("intent committed", T.PAID_NOT_SENT),
    ("answered", T.PAID_NOT_SENT),
    ("outcome committed", T.PAID_NOT_SENT),
    ("cancellation intended", T.CANCELLED_HERE_LIVE_THERE),
    ("cancellation answered", T.CANCELLED_HERE_LIVE_THERE),
    ("cancellation recorded", T.CANCELLED_HERE_LIVE_THERE),
    ("fulfilment intended", T.SHIPPED_NOT_FULFILLED),
    ("fulfilment added", T.SHIPPED_NOT_FULFILLED),
    ("fulfilment recorded", T.SHIPPED_NOT_FULFILLED),
    ("fulfilment shipped", T.SHIPPED_NOT_FULFILLED),
    ("repair begun", T.TRACKING_DIFFERS),
    ("stock batch written", T.STOCK_DIFFERS),
)


def die(world: ApplyWorld, gap: str, type: T) -> None:
    """A run that repairs that type dies in the gap."""
    process = world.rig.start(
        "reconcile", "--apply", type, VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill"
    )
    out, told = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, (gap, type, out, told)


def test_killed_in_each_gap(tmp_path: Path) -> None:
    with apply_world(tmp_path, HereRig) as world:
        made = world.make_all([type for _, type in GAPS])
        for gap, type in GAPS:
            die(world, gap, type)
            world.nothing_twice()
        seen = reconciled(world)
        found = {(one["type"], one["name"]) for one in seen["differences"]}
        moving = {name for one in seen["moving"] for name in one["names"]}
        for one in made:
            assert one in found or one[1] in moving or world.is_repaired(*one), one
        settle(world)


def test_killed_on_a_ledger_of_many_hosts(tmp_path: Path) -> None:
    place = ledger_server.new_place()
    with apply_world(tmp_path, HereRig, place) as world:
        world.make_all([T.PAID_NOT_SENT, T.SHIPPED_NOT_FULFILLED])
        die(world, "answered", T.PAID_NOT_SENT)
        ledger_server.end_leases(place, in_seconds=2)
        settle(world)

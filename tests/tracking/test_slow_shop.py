"""A shop that is slow to make a fulfilment: the answer is lost, and the fulfilment comes later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rig import Rig
from tracking_world import World

from veracore_sync.domain.errors import SyncError, TimedOut
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.vendure.fulfilment import VendureFulfilments

FIRST, SECOND = "1Z999AA10123456784", "1Z999AA10123456785"
ADD = VendureFulfilments.add


class Died(BaseException):
    """The process is gone in the middle of the request."""


@dataclass
class Slow:
    """Requests that the shop takes up, and carries out when it is told to."""

    bed: World
    answered_after: timedelta | None
    waiting: list[Callable[[], Any]] = field(default_factory=list)
    asked: int = 0

    def add(self, lines: Mapping[str, int], handler: str, **how: str) -> str:
        self.asked += 1
        arguments = {"method": how["method"], "trackingCode": how["tracking_code"]}
        wanted = list(lines.items())
        shop = self.bed.shop.state
        self.waiting.append(lambda: shop.add_fulfilment(wanted, handler, arguments))
        if self.answered_after is None:
            raise Died
        self.bed.clock.at += self.answered_after
        raise TimedOut("no answer in time", upstream="vendure")

    def carry_out(self) -> None:
        for request in self.waiting:
            request()
        self.waiting.clear()


@contextmanager
def slow_shop(bed: World, answered_after: timedelta | None) -> Iterator[Slow]:
    slow = Slow(bed, answered_after)

    def add(self: VendureFulfilments, lines: Mapping[str, int], **how: Any) -> str:
        return slow.add(lines, **how)

    with patch.object(VendureFulfilments, "add", add):
        yield slow


def shipped_in_part(bed: World) -> Any:
    order = bed.place(("MUG", 5))
    bed.send()
    bed.ship(order, [("MUG", 2)], FIRST)
    return order


def the_rest_comes(bed: World, order: Any) -> None:
    bed.ship(order, [("MUG", 3)], SECOND)
    for _ in range(3):
        bed.clock.forward(minutes=15)
        bed.track()
    assert bed.fulfilments(order) == [
        ("Shipped", FIRST, {"MUG": 2}),
        ("Shipped", SECOND, {"MUG": 3}),
    ]
    assert (bed.state(order), bed.slip_states(order)) == ("shipped", ["done", "done"])
    assert bed.shop.state.saleable("MUG") == 995


def run_at(bed: World, seconds: float) -> None:
    """A run, in a process of its own, that many seconds later."""
    bed.clock.forward(seconds=seconds)
    bed.reopen()
    bed.track()


def test_the_wait_counts_from_the_end_of_the_request(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_TRACKING__GRACE_SECONDS="60")
    order = shipped_in_part(bed)
    with slow_shop(bed, timedelta(seconds=60)) as slow:
        with pytest.raises(SyncError):
            bed.track()
        run_at(bed, 0)
        run_at(bed, 14)
        run_at(bed, 45.9)
        assert slow.asked == 1
        slow.carry_out()
    run_at(bed, 1)
    assert bed.fulfilments(order) == [("Shipped", FIRST, {"MUG": 2})]
    the_rest_comes(bed, order)


def test_no_other_slip_of_the_order_moves_meanwhile(bed: World) -> None:
    order = shipped_in_part(bed)
    with slow_shop(bed, timedelta(seconds=60)) as slow, pytest.raises(SyncError):
        bed.track()
    bed.ship(order, [("MUG", 3)], SECOND)
    run_at(bed, 14)
    assert bed.fulfilments(order) == []
    slow.carry_out()
    run_at(bed, 60)
    run_at(bed, 900)
    assert [units for _, _, units in bed.fulfilments(order)] == [{"MUG": 2}, {"MUG": 3}]
    assert bed.state(order) == "shipped"


def test_killed_in_the_request_it_counts_from_its_time_limit(bed: World) -> None:
    order = shipped_in_part(bed)
    limit = 3 * bed.parts.settings.vendure.timeout_seconds + 60
    grace = bed.parts.settings.tracking.grace_seconds
    with slow_shop(bed, None) as slow:
        with pytest.raises(Died):
            bed.track()
        run_at(bed, limit + grace - 1)
        assert slow.asked == 1
    run_at(bed, 1)
    assert [code for _, code, _ in bed.fulfilments(order)] == [FIRST]
    the_rest_comes(bed, order)


def test_killed_in_the_request_it_has_ended_when_the_next_run_looks(bed: World) -> None:
    order = shipped_in_part(bed)
    grace = bed.parts.settings.tracking.grace_seconds
    with slow_shop(bed, None) as slow:
        with pytest.raises(Died):
            bed.track()
        run_at(bed, 2)
        run_at(bed, grace - 1)
        assert slow.asked == 1
    run_at(bed, 1)
    the_rest_comes(bed, order)


def test_one_that_outlived_every_wait_is_undone(bed: World) -> None:
    order = shipped_in_part(bed)
    with slow_shop(bed, timedelta(seconds=60)) as slow, pytest.raises(SyncError):
        bed.track()
    run_at(bed, 900)
    slow.carry_out()
    assert [units for _, _, units in bed.fulfilments(order)] == [{"MUG": 2}, {"MUG": 2}]
    run_at(bed, 900)
    assert bed.fulfilments(order) == [("Shipped", FIRST, {"MUG": 2})]
    assert [one.state for one in order.fulfilments] == ["Shipped", "Cancelled"]
    the_rest_comes(bed, order)


def test_one_that_lands_beside_the_second_is_undone_at_once(bed: World) -> None:
    order = shipped_in_part(bed)
    with slow_shop(bed, timedelta(seconds=60)) as slow, pytest.raises(SyncError):
        bed.track()

    def add(self: VendureFulfilments, lines: Mapping[str, int], **how: Any) -> str:
        made = ADD(self, lines, **how)
        slow.carry_out()
        return made

    with patch.object(VendureFulfilments, "add", add):
        run_at(bed, 900)
    assert bed.fulfilments(order) == [("Shipped", FIRST, {"MUG": 2})]
    the_rest_comes(bed, order)


def test_what_may_be_somebody_elses_is_not_undone_but_told(bed: World) -> None:
    order = bed.place(("MUG", 5))
    bed.send()
    bed.ship(order, [("MUG", 2)], "LTL Freight")
    with slow_shop(bed, timedelta(seconds=60)) as slow, pytest.raises(SyncError):
        bed.track()
    run_at(bed, 900)
    slow.carry_out()
    run_at(bed, 900)
    assert len(bed.fulfilments(order)) == 2
    alerts = bed.parts.ledger.alerts.standing()
    assert [(one.kind, one.code) for one in alerts] == [("order.doubled", order.code)]
    # What has shipped since must not get what the double leaves.
    bed.ship(order, [("MUG", 3)], "1Z9")
    run_at(bed, 1800)
    assert len(bed.fulfilments(order)) == 2
    *_, double = order.fulfilments
    bed.shop.state.transition_fulfilment(double, "Cancelled")
    for _ in range(2):
        run_at(bed, 1800)
    assert [units for _, _, units in bed.fulfilments(order)] == [{"MUG": 2}, {"MUG": 3}]
    assert (bed.state(order), order.state) == ("shipped", "Shipped")
    assert bed.parts.ledger.alerts.standing() == []


def test_two_slips_under_one_word_are_no_double(bed: World) -> None:
    order = bed.place(("MUG", 4))
    bed.send()
    bed.ship(order, [("MUG", 2)], "LTL Freight")
    bed.track()
    bed.ship(order, [("MUG", 2)], "LTL Freight")
    with slow_shop(bed, timedelta(seconds=60)) as slow, pytest.raises(SyncError):
        bed.track()
    slow.carry_out()
    run_at(bed, 900)
    assert bed.fulfilments(order) == [("Shipped", "LTL Freight", {"MUG": 2})] * 2
    assert bed.parts.ledger.alerts.standing() == []


# ---- the real command --------------------------------------------------------------------------


def test_the_next_run_begins_at_once(tmp_path: Path) -> None:
    """As with 60 s for both, but scaled: the time limit of a request, and the wait behind it."""
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", "Mug", 1000, on_hand=1000)
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.env |= {
            "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "8",
            "VERACORE_SYNC_TRACKING__GRACE_SECONDS": "8",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_RETRY__BASE_SECONDS": "0.1",
        }
        order = shop.state.place_order([("MUG", 5)])
        rig.sync()
        _ship(rig, order.code, 2, FIRST)
        with _first_request_waits(shop):
            assert rig.run("sync-tracking", "--json").code == 69
            assert rig.run("sync-tracking", "--json").code == 0
        _run_until(rig, lambda: _live(order) == [("Shipped", FIRST, 2)])
        _ship(rig, order.code, 3, SECOND)
        wanted = [("Shipped", FIRST, 2), ("Shipped", SECOND, 3)]
        _run_until(rig, lambda: _live(order) == wanted and order.state == "Shipped")


@contextmanager
def _first_request_waits(shop: SmallShop) -> Iterator[None]:
    """The shop takes the first request up, and is through with it at the end of the block."""
    go_on, is_done = threading.Event(), threading.Event()
    execute, waiting = shop._api.execute, ["AddFulfilment"]

    def wait(operation: Any, headers: Any) -> Any:
        if operation.name not in waiting:
            return execute(operation, headers)
        waiting.clear()  # the others are quick
        go_on.wait(60)
        try:
            return execute(operation, headers)
        finally:
            is_done.set()

    with patch.object(shop._api, "execute", wait):
        yield
        go_on.set()
        assert is_done.wait(60)


def _ship(rig: Rig, code: str, units: int, tracking: str) -> None:
    lines = [{"sku": "MUG", "quantity": units}]
    packages = [{"tracking": tracking, "carrier": "UPS", "service": "Ground"}]
    rig.control("ship", {"order": code, "lines": lines, "packages": packages})


def _live(order: Any) -> list[tuple[str, str, int]]:
    return [
        (one.state, one.tracking_code, sum(part.quantity for part in one.lines))
        for one in order.fulfilments
        if one.state != "Cancelled"
    ]


def _run_until(rig: Rig, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not is_done():
        ended = rig.run("sync-tracking", "--json")
        assert ended.code in (0, 69), (ended.code, ended.out, ended.err)
        assert time.monotonic() < deadline, ended.out
    # And it stays so.
    assert rig.run("sync-tracking", "--json").code == 0
    assert is_done()

"""Each command and the listener, run by a clock that is wrong and then by one that is right again.

Everything goes on within its longest wait of the true time. What that is for each stored moment is
tabled in tests/moments_kit.py; here the processes are the real ones.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from clock_kit import HOUR, STEPS, Machine, machine

from veracore_sync.clock import to_text
from veracore_sync.ledger import open_ledger
from veracore_sync.transport.signature import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
COOLDOWN = timedelta(minutes=5, seconds=31)
step = pytest.mark.parametrize("step", STEPS, ids=str)
dialects = pytest.mark.parametrize("dialect", ["oms", "rest"])


def down(rig: Machine) -> None:
    rig.control("faults", {"kinds": ["reset_before"]})


def up(rig: Machine) -> None:
    rig.control("faults", {"kinds": []})


@dialects
@step
def test_sync_orders(tmp_path: Path, dialect: str, step: timedelta) -> None:
    with machine(tmp_path, dialect) as (rig, shop):
        first = shop.state.place_order([("MUG", 1)])
        rig.sync()
        rig.set(step)
        down(rig)
        second = shop.state.place_order([("MUG", 1)])
        rig.sync(code=69)
        rig.set(timedelta(0))
        up(rig)
        rig.go_on(COOLDOWN)
        third = shop.state.place_order([("MUG", 1)])
        rig.sync()
        assert set(rig.placed()) == {first.code, second.code, third.code}
        shop.state.cancel(first)
        rig.go_on(timedelta(minutes=1))
        assert cancelled(rig) == {first.code}


@dialects
@step
def test_a_doubt_is_not_cut_short(tmp_path: Path, dialect: str, step: timedelta) -> None:
    """A create is lost, the clock is set: no second one before the grace has truly passed."""
    with machine(tmp_path, dialect) as (rig, shop):
        rig.env["VERACORE_SYNC_ORDERS__GRACE_SECONDS"] = "600"
        rig.env["VERACORE_SYNC_RETRY__BREAKER_THRESHOLD"] = "5"
        first = shop.state.place_order([("MUG", 1)])
        rig.sync()
        create = {"oms": "AddOrder", "rest": "create"}[dialect]
        rig.control("faults", {"kinds": ["reset_before"], "operations": [create], "count": 1})
        lost = shop.state.place_order([("MUG", 1)])
        run(rig)
        rig.go_on(COOLDOWN)
        run(rig)
        rig.set(step)
        rig.go_on(timedelta(seconds=30))
        run(rig)
        run(rig)
        assert set(rig.placed()) == {first.code}
        rig.set(timedelta(0))
        rig.go_on(timedelta(seconds=600))
        run(rig)
        run(rig)
        assert set(rig.placed()) == {first.code, lost.code}


def run(rig: Machine) -> None:
    """``sync-orders``, that may tell of what has waited for too long."""
    ended = rig.run("sync-orders")
    assert ended.code in (0, 3), ended


@dialects
@step
def test_sync_inventory(tmp_path: Path, dialect: str, step: timedelta) -> None:
    with machine(tmp_path, dialect) as (rig, shop):

        def on_sale() -> int:
            (level,) = next(iter(shop.state.variants.values())).levels.values()
            return int(level.on_hand - level.allocated)

        def sync(code: int) -> None:
            ended = rig.run("sync-inventory", "--allow-mass-change")
            assert ended.code == code, ended

        rig.set(step)
        shop.state.place_order([("MUG", 10)])
        rig.sync()
        sync(0)
        down(rig)
        sync(69)
        rig.set(timedelta(0))
        up(rig)
        rig.go_on(COOLDOWN)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 500}]})
        sync(0)
        if step > HOUR:
            assert on_sale() == 490
        else:
            # Within the hour that the clock was ahead, its order may still count twice.
            assert on_sale() in (480, 490)
        rig.go_on(HOUR)
        sync(0)
        assert on_sale() == 490


@dialects
@step
def test_sync_tracking(tmp_path: Path, dialect: str, step: timedelta) -> None:
    with machine(tmp_path, dialect) as (rig, shop):
        orders = [shop.state.place_order([("MUG", 1)]) for _ in range(2)]
        rig.sync()

        def ship(number: int) -> None:
            package = {"tracking": f"1Z{number}", "carrier": "UPS", "service": "Ground"}
            rig.control("ship", {"order": orders[number].code, "packages": [package]})

        def track(*codes: int) -> None:
            ended = rig.run("sync-tracking")
            assert ended.code in codes, ended

        ship(0)
        rig.set(step)
        track(0)
        down(rig)
        track(69)
        rig.set(timedelta(0))
        up(rig)
        ship(1)
        rig.go_on(COOLDOWN)
        # What failed at a time that is still to come may be overdue: alerted early, not never.
        track(0, 3)
        # A look-up that failed by the wrong clock is put off by as long as any, and no longer.
        # Either order may be the one that failed; a parcel that is first seen now settles first.
        rig.go_on(timedelta(minutes=61))
        track(0)
        rig.go_on(timedelta(minutes=21))
        track(0)
        shipped = [shop.state.orders[one.id].fulfilments for one in orders]
        assert [[one.tracking_code for one in found] for found in shipped] == [["1Z0"], ["1Z1"]]


@step
def test_deliver(tmp_path: Path, step: timedelta) -> None:
    taken = tmp_path / "taken"
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\n[ -e {taken} ] && cat >> {taken}\n")
    hook.chmod(0o700)
    with machine(tmp_path) as (rig, shop):
        rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = str(hook)
        rig.env["VERACORE_SYNC_HOOKS__TIMEOUT_SECONDS"] = "10"
        rig.set(step)
        order = shop.state.place_order([("MUG", 1)])
        rig.sync()
        for _ in range(6):
            assert rig.run("deliver", "--force").code in (0, 69)
        rig.set(timedelta(0))
        taken.touch()
        assert rig.run("deliver").code == 0
        rig.go_on(HOUR)
        assert rig.run("deliver").code == 0
        told = taken.read_text()
        assert "order.synced" in told
        assert order.code in told


@step
def test_what_plans_tells_and_mends(tmp_path: Path, step: timedelta) -> None:
    """A dry run plans what the next run will do; a person's commands do as at any time."""
    with machine(tmp_path) as (rig, shop):
        sent = shop.state.place_order([("MUG", 1)])
        rig.sync()
        rig.set(step)
        down(rig)
        order = shop.state.place_order([("MUG", 1)])
        rig.sync(code=69)
        assert rig.run("doctor", "--offline").code == 0
        rig.set(timedelta(0))
        up(rig)
        rig.go_on(COOLDOWN)
        plan = rig.run("sync-orders", "--dry-run", "--json")
        assert (plan.code, order.code in plan.out) == (0, True)
        for command in (
            ("sync-inventory", "--dry-run"),
            ("sync-tracking", "--dry-run"),
            ("stats", "--order", order.code),
            ("retry", "--all"),
            ("ledger", "check"),
            ("ledger", "prune"),
            ("doctor", "--offline"),
        ):
            assert rig.run(*command).code == 0, command
        rig.sync()
        assert set(rig.placed()) == {sent.code, order.code}


@contextmanager
def listening(rig: Machine) -> Iterator[str]:
    """The listener's address, while it runs."""
    process = rig.start("serve-webhooks", "--port", "0")
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.communicate(timeout=600)
    assert process.returncode == 0


def hint(rig: Machine, url: str, name: str, number: int) -> None:
    """A signed delivery that names an order, dated by the machine's clock."""
    body = json.dumps({"orderCode": name}).encode()
    headers = sign(SECRET, f"msg_{number}", int(rig.clock().timestamp()), body)
    request = urllib.request.Request(
        f"{url}/veracore-webhooks/order-update", data=body, headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def placed_soon(rig: Machine, code: str) -> bool:
    deadline = time.monotonic() + 600
    while code not in rig.placed():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def failing(rig: Machine) -> bool:
    with rig.ledger() as ledger:
        return bool(ledger.database.value("SELECT 1 FROM hints WHERE tries > 0"))


@dialects
@step
def test_the_listener(tmp_path: Path, dialect: str, step: timedelta) -> None:
    """The clock is set while it runs: what was put off goes on, and a new delivery wakes it."""
    with machine(tmp_path, dialect) as (rig, shop):
        rig.env["VERACORE_WEBHOOK_SECRET"] = SECRET
        first = shop.state.place_order([("MUG", 1)])
        rig.sync()
        rig.set(step)
        down(rig)
        with listening(rig) as url:
            second = shop.state.place_order([("MUG", 1)])
            hint(rig, url, second.code, 1)
            deadline = time.monotonic() + 600
            while not failing(rig):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            rig.set(timedelta(0))
            up(rig)
            rig.go_on(HOUR + COOLDOWN)
            hint(rig, url, second.code, 2)
            assert placed_soon(rig, second.code)
            assert set(rig.placed()) == {first.code, second.code}


def test_a_breaker_that_asks_in_2029(tmp_path: Path) -> None:
    """Doctor tells of it; the next run asks."""
    with machine(tmp_path) as (rig, shop):
        order = shop.state.place_order([("MUG", 1)])
        down(rig)
        rig.set(timedelta(days=3 * 365))
        rig.sync(code=69)
        rig.set(timedelta(0))
        up(rig)
        found = json.loads(rig.run("doctor", "--offline", "--json").out)["findings"]
        told = [one["message"] for one in found if one["name"] == "clock"]
        assert any("(breakers.retry_at: 1, the last 20" in one for one in told), told
        assert any("it is not waited for" in one for one in told)
        rig.sync()
        assert set(rig.placed()) == {order.code}


def test_a_hint_that_was_put_off_for_400_days(tmp_path: Path) -> None:
    """It was put off by a process that has ended; a new delivery about it wakes it."""
    with machine(tmp_path) as (rig, shop):
        rig.env["VERACORE_WEBHOOK_SECRET"] = SECRET
        shop.state.place_order([("MUG", 1)])
        rig.sync()
        order = shop.state.place_order([("MUG", 1)])
        with_hint(rig, order.code)
        with listening(rig) as url:
            hint(rig, url, order.code, 1)
            assert placed_soon(rig, order.code)


def with_hint(rig: Machine, code: str) -> None:
    ledger = open_ledger(rig.ledger_path)
    with ledger.database.transaction() as connection:
        connection.execute(
            "INSERT INTO hints (kind, name, asked, asked_at, due_at, tries) "
            "VALUES ('order', ?, 1, ?2, ?2, 3)",
            (code, to_text(rig.clock() + timedelta(days=400))),
        )
    ledger.close()


@dialects
def test_an_order_of_2030_hides_no_cancellation(tmp_path: Path, dialect: str) -> None:
    with machine(tmp_path, dialect) as (rig, shop):
        odd, plain = (shop.state.place_order([("MUG", 1)]) for _ in range(2))
        rig.sync()
        shop.state.orders[odd.id].updated_at = rig.true_time() + timedelta(days=4 * 365)
        rig.go_on(timedelta(minutes=5))
        rig.sync()
        rig.go_on(timedelta(minutes=5))
        shop.state.cancel(plain)
        rig.go_on(timedelta(minutes=5))
        assert cancelled(rig) == {plain.code}
        shop.state.cancel(odd)
        rig.go_on(timedelta(minutes=5))
        assert cancelled(rig) == {plain.code, odd.code}


def cancelled(rig: Machine) -> set[str | None]:
    rig.sync(code=3)
    with rig.ledger() as ledger:
        standing = ledger.alerts.standing()
    return {one.code for one in standing if one.kind == "order.cancelled_in_shop"}

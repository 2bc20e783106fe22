"""A ledger that was restored or lost, and the orders that the one before it had sent."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rig import HereRig, Rig

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.runs import JOBS
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

FAILPOINT = "VERACORE_SYNC_TEST_FAILPOINT"
LOOK_UP = {"oms": "GetOrderInfo", "rest": "status"}


@pytest.fixture(params=["oms", "rest"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as made:
        for sku in ("MUG", "TEE"):
            made.state.add_variant(sku)
        yield made


@pytest.fixture
def rig(tmp_path: Path, shop: SmallShop, dialect: str) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        made.env["VERACORE_SYNC_ORDERS__GRACE_SECONDS"] = "0"
        yield made
        made.end()


def live(rig: Rig, code: str) -> list[str]:
    """The ids under which VeraCore holds that order."""
    orders = rig.control("orders")["orders"]
    return [one["id"] for one in orders if one["id"].startswith(code[:8])]


def test_what_went_out_with_another_prefix_is_found(rig: Rig, shop: SmallShop) -> None:
    """A restored ledger knows them from its past and from the ledger that it replaces."""
    prefix, earlier = "VERACORE_SYNC_ORDERS__ID_PREFIX", "VERACORE_SYNC_ORDERS__EARLIER_ID_PREFIXES"
    shop.state.place_order([("TEE", 1)])
    rig.sync("--allow-first-run")
    copy = str(rig.folder / "copy.db")
    assert rig.run("ledger", "backup", copy).code == 0
    order = shop.state.place_order([("MUG", 2)])
    rig.sync()
    rig.env[prefix] = "S1-"
    other = shop.state.place_order([("MUG", 1)])
    rig.sync()
    sent = [order.code, f"S1-{other.code}"]
    assert [one["id"] for one in rig.control("orders")["orders"]][1:] == sent
    rig.env[prefix] = "S2-"
    assert rig.run("ledger", "restore", copy).code == 0
    rig.sync()
    assert [one["id"] for one in rig.control("orders")["orders"]][1:] == sent
    stats = [rig.run("stats", "--order", one.code, "--json").json for one in (order, other)]
    assert [one["veracoreOrderId"] for one in stats] == sent
    for file in rig.folder.glob("ledger.db*"):
        file.unlink()
    rig.env[prefix], rig.env[earlier] = "S3-", '["S2-", "S1-", ""]'
    assert rig.run("ledger", "rebuild", "--apply").code == 0
    rig.sync()
    assert [one["id"] for one in rig.control("orders")["orders"]][1:] == sent


def killed(rig: Rig, gap: str) -> None:
    """A run as a process, for it dies."""
    process = rig.start("sync-orders", **{FAILPOINT: f"{gap}:kill"})
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("backed_up", ["before the order", "after its intent"])
def test_a_restored_ledger_finds_what_went_out_under_a_new_id(
    rig: Rig, shop: SmallShop, backed_up: str
) -> None:
    shop.state.place_order([("TEE", 1)])
    rig.sync("--allow-first-run")
    copy = str(rig.folder / "copy.db")
    if backed_up == "before the order":
        assert rig.run("ledger", "backup", copy).code == 0
    order = shop.state.place_order([("MUG", 2)])
    killed(rig, "intent committed")
    if backed_up == "after its intent":
        assert rig.run("ledger", "backup", copy).code == 0
    rig.run("resolve", order.code, "--new-id")
    assert rig.run("resolve", order.code, "--new-id").code == 0
    rig.sync()
    [renewed] = live(rig, order.code)
    assert renewed != order.code
    assert rig.run("ledger", "restore", copy).code == 0
    for _ in range(4):
        rig.run("sync-orders")
    assert live(rig, order.code) == [renewed]
    with rig.ledger() as ledger:
        row = ledger.orders.get(order.code)
    assert row is not None
    assert (row.state, row.veracore_id) == ("synced", renewed)


def test_a_restored_ledger_sends_nothing_that_was_sent_since_the_backup(
    rig: Rig, shop: SmallShop
) -> None:
    shop.state.place_order([("TEE", 1)])
    rig.sync("--allow-first-run")
    assert rig.run("ledger", "backup", str(rig.folder / "copy.db")).code == 0
    shop.state.place_order([("MUG", 2)])
    rig.sync()
    before = rig.control("orders")["orders"]
    assert rig.run("ledger", "restore", str(rig.folder / "copy.db")).code == 0
    assert rig.sync()["adopted"] == 1
    # Not even an attempt that VeraCore would refuse.
    assert rig.control("orders")["orders"] == before
    shop.state.place_order([("MUG", 1)])
    assert rig.sync()["submitted"] == 1


def test_what_a_lost_ledger_may_have_sent_is_not_skipped_unseen(rig: Rig, shop: SmallShop) -> None:
    shop.state.place_order([("TEE", 1)])
    order = shop.state.place_order([("MUG", 2)])
    rig.sync("--allow-first-run")
    for path in rig.folder.glob("ledger.db*"):
        path.unlink()
    rig.control("faults", {"kinds": ["http_503"]})
    rig.run("sync-orders", "--allow-first-run")
    rig.control("faults", {"kinds": []})
    rig.run("breaker", "reset")
    ended = rig.run("resolve", order.code, "--skip")
    assert ended.code == 3
    assert "--adopt" in ended.err
    assert rig.sync("--allow-first-run")["adopted"] == 2


@pytest.mark.parametrize("bad", [2, 8])
def test_bad_look_ups_of_old_orders_open_no_breaker(rig: Rig, shop: SmallShop, bad: int) -> None:
    """With four workers they once failed all at once, before any control could tell."""
    shop.state.place_order([("TEE", 1)])
    rig.sync("--allow-first-run")
    rig.env["VERACORE_SYNC_RETRY__READ_BASE_SECONDS"] = "0.01"
    old = datetime.now(UTC) - timedelta(hours=2)
    for _ in range(bad):
        order = shop.state.place_order([("MUG", 1)], placed_at=old)
        rule = {"kinds": ["html_500"], "operations": [LOOK_UP[rig.dialect]], "order": order.code}
        rig.control("faults", rule)
    fresh = shop.state.place_order([("TEE", 1)])
    rig.sync()
    assert live(rig, fresh.code) == [fresh.code]
    with rig.ledger() as ledger:
        assert [one.kind for one in ledger.alerts.standing() if ".down" in one.kind] == []


@pytest.mark.parametrize("job", JOBS)
def test_a_restore_heeds_a_lock_whose_file_was_deleted(
    tmp_path: Path, shop: SmallShop, job: str
) -> None:
    with Sandbox() as sandbox:
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        open_ledger(rig.ledger_path).close()
        copy = str(tmp_path / "copy.db")
        assert rig.run("ledger", "backup", copy).code == 0
        with closing(open_ledger(rig.ledger_path)) as ledger, ledger.runs.lock(job, job):
            for path in tmp_path.glob("*.lock"):
                path.unlink()
            assert rig.run("ledger", "restore", copy).code == 75
        assert rig.run("ledger", "restore", copy).code == 0

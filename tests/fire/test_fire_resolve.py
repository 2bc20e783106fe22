"""A person decides in the worst moment: the run has just died, or is still at work."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from admin_kit import serving
from fire_kit import Fire
from reconcile_kit import small_bed

GRACE_OVER = 1.1


def killed(fire: Fire, gap: str) -> str:
    """The code of an order whose run died in that gap; VeraCore knows the credentials."""
    fire.place(1)
    fire.rig.sync()
    (code,) = fire.place(1)
    ended = fire.rig.run("sync-orders", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert ended.code == -signal.SIGKILL
    assert fire.row(code).state == "sending"
    return code


def at_veracore(fire: Fire) -> list[str]:
    """The ids of what VeraCore will ship."""
    orders = fire.rig.control("orders")["orders"]
    return [one["id"] for one in orders if one["status"].casefold() != "cancelled"]


def test_a_new_id_right_after_the_answer_was_lost_makes_no_second_order(fire: Fire) -> None:
    code = killed(fire, "answered")
    ended = fire.rig.run("resolve", code, "--new-id")
    assert ended.code == 3
    assert "would ship it twice" in ended.err
    assert f"resolve {code} --adopt" in ended.err
    fire.run_until_at_rest()
    fire.assert_each_once()


def test_a_skip_of_what_veracore_has_is_refused(fire: Fire) -> None:
    code = killed(fire, "answered")
    ended = fire.rig.run("resolve", code, "--skip")
    assert (ended.code, fire.row(code).state) == (3, "in_doubt")
    assert "will ship it" in ended.err
    adopted = fire.rig.run("resolve", code, "--adopt")
    assert (adopted.code, fire.row(code).state) == (0, "synced"), adopted.err
    fire.assert_each_once()


@pytest.mark.parametrize("act", ["--new-id", "--skip"])
def test_what_veracore_does_not_have_is_decided_after_the_grace(fire: Fire, act: str) -> None:
    code = killed(fire, "intent committed")
    early = fire.rig.run("resolve", code, act)
    assert early.code == 3
    assert f"resolve {code} {act}" in early.err
    assert (fire.row(code).state, fire.row(code).absent_at is None) == ("in_doubt", False)
    time.sleep(GRACE_OVER)
    ended = fire.rig.run("resolve", code, act)
    assert ended.code == 0, ended.err
    fire.run_until_at_rest()
    row, there = fire.row(code), at_veracore(fire)
    if act == "--skip":
        assert (row.state, len(there)) == ("skipped", 1)
    else:
        assert (row.state, len(there)) == ("synced", 2)
        assert row.veracore_id in there
        assert code not in there


def test_a_new_id_is_found_again_after_the_ledger_was_lost(fire: Fire) -> None:
    code = killed(fire, "intent committed")
    fire.rig.run("resolve", code, "--new-id")
    time.sleep(GRACE_OVER)
    assert fire.rig.run("resolve", code, "--new-id").code == 0
    fire.rig.sync()
    before = sorted(at_veracore(fire))
    for file in fire.rig.folder.glob("ledger.db*"):
        file.unlink()
    fire.rig.run("sync-orders", "--allow-first-run")
    assert sorted(at_veracore(fire)) == before
    assert (fire.row(code).state, fire.row(code).veracore_id in before) == ("synced", True)


def test_what_is_cancelled_there_is_not_adopted(fire: Fire) -> None:
    code = killed(fire, "answered")
    fire.rig.control("cancel", {"order": code})
    ended = fire.rig.run("resolve", code, "--adopt")
    assert (ended.code, fire.row(code).state) == (3, "cancelled")
    assert "was cancelled at VeraCore" in ended.err
    assert "VeraCore has it" not in ended.out
    assert fire.rig.run("resolve", code, "--new-id").code == 0
    fire.run_until_at_rest()
    assert len(at_veracore(fire)) == 2
    assert fire.row(code).veracore_id in at_veracore(fire)


def test_a_retry_recovers_what_died(fire: Fire) -> None:
    code = killed(fire, "answered")
    planned = fire.rig.run("retry", code, "--dry-run", "--json").json["plan"]
    assert planned == [{"action": "look up", "vendureOrderCode": code}]
    assert fire.rig.run("retry", code).code == 0
    fire.assert_each_once()


def test_the_admin_recovers_what_died(fire: Fire) -> None:
    code = killed(fire, "answered")
    fire.rig.env["VERACORE_SYNC_ADMIN__READ_TOKEN"] = "read-token-0123456789-abcdefghijk"
    fire.rig.env["VERACORE_SYNC_ADMIN__ACT_TOKEN"] = "act-token-9876543210-abcdefghijk"
    retry = f'mutation {{ retryVeracoreOrderSync(orderId: "{code}") {{ success error }} }}'
    with serving(fire.rig) as admin:
        found = admin.data(retry)["retryVeracoreOrderSync"]
    assert found == {"success": True, "error": None}
    fire.assert_each_once()


@pytest.mark.parametrize("act", ["--adopt", "--new-id", "--skip"])
def test_nobody_decides_about_what_is_being_sent(fire: Fire, act: str) -> None:
    (code,) = fire.place(1)
    run = fire.rig.start("sync-orders", VERACORE_SYNC_TEST_FAILPOINT="answered:stop")
    os.waitpid(run.pid, os.WUNTRACED)
    ended = fire.rig.run("resolve", code, act)
    assert (ended.code, fire.row(code).state) == (75, "sending")
    run.send_signal(signal.SIGCONT)
    run.communicate(timeout=600)
    fire.assert_each_once()


@pytest.mark.parametrize(("act", "state"), [("--new-id", "synced"), ("--skip", "skipped")])
def test_of_another_shops_order_a_person_says_so(tmp_path: Path, act: str, state: str) -> None:
    """Another shop has the same codes, which is why this one's ids got a prefix."""
    prefix = {
        "VERACORE_SYNC_ORDERS__ID_PREFIX": "S2-",
        "VERACORE_SYNC_ORDERS__EARLIER_ID_PREFIXES": '[""]',
    }
    with small_bed(tmp_path, ["MUG"], **prefix) as bed:
        bed.there.place("HERE", [("MUG", 1)], "other")
        code = bed.shop.place([("MUG", 1)])
        bed.there.place(code, [("MUG", 9)], code)
        bed.clock.forward(days=1)
        said = bed.run("sync-orders", "--allow-first-run", codes=[3])
        assert f"resolve {code} --new-id {code}" in said.out + said.err
        bed.run("resolve", code, act, code)
        bed.run("sync-orders")
        assert bed.ledger.row(code)["state"] == state
        theirs = bed.there.world.find(code)
        assert theirs is not None
        assert theirs.lines[0].quantity == 9
        assert len(bed.there.world.orders) == (3 if state == "synced" else 2)

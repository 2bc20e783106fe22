"""``doctor`` and ``ledger``: what they find, what they keep."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION, schema_version
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

OLD = Path(__file__).parents[1] / "data" / "ledger-8.sql"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 2)])
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        yield made


def levels(rig: Rig, *arguments: str, **env: str) -> tuple[int, dict[str, str]]:
    ended = rig.run("doctor", "--json", *arguments, **env)
    return ended.code, {one["name"]: one["level"] for one in ended.json["findings"]}


def test_a_healthy_house(rig: Rig) -> None:
    rig.sync()
    code, found = levels(rig)
    assert code == 0
    assert (found["Vendure"], found["ledger"], found["AddOrder"]) == ("ok", "ok", "ok")
    assert "0 orders" not in rig.run("doctor").out


@pytest.mark.parametrize(
    ("env", "code", "name"),
    [
        ({"VENDURE_PASSWORD": "wrong"}, 77, "Vendure"),
        ({"VERACORE_CLIENT_SECRET": "wrong"}, 77, "VeraCore"),
        ({"VERACORE_API_URL": "http://127.0.0.1:9"}, 69, "VeraCore"),
        ({"VENDURE_ADMIN_API_URL": "http://127.0.0.1:9/admin-api"}, 69, "Vendure"),
        ({"VERACORE_API_URL": ""}, 78, "configuration"),
    ],
)
def test_a_fault_is_pointed_at(rig: Rig, env: dict[str, str], code: int, name: str) -> None:
    ended = rig.run("doctor", "--json", **env)
    assert ended.code == code
    failed = [one for one in ended.json["findings"] if one["level"] == "fail"]
    assert [one["name"] for one in failed] == [name]
    assert failed[0]["todo"]


def test_offline_asks_nobody(rig: Rig) -> None:
    code, found = levels(rig, "--offline", VERACORE_API_URL="http://127.0.0.1:9")
    assert code == 0
    assert "VeraCore" not in found


def test_a_ledger_that_others_may_read_and_a_damaged_one(rig: Rig) -> None:
    rig.sync()
    rig.ledger_path.chmod(0o644)
    assert levels(rig, "--offline")[1]["ledger"] in ("warn", "ok")
    assert "chmod 600" in rig.run("doctor", "--offline").out
    rig.ledger_path.write_bytes(b"no database at all" * 500)
    assert levels(rig, "--offline") == (74, {**levels(rig, "--offline")[1], "ledger": "fail"})
    assert rig.run("ledger", "check", "--json").code == 74


def test_a_backup_is_whole_private_and_never_overwrites(rig: Rig) -> None:
    rig.sync()
    copy = rig.folder / "copy.db"
    assert rig.run("ledger", "backup", str(copy)).code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restored = open_ledger(copy)
    assert restored.orders.counts()["synced"] == 1
    restored.close()
    assert rig.run("ledger", "backup", str(copy)).code == 74
    assert rig.run("ledger", "check").out == "no problem found\n"


def test_a_folder_keeps_the_newest_backups_of_this_ledger(rig: Rig) -> None:
    rig.sync()
    folder = rig.folder / "backups"
    asked = ("ledger", "backup", "--keep", "1", str(folder))
    refused = rig.run(*asked)
    assert refused.code == 2
    [hint] = re.findall(r"make it: (install .*)", refused.err)
    subprocess.run(["sh", "-c", hint], check=True)
    (folder / "2020-01-01.db").touch()
    ended = rig.run(*asked)
    assert (ended.code, ended.out) == (0, "")
    first, second = sorted(folder.iterdir())
    assert first.name == "2020-01-01.db"
    checked = rig.run("ledger", "check", str(second))
    assert checked.out == f"no problem found in {second}; it holds 1 orders\n"
    second.write_bytes(second.read_bytes()[:9000])
    damaged = rig.run("ledger", "check", "--json", str(second))
    assert damaged.code == 74
    assert damaged.json["problems"]
    assert rig.run("ledger", "check", str(rig.ledger_path)).out == "no problem found\n"


def test_a_backup_that_is_made_no_more_is_noticed(rig: Rig) -> None:
    rig.sync()
    by_hand, folder = rig.folder / "by-hand", rig.folder / "backups"
    for one in (by_hand, folder):
        one.mkdir()
    # Nothing more is expected of it.
    assert rig.run("ledger", "backup", str(by_hand)).code == 0
    assert "no timer has made one yet" in rig.run("doctor", "--offline").out
    assert rig.run("ledger", "backup", "--keep", "3", str(folder)).code == 0
    assert rig.run("stats", "--check").code == 0
    assert "the last one was made" in rig.run("doctor", "--offline").out
    with (
        closing(open_ledger(rig.ledger_path)) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute(
            "UPDATE runs SET started_at = '2026-01-01T02:30:00.000Z', "
            "ended_at = '2026-01-01T02:30:05.000Z' WHERE command = 'ledger backup'"
        )
    checked = rig.run("stats", "--check")
    assert checked.code == 3
    assert "ledger backup is overdue" in checked.out
    assert "ledger backup has not succeeded since" in rig.run("doctor", "--offline").out
    # As where the disk of the backups is not mounted.
    assert rig.run("ledger", "backup", "--keep", "3", str(folder / "gone")).code == 2
    (trouble,) = rig.run("stats", "--json").json["jobs"]
    assert (trouble["job"], trouble["kind"]) == ("backup", "overdue")
    assert "ended at" in trouble["message"]
    assert "with 2: --keep needs a folder" in trouble["message"]


def test_a_ledger_of_an_earlier_version_is_backed_up_as_it_is(rig: Rig) -> None:
    rig.ledger_path.unlink(missing_ok=True)
    with closing(sqlite3.connect(rig.ledger_path)) as old:
        old.executescript(OLD.read_text())
    rig.ledger_path.chmod(0o600)
    folder = rig.folder / "backups"
    folder.mkdir()
    single = rig.folder / "before-upgrade.db"
    assert rig.run("ledger", "backup", str(single)).code == 0
    assert rig.run("ledger", "backup", "--keep", "3", str(folder)).code == 0
    assert rig.run("ledger", "check").out == "no problem found\n"
    (kept,) = folder.iterdir()
    for one in (rig.ledger_path, single, kept):
        with closing(sqlite3.connect(one)) as found:
            assert 0 < schema_version(found) < SCHEMA_VERSION
        assert rig.run("ledger", "check", str(one)).code == 0
    assert rig.run("stats").code == 74


def test_a_restored_old_backup_sends_nothing_twice(rig: Rig) -> None:
    rig.sync()
    old = rig.folder / "old.db"
    rig.run("ledger", "backup", str(old))
    shop_orders = rig.control("orders")["orders"]
    for path in rig.folder.glob("ledger.db*"):
        path.unlink()
    fresh = rig.sync("--allow-first-run")
    assert (fresh["submitted"], fresh["adopted"]) == (0, 1)
    assert rig.control("orders")["orders"] == shop_orders


def test_pruning_keeps_orders_and_attempts(rig: Rig) -> None:
    rig.sync()
    rig.sync()
    with (
        closing(open_ledger(rig.ledger_path)) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute("UPDATE runs SET started_at = '2020-01-01T00:00:00.000Z'")
    pruned = rig.run("ledger", "prune", "--days", "30", "--json").json["pruned"]
    assert pruned["runs"] >= 1
    assert rig.run("ledger", "prune", "--days", "99999999").code == 2
    exported = [json.loads(line) for line in rig.run("ledger", "export").out.splitlines()]
    assert len(exported) == 1
    assert exported[0]["attempts"][0]["lines"] == [["MUG", 2]]
    assert exported[0]["attempts"][0]["facets"]["units"] == {"MUG": 2}


def test_there_must_be_a_ledger(rig: Rig) -> None:
    for command in (["check"], ["backup", "x.db"], ["export"]):
        assert rig.run("ledger", *command).code == 74

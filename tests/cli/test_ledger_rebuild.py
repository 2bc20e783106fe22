"""``ledger rebuild``: a lost ledger is filled again, by as many runs as it takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import ledger_server
import pytest
from rig import HereRig, Rig

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

REBUILD = ("ledger", "rebuild")
CLOSED = (
    ("sync-orders",),
    ("sync-orders", "--dry-run"),
    ("sync-inventory",),
    ("sync-tracking",),
    ("sync-returns",),
    ("retry", "--all"),
    ("resolve", "X", "--skip"),
    ("cancel", "X"),
    ("deliver",),
    ("breaker", "reset"),
    ("ledger", "prune"),
)


class LostRig(HereRig):
    """A rig whose ledger can be lost."""

    def lose(self) -> Path:
        """Move the ledger away; where it is now."""
        kept = self.folder / "lost"
        kept.mkdir()
        for file in self.folder.glob("ledger.db*"):
            file.rename(kept / file.name)
        return kept / "ledger.db"

    def rebuild(self, *options: str, code: int = 0, **env: str) -> dict[str, object]:
        ended = self.run(*REBUILD, "--json", *options, **env)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        document: dict[str, object] = ended.json
        return document

    def states(self) -> dict[str, str]:
        with closing(open_ledger(self.ledger_path, read_only=True)) as ledger:
            rows = ledger.database.rows("SELECT code, state FROM orders")
            return {row["code"]: row["state"] for row in rows}


@contextmanager
def made(folder: Path, dialect: str = "oms") -> Iterator[tuple[LostRig, SmallShop]]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=1000)
        rig = LostRig(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        yield rig, shop


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[LostRig, SmallShop]]:
    with made(tmp_path) as found:
        rig, shop = found
        for _ in range(3):
            shop.state.place_order([("MUG", 2)])
        rig.sync()
        yield found


def test_it_is_shown_first_and_then_recorded(both: tuple[LostRig, SmallShop]) -> None:
    rig, shop = both
    before, there = rig.states(), rig.placed()
    paid = shop.state.place_order([("MUG", 1)])
    rig.lose()
    shown = rig.rebuild()
    assert not rig.ledger_path.exists()
    assert (shown["applied"], shown["ended"]) == (False, True)
    assert shown["orders"] == {"proven": 3, "probable": 0, "absent": 1}
    done = rig.rebuild("--apply")
    assert (done["applied"], done["ended"], done["orders"]) == (True, True, shown["orders"])
    assert rig.states() == before | {paid.code: "pending"}
    sent = rig.sync()
    assert (sent["submitted"], sent["adopted"]) == (1, 0)
    now = rig.placed()
    assert {code: now[code] for code in there} == there
    assert {one["submissions"] for one in now.values()} == {1}
    assert rig.rebuild("--check")["differing"] == 0


def test_nothing_of_it_is_an_event(both: tuple[LostRig, SmallShop]) -> None:
    rig, _ = both
    rig.env["VERACORE_SYNC_HOOKS__COMMAND"] = "true"
    rig.lose()
    rig.rebuild("--apply")
    with closing(open_ledger(rig.ledger_path, read_only=True)) as ledger:
        assert ledger.database.value("SELECT count(*) FROM events") == 0


def test_a_rebuild_that_reached_no_side_closes_nothing_and_says_so(
    both: tuple[LostRig, SmallShop],
) -> None:
    rig, _ = both
    rig.lose()
    nowhere = {"VERACORE_SYNC_VENDURE__ADMIN_API_URL": "http://127.0.0.1:9/admin-api"}
    ended = rig.run("ledger", "rebuild", "--apply", **nowhere)
    assert ended.code == 69, ended
    assert "nothing was recorded, and the ledger is open" in ended.out
    assert rig.run("stats", "--json").json["rebuilding"] is False


def test_until_it_has_ended_whatever_writes_exits_78(both: tuple[LostRig, SmallShop]) -> None:
    rig, _ = both
    before = rig.states()
    rig.lose()
    first = rig.rebuild("--apply", "--lookups", "1")
    assert (first["ended"], first["lookups"], first["left"]) == (False, 1, 2)
    for command in CLOSED:
        ended = rig.run(*command)
        assert ended.code == 78, (command, ended)
        assert "is being rebuilt" in ended.err, command
        assert "ledger rebuild --apply" in ended.err, command
    assert len(rig.placed()) == 3
    stats = rig.run("stats")
    assert stats.code == 0
    assert "being rebuilt" in stats.out
    assert rig.run("stats", "--check", "--json").json["rebuilding"] is True
    findings = rig.run("doctor", "--offline", "--json").json["findings"]
    assert any("being rebuilt" in one["message"] for one in findings)
    second = rig.rebuild("--apply", "--lookups", "1")
    assert (second["ended"], second["recordedBefore"], second["left"]) == (False, 1, 1)
    assert rig.rebuild("--apply")["ended"] is True
    assert rig.states() == before
    assert rig.sync()["submitted"] == 0


def test_a_ledger_that_holds_orders_is_left_alone(both: tuple[LostRig, SmallShop]) -> None:
    rig, _ = both
    refused = rig.run(*REBUILD, "--apply")
    assert refused.code == 2
    assert "holds 3 orders: nothing was changed" in refused.err
    assert refused.out == ""
    assert "ledger rebuild --check" in refused.err
    assert rig.sync()["submitted"] == 0


def test_another_day_is_another_rebuild(both: tuple[LostRig, SmallShop]) -> None:
    rig, _ = both
    rig.lose()
    rig.rebuild("--apply", "--lookups", "1", "--from", "2020-01-01")
    refused = rig.run(*REBUILD, "--apply", "--from", "2021-01-01")
    assert (refused.code, "began with --from 2020-01-01" in refused.err) == (2, True)
    assert rig.rebuild("--apply", "--from", "2020-01-01")["liveSince"] == "2020-01-01T00:00:00.000Z"
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        assert rig.run(*REBUILD, "--from", day).code == 2
    assert rig.run(*REBUILD, "--check", "--apply").code == 2


def test_while_a_job_runs_nothing_is_rebuilt(both: tuple[LostRig, SmallShop]) -> None:
    rig, _ = both
    rig.lose()
    with closing(open_ledger(rig.ledger_path)) as ledger, ledger.runs.lock("tracking", "x"):
        assert rig.run(*REBUILD, "--apply").code == 75
        assert ledger.meta.rebuilding is None


def test_what_a_check_finds(both: tuple[LostRig, SmallShop]) -> None:
    rig, shop = both
    first, second, third = shop.state.orders.values()
    found = rig.rebuild("--check")
    assert (found["equal"], found["differing"], found["unknowable"]) == (3, 0, 0)
    with closing(sqlite3.connect(rig.ledger_path)) as database, database:
        database.execute("UPDATE orders SET state = 'cancelled' WHERE code = ?", (first.code,))
        database.execute("UPDATE held SET lines = '[[\"MUG\", 9]]' WHERE code = ?", (second.code,))
        database.execute("UPDATE orders SET state = 'in_doubt' WHERE code = ?", (third.code,))
    content = rig.ledger_path.read_bytes()
    found = rig.rebuild("--check", code=3)
    assert (found["equal"], found["differing"], found["unknowable"]) == (0, 2, 1)
    assert found["byField"] == {"state": 1, "units": 1}
    assert rig.ledger_path.read_bytes() == content
    text = rig.run(*REBUILD, "--check").out
    assert "0 orders are as both sides show them, 2 differ" in text
    assert "never compared, because neither side shows it" in text


def test_whose_order_it_is_a_person_decides(tmp_path: Path) -> None:
    with made(tmp_path) as (rig, shop):
        order, known = (shop.state.place_order([("MUG", 2)]) for _ in range(2))
        rig.sync("--order", known.code)
        twin = rig.sandbox.world.orders[known.code]
        with rig.sandbox.world.lock:
            # Another system of this tenant used the number, for one of its own orders.
            foreign = replace(twin, id=order.code, reference="ELSEWHERE")
            rig.sandbox.world.orders[order.code] = foreign
        rig.lose()
        done = rig.rebuild("--apply", code=3)
        assert done["orders"] == {"proven": 1, "probable": 1, "absent": 0}
        (probable,) = done["probable"]  # type: ignore[misc]
        assert probable["syncStatus"] == "conflict"
        for act in (f"resolve {order.code} --adopt {order.code}", "--new-id", "--skip"):
            assert act in probable["why"]
        assert rig.sync()["submitted"] == 0
        assert rig.run("resolve", order.code, "--new-id").code == 0
        assert rig.sync()["submitted"] == 1
        assert rig.states() == {order.code: "synced", known.code: "synced"}


def test_rest_shows_that_an_order_exists_and_no_more(tmp_path: Path) -> None:
    with made(tmp_path, "rest") as (rig, shop):
        shop.state.place_order([("MUG", 2)])
        rig.sync()
        before = rig.states()
        rig.lose()
        shop.state.place_order([("MUG", 1)])
        done = rig.rebuild("--apply")
        assert done["orders"] == {"proven": 1, "probable": 0, "absent": 1}
        assert done["contentShown"] is False
        assert rig.states().items() >= before.items()
        assert rig.sync()["submitted"] == 1
        assert len(rig.placed()) == 2


@pytest.mark.parametrize(
    "gap", ["rebuild begun", "rebuild recording", "rebuild recorded", "rebuild ending"]
)
def test_killed_at_any_moment_it_goes_on(both: tuple[LostRig, SmallShop], gap: str) -> None:
    rig, _ = both
    before = rig.states()
    rig.lose()
    killed = Rig.run(rig, *REBUILD, "--apply", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert killed.code == -9
    refused = rig.run("sync-orders")
    assert (refused.code, len(rig.placed())) == (78, 3)
    assert rig.rebuild("--apply")["ended"] is True
    assert rig.states() == before
    assert rig.sync()["submitted"] == 0
    assert {one["submissions"] for one in rig.placed().values()} == {1}


def test_on_postgres_it_waits_for_the_leases_of_one_that_was_killed(tmp_path: Path) -> None:
    with made(tmp_path) as (rig, shop):
        order = shop.state.place_order([("MUG", 2)])
        rig.server = ledger_server.new_place()
        rig.sync()
        rig.server = ledger_server.new_place()
        gap = {"VERACORE_SYNC_TEST_FAILPOINT": "rebuild recording:kill"}
        assert Rig.run(rig, *REBUILD, "--apply", **gap).code == -9
        ledger_server.end_leases(rig.server, in_seconds=2)
        assert rig.run("sync-orders").code == 78
        assert rig.rebuild("--apply")["ended"] is True
        assert rig.sync()["submitted"] == 0
        assert rig.placed()[order.code]["submissions"] == 1

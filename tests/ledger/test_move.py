"""``ledger move``: nothing lost, and never two ledgers that accept a write."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import ledger_server
import pytest
from fakes import FakeClock
from move_kit import Bed, accepts, contents, fill, kill_moves
from sample import sample
from typer.testing import CliRunner

from veracore_sync.cli.app import app
from veracore_sync.domain.errors import ConfigError, LedgerError
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.postgres.moving import PostgresSide
from veracore_sync.ledger.sqlite.moving import SqliteSide

BOTH = pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
POINTS = (
    "move prepared",
    "move compared",
    "move copied",
    "move sealed",
    "move put aside",
    "move done",
)
ROWS = 30


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path, ledger_server.new_place())
    with closing(open_ledger(made.path)) as ledger:
        fill(ledger, ROWS)
    yield made
    ledger_server.drop(made.server)


def begin(bed: Bed, *, back: bool) -> None:
    """Have the ledger where the move begins."""
    if back:
        assert bed.run(back=False)[0] == 0


def rows(bed: Bed, *, back: bool) -> dict[str, list[tuple[object, ...]]]:
    return contents(bed.places(back=back)[0])


# ---- what is moved ------------------------------------------------------------------------------


def test_every_row_of_every_table(bed: Bed) -> None:
    before = contents(bed.path)
    assert all(len(found) >= 3 for found in before.values())
    code, out, _ = bed.run(back=False)
    assert (code, json.loads(out)["orders"]) == (0, ROWS)
    assert json.loads(out)["rows"] == sum(map(len, before.values()))
    assert contents(bed.server) == before
    assert bed.run(back=True)[0] == 0
    assert contents(bed.path) == before


def test_both_backends_move_the_same_tables(bed: Bed) -> None:
    """A table that is added later is moved, or this fails: no list has to be kept."""
    assert bed.run(back=False)[0] == 0
    with closing(sqlite3.connect(bed.path)) as file:
        every = {
            row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
    kept_back = {"job_locks", "_sqlite_migrations", "sqlite_sequence", "sqlite_stat1"}
    with (
        SqliteSide(bed.path, FakeClock()).frozen() as ours,
        PostgresSide(bed.server).frozen() as theirs,
    ):
        assert set(ours.tables()) == every - kept_back
        assert ours.tables() == theirs.tables()


def test_a_table_that_only_one_side_has_stops_the_move(bed: Bed) -> None:
    with closing(sqlite3.connect(bed.path)) as file:
        file.execute("CREATE TABLE later (a TEXT)")
    code, out, _ = bed.run(back=False)
    assert code == 74
    assert "not the same tables" in json.loads(out)["error"]["message"]
    assert bed.never_two("after") == [bed.path]


@BOTH
def test_numbers_go_on_and_none_is_given_twice(bed: Bed, back: bool) -> None:
    begin(bed, back=back)
    source, target = bed.places(back=back)
    with closing(open_ledger(source)) as ledger, ledger.database.transaction() as open_one:
        open_one.execute("DELETE FROM deliveries WHERE seq > 20")
        open_one.execute("DELETE FROM events WHERE seq > 20")
    assert bed.run(back=back)[0] == 0
    with closing(open_ledger(target)) as ledger:
        assert ledger.runs.begin("sync-orders") == ROWS + 1
        with ledger.database.transaction() as open_one:
            (seq,) = open_one.execute(
                "INSERT INTO events (id, type, at, data) VALUES ('new', 't', 'a', 'd') "
                "RETURNING seq"
            ).fetchone()
    assert seq == ROWS + 1


def test_a_character_that_postgresql_cannot_keep(bed: Bed) -> None:
    with closing(open_ledger(bed.path)) as ledger:
        ledger.meta.put("odd", "a\0b")
    assert bed.run(back=False)[0] == 0
    with closing(open_ledger(bed.server)) as ledger:
        assert ledger.meta.get("odd") == "a\ufffdb"


# ---- kills --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "back"),
    # Nothing is put aside on a server.
    sample(
        [
            (point, back)
            for point in POINTS
            for back in (False, True)
            if back or point != "move put aside"
        ],
        lambda case: case,
        times=1,
    ),
)
def test_killed_at_each_step(bed: Bed, point: str, back: bool) -> None:
    begin(bed, back=back)
    source, target = bed.places(back=back)
    before = rows(bed, back=back)
    assert bed.run(back=back, failpoint=f"{point}:kill")[0] == -signal.SIGKILL
    takers = bed.never_two(point)
    unsealed = point in POINTS[:3]
    assert takers == ([source] if unsealed else [target] if point == "move done" else [])
    refusals = [refusal(place) for place in (source, target) if place not in takers]
    assert [type(one) for one in refusals] == (
        [LedgerError] if unsealed else [ConfigError, LedgerError][: 2 - len(takers)]
    )
    assert bed.run(back=back)[0] == 0
    assert bed.never_two(f"{point} again") == [target]
    bed.nothing_lost(target)
    after = contents(target)
    assert {name: after[name] for name in after if name != "meta"} == {
        name: before[name] for name in before if name != "meta"
    }


def refusal(place: object) -> Exception:
    with pytest.raises((ConfigError, LedgerError)) as caught:
        open_ledger(place)  # type: ignore[arg-type]
    return caught.value


def test_killed_at_random_moments(bed: Bed) -> None:
    """`benchmarks/ledger_move_kills.py` kills many more."""
    met = kill_moves(bed, 6, seed=20)
    assert met["killed"] >= 6


def test_what_is_written_after_a_kill_is_moved_too(bed: Bed) -> None:
    assert bed.run(back=False, failpoint="move copied:kill")[0] == -signal.SIGKILL
    assert bed.never_two("written after the kill") == [bed.path]
    assert bed.run(back=False)[0] == 0
    bed.nothing_lost(bed.server)


# ---- who else is at work ------------------------------------------------------------------------


@BOTH
def test_a_job_at_work_is_named_and_nothing_moves(bed: Bed, back: bool) -> None:
    begin(bed, back=back)
    source, _ = bed.places(back=back)
    with closing(open_ledger(source)) as ledger, ledger.runs.lock("tracking", "sync-tracking"):
        code, out, _ = bed.run(back=back)
        said = json.loads(out)["error"]
        assert code == 75
        assert f"sync-tracking (pid {os.getpid()}" in said["message"]
        assert "stop the timers" in said["hint"]
    assert bed.never_two("after") == [source]


@BOTH
def test_two_moves_and_a_job_meanwhile(bed: Bed, back: bool) -> None:
    begin(bed, back=back)
    source, target = bed.places(back=back)
    first = bed.start(back=back, failpoint="move prepared:stop")
    stopped(first.pid)
    with closing(open_ledger(source)) as ledger:
        assert all(ledger.runs.is_running(job) for job in ("orders", "webhooks", "stock"))
    assert not accepts(target, "too early")
    # A second move waits for leases that may be of one that was killed; here it lives.
    second = bed.start(back=back) if not back else None
    if second is not None:
        out, _ = second.communicate(timeout=600)
        assert second.returncode == 75, out
    first.send_signal(signal.SIGCONT)
    out, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    assert bed.never_two("after") == [target]


def stopped(pid: int) -> None:
    for _ in range(3000):
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
            return
        time.sleep(0.01)
    raise AssertionError("it never came to the point")


@BOTH
def test_a_process_that_has_the_old_ledger_open_is_refused(bed: Bed, back: bool) -> None:
    begin(bed, back=back)
    source, _ = bed.places(back=back)
    with closing(open_ledger(source)) as stale:
        stale.meta.put("before", "the move")
        assert bed.run(back=back)[0] == 0
        with pytest.raises(LedgerError) as caught:
            stale.meta.put("after", "the move")
        assert "start the command again" in caught.value.hint
        # The old place is the new one again: still not for the one that slept meanwhile.
        assert bed.run(back=not back, failpoint="move compared:kill")[0] == -signal.SIGKILL
        with pytest.raises(LedgerError):
            stale.meta.put("after", "the second move")


# ---- what is refused ----------------------------------------------------------------------------


def test_the_old_place_says_where_the_ledger_is_and_what_to_set(bed: Bed) -> None:
    assert bed.run(back=False)[0] == 0
    said = refusal(bed.path)
    assert isinstance(said, ConfigError)
    assert f"was moved to {bed.server}" in said.message
    assert "set ledger.url to the address that the move was given" in said.hint
    assert bed.server.schema in said.hint
    assert bed.run(back=True)[0] == 0
    said = refusal(bed.server)
    assert isinstance(said, ConfigError)
    assert f'set ledger.path = "{bed.path}" and remove ledger.url' in said.hint


def test_a_move_that_is_done_may_be_repeated_but_not_elsewhere(bed: Bed) -> None:
    assert bed.run(back=False)[0] == 0
    assert bed.run(back=False)[0] == 0
    home, bed.server = bed.server, ledger_server.new_place()
    code, out, _ = bed.run(back=False)
    assert code == 78
    assert f"was moved to {home}" in json.loads(out)["error"]["message"]
    assert not accepts(bed.server, "nothing was made there")


@BOTH
def test_a_ledger_in_use_is_never_replaced(bed: Bed, back: bool) -> None:
    begin(bed, back=back)
    _, target = bed.places(back=back)
    if isinstance(target, Path):
        target.unlink()
    with closing(open_ledger(target)) as other:
        other.meta.put("mine", "kept")
    code, out, _ = bed.run(back=back)
    assert code == 74
    assert "there is a ledger at" in json.loads(out)["error"]["message"]
    with closing(open_ledger(target)) as other:
        assert other.meta.get("mine") == "kept"


def test_another_ledgers_incomplete_copy_is_not_replaced(bed: Bed, tmp_path: Path) -> None:
    assert bed.run(back=False, failpoint="move sealed:kill")[0] == -signal.SIGKILL
    other = Bed(tmp_path / "other", bed.server)
    other.folder.mkdir()
    open_ledger(other.path).close()
    code, out, _ = other.run(back=False)
    assert code == 74
    assert "another ledger is being moved" in json.loads(out)["error"]["message"]
    assert bed.run(back=False)[0] == 0
    assert bed.never_two("after") == [bed.server]


def test_another_shops_ledger_is_not_moved(bed: Bed) -> None:
    with closing(open_ledger(bed.path)) as ledger:
        ledger.meta.bind("https://other.example/admin-api", "oms x y")
    code, out, _ = bed.run(back=False)
    assert code == 78
    assert "belongs to the shop" in json.loads(out)["error"]["message"]
    assert accepts(bed.path, "still in use")


@pytest.mark.parametrize(
    ("to", "code", "words"),
    [
        ("mysql://db.example/x", 2, "neither"),
        ("{ledger}", 2, "already"),
        ("postgresql://u:SECRET@127.0.0.1:1/x", 69, "the ledger"),
        ("postgresql://u:SECRET@[/x", 78, "does not understand"),
    ],
)
def test_a_place_that_is_none(bed: Bed, to: str, code: int, words: str) -> None:
    words_given = ["ledger", "move", "--to", to.format(ledger=bed.path)]
    done = CliRunner().invoke(app, words_given, env=bed.env(back=False), catch_exceptions=False)
    assert done.exit_code == code, done.output
    assert words in done.output
    assert "SECRET" not in done.output
    assert accepts(bed.path, "still in use")


def test_by_way_of_a_pooler(bed: Bed) -> None:
    bed.server = ledger_server.new_pooled_place()
    before = contents(bed.path)
    assert bed.run(back=False)[0] == 0
    assert contents(bed.server) == before
    assert bed.run(back=True)[0] == 0
    assert bed.never_two("after") == [bed.path]
    assert len(contents(bed.path)["orders"]) == ROWS

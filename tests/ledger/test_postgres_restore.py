"""Restoring a ledger in PostgreSQL: whole or not at all, and never under a running process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import ledger_server
import pytest
from rig import Rig

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import ConfigError, LeaseLost, LedgerError, LockHeld
from veracore_sync.ledger.opening import Restored, is_there, open_ledger, restore, server_of
from veracore_sync.ledger.postgres import restoring
from veracore_sync.ledger.postgres.database import PostgresDatabase
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.postgres.server import interrupted_restores
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture
def place() -> Iterator[PostgresPlace]:
    made = ledger_server.new_place()
    yield made
    ledger_server.drop(made)


@pytest.fixture
def copy(place: PostgresPlace, tmp_path: Path) -> Path:
    """A backup with the mark ``then``, of a ledger that has the mark ``now``."""
    target = tmp_path / "copy"
    with closing(open_ledger(place)) as ledger:
        ledger.meta.put("mark", "then")
        ledger.meta.note_id_prefix("THEN-")
        ledger.upkeep.backup(target)
        ledger.meta.put("mark", "now")
        ledger.meta.note_id_prefix("NOW-")
    return target


def nothing(ledger: SqlLedger) -> None:
    """Every ledger may be used."""


def restored(copy: Path, place: PostgresPlace) -> Restored:
    return restore(copy, place, SystemClock(), nothing)


def marked(place: PostgresPlace) -> str | None:
    with closing(open_ledger(place, read_only=True)) as ledger:
        return ledger.meta.get("mark")


def schemas(place: PostgresPlace) -> list[str]:
    """The schemas that have to do with the ledger."""
    sql = f"SELECT nspname FROM pg_namespace WHERE nspname ~ '^{place.schema}(_|$)' ORDER BY 1"
    return ledger_server.cluster().ask("ledger", sql).split()


def test_the_backup_takes_the_name_and_the_old_ledger_is_kept(
    place: PostgresPlace, copy: Path
) -> None:
    done = restored(copy, place)
    assert marked(place) == "then"
    assert schemas(place) == [place.schema, done.kept]
    assert marked(replace(place, schema=str(done.kept))) == "now"
    with closing(open_ledger(place)) as ledger:
        assert ledger.meta.unknown_until is not None
        assert ledger.meta.id_prefixes == ("THEN-", "NOW-")
        assert ledger.upkeep.check() == []
        with ledger.runs.lock("orders", "sync-orders"):
            ledger.meta.put("mark", "on")


@pytest.mark.parametrize("job", JOBS)
def test_nothing_is_restored_under_a_job(place: PostgresPlace, copy: Path, job: str) -> None:
    with closing(open_ledger(place)) as other, other.runs.lock(job, "at work"):
        with pytest.raises(LockHeld, match=f"{job} is at work"):
            restored(copy, place)
        other.meta.put("mark", "still mine")
    assert marked(place) == "still mine"
    assert schemas(place) == [place.schema]
    assert restored(copy, place).kept


def test_who_slept_over_the_restore_can_write_nothing(place: PostgresPlace, copy: Path) -> None:
    with closing(open_ledger(place)) as sleeper, sleeper.runs.lock("orders", "sync-orders"):
        ledger_server.cluster().ask(
            "ledger", f"UPDATE {place.schema}.leases SET expires_at = '-infinity'"
        )
        restored(copy, place)
        # Also where the next holder is at work.
        with (
            closing(open_ledger(place)) as following,
            following.runs.lock("orders", "sync-orders"),
            pytest.raises(LeaseLost),
        ):
            sleeper.meta.put("mark", "from a dream")
    assert marked(place) == "then"


def test_a_ledger_that_must_not_be_used_here_is_not_restored(
    place: PostgresPlace, copy: Path
) -> None:
    def refuse(ledger: SqlLedger) -> None:
        assert ledger.meta.get("mark") == "then"
        raise ConfigError("another shop's", hint="")

    with pytest.raises(ConfigError):
        restore(copy, place, SystemClock(), refuse)
    assert (marked(place), schemas(place)) == ("now", [place.schema])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"SQLite format 3\0", "not a backup of a ledger on PostgreSQL"),
        (b"", "not a backup"),
        (b"PGDMP and no more", "pg_restore failed"),
    ],
)
def test_what_is_no_backup_replaces_nothing(
    place: PostgresPlace, copy: Path, content: bytes | None, words: str
) -> None:
    other = copy.with_name("other")
    if content is not None:
        other.write_bytes(content)
    with pytest.raises(LedgerError, match=words):
        restored(other, place)
    assert (marked(place), schemas(place)) == ("now", [place.schema])


def test_half_a_backup_replaces_nothing(place: PostgresPlace, copy: Path) -> None:
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(LedgerError, match="failed"):
        restored(copy, place)
    assert (marked(place), schemas(place)) == ("now", [place.schema])


@pytest.mark.parametrize("lost", ["DROP SCHEMA {} CASCADE", "DROP TABLE {}.leases, {}.meta"])
def test_a_ledger_that_is_lost_or_damaged_is_replaced(
    place: PostgresPlace, copy: Path, lost: str
) -> None:
    ledger_server.cluster().ask("ledger", lost.replace("{}", place.schema))
    done = restored(copy, place)
    assert (done.kept is None) == ("SCHEMA" in lost)
    assert marked(place) == "then"


def test_a_ledger_of_a_newer_version_is_replaced(place: PostgresPlace, copy: Path) -> None:
    ledger_server.cluster().ask("ledger", f"UPDATE {place.schema}.schema_version SET version = 99")
    restored(copy, place)
    assert marked(place) == "then"


def test_a_backup_of_another_name_leaves_that_ledger_as_it_is(
    place: PostgresPlace, copy: Path
) -> None:
    other = ledger_server.new_place()
    assert restored(copy, other).kept is None
    assert (marked(other), marked(place)) == ("then", "now")
    assert schemas(place) == [place.schema]


def test_at_no_moment_is_there_no_ledger(place: PostgresPlace, copy: Path) -> None:
    """A command that found none would begin an empty one, and send each order again."""
    ended, seen = threading.Event(), set[bool]()

    def look() -> None:
        while not ended.is_set():
            seen.add(is_there(place))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        restored(copy, place)
    finally:
        ended.set()
        watcher.join()
    assert seen == {True}


def test_by_way_of_a_pooler(place: PostgresPlace, copy: Path) -> None:
    pooled = replace(ledger_server.new_pooled_place(), schema=place.schema)
    restored(copy, pooled)
    assert marked(pooled) == "then"
    with closing(open_ledger(pooled)) as ledger:
        # What the backup's script has set does not stay for the pooler's next client.
        plain = ledger.database.connection  # type: ignore[attr-defined]
        paths = {plain.execute("SHOW search_path").fetchone()[0] for _ in range(5)}
    assert paths == {'"$user", public'}


@pytest.mark.parametrize(
    ("program", "said", "hint"),
    [
        (
            "pg_dump",
            "pg_dump: error: aborting because of server version mismatch",
            "older than the server",
        ),
        (
            "pg_restore",
            "pg_restore: error: unsupported version (1.99) in file header",
            "older than the pg_dump that made the backup",
        ),
        (
            "psql",
            'psql:/x.sql:9: ERROR:  unrecognized configuration parameter "transaction_timeout"',
            "the server is older than the client programs",
        ),
        ("psql", "psql: error: connection failed", "look into the server's log"),
    ],
)
def test_programs_of_another_version_have_a_sentence(
    place: PostgresPlace,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    said: str,
    hint: str,
) -> None:
    fake = copy.parent / "bin" / program
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    with closing(open_ledger(place)) as ledger, pytest.raises(LedgerError) as told:
        if program == "pg_dump":
            ledger.upkeep.backup(copy.with_name("second"))
        else:
            restored(copy, place)
    assert told.value.message.startswith(f"{program} failed: ")
    assert "/x.sql" not in told.value.message
    assert hint in told.value.hint
    assert (marked(place), schemas(place)) == ("now", [place.schema])


def test_what_killed_restores_left_is_told_apart_however_long_the_names(
    place: PostgresPlace, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [replace(place, schema=f"{place.schema}_the_shop_with_the_long_name_{n}") for n in "12"]

    def left(of: PostgresPlace) -> tuple[str, ...]:
        with closing(PostgresDatabase(of)) as database:
            return interrupted_restores(database)

    def killed(_point: str) -> None:
        raise KeyboardInterrupt

    for one in both:
        open_ledger(one).close()
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "pass_failpoint", killed)
        patch.setattr(restoring, "_drop", lambda *_: None)
        for one in both:
            with pytest.raises(KeyboardInterrupt):
                restored(copy, one)
    assert [len(left(one)) for one in both] == [1, 1]
    done = restored(copy, both[0])
    assert [len(left(one)) for one in both] == [0, 1]
    for name in (*(one.schema for one in both), *left(both[1]), str(done.kept)):
        ledger_server.drop(replace(place, schema=name))


# ---- the command --------------------------------------------------------------------------------


def test_no_order_is_sent_twice_after_a_restore(place: PostgresPlace, tmp_path: Path) -> None:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 1)])
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, server=place)
        rig.sync()
        copy = tmp_path / "copy"
        assert rig.run("ledger", "backup", str(copy)).code == 0
        shop.state.place_order([("MUG", 2)])
        rig.sync()
        gap = {"VERACORE_SYNC_TEST_FAILPOINT": "restore read:kill"}
        assert rig.run("ledger", "restore", str(copy), **gap).code == -9
        found = server_of(place)
        assert found is not None
        (left,) = found.interrupted_restores
        assert left.startswith(f"{place.schema}_restored_")
        # The leases of the killed one: nobody works until they have expired.
        assert rig.sync(code=75)
        ledger_server.cluster().ask(
            "ledger", f"UPDATE {place.schema}.leases SET expires_at = '-infinity'"
        )
        assert rig.sync()["submitted"] == 0
        done = rig.run("ledger", "restore", str(copy), "--json")
        assert done.code == 0, done.err
        assert done.json["orders"] == 1
        assert done.json["kept"].startswith(f"{place.schema}_replaced_")
        assert left not in schemas(place)
        rig.sync()
        assert len(rig.control("orders")["orders"]) == 2
        with rig.ledger() as ledger:
            assert ledger.orders.counts()["synced"] == 2

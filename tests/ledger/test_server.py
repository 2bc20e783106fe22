"""What ``doctor`` says of the server of a ledger on PostgreSQL."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ledger_server
import pytest

from veracore_sync.clock import SystemClock
from veracore_sync.config.services import LedgerSettings
from veracore_sync.domain.errors import LedgerError, LedgerRefused
from veracore_sync.domain.ledger_server import Free, LedgerServer, SchemaRights
from veracore_sync.jobs.doctor.server import server
from veracore_sync.ledger.opening import is_there, move, open_ledger, restore, server_of
from veracore_sync.ledger.postgres.place import PostgresPlace

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GOOD = LedgerServer(
    version="17.2",
    major=17,
    synchronous_commit="on",
    our_commits="on",
    fsync=True,
    synchronous_standbys="",
    standbys=0,
    is_standby=False,
    is_read_only=False,
    ahead_seconds=0.2,
    pooler="",
    is_local=False,
    encryption="verified",
    free=Free(90, 97, "max_connections"),
    rights=SchemaRights("shop1", "veracore", "veracore"),
)
RIGHTS = SchemaRights("shop1", "veracore", "admin")


# ---- what is found means ------------------------------------------------------------------------


def test_nothing_has_to_be_done_on_a_good_server() -> None:
    assert {one.level for one in server(GOOD, NOW)} == {"ok"}


@pytest.mark.parametrize(
    ("change", "name", "level", "words"),
    [
        ({"major": 12, "version": "12.22"}, "PostgreSQL", "fail", "too old"),
        ({"major": 13, "version": "13.23"}, "PostgreSQL", "warn", "no more corrections"),
        ({"major": 14}, "PostgreSQL", "ok", "version"),
        ({"is_read_only": True, "is_standby": True}, "primary", "fail", "read-only standby"),
        ({"is_read_only": True}, "primary", "fail", "default_transaction_read_only"),
        ({"encoding": "LATIN1"}, "encoding", "fail", "not every letter"),
        ({"fsync": False}, "commits", "warn", "fsync is off"),
        ({"synchronous_commit": "off"}, "commits", "ok", "transactions use on"),
        ({"standbys": 1}, "standby", "warn", "may lose the last commits"),
        ({"standbys": 2}, "standby", "warn", "VeraCore refuses a used one"),
        ({"standbys": 2, "synchronous_standbys": "b"}, "standby", "ok", "waits for those"),
        ({"synchronous_standbys": "b"}, "standby", "fail", "no standby follows"),
        (
            {"synchronous_standbys": "b", "standbys": 1, "our_commits": "local"},
            "standby",
            "warn",
            "no commit waits",
        ),
        ({"ahead_seconds": 200.0}, "clock", "warn", "200 s ahead of ours"),
        ({"ahead_seconds": -200.0}, "clock", "warn", "200 s behind ours"),
        ({"pooler": "transaction"}, "pooler", "ok", "transaction mode"),
        ({"pooler": "session"}, "pooler", "warn", "session mode"),
        ({"pooler": "unknown"}, "pooler", "warn", "no second connection"),
        ({"encryption": "none"}, "TLS", "warn", "without TLS"),
        ({"encryption": "unverified"}, "TLS", "warn", "not verified"),
        ({"encryption": "none", "is_local": True}, "TLS", "ok", "does not leave"),
        ({"rights": replace(RIGHTS, unwritable=3)}, "schema", "fail", "3 tables of shop1"),
        ({"rights": replace(RIGHTS, foreign=3)}, "schema", "warn", "cannot upgrade"),
        ({"rights": replace(RIGHTS, is_public=True)}, "schema", "warn", "every user"),
        ({"rights": replace(RIGHTS, is_superuser=True)}, "schema", "warn", "superuser"),
        ({"rights": None}, "schema", "ok", "can make it"),
        ({"rights": None, "may_create": False}, "schema", "fail", "may not make one"),
        (
            {"interrupted_restores": ("shop1_restored_x",)},
            "restore",
            "warn",
            "was interrupted, and has left shop1_restored_x",
        ),
        ({"free": Free(9, 97, "max_connections")}, "connections", "warn", "9 of 97"),
    ],
)
def test_each_finding_has_a_line(change: dict[str, Any], name: str, level: str, words: str) -> None:
    found = {one.name: one for one in server(replace(GOOD, **change), NOW)}
    assert found[name].level == level
    assert words in found[name].message
    assert level == "ok" or found[name].todo
    assert level != "fail" or found[name].exit_code == 74


# ---- what is found on a server ------------------------------------------------------------------


def looked(place: PostgresPlace) -> LedgerServer:
    open_ledger(place).close()
    found = server_of(place)
    assert found is not None
    return found


def test_a_server_is_looked_at_before_there_is_a_ledger() -> None:
    place = ledger_server.new_place()
    role = f"{place.schema}_nobody"
    ledger_server.cluster().ask("ledger", f"CREATE ROLE {role} LOGIN")
    for user, may in (("vendure", True), (role, False)):
        found = server_of(replace(place, url=place.url.replace("vendure@", f"{user}@")))
        assert found is not None
        assert (found.rights, found.may_create) == (None, may)
    assert not is_there(place)


def test_a_server_says_what_it_is() -> None:
    found = looked(ledger_server.new_place())
    # The tests' cluster is not durable, and its user a superuser.
    assert (found.synchronous_commit, found.our_commits, found.fsync) == ("off", "on", False)
    assert found.version.startswith(f"{found.major}.")
    assert (found.is_standby, found.is_read_only) == (False, False)
    assert (found.standbys, found.synchronous_standbys) == (0, "")
    assert (found.pooler, found.is_local, found.encryption) == ("", True, "none")
    assert abs(found.ahead_seconds) < 5
    assert found.free.of == "max_connections"
    assert 0 < found.free.count < found.free.limit < 100
    assert found.rights is not None
    assert found.rights.is_superuser


def test_a_file_has_no_server(tmp_path: Path) -> None:
    assert server_of(tmp_path / "ledger.db") is None


def test_a_pooler_in_transaction_mode_is_known() -> None:
    assert looked(ledger_server.new_pooled_place()).pooler == "transaction"


def test_rights_and_limits_of_a_user_are_known() -> None:
    place = ledger_server.new_place()
    owner, stranger = f"{place.schema}_owner", f"{place.schema}_stranger"

    def ask(sql: str) -> None:
        ledger_server.cluster().ask("ledger", sql)

    for name in (owner, stranger):
        ask(
            f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 3;GRANT CREATE ON DATABASE ledger TO {name}"
        )
    found = looked(replace(place, url=place.url.replace("vendure@", f"{owner}@")))
    assert found.rights == SchemaRights(place.schema, owner, owner)
    assert found.free == Free(2, 3, "the user's CONNECTION LIMIT")
    ask(
        f"GRANT USAGE ON SCHEMA {place.schema} TO PUBLIC;"
        f"GRANT ALL ON ALL TABLES IN SCHEMA {place.schema} TO {stranger};"
        f"REVOKE DELETE ON {place.schema}.orders FROM {stranger}"
    )
    rights = looked(replace(place, url=place.url.replace("vendure@", f"{stranger}@"))).rights
    assert rights is not None
    assert (rights.owner, rights.unwritable, rights.is_public) == (owner, 1, True)
    assert rights.foreign > 10


def test_a_follower_is_counted_also_by_a_user_who_may_not_look_at_it(tmp_path: Path) -> None:
    place = ledger_server.new_place()
    role = f"{place.schema}_plain"
    ledger_server.cluster().ask(
        "ledger", f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE ledger TO {role}"
    )
    home = str(ledger_server.cluster().folder / "home")
    command = ["pg_receivewal", "-D", str(tmp_path), "-h", home, "-U", "vendure", "--no-loop"]
    plain = replace(place, url=place.url.replace("vendure@", f"{role}@"))
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as follower:
        deadline = time.monotonic() + 600
        while not (found := looked(plain)).standbys:
            assert time.monotonic() < deadline
            assert follower.poll() is None
            time.sleep(0.05)
        follower.terminate()
    assert found.standbys == 1


def test_a_user_whose_transactions_only_read_is_known() -> None:
    place = ledger_server.new_place()
    open_ledger(place).close()
    role = f"{place.schema}_reader"
    ledger_server.cluster().ask(
        "ledger",
        f"CREATE ROLE {role} LOGIN SUPERUSER;"
        f"ALTER ROLE {role} SET default_transaction_read_only = on",
    )
    reader = replace(place, url=place.url.replace("vendure@", f"{role}@"))
    found = looked(reader)
    assert (found.is_read_only, found.is_standby) == (True, False)
    # No transaction goes round it: the disk may be full.
    with closing(open_ledger(reader)) as ledger:
        with pytest.raises(LedgerError, match="read-only transaction") as told:
            ledger.runs.lock("orders", "sync-orders").__enter__()
        assert "default_transaction_read_only" in told.value.hint


def test_the_clock_is_read_whole_whatever_fractions_the_user_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c extra_float_digits=-15")
    place = ledger_server.new_place()
    assert abs(looked(place).ahead_seconds) < 3600
    with closing(open_ledger(place)) as ledger:
        assert abs(ledger.clock.now().timestamp() - time.time()) < 3600


# ---- letters ------------------------------------------------------------------------------------


def test_every_letter_is_kept_whatever_the_users_encoding_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = ledger_server.new_place()
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(open_ledger(replace(place, url=f"{place.url}&client_encoding=LATIN1"))) as ledger:
        ledger.meta.put("mark", "Ж")
        assert ledger.meta.get("mark") == "Ж"


def test_no_new_ledger_is_made_where_not_every_letter_can_be_kept(tmp_path: Path) -> None:
    place, database = ledger_server.new_place(), "latin"
    made = f"CREATE DATABASE {database} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'"
    ledger_server.cluster().ask("postgres", made)
    there = replace(place, url=place.url.replace("/ledger?", f"/{database}?"))
    found = server_of(there)
    assert found is not None and found.encoding == "LATIN1"
    with closing(open_ledger(place)) as ledger:
        ledger.upkeep.backup(tmp_path / "backup")
    settings = LedgerSettings(path=tmp_path / "l.db", url="", schema_name=place.schema)
    open_ledger(settings.path).close()
    for make in (
        lambda: open_ledger(there),
        lambda: restore(tmp_path / "backup", there, SystemClock(), lambda _: None),
        lambda: move(settings, there.url, SystemClock(), lambda _: None),
    ):
        with pytest.raises(LedgerRefused, match="encoding LATIN1") as told:
            make()
        assert "ENCODING 'UTF8'" in told.value.hint
        assert not is_there(there)

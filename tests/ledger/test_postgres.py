"""The ledger on PostgreSQL where it is not as SQLite: commits, connections, errors, migrations."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ledger_server
import psycopg
import pytest
from cutting_proxy import PORT, CuttingProxy, cutting

from veracore_sync.domain.errors import CommitUnknown, ConfigError, LeaseLost, LedgerError
from veracore_sync.ledger.opening import is_there, open_ledger
from veracore_sync.ledger.postgres import leases
from veracore_sync.ledger.postgres.database import PostgresDatabase
from veracore_sync.ledger.postgres.dialect import translated
from veracore_sync.ledger.postgres.errors import translated as ledger_error
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.postgres.schema import VERSION
from veracore_sync.ledger.stores import SqlLedger


@pytest.fixture
def place(server_place: PostgresPlace) -> PostgresPlace:
    return server_place


@pytest.fixture
def ledger(server_ledger: SqlLedger) -> SqlLedger:
    return server_ledger


@pytest.fixture
def proxy() -> Iterator[CuttingProxy]:
    # Not below pytest's folder: the path of a socket must be short.
    home = ledger_server.cluster().folder / "home"
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, cutting(home, Path(folder)) as made:
        yield made


@pytest.fixture
def behind(proxy: CuttingProxy, place: PostgresPlace) -> Iterator[SqlLedger]:
    """The same ledger, by way of the proxy."""
    address = ledger_server.address(proxy.folder, PORT)
    with closing(open_ledger(replace(place, url=address))) as made:
        made.meta.put("mark", "0")
        yield made


def ended_as_idle(ledger: SqlLedger, other: PostgresDatabase) -> None:
    """Let the server end the connection, as of a process that was stopped in a transaction."""
    connection = ledger.database.connection  # type: ignore[attr-defined]
    [[pid]] = connection.execute("SELECT pg_backend_pid()").fetchall()
    connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 1")
    while other.rows("SELECT 1 FROM pg_stat_activity WHERE pid = ?", (pid,)):
        time.sleep(0.01)


@pytest.mark.parametrize(
    "options", ["", "-c standard_conforming_strings=off -c backslash_quote=off"]
)
def test_a_read_quotes_whatever_a_code_may_be(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    """Its values are part of the one message that it is."""
    monkeypatch.setenv("PGOPTIONS", options)
    odd = ("it's", "a\\'b", "\\", "$1", "?", ":code", "%s", "; COMMIT; --", "/*", "E'x'", "ü☃", "")
    with closing(open_ledger(place)) as ledger:
        for text in odd:
            ledger.meta.put(f"odd {text}", text)
            assert ledger.meta.get(f"odd {text}") == text
        for wrong in ("\ud800", "odd\0"):
            with suppress(UnicodeEncodeError):
                assert ledger.meta.get(wrong) is None
        assert [ledger.meta.get(f"odd {text}") for text in odd] == [*odd]


def test_a_connection_that_the_server_has_ended_is_made_anew(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    ledger.meta.put("mark", "1")
    with closing(PostgresDatabase(place)) as other:
        ended_as_idle(ledger, other)
        assert ledger.meta.get("mark") == "1"
        ended_as_idle(ledger, other)
        ledger.meta.put("mark", "2")
    assert ledger.meta.get("mark") == "2"


def test_who_was_held_up_in_a_transaction_has_lost_its_lease_and_not_its_ledger(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    with closing(PostgresDatabase(place)) as other, ledger.runs.lock("orders", "sync-orders"):
        ended_as_idle(ledger, other)
        with other.transaction() as connection:
            connection.execute("UPDATE leases SET expires_at = '-infinity'")
        with pytest.raises(LeaseLost):
            ledger.meta.put("mark", "1")


def test_who_was_held_up_within_a_unit_of_work_has_lost_its_lease_whatever_it_does_next(
    ledger: SqlLedger, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = ledger.database.connection  # type: ignore[attr-defined]
    [[pid]] = connection.execute("SELECT pg_backend_pid()").fetchall()
    hours_later = leases._seconds() + 10_000
    with (
        closing(PostgresDatabase(place)) as other,
        ledger.runs.lock("orders", "sync-orders"),
        pytest.raises(LeaseLost),
        ledger.unit_of_work(),
    ):
        ledger.meta.put("mark", "1")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
        while other.rows("SELECT 1 FROM pg_stat_activity WHERE pid = ?", (pid,)):
            time.sleep(0.01)
        monkeypatch.setattr(leases, "_seconds", lambda: hours_later)
        ledger.meta.get("mark")


# ---- commits ------------------------------------------------------------------------------------


def test_a_commit_whose_answer_was_lost_is_found_to_be_stored(
    behind: SqlLedger, ledger: SqlLedger, proxy: CuttingProxy
) -> None:
    for number in range(20):
        proxy.cut = "after"
        behind.meta.put("mark", str(number))
        assert ledger.meta.get("mark") == str(number)
    assert proxy.cuts == 20


def test_a_commit_that_never_arrived_is_an_error_and_nothing_is_stored(
    behind: SqlLedger, ledger: SqlLedger, proxy: CuttingProxy
) -> None:
    for number in range(20):
        proxy.cut = "before"
        with pytest.raises(LedgerError, match="nothing was stored") as told:
            behind.meta.put("mark", f"lost {number}")
        assert not isinstance(told.value, CommitUnknown)
        assert ledger.meta.get("mark") == "0"
    behind.meta.put("mark", "goes on")
    assert ledger.meta.get("mark") == "goes on"


@pytest.mark.parametrize(("cut", "stored"), [("before", "0"), ("after", "sent?")])
def test_while_the_server_cannot_be_asked_nobody_knows(
    behind: SqlLedger, ledger: SqlLedger, proxy: CuttingProxy, cut: str, stored: str
) -> None:
    proxy.cut = cut
    with pytest.raises(CommitUnknown, match="cannot be asked") as told, behind.unit_of_work():
        behind.meta.put("mark", "sent?")
        proxy.refuses = True
    assert told.value.exit_code == 74
    assert "nothing that needs it was sent" in told.value.hint
    proxy.refuses = False
    assert behind.meta.get("mark") == stored == ledger.meta.get("mark")


def test_what_others_commit_meanwhile_does_not_confirm_a_lost_commit(
    behind: SqlLedger, ledger: SqlLedger, proxy: CuttingProxy
) -> None:
    proxy.cut = "before"
    with pytest.raises(LedgerError, match="nothing was stored"), behind.unit_of_work():
        behind.meta.put("mark", "lost")
    ledger.meta.put("mark", "another")
    assert behind.meta.get("mark") == "another"


@pytest.fixture
def no_standby() -> Iterator[None]:
    """A server that waits for a standby that never confirms."""

    def wait_for(names: str) -> None:
        ask = ledger_server.cluster().ask
        ask("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        ask("postgres", "SELECT pg_reload_conf(), pg_sleep(0.2)")

    wait_for("gone")
    yield
    wait_for("")


@pytest.fixture
def brief(place: PostgresPlace, ledger: SqlLedger) -> Iterator[SqlLedger]:
    """The same ledger, with limits of a second."""
    with closing(open_ledger(replace(place, lease_seconds=2))) as made:
        yield made


def test_a_commit_that_no_standby_confirms_is_not_acted_upon(
    brief: SqlLedger, no_standby: None
) -> None:
    with pytest.raises(CommitUnknown, match="no standby has confirmed"):
        brief.meta.put("mark", "on one disk only")


# ---- connections --------------------------------------------------------------------------------


def kill_sessions(place: PostgresPlace) -> None:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'veracore-sync'"
        )


def test_a_connection_that_broke_between_two_acts_is_made_anew(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    kill_sessions(place)
    assert ledger.meta.get("mark") is None
    kill_sessions(place)
    ledger.meta.put("mark", "1")
    assert ledger.meta.get("mark") == "1"


def test_the_driver_says_nothing_of_its_own_among_our_messages() -> None:
    """Neither beside `log.format = json`, nor into the mail of a timer."""
    program = (
        "import logging, sys\n"
        "from veracore_sync.ledger.postgres import database\n"
        "logging.getLogger('psycopg').warning('error ignored terminating a pipeline')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stderr == b""


def test_a_transaction_whose_connection_breaks_is_not_repeated(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    with pytest.raises(LedgerError) as told, ledger.unit_of_work():
        ledger.meta.put("mark", "half")
        kill_sessions(place)
        ledger.meta.put("mark", "whole")
    assert "restarting" in told.value.hint or "broke" in told.value.hint
    assert ledger.meta.get("mark") is None


def test_what_is_nested_in_a_broken_transaction_does_not_stand_alone(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    """Also not where somebody goes on after the error."""
    with pytest.raises(LedgerError), ledger.unit_of_work():
        kill_sessions(place)
        for _ in range(3):
            with pytest.raises(LedgerError):
                ledger.meta.put("mark", "alone")
            with pytest.raises(LedgerError):
                ledger.meta.get("mark")
    assert ledger.meta.get("mark") is None


def test_nothing_outlives_a_transaction_on_the_server(ledger: SqlLedger) -> None:
    """A pooler in transaction mode gives the next transaction another connection."""
    assert isinstance(ledger.database, PostgresDatabase)
    with ledger.runs.lock("orders", "sync-orders"):
        ledger.meta.put("mark", "1")
        plain = ledger.database.connection
        assert plain.execute("SHOW search_path").fetchone() == ('"$user", public',)
        assert plain.execute("SHOW statement_timeout").fetchone() == ("0",)
        held = plain.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert held.fetchone() == (0,)
        assert plain.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_an_intent_is_on_disk_whatever_the_server_is_set_to(ledger: SqlLedger) -> None:
    with ledger.database.transaction() as connection:
        # The tests' cluster has it off.
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        (idle,) = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert idle == "10s"


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code", "hint"),
    [
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", 74, "time limit of a statement"),
        ("SELECT * FROM gone", 74, "restore it from a backup"),
        ("SELECT * FROM gone.orders", 74, "restore it from a backup"),
        ("SET LOCAL ROLE pg_monitor; CREATE SCHEMA x", 78, "grant the user its schema"),
        ("DO $$BEGIN RAISE SQLSTATE '53100'; END$$", 74, "disk is full"),
        ("DO $$BEGIN RAISE SQLSTATE '53200'; END$$", 74, "short of memory"),
        ("DO $$BEGIN RAISE SQLSTATE '53300'; END$$", 69, "no free connection"),
        ("DO $$BEGIN RAISE SQLSTATE '57P01'; END$$", 69, "restarting or a standby"),
        ("DO $$BEGIN RAISE SQLSTATE '08006'; END$$", 69, "connection to the server broke"),
        ("DO $$BEGIN RAISE SQLSTATE '55P03'; END$$", 74, "held the ledger for too long"),
        ("DO $$BEGIN RAISE SQLSTATE '58030'; END$$", 74, "disk failed"),
        ("SET LOCAL transaction_read_only = on; CREATE TABLE x ()", 74, "read-only standby"),
        ("DO $$BEGIN RAISE SQLSTATE '22P05'; END$$", 74, "ENCODING 'UTF8'"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", 69, "restarting or a standby"),
        ("DO $$BEGIN RAISE SQLSTATE 'XX001'; END$$", 74, "ledger check"),
        ("DO $$BEGIN RAISE SQLSTATE '22012'; END$$", 74, "server's log"),
    ],
)
def test_each_failure_of_the_server_has_a_sentence(
    ledger: SqlLedger, sql: str, code: int, hint: str
) -> None:
    with pytest.raises(LedgerError) as told, ledger.database.transaction() as connection:
        connection.execute(sql)
    assert told.value.exit_code == code
    assert hint in told.value.hint
    ledger.meta.put("mark", "goes on")


@pytest.mark.parametrize(
    ("change", "code", "hint"),
    [
        (("ledger?host=", "ledger?host=%2Fnowhere,"), 0, ""),
        (("host=", "host=%2Fnowhere%2F"), 69, "correct it, if it is wrong"),
        (("host=", "host=%2Fssl-role%2Fcertificate%2F"), 69, "correct it, if it is wrong"),
        (("/ledger?", "/gone?"), 78, "create the database"),
        (("vendure@", "stranger:geheim@"), 78, "password_file"),
        (("?", "?service=gone&"), 78, "PGSERVICEFILE"),
        (("?", "?target_session_attrs=standby&"), 69, "accepts writes"),
        (("?host=", "?host=127.0.0.1&port=1&hostaddr="), 69, "correct it, if it is wrong"),
    ],
)
def test_an_address_that_does_not_work_has_a_sentence_without_a_secret(
    place: PostgresPlace, change: tuple[str, str], code: int, hint: str
) -> None:
    wrong = PostgresPlace(place.url.replace(*change, 1), place.schema, password="geheim")
    if not hint:
        # Of several hosts the first that answers is used.
        open_ledger(replace(wrong, url=wrong.url.replace("port=5432", "port=5432,5432"))).close()
        return
    with pytest.raises(LedgerError) as told:
        open_ledger(wrong)
    assert told.value.exit_code == code
    assert hint in told.value.hint
    assert "geheim" not in f"{told.value.message} {told.value.hint}"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("FATAL:  the database system is starting up", 69),
        ("FATAL:  the database system is shutting down", 69),
        ("FATAL:  the database system is not yet accepting connections", 69),
        ("FATAL:  sorry, too many clients already", 69),
        ('FATAL:  too many connections for role "x"', 69),
        ("FATAL:  remaining connection slots are reserved for roles with privileges", 69),
        ("FATAL:  no more connections allowed (max_client_conn)", 69),
        ("server closed the connection unexpectedly", 69),
        ("SSL connection has been closed unexpectedly", 69),
        ("SSL SYSCALL error: EOF detected", 69),
        ("SSL error: unexpected eof while reading", 69),
        ("connection timeout expired", 69),
        ('could not translate host name "role.ssl.example" to address: Try again', 69),
        ("session is read-only", 69),
        ("server is in hot standby mode", 69),
        ('FATAL:  password authentication failed for user "x"', 78),
        ("fe_sendauth: no password supplied", 78),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", no encryption', 78),
        ('FATAL:  role "x" does not exist', 78),
        ('FATAL:  database "x" does not exist', 78),
        ('FATAL:  permission denied for database "x"', 78),
        ("server does not support SSL, but SSL was required", 78),
        ("SSL error: certificate verify failed", 78),
        ('root certificate file "/x" does not exist', 78),
    ],
)
def test_what_is_said_without_a_code_is_told_by_its_words(said: str, code: int) -> None:
    where = 'connection to server at "db.ssl-role.example" (10.0.0.2), port 5432 failed: '
    told = ledger_error("shop1", psycopg.OperationalError(f"{where}{said}"))
    assert told.exit_code == code
    assert told.hint


@pytest.mark.parametrize(("asked", "code"), [(True, 78), (False, 69)])
def test_a_server_that_answers_in_another_language_is_not_away(asked: bool, code: int) -> None:
    said = "connection failed: FATAL:  Passwort-Authentifizierung fehlgeschlagen"
    connection: Any = SimpleNamespace(used_password=asked)
    told = ledger_error("shop1", psycopg.OperationalError(said, pgconn=connection))
    assert told.exit_code == code
    assert "pg_hba.conf" in told.hint and "nothing answers" not in told.hint


def test_a_server_without_tls_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as client:
                client.recv(8)
                client.sendall(b"N")
                client.recv(8)

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        url = f"postgresql://me@127.0.0.1:{port}/shop?sslmode=require"
        with pytest.raises(LedgerError) as told:
            open_ledger(PostgresPlace(url, "shop1"))
    assert "sslmode" in told.value.hint


def test_an_address_that_libpq_does_not_understand_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as told:
        open_ledger(PostgresPlace("postgresql://me:geheim@[host/db", "shop1"))
    assert "geheim" not in told.value.message


# ---- schema -------------------------------------------------------------------------------------


def test_twenty_processes_may_start_at_once(place: PostgresPlace) -> None:
    program = (
        "import sys\n"
        "from veracore_sync.domain.errors import LedgerAway\n"
        "from veracore_sync.ledger.opening import open_ledger\n"
        "from veracore_sync.ledger.postgres.database import PostgresPlace\n"
        "while True:\n"
        "    try:\n"
        "        print(open_ledger(PostgresPlace(*sys.argv[1:])).meta.probe_id)\n"
        "        break\n"
        # a server that is asked by many at once may answer too late
        "    except LedgerAway:\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", program, place.url, place.schema]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    assert len({start.communicate(timeout=600)[0] for start in starts}) == 1
    assert [start.returncode for start in starts] == [0] * 20


def test_a_newer_ledger_is_refused(ledger: SqlLedger, place: PostgresPlace) -> None:
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE schema_version SET version = ?", (VERSION + 1,))
    with pytest.raises(LedgerError, match="newer veracore-sync"):
        open_ledger(place)


def test_a_ledger_that_is_not_there_is_not_made_by_reading(place: PostgresPlace) -> None:
    assert not is_there(place)
    with pytest.raises(LedgerError, match="older version, or empty"):
        open_ledger(place, read_only=True)
    assert not is_there(place)
    open_ledger(place).close()
    assert is_there(place)


def test_two_ledgers_of_one_database_know_nothing_of_each_other(ledger: SqlLedger) -> None:
    with (
        closing(open_ledger(ledger_server.new_place())) as second,
        ledger.runs.lock("orders", "sync-orders"),
        second.runs.lock("orders", "sync-orders"),
    ):
        ledger.meta.put("mark", "first")
        assert second.meta.get("mark") is None


def test_every_writer_leaves_no_trace_of_its_commits(place: PostgresPlace) -> None:
    with closing(open_ledger(place)) as one:
        one.meta.put("mark", "1")
    with closing(open_ledger(place, read_only=True)) as reader:
        assert reader.database.value("SELECT count(*) FROM commits") == 0


def test_check_finds_an_index_that_is_not_valid(ledger: SqlLedger, place: PostgresPlace) -> None:
    assert ledger.upkeep.check() == []
    with psycopg.connect(place.url, autocommit=True) as connection, suppress(psycopg.Error):
        connection.execute(f"INSERT INTO {place.schema}.inbox VALUES ('a','k','t'), ('b','k','t')")
        connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY bad ON {place.schema}.inbox (kind)")
    assert ledger.upkeep.check() == ["the index bad is not valid: REINDEX it"]


# ---- dialect ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "wanted", "values"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2", (0, 1)),
        ("a = ?2 OR b = ?1 OR c = ?2", "a = $1 OR b = $2 OR c = $1", (1, 0)),
        ("a = :x AND b = ':y?' || :x", "a = $1 AND b = ':y?' || $1", ("x",)),
        ("a IS NOT ?1", "a IS DISTINCT FROM $1", (0,)),
        ("a IS NOT NULL", "a IS NOT NULL", ()),
    ],
)
def test_placeholders(sql: str, wanted: str, values: tuple[int | str, ...]) -> None:
    assert translated(sql) == (wanted, values)


def test_values_are_what_they_are_in_sqlite(ledger: SqlLedger) -> None:
    row = ledger.database.row("SELECT sum(n) AS total, 1 = 1 AS yes FROM (VALUES (1), (2)) v (n)")
    assert row is not None
    assert dict(row) == {"total": 3, "yes": 1}
    assert (type(row["total"]), type(row["yes"])) == (int, int)
    ledger.meta.put("mark", "a\0b")
    assert ledger.meta.get("mark") == "a\ufffdb"

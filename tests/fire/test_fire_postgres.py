"""The real commands on a ledger in PostgreSQL: killed, stopped for longer than a lease, cut off."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import ledger_server
import psycopg
import pytest
from fire_kit import Fire, set_on_fire

from veracore_sync.ledger.postgres.place import PostgresPlace

GAPS = ("intent committed", "answered", "outcome committed")
BRIEF = 10
"""Where a lease has to expire by the sleeper's own clock."""


@pytest.fixture
def fire(tmp_path: Path) -> Iterator[Fire]:
    with set_on_fire(tmp_path, "oms") as burning:
        burning.rig.server = ledger_server.new_place()
        yield burning


def server_of(fire: Fire) -> PostgresPlace:
    assert fire.rig.server is not None
    return fire.rig.server


def settle(fire: Fire) -> None:
    """Run after run until all is done; a sleeper's lease has to expire first, and a server on a
    busy machine has to answer."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        ended = fire.rig.run("sync-orders", "--allow-first-run", "--json")
        is_away = ended.code == 69 and "nothing was sent without a record" in ended.out
        assert is_away or ended.code in (0, 3, 75), (ended.code, ended.out, ended.err)
        if ended.code in (0, 3) and fire.at_rest():
            return
        time.sleep(0.2)
    raise AssertionError("never at rest")


def test_every_command_uses_the_server_and_no_file(fire: Fire) -> None:
    fire.place(2)
    assert fire.rig.sync()["submitted"] == 2
    fire.assert_each_once()
    for command in (
        ("stats",),
        ("stats", "--json"),
        ("sync-inventory",),
        ("sync-tracking",),
        ("sync-returns",),
        ("ledger", "check"),
        ("ledger", "prune"),
        ("ledger", "export"),
        ("ledger", "backup", str(fire.rig.folder / "copy")),
        ("config", "show"),
        ("doctor",),
        ("sync-orders", "--dry-run"),
    ):
        ended = fire.rig.run(*command)
        assert ended.code in (0, 3), (command, ended)
    assert (fire.rig.folder / "copy").stat().st_mode & 0o777 == 0o600
    assert not fire.rig.ledger_path.exists()
    restored = fire.rig.run("ledger", "restore", str(fire.rig.folder / "copy"))
    assert restored.code == 0, restored


@pytest.mark.parametrize("gap", GAPS)
def test_killed_in_a_gap(fire: Fire, gap: str) -> None:
    fire.place(3)
    ended = fire.rig.run("sync-orders", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert ended.code == -signal.SIGKILL
    ledger_server.end_leases(server_of(fire))
    settle(fire)
    fire.assert_each_once()


@pytest.mark.parametrize("gap", GAPS)
def test_a_sleeper_wakes_after_another_has_done_its_work(fire: Fire, gap: str) -> None:
    fire.place(3)
    usual = server_of(fire)
    fire.rig.server = replace(usual, lease_seconds=BRIEF)
    run = fire.rig.start("sync-orders", "--json", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:stop")
    os.waitpid(run.pid, os.WUNTRACED)
    fire.rig.server = usual
    settle(fire)
    run.send_signal(signal.SIGCONT)
    out, err = run.communicate(timeout=600)
    assert run.returncode == 75, (out, err)
    settle(fire)
    fire.assert_each_once()


def test_a_run_that_is_stopped_within_a_transaction_holds_up_nobody_for_long(fire: Fire) -> None:
    fire.place(1)
    assert fire.rig.sync()["submitted"] == 1
    place = server_of(fire)
    holder = Popen(
        [
            *fire.rig.command()[:1],
            "-c",
            "import os, signal, sys\n"
            "from veracore_sync.ledger.opening import open_ledger\n"
            "from veracore_sync.ledger.postgres.place import PostgresPlace\n"
            f"place = PostgresPlace(*sys.argv[1:], lease_seconds={BRIEF})\n"
            "with open_ledger(place).unit_of_work():\n"
            "    os.kill(os.getpid(), signal.SIGSTOP)\n",
            place.url,
            place.schema,
        ]
    )
    os.waitpid(holder.pid, os.WUNTRACED)
    fire.place(1)
    # Without a limit of the server's, the run would wait until the holder is ended.
    assert fire.rig.sync()["submitted"] == 1
    assert holder.poll() is None
    holder.kill()
    holder.wait()


def test_eight_processes_at_once(fire: Fire) -> None:
    fire.place(30)
    fire.slow(20)
    started = [fire.rig.start("sync-orders", "--allow-first-run") for _ in range(8)]
    ended = [(run.communicate(timeout=600), run.returncode) for run in started]
    assert sorted(code for _, code in ended) == [0] + [75] * 7, ended
    fire.mend()
    settle(fire)
    fire.assert_each_once()
    assert len(fire.creates()) == 30


def test_the_server_restarts_again_and_again_and_each_order_goes_out_once(fire: Fire) -> None:
    place = server_of(fire)
    fire.place(40)
    fire.slow(30)
    run = fire.rig.start("sync-orders", "--allow-first-run")
    with psycopg.connect(place.url, autocommit=True) as connection:
        while run.poll() is None:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'veracore-sync'"
            )
            time.sleep(0.3)
    _, err = run.communicate()
    assert run.returncode in (0, 3, 69, 74), err
    assert "Traceback" not in err
    ledger_server.end_leases(place)
    fire.mend()
    settle(fire)
    fire.assert_each_once()

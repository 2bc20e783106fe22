"""``doctor``, as it is read: what stands below a line, what is folded, what the end says."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from here_kit import Newcomer

from veracore_sync.cli import doctor_lines
from veracore_sync.cli.doctor_lines import CheckLine, show, summary_of
from veracore_sync.config import load
from veracore_sync.domain.errors import AuthRefused, ConfigError, Unavailable
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.jobs.doctor.about import SETTINGS, SettingShown, settings_about
from veracore_sync.jobs.doctor.alerts import standing_alerts
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.doctor.units import units
from veracore_sync.ledger import open_ledger

ROOT = Path(__file__).parents[2]
SYSTEM = Path("/etc/veracore-sync/config.toml")


def alert(kind: str, code: str | None, message: str, at: str = "2026-01-01T00:00:00Z") -> Alert:
    return Alert(f"{kind}:{code or ''}", kind, code, message, at)


def test_a_remedy_stands_below_its_line_and_a_summary_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [
        ok("sqlite", "3.51.3"),
        warn("disk", "2 MiB are free", "free some space"),
        fail("Vendure", ConfigError("it is wrong", hint="make it right")),
    ]
    where = Path("/c.toml")
    setting = SettingShown("vendure.username", "me", f"file {where}")
    lines = [CheckLine(one, [setting] if one.name == "Vendure" else []) for one in found]
    show(lines, summary_of(found), where)
    assert capsys.readouterr().out.splitlines() == [
        "ok    sqlite   3.51.3",
        "warn  disk     2 MiB are free",
        "               -> free some space",
        "fail  Vendure  it is wrong",
        "                 vendure.username = me (the file)",
        "               -> make it right",
        "",
        "1 fault, 1 warning; next: make it right",
    ]


def test_on_a_terminal_no_command_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_lines, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    command = "`veracore-sync --config /etc/veracore-sync/shops/a/config.toml stats --runs`"
    found = warn("jobs", "word " * 40, f"look at all that was said of it by {command}")
    show([CheckLine(found, [])], summary_of([found]), None)
    seen = capsys.readouterr().out
    assert max(len(line) for line in seen.splitlines() if command not in line) <= 80
    assert seen.count(command) == 2


def test_all_well_leads_on_too() -> None:
    assert "`veracore-sync sync-orders --dry-run`" in str(summary_of([ok("sqlite", "3")]))


def test_equal_alerts_are_one_line_and_the_gravest_come_first() -> None:
    parked = [alert("order.parked", f"A{n}", f"A{n}: no such SKU") for n in range(4)]
    found = list(
        standing_alerts(
            [
                alert("stock.drift", None, "units differ"),
                *parked,
                alert("order.cancelled_in_shop", "B", "B was cancelled"),
            ]
        )
    )
    assert [one.message for one in found] == [
        "B was cancelled",
        "A0: no such SKU - 4 alerts like this (A0, A1, A2 and 1 more)",
        "units differ",
    ]
    assert "`veracore-sync cancel B`" in found[0].todo
    many = [alert("order.parked", f"A{n}", f"A{n}: {n}") for n in range(8)]
    assert [one.message for one in standing_alerts(many)][5:] == ["3 more alerts are open"]
    down = alert("vendure.down", None, "Vendure is down")
    assert "doctor" not in next(standing_alerts([down])).todo


@pytest.mark.parametrize("upstream", ["vendure", "veracore"])
def test_who_cannot_be_reached_may_have_a_certificate_of_its_own(upstream: str) -> None:
    """The usual hint of an outage is to run doctor."""
    unknown = Unavailable("unable to get local issuer certificate", upstream=upstream)
    assert f"needs {upstream}.ca_file" in fail("side", unknown).todo


def test_a_line_shows_the_settings_that_it_is_about_and_no_secret() -> None:
    given = {
        "VENDURE_ADMIN_API_URL": "https://shop.example/admin-api",
        "VENDURE_USERNAME": "sync",
        "VENDURE_PASSWORD": "hunter2222",
        "VERACORE_SYNC_SKUS__EXCLUDE": "a",
    }
    loaded = load(None, given)
    refused = AuthRefused("refused", upstream="vendure")
    shown = settings_about(fail("Vendure", refused), loaded)
    assert [(one.key, one.value) for one in shown] == [
        ("vendure.admin_api_url", "https://shop.example/admin-api"),
        ("vendure.username", "sync"),
        ("vendure.password", "********"),
    ]
    assert shown[1].origin == "environment VENDURE_USERNAME"
    slow = warn("network", "it is slow", "raise veracore.timeout_seconds")
    assert [(one.key, one.origin) for one in settings_about(slow, loaded)] == [
        ("veracore.timeout_seconds", "default")
    ]


def test_every_check_says_which_settings_it_is_about() -> None:
    names = set()
    for path in [
        *(ROOT / "veracore_sync/jobs/doctor").glob("*.py"),
        ROOT / "veracore_sync/cli/doctor.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            first = node.args[0] if node.args else None
            if node.func.id in {"ok", "warn", "fail"} and isinstance(first, ast.Constant):
                names.add(first.value)
    assert len(names) > 30
    assert names <= set(SETTINGS)


# ---- systemd's units ----


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    installed = tmp_path / "system"
    installed.mkdir()
    for pattern in ("*.timer", "*.service"):
        for unit in (ROOT / "systemd").glob(pattern):
            shutil.copy(unit, installed)
    wanted = installed / "timers.target.wants"
    wanted.mkdir()
    for job in ("orders", "orders@two"):
        (wanted / f"veracore-sync-{job}.timer").symlink_to("/nowhere")
    return installed


def at(path: Path, tmp_path: Path, **env: str) -> CheckResult:
    return units(replace(load(None, env, cwd=tmp_path), path=path), tmp_path / "system")


def test_the_units_of_another_shop_are_not_praised(folder: Path, tmp_path: Path) -> None:
    assert "have the configured intervals" in at(SYSTEM, tmp_path).message
    other = at(tmp_path / "shop2.toml", tmp_path, VERACORE_SYNC_ORDERS__INTERVAL_MINUTES="7")
    assert (other.level, f"run with {SYSTEM}" in other.message) == ("ok", True)
    instance = Path("/etc/veracore-sync/shops/two/config.toml")
    assert "have the configured intervals" in at(instance, tmp_path).message
    alone = at(Path("/etc/veracore-sync/shops/two.toml"), tmp_path)
    assert f"run with {instance}" in alone.message
    (folder / "veracore-sync-orders@.timer").write_text("[Timer]\nOnCalendar=hourly\n")
    assert "veracore-sync-orders@two.timer" in at(instance, tmp_path).message


def test_timers_that_nobody_enabled_are_not_praised(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "timers.target.wants")
    found = at(SYSTEM, tmp_path)
    assert found.level == "ok"
    assert "none is enabled: nothing starts a job" in found.message
    assert "`sudo systemctl enable --now veracore-sync-orders.timer`" in found.message


def test_an_upgrade_alarms_nobody(folder: Path, tmp_path: Path) -> None:
    for job in ("returns", "reconcile"):
        (folder / f"veracore-sync-{job}.timer").unlink()
    found = at(SYSTEM, tmp_path)
    assert (found.level, found.todo) == ("ok", "")
    assert "none starts sync-returns or reconcile" in found.message


def test_what_changed_is_one_line_with_one_command(folder: Path, tmp_path: Path) -> None:
    for job in ("orders", "inventory"):
        (folder / f"veracore-sync-{job}.timer").write_text("[Timer]\nOnCalendar=hourly\n")
    found = at(SYSTEM, tmp_path)
    assert found.level == "warn"
    assert "orders.interval_minutes is 5" in found.message
    assert "inventory.interval_minutes is 30" in found.message
    assert found.todo.count("`") == 2
    assert f"timers --write {folder} && sudo systemctl daemon-reload`" in found.todo


def test_a_ledger_that_waits_for_its_upgrade_is_no_fault(tmp_path: Path) -> None:
    ledger = tmp_path / "l.db"
    open_ledger(ledger).close()
    with closing(sqlite3.connect(ledger)) as connection, connection:
        newest = "SELECT max(name) FROM _sqlite_migrations"
        connection.execute(f"DELETE FROM _sqlite_migrations WHERE name = ({newest})")
    one = Newcomer(tmp_path)
    one.env["VERACORE_SYNC_LEDGER__PATH"] = str(ledger)
    found = one.run("doctor", "--offline", "--json").json["findings"]
    [said] = [one for one in found if one["name"] == "ledger"]
    assert (said["level"], "upgrades it" in said["message"]) == ("ok", True)
    one.env |= {
        "VENDURE_ADMIN_API_URL": "http://127.0.0.1:9/admin-api",
        "VENDURE_USERNAME": "sync",
        "VENDURE_PASSWORD": "hunter2222",
        "VERACORE_API_URL": "http://127.0.0.1:9",
        "VERACORE_CLIENT_ID": "sync",
        "VERACORE_CLIENT_SECRET": "hunter2222",
        "VERACORE_COMPANY_ID": "c",
        "VERACORE_SYNC_RETRY__TRIES": "1",
    }
    ended = one.run("doctor", "--json")
    failed = [one["name"] for one in ended.json["findings"] if one["level"] == "fail"]
    assert failed == ["Vendure", "VeraCore"], "both are asked all the same"
    assert "hunter2222" not in json.dumps(ended.json)
    assert ended.json["summary"]["faults"] == 2

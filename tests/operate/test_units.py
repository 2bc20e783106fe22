"""The systemd units belong together; `.ci/units` lets systemd itself judge each of them."""

from __future__ import annotations

import os
import runpy
import stat
import subprocess
from pathlib import Path

import pytest
from commands_kit import whole_program
from present import missing

from veracore_sync.config import WebhookSettings
from veracore_sync.config.secrets import CREDENTIALS
from veracore_sync.jobs.doctor import machine
from veracore_sync.jobs.doctor.finding import CheckResult

FOLDER = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
OURS = [one for one in SERVICES if "@" not in one.name]
TIMERS = sorted(one for one in FOLDER.glob("*.timer") if "@" not in one.name)


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def test_every_job_has_its_timer_and_every_timer_its_job() -> None:
    jobs = {one.stem for one in OURS if "Type=oneshot" in lines(one)}
    assert jobs == {one.stem for one in TIMERS}
    assert {"veracore-sync-tracking", "veracore-sync-deliver", "veracore-sync-prune"} <= jobs


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_service_is_hardened_as_the_others_and_tells_when_it_fails(path: Path) -> None:
    found = lines(path)
    pattern = lines(FOLDER / "veracore-sync-orders.service")
    start = pattern.index("UMask=0077")
    own = {"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"} if "prune" in path.name else set()
    assert set(pattern[start:]) - own <= set(found)
    assert "OnFailure=veracore-sync-notify@%n.service" in found
    assert any("75" in line for line in found if "ExitStatus=" in line)
    assert "LoadCredential=config.toml:/etc/veracore-sync/config.toml" in found


BOTH_SIDES = {"vendure_password", "vendure_api_key", "veracore_client_secret"}
EVERY_RUN = {"ledger_password", "hooks_secret"}
PINGS = {"hooks_ping_url"}
USED = {
    "orders": BOTH_SIDES | EVERY_RUN | PINGS,
    "inventory": BOTH_SIDES | EVERY_RUN | PINGS,
    "tracking": BOTH_SIDES | EVERY_RUN | PINGS,
    "returns": BOTH_SIDES | EVERY_RUN | PINGS,
    "reconcile": BOTH_SIDES | EVERY_RUN | PINGS,
    # Parses the bytes of strangers: it has no login.
    "webhooks": {"webhook_secret", "ledger_password"},
    "webhooks-worker": BOTH_SIDES | EVERY_RUN,
    "admin": BOTH_SIDES | EVERY_RUN | {"admin_read_token", "admin_act_token"},
    "deliver": EVERY_RUN | PINGS,
    "prune": {"ledger_password"} | PINGS,
    "backup": {"ledger_password"},
}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_service_gets_the_secrets_that_it_uses_and_needs_none_of_them(path: Path) -> None:
    found = lines(path)
    loaded = [one.partition("=")[2] for one in found if one.startswith("LoadCredential=")]
    names = {one.partition(":")[0] for one in loaded} - {"config.toml"}
    assert names == USED[path.stem.removeprefix("veracore-sync-")]
    assert names <= set(CREDENTIALS.values())
    # Without these a credential that is not on the machine would stop the unit (243).
    spare = {one for one in found if one.startswith("SetCredential=")}
    assert spare == {f"SetCredential={name}:\\n" for name in names}
    assert "ConfigurationDirectoryMode=0750" in found
    assert "MemoryMax=512M" in found


@pytest.mark.parametrize("path", TIMERS, ids=lambda path: path.stem)
def test_a_timer_spreads_its_starts_and_says_whether_it_makes_up_for_lost_ones(path: Path) -> None:
    keys = {line.partition("=")[0] for line in lines(path)}
    assert {"OnCalendar", "RandomizedDelaySec", "Persistent"} <= keys


def test_what_runs_all_the_time_is_watched_and_started_again() -> None:
    lasting = [lines(one) for one in OURS if "Type=oneshot" not in lines(one)]
    assert len(lasting) == 3
    for found in lasting:
        assert {"Type=notify", "NotifyAccess=main", "Restart=on-failure"} <= set(found)
        assert any(line.startswith("WatchdogSec=") for line in found)
        assert any(line.startswith("RestartSec=") for line in found)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_what_a_service_starts_is_a_command(path: Path) -> None:
    [start] = [line for line in lines(path) if line.startswith("ExecStart=")]
    program, *words = start.removeprefix("ExecStart=").split()
    assert program == "/usr/bin/veracore-sync"
    command: object = whole_program()
    for word in (one for one in words if not one.startswith("--")):
        found = getattr(command, "commands", None)
        if found is None:
            break  # what follows are its arguments
        assert word in found
        command = found.get(word)


def test_the_templates_are_the_units_with_a_shop_in_them() -> None:
    """After a change of a unit: ``python systemd/write_templates.py``."""
    written = runpy.run_path(str(FOLDER / "write_templates.py"))["templates"]
    found = dict(written())
    assert {path: path.read_text() for path in found} == found
    there = {path for path in FOLDER.glob("*@.*") if path.name != "veracore-sync-notify@.service"}
    assert there == set(found)


def test_an_instance_reads_and_writes_nothing_of_another_shop() -> None:
    for path in FOLDER.glob("*@.service"):
        for line in lines(path):
            if "/etc/veracore-sync" in line and not line.startswith("InaccessiblePaths="):
                assert "/etc/veracore-sync/shops/%i/" in line, (path.name, line)
            if line.startswith("StateDirectory="):
                assert line == "StateDirectory=veracore-sync/%i", path.name


def test_doctor_finds_a_folder_of_credentials_that_is_not_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier versions set it up: the units' own user could put a link there."""
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    units, etc = tmp_path / "units", tmp_path / "etc"
    units.mkdir()
    (etc / "shops").mkdir(parents=True)
    (etc / "config.toml").touch(0o640)
    etc.chmod(0o750)
    monkeypatch.setattr(machine, "SYSTEM_FILE", etc / "config.toml")

    def seen() -> list[CheckResult]:
        return list(machine._credentials(units))

    os.chown(etc, 4242, 4242)
    assert seen() == []
    (units / "veracore-sync-orders.service").touch()
    [found] = seen()
    assert (found.level, found.exit_code, found.name) == ("fail", 78, "credentials")
    assert f"{etc} does not belong to root alone" in found.message
    # What it says to do is what is needed.
    command = found.todo.removeprefix("as root: ").split(";")[0]
    done = subprocess.run(["sh", "-c", command.replace("root:veracore-sync", "root:4242")])
    assert (done.returncode, seen()) == (0, [])
    assert stat.S_IMODE(etc.stat().st_mode) == 0o750
    assert stat.S_IMODE((etc / "config.toml").stat().st_mode) == 0o640
    for wrong in (etc / "shops", etc / "config.toml"):
        os.chown(wrong, 4242, 4242)
        assert str(wrong) in seen()[0].message
        os.chown(wrong, 0, 4242)
    (etc / "vendure_password").symlink_to("/etc/shadow")
    os.lchown(etc / "vendure_password", 4242, 4242)
    assert "vendure_password" in seen()[0].message
    (etc / "vendure_password").unlink()
    (etc / "config.toml").chmod(0o660)
    assert seen()[0].level == "fail"


def test_what_listens_for_strangers_gets_no_login_and_what_logs_in_does_not_listen() -> None:
    listener, worker = (
        lines(FOLDER / f"veracore-sync-webhooks{which}.service") for which in ("", "-worker")
    )

    def handed(found: list[str]) -> set[str]:
        credentials = (one for one in found if one.startswith("LoadCredential="))
        return {one.removeprefix("LoadCredential=").partition(":")[0] for one in credentials}

    assert handed(listener) == {"config.toml", "webhook_secret", "ledger_password"}
    assert any(one.endswith("serve-webhooks --receive-only") for one in listener)
    assert "webhook_secret" not in handed(worker)
    assert any(one.endswith("serve-webhooks --work-only") for one in worker)
    assert any("veracore-sync-webhooks-worker.service" in one for one in listener)
    assert "PartOf=veracore-sync-webhooks.service" in worker


def test_the_socket_is_where_the_listener_would_listen() -> None:
    settings = WebhookSettings()
    found = lines(FOLDER / "veracore-sync-webhooks.socket")
    assert f"ListenStream={settings.host}:{settings.port}" in found

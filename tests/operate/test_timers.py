"""``timers``: every interval comes out as it is, and what differs is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from present import missing

from veracore_sync.jobs import timers
from veracore_sync.jobs.timers import Timer, difference, schedule

SHIPPED = Path(__file__).parents[2] / "systemd"
WEEK = 7 * 24 * 60
COMMAND = [sys.executable, "-m", "veracore_sync"]


def timer(minutes: int, offset: int = 0) -> Timer:
    return Timer("sync-orders", "orders.interval_minutes", minutes, offset)


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    env = os.environ | {"VERACORE_SYNC_LOG__LEVEL": "warning"}
    done = subprocess.run([*COMMAND, *arguments], cwd=cwd, env=env, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of units with the shipped timers in it."""
    folder = tmp_path / "system"
    folder.mkdir()
    for path in SHIPPED.glob("*.timer"):
        shutil.copy(path, folder)
    return folder


@given(minutes=st.integers(1, WEEK), offset=st.sampled_from([0, 4, 7]))
def test_a_drop_in_takes_the_place_of_the_unit(minutes: int, offset: int) -> None:
    drop_in = timer(minutes, offset).drop_in
    assert schedule(["[Timer]\nOnCalendar=*:9/10\n", drop_in]) == schedule([drop_in])


@given(one=st.integers(1, WEEK), other=st.integers(1, WEEK))
def test_no_two_intervals_have_one_drop_in(one: int, other: int) -> None:
    same = schedule([timer(one).drop_in]) == schedule([timer(other).drop_in])
    assert same == (one == other)


@pytest.mark.parametrize("minutes", [1, 5, 7, 30, 45, 60, 90, 120, 720, 1440, 2880, WEEK])
def test_systemd_understands_each(minutes: int, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        missing("systemd-analyze is not installed")
    for offset in (0, 4, 7):
        text = timer(minutes, offset).drop_in
        for word, verb in (("OnCalendar", "calendar"), ("OnUnitActiveSec", "timespan")):
            for value in re.findall(rf"^{word}=(.+)$", text, re.M):
                done = subprocess.run(["systemd-analyze", verb, value], capture_output=True)
                assert done.returncode == 0, value


def starts(line: str, epoch_minutes: range) -> Iterator[int]:
    """The minutes (UTC, since 1970) in which cron would start the command of this line."""
    minute, hour, _, _, weekday, command = line.split(" ", 5)
    guard = re.match(r"\[ \$\(\( \$\(date \+\\%s\) / 60 \\% (\d+) \)\) -eq (\d+) \] && ", command)
    for now in epoch_minutes:
        fits = _fits(minute, now % 60) and _fits(hour, now // 60 % 24)
        # 1970 began on a Thursday.
        fits = fits and _fits(weekday, (now // 1440 + 4) % 7)
        if fits and (guard is None or now % int(guard[1]) == int(guard[2])):
            yield now


def _fits(field: str, value: int) -> bool:
    span, _, step = field.partition("/")
    first, _, last = span.replace("*", "0-59").partition("-")
    low, high = int(first), int(last or first)
    return low <= value <= high and (value - low) % int(step or 1) == 0


@pytest.mark.parametrize(
    "minutes", [1, 2, 5, 7, 25, 30, 45, 59, 60, 61, 90, 120, 480, 1440, 2880, WEEK]
)
@pytest.mark.parametrize("offset", [0, 4, 7])
def test_cron_starts_it_that_often_over_the_ends_of_hours_and_days(
    minutes: int, offset: int
) -> None:
    found = list(
        starts(timer(minutes, offset).crontab("veracore-sync"), range(5 * max(minutes, 2880)))
    )
    assert {b - a for a, b in pairwise(found)} == {minutes}


def test_a_week_begins_in_the_night_to_sunday() -> None:
    weekly = timer(WEEK, 26)
    assert schedule([weekly.drop_in]) == ["OnCalendar=Sun 0:26"]
    assert weekly.crontab("veracore-sync") == "26 0 * * 0 veracore-sync sync-orders"


def test_the_guard_is_what_a_shell_understands() -> None:
    line = timer(7).crontab("echo ran #").split(" ", 5)[5].replace(r"\%", "%")
    always = re.sub(r"\$\(date \+%s\)", "420", line)
    never = re.sub(r"\$\(date \+%s\)", "480", line)
    assert subprocess.run(["sh", "-c", always], capture_output=True).stdout == b"ran\n"
    assert subprocess.run(["sh", "-c", never], capture_output=True).stdout == b""


def test_the_shipped_timers_are_the_defaults(installed: Path, tmp_path: Path) -> None:
    code, out, _ = run("timers", "--check", "--systemd-dir", str(installed), cwd=tmp_path)
    assert (code, out) == (0, "the installed timers match the configuration\n")


def test_a_changed_interval_is_told_and_writing_mends_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "[orders]\ninterval_minutes = 7\n[tracking]\ninterval_minutes = 120\n"
    )
    named = ("--config", "config.toml")
    check = (*named, "timers", "--check", "--systemd-dir", str(installed))
    code, out, err = run(*check, cwd=tmp_path)
    assert (code, out) == (3, "")
    assert "veracore-sync-orders.timer says OnCalendar=*:0/5" in err
    assert "tracking.interval_minutes is 120" in err
    assert "inventory" not in err
    document = json.loads(run(*check, "--json", cwd=tmp_path)[1])
    assert len(document["differences"]) == 2
    assert document["error"]["exitCode"] == 3
    code, out, _ = run(*named, "timers", "--write", str(installed), cwd=tmp_path)
    assert code == 0
    assert "daemon-reload" in out
    assert run(*check, cwd=tmp_path)[0] == 0
    written = installed / "veracore-sync-orders.timer.d" / "50-interval.conf"
    assert "OnUnitActiveSec=7min" in written.read_text()


def test_a_timer_that_is_missing_or_masked(installed: Path) -> None:
    unit = installed / timer(5).unit
    unit.unlink()
    assert "not installed" in difference(timer(5), installed)
    unit.symlink_to("/dev/null")
    assert difference(timer(5), installed) == ""


def test_the_units_of_a_package_count_as_installed(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    assert "not installed" in difference(timer(7), etc)
    monkeypatch.setattr(timers, "_PACKAGED", {etc: installed})
    assert difference(timer(5), etc) == ""
    assert "OnCalendar=*:0/5" in difference(timer(7), etc)
    drop_in = etc / timer(7).path
    drop_in.parent.mkdir()
    drop_in.write_text(timer(7).drop_in)
    assert difference(timer(7), etc) == ""
    (etc / timer(5).unit).symlink_to("/dev/null")
    assert difference(timer(5), etc) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OnCalendar=*:0/5", ["OnCalendar=*:0/5"]),
        (" OnCalendar = *:0/5 ", ["OnCalendar=*:0/5"]),
        ("OnBootSec=1min\nOnUnitActiveSec=7min", ["OnBootSec=1min", "OnUnitActiveSec=7min"]),
        ("OnCalendar=*:0/5\nOnCalendar=*:1/5", ["OnCalendar=*:0/5", "OnCalendar=*:1/5"]),
        ("OnCalendar=*:0/5\nOnUnitActiveSec=\nOnCalendar=hourly", ["OnCalendar=hourly"]),
        ("OnCalendar=*:0/5\n[Install]\nOnCalendar=", ["OnCalendar=*:0/5"]),
        ("# OnCalendar=*:0/5\nPersistent=true", []),
        ("", []),
    ],
)
def test_what_starts_a_timer(text: str, said: list[str]) -> None:
    assert schedule([f"[Unit]\nOnCalendar=never\n[Timer]\n{text}\n"]) == said


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("OnCalendar=*:0/5", True),
        ("OnCalendar=hourly\nOnCalendar=\nOnCalendar=*:0/5", True),
        ("OnCalendar=*:0/7", False),
        ("OnCalendar=*:0/5\nOnCalendar=*:1/5", False),
        ("OnCalendar=*:0/5\nOnUnitActiveSec=5min", False),
        ("OnUnitActiveSec=5min", False),
        ("", False),
    ],
)
def test_only_what_starts_it_as_the_drop_in_does_is_right(
    text: str, right: bool, tmp_path: Path
) -> None:
    (tmp_path / timer(5).unit).write_text(f"[Timer]\n{text}\n")
    found = difference(timer(5), tmp_path)
    assert (found == "") == right
    assert right or "orders.interval_minutes is 5: OnCalendar=*:0/5" in found


def test_crontab_lines_name_the_program_and_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "100% mine.toml"
    config.write_text("")
    code, out, _ = run("--config", str(config), "timers", "--crontab", cwd=tmp_path)
    assert code == 0
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    assert [line.split("mine.toml' ")[1] for line in lines] == [
        "sync-orders",
        "sync-inventory",
        "sync-tracking",
        "sync-returns",
        "reconcile",
        "ledger backup --keep 14 /var/backups/veracore-sync",
        "ledger prune",
    ]
    # Those without an interval of their own as often as the units.
    for line, unit in zip(lines[-2:], ("backup", "prune"), strict=True):
        minute, hour, *rest = line.split()[:5]
        text = (SHIPPED / f"veracore-sync-{unit}.timer").read_text()
        assert rest == ["*", "*", "*"]
        assert f"OnCalendar=*-*-* {int(hour):02}:{minute}\n" in text
    assert all(r"--config '" in line and r"100\% mine.toml'" in line for line in lines)
    assert all(line.split()[5].startswith("/") for line in lines)
    config.write_text('[hooks]\ncommand = ["true"]\n')
    _, out, _ = run("--config", str(config), "timers", "--crontab", cwd=tmp_path)
    [line] = [line for line in out.splitlines() if line.endswith(" deliver")]
    assert line.startswith("* * * * * /")


def test_a_machine_without_timers_is_led_to_both_ways(tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    code, _, err = run("timers", "--check", "--systemd-dir", str(units), cwd=tmp_path)
    assert code == 3
    assert f"no timer of veracore-sync is installed in {units}" in err
    assert "timers --crontab" in err and "--write" not in err


@pytest.mark.parametrize("name", ["größe", "my shop", "a+b", "x" * 201])
def test_a_shop_whose_name_systemd_refuses_gets_lines_for_cron_alone(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.toml").write_text(f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n')
    shop = ("--config", str(tmp_path), "timers")
    code, _, err = run(*shop, "--write", str(tmp_path / "units"), cwd=tmp_path)
    assert (code, (tmp_path / "units").exists()) == (78, False)
    assert f"systemd takes no unit of the shop {name}" in err
    assert "timers --crontab" in err
    assert run(*shop, "--crontab", cwd=tmp_path)[0] == 0


def test_what_does_not_go_together(tmp_path: Path) -> None:
    assert run("timers", "--check", "--crontab", cwd=tmp_path)[0] == 2
    (tmp_path / "file").write_text("")
    code, _, err = run("timers", "--write", str(tmp_path / "file"), cwd=tmp_path)
    assert code == 2
    assert "cannot be written" in err

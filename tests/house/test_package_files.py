"""What the Debian package's scripts do on a machine that has something to lose."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
DEBIAN = Path(__file__).parents[2] / "packaging" / "deb" / "debian"


def run(script: str, word: str, root: Path, programs: Path | None = None) -> Done:
    """Run a maintainer's script with its folders below `root`."""
    text = (DEBIAN / script).read_text()
    for folder in ("/etc/", "/var/", "/run/"):
        text = re.sub(rf"(?<=[ =]){folder}", f"{root}{folder}", text)
    assert not re.search(r"[ =]/(etc|var|run)/", text)
    path = f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"]
    words = ["sh", "-c", text, script, word]
    return subprocess.run(words, env={"PATH": path}, capture_output=True, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for folder in ("etc/veracore-sync", "var/lib/veracore-sync/shop1", "var/backups/veracore-sync"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/veracore-sync/vendure_password").touch()
    return tmp_path


@pytest.mark.parametrize("where", ["lib/veracore-sync/shop1/ledger.db", "backups/veracore-sync/x"])
def test_a_purge_deletes_no_ledger_and_says_where_it_is(machine: Path, where: str) -> None:
    kept = machine / "var" / where
    kept.write_text("which orders were sent")
    done = run("postrm", "purge", machine)
    assert done.returncode == 0, done.stderr
    assert kept.read_text() == "which orders were sent"
    folder = machine.joinpath("var", *Path(where).parts[:2])
    assert (
        f"ledgers and backups in {folder} are kept; to delete them: rm -r {folder}" in done.stderr
    )
    assert not (machine / "etc/veracore-sync").exists()


def test_a_purge_leaves_no_empty_folder(machine: Path) -> None:
    done = run("postrm", "purge", machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((machine / "var/lib").iterdir())
    assert not list((machine / "var/backups").iterdir())


@pytest.mark.parametrize(
    "word", ["remove", "upgrade", "failed-upgrade", "abort-install", "disappear"]
)
def test_nothing_but_a_purge_deletes_anything(machine: Path, word: str) -> None:
    (machine / "var/lib/veracore-sync/ledger.db").touch()
    before = sorted(machine.rglob("*"))
    assert run("postrm", word, machine).returncode == 0
    assert sorted(machine.rglob("*")) == before


RUNNING = ("orders.timer", "webhooks.socket", "orders.service", "webhooks.service")
PLAYED = {
    "systemctl": f"""
case "$1 $*" in
list-units*)
    for unit in {" ".join(RUNNING)}; do
        case "$* " in *".${{unit##*.}} "*) echo "veracore-sync-$unit loaded active running";; esac
    done;;
show*orders.service*) echo oneshot;;
show*) echo notify;;
*) echo "$@" >>"$0.said";;
esac""",
    "deb-systemd-invoke": 'echo "$@" >>"$0.said"',
    "py3compile": ":",
    "py3clean": ":",
    "chown": ":",
}


def test_an_upgrade_stops_what_runs_and_starts_the_same_again(machine: Path) -> None:
    programs = machine / "bin"
    programs.mkdir()
    (machine / "run/systemd/system").mkdir(parents=True)
    for name, text in PLAYED.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    done = run("prerm", "upgrade", machine, programs)
    assert (done.returncode, done.stderr) == (0, "")
    said = programs / "deb-systemd-invoke.said"
    assert said.read_text().splitlines() == [
        "stop veracore-sync-orders.timer",
        "stop veracore-sync-webhooks.socket",
        "stop veracore-sync-orders.service veracore-sync-webhooks.service",
    ]
    said.unlink()
    done = run("postinst", "configure", machine, programs)
    assert (done.returncode, done.stderr) == (0, "")
    # A job that was at work is started by its timer, when it is due.
    again = (
        "veracore-sync-orders.timer veracore-sync-webhooks.socket veracore-sync-webhooks.service"
    )
    assert said.read_text().splitlines() == [f"start {again}"]
    assert (programs / "systemctl.said").read_text() == "--system daemon-reload\n"
    said.unlink()
    # The first time, nothing is started.
    run("postinst", "configure", machine, programs)
    assert not said.exists()


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_are_posix_and_stop_at_an_error(script: str) -> None:
    text = (DEBIAN / script).read_text()
    assert text.startswith("#!/bin/sh\nset -e\n")
    assert "#DEBHELPER#" in text
    # Nothing is enabled or started that a person has not started before.
    assert "systemctl enable" not in text
    assert "deb-systemd-helper enable" not in text
    assert subprocess.run(["sh", "-n", str(DEBIAN / script)]).returncode == 0

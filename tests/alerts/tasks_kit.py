"""Somebody who types the blocks of docs/tasks.md, one line after the other."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alerts_kit import Desk, desk
from rig import Ended

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_SECTION = re.compile(r"(?ms)^<!-- ([a-z0-9-]+) -->\n(.*?)^<!-- /\1 -->$")
_FENCE = re.compile(r"(?ms)^```(sh|toml)\n(.*?)^```$")
_PLACE = re.compile(r"(?<![^\s\"'=])/(etc|opt|root|usr|var)/")
_LEFT = re.compile(r"(?<![^\s\"'=])/(etc|opt|root|usr|var|home|bin|lib)\b")
_SUDO = re.compile(r"^sudo (-u \S+ )?")
PROGRAMS = {
    # What the machine would say or do; each call is noted.
    "systemctl": 'echo "systemctl $*" >>"$NOTES"\n'
    '[ "$1" != list-unit-files ] || echo "veracore-sync-orders.timer enabled enabled"',
    "journalctl": 'echo "journalctl $*" >>"$NOTES"',
    "timedatectl": 'echo "timedatectl $*" >>"$NOTES"',
    "crontab": 'echo "*/5 * * * * veracore-sync sync-orders"',
    # The user and the group are not there.
    "install": 'for last; do :; done\n[ "$1" != -d ] || exec mkdir -m 0700 "$last"\n'
    'exec /usr/bin/install -m 0600 /dev/stdin "$last"',
    "chown": "exit 0",
    "sudo": '[ "$1" != -u ] || shift 2\nexec "$@"',
}


def sections(page: str) -> Mapping[str, list[tuple[str, str]]]:
    """The marked parts of a page: what is typed or written down, in order."""
    return sections_of((DOCS / page).read_text())


def sections_of(text: str) -> dict[str, list[tuple[str, str]]]:
    """The same of a text."""
    found = _SECTION.findall(text)
    return {mark: _FENCE.findall(part) for mark, part in found}


@dataclass
class Keyboard:
    """Types a task's blocks at a desk.

    Args:
        one: The desk.
        fences: The task's blocks, ``sh`` and ``toml``.
    """

    one: Desk
    fences: list[tuple[str, str]]
    names: dict[str, str] = field(default_factory=dict)
    """What stands for CODE and its like."""
    said: list[tuple[str, Ended]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.one.rig.folder

    @property
    def config(self) -> Path:
        return self.etc / "config.toml"

    @property
    def etc(self) -> Path:
        """The configuration's folder."""
        return self.folder / "etc" / "veracore-sync"

    @property
    def backups(self) -> Path:
        return self.folder / "var" / "backups" / "veracore-sync"

    @property
    def notes(self) -> str:
        """What was asked of the machine."""
        path = self.folder / "notes"
        return path.read_text() if path.exists() else ""

    def output(self, line: str) -> str:
        """What a line printed, the last time it was typed."""
        return [ended.out + ended.err for typed, ended in self.said if line in typed][-1]

    def type_all(self, codes: Mapping[str, int] | None = None, stdin: str = "") -> None:
        """All blocks that are left."""
        while self.fences:
            self.type_next(codes, stdin)

    def type_next(self, codes: Mapping[str, int] | None = None, stdin: str = "") -> None:
        """The next block; `codes` has what a line ends with, where that is not 0."""
        kind, text = self.fences.pop(0)
        if kind == "toml":
            self.write(self.filled_in(text))
            return
        for line in text.splitlines():
            ended = self.type_line(line, stdin)
            wanted = next((code for part, code in (codes or {}).items() if part in line), 0)
            assert ended.code == wanted, (line, ended)
            self.said.append((line, ended))

    def type_line(self, line: str, stdin: str = "") -> Ended:
        """One line; a command of ours in this process, every other one in a shell."""
        line = self.here(self.filled_in(line))
        bare, _, into = _SUDO.sub("", line).partition(" >")
        if bare.startswith("veracore-sync ") and "|" not in bare and "$(" not in bare:
            words = shlex.split(bare, comments=True)[1:]
            if words == ["timers", "--check"]:
                words += ["--systemd-dir", str(self.folder / "etc" / "systemd" / "system")]
            typed = stdin if words[-1] == "init" else None
            ended = self.one.rig.run(*words, typed=typed)
            if into:
                (self.folder / into).write_text(ended.out)
            return ended
        return self._in_a_shell(line, stdin)

    def filled_in(self, text: str) -> str:
        """The text with what stands for CODE and its like."""
        for name, value in self.names.items():
            text = re.sub(rf"\b{name}\b", value, text)
        return text

    def here(self, line: str) -> str:
        """The line as it is for a machine that lies in the desk's folder."""
        line = line.replace("-C / ", f"-C {self.folder} ")
        line = _PLACE.sub(rf"{self.folder}/\1/", line)
        # Some lines remove what they name.
        assert not _LEFT.search(line.replace(str(self.folder), "HERE")), line
        return line

    def _in_a_shell(self, line: str, stdin: str) -> Ended:
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        for name, text in PROGRAMS.items():
            (programs / name).write_text(f"#!/bin/bash\n{text}\n")
            (programs / name).chmod(0o755)
        env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-ec", line],
            env=env | {"NOTES": str(self.folder / "notes")},
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def write(self, text: str) -> None:
        """Put a block of settings into the configuration."""
        with self.config.open("a") as file:
            file.write(self.here(text))


@contextmanager
def keyboard(folder: Path, fences: list[tuple[str, str]]) -> Iterator[Keyboard]:
    """A desk with a configuration and secrets as the units have them."""
    for name in ("etc/veracore-sync", "var/backups/veracore-sync", "root"):
        (folder / name).mkdir(mode=0o700, parents=True)
    with desk(folder) as one:
        rig, etc = one.rig, folder / "etc" / "veracore-sync"
        (etc / "vendure_password").write_text(rig.password)
        (etc / "veracore_client_secret").write_text("sandbox")
        config = etc / "config.toml"
        config.write_text(
            f'[vendure]\nadmin_api_url = "{rig.shop_url}"\nusername = "{rig.username}"\n'
            'password_file = "vendure_password"\n'
            f'[veracore]\napi_url = "{rig.sandbox.url}"\nclient_id = "sandbox"\n'
            'client_secret_file = "veracore_client_secret"\ncompany_id = "SANDBOX"\n'
            f'[ledger]\npath = "{rig.ledger_path}"\n'
        )
        for path in etc.iterdir():
            path.chmod(0o600)
        rig.env |= {
            name: ""
            for name in rig.environment
            if name.startswith(("VENDURE_", "VERACORE_")) and "SYNC" not in name
        }
        rig.env["VERACORE_SYNC_LEDGER__PATH"] = ""
        rig.env["VERACORE_SYNC_CONFIG"] = str(config)
        # Where a ledger begins that nothing names: never in the machine's own folder.
        rig.env["STATE_DIRECTORY"] = str(folder / "state")
        yield Keyboard(one, list(fences))

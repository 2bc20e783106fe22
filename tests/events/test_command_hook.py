"""The command that takes events: what it gets when its caller dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from veracore_sync.config.environment import names_of
from veracore_sync.config.given import keys
from veracore_sync.config.secrets import secret_keys
from veracore_sync.transport.hooks import CommandHook

BODY = b'{"id": "evt_1", "filler": "' + b"x" * 1_000_000 + b'"}'
_CALLER = """
import sys
from pathlib import Path
from veracore_sync.transport.hooks import CommandHook
hook, folder = sys.argv[1:]
CommandHook([sys.executable, hook], 30).deliver("evt_1", Path(folder, "body").read_bytes())
"""
_HOOK = """
import sys, time
from pathlib import Path
folder = Path(__file__).parent
(folder / "started").touch()
while not (folder / "go on").exists():
    time.sleep(0.01)
(folder / "part").write_bytes(sys.stdin.buffer.read())
(folder / "part").rename(folder / "taken")
"""


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 600
    while not file.exists():
        assert time.monotonic() < deadline, file.name
        time.sleep(0.01)


def test_it_gets_the_whole_event_though_its_caller_was_killed(tmp_path: Path) -> None:
    hook = tmp_path / "hook.py"
    hook.write_text(_HOOK)
    (tmp_path / "body").write_bytes(BODY)
    caller = subprocess.Popen([sys.executable, "-c", _CALLER, str(hook), str(tmp_path)])
    wait_for(tmp_path / "started")
    caller.kill()
    caller.wait()
    (tmp_path / "go on").touch()
    wait_for(tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == BODY


_TELLS = """
import json, os, sys
with open(sys.argv[1], "w") as file:
    json.dump([dict(os.environ), sorted(os.listdir("/proc/self/fd"))], file)
"""
_SECRETS = (
    *(name for key in keys() for name in names_of(key)),
    *(f"{name}_FILE" for key in secret_keys() for name in names_of(key)),
    "VERACORE_SYNC_CONFIG",
    "CREDENTIALS_DIRECTORY",
    "PGPASSWORD",
    "PGPASSFILE",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "SLACK_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
)


def test_it_gets_an_environment_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _SECRETS:
        monkeypatch.setenv(name, "s3cret")
    for name, value in {"TZ": "UTC", "LC_TIME": "C", "LANG": "C", "PATH": "/usr/bin:/bin"}.items():
        monkeypatch.setenv(name, value)
    found = {}
    for passed in ((), ("SLACK_TOKEN", "NOT_SET")):
        told = tmp_path / f"told-{len(passed)}"
        CommandHook([sys.executable, "-c", _TELLS, str(told)], 30, passed).deliver("evt_1", b"{}")
        found[passed], descriptors = json.loads(told.read_text())
        # Its own three, the file that it writes, and the one by which it lists them.
        assert len(descriptors) == 5
    bare = found[()]
    assert "s3cret" not in bare.values()
    assert {"PATH", "HOME", "TZ", "LANG", "LC_TIME"} <= set(bare)
    assert found[("SLACK_TOKEN", "NOT_SET")] == bare | {"SLACK_TOKEN": "s3cret"}

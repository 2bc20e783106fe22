"""The command that takes events: what it gets when its caller dies."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

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
    deadline = time.monotonic() + 30
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

"""What the jobs write to stderr: for people, for machines, for the journal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 1)])
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        yield made


def in_the_journal(rig: Rig, *arguments: str, **env: str) -> list[str]:
    """The lines of stderr, as the journal gets them: it names the stream that it gave."""
    file = rig.folder / "journal"
    with file.open("w") as stream:
        found = os.fstat(stream.fileno())
        told = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        environment = rig.environment | told | env
        command = rig.command(*arguments)
        subprocess.run(command, env=environment, cwd=rig.folder, stderr=stream, check=False)
    return file.read_text().splitlines()


def test_the_journal_gets_priorities(rig: Rig) -> None:
    lines = in_the_journal(rig, "--log-level", "debug", "sync-orders")
    assert lines
    assert all(line.startswith(("<7>", "<6>")) for line in lines)
    assert not any("DEBUG" in line for line in lines)
    refused = in_the_journal(rig, "sync-orders", VENDURE_PASSWORD="wrong")
    assert refused[-1].startswith("<3>")
    rig.run("breaker", "reset")
    as_json = in_the_journal(
        rig, "--log-level", "debug", "--log-format", "json", "sync-orders", "--order", "NONE"
    )
    assert json.loads(as_json[0].removeprefix("<7>"))["level"] == "debug"


def test_what_needs_a_person_is_a_warning(rig: Rig) -> None:
    lines = in_the_journal(rig, "sync-inventory")
    assert lines[0] == "<4>veracore-sync: needs a person:"
    assert all(line.startswith("<4>") for line in lines), lines


def test_elsewhere_no_line_has_one(rig: Rig) -> None:
    text = rig.run("--log-level", "debug", "sync-orders", JOURNAL_STREAM="1:2").err
    assert text
    assert "<" not in text


def test_debug_tells_of_each_request_and_each_answer(rig: Rig) -> None:
    before = len(rig.requests())
    told = rig.run("--log-level", "debug", "sync-orders", "--order", "X" * 3).err
    told += rig.run("--log-level", "debug", "sync-orders").err
    there = len(rig.requests()) - before
    assert there > 1
    out = [line for line in told.splitlines() if "veracore" in line and "bytes go out" in line]
    back = [line for line in told.splitlines() if "veracore" in line and "HTTP 200" in line]
    assert len(out) == len(back) == there
    assert any("AddOrder: POST" in line for line in out)
    assert any("vendure PollOrders: HTTP 200, " in line for line in told.splitlines())

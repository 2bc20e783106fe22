"""On a terminal: the live line of a long run, and what Ctrl-C does, once and twice."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from rig import HereRig, Rig
from terminal_kit import on_terminal

from veracore_sync.cli import (
    ledger,
    ledger_rebuild,
    output,
    run_reconcile,
    run_sync,
)
from veracore_sync.cli.interruption import _AT_ONCE, stopping_lines
from veracore_sync.cli.progress import LiveLine, line_of, shown
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.sandbox import server
from veracore_sync.sandbox.faults import Fault
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG")
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env["VERACORE_SYNC_ORDERS__GRACE_SECONDS"] = "1"
        made.env["VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS"] = "50"
        made.env["VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS"] = "40"
        yield made


@pytest.fixture
def release(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Event:
    """AddOrder is answered once this is set, however fast or slow the machine is."""
    answers = Event()

    def wait(fault: Fault, *_: object) -> float:
        if fault.delay:
            answers.wait(60)
        return 0.0

    monkeypatch.setattr(server, "_wait", wait)
    rig.control("faults", {"delay_ms": 1, "operations": ["AddOrder"]})
    return answers


def ctrl_c(pid: int) -> None:
    os.kill(pid, signal.SIGINT)


def ctrl_c_in_flight(rig: Rig, pid: int) -> None:
    while not rig.requests("AddOrder"):
        time.sleep(0.02)
    ctrl_c(pid)


def on_the_terminal(
    rig: Rig, *words: str, when: Mapping[str, Callable[[int], object]]
) -> tuple[int, str]:
    return on_terminal(rig.command(*words), rig.environment, rig.folder, when=when)


# ---- the live line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (("reading", 0, 0, 0, 0.4), "reading"),
        (("reading", 0, 0, 0, 12.9), "reading  12 s"),
        (("reading", 1200, 0, 1200, 4.0), "reading  1,200  300.0/s"),
        (("sending", 0, 120, 0, 3.0), "sending  0 of 120  3 s"),
        (("sending", 30, 120, 30, 10.0), "sending  30 of 120  3.0/s  about 30 s left"),
        (("sending", 3, 9, 2, 60.0), "sending  3 of 9  2.0/min  about 3 min left"),
        (("sending", 9, 9, 9, 3.0), "sending  9 of 9  3.0/s"),
    ],
)
def test_the_line_says_how_far_how_fast_and_how_long(
    what: tuple[str, int, int, int, float], line: str
) -> None:
    assert line_of(*what) == line


def test_a_long_run_shows_one_line_and_removes_it(
    rig: Rig, shop: SmallShop, release: Event
) -> None:
    codes = [shop.state.place_order([("MUG", 1)]).code for _ in range(2)]
    code, seen = on_the_terminal(
        rig, "sync-orders", when={"sending orders  0 of 2": lambda _: release.set()}
    )
    assert code == 0, seen
    before, _, results = seen.rpartition("\r\x1b[K")
    lines = [one for one in before.split("\r\x1b[K") if "sending" in one]
    assert lines
    assert all(re.match(r"sending orders  [0-2] of 2", one) for one in lines), lines
    assert "\n" not in before
    assert all(one in results for one in codes)


@pytest.mark.parametrize(
    ("stdout", "stderr", "quiet", "elsewhere", "is_shown"),
    [
        (True, True, False, False, True),
        (True, True, True, False, False),
        (False, True, False, False, False),
        (True, False, False, False, False),
        (False, False, False, True, False),
        (False, True, False, True, True),
        (False, True, True, True, False),
    ],
)
def test_only_a_person_who_waits_sees_it(
    monkeypatch: pytest.MonkeyPatch,
    stdout: bool,
    stderr: bool,
    quiet: bool,
    elsewhere: bool,
    is_shown: bool,
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen(stdout))
    monkeypatch.setattr(sys, "stderr", Screen(stderr))
    monkeypatch.setattr(output, "_quiet", quiet)
    with shown(quiet=False, results_go_elsewhere=elsewhere):
        assert (LiveLine.current is not None) == is_shown
    with shown(quiet=True, results_go_elsewhere=elsewhere):
        assert LiveLine.current is None


class Screen(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


# ---- Ctrl-C -------------------------------------------------------------------------------------


def test_each_job_says_what_follows_where_it_is_ended_at_once() -> None:
    assert set(COMMANDS) <= set(_AT_ONCE)
    for after in _AT_ONCE.values():
        lines = stopping_lines(86_400, after)
        assert [one for one in lines if len(one) > 90] == []
        assert after in " ".join(" ".join(lines).split())


def test_the_first_says_at_once_what_happens_and_the_second_ends_at_once(
    rig: Rig, shop: SmallShop
) -> None:
    codes = [shop.state.place_order([("MUG", 1)]).code for _ in range(5)]
    rig.control("faults", {"kinds": ["hang_after"], "operations": ["AddOrder"]})
    # Nothing but a second Ctrl-C ends it sooner: the answer never comes, and the time limit is far.
    rig.env["VERACORE_SYNC_ORDERS__WORKERS"] = "1"
    presses = {"sending orders": partial(ctrl_c_in_flight, rig), "Ctrl-C again": ctrl_c}
    ended, seen = on_the_terminal(rig, "sync-orders", when=presses)
    assert ended == 130, seen
    assert "stopping after the requests in flight (one may take up to 50 s)" in seen
    assert "the next run looks it up; nothing is sent twice" in " ".join(seen.split())
    assert "ended at once" in seen
    assert "Traceback" not in seen
    rig.control("faults", {"kinds": []})
    done = rig.sync()
    assert (done["adopted"], done["submitted"]) == (1, 4), done
    there = {one: placed["submissions"] for one, placed in rig.placed().items()}
    assert there == dict.fromkeys(codes, 1)
    with rig.ledger() as ledger:
        for code in codes:
            assert [one.outcome for one in ledger.orders.attempts(code)] == ["accepted"]


def test_the_first_alone_waits_for_what_is_in_flight(
    rig: Rig, shop: SmallShop, release: Event
) -> None:
    shop.state.place_order([("MUG", 1)])
    ended, seen = on_the_terminal(
        rig,
        "sync-orders",
        when={
            "sending orders": partial(ctrl_c_in_flight, rig),
            "waiting for the requests in flight": lambda _: release.set(),
        },
    )
    assert ended == 130, seen
    assert "Ctrl-C again ends it at once" in seen
    assert "the next run continues" in seen
    with rig.ledger() as ledger:
        assert ledger.orders.counts()["synced"] == 1


@pytest.mark.parametrize("format", ["text", "json"])
def test_off_a_terminal_too(rig: Rig, shop: SmallShop, format: str) -> None:
    shop.state.place_order([("MUG", 1)])
    rig.control("faults", {"kinds": ["hang_after"], "operations": ["AddOrder"], "count": 1})
    run = rig.start("sync-orders", "--log-format", format)
    while not rig.requests("AddOrder"):
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    if format == "json":
        document = json.loads(run.stderr.readline())
        assert document["message"].startswith("stopping after the requests in flight")
        assert document["message"].endswith("nothing is sent twice")
    else:
        for beginning in ("veracore-sync: stopping after", "  Ctrl-C again", "  looks it up"):
            assert run.stderr.readline().startswith(beginning)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=600) == ("", "")
    assert run.returncode == 130


def test_a_server_says_so_too(rig: Rig) -> None:
    rig.env["VERACORE_SYNC_ADMIN__READ_TOKEN"] = "a-token-of-the-terminal-0123456789-read"
    ended, seen = on_the_terminal(
        rig, "serve-admin", "--port", "0", when={"http://127.0.0.1:": ctrl_c}
    )
    assert ended == 0, seen
    assert "what is in progress ends first" in seen


# ---- every job tells ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sync-orders",), {"reading the shop", "signing in at VeraCore", "sending orders"}),
        (("sync-inventory",), {"reading the shop", "reading the warehouse"}),
        (("sync-tracking",), {"listing what shipped", "looking orders up"}),
        (("sync-returns",), {"listing what came back"}),
        (("reconcile",), {"listing what shipped", "reading the shop's orders"}),
        (("ledger", "rebuild"), {"listing what shipped", "looking orders up"}),
        (("ledger", "export"), {"exporting orders"}),
    ],
)
def test_every_job_that_may_take_long_tells_how_far_it_is(
    rig: Rig, shop: SmallShop, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], told: set[str]
) -> None:
    heard: set[str] = set()

    @contextmanager
    def listening(**_: object) -> Iterator[Callable[[str, int, int], None]]:
        yield lambda what, done, of: heard.add(what)

    rig = HereRig(rig.folder, rig.shop_url, rig.username, rig.password, rig.sandbox, env=rig.env)
    for _ in range(2):
        shop.state.place_order([("MUG", 1)])
    if words != ("sync-orders",) and "rebuild" not in words:
        rig.sync()
    monkeypatch.setattr(run_reconcile, "progress_shown", listening)
    for module in (ledger, ledger_rebuild, run_sync):
        monkeypatch.setattr(module, "shown", listening)
    ended = rig.run(*words)
    assert ended.code in (0, 3), ended.err
    assert told <= heard

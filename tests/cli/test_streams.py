"""Output that is closed, full or without a reader ends no work, and never in a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync import streams
from veracore_sync.cli.output import print_json
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture(scope="module")
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", price=1000)
        yield running


@pytest.fixture(scope="module")
def rig(shop: SmallShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        folder = tmp_path_factory.mktemp("rig")
        yield Rig(folder, shop.admin_url, shop.username, shop.password, sandbox)


def ended(rig: Rig, redirection: str, *arguments: str, **env: str) -> tuple[int, str]:
    """The exit code, and what it wrote to stderr, with its streams as a shell leaves them."""
    script = f'"$@" {redirection}'
    if redirection == "| true":
        script = '"$@" | true; exit "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *rig.command(*arguments)],
        env=rig.environment | env,
        cwd=rig.folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("redirection", [">/dev/full", "| true", "<&- >&- 2>&-"])
def test_a_job_does_its_work_whatever_its_output_is(
    rig: Rig, shop: SmallShop, redirection: str
) -> None:
    shop.state.place_order([("MUG", 1)])
    before = len(rig.control("orders")["orders"])
    code, said = ended(rig, redirection, "--log-level", "debug", "sync-orders", "--json")
    assert code == 0, said
    assert len(rig.control("orders")["orders"]) == before + 1
    assert ("the work itself is done" in said) == (redirection == ">/dev/full")
    with rig.ledger() as ledger:
        run = ledger.runs.last_ended("sync-orders")
        assert run is not None
        assert run.exit_code == 0


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 74), (">&-", 74), ("| true", 0), ("2>/dev/full", 0)]
)
def test_what_is_run_for_its_output_says_that_it_had_none(
    rig: Rig, redirection: str, code: int
) -> None:
    found, said = ended(rig, redirection, "config", "show", "--json")
    assert found == code
    assert ("could not be written" in said) == (code == 74)


def test_a_failure_keeps_its_code(rig: Rig) -> None:
    code, said = ended(rig, ">/dev/full 2>&1", "sync-orders", "--json", VENDURE_PASSWORD="wrong")
    assert code == 77, said


def test_the_ledger_is_never_what_stdout_was(rig: Rig) -> None:
    """A file that is opened gets the lowest free number: that of a stdout that is closed."""
    program = (
        "import os, sys\n"
        "from veracore_sync import streams\n"
        "streams.take_over()\n"
        "number = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "print('lost'); sys.stdout.flush(); os.write(2, b'lost'); input_ = sys.stdin.read()\n"
        "os._exit(0 if number > 2 and input_ == '' and not os.fstat(number).st_size else 1)\n"
    )
    file = rig.folder / "opened"
    line = [sys.executable, "-c", program, str(file)]
    done = subprocess.run(["bash", "-c", '"$@" <&- >&- 2>&-', "bash", *line])
    assert done.returncode == 0
    assert file.read_bytes() == b""


def test_a_terminal_that_is_busy_for_a_moment_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    read: list[bytes] = []

    def reader() -> None:
        while piece := os.read(reading, 65536):
            read.append(piece)

    stream = streams._text(streams._Outlet(writing, None), None)
    thread = threading.Thread(target=reader)
    text = "x" * 1_000_000
    thread.start()
    stream.write(text)
    stream.flush()
    os.close(writing)
    thread.join(60)
    os.close(reading)
    assert b"".join(read) == text.encode()


# ---- a terminal that cannot show everything ------------------------------------------------------

HARD = "Zoë \u2192 \u65e5 \U0001f600 \udc80"


class Poor(io.TextIOWrapper):
    """A stream of another encoding."""

    def __init__(self, encoding: str, errors: str) -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding=encoding, errors=errors)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_document_is_whole_in_every_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    poor = Poor(encoding, "strict")
    monkeypatch.setattr(sys, "stdout", poor)
    print_json({"name": HARD})
    poor.flush()
    assert json.loads(poor.raw_bytes.getvalue().decode(encoding)) == {"name": HARD}


def test_arguments_that_are_no_text_are_refused(rig: Rig) -> None:
    """In such a locale Python reads no other characters than those of ASCII."""
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code, said = ended(rig, ">/dev/null", "stats", "--order", "Zoë-\u65e5", **env)
    assert code == 2
    assert "not UTF-8" in said


# ---- what libraries read about a terminal --------------------------------------------------------


@pytest.mark.parametrize("name", ["COLUMNS", "LINES", "TERMINAL_WIDTH"])
@pytest.mark.parametrize("value", ["0", "-5", "x", "", "\u00b2", "9" * 5000, "1e3", " 80", "99999"])
def test_a_width_that_is_none_is_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    streams.take_over()
    assert name not in os.environ
    monkeypatch.setenv(name, "132")
    streams.take_over()
    assert os.environ[name] == "132"


def test_a_working_directory_that_is_gone_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    streams.take_over()
    assert Path.cwd() == Path("/")

"""Pings of runs to a monitor: what it is told, and that it never holds a run up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError
from rig import Ended, HereRig

from veracore_sync.cli.commands import COMMANDS as PROGRAM
from veracore_sync.composition import pings
from veracore_sync.config import HookSettings
from veracore_sync.config.pings import PingedJob
from veracore_sync.jobs.schedule import PINGED
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.upkeep import Upkeep
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.transport.ping import with_signal

KEY = "ping-key-that-nobody-may-see"


@dataclass
class Monitor:
    """A Healthchecks that answers as it is told."""

    url: str = ""
    status: int = 200
    heard: list[str] = field(default_factory=list)
    during: Callable[[], None] | None = None
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.status, self.heard, self.during = 200, [], None
        self.go_on.set()

    @property
    def signals(self) -> list[str]:
        """What was heard, by the path behind the key."""
        return [urlsplit(one).path.partition(f"/{KEY}/")[2] for one in self.heard]

    @property
    def runs(self) -> set[str]:
        return {parse_qs(urlsplit(one).query)["rid"][0] for one in self.heard}


@pytest.fixture(scope="module")
def served() -> Iterator[Monitor]:
    monitor = Monitor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            monitor.heard.append(self.path)
            if monitor.during is not None:
                monitor.during()
            monitor.go_on.wait(60)
            self.send_response(monitor.status)
            self.send_header("location", f"{monitor.url}/elsewhere?rid=x")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    monitor.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield monitor
    monitor.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def monitor(served: Monitor) -> Iterator[Monitor]:
    served.reset()
    yield served
    served.reset()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HereRig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        folder = tmp_path_factory.mktemp("pings")
        yield HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)


@pytest.fixture
def rig(world: HereRig, monitor: Monitor) -> HereRig:
    world.env = {"VERACORE_SYNC_HOOKS__PING_URL": f"{monitor.url}/{KEY}/{{job}}?create=1"}
    return world


def test_a_run_is_told_of_at_its_start_and_its_end(rig: HereRig, monitor: Monitor) -> None:
    assert rig.run("sync-orders").code == 0
    assert monitor.signals == ["orders/start", "orders"]
    # The monitor matches the two, also where runs of other hosts come between them.
    assert len(monitor.runs) == 1
    assert all("create=1" in one for one in monitor.heard)
    assert rig.run("ledger", "prune").code == 0
    assert monitor.signals[2:] == ["prune/start", "prune"]
    assert len(monitor.runs) == 2
    assert rig.run("ledger", "backup", "copy.db").code == 0
    assert rig.run("ledger", "backup", "copy.db").code == 74
    assert monitor.signals[4:] == ["backup/start", "backup", "backup/start", "backup/74"]


def test_a_failure_is_told_with_its_exit_code(rig: HereRig, monitor: Monitor) -> None:
    down = {"VERACORE_API_URL": "http://127.0.0.1:9"}
    down["VERACORE_SYNC_LEDGER__PATH"] = str(rig.folder / "down.db")
    ended = rig.run("sync-tracking", **down)
    assert monitor.signals == ["tracking/start", f"tracking/{ended.code}"]
    assert ended.code == 69
    # A ledger that cannot be opened: the run never began, and has failed.
    assert rig.run("sync-orders", VERACORE_SYNC_LEDGER__PATH=str(rig.folder)).code == 74
    assert monitor.signals[2:] == ["orders/74"]


def test_what_a_person_has_to_do_is_no_failure_of_the_job(rig: HereRig, monitor: Monitor) -> None:
    """Of that an alert tells, once; a check that stays down would tell it with each run."""
    rig.control("stock", {"stock": [{"sku": "NOBODYS", "on_hand": 1}]})
    assert rig.run("sync-inventory").code == 3
    assert monitor.signals == ["inventory/start", "inventory"]


def test_a_bug_is_told_of(rig: HereRig, monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Upkeep, "prune", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        rig.run("ledger", "prune")
    assert monitor.signals == ["prune/start", "prune/1"]


@pytest.mark.parametrize(
    "command",
    [
        "sync-orders --dry-run",
        "sync-inventory --dry-run",
        "sync-tracking --dry-run",
        "sync-returns --dry-run",
        "reconcile --dry-run",
        "sync-orders --order A",
        "reconcile --order A",
        "stats",
        "retry --all",
    ],
)
def test_what_no_timer_runs_says_nothing(rig: HereRig, monitor: Monitor, command: str) -> None:
    rig.run(*command.split())
    assert monitor.heard == []


def test_a_run_that_finds_its_job_taken_says_nothing(rig: HereRig, monitor: Monitor) -> None:
    """The run that has it tells of itself."""
    with (
        closing(open_ledger(rig.ledger_path)) as ledger,
        ledger.runs.lock("orders", "sync-orders"),
    ):
        assert rig.run("sync-orders").code == 75
    assert monitor.heard == []


def test_nothing_waits_while_the_end_is_told(rig: HereRig, monitor: Monitor) -> None:
    """Neither the job's lock nor a transaction is held over the network."""
    wrote: list[str] = []

    def write() -> None:
        if monitor.signals[-1] != "orders":
            return
        with (
            closing(open_ledger(rig.ledger_path)) as ledger,
            ledger.runs.lock("orders", "another"),
            ledger.unit_of_work(),
        ):
            ledger.meta.put("told", "x")
        # The run is on record before it is told of.
        wrote.append(str(ledger_exit(rig)))

    monitor.during = write
    assert rig.run("sync-orders").code == 0
    assert wrote == ["0"]


def ledger_exit(rig: HereRig) -> int | None:
    with rig.ledger() as ledger:
        last = ledger.runs.last_ended("sync-orders")
        return last.exit_code if last else None


def test_a_monitor_that_hangs_costs_its_time_limit(
    rig: HereRig, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "SECONDS", 0.2)
    monitor.go_on.clear()
    ended = rig.run("ledger", "prune", "--json")
    assert ended.code == 0
    json.loads(ended.out)
    # No end comes before the start, however long that takes.
    assert monitor.signals[0] == "prune/start"
    assert "ping" not in ended.err
    # A process would have ended; here the last ping follows.
    monitor.go_on.set()
    deadline = time.monotonic() + 600
    while len(monitor.heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert monitor.signals == ["prune/start", "prune"]


@pytest.mark.parametrize(
    ("status", "told"), [(302, "HTTP 302"), (404, "HTTP 404"), (503, ""), (429, "")]
)
def test_an_answer_changes_nothing(rig: HereRig, monitor: Monitor, status: int, told: str) -> None:
    monitor.status = status
    ended = rig.run("ledger", "prune")
    assert ended.code == 0
    # A redirect would take the address, which is a secret, to another host.
    assert monitor.signals == ["prune/start", "prune"]
    # A wrong address is told of; that the monitor is away, the monitor knows itself.
    assert ended.err.count("hooks.ping_url was not taken") == (2 if told else 0)
    assert told in ended.err
    assert KEY not in ended.out + ended.err


def test_nobody_there(rig: HereRig) -> None:
    url = f"http://127.0.0.1:9/{KEY}/{{job}}"
    ended = rig.run("--log-level", "debug", "ledger", "prune", VERACORE_SYNC_HOOKS__PING_URL=url)
    assert ended.code == 0
    assert "no answer" in ended.err
    assert KEY not in ended.err


def test_the_address_is_shown_nowhere(rig: HereRig, monitor: Monitor) -> None:
    urls = json.dumps({"orders": f"{monitor.url}/{KEY}/own"})
    more = {"VERACORE_SYNC_HOOKS__PING_URLS": urls}
    for command in ("config show", "config show --json", "doctor --offline", "stats --json"):
        ended = rig.run("--log-level", "debug", *command.split(), **more)
        assert KEY not in ended.out + ended.err, command
        assert ("hooks.ping_url is reached directly" in ended.out) == ("doctor" in command)
    bad = rig.run("config", "show", VERACORE_SYNC_HOOKS__PING_URL=f"ftp://x/{KEY}/{{job}}")
    assert bad.code == 78
    assert KEY not in bad.out + bad.err
    # Of these two, the job's own.
    assert rig.run("sync-orders", **more).code == 0
    assert monitor.signals == ["own/start", "own"]


def test_it_goes_through_the_proxy_of_the_hooks(rig: HereRig, monitor: Monitor) -> None:
    ended = rig.run(
        "ledger",
        "prune",
        VERACORE_SYNC_HOOKS__PROXY=monitor.url,
        VERACORE_SYNC_HOOKS__ALLOW_HTTP="true",
        VERACORE_SYNC_HOOKS__PING_URL=f"http://monitor.example/{KEY}/{{job}}",
    )
    assert ended.code == 0, ended.err
    assert [urlsplit(one).netloc for one in monitor.heard] == ["monitor.example"] * 2


class FileRig(HereRig):
    """Is configured by its files alone."""

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder)}


def test_each_shop_of_a_folder_has_its_own(monitor: Monitor, tmp_path: Path) -> None:
    for name in ("east", "west"):
        (tmp_path / f"{name}.toml").write_text(
            f'[vendure]\nadmin_api_url = "https://{name}.example/admin-api"\n'
            f'[ledger]\npath = "{tmp_path / name}.db"\n'
            f'[hooks]\nping_url = "{monitor.url}/{KEY}/{name}-{{job}}"\n'
        )
        (tmp_path / f"{name}.toml").chmod(0o600)
        open_ledger(tmp_path / f"{name}.db").close()
    rig = FileRig(tmp_path, "", "", "", SimpleNamespace(url=""))  # type: ignore[arg-type]
    ended: Ended = rig.run("--config", str(tmp_path), "ledger", "prune")
    assert ended.code == 0, ended.err
    assert monitor.signals == ["east-prune/start", "east-prune", "west-prune/start", "west-prune"]
    assert len(monitor.runs) == 2


def test_every_job_that_a_timer_starts_is_told_of() -> None:
    units = Path(__file__).parents[2] / "systemd"
    jobs = {
        one.stem.removeprefix("veracore-sync-").removesuffix("@") for one in units.glob("*.timer")
    }
    assert jobs | {"backup"} == set(PINGED.values()) == set(PingedJob.__args__)  # type: ignore[attr-defined]
    assert {command.split()[0] for command in PINGED} <= set(PROGRAM)


@pytest.mark.parametrize(
    ("url", "signal", "expected"),
    [
        ("https://hc.example/uuid", "", "https://hc.example/uuid?rid=r"),
        ("https://hc.example/uuid/", "start", "https://hc.example/uuid/start?rid=r"),
        ("https://hc.example/k/s?create=1", "69", "https://hc.example/k/s/69?create=1&rid=r"),
    ],
)
def test_the_address_of_a_signal(url: str, signal: str, expected: str) -> None:
    assert with_signal(url, signal, "r") == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ping_url": "https://hc.example/uuid"}, "must hold {job}"),
        ({"ping_url": "https://hc.example/?job={job}"}, "must hold {job}"),
        ({"ping_url": "https://user:pw@hc.example/{job}"}, "must not hold a user"),
        ({"ping_url": "http://hc.example/{job}"}, "hooks.allow_http"),
        ({"ping_urls": {"orders": "http://hc.example/uuid"}}, "hooks.allow_http"),
        ({"ping_urls": {"orders": "uuid"}}, "must be an address"),
        ({"ping_urls": {"order": "https://hc.example/uuid"}}, "orders"),
    ],
)
def test_what_is_no_address_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        HookSettings(**given)
    assert "uuid" not in str(refused.value).replace("your-uuid", "")


def test_a_job_without_an_address_is_told_nowhere() -> None:
    one = HookSettings.model_validate({"ping_urls": {"orders": "https://hc.example/uuid"}})
    assert (one.ping_of("orders"), one.ping_of("prune")) == ("https://hc.example/uuid", "")

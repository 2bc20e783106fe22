"""What every test shares: an environment without a developer's settings, and the real Vendure.

Tests that use the real servers are marked ``vendure`` and ``postgres`` by the fixtures they ask
for. Where node or PostgreSQL is missing they skip and say what to install; with
VERACORE_SYNC_REQUIRE_REAL=1, as in CI, that is a failure.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import new_ledgers
import pytest
import typer.main
import typer.testing
from hypothesis import HealthCheck, settings
from order_hook_kit import install_hooks as install_hooks
from present import missing
from realvendure import RealVendure, StartVendure
from turns import take_turns
from vendure_bed import (
    BedMissing,
    MariaCluster,
    Options,
    PostgresCluster,
    VendureServer,
    install_vendure,
    new_server,
)
from vendure_cells import USUAL, chosen

import veracore_sync
from veracore_sync.cli import advice
from veracore_sync.cli.globals import Globals

# The same examples each time, so that a red run is the change's doing, and none for being slow
# on a busy machine. New examples: --hypothesis-profile=search.
settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("suite"), derandomize=False)
settings.load_profile("suite")

# The program is built from the signatures of its functions, which takes as long as many a command.
typer.testing._get_command = cache(typer.main.get_command)
new_ledgers.install()

_VENDURE = {"real_vendure_sqljs", "fresh_vendure", "module_vendure", "start_vendure"} | {
    "start_any_vendure",
    "maria_cluster",
}
_POSTGRES = {"real_vendure_pg", "module_vendure_pg", "postgres_cluster", "start_vendure_pg"}
# read before the environment is hidden
_CHOSEN = chosen() or USUAL
_CLUSTERS = {"postgres": "postgres_cluster", "mariadb": "maria_cluster"}
_SETTINGS = ("VERACORE", "VENDURE", "XDG_")
_SYSTEM = {"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"}
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


_LONGEST = ("real", "whole")
"""Folders of files with few tests that take minutes."""


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C must end what the tests start, also where they were started to ignore it (``&``).

    With ``-n``, files are begun in the sequence of `pytest_collection_modifyitems`, not those with
    most tests first: the longest have few, and at the end all but one processor would wait.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``-n`` alone, the tests of a file stay together, and in their sequence.

    Several files build one world for all of their tests, which takes longer than a test.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


_under_way: dict[str, float] = {}


def pytest_runtest_logstart(nodeid: str) -> None:
    """Remember what runs, for whoever has to end a suite that does not end by itself."""
    _under_way[nodeid] = time.monotonic()


def pytest_runtest_logfinish(nodeid: str) -> None:
    """It has ended."""
    _under_way.pop(nodeid, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was still running, where the suite was ended from outside."""
    now = time.monotonic()
    for nodeid, began in _under_way.items():
        terminalreporter.write_line(f"STILL RUNNING after {now - began:.0f} s: {nodeid}")


def pytest_collection_finish() -> None:
    """Import the whole program: Hypothesis draws values from the constants of what is imported."""
    for module in pkgutil.walk_packages(veracore_sync.__path__, "veracore_sync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # All this stays: a search for garbage need not walk over it again and again.
    gc.freeze()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests' homes are: the factory itself looks through all before it makes another."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, homes: Path) -> None:
    """Hide the developer's settings: variables, home, and a config.toml in the working folder."""
    # Options that a command of an earlier test was given.
    advice.remember(Globals())
    for name in list(os.environ):
        upper = name.upper()
        if name.startswith(_SETTINGS) or upper in _SYSTEM | _PROXIES:
            monkeypatch.delenv(name)
    home = Path(tempfile.mkdtemp(dir=homes))
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    monkeypatch.chdir(home)


_OURS = [Path(f"/{place}/veracore-sync") for place in ("etc", "var/lib", "var/backups", "run")]
"""Where the program keeps what is this machine's own."""
_found = {place for place in _OURS if place.exists()}


@pytest.fixture(autouse=True)
def machine_untouched() -> Iterator[None]:
    """Fail the test during which something of ours came to be on the machine itself."""
    yield
    made = [place for place in _OURS if place not in _found and place.exists()]
    _found.update(made)
    # A command whose environment names neither HOME nor a ledger goes there; as root it may.
    assert not made, f"{', '.join(map(str, made))} was made by this test, or by one beside it"


_QUICK = {"config", "inventory", "jobs", "transport", "vendure"}
"""Folders of rules and parts, whose tests seldom start a program or a shop."""
_NOT_QUICK = {
    "test_acts_table",
    "test_deadlines",
    "test_inventory_process",
    "test_list_limit",
    "test_orders_machine",
    "test_orders_machine_postgres",
    "test_rebuild_machine",
    "test_stock_machine",
    "test_vendure_real",
}


def _is_quick(path: Path) -> bool:
    return path.parent.name in _QUICK and path.stem not in _NOT_QUICK


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m quick``, do not even import the others: that alone takes a minute."""
    is_quick = config.getoption("markexpr") != "quick" or _is_quick(collection_path)
    return None if is_quick or collection_path.is_dir() else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the quick tests, and the others by the real servers that they ask for."""
    take_turns(config, items)
    items.sort(key=lambda item: item.path.parent.name not in _LONGEST)
    for item in items:
        if _is_quick(item.path):
            item.add_marker(pytest.mark.quick)
        wanted = set(getattr(item, "fixturenames", ()))
        if wanted & (_VENDURE | _POSTGRES):
            item.add_marker(pytest.mark.vendure)
        if wanted & _POSTGRES:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session")
def vendure_installed() -> None:
    """Install the locked npm packages where they are not; skips without node."""
    try:
        install_vendure(_CHOSEN.version)
    except BedMissing as why:
        missing(why)


@pytest.fixture(scope="session")
def seed_cache(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that keeps seeded data, where pytest has a cache from run to run."""
    if pytestconfig.pluginmanager.hasplugin("cacheprovider"):
        return pytestconfig.cache.mkdir("vendure-seeds")
    return tmp_path_factory.mktemp("vendure-seeds")


@pytest.fixture(scope="session")
def idle_vendures() -> Iterator[list[VendureServer]]:
    """Servers that a test has done with; the next one that wants such a server gets fresh data."""
    idle: list[VendureServer] = []
    yield idle
    for server in idle:
        server.stop()


_MOST_IDLE = 3


def _put_back(server: VendureServer, idle: list[VendureServer]) -> None:
    if server.can_renew:
        idle.append(server)
    else:
        server.stop()
    if len(idle) > _MOST_IDLE:
        idle.pop(0).stop()


def _start(request: pytest.FixtureRequest, stack: ExitStack, options: Options) -> RealVendure:
    """A server with data of its own, on the database of its options, while ``stack`` lives."""
    try:
        install_vendure(options.version)
    except BedMissing as why:
        missing(why)
    idle: list[VendureServer] = request.getfixturevalue("idle_vendures")
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    cluster = None
    if options.db != "sqljs":
        cluster = request.getfixturevalue(_CLUSTERS[options.db])
    server = next((one for one in idle if one.options == options), None)
    if server is not None:
        idle.remove(server)
        stack.callback(_put_back, server, idle)
        ready = server.renew(cluster.new_database(options) if cluster else "")
    else:
        folder = factory.mktemp("vendure") / "data"
        if cluster:
            server = cluster.new_server(options, folder)
        else:
            server = new_server(request.getfixturevalue("seed_cache"), options, folder)
        stack.callback(_put_back, server, idle)
        ready = server.start()
    vendure = RealVendure(ready, server)
    stack.callback(vendure.close)
    return vendure


def _on_postgres(**given: object) -> Options:
    """Options of a test of PostgreSQL alone; skips it where another database is chosen."""
    if _CHOSEN not in (USUAL, replace(_CHOSEN, db="postgres")):
        pytest.skip("is about PostgreSQL")
    return _CHOSEN.options(**{**given, "db": "postgres"})


@pytest.fixture
def start_vendure(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[StartVendure]:
    """Return a function that starts servers with any Options, each with data of its own."""
    with ExitStack() as stack:
        yield lambda **given: _start(request, stack, _CHOSEN.options(**given))


@pytest.fixture
def fresh_vendure(start_vendure: StartVendure) -> RealVendure:
    """Return a server that only this test uses."""
    return start_vendure()


@pytest.fixture(scope="module")
def module_vendure(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[RealVendure]:
    """Return a server that only the tests of this module use."""
    with ExitStack() as stack:
        yield _start(request, stack, _CHOSEN.options())


@pytest.fixture(scope="session")
def real_vendure_sqljs(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[RealVendure]:
    """Return the server that all tests share: make your own orders, and change nothing else."""
    with ExitStack() as stack:
        yield _start(request, stack, _CHOSEN.options())


ClusterT = TypeVar("ClusterT", PostgresCluster, MariaCluster)


def _running(kind: type[ClusterT]) -> Iterator[ClusterT]:
    """A private database server of this run; skips where it is not installed."""
    try:
        cluster = kind()
    except BedMissing as why:
        missing(why)
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster


@pytest.fixture(scope="session")
def postgres_cluster(vendure_installed: None) -> Iterator[PostgresCluster]:
    """Return the private PostgreSQL of this run; skips where it is not installed."""
    yield from _running(PostgresCluster)


@pytest.fixture(scope="module")
def module_vendure_pg(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[RealVendure]:
    """Return a server on PostgreSQL that only the tests of this module use."""
    with ExitStack() as stack:
        yield _start(request, stack, _on_postgres())


@pytest.fixture(scope="session")
def real_vendure_pg(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[RealVendure]:
    """Return the server on PostgreSQL that all tests share."""
    with ExitStack() as stack:
        yield _start(request, stack, _on_postgres())


@pytest.fixture
def start_vendure_pg(
    request: pytest.FixtureRequest, vendure_installed: None
) -> Iterator[StartVendure]:
    """Return a function that starts servers on PostgreSQL, each with a database of its own."""
    with ExitStack() as stack:
        yield lambda **given: _start(request, stack, _on_postgres(**given))


@pytest.fixture(scope="session")
def maria_cluster(vendure_installed: None) -> Iterator[MariaCluster]:
    """Return the private MariaDB of this run; skips where it is not installed."""
    yield from _running(MariaCluster)


@pytest.fixture
def start_any_vendure(request: pytest.FixtureRequest) -> Iterator[StartVendure]:
    """Return a function that starts servers of any version, on any database, with any options."""
    with ExitStack() as stack:
        yield lambda **given: _start(request, stack, Options(**given))

"""Several hosts, each with its own network, home, name and wrong clock, on one ledger.

Each runs all timers and ``serve-webhooks``. They are killed, stopped for longer than a lease, and
cut off from the ledger at a COMMIT, while orders, shipments and goods come in. In the end each
order and each shipment must be there once, and every delivery that was answered 2xx looked up.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import psycopg
import wrong_clock
from cutting_proxy import PORT, CuttingProxy, cutting
from rig import Rig
from server_kit import address, node_pair
from service_kit import SERVING, Deliveries, Service, well_ended
from whole_kit import Whole, whole

from veracore_sync.ledger.postgres.place import PostgresPlace

TIMERS: tuple[tuple[str, ...], ...] = (
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory", "--allow-mass-change"),
    ("sync-tracking",),
)
SCHEMA = "shop"
_SKEWS = (0.0, 420.0, -300.0, 95.0)
_CLIENTS = 1
_AT_WORK = 0.8
_ON_HAND = 20_000
_ENDS_WITHIN = 200


@dataclass
class Host(Rig):
    """A host: what it starts is in its own network namespace, if this machine lets us make one."""

    name: str = ""
    skew: float = 0.0
    namespace: bool = False
    port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        home = str(self.folder)
        return super().environment | {
            "HOME": home,
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CONFIG_HOME": f"{home}/config",
            wrong_clock.VARIABLE: str(self.skew),
        }

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, wrong_clock.__file__, *arguments]
        if not self.namespace:
            return program
        if arguments[0] == "serve-webhooks":
            program += ["--port", str(self.port)]
        named = ["unshare", "--uts", "sh", "-c", f'hostname {self.name}; exec "$@"', "sh"]
        return ["ip", "netns", "exec", self.name, *named, *program]


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_make_networks() -> bool:
    """Whether this user may make network namespaces here."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "socat", "unshare"))):
        return False
    name = f"vs{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return made


@contextmanager
def _network(host: Host, ports: list[int]) -> Iterator[None]:
    """A network with nothing in it but a way to those ports of ours, and one to its listener."""
    run = ["ip", "netns", "exec", host.name]
    subprocess.run(["ip", "netns", "add", host.name], check=True)
    relays: list[Popen[bytes]] = []
    try:
        subprocess.run([*run, "ip", "link", "set", "lo", "up"], check=True)
        here: list[str] = []
        for within, outside, port in [
            *((run, here, port) for port in ports),
            (here, run, host.port),
        ]:
            file = host.folder / f"{port}.sock"
            listens = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=50"
            relays += [
                Popen(
                    [*outside, "socat", f"UNIX-LISTEN:{file},fork", f"TCP:127.0.0.1:{port}"],
                    stderr=subprocess.DEVNULL,
                ),
                Popen(
                    [*within, "socat", listens, f"UNIX-CONNECT:{file}"],
                    stderr=subprocess.DEVNULL,
                ),
            ]
        yield
    finally:
        for one in relays:
            one.kill()
            one.wait(20)
        subprocess.run(["ip", "netns", "del", host.name], check=True)


@dataclass
class Takeover:
    """A holder that was killed, and how long its job stayed without one, by the server's clock."""

    job: str
    epoch: int
    died: float
    seconds: float | None = None


@dataclass
class Hosts:
    """All hosts at work, and who strikes them.

    Args:
        world: The shop and the simulator; its rig looks into the ledger directly.
        hosts: All of them.
        proxy: Which they reach the ledger by; ``None``: directly.
        lease: How long a job stays held, in seconds.
    """

    world: Whole
    hosts: list[Host]
    proxy: CuttingProxy | None
    lease: float
    ended: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    takeovers: list[Takeover] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.world)
        self.listeners = [Service(host, "serve-webhooks") for host in self.hosts]
        self._stop = threading.Event()
        self._running: dict[str, Popen[str]] = {}
        self._over: set[int] = set()

    # ---- at work ------------------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Every host runs its timers one after the other, and listens."""
        threads = []
        with ExitStack() as stack:
            for number, (host, listener) in enumerate(zip(self.hosts, self.listeners, strict=True)):
                delivered = Deliveries(self.world, self.deliveries.promises, host.skew)
                threads += [
                    threading.Thread(
                        target=self._guarded, args=(self._time, host, number), daemon=True
                    ),
                    threading.Thread(
                        target=self._guarded, args=(self._listen, host, listener), daemon=True
                    ),
                ]
                stack.enter_context(delivered.under_load(listener, _CLIENTS, number))
            for one in threads:
                one.start()
            try:
                yield
            finally:
                self._stop.set()
                for one in threads:
                    one.join(_ENDS_WITHIN)
                    assert not one.is_alive(), "a command does not end"
        if self.trouble:
            raise self.trouble[0]

    def _guarded(self, act: Any, *arguments: Any) -> None:
        try:
            act(*arguments)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            self.trouble.append(error)

    def _time(self, host: Host, number: int) -> None:
        turn = number
        while not self._stop.is_set():
            command = TIMERS[turn % len(TIMERS)]
            turn += 1
            process = host.start(*command)
            self._running[host.name] = process
            _, told = process.communicate(timeout=_ENDS_WITHIN)
            # 74: the connection to the ledger was cut.
            code = 0 if process.returncode == 74 else process.returncode
            well_ended(command, code, told, signals=(signal.SIGKILL,))
            self.ended[f"{command[0]} {process.returncode}"] += 1

    def _listen(self, host: Host, listener: Service) -> None:
        while not self._stop.is_set():
            process = host.start("serve-webhooks", *(() if host.namespace else ("--port", "0")))
            try:
                listener.attach(process)
            except AssertionError:
                # It was struck, or cut off, before it listened.
                process.kill()
                process.communicate(timeout=_ENDS_WITHIN)
                continue
            while listener.is_running() and not self._stop.wait(0.2):
                pass
            if self._stop.is_set():
                break
            _, told = process.communicate(timeout=_ENDS_WITHIN)
            code = 0 if process.returncode == 74 else process.returncode
            well_ended(("serve-webhooks",), code, told, signals=(signal.SIGKILL,))
        if listener.is_running():
            listener.end(signal.SIGTERM)

    # ---- what happens to them -----------------------------------------------------------------

    def live(self) -> None:
        """Something happens in the shop or at the warehouse."""
        dice = self.world.dice
        for _ in range(dice.randint(1, 2)):
            self.world.place()
        dice.choice((self.world.ship, self.world.restock))()
        self.no_more_for_sale_than_there_is()

    def no_more_for_sale_than_there_is(self) -> None:
        """Hosts write between two of our readings: only what stays so counts."""
        self.looks += 1
        for left in (4, 3, 2, 1, 0):
            try:
                self.world.never_more_for_sale_than_there_is()
            except AssertionError:
                if not left:
                    raise
                time.sleep(0.2)
            else:
                return

    def strike(self) -> None:
        """Kill or stop a process of a host, or cut a connection at its next COMMIT."""
        dice = self.world.dice
        how = dice.choice(("kill", "kill", "stop", "cut") if self.proxy else ("kill", "stop"))
        if how == "cut":
            assert self.proxy is not None
            if self.proxy.cut is None:
                self.proxy.cut = dice.choice(("before", "after"))
            return
        victim = self._victim()
        if victim is None or victim.poll() is not None or victim.pid in self._over:
            return
        if how == "kill":
            self._kill(victim)
        else:
            self._pause(victim)
        self.struck[how] += 1

    def _victim(self) -> Popen[str] | None:
        """Mostly one that holds a job now; who is struck while it starts has nothing to lose."""
        dice = self.world.dice
        services = [one.process for one in self.listeners if one.is_running()]
        running = [*self._running.values(), *services]
        if dice.random() < _AT_WORK:
            with self._asked() as connection:
                rows = connection.execute(
                    f"SELECT pid FROM {SCHEMA}.leases WHERE expires_at > clock_timestamp()"
                ).fetchall()
            holders = {row[0] for row in rows}
            running = [one for one in running if one.pid in holders]
        return dice.choice(running) if running else None

    def _kill(self, victim: Popen[str]) -> None:
        self._over.add(victim.pid)
        with self._asked() as connection:
            found = connection.execute(
                f"SELECT job, epoch, extract(epoch FROM clock_timestamp())::float8 "
                f"FROM {SCHEMA}.leases WHERE pid = %s AND expires_at > clock_timestamp()",
                [victim.pid],
            ).fetchall()
        victim.kill()
        self.takeovers += [Takeover(*row) for row in found]

    def _pause(self, victim: Popen[str]) -> None:
        self._over.add(victim.pid)
        victim.send_signal(signal.SIGSTOP)

        def go_on() -> None:
            with suppress(ProcessLookupError):
                victim.send_signal(signal.SIGCONT)
            self._over.discard(victim.pid)

        threading.Timer(1.3 * self.lease, go_on).start()

    @contextmanager
    def _asked(self) -> Iterator[psycopg.Connection[Any]]:
        assert self.world.rig.server is not None
        with psycopg.connect(self.world.rig.server.url, autocommit=True) as connection:
            yield connection

    def look_for_takeovers(self) -> None:
        """Note which jobs of killed holders have been taken since."""
        open_ones = [one for one in self.takeovers if one.seconds is None]
        if not open_ones:
            return
        with self._asked() as connection:
            rows = connection.execute(
                f"SELECT job, epoch, extract(epoch FROM since::timestamptz)::float8 "
                f"FROM {SCHEMA}.leases"
            ).fetchall()
        now = {job: (epoch, since) for job, epoch, since in rows}
        for one in open_ones:
            epoch, since = now[one.job]
            if epoch > one.epoch:
                one.seconds = since - one.died

    @property
    def cuts(self) -> int:
        """How many connections were cut at a COMMIT."""
        return self.proxy.cuts if self.proxy else 0

    # ---- the end ------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 200, *, keeps_all: bool = True) -> None:
        """One host is left and finishes; all books balance then.

        Args:
            within_seconds: How long that may last.
            keeps_all: The server has lost no commit.
        """
        world = self.world
        if self.proxy:
            self.proxy.cut = None
        self.look_for_takeovers()
        time.sleep(self.lease)
        world.run("breaker", "reset")
        listener = Service(world.rig, "serve-webhooks")
        listener.start()
        try:
            self.deliveries.wait_until_followed(listener, within_seconds)
        finally:
            listener.end(signal.SIGTERM)
        world.come_to_rest(within_seconds)
        world.books_balance()
        if keeps_all:
            world.ledger_agrees()
            world.events_agree()
            world.shipments_are_told()
            self.deliveries.are_covered()
        assert world.run("ledger", "check").code == 0


@contextmanager
def many_hosts(
    folder: Path, dialect: str, seed: int, *, count: int, lease: float, networks: bool
) -> Iterator[Hosts]:
    """So many hosts on one ledger that has begun."""
    with ExitStack() as stack:
        primary, _ = stack.enter_context(node_pair())
        proxy = stack.enter_context(cutting(primary.folder, folder))
        ledger = address(folder, port=PORT)
        yield stack.enter_context(
            hosts_on(
                folder,
                dialect,
                seed,
                count=count,
                lease=lease,
                networks=networks,
                direct=address(primary.folder),
                ledger=ledger,
                proxy=proxy,
            )
        )


@contextmanager
def hosts_on(
    folder: Path,
    dialect: str,
    seed: int,
    *,
    count: int,
    lease: float,
    networks: bool,
    direct: str,
    ledger: str,
    proxy: CuttingProxy | None = None,
) -> Iterator[Hosts]:
    """So many hosts on a ledger: `direct` is its address for the test, `ledger` that for them."""
    with ExitStack() as stack:
        world = stack.enter_context(whole(folder, dialect, seed, on_hand=_ON_HAND))
        stack.callback(world.rig.end)
        world.rig.server = PostgresPlace(direct, SCHEMA, lease_seconds=lease)
        # Nothing fails at the other ends here: what is slow is this machine, and is waited for.
        world.rig.env |= SERVING | {
            "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "20",
            "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "20",
        }
        for command in TIMERS:
            ended = world.run(*command)
            assert ended.code in (0, 3), ended
        place = replace(world.rig.server, url=ledger)
        hosts = []
        for number in range(count):
            name = f"vs{os.getpid()}-{number}"
            own = folder / name
            own.mkdir()
            host = Host(
                own,
                world.rig.shop_url,
                world.rig.username,
                world.rig.password,
                world.sandbox,
                dialect,
                dict(world.rig.env),
                place,
                name=name,
                skew=_SKEWS[number % len(_SKEWS)],
                namespace=networks,
                port=_free_port(),
            )
            hosts.append(host)
            if networks:
                ports = [
                    int(url.rpartition(":")[2].split("/")[0])
                    for url in (world.rig.shop_url, world.sandbox.url)
                ]
                stack.enter_context(_network(host, ports))
            stack.callback(host.end)
        yield Hosts(world, hosts, proxy, lease)


def strike_for(hosts: Hosts, seconds: float, dice: random.Random, pause: float) -> None:
    """Let life go on, and strike, for so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not hosts.trouble:
        hosts.live()
        hosts.strike()
        hosts.look_for_takeovers()
        time.sleep(dice.uniform(0, 2 * pause))

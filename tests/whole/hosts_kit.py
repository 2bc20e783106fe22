"""Several hosts, each with its own network, home, name and wrong clock, on one ledger.

Each runs all timers and ``serve-webhooks``. They are killed, stopped for longer than a lease, and
cut off from the ledger at a COMMIT, while orders, shipments and goods come in. In the end each
order and each shipment must be there once, and every delivery that was answered 2xx looked up.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import pooler
import psycopg
import wrong_clock
from cutting_proxy import PORT, CuttingProxy, cutting
from fork_host import Forked, ForkHost
from rig import HereRig, Rig
from server_kit import Node, address, node_pair
from service_kit import SERVING, Deliveries, Service, well_ended
from strikes_kit import Striker, StruckSandbox
from whole_kit import SKUS, Whole, whole_between

from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.sandbox.shop import SmallShop

TIMERS: tuple[tuple[str, ...], ...] = (
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory",),
    ("sync-tracking",),
)
"""What they start in turns; once it has read everything, `sync-inventory` reads what changed."""
SCHEMA = "shop"
_SKEWS = (0.0, 420.0, -300.0, 95.0)
_CLIENTS = 1
_ON_HAND = 20_000
_ENDS_WITHIN = 200
_BETWEEN_DELIVERIES = (0.1, 0.6)
_LOOK_EVERY = 3
_RESTART_SECONDS = 15.0
"""Until a host starts its listener again that found another one at work."""
_REST_SECONDS = 0.4
_CUT_SHARE = 0.25


@dataclass
class Host(Rig):
    """A host: what it starts is in its own namespaces, if this machine lets us make some.

    Its network has a way to the shop, the warehouse and its own listener; its home is a file system
    of its own, and all others are read-only, but for the folder in which hooks and sockets are.
    """

    name: str = ""
    skew: float = 0.0
    namespace: bool = False
    port: int = 0
    forks: ForkHost | None = None

    @property
    def environment(self) -> dict[str, str]:
        home = str(self.folder)
        return super().environment | {
            "HOME": home,
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CONFIG_HOME": f"{home}/config",
            wrong_clock.VARIABLE: str(self.skew),
        }

    def boot(self) -> None:
        """Start it, and the program in it."""
        around: list[str] = []
        if self.namespace:
            script = (
                'hostname "$1"; mount --bind "$2" "$2"; mount -t tmpfs home "$3"; '
                'mount -o remount,bind,ro /; shift 3; exec "$@"'
            )
            shared, own = str(self.folder.parent), str(self.folder)
            apart = ["unshare", "--uts", "--mount", "sh", "-ec", script, "sh"]
            around = ["ip", "netns", "exec", self.name, *apart, self.name, shared, own]
        self.forks = ForkHost(self.folder.parent, around, super().environment)

    def fork(self, *arguments: str, **env: str) -> Forked:
        """Start a command on it."""
        assert self.forks is not None
        if arguments[0] == "serve-webhooks":
            arguments += ("--port", str(self.port if self.namespace else 0))
        return self.forks.start(arguments, self.environment | env, str(self.folder))


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
            one.wait(60)
        subprocess.run(["ip", "netns", "del", host.name], check=True)


@dataclass
class Hosts:
    """All hosts at work, and who strikes them.

    Args:
        world: The shop and the simulator; its rig looks into the ledger directly.
        hosts: All of them.
        proxy: Which they reach the ledger by; ``None``: directly.
        lease: How long a job stays held, in seconds.
        node: The server, if it is started again now and then.
    """

    world: Whole
    hosts: list[Host]
    proxy: CuttingProxy | None
    lease: float
    node: Node | None = None
    ended: Counter[str] = field(default_factory=Counter)
    trouble: list[BaseException] = field(default_factory=list)
    looks: int = 0
    restarts: int = 0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.world)
        self.listeners = [Service(host, "serve-webhooks") for host in self.hosts]
        sandbox = self.world.sandbox
        assert isinstance(sandbox, StruckSandbox)
        self.striker = Striker(self._asked, SCHEMA, sandbox, self.lease, self.world.dice)
        self._stop = threading.Event()
        self._turns = 0

    # ---- at work ------------------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Every host runs its timers one after the other, and listens."""
        threads = []
        with ExitStack() as stack:
            for number, (host, listener) in enumerate(zip(self.hosts, self.listeners, strict=True)):
                # A listener goes by the ledger's clock, whatever its host's says.
                delivered = Deliveries(
                    self.world, self.deliveries.promises, pauses=_BETWEEN_DELIVERIES
                )
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
        except Exception as error:  # noqa: BLE001 - told at the end, by the test's own thread
            self.trouble.append(error)

    def _time(self, host: Host, number: int) -> None:
        turn = number
        while not self._stop.wait(random.uniform(0, _REST_SECONDS)):
            command = TIMERS[turn % len(TIMERS)]
            turn += 1
            plan = self.striker.plan(command[0])
            process = host.fork(*command, **(plan.environment if plan else {}))
            self.striker.follow(command[0], process, plan)
            self._ended(command, process)

    def _ended(self, command: tuple[str, ...], process: Forked) -> None:
        _, told = process.communicate(timeout=_ENDS_WITHIN)
        assert process.returncode is not None
        # 74: the connection to the ledger was cut.
        code = 0 if process.returncode == 74 else process.returncode
        self.said.append(f"{time.time():.3f} {process.pid} {command} {process.returncode} {told}")
        # SIGTERM: it was ended here before it listened.
        well_ended(command, code, told, signals=(signal.SIGKILL, signal.SIGTERM))
        self.ended[f"{command[0]} {process.returncode}"] += 1

    def _listen(self, host: Host, listener: Service) -> None:
        command = ("serve-webhooks",)
        while not self._stop.is_set():
            plan = self.striker.plan(command[0])
            process = host.fork(*command, **(plan.environment if plan else {}))
            reader = threading.Thread(
                target=listener.attach_if_it_listens, args=(process,), daemon=True
            )
            reader.start()
            self.striker.follow(command[0], process, plan, self._stop)
            if process.poll() is None:
                break
            reader.join(_ENDS_WITHIN)
            self._ended(command, process)
            self._stop.wait(_RESTART_SECONDS if process.returncode == 75 else 0.3)
        else:
            return
        if not process.is_stopped():
            process.send_signal(signal.SIGTERM)
        else:
            process.kill()
        reader.join(_ENDS_WITHIN)
        self._ended(command, process)

    # ---- what happens to them -----------------------------------------------------------------

    def live(self) -> None:
        """Something happens in the shop or at the warehouse."""
        dice = self.world.dice
        for _ in range(dice.randint(1, 3)):
            # There is enough of everything; to ask first would take longer than to order.
            self.world.shop.state.place_order([(dice.choice(SKUS), dice.randint(1, 3))])
        dice.choice((self.world.ship, self.world.ship, self.world.restock))()
        self._turns += 1
        if self._turns % _LOOK_EVERY == 0:
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

    def cut(self) -> None:
        """Cut a connection at its next COMMIT."""
        if self.proxy is not None and self.proxy.cut is None:
            self.proxy.cut = self.world.dice.choice(("before", "after"))

    def restart_server(self) -> None:
        """End the ledger's server in good order or not, and start it again."""
        assert self.node is not None
        self.world.dice.choice((self.node.stop, self.node.crash))()
        self.node.start()
        self.restarts += 1

    @contextmanager
    def _asked(self) -> Iterator[psycopg.Connection[Any]]:
        assert self.world.rig.server is not None
        with psycopg.connect(self.world.rig.server.url, autocommit=True) as connection:
            yield connection

    @property
    def cuts(self) -> int:
        """How many connections were cut at a COMMIT."""
        return self.proxy.cuts if self.proxy else 0

    @property
    def refused_doubles(self) -> int:
        """Creates of an order that was there, which the warehouse has refused."""
        return sum(one["submissions"] - 1 for one in self.world.rig.control("orders")["orders"])

    # ---- the end ------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 600, *, keeps_all: bool = True) -> None:
        """One host is left and finishes; all books balance then.

        Args:
            within_seconds: How long that may last.
            keeps_all: The server has lost no commit.
        """
        world = self.world
        if self.proxy:
            self.proxy.cut = None
        self.striker.look_for_takeovers()
        self.striker.sandbox.armed = None
        time.sleep(self.lease)
        while self.striker.sandbox.holding:
            time.sleep(0.1)
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
            world.ledger_agrees(once=not self.striker.struck)
            world.events_agree()
            world.shipments_are_told()
            self.deliveries.are_covered()
        assert world.run("ledger", "check").code == 0


@contextmanager
def many_hosts(
    folder: Path,
    dialect: str,
    seed: int,
    *,
    count: int,
    lease: float,
    networks: bool,
    real: bool = False,
    pooled: bool = False,
) -> Iterator[Hosts]:
    """So many hosts on one ledger that has begun.

    Args:
        folder: Theirs.
        dialect: The warehouse's.
        seed: Of the dice.
        count: How many.
        lease: In seconds.
        networks: Give them namespaces.
        real: The shop is a real Vendure.
        pooled: Through a pgbouncer in transaction mode.
    """
    with ExitStack() as stack:
        primary, _ = stack.enter_context(node_pair())
        if pooled:
            socket_folder = stack.enter_context(pooler.pooled(primary.folder))
            proxy = stack.enter_context(cutting(socket_folder, folder, pooler.PORT))
        else:
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
                node=primary,
                real=real,
            )
        )


@contextmanager
def _between(folder: Path, dialect: str, seed: int, *, real: bool) -> Iterator[Whole]:
    """The commands between the shop and a warehouse that strikes."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(StruckSandbox(strict=True))
        settings: dict[str, str] = {}
        if real:
            # Its kit needs what only the tests of a real Vendure have.
            from real_shop_kit import real_shop

            shop, settings = stack.enter_context(real_shop(_ON_HAND))
        else:
            shop = stack.enter_context(SmallShop(seed=seed))
            for sku in SKUS:
                shop.state.add_variant(sku, sku.title(), 1000, _ON_HAND)
        world = whole_between(
            shop, sandbox, folder, dialect, seed, on_hand=_ON_HAND, rigged=HereRig
        )
        world.rig.env |= settings
        yield world


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
    node: Node | None = None,
    real: bool = False,
) -> Iterator[Hosts]:
    """So many hosts on a ledger: `direct` is its address for the test, `ledger` that for them."""
    with ExitStack() as stack:
        world = stack.enter_context(_between(folder, dialect, seed, real=real))
        stack.callback(world.rig.end)
        world.rig.server = PostgresPlace(direct, SCHEMA, lease_seconds=lease)
        # Nothing fails at the other ends here: what is slow is this machine, and is waited for.
        world.rig.env |= SERVING | {
            "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "20",
            "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "20",
        }
        first = ("sync-inventory", "--allow-mass-change")
        for command in (TIMERS[0], first, *TIMERS[2:]):
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
            host.boot()
            assert host.forks is not None
            stack.callback(host.forks.end)
        yield Hosts(world, hosts, proxy, lease, node)


def strike_for(
    hosts: Hosts,
    seconds: float,
    dice: random.Random,
    pause: float,
    least: int = 0,
    cut_share: float = _CUT_SHARE,
) -> None:
    """Let life go on, and strike, for so long, and until so many strikes have met somebody."""
    began = time.monotonic()
    while not hosts.trouble:
        ours = hosts.striker.total + hosts.cuts
        if time.monotonic() - began >= (seconds if ours >= least else 300.0):
            break
        hosts.live()
        if dice.random() < cut_share:
            hosts.cut()
        hosts.striker.look_for_takeovers()
        time.sleep(dice.uniform(0, 2 * pause))


def keep(hosts: Hosts, seed: int) -> None:
    """Keep what a person needs to see why something did not hold."""
    folder = Path(tempfile.mkdtemp(prefix=f"many-hosts-{seed}-", dir="/tmp"))
    assert hosts.node is not None
    hosts.node.dump(folder / "ledger.sql")
    placed = hosts.world.rig.control("orders")
    (folder / "warehouse.json").write_text(json.dumps(placed, indent=1))
    (folder / "shop.txt").write_text("\n".join(map(repr, hosts.world.shop.state.orders.values())))
    (folder / "said.txt").write_text("\n".join(hosts.said))
    sys.stderr.write(f"kept in {folder}\n")

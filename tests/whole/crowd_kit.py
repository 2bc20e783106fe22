"""Everybody at once on one ledger: both services under load, every timer and every upkeep command.

SIGKILL and SIGTERM strike any of them at random moments; a struck service is started again. After
each step what was promised must be in the ledger that a stranger opens, SQLite must find it whole,
and nobody may have worked on a file of it that was deleted.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from subprocess import Popen

from service_kit import (
    SERVING,
    Deliveries,
    Orphans,
    Service,
    is_whole,
    running,
    same_counts,
    well_ended,
)
from whole_kit import SKUS, Whole, whole

Command = tuple[str, ...]
COPY = "copy.db"
REPAIRED = (
    "paid_not_sent,sent_not_in_ledger,cancelled_here_live_there,shipped_not_fulfilled,"
    "tracking_differs,stock_differs"
)
COMMANDS: tuple[Command, ...] = (
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory", "--allow-mass-change"),
    ("sync-tracking",),
    ("deliver",),
    ("sync-orders", "--allow-first-run"),
    ("stats", "--json"),
    ("breaker", "reset"),
    ("ledger", "prune"),
    ("ledger", "backup", COPY),
    ("ledger", "check"),
    ("ledger", "export"),
    ("doctor",),
    ("reconcile",),
    ("reconcile", "--apply", REPAIRED),
)
"""What runs beside the services; each once before one of them comes again."""

_MUTATIONS = (
    "mutation { forceVeracoreInventorySync { success error } }",
    "mutation { forceVeracoreTrackingSync { success error } }",
    'mutation { syncVeracoreInventoryForSku(sku: "MUG") { success error } }',
    'mutation { syncVeracoreTrackingForOrder(orderId: "%s") { success error } }',
    'mutation { retryVeracoreOrderSync(orderId: "%s") { success error } }',
    "{ veracoreOrderSyncStats { totalSynced } veracoreFailedOrderSyncs { id } }",
)
_SIGNALS = (signal.SIGKILL, signal.SIGTERM)
_AT_ONCE = 4
_CLIENTS = 3
_STRUCK = 0.4
_LIFE_SECONDS = 1.2
_ON_HAND = 4000


@dataclass
class Acts:
    """What people do at the Admin API, also at one that comes up again; `count` times.

    Args:
        world: The shop whose orders they name.
        admin: ``serve-admin``.
    """

    world: Whole
    admin: Service
    count: int = 0
    trouble: list[str] = field(default_factory=list)

    @contextmanager
    def under_way(self, seed: float) -> Iterator[None]:
        """One act after the other, with little rest."""
        stop = threading.Event()
        thread = threading.Thread(target=self._act, args=(stop, random.Random(seed)), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(120)
            assert not thread.is_alive(), "an act has no answer"

    def _act(self, stop: threading.Event, dice: random.Random) -> None:
        while not stop.wait(dice.uniform(0.05, 0.5)):
            query = dice.choice(_MUTATIONS)
            if "%s" in query:
                query %= dice.choice(list(self.world.shop.state.orders.values())).code
            try:
                self.admin.graphql(query)
                self.count += 1
            except (OSError, HTTPException):
                continue
            except AssertionError as error:
                self.trouble.append(f"{query}: {error}")


@dataclass
class Crowd:
    """Both services, the commands, and who strikes them.

    Args:
        world: The shop and the simulator.
        listener: ``serve-webhooks``.
        admin: ``serve-admin``.

    `strikes` counts the signals by who was struck, `ended` the commands that came to their end.
    """

    world: Whole
    listener: Service
    admin: Service
    strikes: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = self.world.dice
        self._deck: list[Command] = []
        self._running: list[Popen[str]] = []
        self.deliveries = Deliveries(self.world)
        self.acts = Acts(self.world, self.admin)
        self.orphans = Orphans(self.world.rig.ledger_path, self._pids)

    def _pids(self) -> list[int]:
        services = [one.pid for one in (self.listener, self.admin) if one.is_running()]
        return services + [run.pid for run in tuple(self._running) if run.poll() is None]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Deliveries and mutations come in, and the looks at the files go on."""
        with (
            self.deliveries.under_load(self.listener, _CLIENTS, self._dice.random()),
            self.acts.under_way(self._dice.random()),
            self.orphans.watched(),
        ):
            yield

    # ---- a step -------------------------------------------------------------------------------

    def step(self) -> None:
        """Four commands at once, some of which are struck, and then perhaps a service, too."""
        for _ in range(self._dice.randint(1, 3)):
            self.world.place()
        self._dice.choice((self.world.ship, self.world.restock))()
        runs = {self.world.rig.start(*one): one for one in self._drawn()}
        self._running = list(runs)
        began = time.monotonic()
        dooms = {run: self._dice.uniform(0, _LIFE_SECONDS) for run in runs if self._is_struck()}
        for run, moment in sorted(dooms.items(), key=lambda doom: doom[1]):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            self._strike(runs[run], run)
        if self._is_struck():
            self._strike_service(self._dice.choice((self.listener, self.admin)))
        for run, command in runs.items():
            _, told = run.communicate(timeout=300)
            well_ended(command, run.returncode, told, signals=_SIGNALS)
            self.ended[" ".join(command[:2])] += 1
        self._look()

    def _drawn(self) -> list[Command]:
        if len(self._deck) < _AT_ONCE:
            self._deck += self._dice.sample(COMMANDS, len(COMMANDS))
        drawn, self._deck = self._deck[:_AT_ONCE], self._deck[_AT_ONCE:]
        return drawn

    def _is_struck(self) -> bool:
        return self._dice.random() < _STRUCK

    def _strike(self, command: Command, run: Popen[str]) -> None:
        if run.poll() is None:
            run.send_signal(self._dice.choice(_SIGNALS))
            self.strikes[" ".join(command[:2])] += 1

    def _strike_service(self, service: Service) -> None:
        service.end(self._dice.choice(_SIGNALS))
        self.strikes[service.command] += 1
        service.start()

    def _look(self) -> None:
        """What a stranger finds who opens the ledger now."""
        self.orphans.none()
        self.deliveries.are_stored()
        is_whole(self.world.rig.ledger_path)
        assert self.listener.is_running()
        assert self.admin.is_running()
        assert not self.acts.trouble, self.acts.trouble
        copy = self.world.rig.folder / COPY
        if copy.exists():
            with closing(sqlite3.connect(copy)) as opened:
                assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            copy.unlink()

    # ---- the end ------------------------------------------------------------------------------

    def settle(self, within_seconds: float = 600) -> None:
        """Let everybody finish; all books balance then, and everybody counts the same."""
        ledger = self.world.rig.ledger_path
        self.deliveries.wait_until_followed(self.listener, within_seconds)
        same_counts(self.listener, ledger)
        told = self.admin.graphql("{ veracoreOrderSyncStats { totalSynced totalPending } }")
        fresh = self.world.run("stats", "--json").json["orders"]
        stats = told["veracoreOrderSyncStats"]
        assert stats == {name: fresh[name] for name in stats}
        for service in (self.listener, self.admin):
            service.end(signal.SIGTERM)
        self.world.come_to_rest(within_seconds)
        self.world.books_balance()
        self.world.ledger_agrees()
        self.world.events_agree()
        self.world.shipments_are_told()
        self.deliveries.are_covered()
        self.orphans.none()
        assert self.world.run("ledger", "check").code == 0
        for service in (self.listener, self.admin):
            service.start()


@contextmanager
def crowd(folder: Path, dialect: str, seed: int) -> Iterator[Crowd]:
    """A shop that has begun, with both services running."""
    with whole(folder, dialect, seed, on_hand=_ON_HAND) as world:
        # Nothing fails at the other ends here: what is slow is this machine, and is waited for.
        world.rig.env |= SERVING | {
            "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "3",
            # What is on its way to the others counts as different, and is repaired beside them.
            "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "20",
            "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "20",
        }
        for sku in SKUS:
            world.stock(sku, _ON_HAND)
        try:
            for name in ("sync-inventory", "sync-orders", "sync-tracking"):
                [command] = {one for one in COMMANDS if one[0] == name}
                assert world.run(*command).code in (0, 3)
            world.place()
            with (
                running(world.rig, "serve-webhooks") as listener,
                running(world.rig, "serve-admin") as admin,
            ):
                yield Crowd(world, listener, admin)
        finally:
            world.rig.end()

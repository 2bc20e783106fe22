"""The timers of a shop, and the great troubles that befall them, one a day by turns."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from days_books import Books
from tracking_world import TestClock, World

from veracore_sync.composition.inventory import sync_inventory
from veracore_sync.composition.locked_run import Job, Work, run_locked
from veracore_sync.composition.orders import sync_orders
from veracore_sync.composition.returns import sync_returns
from veracore_sync.composition.tracking import sync_tracking
from veracore_sync.domain.errors import AuthRefused, SyncError
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.schedule import COMMANDS

_FAULTS = ("http_503", "reset_before", "reset_after", "html_500")


class HostClock(TestClock):
    """The clock of the timers' host: its wall can be set, what counts seconds goes on."""

    off = timedelta(0)

    def now(self) -> datetime:
        return self.at + self.off

    def true(self) -> datetime:
        """What shop and warehouse go by."""
        return self.at


@dataclass
class Timers:
    """What the timers start.

    Args:
        bed: Both ends.
        books: Looked at after each run that brought stock.
        told: Counts the runs that were cut short or refused.
        locked_out: Whether the configuration has an old password.
        takes_back: Whether goods come back.
    """

    bed: World
    books: Books
    told: Counter[str]
    locked_out: bool = False
    takes_back: bool = False

    def tick(self) -> None:
        """All of them; whoever cannot, ends, and the next goes on."""
        parked = self._parked()
        more = (self.take_back,) if self.takes_back else ()
        for job in (self.send, self.track, self.bring_stock, *more):
            try:
                job()
            except AuthRefused as error:
                assert self.locked_out, error
                self.told["refused"] += 1
            except SyncError:
                self.told["cut short"] += 1
        assert self._parked() == parked, "an order was parked"

    def come_to_rest(self) -> None:
        """With both ends up: a few rounds, and a look at every order."""
        for _ in range(4):
            self.bed.clock.forward(minutes=20)
            self.tick()
        self.track(force=True)
        self.bring_stock()

    def _parked(self) -> int:
        return self.bed.parts.ledger.orders.counts()["parked"]

    def send(self) -> None:
        """Orders."""
        options = RunOptions(allow_first_run=True)
        self._run("orders", lambda parts: sync_orders(parts, options))

    def track(self, *, force: bool = False) -> None:
        """Shipments."""
        options = RunOptions(force=force)
        self._run("tracking", lambda parts: sync_tracking(parts, options))

    def bring_stock(self) -> None:
        """Stock, that must be right from then on."""
        options = RunOptions(allow_mass_change=True)
        self._run("inventory", lambda parts: sync_inventory(parts, options))
        self.books.look_there()
        self.books.never_oversold()

    def take_back(self) -> None:
        """Goods that came back."""
        self._run("returns", lambda parts: sync_returns(parts, RunOptions()))

    def _run(self, job: str, work: Work) -> None:
        """As the command does, with a record of the run: `reconcile` goes by it."""
        recorded = Job(COMMANDS[job], job, record=True)
        _, report = run_locked(recorded, self.bed.parts, work)
        if report.error is not None:
            raise report.error


@dataclass
class Troubles:
    """What befalls the timers.

    Args:
        timers: Those.
        dice: Makes up passwords.
    """

    timers: Timers
    dice: random.Random
    _secret: str = ""
    _backup: bytes = b""
    _known: set[str] = field(default_factory=set)
    _refused: int = 0

    def befall(self, day: int, hour: int) -> None:
        """What that hour of that day brings, if anything."""
        days = self.days()
        if happens := days[day % len(days)].get(hour):
            happens()

    def days(self) -> Sequence[Mapping[int, Callable[[], None]]]:
        """What befalls them, by hour; after the last day the first one comes again."""
        return (
            {7: self.new_shop_password, 11: self.tell_shop_password},
            {5: self.warehouse_down, 9: self.warehouse_up},
            {12: self.back_up, 18: self.restore},
            {
                5: self.shop_down,
                9: self.shop_up,
                14: self.new_warehouse_secret,
                17: self.tell_warehouse_secret,
            },
        )

    @property
    def _bed(self) -> World:
        return self.timers.bed

    # ---- outages --------------------------------------------------------------------------------

    def warehouse_down(self) -> None:
        """Nine requests in ten fail there."""
        self._bed.control("faults", {"kinds": list(_FAULTS), "rate": 0.9, "seed": 1})

    def warehouse_up(self) -> None:
        """They no longer do."""
        self._bed.control("faults", {"kinds": []})

    def shop_down(self) -> None:
        """Nine requests in ten fail in the shop."""
        self._bed.shop.add_faults(_FAULTS, rate=0.9, seed=1)

    def shop_up(self) -> None:
        """They no longer do."""
        self._bed.shop.clear_faults()

    # ---- passwords ------------------------------------------------------------------------------

    def new_shop_password(self) -> None:
        """Somebody changes the shop's password and ends all sessions."""
        access = self._bed.shop.access
        access.change_password(self._bed.shop.username, self._new_secret())
        access.drop_sessions()

    def new_warehouse_secret(self) -> None:
        """VeraCore's secret changes."""
        self._bed.control("behaviour", {"secret": self._new_secret()})

    def _new_secret(self) -> str:
        self._secret = f"secret {self.dice.randrange(10**9)}"
        self.timers.locked_out = True
        self._refused = self.timers.told["refused"]
        return self._secret

    def tell_shop_password(self) -> None:
        """The operator corrects the configuration."""
        self._configure(VENDURE_PASSWORD=self._secret)

    def tell_warehouse_secret(self) -> None:
        """The operator corrects the configuration."""
        self._configure(VERACORE_CLIENT_SECRET=self._secret)

    def _configure(self, **env: str) -> None:
        assert self.timers.told["refused"] > self._refused, "nobody noticed"
        self._bed.reopen(**env)
        self.timers.locked_out = False

    # ---- the ledger -----------------------------------------------------------------------------

    def back_up(self) -> None:
        """Keep a copy of the ledger."""
        self._bed.close()
        self._backup = (self._bed.folder / "ledger.db").read_bytes()
        self.timers.books.look_there()
        self._known = set(self.timers.books.there)

    def restore(self) -> None:
        """Put the old copy in the ledger's place."""
        self.timers.books.look_there()
        self.timers.books.lose(self._known)
        self._bed.close()
        for file in self._bed.folder.glob("ledger.db*"):
            if "lock" not in file.name:
                file.unlink()
        (self._bed.folder / "ledger.db").write_bytes(self._backup)

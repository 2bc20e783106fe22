"""The timers of a shop, and the great troubles that befall them, one a day by turns."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from days_books import Books
from tracking_world import World

from veracore_sync.domain.errors import AuthRefused, SyncError
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun

_FAULTS = ("http_503", "reset_before", "reset_after", "html_500")


@dataclass
class Timers:
    """What the timers start.

    Args:
        bed: Both ends.
        books: Looked at after each run that brought stock.
        told: Counts the runs that were cut short or refused.
        locked_out: Whether the configuration has an old password.
    """

    bed: World
    books: Books
    told: Counter[str]
    locked_out: bool = False

    def tick(self) -> None:
        """All three; whoever cannot, ends, and the next goes on."""
        parked = self._parked()
        for run in (self._send, self.bed.track, self._bring_stock):
            try:
                run()
            except AuthRefused as error:
                assert self.locked_out, error
                self._learn("refused", error)
            except SyncError as error:
                self._learn("cut short", error)
            else:
                self.bed.parts.remember_credentials_outcome(None)
        assert self._parked() == parked, "an order was parked"

    def come_to_rest(self) -> None:
        """With both ends up: a few rounds, and a look at every order."""
        for _ in range(4):
            self.bed.clock.forward(minutes=20)
            self.tick()
        self.bed.track(force=True)
        self._bring_stock()

    def _learn(self, kind: str, error: SyncError) -> None:
        self.told[kind] += 1
        self.bed.parts.remember_credentials_outcome(error)

    def _parked(self) -> int:
        return self.bed.parts.ledger.orders.counts()["parked"]

    def _send(self) -> None:
        parts = self.bed.parts
        OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()

    def _bring_stock(self) -> None:
        parts = self.bed.parts
        options = RunOptions(allow_mass_change=True)
        InventoryRun(parts.context(InventoryReport(), options)).run()
        self.books.look_there()
        self.books.never_oversold()


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
        if happens := _DAYS[day % len(_DAYS)].get(hour):
            happens(self)

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


_DAYS: tuple[Mapping[int, Callable[[Troubles], None]], ...] = (
    {7: Troubles.new_shop_password, 11: Troubles.tell_shop_password},
    {5: Troubles.warehouse_down, 9: Troubles.warehouse_up},
    {12: Troubles.back_up, 18: Troubles.restore},
    {
        5: Troubles.shop_down,
        9: Troubles.shop_up,
        14: Troubles.new_warehouse_secret,
        17: Troubles.tell_warehouse_secret,
    },
)

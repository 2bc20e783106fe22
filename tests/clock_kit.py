"""The real commands as processes on a machine whose clock can be set, also while they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STEPS = (-DAY, HOUR, timedelta(days=400))

# The true time goes on for every clock; what the wall is off concerns the wall alone.
_PROGRAM = """
import pathlib, sys
from datetime import timedelta
from veracore_sync.clock import SystemClock

file = pathlib.Path(sys.argv.pop(1))
now, monotonic = SystemClock.now, SystemClock.monotonic

def seconds(at):
    return float(file.read_text().split()[at])

SystemClock.now = lambda self: now(self) + timedelta(seconds=seconds(0) + seconds(1))
SystemClock.monotonic = lambda self: monotonic(self) + seconds(0)
from veracore_sync.__main__ import main
main()
"""


@dataclass
class Machine(Rig):
    """Runs ``veracore-sync`` by a clock that the test sets."""

    gone_on: timedelta = timedelta(0)
    off: timedelta = timedelta(0)
    file: Path = field(init=False)

    def __post_init__(self) -> None:
        self.file = self.folder / "clock"
        self.set(timedelta(0))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _PROGRAM, str(self.file), *arguments]

    def set(self, off: timedelta) -> None:
        """Set the clock: it is off by so much."""
        self.off = off
        self._write()

    def go_on(self, span: timedelta) -> None:
        """So much true time passes."""
        self.gone_on += span
        self._write()

    def _write(self) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{self.gone_on.total_seconds()} {self.off.total_seconds()}")
        fresh.rename(self.file)

    def true_time(self) -> datetime:
        return datetime.now(UTC) + self.gone_on

    def clock(self) -> datetime:
        return self.true_time() + self.off


@contextmanager
def machine(folder: Path, dialect: str = "oms") -> Iterator[tuple[Machine, SmallShop]]:
    """A machine between a small shop and a simulator whose clocks are right."""
    clocks: list[Machine] = []

    def now() -> datetime:
        return clocks[0].true_time() if clocks else datetime.now(UTC)

    with SmallShop(clock=now) as shop, Sandbox(clock=now) as sandbox:
        made = Machine(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        made.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_RETRY__BREAKER_THRESHOLD": "1",
        }
        clocks.append(made)
        shop.state.add_variant("MUG", "Mug", 1000)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 1000}]})
        try:
            yield made, shop
        finally:
            made.end()

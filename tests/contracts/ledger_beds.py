"""The backends that keep a ledger, each as the contract suite opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import ledger_server
from fakes import START, FakeClock

from veracore_sync.domain.errors import Category
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ports.ledger import Ledger

TROUBLE = Failure(Category.PROTOCOL, "odd")
SEEN = ShopVersion("content", START)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MUGS = (("MUG", 2),)


@dataclass
class LedgerBed:
    """One backend.

    Args:
        place: Where processes find it; ``None`` where it ends with the process that made it.
        clock: Of every ledger that is opened here.
    """

    place: Path | PostgresPlace | None
    clock: FakeClock = field(default_factory=FakeClock)

    def open(self, *, read_only: bool = False) -> Ledger:
        """Open the ledger; every opening of a shared one is as that of another process."""
        return open_ledger(self.place, read_only=read_only, clock=self.clock, hooks=("command",))

    @property
    def name(self) -> str:
        """The place for the command line of another process; `named` reads it."""
        if isinstance(self.place, PostgresPlace):
            return f"{self.place.url} {self.place.schema}"
        return str(self.place)

    def opened_copy(self, backup: Path) -> Ledger:
        """The ledger that a backup makes."""
        if isinstance(self.place, PostgresPlace):
            return open_ledger(ledger_server.restored(self.place, backup), clock=self.clock)
        return open_ledger(backup, clock=self.clock)


def named(text: str) -> Path | PostgresPlace:
    """The place behind the `LedgerBed.name` of another process."""
    url, _, schema = text.partition(" ")
    return PostgresPlace(url, schema) if schema else Path(text)


BEDS: dict[str, Callable[[Path], LedgerBed]] = {
    "sqlite": lambda folder: LedgerBed(folder / "ledger.db"),
    "memory": lambda folder: LedgerBed(None),
    "postgres": lambda folder: LedgerBed(ledger_server.new_place()),
    "pooler": lambda folder: LedgerBed(ledger_server.new_pooled_place()),
}
SHARED = tuple(name for name in BEDS if name != "memory")


def intent(identity: str = "A", lines: tuple[tuple[str, int], ...] = MUGS) -> Intent:
    """An intent to send under that id."""
    return Intent(identity, lines, "payload", "settings", SEEN)


def record(identity: str = "A", units: int = 2, **changes: object) -> WarehouseRecord:
    """What a look-up found under that id."""
    lines = (RecordLine("MUG", units),)
    return WarehouseRecord(identity, identity, lines, "open", **changes)  # type: ignore[arg-type]


def cut(identity: str, units: int, cancelled: int) -> WarehouseRecord:
    """An order of which the warehouse has cancelled units."""
    products = (Product("MUG", units, cancelled),)
    return record(identity, units, partially_cancelled=True, products=products)


def discover(ledger: Ledger, *codes: str) -> None:
    """Record new orders."""
    ledger.transitions.discover(Discovery(code, f"id-{code}", START) for code in codes)


def send(ledger: Ledger, code: str) -> int:
    """Commit the intent to send a new order under its own code; the attempt."""
    discover(ledger, code)
    attempt = ledger.transitions.intend(code, intent(code))
    assert attempt is not None
    return attempt


def accept(ledger: Ledger, *codes: str) -> None:
    """New orders that VeraCore took."""
    for code in codes:
        ledger.transitions.accept(code, send(ledger, code), 7)


def state(ledger: Ledger, code: str = "A") -> tuple[str, str]:
    """State and cause of an order."""
    row = ledger.orders.get(code)
    assert row is not None
    return str(row.state), str(row.cause or "")


def kinds(ledger: Ledger) -> list[str]:
    """The kinds of the open alerts."""
    return [str(alert.kind) for alert in ledger.alerts.standing()]

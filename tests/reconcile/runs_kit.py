"""Runs of ``reconcile`` between a shop and a warehouse in memory, and a real ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bench import Bench
from fakes import FakeAudit, FakeShop, FakeWarehouse, make_order, make_settings

from veracore_sync.domain.differences import DifferenceRow
from veracore_sync.domain.errors import ProtocolError, SyncError
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.run import ReconcileRun, Wanted
from veracore_sync.ports.shop import ShopAudit, Unlisted
from veracore_sync.ports.warehouse import LookUp, LookUpFailed

Moment = Callable[[str], None]
"""Called before each read with what is read: ``page``, ``named``, ``look up``, ``list``."""


def nothing(read: str) -> None:
    """Let every read be."""


@dataclass(frozen=True)
class WatchedAudit(FakeAudit):
    """Tells of its reads before it makes them."""

    moment: Moment = nothing

    def placed(self, since: datetime) -> Iterator[Sequence[WholeOrder | Unlisted]]:
        for page in super().placed(since):
            self.moment("page")
            yield page

    def named(self, codes: Sequence[str]) -> list[WholeOrder]:
        self.moment("named")
        return super().named(codes)


class WatchedShop(FakeShop):
    """Tells of its reads before it makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.moment: Moment = nothing

    def _tell(self, read: str) -> None:
        self.moment(read)

    @property
    def audit(self) -> ShopAudit:
        return WatchedAudit(self, 3, self._tell)

    def poll(self, **asked: Any) -> Any:
        self.moment("poll")
        return super().poll(**asked)


@dataclass
class WatchedWarehouse(FakeWarehouse):
    """Tells of its reads before it makes them."""

    moment: Moment = nothing
    unanswered: set[str] = field(default_factory=set)

    def look_up(self, order_id: str) -> LookUp:
        self.moment("look up")
        found = super().look_up(order_id)
        if order_id in self.unanswered:
            return LookUpFailed(ProtocolError("not understood", upstream="veracore"))
        return found

    def shipped(self, first: Any, last: Any) -> Any:
        self.moment("list")
        yield from super().shipped(first, last)


@dataclass
class ReconcileBench(Bench):
    """Orders that VeraCore accepted a week ago, and the runs that compare them."""

    shop: WatchedShop = field(default_factory=WatchedShop)
    warehouse: WatchedWarehouse = field(default_factory=WatchedWarehouse)

    def sell(self, count: int) -> list[str]:
        """Orders that were sent and accepted, and have settled since."""
        codes = [f"ORDER-{number:03}" for number in range(count)]
        placed = self.clock.now() - timedelta(hours=2)
        self.shop.add(*(replace(make_order(code), placed_at=placed) for code in codes))
        self.run(allow_first_run=True)
        assert {self.state(code) for code in codes} == {"synced"}
        self.clock.forward(days=2)
        return codes

    def set(self, **settings: object) -> None:
        """Change settings of ``[reconcile]``."""
        sections: Mapping[str, Any] = {"reconcile": settings}
        self.settings = make_settings(**sections)

    def lose(self, *codes: str) -> None:
        """VeraCore no longer has these."""
        for code in codes:
            del self.warehouse.held[code.casefold()]

    def watch(self, moment: Moment) -> None:
        """Have every read told before it is made."""
        self.shop.moment = self.warehouse.moment = moment

    def reconcile_run(self, wanted: Wanted | None = None, **options: Any) -> ReconcileRun:
        """A run, not begun."""
        context = RunContext(
            ReconcileReport(),
            self.shop,
            self.warehouse,
            self.ledger,
            self.settings,
            self.clock,
            RunOptions(**options),
        )
        return ReconcileRun(context, wanted or Wanted())

    def reconcile(self, wanted: Wanted | None = None, **options: Any) -> ReconcileReport:
        """A run that must get through."""
        return self.reconcile_run(wanted, **options).run()

    def standing(self) -> dict[str, DifferenceRow]:
        """What stands in the ledger, by name."""
        return {row.difference.name: row for row in self.ledger.differences.standing()}


def found(report: ReconcileReport) -> dict[str, str]:
    """What a run found: the type by name."""
    return {one.difference.name: str(one.difference.type) for one in report.found}


@dataclass
class FailsAt:
    """Fails the given kind of read from that number on, and lets the others be."""

    read: str
    number: int
    error: SyncError
    count: int = 0

    def __call__(self, read: str) -> None:
        if read != self.read:
            return
        self.count += 1
        if self.count >= self.number:
            raise self.error


@dataclass
class GoesDown:
    """VeraCore stops answering after so many look-ups."""

    warehouse: FakeWarehouse
    after: int
    count: int = 0

    def __call__(self, read: str) -> None:
        self.count += read == "look up"
        self.warehouse.down = self.count > self.after

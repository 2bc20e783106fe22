"""Orders that share a variant are never under way in the shop at the same time.

Vendure on PostgreSQL reads a variant's stock, subtracts and writes without a lock: of 24 orders of
one variant that were fulfilled six at a time, `stockAllocated` lost 15 units (docs/tracking.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, get_ident

from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.tracking.actions import Plan
from veracore_sync.jobs.tracking.report import TrackingReport

Variants = frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class ReadyOrder:
    """An order that has to be worked on in the shop.

    Args:
        record: As VeraCore shows it.
        plan: Plans it from its present state in the shop and in the ledger.
        report: What becomes of it, apart from the others: several threads report at once.
    """

    row: OrderRow
    veracore_id: str
    record: WarehouseRecord
    plan: Plan
    report: TrackingReport = field(default_factory=TrackingReport)


class Apart:
    """Hands out orders so that no two of those under way share a variant; each once.

    Iterated by one thread; the orders are worked on by others.

    Args:
        orders: The most urgent first.
        variants: The variant ids of each order, by code; one without an entry is worked on alone.
        may_begin: Whether another order may begin; once it may not, none does.
    """

    def __init__(
        self,
        orders: Sequence[ReadyOrder],
        variants: Mapping[str, Variants],
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self.left = list(orders)
        """Those that were not handed out."""
        self._variants = variants
        self._may_begin = may_begin
        self._handed_out: list[ReadyOrder] = []
        self._under_way: list[int] = []
        self._stopped = False
        self._changed = Condition()

    def variants_of(self, one: ReadyOrder) -> Variants | None:
        """The variants that it may touch; ``None``: any, as it is alone."""
        return self._variants.get(one.row.code)

    def __iter__(self) -> Iterator[ReadyOrder]:
        while self.left and self._may_begin():
            with self._changed:
                one = self._free()
                while one is None and not self._stopped:
                    self._changed.wait()
                    one = self._free()
                if one is None or self._stopped:
                    return
                self.left.remove(one)
                self._handed_out.append(one)
            yield one

    def _free(self) -> ReadyOrder | None:
        return next((one for one in self.left if not self._is_shared(one)), None)

    def _is_shared(self, one: ReadyOrder) -> bool:
        mine = self.variants_of(one)
        for other in self._handed_out:
            theirs = self.variants_of(other)
            if mine is None or theirs is None or mine & theirs:
                return True
        return False

    @contextmanager
    def begun(self, one: ReadyOrder) -> Iterator[bool]:
        """Work on it within the block, unless it is false: nothing may begin any more."""
        with self._changed:
            may = not self._stopped
            self._under_way.append(get_ident())
        try:
            yield may
        finally:
            with self._changed:
                self._under_way.remove(get_ident())
                self._handed_out.remove(one)
                if not may:
                    self.left.append(one)
                self._changed.notify_all()

    def stop(self) -> None:
        """Let nothing more begin."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let nothing more begin, and wait for what is under way in other threads."""
        self.stop()
        with self._changed:
            while set(self._under_way) - {get_ident()}:
                self._changed.wait()

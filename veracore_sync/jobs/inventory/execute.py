"""Writing levels: in batches, each under the stock lock, on top of what Vendure has allocated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.errors import ProtocolError, SyncError, UpstreamError
from veracore_sync.domain.failures import ROLLED_BACK, FailureBudget
from veracore_sync.domain.shop_stock import Level, NewLevel, Variant
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.ports.shop import UnknownVariant
from veracore_sync.ports.stock_staging import StagingStore

STOCK_LOCK = "stock"
_COMMAND = "sync-inventory"
_LOCK_WAIT = 30.0
_MAX_BATCH = 200
# Vendure accepts no body above 100 KiB (docs/vendure.md).
_BATCH_BYTES = 80_000
_LONGEST_LEVEL = 2**40
_DEADLOCK_TRIES = 5
# More refusals than this mean that Vendure refuses everything, not single SKUs.
MAX_REFUSED = 10


@dataclass(slots=True)
class StockWriter(RunPart[InventoryReport]):
    """Writes what was planned; a SKU that the report lists as refused is not tried again.

    Args:
        book: Gets the levels that Vendure returns after each write.
        refusals: How many SKUs Vendure may refuse in a run.
        everything: Also write unchanged levels.
        first_location: Where units that Vendure sells beyond its levels are made up for.
        progress: Called with the number of variants written.
    """

    book: StagingStore
    refusals: FailureBudget = field(default_factory=lambda: FailureBudget(MAX_REFUSED))
    everything: bool = False
    first_location: str = ""
    progress: Callable[[int], None] = lambda done: None

    def write(self, actions: Iterable[Planned]) -> bool:
        """Write them in order; whether all were written before the run's time was up.

        Raises:
            LockHeld: Another process held the stock lock for 30 s.
            UpstreamError: The shop could not be written to; what was written stays.
        """
        for batch in self._batches(one for one in actions if one.sku not in self.report.refused):
            if self.context.ends_here(" with the rest"):
                return False
            # Shared with `sync-tracking`: a fulfilment between the read and the write would change
            # the allocation that the written level is based on. Per batch, so that nobody waits
            # for a whole run.
            with self.ledger.runs.lock(STOCK_LOCK, _COMMAND, wait_seconds=_LOCK_WAIT):
                self._write_batch(batch)
            pass_failpoint("stock batch written")
            self.progress(len(batch))
        return True

    def _batches(self, actions: Iterable[Planned]) -> Iterator[list[Planned]]:
        batch: list[Planned] = []
        size = 0
        for action in actions:
            longest = (NewLevel(action.id, at, _LONGEST_LEVEL) for at in action.saleable)
            more = sum(map(self.shop.stock.size_of, longest))
            if batch and (len(batch) >= _MAX_BATCH or size + more > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(action)
            size += more
        if batch:
            yield batch

    def _write_batch(self, batch: Sequence[Planned]) -> None:
        now = self.shop.stock.variants_by_id([one.id for one in batch])
        levels = [level for one in batch if one.id in now for level in self._levels(one, now)]
        self.book.note_levels({id: _noted(one.levels) for id, one in now.items()}, wrote=False)
        self.report.skipped += len(batch) - len(now)
        if levels:
            self._send(levels, {one.id: one.sku for one in batch})

    def _levels(self, action: Planned, now: Mapping[str, Variant]) -> Iterator[NewLevel]:
        """The new levels of one variant."""
        variant = now[action.id]
        there = {level.location: level for level in variant.levels}
        more = 0 if self.settings.inventory.backorders else variant.oversold
        for location, saleable in action.saleable.items():
            level = there.get(location, Level(location, 0, 0))
            # The smaller of the allocations when planned and now: whatever was ordered or fulfilled
            # in between, too little is for sale until the orders are listed again, never too much.
            subtracted = level.allocated - (more if location == self.first_location else 0)
            allocated = min(subtracted, action.allocated.get(location, 0))
            on_hand = saleable + allocated
            if on_hand != level.on_hand or self.everything:
                yield NewLevel(action.id, location, on_hand)

    # ---- one request, and what may go wrong with it --------------------------------------------

    def _send(self, levels: Sequence[NewLevel], skus: Mapping[str, str]) -> None:
        try:
            answer = self._send_patiently(levels)
        except UnknownVariant as gone:
            self.report.skipped += 1
            left = [level for level in levels if level.variant_id != gone.variant_id]
            if left:
                self._send(left, skus)
            return
        except ProtocolError as error:
            self._isolate(levels, skus, error)
            return
        self.book.note_levels({id: _noted(levels) for id, levels in answer.items()}, wrote=True)

    def _send_patiently(self, levels: Sequence[NewLevel]) -> Mapping[str, tuple[Level, ...]]:
        """Set levels, and repeat after a deadlock."""
        # Vendure rolled the transaction back, and levels are absolute values, so repeating is safe.
        for _ in range(_DEADLOCK_TRIES - 1):
            try:
                return self.shop.stock.set_levels(levels)
            except UpstreamError as error:
                if error not in ROLLED_BACK:
                    raise
                self.clock.sleep(0.1)
        return self.shop.stock.set_levels(levels)

    def _isolate(
        self, levels: Sequence[NewLevel], skus: Mapping[str, str], error: SyncError
    ) -> None:
        """Halve a refused batch until the variant that Vendure refuses is found."""
        ids = list(dict.fromkeys(level.variant_id for level in levels))
        if len(ids) == 1:
            self.report.refused[skus[ids[0]]] = error.message
            self.refusals.spend()
            if self.refusals.is_spent():
                raise error
            return
        first = set(ids[: len(ids) // 2])
        self._send([level for level in levels if level.variant_id in first], skus)
        self._send([level for level in levels if level.variant_id not in first], skus)


def _noted(levels: Iterable[Level]) -> dict[str, tuple[int, int]]:
    return {level.location: (level.on_hand, level.allocated) for level in levels}

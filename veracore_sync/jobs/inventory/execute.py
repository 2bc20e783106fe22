"""Writing levels: in batches, under the stock lock, on top of what Vendure has allocated.

Batches are written side by side, as many at once as the shop gains from. No variant is in two of
them, and ids ascend, so that they cannot wait for each other in the shop's database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

from veracore_sync.domain.errors import ProtocolError, SyncError, UpstreamError
from veracore_sync.domain.failures import ROLLED_BACK, FailureBudget
from veracore_sync.domain.shop_stock import Level, NewLevel, Variant
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.ports.concurrency import STOCK_WRITES
from veracore_sync.ports.shop import UnknownVariant
from veracore_sync.ports.stock_staging import StagingStore

STOCK_LOCK = "stock"
_COMMAND = "sync-inventory"
_LOCK_WAIT = 30.0
_TURN_SECONDS = 3.0
"""How long batches begin before a fulfilment of another process may come between."""
_GAP_SECONDS = 0.1
"""Who waits for the lock looks for it more often than that."""
_MAX_BATCH = 50
"""Larger ones cost the shop as much a variant, and whoever shares its one connection waits longer
(docs/benchmarks.md)."""
# Vendure accepts no body above 100 KiB (docs/vendure.md).
_BATCH_BYTES = 80_000
_LONGEST_LEVEL = 2**40
_DEADLOCK_TRIES = 5
# More refusals than this mean that Vendure refuses everything, not single SKUs.
MAX_REFUSED = 10


@dataclass(slots=True)
class _Written:
    """What became of a batch: its variants' levels when they were read again and when written.

    `gone` variants are not in the shop any more; `refused` says why, by SKU; `error` ends the run.
    """

    count: int
    read: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    wrote: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    gone: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    error: SyncError | None = None


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
    _failed: SyncError | None = field(default=None, init=False)

    def write(self, actions: Iterable[Planned]) -> bool:
        """Write them in order; whether all were written before the run's time was up.

        Raises:
            LockHeld: Another process held the stock lock for 30 s.
            UpstreamError: The shop could not be written to; what was written stays.
        """
        batches = self._batches(one for one in actions if one.sku not in self.report.refused)
        batch = next(batches, None)
        while batch is not None:
            if self.context.ends_here(" with the rest"):
                return False
            # Shared with `sync-tracking`: a fulfilment between the read and the write would change
            # the allocation that the written level is based on. In turns, so that nobody waits for
            # a whole run.
            with self.ledger.runs.lock(STOCK_LOCK, _COMMAND, wait_seconds=_LOCK_WAIT):
                self._write_turn(chain((batch,), self._for_a_turn(batches)))
            batch = next(batches, None)
            if batch is not None:
                self.clock.sleep(_GAP_SECONDS)
        return True

    def _for_a_turn(self, batches: Iterator[list[Planned]]) -> Iterator[list[Planned]]:
        """Those that may begin while this process has the lock."""
        ends_at = self.clock.monotonic() + _TURN_SECONDS
        while self.clock.monotonic() < ends_at and not self.context.is_over:
            batch = next(batches, None)
            if batch is None or self._failed:
                return
            yield batch

    def _write_turn(self, batches: Iterable[list[Planned]]) -> None:
        """Write them side by side; staging and report belong to this thread."""
        with closing(self.context.concurrency.map(STOCK_WRITES, self._written, batches)) as done:
            for one in done:
                self.book.note_levels(one.read, wrote=False)
                self.book.note_levels(one.wrote, wrote=True)
                self.report.skipped += one.gone
                self.report.refused.update(one.refused)
                if one.error is not None:
                    self._failed = self._failed or one.error
                    continue
                pass_failpoint("stock batch written")
                self.progress(one.count)
        # What others of the same moment had written is in staging and report first.
        if self._failed is not None:
            raise self._failed

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

    def _written(self, batch: Sequence[Planned]) -> _Written:
        """Read a batch again and write it; called in several threads."""
        done = _Written(len(batch))
        try:
            now = self.shop.stock.variants_by_id([one.id for one in batch])
            levels = [level for one in batch if one.id in now for level in self._levels(one, now)]
            done.read = {id: _noted(one.levels) for id, one in now.items()}
            done.gone = len(batch) - len(now)
            if levels:
                self._send(levels, {one.id: one.sku for one in batch}, done)
        except SyncError as error:
            done.error = error
        return done

    def _levels(self, action: Planned, now: Mapping[str, Variant]) -> Iterator[NewLevel]:
        """The new levels of one variant."""
        variant = now[action.id]
        there = {level.location: level for level in variant.levels}
        more = 0 if self.settings.inventory.backorders else variant.oversold
        for location, saleable in action.saleable.items():
            level = there.get(location, Level(location, 0, 0))
            subtracted = level.allocated - (more if location == self.first_location else 0)
            # What was allocated when planned, less what was fulfilled since, which Vendure takes
            # from both: then nothing ordered meanwhile is for sale, even if as much was fulfilled.
            # Too little is, until the orders are listed again. More may be fulfilled than was
            # allocated, as allocations get lost; but no level falls below zero by a hand's doing.
            planned = action.allocated.get(location, 0)
            fulfilled = max(0, action.before.get(location, 0) + planned - level.on_hand)
            most = saleable + min(subtracted, planned)
            on_hand = max(saleable + min(subtracted, planned - fulfilled), min(most, subtracted, 0))
            if on_hand != level.on_hand or self.everything:
                yield NewLevel(action.id, location, on_hand)

    # ---- one request, and what may go wrong with it --------------------------------------------

    def _send(self, levels: Sequence[NewLevel], skus: Mapping[str, str], done: _Written) -> None:
        try:
            answer = self._send_patiently(levels)
        except UnknownVariant as gone:
            done.gone += 1
            left = [level for level in levels if level.variant_id != gone.variant_id]
            if left:
                self._send(left, skus, done)
            return
        except ProtocolError as error:
            self._isolate(levels, skus, done, error)
            return
        done.wrote.update((id, _noted(levels)) for id, levels in answer.items())

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
        self,
        levels: Sequence[NewLevel],
        skus: Mapping[str, str],
        done: _Written,
        error: SyncError,
    ) -> None:
        """Halve a refused batch until the variant that Vendure refuses is found."""
        ids = list(dict.fromkeys(level.variant_id for level in levels))
        if len(ids) == 1:
            done.refused[skus[ids[0]]] = error.message
            self.refusals.spend()
            if self.refusals.is_spent():
                raise error
            return
        first = set(ids[: len(ids) // 2])
        self._send([level for level in levels if level.variant_id in first], skus, done)
        self._send([level for level in levels if level.variant_id not in first], skus, done)


def _noted(levels: Iterable[Level]) -> dict[str, tuple[int, int]]:
    return {level.location: (level.on_hand, level.allocated) for level in levels}

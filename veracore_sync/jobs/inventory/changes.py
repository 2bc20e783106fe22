"""Reading only the levels that may be wrong (docs/inventory.md, "Reading what changed").

VeraCore's stock and the open orders are read as a whole; what differs from what the last runs found
right, what the shop dates after them, and what they left in doubt says which variants to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from veracore_sync.domain.shop_stock import OpenOrder
from veracore_sync.domain.staged_stock import StagedVariant
from veracore_sync.domain.stock_baseline import BaselineFacts, RunBaseline, SeenOrder
from veracore_sync.jobs.inventory.baseline import (
    differing_parts,
    moved_variants,
    rules_digest,
    seen,
)
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.location_map import LocationMap
from veracore_sync.jobs.inventory.plan import GUARD_LEAST, PlanSummary
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.inventory.sku_map import kit_key
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.waits import is_ahead

_NEVER = datetime.min.replace(tzinfo=UTC)
_PAGE = 500
_AT_LEAST = 1000
_SHARE = 10
_MARGIN = timedelta(minutes=5)
"""The shop dates a change before it is visible, and its clock is known to a second at best."""


@dataclass(slots=True)
class ChangeReading(RunPart[InventoryReport]):
    """Decides which variants a run reads, reads them if not all, and stores what was found right.

    Args:
        reading: Stages what is read.
    """

    reading: Reading
    _known: BaselineFacts | None = None
    _rules: str = ""
    _began: datetime = _NEVER
    _since: datetime = _NEVER
    _suspects: dict[str, str] = field(default_factory=dict)
    _orders: dict[str, SeenOrder] = field(default_factory=dict)
    _demand: UnheldDemand | None = None

    # ---- whether ------------------------------------------------------------------------------

    def begin(self, places: LocationMap) -> None:
        """Decide which variants this run reads, as far as the two sides have no say in it."""
        if self.options.only:
            self.report.mode = RunMode.NAMED
            return
        if not self._stores:
            self._read_all_because(self._asked_for)
            return
        self._rules = rules_digest(
            self.settings, places, self.shop.stock.defaults(), self.ledger.meta.live_since
        )
        # By the shop's clock, and before anything that may move is read.
        self._began = self.clock.now()
        ahead = timedelta(seconds=self.shop.clock_ahead_seconds or 0)
        self._since = self._began + ahead - _MARGIN
        self._known = self.ledger.stock.baseline()
        self._suspects = self.ledger.stock.suspects()
        why = self._asked_for or self._why_full(self._known)
        if why:
            self._read_all_because(why)
        else:
            self.report.mode = RunMode.CHANGES

    @property
    def _stores(self) -> bool:
        """Whether a later run may build on this one."""
        every = self.settings.inventory.full_every_minutes
        return bool(every) and not self.options.only and not self.context.must_not_write

    @property
    def _asked_for(self) -> str:
        wanted = self.options
        if self.settings.inventory.full_every_minutes == 0:
            return "inventory.full_every_minutes is 0"
        for name, is_given in (
            ("--full", wanted.full),
            ("--dry-run", wanted.dry_run),
            ("--force", wanted.force),
            ("--allow-mass-change", wanted.allow_mass_change),
        ):
            if is_given:
                return name
        return ""

    def _why_full(self, known: BaselineFacts | None) -> str:
        if known is None:
            return (
                "no run has read and written everything since the ledger was begun, restored or "
                "rebound, or since one was held back"
            )
        if known.rules != self._rules:
            return (
                "a setting, the program's version, a location or a default of the shop has changed"
            )
        if self.reading.unread.is_any_remembered:
            return "a record could not be read the last time"
        now = self.clock.now()
        every = timedelta(minutes=self.settings.inventory.full_every_minutes)
        if is_ahead(known.full_at, now):
            return "the clock was set back"
        if now - known.full_at >= every:
            return "the last full run was inventory.full_every_minutes ago"
        return ""

    def _read_all_because(self, why: str) -> None:
        self.report.mode, self.report.full_because = RunMode.FULL, why

    def begin_full(self) -> None:
        """Everything is read: the open orders first, so that what moves from now on is found."""
        if self._stores and self.report.mode is RunMode.FULL:
            self._demand = None
            self._orders = seen(self.shop.stock.open_orders())

    # ---- which --------------------------------------------------------------------------------

    def read(self, orders: list[OpenOrder], demand: UnheldDemand) -> bool:
        """Stage the variants whose level may be wrong; whether that is enough.

        Args:
            orders: The open orders, listed before any level is read.
            demand: What of them the warehouse does not have.
        """
        if demand.unread:
            # Its units may be any variant's.
            self._read_all_because("an open order cannot be read")
            return False
        known = self._known
        if known is None:
            raise ValueError("there is nothing that a change could be seen against")
        touched = self.shop.stock.orders_touched(known.since)
        updated = self.shop.stock.variants_updated(known.since)
        if any(one.unreadable is not None for one in touched):
            self._read_all_because("an order that was changed cannot be read")
            return False
        if any(not one.id for one in updated):
            self._read_all_because("the shop counts changed variants that it does not list")
            return False
        self._orders = seen(orders)
        self._note_demand(demand)
        book = self.ledger.stock
        moved = moved_variants(book.orders_seen(), self._orders, touched)
        moved |= self._suspects.keys() | {one.id for one in updated}
        wanted: dict[str, str] = dict.fromkeys(moved, "")
        wanted.update(book.keys_of(moved))
        keys = {key for key in wanted.values() if key}
        keys.update(self.reading.staged(one).key for one in updated)
        most = max(_AT_LEAST, known.variants // _SHARE)
        for id, key in book.variants_of(self._keys(keys)):
            wanted[id] = key
            if len(wanted) > most:
                break
        if len(wanted) > most:
            self._read_all_because(f"more than {most:,} variants may have changed")
            return False
        self.context.progress("reading the shop", 0, 0)
        self._stage(wanted)
        count, lacking = known.known, book.count_missing()[0]
        share = self.settings.inventory.max_zero_percent
        if lacking >= GUARD_LEAST and lacking * 100 > count * share:
            self._read_all_because("many known SKUs are missing from VeraCore's stock")
            return False
        return True

    def _keys(self, moved: Iterable[str]) -> Iterator[str]:
        """The keys of the variants to read: those that moved, and those of changed parts."""
        names = self.reading.names
        yield from moved
        for part in self.ledger.stock.changed_parts():
            yield part
            yield from map(kit_key, names.kits_with(part))

    def _stage(self, wanted: dict[str, str]) -> None:
        """Read and stage these variants, and all that share a key with one of them."""
        book = self.ledger.stock
        done: set[str] = set()
        keys = set(wanted.values())
        while left := sorted(wanted.keys() - done, key=lambda id: (len(id), id)):
            fresh: set[str] = set()
            for start in range(0, len(left), _PAGE):
                page = left[start : start + _PAGE]
                staged = list(self._staged(page, wanted))
                fresh.update(one.key for one in staged)
                book.add_variants(staged)
                self.context.progress("reading the shop", start + len(page), len(left))
            done.update(left)
            # A SKU may have been changed into another one that is borne already.
            wanted.update(book.variants_of(fresh - keys))
            keys |= fresh
        book.mark_ambiguous()

    def _staged(self, ids: list[str], keys: dict[str, str]) -> Iterator[StagedVariant]:
        found = self.shop.stock.variants_by_id(ids)
        for id in ids:
            variant = found.get(id)
            if variant is not None:
                yield self.reading.staged(variant)
            elif keys[id]:
                # Deleted or unreadable: which of the two, the next full run finds. Until then it
                # counts as one that shares the SKU, so that no other is raised for it.
                key = keys[id]
                yield StagedVariant(id, key, key, key, "unread", {})

    # ---- afterwards ---------------------------------------------------------------------------

    def note_first(self, demand: UnheldDemand) -> None:
        """The demand of the first plan of a full run."""
        if self._stores and self.report.mode is RunMode.FULL and self._demand is None:
            self._note_demand(demand)

    def _note_demand(self, demand: UnheldDemand) -> None:
        self._demand = demand
        self.ledger.stock.stage_basis(demand.parts)

    def whole(self, summary: PlanSummary) -> PlanSummary:
        """The figures by which guards decide: shares of all that is for sale."""
        if self.report.mode is RunMode.CHANGES and self._known is not None:
            summary.sellable = max(summary.sellable, self._known.sellable)
        return summary

    def before_writing(self) -> None:
        """What is about to be written is in doubt until this run has ended well."""
        if self._stores and self.report.mode is RunMode.FULL:
            self.ledger.stock.forget_baseline()
        else:
            self.ledger.stock.suspect_planned()

    def held_back(self) -> None:
        """A guard held something back: all of it is judged again by a full run."""
        if self.report.mode is not RunMode.NAMED:
            self.ledger.stock.forget_baseline()

    def keep(self, summary: PlanSummary, last: UnheldDemand) -> None:
        """Store what this run found right; it has read and written all that it had to.

        Args:
            summary: Of its first plan.
            last: The demand of its last plan.
        """
        first = self._demand
        if not self._stores or first is None or first.unread or last.unread:
            return
        is_whole = self.report.mode is RunMode.FULL
        book, before = self.ledger.stock, self._known
        if is_whole or before is None:
            facts = BaselineFacts(
                self._rules,
                self._began,
                self._since,
                self.report.processed,
                summary.sellable,
                book.count_known()[0],
            )
        else:
            facts = BaselineFacts(
                self._rules,
                before.full_at,
                self._since,
                before.variants,
                before.sellable,
                before.known,
            )
        parts = differing_parts(first.parts, last.parts)
        kits = {kit_key(kit) for part in parts for kit in self.reading.names.kits_with(part)}
        book.keep(
            RunBaseline(facts, self._orders, self._suspects, frozenset(parts | kits), is_whole)
        )

"""The run of ``sync-inventory``: read both sides, plan, guard, write, look again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from veracore_sync.clock import Clock
from veracore_sync.config import Settings
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.failure import FailureBudget
from veracore_sync.jobs.inventory.alerts import Alarms
from veracore_sync.jobs.inventory.demand import Demand
from veracore_sync.jobs.inventory.execute import REFUSED_MOST, Writer
from veracore_sync.jobs.inventory.names import Names
from veracore_sync.jobs.inventory.offer import Offering
from veracore_sync.jobs.inventory.places import Places, places
from veracore_sync.jobs.inventory.plan import GUARD_LEAST, Guard, Tally, guard, plan_variant
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import InventoryResult
from veracore_sync.jobs.inventory.unread import Unread
from veracore_sync.jobs.progress import Progress, unheard
from veracore_sync.jobs.sandbox_rule import only_plans
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import ShopStock
from veracore_sync.ports.stock_staging import StagingStore
from veracore_sync.veracore.port import Warehouse

_ALLOWED = "stock.mass_change_allowed"
_REPLANS = 3
_PAGE = 500
_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person, or the timer, asked for.

    Args:
        skus: Only these SKUs; empty for all.
        force: Write also what is right already.
        allow_mass_change: No guard holds the plan back.
        dry_run: Plan only: change neither side nor ledger.
    """

    skus: tuple[str, ...] = ()
    force: bool = False
    allow_mass_change: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class InventoryRun:
    """One run. The caller holds the job lock.

    Args:
        shop: The stock of Vendure.
        warehouse: VeraCore.
        ledger: Read-only in a dry run.
        settings: All of them.
        clock: The time.
        wishes: What was asked for.
        progress: Told how far the run is.
        result: Filled as the run goes on; still true when it is cut short.
    """

    shop: ShopStock
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    wishes: Wishes = field(default_factory=Wishes)
    progress: Progress = unheard
    result: InventoryResult = field(default_factory=InventoryResult)
    book: StagingStore = field(init=False)
    reading: Reading = field(init=False)
    alarms: Alarms = field(init=False)
    unread: Unread = field(init=False)
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        names = Names(self.settings.skus)
        self.unread = Unread(self.ledger, self.clock, self.result)
        self.book = self.ledger.stock
        self.deadline = self.clock.monotonic() + 60 * self.settings.inventory.max_run_minutes
        self.reading = Reading(
            self.shop,
            self.warehouse,
            self.ledger,
            self.book,
            self.settings,
            names,
            self.unread,
            self.clock,
            self.deadline,
        )
        self.alarms = Alarms(self.ledger, self.result, quiet=self.wishes.dry_run)

    def run(self) -> InventoryResult:
        """Do it.

        Raises:
            SyncError: The run could not go on; `result` tells what was done until then.
        """
        offering, read_at = self._read()
        if offering is None:
            return self.result
        demand = self.reading.demand(read_at)
        tally = self._plan(offering, demand, decreases_only=False)
        held_back = self._guard(tally)
        if held_back is not None and held_back.decreases:
            self._plan(offering, demand, decreases_only=True)
        if self.alarms.quiet:
            return self._plan_only()
        self._conclude_unread(complete=self._is_full)
        self.alarms.short(demand)
        if self._is_full and not demand.unread:
            self.alarms.drift(self.book, self.shop, demand)
        complete = held_back is None or held_back.decreases
        if complete:
            complete = self._write(offering, read_at, decreases_only=bool(held_back))
        self._conclude(held_back, complete=complete)
        return self.result

    @property
    def _is_full(self) -> bool:
        return not self.wishes.skus

    # ---- reading ------------------------------------------------------------------------------

    def _read(self) -> tuple[Offering | None, datetime]:
        where = places(
            self.settings.inventory.locations,
            self.shop.locations(),
            tells_warehouses=self.warehouse.capabilities.tells_warehouses,
        )
        self.book.clear()
        self.progress("reading the shop", 0, 0)
        self.reading.variants(self.wishes.skus)
        self.result.processed = self.book.count_variants()
        if not self.wishes.dry_run:
            self.reading.look_for_processed()
        self.progress("reading the warehouse", 0, 0)
        read_at, seen = self.reading.stock(self.wishes.skus, where)
        self.alarms.quiet = self.wishes.dry_run or self._only_plans()
        implausible = self._implausible(where, seen) if self._is_full else None
        if implausible is not None:
            self.result.guard = implausible.name
            self.alarms.guarded(implausible)
            # The open orders were not read: those that could not be are not whole again.
            self._conclude_unread(complete=False)
            return None, read_at
        offering = Offering(
            self.book,
            self.settings,
            self.reading.names,
            where,
            is_absence_proven=not self.unread.nameless,
        )
        return offering, read_at

    def _implausible(self, where: Places, seen: set[str]) -> Guard | None:
        """Why a complete read is not believed, or ``None``."""
        allowed = self.wishes.allow_mass_change
        if not self.result.processed:
            return None
        if not self.book.count_parts():
            return Guard("empty", "VeraCore reported no stock at all: nothing was written", False)
        unread = self.book.count_unread() + self.unread.nameless
        rows = self.book.count_parts() + self.unread.nameless
        most = self.settings.inventory.max_zero_percent
        if unread >= GUARD_LEAST and unread * 100 > rows * most and not allowed:
            return Guard(
                "unreadable",
                f"{unread} of {rows} SKUs in VeraCore's stock cannot be read, more than "
                f"inventory.max_zero_percent ({most}): nothing was written",
                decreases=False,
            )
        unseen = sorted(set(where.by_warehouse or ()) - seen)
        if unseen and not allowed:
            return Guard(
                "warehouse",
                f"VeraCore reported no stock in {', '.join(unseen)}, which [inventory.locations] "
                "names: nothing was written",
                decreases=False,
            )
        known, lacking = self.book.count_known()
        if lacking >= GUARD_LEAST and lacking * 100 > known * most and not allowed:
            return Guard(
                "missing",
                f"{lacking} of {known} known SKUs are missing from VeraCore's stock, more than "
                f"inventory.max_zero_percent ({most}): nothing was written",
                decreases=False,
            )
        return None

    # ---- planning -----------------------------------------------------------------------------

    def _plan(
        self,
        offering: Offering,
        demand: Demand,
        *,
        decreases_only: bool,
        written_only: bool = False,
    ) -> Tally:
        """Plan every matched variant anew into the staging table."""
        tally = Tally()
        self.book.clear_plan()
        actions: list[Planned] = []
        for match in self.book.matched(written_only=written_only):
            offer = offering.offer(match, demand)
            if isinstance(offer, str):
                offering.leave(match, offer)
                continue
            now = offering.levels(match)
            tally.add(now, offer)
            changes = plan_variant(
                now,
                offer,
                decreases_only=decreases_only,
                everything=self.wishes.force and not written_only,
            )
            if changes:
                actions.append(offering.action(match, now, changes))
            if len(actions) >= _PAGE:
                self.book.add_plan(actions)
                actions.clear()
        self.book.add_plan(actions)
        offering.settle()
        return tally

    def _guard(self, tally: Tally) -> Guard | None:
        if self.wishes.allow_mass_change:
            return None
        first = self.ledger.meta.get(_ALLOWED) is None
        found = guard(tally, self.settings.inventory, first=first)
        if found is not None:
            self.result.guard = found.name
            self.result.withheld = tally.rising if found.decreases else tally.changing
        return found

    def _only_plans(self) -> bool:
        if not only_plans(self.warehouse, self.settings.vendure):
            return False
        self.result.notes.append(
            "this is a VeraCore simulator and the shop is not on this machine: only planned, "
            "nothing written (vendure.rehearsal = true would write)"
        )
        return True

    def _plan_only(self) -> InventoryResult:
        self.result.planned = self.book.count_plan()
        self.result.plan = list(islice(self.book.planned(), _SHOWN))
        self.unread.tell()
        self._count_skipped()
        if self.result.guard is not None:
            self.result.notes.append(
                f"the guard {self.result.guard!r} would hold this back; "
                "--allow-mass-change would not"
            )
        return self.result

    # ---- writing ------------------------------------------------------------------------------

    def _write(self, offering: Offering, read_at: datetime, *, decreases_only: bool) -> bool:
        """Write, look at the open orders again, mend what moved meanwhile; whether in time."""
        done, in_time = 0, True
        refusals = FailureBudget(REFUSED_MOST)
        for planning in range(1 + _REPLANS):
            total = self.book.count_plan()
            if not total:
                break
            self.progress("writing", done, total)

            def tell(count: int, total: int = total) -> None:
                nonlocal done
                done += count
                self.progress("writing", done, total)

            writer = Writer(
                self.shop,
                self.ledger,
                self.book,
                self.clock,
                self.result,
                refusals,
                everything=self.wishes.force and planning == 0,
                progress=tell,
            )
            in_time = writer.write(self.book.planned(), self.deadline)
            self.result.updated = self.book.count_written()
            if not in_time:
                self.result.notes.append(
                    "inventory.max_run_minutes is over: the next run goes on with the rest"
                )
                break
            if planning < _REPLANS:
                demand = self.reading.demand(read_at)
                self._plan(offering, demand, decreases_only=decreases_only, written_only=True)
        return in_time

    # ---- telling ------------------------------------------------------------------------------

    def _conclude(self, held_back: Guard | None, *, complete: bool) -> None:
        self._count_skipped()
        self.alarms.unknown(self.book, full=self._is_full)
        if held_back is not None:
            self.alarms.guarded(held_back)
        elif self._is_full:
            self.alarms.not_guarded()
        self.alarms.refused(complete=self._is_full and complete and held_back is None)
        self.book.remember(complete=self._is_full and not self.unread.nameless)
        if self._is_full and complete and self.wishes.allow_mass_change:
            self.ledger.meta.put(_ALLOWED, "1")

    def _conclude_unread(self, *, complete: bool) -> None:
        if self.alarms.quiet:
            self.unread.tell()
        else:
            self.unread.conclude(complete=complete)

    def _count_skipped(self) -> None:
        matched = self.book.count_variants("plain", "kit")
        self.result.skipped += self.result.processed - matched
        for kind, names in (
            ("unknown", self.result.unknown),
            ("ambiguous", self.result.ambiguous),
            ("missing", self.result.missing),
        ):
            names.extend(self.book.names(kind, 100))

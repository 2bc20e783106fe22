"""``ledger rebuild``: fill a fresh ledger, or show how it would be filled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.errors import NeedsPerson, UsageError
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.rebuild.rebuilt import RebuiltOrder
from veracore_sync.jobs.rebuild.record import Recorder
from veracore_sync.jobs.rebuild.report import RebuildReport
from veracore_sync.jobs.rebuild.scan import OutOfLookUps, Scan

_BATCH = 20
_PASSES = 3
_MAX_UNPROVEN = 500
_LONG = timedelta(days=1)
_MAX_NAMED = 10
_LIVE = "rebuild.live_since"


@dataclass(slots=True)
class RebuildRun(JobRun[RebuildReport]):
    """Fills a ledger with what both sides show. The caller holds every job.

    Args:
        since: As in `Scan`.
        lookups: As in `Scan`.
        applies: Whether it is recorded; otherwise it is only shown.
    """

    since: datetime | None = None
    lookups: int | None = None
    applies: bool = False
    _scan: Scan = field(init=False)
    _unproven: list[RebuiltOrder] = field(default_factory=list)
    _planned: list[RebuiltOrder] = field(default_factory=list)
    _given: dict[str, str] = field(default_factory=dict)
    _unanswered: list[WholeOrder] = field(default_factory=list)
    _earliest: datetime | None = None

    def run(self) -> RebuildReport:
        """Run to the end, or until the look-ups are used up.

        Raises:
            UsageError: The ledger holds orders that are not of this rebuild.
            SyncError: A side as a whole cannot be read; what was recorded stays, and the next run
                goes on.
        """
        if self.applies:
            self._must_be_fresh()
        has_found = self.applies and self.ledger.orders.any_accepted()
        self._scan = Scan(
            self.context, self.since, self.lookups, self._is_taken, has_found=has_found
        )
        self._scan.begin()
        if self.context.must_not_write and self.applies:
            raise NeedsPerson(
                "VeraCore is a simulator and the shop is not on this machine: nothing was recorded",
                hint="to rebuild from it anyway, set vendure.rehearsal = true",
            )
        if self.applies and not self.ledger.meta.rebuilding:
            self._begin()
        self.report.has_begun = self.applies
        is_whole = self._work_through() and self._ask_again()
        self._flush(is_end=is_whole)
        self.report.live_since = self._live_since()
        if is_whole and self.applies:
            self._end()
        self.report.has_ended = is_whole
        return self.report

    # ---- which rebuild it is -------------------------------------------------------------------

    def _must_be_fresh(self) -> None:
        meta = self.ledger.meta
        if meta.rebuilding:
            self.report.has_begun = True
            self._go_on(json.loads(meta.rebuilding))
            return
        count = sum(self.ledger.orders.counts().values())
        if count:
            raise UsageError(
                f"the ledger {self.ledger.place} holds {count} orders: nothing was changed",
                hint="`veracore-sync ledger rebuild --check` says how far it is from what both "
                "sides show; to build another one, move this one away first (docs/operate.md, "
                '"A lost ledger")',
            )

    def _begin(self) -> None:
        since = to_text(self.since) if self.since else None
        self.ledger.meta.begin_rebuild(
            json.dumps({"began": to_text(self.clock.now()), "from": since})
        )
        pass_failpoint("rebuild begun")

    def _go_on(self, began: dict[str, str | None]) -> None:
        before = from_text(began["from"]) if began["from"] else None
        if self.since is not None and self.since != before:
            raise UsageError(
                f"this rebuild began with --from {began['from'] or '(its default)'}",
                hint="leave --from out; or move the unfinished ledger away to begin anew",
            )
        self.since = before

    # ---- the work ------------------------------------------------------------------------------

    def _is_taken(self, candidate: str, code: str) -> bool:
        owner = self._given.get(candidate.casefold(), code)
        return owner != code or self.ledger.orders.id_sent_for(candidate, code)

    def _work_through(self) -> bool:
        """Plan and record every order; whether none is left."""
        is_whole = True
        for page in self._scan.pages():
            held = self.ledger.orders.held([one.code for one in page]) if self.applies else {}
            self.report.known += len(held)
            todo = [one for one in page if one.code not in held]
            if not is_whole:
                self.report.left += len(todo)
            elif (done := self._page(todo)) < len(todo):
                self.report.left += len(todo) - done
                is_whole = False
        if not is_whole:
            self.report.left += len(self._unanswered)
        return is_whole

    def _ask_again(self) -> bool:
        """Look up once more what VeraCore did not answer about; whether all of it was."""
        for left in range(_PASSES - 1, -1, -1):
            orders, self._unanswered = self._unanswered, []
            if (done := self._page(orders, is_last=not left)) < len(orders):
                self.report.left += len(orders) - done + len(self._unanswered)
                return False
        return True

    def _page(self, orders: Sequence[WholeOrder], *, is_last: bool = False) -> int:
        """Plan these; how many, before the look-ups were used up.

        Args:
            is_last: What VeraCore does not answer about now is recorded by the shop's state alone.
        """
        for done, order in enumerate(orders):
            self.context.progress("looking orders up", self.report.total, 0)
            try:
                planned = self._scan.plan(order)
            except OutOfLookUps:
                return done
            if planned.is_unanswered and not is_last:
                self._unanswered.append(order)
                continue
            if planned.veracore_id is not None:
                self._given[planned.veracore_id.casefold()] = planned.code
            self._keep(planned)
        return len(orders)

    def _keep(self, one: RebuiltOrder) -> None:
        if self._scan.unproven is not None:
            # Until an order is found, the answers may be those to an account that finds none.
            self._unproven.append(one)
            if len(self._unproven) > _MAX_UNPROVEN:
                raise self._scan.unproven
            return
        self._planned += [*self._unproven, one]
        self._unproven.clear()
        if len(self._planned) >= _BATCH:
            self._flush(is_end=False)

    def _flush(self, *, is_end: bool) -> None:
        if is_end and self._scan.unproven is not None:
            raise self._scan.unproven
        batch, self._planned = self._planned, []
        if self.applies and batch:
            recorder = Recorder(self.context)
            pass_failpoint("rebuild batch")
            with self.ledger.unit_of_work():
                for one in batch:
                    recorder.record(one)
                pass_failpoint("rebuild recording")
                self._note_live(batch)
            pass_failpoint("rebuild recorded")
        for one in batch:
            self.report.add(one)
        self._earliest = self._earliest_of(batch, self._earliest)

    def _note_live(self, batch: Sequence[RebuiltOrder]) -> None:
        """The earliest order that VeraCore has: since then, at least, orders went there."""
        known = self.ledger.meta.get(_LIVE)
        earliest = self._earliest_of(batch, from_text(known) if known else None)
        if earliest is not None:
            self.ledger.meta.put(_LIVE, to_text(earliest))

    def _earliest_of(
        self, batch: Sequence[RebuiltOrder], known: datetime | None
    ) -> datetime | None:
        there = [one.placed_at for one in batch if one.record is not None and one.placed_at]
        return min([*there, known] if known else there, default=None)

    # ---- the end -------------------------------------------------------------------------------

    def _live_since(self) -> datetime | None:
        """Since when orders go to VeraCore; ``None``: nothing shows it."""
        if self.settings.orders.not_before is not None:
            return self.settings.orders.not_before
        known = self.ledger.meta.get(_LIVE)
        found = from_text(known) if known else self._earliest
        return min(filter(None, (self.since, found)), default=None)

    def _end(self) -> None:
        live, now = self.report.live_since, self.clock.now()
        pass_failpoint("rebuild ending")
        with self.ledger.unit_of_work():
            strangers = list(self._scan.strangers())
            ours = self.ledger.orders.at_warehouse([one.veracore_id for one in strangers])
            for one in strangers:
                if one.veracore_id.casefold() not in ours:
                    self.report.foreign += 1
                    self.ledger.shipments.asked(one.veracore_id, one.reference)
            self._skip_early(live)
            self.ledger.meta.note_shop_clock(self.shop.clock_ahead_seconds)
            self.ledger.meta.end_rebuild(now, live)
        self._tell()

    def _skip_early(self, live: datetime | None) -> None:
        """Orders from before the first that VeraCore has were left to whatever was there before."""
        now = self.clock.now()
        for row in self.ledger.orders.in_states([OrderState.PENDING]):
            placed_at = from_text(row.placed_at) if row.placed_at else now
            if live is None or placed_at >= live:
                if now - placed_at > _LONG:
                    self.report.waiting.append(row.code)
                continue
            why = (
                f"it was placed before {to_text(live)}, since when orders go to VeraCore: set "
                "orders.not_before to an earlier time to send it"
            )
            self.ledger.transitions.skip(row.code, OrderCause.EARLY, why)
            self.report.early.append(row.code)

    def _tell(self) -> None:
        """What a person should know before anything else runs, of all runs of this rebuild."""
        report = self.report
        conflicts = self.ledger.orders.in_states([OrderState.CONFLICT])
        for row in conflicts[:_MAX_NAMED]:
            report.escalate(f"{row.code}: {row.error_message}")
        if len(conflicts) > _MAX_NAMED:
            report.escalate(f"{len(conflicts) - _MAX_NAMED} more orders are in conflict")
        if report.waiting:
            report.escalate(
                f"{len(report.waiting)} paid orders are older than a day and VeraCore does not "
                f"have them: {_named(report.waiting)}; they go out with the next sync-orders. "
                "Whether a person had skipped one is lost: `veracore-sync resolve CODE --skip`"
            )
        if report.early:
            report.escalate(
                f"{len(report.early)} paid orders are not sent, because they are older than the "
                f"first that VeraCore has: {_named(report.early)}; set orders.not_before to send "
                "them"
            )


def _named(codes: Sequence[str]) -> str:
    more = len(codes) - _MAX_NAMED
    return ", ".join(codes[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")

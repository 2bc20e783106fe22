"""``reconcile --apply``: repairs what the sides disagree about, by the jobs that know how.

Each difference is examined anew at the moment of its act, and once more after it. Nothing is
repaired here: a `Repair` is a job's own run, under that job's own lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from veracore_sync.domain.differences import (
    DIFFERENCES,
    Difference,
    DifferenceRow,
    DifferenceType,
)
from veracore_sync.domain.errors import LockHeld, SyncError, UpstreamError, UsageError
from veracore_sync.domain.failures import OF_ALL_RECORDS, OF_ONE_DECISION, FailureBudget
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.reconcile.sides import Examined, Examiner
from veracore_sync.jobs.reconcile.words import advice

MAX_APPLIED = 20
"""How many repairs one run makes, unless a person says otherwise."""

_T = DifferenceType
IN_ORDER = (
    # What may leave any moment comes first; what is adopted must not be sent as new; each act but
    # the last changes what may be sold.
    _T.CANCELLED_HERE_LIVE_THERE,
    _T.SENT_NOT_IN_LEDGER,
    _T.CANCELLED_THERE_OPEN_HERE,
    _T.PAID_NOT_SENT,
    _T.SHIPPED_NOT_FULFILLED,
    _T.TRACKING_DIFFERS,
    _T.STOCK_DIFFERS,
)
"""The types that are repaired, in the order in which they are."""


class RepairOutcome(StrEnum):
    """What became of a difference. The texts are shown in ``--json`` documents."""

    REPAIRED = "repaired"
    UNDER_WAY = "under_way"  # the act was done; whether it helped is seen by a later run
    DIFFERS = "differs"  # the act was done or refused, and the sides still disagree
    GONE = "gone"  # nothing was left to do
    CHANGED = "changed"  # it is another difference by now
    LEFT = "left"  # for the next run
    PLANNED = "planned"  # of a run that must not write


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What a repair did.

    Args:
        sentence: Without personal data.
        is_certain: Whether the job recorded the change as done: it counts although the order is on
            its way now, and not compared.
        needs_person: Whether the job said that a person has to go on.
        news: What the job's run found of other orders that needs a person.
    """

    sentence: str
    is_certain: bool = False
    needs_person: bool = False
    news: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repair:
    """How a type of differences is repaired.

    Args:
        lock: The job whose lock is held, given the difference.
        would: What the act does, for a run that must not write.
        act: Does it; may raise any `SyncError`.
    """

    lock: Callable[[Difference], str]
    would: str
    act: Callable[[Difference], RepairResult]


@dataclass(frozen=True, slots=True)
class AppliedDifference:
    """What became of one difference."""

    type: DifferenceType
    name: str
    detail: str
    outcome: RepairOutcome
    sentence: str

    def document(self) -> dict[str, Any]:
        """As in ``--json``."""
        return {
            "type": str(self.type),
            "name": self.name,
            "detail": self.detail,
            "outcome": str(self.outcome),
            "sentence": self.sentence,
        }


@dataclass(slots=True)
class ApplyReport:
    """What ``--apply`` did.

    Args:
        applied: Each difference that was chosen.
        needs_person: Sentences about what needs a person.
        stopped_by: What ended the repairs early.
    """

    applied: list[AppliedDifference] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    stopped_by: SyncError | None = None

    def count(self, outcome: RepairOutcome) -> int:
        """How many have that outcome."""
        return sum(1 for one in self.applied if one.outcome is outcome)

    def settled(self) -> set[tuple[str, DifferenceType]]:
        """The differences, by name and type, that nobody has to do anything about now."""
        done = (RepairOutcome.REPAIRED, RepairOutcome.UNDER_WAY, RepairOutcome.GONE)
        open_ones = {(one.name, one.type) for one in self.applied if one.outcome not in done}
        return {(one.name, one.type) for one in self.applied} - open_ones

    def counts(self) -> dict[str, int]:
        """How many have each outcome; for the run record."""
        return {str(one): self.count(one) for one in RepairOutcome if self.count(one)}


def repairable(types: Collection[DifferenceType]) -> tuple[DifferenceType, ...]:
    """The types that a person named, in the order in which they are repaired.

    Raises:
        UsageError: There is none, or nothing here repairs one of them.
    """
    for one in sorted(types):
        if one not in IN_ORDER:
            raise UsageError(
                f"nothing here repairs {one}: {DIFFERENCES[one].by_hand}",
                hint=f'docs/reconcile.md, "{one}", says what a person does',
            )
    if not types:
        raise UsageError("--apply names the types to repair", hint=f"such as {IN_ORDER[0]}")
    return tuple(one for one in IN_ORDER if one in types)


def chosen(
    rows: Iterable[DifferenceRow], types: Collection[DifferenceType], named: Collection[str]
) -> list[DifferenceRow]:
    """Which standing differences are repaired, in which order; pure.

    Args:
        named: Only these orders and SKUs, also if a person accepted the difference; empty: all.
    """
    wanted = [
        row
        for row in rows
        if row.ended_at is None
        and row.difference.type in types
        and (row.difference.name in named if named else not row.is_accepted)
    ]
    return sorted(wanted, key=_place)


def _place(row: DifferenceRow) -> tuple[int, str, str]:
    one = row.difference
    return (IN_ORDER.index(one.type), one.name, one.detail)


@dataclass(slots=True)
class Applier:
    """Repairs differences one by one. The caller holds the lock of the reconcile job.

    Args:
        orders: Examines orders.
        stock: Examines SKUs, in place of codes.
        repairs: How each type is repaired.
        lock: Holds a job's lock.
        record: Stores what the look after an act showed.
        most: How many acts are begun.
        is_over: Whether the run's time is over.
        plan_only: Whether nothing may be written.
    """

    orders: Examiner
    stock: Examiner
    repairs: Mapping[DifferenceType, Repair]
    lock: Callable[[str], AbstractContextManager[None]]
    record: Callable[[Examined, Collection[DifferenceType]], None]
    is_over: Callable[[], bool]
    most: int = MAX_APPLIED
    plan_only: bool = False
    report: ApplyReport = field(default_factory=ApplyReport)
    _begun: int = field(default=0, init=False)
    _budget: FailureBudget = field(default_factory=FailureBudget, init=False)

    def apply(self, rows: Sequence[DifferenceRow]) -> ApplyReport:
        """Repair these, which `chosen` has put in order; what ended it early is in the report."""
        groups = [
            [row.difference for row in group]
            for _, group in groupby(rows, lambda row: (row.difference.type, row.difference.name))
        ]
        for at, group in enumerate(groups):
            rest = [one for later in groups[at:] for one in later]
            if self._begun >= self.most:
                self._tell(rest, RepairOutcome.LEFT, "the limit of this run is reached")
                left = "1 difference is" if len(rest) == 1 else f"{len(rest)} differences are"
                self.report.needs_person.append(
                    f"{left} left, because --max {self.most} is reached"
                )
                break
            if self.is_over():
                self._tell(rest, RepairOutcome.LEFT, "the run's time is over")
                break
            try:
                self._one(group)
            except SyncError as error:
                self.report.stopped_by = error
                reported = {(one.type, one.name, one.detail) for one in self.report.applied}
                self._tell(
                    [one for one in rest if one.key not in reported],
                    RepairOutcome.LEFT,
                    error.message,
                )
                break
        return self.report

    def _one(self, group: list[Difference]) -> None:
        """Repair what one order, or one SKU, has of one type.

        Raises:
            SyncError: The others could not be repaired either.
        """
        repair = self.repairs[group[0].type]
        if self.plan_only:
            self._act(group, repair)
            return
        try:
            with self.lock(repair.lock(group[0])):
                deed = self._act(group, repair)
        except LockHeld as error:
            # Another run is at work: it may repair it, and the next one begins with what is left.
            self._tell(group, RepairOutcome.LEFT, error.message)
        except SyncError as error:
            if self._ends_all(error):
                raise
            self._tell(group, RepairOutcome.LEFT, error.message)
        else:
            if deed is not None:
                self._look_again(group, deed)

    def _ends_all(self, error: SyncError) -> bool:
        """Whether the others would fail, too; three failures of a side in a row are not chance."""
        if error in OF_ALL_RECORDS or not isinstance(error, UpstreamError):
            return True
        self._budget.spend()
        return self._budget.is_spent()

    # ---- before ---------------------------------------------------------------------------------

    def _act(self, group: list[Difference], repair: Repair) -> RepairResult | None:
        """Plan anew, and act; ``None``: nothing was done."""
        now = self._examine(group[0])
        if not now.is_compared:
            self._tell(group, RepairOutcome.LEFT, now.unseen or now.moving)
            return None
        standing = {one.key: one for one in now.differences}
        same = []
        for one in group:
            found = standing.get(one.key)
            if found is None:
                self._tell([one], RepairOutcome.GONE, "it no longer differs")
            elif found.mark != one.mark:
                self._tell([one], RepairOutcome.CHANGED, "it differs in another way by now")
            else:
                same.append(found)
        if not same:
            self._recorded(group[0], now)
            return None
        group[:] = same
        if not any(one.repair for one in same):
            # As the comparison shows it, no command repairs it.
            self._tell(same, RepairOutcome.DIFFERS, advice(same[0]))
            return None
        if self.plan_only:
            self._begun += 1
            self._tell(same, RepairOutcome.PLANNED, repair.would)
            return None
        self._begun += 1
        pass_failpoint("repair begun")
        return self._done(same, repair)

    def _done(self, group: list[Difference], repair: Repair) -> RepairResult | None:
        try:
            deed = repair.act(group[0])
        except SyncError as error:
            if error not in OF_ONE_DECISION:
                raise
            # The order stays as it is; the others are not affected.
            hint = f" ({error.hint})" if error.hint else ""
            self._tell(group, RepairOutcome.DIFFERS, f"{error.message}{hint}")
            return None
        self._budget.restore()
        pass_failpoint("repair done")
        return deed

    # ---- after ----------------------------------------------------------------------------------

    def _look_again(self, group: Sequence[Difference], deed: RepairResult) -> None:
        try:
            now = self._examine(group[0])
        except SyncError as error:
            self._tell(group, RepairOutcome.UNDER_WAY, deed.sentence)
            if self._ends_all(error):
                raise
            return
        self._recorded(group[0], now)
        left = {one.key for one in now.differences}
        still = [one for one in group if one.key in left]
        gone = [one for one in group if one.key not in left]
        is_known = now.is_compared or (deed.is_certain and not now.unseen)
        self._tell(still, RepairOutcome.DIFFERS, deed.sentence)
        self._tell(
            gone, RepairOutcome.REPAIRED if is_known else RepairOutcome.UNDER_WAY, deed.sentence
        )
        if is_known and not now.is_compared and not self._has_changed(group[0]):
            # Its alert would stand until a later run compares the order, perhaps in a week.
            self.record(Examined(group[0].name), {group[0].type})
        if deed.needs_person and not still:
            self.report.needs_person.append(f"{group[0].name}: {deed.sentence}")
        self.report.needs_person += deed.news

    def _has_changed(self, one: Difference) -> bool:
        """Whether another difference of its type was left, because it is not as it was found."""
        return any(
            (done.type, done.name, done.outcome) == (one.type, one.name, RepairOutcome.CHANGED)
            for done in self.report.applied
        )

    def _examine(self, one: Difference) -> Examined:
        examiner = self.stock if one.type is DifferenceType.STOCK_DIFFERS else self.orders
        found = [seen for seen in examiner.examine([one.name]) if seen.code == one.name]
        return found[0] if found else Examined(one.name, unseen="it was not found again")

    def _recorded(self, one: Difference, seen: Examined) -> None:
        if not self.plan_only and seen.is_compared:
            is_stock = one.type is DifferenceType.STOCK_DIFFERS
            own = DifferenceType.STOCK_DIFFERS
            self.record(seen, {own} if is_stock else set(DifferenceType) - {own})

    def _tell(self, group: Iterable[Difference], outcome: RepairOutcome, sentence: str) -> None:
        for one in group:
            reported = AppliedDifference(one.type, one.name, one.detail, outcome, sentence)
            self.report.applied.append(reported)
            if outcome is RepairOutcome.DIFFERS:
                about = f"{one.name} ({one.type})"
                self.report.needs_person.append(f"{about} still differs: {sentence}")

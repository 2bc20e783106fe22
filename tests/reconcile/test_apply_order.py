"""What ``--apply`` chooses, does and says, with repairs and looks that the test decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from veracore_sync.domain.differences import (
    DIFFERENCES,
    Difference,
    DifferenceRow,
    DifferenceType,
)
from veracore_sync.domain.errors import (
    LedgerError,
    LockHeld,
    NeedsPerson,
    SyncError,
    Unavailable,
    UsageError,
)
from veracore_sync.jobs.reconcile.apply import (
    IN_ORDER,
    Applier,
    Repair,
    RepairOutcome,
    RepairResult,
    chosen,
    repairable,
)
from veracore_sync.jobs.reconcile.sides import Examined

PAID = DifferenceType.PAID_NOT_SENT
STOCK = DifferenceType.STOCK_DIFFERS
AT = "2026-01-01T00:00:00.000Z"
DOWN = Unavailable("VeraCore: no connection", upstream="veracore")


def difference(type: DifferenceType, name: str, detail: str = "", ledger: str = "") -> Difference:
    return Difference(
        type, name, ledger, "paid", "absent", None, detail, repair=f"sync-orders --order {name}"
    )


def row(one: Difference, **more: str) -> DifferenceRow:
    return replace(DifferenceRow(one, AT, AT), **more)  # type: ignore[arg-type]


@dataclass
class Both:
    """Both sides: what differs now, and what was done about it. A repair ends a difference."""

    standing: list[Difference]
    held: set[str] = field(default_factory=set)
    fails: dict[str, SyncError] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    looks: list[Examined | SyncError] = field(default_factory=list)
    deed: RepairResult = field(default_factory=lambda: RepairResult("done"))
    acts: list[str] = field(default_factory=list)
    recorded: list[tuple[Examined, Collection[DifferenceType]]] = field(default_factory=list)
    time_left: int = 100

    def examine(self, codes: Sequence[str]) -> list[Examined]:
        if self.looks:
            look = self.looks.pop(0)
            if isinstance(look, SyncError):
                raise look
            return [replace(look, code=codes[0])]
        found = [one for one in self.standing if one.name in codes]
        return [Examined(codes[0], tuple(found))]

    @contextmanager
    def lock(self, job: str) -> Iterator[None]:
        if job in self.held:
            raise LockHeld(f"{job}: sync-{job} is at work")
        yield

    def act(self, one: Difference) -> RepairResult:
        self.acts.append(one.name)
        if one.name in self.fails:
            raise self.fails[one.name]
        if one.name not in self.stubborn:
            self.standing = [
                other for other in self.standing if (other.type, other.name) != (one.type, one.name)
            ]
        return self.deed

    def is_over(self) -> bool:
        self.time_left -= 1
        return self.time_left < 0

    def apply(self, rows: Sequence[DifferenceRow] = (), **more: object) -> Applier:
        repair = Repair(lambda one: "stock" if one.type == STOCK else "orders", "sent", self.act)
        made = Applier(
            self,
            self,
            dict.fromkeys(IN_ORDER, repair),
            self.lock,
            lambda seen, types: self.recorded.append((seen, types)),
            self.is_over,
            **more,  # type: ignore[arg-type]
        )
        made.apply(rows or chosen([row(one) for one in self.standing], IN_ORDER, ()))
        return made


def outcomes(made: Applier) -> list[tuple[str, RepairOutcome]]:
    return [(one.name, one.outcome) for one in made.report.applied]


def paid(*names: str) -> Both:
    return Both([difference(PAID, name) for name in names])


# ---- which -------------------------------------------------------------------------------------


def test_types_are_named_in_any_order_and_repaired_in_ours() -> None:
    assert repairable({STOCK, PAID}) == (PAID, STOCK)


@pytest.mark.parametrize("type", [one for one in DifferenceType if one not in IN_ORDER])
def test_a_type_without_a_repair_is_a_usage_error_that_names_its_section(
    type: DifferenceType,
) -> None:
    with pytest.raises(UsageError) as caught:
        repairable({PAID, type})
    assert f'docs/reconcile.md, "{type}"' in (caught.value.hint or "")
    assert DIFFERENCES[type].by_hand in caught.value.message
    assert not DIFFERENCES[type].applied
    with pytest.raises(UsageError):
        repairable([])


def test_every_type_that_is_applied_has_its_place() -> None:
    assert {one for one, entry in DIFFERENCES.items() if entry.applied} == set(IN_ORDER)


def test_accepted_ended_and_other_types_are_left_out_and_the_order_is_always_the_same() -> None:
    accepted = row(difference(PAID, "A"), accepted_mark=difference(PAID, "A").mark, reason="ok")
    rows = [
        row(difference(STOCK, "MUG")),
        row(difference(PAID, "C")),
        row(difference(PAID, "B", "2")),
        row(difference(PAID, "B", "1")),
        accepted,
        row(difference(PAID, "D"), ended_at=AT),
        row(difference(DifferenceType.CANCELLED_HERE_LIVE_THERE, "Z")),
        row(difference(DifferenceType.CONTENT_DIFFERS, "Y")),
    ]
    wanted = [("Z", ""), ("B", "1"), ("B", "2"), ("C", ""), ("MUG", "")]
    for turned in (rows, rows[::-1]):
        found = chosen(turned, IN_ORDER, ())
        assert [(one.difference.name, one.difference.detail) for one in found] == wanted
    assert [one.difference.name for one in chosen(rows, [PAID], ["A", "C"])] == ["A", "C"]


# ---- the acts ----------------------------------------------------------------------------------


def test_each_is_examined_acted_upon_and_examined_once_more() -> None:
    both = paid("A", "B")
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.REPAIRED), ("B", RepairOutcome.REPAIRED)]
    assert both.acts == ["A", "B"]
    assert [(seen.code, seen.differences) for seen, _ in both.recorded] == [("A", ()), ("B", ())]
    assert all(STOCK not in types and PAID in types for _, types in both.recorded)
    assert (made.report.needs_person, made.report.stopped_by) == ([], None)


def test_several_details_of_one_order_are_one_act() -> None:
    both = Both([difference(PAID, "A", "1"), difference(PAID, "A", "2"), difference(PAID, "B")])
    made = both.apply(most=2)
    assert both.acts == ["A", "B"]
    assert made.report.counts() == {"repaired": 3}


def test_what_is_gone_or_changed_at_the_moment_of_the_act_is_left_alone() -> None:
    both = paid("A", "B")
    rows = chosen([row(one) for one in both.standing], IN_ORDER, ())
    both.standing = [difference(PAID, "B", ledger="parked")]
    made = both.apply(rows)
    assert both.acts == []
    assert outcomes(made) == [("A", RepairOutcome.GONE), ("B", RepairOutcome.CHANGED)]
    # What was compared anew is stored, so that it ends, or is known as it is now.
    assert [seen.code for seen, _ in both.recorded] == ["A", "B"]


@pytest.mark.parametrize("look", [Examined("", unseen="no answer"), Examined("", moving="sent")])
def test_what_cannot_be_compared_now_is_left(look: Examined) -> None:
    both = paid("A")
    both.looks = [look]
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.LEFT)]
    assert (both.acts, both.recorded) == ([], [])


def test_the_limit_ends_the_run_before_the_first_act_beyond_it() -> None:
    both = paid("A", "B", "C")
    made = both.apply(most=2)
    assert both.acts == ["A", "B"]
    assert outcomes(made)[-1] == ("C", RepairOutcome.LEFT)
    assert made.report.needs_person == ["1 difference is left, because --max 2 is reached"]


def test_exactly_the_limit_leaves_nothing() -> None:
    made = paid("A", "B").apply(most=2)
    assert made.report.needs_person == []


def test_what_was_gone_does_not_count_against_the_limit() -> None:
    both = paid("A", "B")
    rows = chosen([row(one) for one in both.standing], IN_ORDER, ())
    both.standing = both.standing[1:]
    assert outcomes(both.apply(rows, most=1)) == [
        ("A", RepairOutcome.GONE),
        ("B", RepairOutcome.REPAIRED),
    ]


def test_a_job_that_is_held_leaves_its_differences_and_no_others() -> None:
    both = paid("A", "B")
    both.standing.append(difference(STOCK, "MUG"))
    both.held = {"orders"}
    made = both.apply()
    assert both.acts == ["MUG"]
    assert made.report.counts() == {"repaired": 1, "left": 2}
    assert (made.report.needs_person, made.report.stopped_by) == ([], None)
    assert both.recorded[-1][1] == {STOCK}


def test_a_refusal_is_told_and_stops_no_other() -> None:
    both = paid("A", "B")
    both.fails["A"] = NeedsPerson("it is in conflict", hint="decide")
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.DIFFERS), ("B", RepairOutcome.REPAIRED)]
    assert made.report.needs_person == [
        "A (paid_not_sent) still differs: it is in conflict (decide)"
    ]


def test_what_did_not_help_needs_a_person() -> None:
    both = paid("A")
    both.stubborn = {"A"}
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.DIFFERS)]
    assert len(made.report.needs_person) == 1


@pytest.mark.parametrize(
    ("deed", "look", "wanted", "ended"),
    [
        (
            RepairResult("sent", is_certain=True),
            Examined("", moving="sent"),
            RepairOutcome.REPAIRED,
            [(Examined("A"), {PAID})],
        ),
        (
            RepairResult("asked"),
            Examined("", moving="being cancelled"),
            RepairOutcome.UNDER_WAY,
            [],
        ),
        (
            RepairResult("sent", is_certain=True),
            Examined("", unseen="no answer"),
            RepairOutcome.UNDER_WAY,
            [],
        ),
        (RepairResult("asked"), Examined("", unseen="no answer"), RepairOutcome.UNDER_WAY, []),
    ],
)
def test_what_is_on_its_way_after_the_act(
    deed: RepairResult,
    look: Examined,
    wanted: RepairOutcome,
    ended: list[tuple[Examined, Collection[DifferenceType]]],
) -> None:
    both = paid("A")
    both.deed = deed
    both.looks = [Examined("", tuple(both.standing)), look]
    made = both.apply()
    assert outcomes(made) == [("A", wanted)]
    # What the job recorded as done has ended, though nothing else of the order is concluded.
    assert both.recorded == ended


def test_what_is_done_ends_nothing_that_has_changed_meanwhile() -> None:
    both = Both([difference(PAID, "A", "1"), difference(PAID, "A", "2")])
    both.deed = RepairResult("sent", is_certain=True)
    changed = difference(PAID, "A", "2", ledger="parked")
    both.looks = [Examined("", (both.standing[0], changed)), Examined("", moving="sent")]
    made = both.apply()
    assert made.report.counts() == {"repaired": 1, "changed": 1}
    assert both.recorded == []


def test_what_the_job_says_needs_a_person_although_the_difference_is_gone() -> None:
    both = paid("A")
    both.deed = RepairResult("adopted; it has other units", needs_person=True)
    assert both.apply().report.needs_person == ["A: adopted; it has other units"]


def test_one_without_an_answer_stops_no_other_and_three_in_a_row_do() -> None:
    both = paid("A", "B")
    both.fails["A"] = DOWN
    assert outcomes(both.apply()) == [("A", RepairOutcome.LEFT), ("B", RepairOutcome.REPAIRED)]
    both = paid("A", "B", "C", "D")
    both.fails = dict.fromkeys("ABCD", DOWN)
    made = both.apply()
    assert both.acts == ["A", "B", "C"]
    assert made.report.stopped_by is DOWN
    assert made.report.counts() == {"left": 4}


def test_a_ledger_that_fails_ends_it_at_once() -> None:
    both = paid("A", "B")
    both.fails["A"] = LedgerError("the disk is full")
    made = both.apply()
    assert (both.acts, made.report.stopped_by) == (["A"], both.fails["A"])
    assert made.report.counts() == {"left": 2}


def test_a_side_that_fails_after_an_act_hides_the_act_from_nobody() -> None:
    both = paid("A", "B")
    both.looks = [Examined("", tuple(both.standing)), DOWN]
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.UNDER_WAY), ("B", RepairOutcome.REPAIRED)]
    both = paid("A", "B", "C", "D")
    both.looks = [Examined("", tuple(both.standing)), DOWN, DOWN, DOWN]
    made = both.apply()
    assert [outcome for _, outcome in outcomes(made)] == [
        RepairOutcome.UNDER_WAY,
        *[RepairOutcome.LEFT] * 3,
    ]
    assert (both.acts, made.report.stopped_by) == (["A"], DOWN)


def test_nothing_begins_after_the_run_s_time() -> None:
    both = paid("A", "B")
    both.time_left = 1
    assert outcomes(both.apply()) == [("A", RepairOutcome.REPAIRED), ("B", RepairOutcome.LEFT)]


def test_a_dry_run_examines_and_acts_on_nothing_and_takes_no_lock() -> None:
    both = paid("A", "B")
    both.held = {"orders"}
    made = both.apply(plan_only=True)
    assert (both.acts, both.recorded) == ([], [])
    assert outcomes(made) == [("A", RepairOutcome.PLANNED), ("B", RepairOutcome.PLANNED)]
    assert made.report.needs_person == []


def test_what_no_command_repairs_is_left_to_a_person() -> None:
    both = paid("A", "B")
    both.standing = [replace(one, repair="") if one.name == "A" else one for one in both.standing]
    made = both.apply()
    assert outcomes(made) == [("A", RepairOutcome.DIFFERS), ("B", RepairOutcome.REPAIRED)]
    assert both.acts == ["B"]
    assert any(one.startswith("A (paid_not_sent)") for one in made.report.needs_person)


def test_what_the_run_found_of_another_order_is_news_of_its_own() -> None:
    both = paid("A")
    both.deed = RepairResult("sent", news=("C: it waits",))
    made = both.apply()
    assert made.report.applied[0].sentence == "sent"
    assert made.report.needs_person == ["C: it waits"]

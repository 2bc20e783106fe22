"""Each difference, made by a side's own means: found, named rightly and alone, repaired, gone.

All of them are made in one bed, each to an order and a SKU of its own, beside much that only looks
like a difference. So every test here looks at the same few runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import ledger_server
import pytest
from commands_kit import whole_program
from reconcile_kit import Bed, small_bed
from reconcile_made import ELSE, NO_WAIT, Made, all_keys, skus_for
from reconcile_makers import MAKERS, NEAR_MISSES, SHOWN, prepare, types_without_maker

from veracore_sync.domain.differences import DIFFERENCES, DifferenceType

APPLIED = [one for one in DifferenceType if DIFFERENCES[one].applied]
BY_TYPE = {key: one for key, one in MAKERS.items() if one.is_applied}
BY_HAND = {key: one for key, one in MAKERS.items() if not one.is_applied}
NOTHING_TO_SHOW = {
    ("stock_differs", "ledger"),
    ("allocated_short", "ledger"),
    ("allocated_short", "warehouse"),
}
IN_REST = {key: one for key, one in MAKERS.items() if one.in_rest}
IN_REST_MISSES = {"sent", "all shipped", "cancelled before it was sent", "skipped by a person"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    skus = skus_for(all_keys())
    folder = tmp_path_factory.mktemp("made")
    with small_bed(folder, [*skus.values(), *ELSE], **NO_WAIT) as bed:
        story = Made(bed, skus)
        story.make(MAKERS, NEAR_MISSES)
        story.look("before")
        story.step("found", codes=(3,))
        story.step("again", codes=(0,))
        story.apply(APPLIED)
        bed.clock.forward(minutes=20)
        # A second look-up, which confirms what was cancelled.
        bed.run("sync-orders", codes=(0, 3))
        bed.clock.forward(hours=2)
        story.step("repaired")
        story.mend(BY_HAND)
        story.step("mended", codes=(0,))
        yield story


def test_each_type_has_a_maker() -> None:
    assert types_without_maker(MAKERS.values()) == set()


@pytest.mark.parametrize("key", MAKERS)
def test_it_is_found_and_named_rightly_and_alone(made: Made, key: str) -> None:
    assert made.steps["found"].types_of(made.names[key]) == [MAKERS[key].type]


@pytest.mark.parametrize("key", NEAR_MISSES)
def test_what_only_looks_like_one_is_none(made: Made, key: str) -> None:
    found = made.steps["found"]
    assert found.types_of(made.codes.get(key, "")) == []
    assert found.types_of(made.skus[key]) == []


def test_nothing_else_is_reported(made: Made) -> None:
    reported = {(one["type"], one["name"]) for one in made.steps["found"].standing}
    assert reported == {(one.type, made.names[key]) for key, one in MAKERS.items()}
    document = made.steps["found"].document
    assert document["unseen"] == []
    assert document["complete"] is True


@pytest.mark.parametrize("key", MAKERS)
def test_the_evidence_shows_what_each_side_has(made: Made, key: str) -> None:
    found = made.steps["found"].difference(MAKERS[key].type, made.names[key])
    shown = SHOWN.get(key, ("", "", ""))
    for side, words in zip(("ledger", "shop", "warehouse"), shown, strict=True):
        assert found[side] or (found["type"], side) in NOTHING_TO_SHOW
        wanted = words.format(sku=made.skus[key], code=made.codes.get(key, ""))
        assert wanted in found[side], (side, found[side])
    assert "Lovelace" not in str(found)
    assert "Potsdam" not in str(found)
    if found["since"] is not None:
        at = datetime.fromisoformat(found["since"])
        assert at <= made.bed.clock.now()


@pytest.mark.parametrize("key", MAKERS)
def test_the_repair_that_is_printed_can_be_typed(made: Made, key: str) -> None:
    found = made.steps["found"].difference(MAKERS[key].type, made.names[key])
    if found["repair"] is None:
        assert DIFFERENCES[MAKERS[key].type].by_hand
        return
    name, *arguments = shlex.split(found["repair"])
    command = whole_program().commands[name]
    parsed = command.make_context(name, list(arguments))
    assert made.names[key] in str(parsed.params)


def test_a_run_changes_neither_side(made: Made) -> None:
    assert made.changed("before", "found") == set()
    assert made.changed("found", "again") == set()
    assert made.steps["before"].written == made.steps["again"].written


def test_a_person_is_told_once_of_each(made: Made) -> None:
    before, again = made.steps["before"].alerts, made.steps["again"].alerts
    assert made.steps["found"].alerts == again
    new = [one for one in again if one not in before]
    assert len(new) == len(set(new))
    told = {code for _, code, is_open in again if is_open}
    for key, one in MAKERS.items():
        kinds = [kind for kind, code, is_open in again if code == made.names[key] and is_open]
        by = {str(kind) for kind in DIFFERENCES[one.type].told_by}
        if made.codes.get(key):
            assert made.names[key] in told, key
        if by & set(kinds):
            assert "order.differs" not in kinds, key
    assert not any(one["isNew"] for one in made.steps["again"].standing)


@pytest.mark.parametrize("key", BY_TYPE)
def test_what_is_applied_is_gone(made: Made, key: str) -> None:
    (done,) = (
        one
        for one in made.steps[f"apply {MAKERS[key].type}"].document["applied"]
        if one["name"] == made.names[key]
    )
    assert done["outcome"] in ("repaired", "under_way"), done
    assert made.steps["repaired"].types_of(made.names[key]) == []


@pytest.mark.parametrize("type", APPLIED)
def test_a_repair_changes_nothing_else(made: Made, type: DifferenceType) -> None:
    names = list(made.steps)
    before = names[names.index(f"apply {type}") - 1]
    keys = [key for key, one in MAKERS.items() if one.type is type]
    assert made.changed(before, f"apply {type}") <= made.places(keys)


@pytest.mark.parametrize("key", BY_HAND)
def test_what_a_person_repairs_is_gone(made: Made, key: str) -> None:
    one = MAKERS[key]
    assert made.steps["repaired"].types_of(made.names[key]) == [one.type]
    assert one.mend is not None or one.accepted
    assert made.steps["mended"].types_of(made.names[key]) == []


def test_nothing_stands_in_the_end(made: Made) -> None:
    left = [(one["type"], one["name"]) for one in made.steps["mended"].standing]
    assert left == []
    accepted = {key for key, one in MAKERS.items() if one.accepted}
    shown = {one["name"] for one in made.steps["mended"].document["differences"]}
    assert shown <= {made.names[key] for key in accepted}


# ---- the repairs as they are printed, the other dialect, the other ledger ------------------------


def _found_alone(bed: Bed, skus: dict[str, str], keys: list[str], misses: list[str]) -> Made:
    story = Made(bed, skus)
    makers = {key: MAKERS[key] for key in keys}
    story.make(makers, {key: NEAR_MISSES[key] for key in misses})
    story.look("before")
    found = story.step("found", codes=(3,))
    reported = {(one["type"], one["name"]) for one in found.standing}
    assert reported == {(one.type, story.names[key]) for key, one in makers.items()}
    assert story.changed("before", "found") == set()
    return story


def test_the_printed_commands_repair_it(tmp_path: Path) -> None:
    keys = [key for key, one in BY_TYPE.items() if one.type is not DifferenceType.STOCK_DIFFERS]
    skus = skus_for(keys)
    with small_bed(tmp_path, [*skus.values(), *ELSE], **NO_WAIT) as bed:
        story = _found_alone(bed, skus, keys, [])
        typed = story.type_repairs(keys, story.steps["found"])
        assert typed.keys() == set(keys)
        bed.clock.forward(hours=2)
        assert story.step("repaired").standing == []


def test_what_changes_at_veracore_long_after_all_sides_agreed(tmp_path: Path) -> None:
    keys = {"labels void", "relabelled", "a label more", "shipped twice"}
    skus = skus_for(keys)
    with small_bed(tmp_path, [*skus.values(), *ELSE], **NO_WAIT) as bed:
        codes = prepare(bed, {key: (MAKERS[key].stage, skus[key]) for key in keys})
        bed.clock.forward(hours=3)
        assert bed.reconcile()["differences"] == []
        bed.clock.forward(days=4)
        assert bed.reconcile()["totals"]["lookUps"] == 0
        for key in keys:
            MAKERS[key].strike(bed, codes[key], skus[key])
        bed.clock.forward(hours=3)
        found = {(one["type"], one["name"]) for one in bed.reconcile()["differences"]}
        assert found == {(MAKERS[key].type, codes[key]) for key in keys}


def test_what_the_dialect_rest_can_show(tmp_path: Path) -> None:
    keys = list(IN_REST)
    misses = sorted(IN_REST_MISSES)
    skus = skus_for([*keys, *misses])
    with small_bed(tmp_path, [*skus.values(), *ELSE], "rest", **NO_WAIT) as bed:
        story = _found_alone(bed, skus, keys, misses)
        bed.run("reconcile")
        story.apply({IN_REST[key].type for key in keys if IN_REST[key].is_applied})
        bed.clock.forward(hours=2)
        story.mend([key for key in keys if not IN_REST[key].is_applied])
        assert story.step("mended").standing == []


@pytest.mark.postgres
def test_a_ledger_on_postgresql(tmp_path: Path) -> None:
    """Some of the types, with all that is stored of them; its clock is the server's."""
    keys = ["never sent", "row dropped", "forgotten there", "shipped", "another address here"]
    misses = ["all shipped"]
    skus = skus_for([*keys, *misses])
    place = ledger_server.new_place()
    env = NO_WAIT | {"VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0"}
    try:
        with small_bed(tmp_path, [*skus.values(), *ELSE], server=place, start=None, **env) as bed:
            story = _found_alone(bed, skus, keys, misses)
            types = {MAKERS[key].type for key in keys if MAKERS[key].is_applied}
            story.step("repaired", "--apply", ",".join(sorted(types)))
            story.mend([key for key in keys if not MAKERS[key].is_applied])
            assert story.step("mended").standing == []
    finally:
        ledger_server.drop(place)

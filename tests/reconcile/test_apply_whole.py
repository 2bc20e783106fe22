"""``reconcile --apply`` between both sides: each type is repaired, and nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import ledger_server
import pytest
from apply_kills import ALL, settle
from apply_kit import TYPES, ApplyWorld, T, apply_world
from rig import HereRig

from veracore_sync.domain.differences import DifferenceRow
from veracore_sync.jobs.reconcile.apply import Applier, ApplyReport


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplyWorld]:
    with apply_world(tmp_path_factory.mktemp("apply"), HereRig) as made:
        yield made
        settle(made)


@pytest.fixture
def world(shared: ApplyWorld) -> Iterator[ApplyWorld]:
    """What earlier tests left stands beside what the test makes."""
    env = dict(shared.rig.env)
    yield shared
    shared.rig.env.clear()
    shared.rig.env |= env


def expected(world: ApplyWorld, type: T, name: str) -> str:
    """What of both sides the repair of that difference may change, as a pattern."""
    if type is T.STOCK_DIFFERS:
        return f"shop/stock/{name}/.*"
    levels = "shop/stock/(MUG|TEE)/.*"
    return {
        T.PAID_NOT_SENT: f"there/{name}/.*",
        T.CANCELLED_HERE_LIVE_THERE: f"there/{name}/lines",
        T.SHIPPED_NOT_FULFILLED: f"shop/{name}/(state|fulfilments|history).*|{levels}",
    }.get(type, "nothing")


def outcomes(document: Any, made: Collection[tuple[T, str]]) -> dict[tuple[T, str], str]:
    """What became of these."""
    found = {(one["type"], one["name"]): one["outcome"] for one in document["applied"]}
    return {one: outcome for one, outcome in found.items() if one in made}


# ---- each type ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type", TYPES)
def test_it_is_repaired_and_gone_and_nothing_else_is_changed(world: ApplyWorld, type: T) -> None:
    world.apply(type)
    # Beside it stand others that are not asked for.
    others = world.make_all(
        [one for one in (T.PAID_NOT_SENT, T.SHIPPED_NOT_FULFILLED) if one != type]
    )
    [(_, name)] = world.make_all([type])
    assert (type, name) in world.differences()
    before = world.both()
    done = world.apply(type)
    wanted = {
        T.CANCELLED_HERE_LIVE_THERE: "under_way",
        T.CANCELLED_THERE_OPEN_HERE: "differs",
    }.get(type, "repaired")
    assert outcomes(done, [(type, name)]) == {(type, name): wanted}, done["applied"]
    assert {one["type"] for one in done["applied"]} == {type}
    assert world.is_repaired(type, name)
    pattern = expected(world, type, name)
    beyond = {
        key: to for key, to in world.changed(before).items() if not re.fullmatch(pattern, key)
    }
    assert beyond == {}
    if type is T.CANCELLED_HERE_LIVE_THERE:
        settle_cancellation(world, name)
    stands = world.differences()
    assert ((type, name) in stands) == (type is T.CANCELLED_THERE_OPEN_HERE)
    assert set(others) <= set(stands)


def settle_cancellation(world: ApplyWorld, name: str) -> None:
    """The orders job looks a second time, the grace after the first."""
    while world.state(name) != "cancelled":
        world.run("sync-orders", "--order", name)
        world.dice.random()


def test_a_dry_run_shows_what_would_be_done_and_changes_nothing(world: ApplyWorld) -> None:
    made = world.make_all(TYPES)
    world.reconcile()
    before, states = world.both(), [world.state(name) for _, name in made]
    shown = world.reconcile("--dry-run", "--apply", ",".join(TYPES))
    assert outcomes(shown, made) == dict.fromkeys(made, "planned")
    assert shown["dryRun"]
    assert (world.changed(before), [world.state(name) for _, name in made]) == ({}, states)
    text = world.run("reconcile", "--dry-run", "--apply", "paid_not_sent").out
    assert "it would be sent" in text
    assert "planned" in text


def test_the_limit_stops_it_and_the_next_run_goes_on(world: ApplyWorld) -> None:
    world.apply("paid_not_sent")
    made = world.make_all([T.PAID_NOT_SENT] * 3)
    names = [name for _, name in made]
    done = world.apply("paid_not_sent", more=["--max", "2"], codes=[3])
    assert sorted(outcomes(done, made).values()) == ["left", "repaired", "repaired"]
    assert "1 difference is left, because --max 2 is reached" in done["notes"]
    assert sum(world.is_repaired(T.PAID_NOT_SENT, name) for name in names) == 2
    world.apply("paid_not_sent", more=["--max", "2"], codes=[0])
    assert all(world.is_repaired(T.PAID_NOT_SENT, name) for name in names)


def test_what_is_accepted_is_repaired_only_by_name(world: ApplyWorld) -> None:
    made = world.make_all([T.PAID_NOT_SENT] * 2)
    [(type, name), (_, other)] = made
    world.reconcile()
    world.run("reconcile", "--accept", "as agreed", "--type", type, "--order", name)
    assert outcomes(world.apply(type), made) == {(type, other): "repaired"}
    done = world.apply(type, more=["--order", name])
    assert outcomes(done, made) == {(type, name): "repaired"}


def test_what_is_repaired_is_no_news_and_its_alert_is_closed(world: ApplyWorld) -> None:
    [(type, name)] = world.make_all([T.SHIPPED_NOT_FULFILLED])
    # Found and repaired by one run: nothing is left for a person.
    world.apply(type, codes=[0])
    with world.ledger() as ledger:
        assert [one for one in ledger.alerts.standing() if one.code == name] == []
        last = ledger.runs.last_ended("reconcile")
    assert last is not None
    assert set(last.result["applied"]) == {"repaired"}
    assert name not in str(last.result)


def test_a_job_at_work_is_no_failure(world: ApplyWorld) -> None:
    made = world.make_all([T.PAID_NOT_SENT, T.SHIPPED_NOT_FULFILLED])
    with world.ledger(write=True) as other, other.runs.lock("orders", "sync-orders"):
        done = world.apply(*dict(made))
    assert outcomes(done, made) == {one: _WITHOUT_ORDERS[one[0]] for one in made}
    [left] = [one for one in done["applied"] if one["name"] == dict(made)[T.PAID_NOT_SENT]]
    assert "sync-orders" in left["sentence"]


_WITHOUT_ORDERS = {T.PAID_NOT_SENT: "left", T.SHIPPED_NOT_FULFILLED: "repaired"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--apply", "foreign_at_warehouse"], 'docs/reconcile.md, "foreign_at_warehouse"'),
        (["--apply", "paid_not_snt"], "paid_not_sent"),
        (["--apply", ""], "--apply names the types"),
        (["--apply", "stock_differs", "--max", "0"], "--max"),
        (["--max", "3"], "--max goes with --apply"),
        (["--name", "MUG"], "--name goes with"),
        (["--apply", "stock_differs", "--accept", "no"], "exclude each other"),
    ],
)
def test_what_makes_no_sense_is_refused(shared: ApplyWorld, options: list[str], said: str) -> None:
    ended = shared.rig.run("reconcile", *options)
    assert (ended.code, said in ended.err) == (2, True), ended


def test_a_shipped_order_that_was_not_found_once_is_looked_up_again(world: ApplyWorld) -> None:
    [(type, name)] = world.make_all([T.TRACKING_DIFFERS])
    world.rig.control("faults", {"kinds": ["false_absent"], "order": name})
    assert (type, name) not in world.differences()
    world.mend()
    assert (type, name) in world.differences()


# ---- the other dialect, the other ledger ---------------------------------------------------------


def test_in_rest_what_can_be_shown_is_repaired(tmp_path: Path) -> None:
    with apply_world(tmp_path, HereRig, dialect="rest") as world:
        made = world.make_all([T.PAID_NOT_SENT, T.CANCELLED_THERE_OPEN_HERE])
        world.apply(*dict(made))
        assert all(world.is_repaired(*one) for one in made)


# ---- beside others -------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["file", "postgres"])
def test_two_at_once_beside_the_timers(tmp_path: Path, server: str) -> None:
    place = ledger_server.new_place() if server == "postgres" else None
    with apply_world(tmp_path, HereRig, place) as world:
        world.make_all(TYPES)
        # The jobs' own locks are the same on both; that leases keep two apart is seen by two.
        timers = ("sync-orders", "sync-tracking", "sync-inventory") if place is None else ()
        commands = [ALL, ALL, *((name,) for name in timers)]
        runs = [world.rig.start(*command) for command in commands]
        ends = [(run.communicate(timeout=600), run.returncode) for run in runs]
        for (_, told), code in ends:
            assert code in (0, 3, 75), (told, code)
            assert "Traceback" not in told
        world.nothing_twice()
        settle(world)


# ---- both sides on a bad day ---------------------------------------------------------------------

WAREHOUSE = ["reset_before", "reset_after", "html_500", "http_503", "truncate", "fault_unlisted"]
SHOP = ["reset_before", "reset_after", "html_500", "http_503", "truncate", "graphql_error_plain"]


def test_while_a_third_of_all_requests_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with apply_world(tmp_path, HereRig) as world:
        world.make_all(TYPES)
        seeds = iter(range(9))

        def burn() -> None:
            seed = next(seeds)
            world.rig.control("faults", {"kinds": WAREHOUSE, "rate": 0.3, "seed": seed})
            world.shop.add_faults(SHOP, rate=0.3, seed=seed + 1)

        def begin(applier: Applier, rows: Sequence[DifferenceRow]) -> ApplyReport:
            burn()
            return as_it_is(applier, rows)

        as_it_is = Applier.apply
        # A comparison that fails repairs nothing, so most fires begin with the repairs.
        monkeypatch.setattr(Applier, "apply", begin)
        burn()
        for _ in range(4):
            ended = world.rig.run(*ALL)
            assert ended.code in (0, 3, 69, 77, 78), ended
            world.mend()
            world.nothing_twice()
            world.run("breaker", "reset")
        monkeypatch.undo()
        settle(world)

"""Delivery: at least once, in order per order, with one id, however hooks behave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes import FakeClock, FakeHook
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.deliver import FAILING, Delivered, EventDelivery
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db", clock=clock, hooks=("url",))
    yield opened
    opened.close()


def tell(ledger: Ledger, code: str, *kinds: str) -> None:
    for kind in kinds:
        ledger.outbox.add(kind, code, {"vendureOrderCode": code})


def run(ledger: Ledger, clock: FakeClock, hook: FakeHook, *, forced: bool = False) -> Delivered:
    return EventDelivery(ledger, {"url": hook}, clock, forced).run()


def test_what_waits_is_delivered_once(ledger: Ledger, clock: FakeClock) -> None:
    tell(ledger, "A", "order.synced", "order.shipped")
    tell(ledger, "B", "order.synced")
    hook = FakeHook()
    assert run(ledger, clock, hook).taken == {"url": 3}
    assert run(ledger, clock, hook).taken == {"url": 0}
    assert hook.taken == [("A", "order.synced"), ("A", "order.shipped"), ("B", "order.synced")]


def test_a_hook_that_fails_for_an_hour_gets_every_event_in_order(
    ledger: Ledger, clock: FakeClock
) -> None:
    hook = FakeHook("is away")
    tell(ledger, "A", "order.synced")
    news: list[str] = []
    for minute in range(70):
        if minute == 30:
            tell(ledger, "A", "order.shipped")
        news += run(ledger, clock, hook).needs_person
        clock.forward(minutes=1)
    of_the_order = [one for one, kind in hook.kinds if kind == "order.synced"]
    assert len(set(of_the_order)) == 1
    assert len(hook.offered) < 15
    (told,) = news
    assert "the hook url has not accepted events since" in told
    assert FAILING in {alert.kind for alert in ledger.alerts.standing()}
    hook.mood = "takes"
    for _ in range(70):
        run(ledger, clock, hook)
        clock.forward(minutes=1)
    mine = [one for one in hook.taken if one[0] == "A"]
    assert mine == [("A", "order.synced"), ("A", "order.shipped")]
    assert [alert.kind for alert in ledger.alerts.standing()] == []


def test_an_alert_of_no_order_is_not_over_before_it_begins(
    ledger: Ledger, clock: FakeClock
) -> None:
    hook = FakeHook("is away")
    ledger.alerts.open(AlertKind.VERACORE_DOWN, "no answer")
    run(ledger, clock, hook)
    ledger.alerts.resolve(AlertKind.VERACORE_DOWN)
    ledger.alerts.open(AlertKind.VENDURE_DOWN, "no answer")
    clock.forward(minutes=2)
    hook.mood = "takes"
    run(ledger, clock, hook)
    kinds = [kind for _, kind in hook.taken]
    # Both ended with the network; whoever reads the last message must not believe it lasts.
    assert kinds == ["alert.opened", "alert.opened", "alert.resolved"]
    assert ledger.outbox.summary()["waiting"] == 0


def test_an_address_that_fails_has_no_other_told_again_or_late(
    tmp_path: Path, clock: FakeClock
) -> None:
    with closing(open_ledger(tmp_path / "p.db", clock=clock, hooks=("notify",))) as ledger:
        for code in "ABC":
            tell(ledger, code, "alert.opened")
        people = {"notify": FakeHook("is away"), "notify-2": FakeHook(), "notify-3": FakeHook()}
        for _ in range(5):
            result = EventDelivery(ledger, people, clock).run()
            clock.forward(hours=1)
        assert "notify has not accepted" in " ".join(
            one.message for one in ledger.alerts.standing()
        )
        assert [*result.stopped] == ["notify"]
        tell(ledger, "D", "alert.opened")
        EventDelivery(ledger, people, clock, forced=True).run()
        told = [(code, "alert.opened") for code in "ABCD"]
        assert [one for one in people["notify-3"].taken if one[0]] == told
        people["notify"].mood = "takes"
        EventDelivery(ledger, people, clock, forced=True).run()
        for hook in people.values():
            assert [one for one in hook.taken if one[0]] == told


def test_what_is_stored_while_people_are_told_reaches_each_address(
    tmp_path: Path, clock: FakeClock
) -> None:
    with closing(open_ledger(tmp_path / "p.db", clock=clock, hooks=("notify",))) as ledger:

        class Slow(FakeHook):
            def deliver(self, event_id: str, body: bytes) -> None:
                super().deliver(event_id, body)
                if len(self.taken) == 1:
                    tell(ledger, "B", "alert.opened")

        tell(ledger, "A", "alert.opened")
        people = {"notify": Slow(), "notify-2": FakeHook()}
        EventDelivery(ledger, people, clock).run()
        for hook in people.values():
            assert [code for code, _ in hook.taken] == ["A", "B"]


def test_a_poison_event_blocks_its_order_alone(ledger: Ledger, clock: FakeClock) -> None:
    tell(ledger, "A", "order.synced", "order.shipped")
    tell(ledger, "B", "order.synced", "order.shipped")
    hook = FakeHook(poison={"A"})
    result = run(ledger, clock, hook)
    assert hook.taken == [("B", "order.synced"), ("B", "order.shipped")]
    assert (result.refused, result.stopped) == ({"url": 1}, {})


def test_three_refusals_in_a_row_end_the_pass(ledger: Ledger, clock: FakeClock) -> None:
    for code in "ABCDE":
        tell(ledger, code, "order.synced")
    hook = FakeHook("refuses")
    assert run(ledger, clock, hook).stopped == {"url": "HTTP 400"}
    assert len(hook.offered) == 3
    run(ledger, clock, hook)
    assert len(hook.offered) == 3
    hook.mood = "takes"
    run(ledger, clock, hook, forced=True)
    assert len(hook.taken) == 5


def test_each_hook_has_its_own_progress(tmp_path: Path, clock: FakeClock) -> None:
    ledger = open_ledger(tmp_path / "two.db", clock=clock, hooks=("command", "url"))
    tell(ledger, "A", "order.synced")
    away, there = FakeHook("is away"), FakeHook()
    result = EventDelivery(ledger, {"command": away, "url": there}, clock).run()
    assert (result.taken, result.stopped) == ({"command": 0, "url": 1}, {"command": "no answer"})
    assert ledger.outbox.summary()["waiting"] == 1
    ledger.close()


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.sampled_from("ABC")),
            st.tuples(st.just("mood"), st.sampled_from(("takes", "refuses", "is away"))),
            st.tuples(st.just("wait"), st.sampled_from(("1", "30", "90"))),
            st.tuples(st.just("run"), st.just("")),
        ),
        max_size=40,
    )
)
def test_nothing_is_lost_and_orders_keep_their_order(steps: list[tuple[str, str]]) -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock, hooks=("url",))
    hook, told = FakeHook(), dict.fromkeys("ABC", 0)
    for what, value in steps:
        if what == "tell":
            tell(ledger, value, f"order.n{told[value]}")
            told[value] += 1
        elif what == "mood":
            hook.mood = value
        elif what == "wait":
            clock.forward(minutes=int(value))
        else:
            run(ledger, clock, hook)
    hook.mood = "takes"
    run(ledger, clock, hook, forced=True)
    for code, count in told.items():
        mine = [kind for taken, kind in hook.taken if taken == code]
        assert mine == [f"order.n{n}" for n in range(count)]
    ledger.close()

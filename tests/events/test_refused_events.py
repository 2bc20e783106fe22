"""An event that a hook always refuses: it stops nothing else, is told within the hour, and can be
passed by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeClock

from veracore_sync.clock import from_text
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.jobs.deliver import BLOCKED, FAILING, Delivered, EventDelivery, is_wanted, skip
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.ports.ledger import Ledger

REFUSAL = NotTaken("HTTP 400", unreachable=False)
CRASH = NotTaken("no end in 10 s", unreachable=True)


@dataclass
class PickyHook:
    """Takes all but some types of event."""

    poison: dict[str, Exception] = field(default_factory=dict)
    down: bool = False
    offered: list[str] = field(default_factory=list)
    taken: list[tuple[str | None, str]] = field(default_factory=list)

    def deliver(self, event_id: str, body: bytes) -> None:
        document = json.loads(body)
        self.offered.append(event_id)
        if self.down:
            raise NotTaken("no answer", unreachable=True)
        if document["type"] in self.poison:
            raise self.poison[document["type"]]
        data = document["data"]
        self.taken.append((data.get("vendureOrderCode"), document["type"]))

    def close(self) -> None:
        """Nothing is kept."""


@dataclass
class Scene:
    """A ledger with two hooks, of which ``url`` is picky, and a clock."""

    ledger: Ledger
    clock: FakeClock
    url: PickyHook = field(default_factory=PickyHook)
    command: PickyHook = field(default_factory=PickyHook)
    news: list[str] = field(default_factory=list)

    def tell(self, code: str, *kinds: str) -> None:
        for kind in kinds:
            self.ledger.outbox.add(kind, code, {"vendureOrderCode": code})

    def run(self, *, forced: bool = False) -> Delivered:
        hooks = {"command": self.command, "url": self.url}
        result = EventDelivery(self.ledger, hooks, self.clock, forced).run()
        self.news += result.needs_person
        return result

    def go_on(self, span: timedelta, step: timedelta = timedelta(minutes=5)) -> None:
        end = self.clock.now() + span
        while self.clock.now() < end:
            self.clock.forward(seconds=step.total_seconds())
            self.run()

    def alerts(self, kind: str = BLOCKED) -> list[Alert]:
        return [one for one in self.ledger.alerts.standing() if one.kind == kind]

    def id_of(self, code: str, kind: str) -> str:
        found = self.ledger.database.value(
            "SELECT id FROM events WHERE code = ? AND type = ?", (code, kind)
        )
        assert isinstance(found, str)
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = FakeClock()
    ledger = open_ledger(tmp_path / "ledger.db", clock=clock, hooks=("command", "url"))
    yield Scene(ledger, clock)
    ledger.close()


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("fault", [REFUSAL, CRASH, ValueError("pat@example.com")])
def test_ten_days_of_one_refused_event(scene: Scene, fault: Exception) -> None:
    begun = scene.clock.now()
    scene.url.poison["order.synced"] = fault
    scene.tell("A", "order.synced", "order.shipped")
    scene.run()
    for day in range(10):
        for hour in range(24):
            scene.tell(f"B{day}-{hour}", "order.shipped")
            scene.go_on(HOUR, timedelta(minutes=5))
            (alert,) = scene.alerts()
            assert from_text(alert.opened_at) - begun <= HOUR
            assert (f"B{day}-{hour}", "order.shipped") in scene.url.taken
    # Told once, by name, to the refusing hook too, and never again.
    (sentence,) = [one for one in scene.news if "keeps refusing" in one]
    event = scene.id_of("A", "order.synced")
    for word in ("hook url", "order.synced", "order A", f"deliver --skip {event}", "1 more of"):
        assert word in alert.message
        assert word in sentence
    assert "example.com" not in alert.message
    for hook in (scene.url, scene.command):
        assert [kind for _, kind in hook.taken].count("alert.opened") == 1
    assert scene.command.taken[:2] == [("A", "order.synced"), ("A", "order.shipped")]
    assert ("A", "order.shipped") not in scene.url.taken
    # Once it is taken, it is over.
    scene.url.poison.clear()
    scene.go_on(HOUR * 2)
    assert scene.alerts() == []
    mine = [kind for code, kind in scene.url.taken if code == "A"]
    assert mine == ["order.synced", "order.shipped"]
    assert scene.url.taken[-1][1] == "alert.resolved"


@pytest.mark.parametrize(("fault", "count"), [(REFUSAL, 12), (CRASH, 3)])
def test_many_refused_events_stop_no_other_and_are_one_alert(
    scene: Scene, fault: Exception, count: int
) -> None:
    scene.url.poison["order.synced"] = fault
    for number in range(count):
        scene.tell(f"P{number}", "order.synced")
    for number in range(6):
        scene.tell(f"Q{number}", "order.shipped")
        scene.go_on(HOUR)
        assert (f"Q{number}", "order.shipped") in scene.url.taken
    scene.go_on(HOUR * 3)
    (alert,) = scene.alerts()
    assert f"it also refuses {count - 1} other events" in alert.message
    assert scene.alerts(FAILING) == []
    assert len([one for one in scene.news if "keeps refusing" in one]) == 1


def test_a_hook_that_fails_as_a_whole_is_one_alert_of_its_own(scene: Scene) -> None:
    scene.url.down = True
    scene.tell("A", "order.synced", "order.shipped")
    scene.go_on(timedelta(days=2))
    (alert,) = scene.alerts(FAILING)
    assert "the hook url has not accepted events since" in alert.message
    assert scene.alerts() == []
    assert len(scene.url.offered) < 70, "it is left alone"
    scene.command.down = True
    scene.tell("B", "order.synced")
    scene.go_on(HOUR * 3)
    assert [one.about for one in scene.alerts(FAILING)] == ["url", "command"]
    scene.url.down = False
    scene.go_on(HOUR * 2)
    assert [one.about for one in scene.alerts(FAILING)] == ["command"]


@pytest.mark.parametrize("fault", [REFUSAL, CRASH])
def test_an_alert_that_the_hook_refuses_too_causes_none(scene: Scene, fault: Exception) -> None:
    scene.url.poison = {"order.synced": fault, "alert.opened": fault, "alert.resolved": fault}
    scene.tell("A", "order.synced")
    scene.go_on(timedelta(days=2), timedelta(minutes=10))
    opened = scene.ledger.database.value("SELECT count(*) FROM events WHERE type LIKE 'alert.%'")
    assert opened <= 4
    (blocked,) = scene.ledger.outbox.blocked("url") or [None]
    if blocked is not None:
        assert blocked.type == "order.synced"
    skip(scene.ledger, [scene.id_of("A", "order.synced")])
    scene.go_on(timedelta(days=2), timedelta(minutes=10))
    assert scene.alerts() == []
    assert scene.ledger.database.value("SELECT count(*) FROM events") <= 8


def test_what_is_passed_by_is_recorded_and_sets_free_what_waited(scene: Scene) -> None:
    scene.url.poison["order.synced"] = REFUSAL
    scene.tell("A", "order.synced", "order.shipped")
    scene.go_on(HOUR * 2)
    event = scene.id_of("A", "order.synced")
    assert skip(scene.ledger, [event]) == [("url", event)]
    scene.run()
    assert ("A", "order.shipped") in scene.url.taken
    assert scene.alerts() == []
    rows = scene.ledger.database.rows(
        "SELECT hook, error, done_at FROM deliveries JOIN events USING (seq) WHERE id = ?", (event,)
    )
    assert {row["hook"]: row["error"] for row in rows} == {
        "command": None,
        "url": "skipped: HTTP 400",
    }
    with pytest.raises(UsageError):
        skip(scene.ledger, [event])


def test_only_what_a_hook_refused_can_be_passed_by_and_all_or_none(scene: Scene) -> None:
    scene.url.poison["order.synced"] = REFUSAL
    scene.tell("A", "order.synced", "order.shipped")
    scene.run()
    refused, waiting = scene.id_of("A", "order.synced"), scene.id_of("A", "order.shipped")
    for wrong in (waiting, "evt_unknown"):
        with pytest.raises(UsageError, match=wrong):
            skip(scene.ledger, [refused, wrong])
    assert scene.ledger.outbox.refusing(refused) == ["url"]


def test_an_event_that_a_wrong_clock_dated_is_told_of_too(scene: Scene) -> None:
    scene.url.poison["order.synced"] = REFUSAL
    scene.clock.forward(days=400)
    scene.tell("A", "order.synced")
    scene.clock.forward(days=-400)
    scene.go_on(timedelta(hours=12))
    assert len(scene.alerts()) == 1


@pytest.mark.parametrize("how", ["pruned", "hook removed"])
def test_an_alert_ends_with_what_it_told_of(scene: Scene, how: str) -> None:
    scene.url.poison["order.synced"] = REFUSAL
    scene.tell("A", "order.synced")
    scene.go_on(HOUR * 2)
    assert scene.alerts()
    if how == "pruned":
        scene.ledger.upkeep.prune(scene.clock.now())
        assert is_wanted(scene.ledger, ("command", "url"))
        scene.run()
    else:
        EventDelivery(scene.ledger, {"command": scene.command}, scene.clock).run()
    assert scene.alerts() == []


def test_a_hook_that_is_down_does_not_make_its_events_look_refused(scene: Scene) -> None:
    scene.tell("A", "order.synced")
    scene.go_on(timedelta(minutes=1))
    scene.url.down = True
    scene.tell("B", "order.synced")
    for _ in range(60):
        scene.go_on(timedelta(minutes=3), timedelta(minutes=1))
        assert scene.alerts() == []
        assert scene.ledger.outbox.summary()["blocked"] == []

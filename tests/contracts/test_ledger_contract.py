"""The contract of the port `Ledger`: every backend, every verb of every store.

What holds of SQLite alone (its file, its locks, its log) stands in `tests/ledger`; orders and stock
are walked in the modules beside this one.
"""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import START
from ledger_beds import (
    HOUR,
    MINUTE,
    LedgerBed,
    accept,
    discover,
    kinds,
    record,
    send,
    state,
)
from race_kit import RACERS, race

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import (
    BreakerOpen,
    ConfigError,
    LedgerError,
    LockHeld,
    Occurrence,
    RateLimited,
)
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.ledger_records import ORDERS_LISTED, UnreadRow
from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.states import OrderState
from veracore_sync.ledger import open_ledger, upkeep
from veracore_sync.ports import ledger as ledger_port
from veracore_sync.ports import order_ledger, stock_staging, upstream_limits
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.meta_store import MetaStore

ODD = UnreadRow("A", to_text(START), 1, None, "odd")

# ---- the unit of work ---------------------------------------------------------------------------


def test_a_unit_of_work_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.unit_of_work():
        discover(ledger, "A")
        ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code="A")
        ledger.meta.put("mark", "1")
        raise ZeroDivisionError
    assert (ledger.orders.get("A"), kinds(ledger), ledger.meta.get("mark")) == (None, [], None)
    assert ledger.outbox.summary()["waiting"] == 0
    with ledger.unit_of_work():
        discover(ledger, "A")
        ledger.meta.put("mark", "1")
    assert (state(ledger), ledger.meta.get("mark")) == (("pending", ""), "1")


def test_a_unit_of_work_in_another_joins_it(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.unit_of_work():
        with ledger.unit_of_work():
            ledger.meta.put("inner", "1")
        assert ledger.meta.get("inner") == "1"
        raise ZeroDivisionError
    assert ledger.meta.get("inner") is None


def test_a_failed_unit_of_work_leaves_the_ledger_in_use(ledger: Ledger) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), ledger.unit_of_work(), ledger.unit_of_work():
            raise ZeroDivisionError
    ledger.meta.put("mark", "1")
    assert ledger.meta.get("mark") == "1"


def test_nobody_sees_a_unit_of_work_before_its_end(shared: LedgerBed) -> None:
    with closing(shared.open()) as one, closing(shared.open()) as other:
        with one.unit_of_work():
            one.meta.put("mark", "1")
            assert other.meta.get("mark") is None
        assert other.meta.get("mark") == "1"


def test_threads_that_share_a_ledger_take_turns(ledger: Ledger) -> None:
    inside: list[int] = []
    most: list[int] = []

    def count() -> None:
        for _ in range(20):
            with ledger.unit_of_work():
                inside.append(1)
                most.append(len(inside))
                ledger.meta.put("count", str(int(ledger.meta.get("count") or 0) + 1))
                inside.pop()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), ledger.meta.get("count")) == (1, "80")


RACER = """
import sys
from datetime import UTC, datetime
from ledger_beds import named
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Failure
from veracore_sync.domain.errors import Category
from veracore_sync.ledger import open_ledger
ledger = open_ledger(named(sys.argv[1]))
trouble, now = Failure(Category.PROTOCOL, "odd"), datetime.now(UTC)
print("ready", flush=True)
sys.stdin.readline()
print({verb})
"""


@pytest.mark.parametrize(
    "verb",
    [
        'ledger.transitions.refuse("A", 1, trouble, now).name == "NEWS"',
        'ledger.inbox.store([WebhookDelivery("one", "order", ("A",))])[0]',
        'ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code="A")',
    ],
)
def test_of_processes_that_race_for_one_transition_one_makes_it(
    shared: LedgerBed, verb: str
) -> None:
    with closing(shared.open()) as ledger:
        send(ledger, "A")
        told = race(RACER.format(verb=verb), shared.name)
        assert told == ["False"] * (RACERS - 1) + ["True"]


def test_a_ledger_that_is_only_read_refuses_every_write(shared: LedgerBed) -> None:
    with closing(shared.open()) as ledger:
        accept(ledger, "A")
    with closing(shared.open(read_only=True)) as reader:
        assert state(reader) == ("synced", "")
        writes = (
            lambda: discover(reader, "B"),
            lambda: reader.transitions.ship("A"),
            lambda: reader.holdings.saw("A", record()),
            lambda: reader.shipments.asked("A", "A"),
            lambda: reader.alerts.open(AlertKind.ORDER_OLD, "it waits"),
            lambda: reader.inbox.store([WebhookDelivery("one", "order", ("A",))]),
            lambda: reader.unread.keep("order", [ODD]),
            lambda: reader.meta.put("mark", "1"),
            lambda: reader.runs.begin("sync-orders"),
            reader.budgets.clear_penalties,
            lambda: reader.refusals.remember("veracore", "secret"),
            lambda: reader.upkeep.prune(START),
        )
        for write in writes:
            with pytest.raises(LedgerError):
                write()
        with pytest.raises(LedgerError), reader.unit_of_work():
            reader.meta.put("mark", "1")
    with closing(shared.open()) as ledger:
        assert ledger.orders.counts()["synced"] == sum(ledger.orders.counts().values()) == 1


# ---- alerts, events, hints ----------------------------------------------------------------------


def test_an_alert_is_news_once(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    assert ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code="A")
    assert not ledger.alerts.open(AlertKind.ORDER_OLD, "it waits still", code="A")
    assert ledger.alerts.open(AlertKind.ORDER_OLD, "it waits anew", code="A", again=True)
    ledger_bed.clock.forward(hours=1)
    (alert,) = ledger.alerts.standing()
    ledger.alerts.count_from_now(alert)
    assert ledger.alerts.standing()[0].opened_at == to_text(START + HOUR)
    assert ledger.alerts.resolve("order.old", code="A")
    assert not ledger.alerts.resolve("order.old", code="A")
    assert ledger.reporting.alerts_by_kind() == {"order.old": 0}
    (past,) = ledger.reporting.alerts_of("A")
    assert (past.message, past.resolved_at) == ("it waits anew", to_text(START + HOUR))


def test_an_accepted_alert_is_not_opened_again_for_the_same_difference(ledger: Ledger) -> None:
    beyond, drift = AlertKind.ORDER_BEYOND, AlertKind.ORDER_DRIFT
    ledger.alerts.open(beyond, "2 x MUG more", code="A")
    ledger.alerts.open(drift, "since noon: ship-to changed", code="A", difference="ship-to changed")
    ledger.alerts.open(AlertKind.ORDER_PARKED, "no stock", code="A")
    ledger.alerts.open(beyond, "2 x MUG more", code="B")
    accepted = ledger.alerts.accept("A", "a gift")
    assert {one.kind for one in accepted} == {beyond, drift}
    left = {(one.kind, one.code) for one in ledger.alerts.standing()}
    assert left == {("order.parked", "A"), (beyond, "B")}, "a parked order needs a decision"
    assert [(one.kind, one.reason) for one in ledger.alerts.accepted("A")] == [
        (beyond, "a gift"),
        (drift, "a gift"),
    ]

    assert not ledger.alerts.open(beyond, "2 x MUG more", code="A", again=True)
    since_one = "since one: ship-to changed"
    assert not ledger.alerts.open(drift, since_one, code="A", difference="ship-to changed")
    assert len(ledger.alerts.standing()) == 2
    assert ledger.alerts.open(beyond, "3 x MUG more", code="A"), "another difference is told"
    assert not ledger.alerts.open(beyond, "2 x MUG more", code="A"), "and ends if it is taken back"
    assert len(ledger.alerts.standing()) == 2
    ledger.alerts.resolve(beyond, code="A")
    assert ledger.alerts.open(beyond, "2 x MUG more", code="A"), "it had ended, and is back"


def test_only_the_alerts_that_a_person_names_are_accepted(ledger: Ledger) -> None:
    ledger.alerts.open(AlertKind.ORDER_BEYOND, "beyond", code="A")
    ledger.alerts.open(AlertKind.ORDER_SHORT, "short", code="A")
    ledger.alerts.open(AlertKind.STOCK_DRIFT, "1 of MUG")
    assert ledger.alerts.accept("A", "fine", kinds=(AlertKind.ORDER_PARKED,)) == []
    (one,) = ledger.alerts.accept("A", "fine", kinds=(AlertKind.ORDER_SHORT,))
    assert (one.kind, one.message) == ("order.short", "short")
    (one,) = ledger.alerts.accept(None, "counted")
    assert one.kind == AlertKind.STOCK_DRIFT
    assert not ledger.alerts.open(AlertKind.STOCK_DRIFT, "1 of MUG")
    assert [one.kind for one in ledger.alerts.standing()] == ["order.beyond"]


def test_events_of_an_order_leave_in_their_order(ledger: Ledger) -> None:
    for kind, code in (
        (EventKind.ORDER_SYNCED, "A"),
        (EventKind.ORDER_SHIPPED, "A"),
        (EventKind.ORDER_SYNCED, "B"),
    ):
        ledger.outbox.add(kind, code, {"n": 1})
    first = ledger.outbox.due("command", after=0, forced=False)
    assert first is not None
    assert (first.type, first.code, first.data) == ("order.synced", "A", {"n": 1})
    ledger.outbox.refused("command", first.seq, "500", START + MINUTE)
    after = ledger.outbox.due("command", after=first.seq, forced=False)
    assert after is not None
    assert after.code == "B"
    ledger.outbox.taken("command", after.seq)
    assert ledger.outbox.due("command", after=0, forced=False) is None
    assert ledger.outbox.due("command", after=0, forced=True, fresh_only=True) is None
    for _ in range(9):
        ledger.outbox.refused("command", first.seq, "500", START)
    (blocked,) = ledger.outbox.blocked("command")
    assert (blocked.id, blocked.tries, blocked.behind) == (first.id, 10, 1)
    assert ledger.outbox.refusing(first.id) == ["command"]
    assert ledger.reporting.outbox_waiting() == {"command": 2}
    ledger.outbox.skip(first.id, "command")
    assert ledger.outbox.summary()["waiting"] == 1


def test_what_waits_for_a_hook_is_shared_with_others_once(ledger: Ledger) -> None:
    for code in "AB":
        ledger.outbox.add(EventKind.ORDER_SYNCED, code, {})
    first = ledger.outbox.due("command", after=0, forced=False)
    assert first is not None
    ledger.outbox.taken("command", first.seq)
    for _ in range(2):
        ledger.outbox.share("command", ["other", "third"])
    assert ledger.reporting.outbox_waiting() == {"command": 1, "other": 1, "third": 1}
    for hook in ("other", "third"):
        event = ledger.outbox.due(hook, after=0, forced=False)
        assert event is not None
        assert event.code == "B"
        ledger.outbox.taken(hook, event.seq)
    ledger.outbox.share("command", ["other", "third"])
    assert ledger.reporting.outbox_waiting() == {"command": 1}


@pytest.mark.parametrize(
    ("marks", "waiting"),
    [
        ("ba", {"notify": "A", "notify-2": ""}),
        ("b", {"notify": "A"}),
        ("a", {"notify": ""}),
        ("cb", {"notify": "", "notify-2": "A"}),
        ("ac", {"notify": "", "notify-2": "A"}),
        ("cab", {"notify": "A", "notify-2": "", "notify-3": "A"}),
        ("aab", {"notify": "", "notify-2": "A", "notify-3": "A"}),
        ("bcad", {"notify": "A", "notify-2": "A", "notify-3": "", "notify-4": "A"}),
    ],
)
def test_progress_belongs_to_the_address_of_people(
    ledger: Ledger, marks: str, waiting: dict[str, str]
) -> None:
    ledger.outbox.add(EventKind.ALERT_OPENED, "A", {})
    ledger.outbox.share("command", ["notify", "notify-2"])
    event = ledger.outbox.due("notify", after=0, forced=False)
    assert event is not None
    ledger.outbox.readdress("ab")
    ledger.outbox.taken("notify", event.seq)
    ledger.outbox.failed("notify-2", "is away", START + MINUTE)
    ledger.outbox.taken("command", event.seq)
    for _ in range(2):
        ledger.outbox.readdress(marks)
    ledger.outbox.share("notify", [*waiting][1:])
    found = {hook: ledger.outbox.due(hook, after=0, forced=False) for hook in waiting}
    assert {hook: one.code if one else "" for hook, one in found.items()} == waiting
    assert [one["hook"] for one in ledger.outbox.summary()["failing"]] == [
        f"notify-{place}" if place > 1 else "notify"
        for place, mark in enumerate(marks, 1)
        if mark == "b" or (marks in ("ac",) and mark == "c")
    ]


@pytest.mark.parametrize("marks", [["a"], ["a", "ab"] * 2, ["a", "ac", "aacc", "a"], ["b", "ca"]])
@pytest.mark.parametrize(("hours", "waits"), [(1, True), (25, False)])
def test_an_address_of_people_that_comes_back_goes_on_where_it_was(
    ledger_bed: LedgerBed, ledger: Ledger, marks: list[str], hours: int, *, waits: bool
) -> None:
    """As while a process that was started with the old addresses delivers beside new ones."""
    ledger.outbox.readdress("ab")
    for code in "AB":
        ledger.outbox.add(EventKind.ALERT_OPENED, code, {})
    ledger.outbox.share("command", ["notify", "notify-2"])
    for hook, code in (("notify", "A"), ("notify-2", "B")):
        found = [ledger.outbox.due(hook, after=after, forced=False) for after in (0, 1)]
        ledger.outbox.taken(hook, next(one.seq for one in found if one and one.code == code))
    ledger_bed.clock.forward(hours=hours)
    for several in (*marks, "ab"):
        ledger.outbox.readdress(several)
        waiting = ledger.reporting.outbox_waiting()
        assert len(waiting) <= 1 + len(several)
    first, second = (
        ledger.outbox.due(hook, after=0, forced=True) for hook in ("notify", "notify-2")
    )
    is_kept = marks[0] == "b"
    assert (first.code if first else "") == ("B" if waits or not is_kept else "")
    assert (second.code if second else "") == ("A" if waits or is_kept else "")
    assert sum(waiting.values()) == 2 + waits + 1


def test_what_waits_for_addresses_that_an_earlier_version_forgot_is_in_nobodys_way(
    ledger: Ledger,
) -> None:
    ledger.outbox.add(EventKind.ALERT_OPENED, "A", {})
    ledger.outbox.share("command", ["notify", "notify-2", "notify-3"])
    ledger.outbox.failed("notify-2", "is away", START + MINUTE)
    ledger.outbox.failed("notify-3", "was away", START + MINUTE)
    for marks in ("ab", "cab"):
        ledger.outbox.readdress(marks)
    assert ledger.outbox.hook("notify-3").error == "is away"
    assert ledger.reporting.outbox_waiting() == dict.fromkeys(
        ("command", "notify", "notify-2", "notify-3"), 1
    )


def test_an_added_address_of_people_gets_no_old_alert(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    ledger.outbox.readdress("a")
    for code in "AB":
        ledger.outbox.add(EventKind.ALERT_OPENED, code, {})
        ledger.outbox.share("command", ["notify"])
        ledger_bed.clock.forward(hours=23)
    ledger.outbox.readdress("ab")
    ledger.outbox.add(EventKind.ALERT_OPENED, "C", {})
    ledger.outbox.share("command", ["notify"])
    ledger.outbox.share("notify", ["notify-2"])
    assert ledger.reporting.outbox_waiting() == {"command": 3, "notify": 3, "notify-2": 2}


def test_a_hook_that_fails_is_remembered_until_it_works(ledger: Ledger) -> None:
    ledger.outbox.add(EventKind.ORDER_SYNCED, "A", {})
    ledger.outbox.failed("command", "exit 1", START + MINUTE)
    ledger.outbox.failed("command", "exit 2", START + MINUTE)
    row = ledger.outbox.hook("command")
    assert (row.failures, row.error, row.failing_since) == (2, "exit 2", to_text(START))
    assert ledger.outbox.summary()["failing"][0]["hook"] == "command"
    event = ledger.outbox.due("command", after=0, forced=True)
    assert event is not None
    ledger.outbox.skip(event.id, "command")
    ledger.outbox.refused("command", event.seq, "500", START)
    ledger.outbox.skip(event.id, "command")
    ledger.outbox.forget_idle_hooks()
    assert ledger.outbox.hook("command").failures == 0


def test_a_delivery_is_taken_once_and_its_hints_until_covered(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    ledger.inbox.probe()
    one = WebhookDelivery("one", "order", ("A", "B"))
    assert ledger.inbox.store([one, one, WebhookDelivery(None, "order", ("A",))]) == [
        True,
        False,
        True,
    ]
    hint = ledger.inbox.due("order")
    assert hint is not None
    assert (hint.name, hint.asked, ledger.inbox.due("inventory")) == ("A", 2, None)
    ledger.inbox.put_off(hint, START + MINUTE, "unavailable", "down")
    second = ledger.inbox.due("order")
    assert second is not None
    assert second.name == "B"
    ledger.inbox.cover(second)
    assert ledger.inbox.due("order") is None
    assert (ledger.inbox.summary()["waiting"], ledger.inbox.summary()["failing"]) == (1, 1)
    ledger_bed.clock.forward(minutes=2)
    hint = ledger.inbox.due("order")
    assert hint is not None
    assert hint.tries == 1
    # Asked for again while it was looked at: that is not covered.
    ledger.inbox.store([WebhookDelivery(None, "order", ("A",))])
    ledger.inbox.cover(hint)
    hint = ledger.inbox.due("order")
    assert hint is not None
    ledger.inbox.give_up(hint, "unavailable", "down")
    assert ledger.inbox.summary()["waiting"] == 0
    assert ledger.inbox.prune(START + HOUR) == 3
    assert ledger.inbox.store([one]) == [True]


# ---- what is remembered beside ------------------------------------------------------------------


def test_records_that_cannot_be_read_are_counted_by_topic(ledger: Ledger) -> None:
    later = replace(ODD, name="B", next_attempt_at=to_text(START + HOUR))
    ledger.unread.keep("order", [later, ODD])
    ledger.unread.keep("lookup", [ODD])
    ledger.unread.keep("order", [replace(ODD, tries=2)])
    assert ledger.unread.of("order") == {"A": replace(ODD, tries=2), "B": later}
    assert ledger.unread.get("order", "B") == later
    assert ledger.unread.get("lookup", "B") is None
    ledger.unread.forget("order", ["A", "unknown"])
    assert list(ledger.unread.of("order")) == ["B"]
    assert list(ledger.unread.of("lookup")) == ["A"]


def _withheld(ledger: Ledger) -> None:
    attempt = send(ledger, "A")
    ledger.transitions.withhold("A", attempt, OrderState.FAILED, "not connected", None)


@pytest.mark.parametrize(
    ("told", "bound"),
    [
        (lambda ledger: None, ()),
        (lambda ledger: discover(ledger, "A"), ("shop",)),
        (_withheld, ("shop",)),
        (lambda ledger: send(ledger, "A"), ("shop", "warehouse")),
        (lambda ledger: accept(ledger, "A"), ("shop", "warehouse")),
        (lambda ledger: ledger.meta.put(ORDERS_LISTED, to_text(START)), ("shop",)),
        (lambda ledger: ledger.shipments.asked("A", "A"), ("warehouse",)),
    ],
    ids=["nothing", "listed", "not sent", "sending", "accepted", "none listed", "shipped"],
)
def test_a_ledger_serves_one_pair_from_the_first_answer_on(
    ledger: Ledger, told: Callable[[Ledger], object], bound: tuple[str, ...]
) -> None:
    assert ledger.meta.bind("shop", "warehouse") == ()
    assert ledger.meta.bind("shop", "warehouse") == ()
    told(ledger)
    for side, pair in (("shop", ("other", "warehouse")), ("warehouse", ("shop", "other"))):
        with pytest.raises(ConfigError, match=f"belongs to the {side}"):
            ledger.meta.bind(*pair, write=False, is_own=False)
        if side in bound:
            with pytest.raises(ConfigError, match=f"belongs to the {side} {side}, not to other"):
                ledger.meta.bind(*pair)
            assert ledger.meta.apart(*pair) == {side: (side, "other")}
            ledger.meta.rebind({side: "other"})
            assert ledger.meta.bind(*pair) == ()
            assert ledger.meta.unknown_until is not None
            ledger.meta.rebind({side: side})
        else:
            assert ledger.meta.bind(*pair, write=False) == ()
            assert ledger.meta.apart(*pair) == {}
            assert ledger.meta.get(f"identity.{side}") == side
            assert ledger.meta.bind(*pair) == (side,)
            assert ledger.meta.get(f"identity.{side}") == "other"
            ledger.meta.bind("shop", "warehouse")


def test_the_prefixes_of_two_hosts_are_both_remembered(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, read = type(ledger.meta).get, []

    def get_and_note(meta: MetaStore, key: str) -> str | None:
        found: str | None = get(meta, key)
        read.append(key)
        if len(read) == 1:
            # Another host has read as little, and is first.
            meta.note_id_prefix("B-")
        return found

    monkeypatch.setattr(type(ledger.meta), "get", get_and_note)
    ledger.meta.note_id_prefix("A-")
    assert ledger.meta.id_prefixes == ("B-", "A-")


def test_facts_of_the_ledger_stay(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    meta = ledger.meta
    assert re.fullmatch(r"[A-Z0-9]{20}", meta.probe_id)
    assert len(meta.hash_key) == 16
    assert meta.live_since < START == meta.live_for_certain
    meta.note_shop_clock(60.0)
    meta.note_shop_clock(999.0)
    assert meta.live_for_certain == START + MINUTE
    assert meta.unknown_until is None
    for prefix in ("", "A-", ""):
        meta.note_id_prefix(prefix)
    assert meta.id_prefixes == ("", "A-")
    meta.put("seen", to_text(START + HOUR))
    assert meta.moment("seen") is None
    ledger_bed.clock.forward(hours=2)
    assert meta.moment("seen") == START + HOUR


def test_a_ledger_that_is_rebuilt_is_closed_to_others_until_the_end(shared: LedgerBed) -> None:
    live = START - 24 * HOUR
    with closing(open_ledger(shared.place, clock=shared.clock, rebuilds=True)) as ledger:
        ledger.meta.begin_rebuild("{}")
        assert ledger.meta.rebuilding == "{}"
        with pytest.raises(ConfigError, match="is being rebuilt") as refused:
            shared.open()
        assert "ledger rebuild --apply" in (refused.value.hint or "")
        with closing(shared.open(read_only=True)) as reader:
            assert reader.meta.rebuilding
        ledger.meta.end_rebuild(START + HOUR, live)
    with closing(shared.open()) as opened:
        assert opened.meta.rebuilding is None
        assert opened.meta.live_since == live
        assert opened.meta.unknown_until == START + HOUR


def test_runs_tell_how_a_command_does(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    runs, told = ledger.runs, ledger.reporting
    assert told.run_history("sync-orders").first_at is None
    runs.end(runs.begin("sync-orders"), 0, {"submitted": 3})
    ledger_bed.clock.forward(minutes=1)
    runs.end(runs.begin("sync-orders"), 69, {"error": "down"})
    runs.end(runs.begin("sync-orders"), LockHeld.exit_code, {})
    last = runs.last_ended("sync-orders")
    assert last is not None
    assert (last.exit_code, dict(last.result)) == (69, {"error": "down"})
    assert [run.exit_code for run in runs.latest(2)] == [75, 69]
    history = told.run_history("sync-orders", ledger_bed.clock.now())
    assert (history.succeeded_at, history.exit_code) == (to_text(START), 75)
    (run,) = told.last_runs(ledger_bed.clock.now())
    assert (run.command, run.exit_code, run.succeeded_at) == ("sync-orders", 69, to_text(START))
    day = to_text(START)[:10]
    assert told.days(day) == [{"day": day, "command": "sync-orders", "well": 2, "failed": 1}]


def test_one_process_at_a_time_holds_a_job(shared: LedgerBed) -> None:
    with closing(shared.open()) as one, closing(shared.open()) as other:
        with one.runs.lock("orders", "sync-orders"):
            one.runs.confirm()
            assert other.runs.is_running("orders")
            holder = other.runs.holder("orders")
            assert holder is not None
            assert holder.command == "sync-orders"
            if isinstance(shared.place, Path):
                assert holder.since == to_text(START)
            with (
                pytest.raises(LockHeld, match="sync-orders") as held,
                other.runs.lock("orders", "resolve"),
            ):
                pass
            assert held.value.hint is not None
            assert "nothing was done here; run it again" in held.value.hint
            with other.runs.lock("inventory", "sync-inventory", wait_seconds=60):
                pass
        with other.runs.lock("orders", "retry"):
            pass
        assert not one.runs.is_running("orders")


def test_a_ledger_tells_its_clock(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    assert ledger.clock.now() == ledger_bed.clock.now()


def test_a_job_is_held_for_the_block_alone(ledger: Ledger) -> None:
    for _ in range(2):
        with ledger.runs.lock("orders", "sync-orders"):
            pass
    assert not ledger.runs.is_running("orders")


def test_an_open_breaker_lets_one_probe_pass(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    def made(**wanted: bool) -> upstream_limits.CircuitBreaker:
        return ledger.breakers.one("veracore", "orders", threshold=2, cooldown=MINUTE, **wanted)

    breaker, other = made(), made()
    for _ in range(2):
        breaker.before(creating=False)
        breaker.after(Occurrence.TIMEOUT)
    assert [(row.state, row.failures) for row in ledger.breakers.all()] == [("open", 2)]
    assert kinds(ledger) == ["veracore.down"]
    for refused in (breaker, made(read_only=True)):
        with pytest.raises(BreakerOpen):
            refused.before(creating=False)
    ledger_bed.clock.forward(minutes=2)
    with pytest.raises(BreakerOpen):
        breaker.before(creating=True)
    breaker.before(creating=False)
    with pytest.raises(BreakerOpen):
        other.before(creating=False)
    breaker.after(None)
    assert (ledger.breakers.all()[0].state, kinds(ledger)) == ("closed", [])
    assert ledger.breakers.reset("veracore") == 0
    assert ledger.breakers.reset() == 0


def test_a_budget_is_one_for_all_and_slows_down(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    one, other = (ledger.budgets.of("veracore", 60) for _ in range(2))
    one.spend()
    one.penalise(120)
    with pytest.raises(RateLimited):
        other.spend()
    ledger.budgets.clear_penalties("vendure")
    with pytest.raises(RateLimited):
        other.spend()
    ledger.budgets.clear_penalties()
    before = ledger_bed.clock.now()
    other.spend()
    assert ledger_bed.clock.now() == before


def test_refused_credentials_are_tried_once_an_hour(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    ledger.refusals.remember("veracore", "secret")
    assert ledger.refusals.standing("veracore") == to_text(START)
    assert ledger.refusals.blocks("veracore", "secret")
    assert not ledger.refusals.blocks("veracore", "another")
    assert not ledger.refusals.may_try("veracore", "secret")
    ledger_bed.clock.forward(hours=2)
    assert ledger.refusals.may_try("veracore", "secret")
    assert not ledger.refusals.may_try("veracore", "secret")
    ledger.refusals.forget("veracore")
    assert ledger.refusals.may_try("veracore", "secret")


# ---- upkeep -------------------------------------------------------------------------------------


def test_what_is_old_is_forgotten_and_orders_stay(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code="A")
    ledger.alerts.resolve("order.old", code="A")
    ledger.runs.begin("sync-orders")
    gone = ledger.upkeep.prune(START + HOUR)
    assert (gone["runs"], gone["alerts"], gone["events"]) == (1, 1, 4)
    assert state(ledger)[0] == "synced"
    (line,) = ledger.upkeep.export()
    assert '"code": "A"' in line
    assert '"attempts": [{' in line
    assert ledger.upkeep.check() == []
    ledger.upkeep.check_in_place()


def test_an_export_has_every_order_oldest_first_with_its_own_attempts(
    ledger_bed: LedgerBed, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_EXPORTED_AT_ONCE", 2)
    monkeypatch.setattr(upkeep, "_CODES_AT_ONCE", 3)
    for code in ("C", "A", "B", "E", "D"):
        accept(ledger, code)
        # The last two come in the same moment.
        ledger_bed.clock.forward(seconds=0 if code == "E" else 1)
    found = [json.loads(line) for line in ledger.upkeep.export()]
    assert [one["code"] for one in found] == ["C", "A", "B", "D", "E"]
    assert [[one["code"] for one in order["attempts"]] for order in found] == [
        ["C"], ["A"], ["B"], ["D"], ["E"],
    ]  # fmt: skip


def test_a_backup_is_a_whole_ledger(ledger_bed: LedgerBed, ledger: Ledger, tmp_path: Path) -> None:
    accept(ledger, "A")
    copy = tmp_path / "copy.db"
    assert ledger.upkeep.backup(copy) == copy.stat().st_size
    with pytest.raises(LedgerError, match="exists already"):
        ledger.upkeep.backup(copy)
    with closing(ledger_bed.opened_copy(copy)) as copied:
        assert state(copied)[0] == "synced"
        assert copied.meta.probe_id == ledger.meta.probe_id
        assert copied.place is not None


def test_moments_that_a_wrong_clock_wrote_are_told(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    def ahead() -> set[str]:
        found = ledger.upkeep.moments_ahead(cooldown=MINUTE, grace=MINUTE, order_wait=HOUR)
        return {one.kind.place for one in found}

    discover(ledger, "A")
    assert ahead() == set()
    ledger.transitions.discover([Discovery("B", "2", START, next_attempt_at=START + 9 * HOUR)])
    assert ahead() == {"orders.next_attempt_at"}


def test_who_waits_longest_is_told(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    assert ledger.reporting.waiting_since() is None
    discover(ledger, "A")
    ledger_bed.clock.forward(hours=1)
    discover(ledger, "B")
    assert ledger.reporting.waiting_since() == to_text(START)


def test_every_verb_of_the_port_is_walked_here() -> None:
    """A verb that no test here calls is one that another backend may get wrong unseen."""
    here = Path(__file__).parent
    text = "".join(file.read_text() for file in here.glob("*ledger*.py"))
    walked = set(re.findall(r"\.(\w+)\b", text + (here / "conftest.py").read_text()))
    for module in (ledger_port, order_ledger, stock_staging, upstream_limits):
        for name, store in vars(module).items():
            if inspect.isclass(store) and store.__module__ == module.__name__:
                verbs = {verb for verb in vars(store) if not verb.startswith("_")}
                assert verbs <= walked, (name, verbs - walked)


def test_names_that_begin_so_are_found(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    for code in ("A%1", "A_2", "a3", "B4"):
        discover(ledger, code)
        ledger_bed.clock.forward(minutes=1)
    find = ledger.reporting.codes_beginning
    assert find("", (), 9) == ["B4", "a3", "A_2", "A%1"]
    assert find("A", (), 9) == ["A_2", "A%1"]
    assert find("A%", (), 9) == ["A%1"]
    assert find("", (), 2) == ["B4", "a3"]
    assert find("", ("pending",), 9) == find("", (), 9)
    assert find("", ("synced", "shipped"), 9) == []
    assert ledger.reporting.skus_beginning("", 9) == []


def test_what_ends_an_alert_of_no_order_waits_for_what_began_it(ledger: Ledger) -> None:
    for kind, sort in (("opened", "veracore.down"), ("resolved", "veracore.down"), ("opened", "x")):
        ledger.outbox.add(EventKind(f"alert.{kind}"), None, {"kind": sort})
    first = ledger.outbox.due("command", after=0, forced=False)
    assert first is not None
    ledger.outbox.refused("command", first.seq, "away", START)
    other = ledger.outbox.due("command", after=0, forced=True, fresh_only=True)
    assert other is not None
    assert other.data == {"kind": "x"}
    ledger.outbox.taken("command", first.seq)
    ended = ledger.outbox.due("command", after=0, forced=True, fresh_only=True)
    assert ended is not None
    assert ended.type == "alert.resolved"

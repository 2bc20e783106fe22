"""What `stats` shows to people: one sentence first, columns that add up, times from now on back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from commands_kit import whole_program
from fakes import START, FakeClock
from rig import Ended, HereRig

from veracore_sync.cli import stats_text
from veracore_sync.cli.stats import show_shops
from veracore_sync.clock import to_text
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.alert_words import ALERT_WORDS
from veracore_sync.domain.errors import Category, ConfigError
from veracore_sync.domain.kinds import ALERTS, AlertKind
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.readable import exact
from veracore_sync.domain.states import OrderCause
from veracore_sync.jobs.stats import by_gravity, failing, order_life, overall
from veracore_sync.jobs.status import status_document, status_of
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.sandbox.server import Sandbox

NOW = START + timedelta(hours=2)
UNKNOWN = Failure(Category.MAPPING, "SKU GHOST is not known at VeraCore")
LOST = Failure(Category.TIMEOUT, "no answer in time")
LOOKING = {"stats", "doctor", "sync-orders", "sync-inventory --dry-run"}
"""What changes nothing, or what every timer does."""


@pytest.fixture
def ledger() -> Iterator[SqlLedger]:
    made = open_ledger(None, clock=FakeClock())
    moves = made.transitions
    moves.discover([Discovery(f"T-{number}", str(number), START) for number in range(1, 8)])
    for number in (1, 2, 3):
        version = ShopVersion("hash", START)
        intent = Intent(f"T-{number}", (("MUG", 2),), f"payload {number}", "settings", version)
        moves.intend(f"T-{number}", intent)
        moves.accept(f"T-{number}", 1, number)
    moves.ship("T-3")
    for number in (4, 5):
        moves.park(f"T-{number}", UNKNOWN, "settings")
    moves.fail("T-6", LOST, NOW + timedelta(minutes=5), 9)
    made.alerts.open(AlertKind.ORDER_DRIFT, "a line was added", code="T-2")
    made.alerts.open(AlertKind.ORDER_UNREADABLE, "the shop gives no answer", code="T-9")
    made.alerts.open(AlertKind.STOCK_DRIFT, "2 units of MUG")
    made.runs.end(made.runs.begin("sync-orders"), 0, {"submitted": 3})
    made.runs.end(
        made.runs.begin("sync-inventory"), 69, {"error": "away", "errorClass": "unavailable"}
    )
    yield made
    made.close()


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_whole_text(ledger: SqlLedger, capsys: pytest.CaptureFixture[str]) -> None:
    stats_text.show_overall(overall(ledger), NOW)
    text = shown(capsys)
    assert text == [
        "4 orders need you: 1 changed in the shop after sending, 2 parked, "
        "1 unreadable in the shop; also: units allocated without an order",
        "",
        "orders",
        "waiting              1",
        "failed, tried again  1",
        "parked               2",
        "at VeraCore          2",
        "shipped              1",
        "in all               7",
        "",
        "job             last success  last attempt",
        "sync-orders     2 h ago       2 h ago",
        "sync-inventory  never         2 h ago       failed with exit code 69: away",
        "never run here: sync-tracking, sync-returns, reconcile",
        "",
        "order  state                next try  why",
        "T-6    failed, tried again  in 5 min  no answer in time",
        "",
        "urgent: 1 order changed in the shop after sending (order.drift) for 2 h: T-2",
        "    a line was added",
        "    to do: make the same change at VeraCore, "
        'or `veracore-sync resolve T-2 --accept "reason"`',
        "needs you: 2 orders parked (order.parked) for 2 h: T-4, T-5",
        "    SKU GHOST is not known at VeraCore",
        "    to do: correct what the message names, then `veracore-sync retry CODE`",
        "needs you: 1 order unreadable in the shop (order.unreadable) for 2 h: T-9",
        "    the shop gives no answer",
        "    to do: check it in the shop's admin; "
        "`veracore-sync sync-orders --order T-9` asks again",
        "to look at: units allocated without an order (stock.drift) for 2 h",
        "    2 units of MUG",
        "    to do: nothing is urgent; "
        '`veracore-sync resolve stock.drift --accept "reason"` ends it',
    ]
    assert len(text[0]) < 150


def test_on_a_terminal_long_lines_are_wrapped_below_their_heading(
    ledger: SqlLedger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_text, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    stats_text.show_failed(failing(ledger), NOW)
    text = shown(capsys)
    assert max(map(len, text)) <= 60
    assert '    --accept "reason"`' in text or any(line.endswith('"reason"`') for line in text)


def test_the_counts_add_up_where_the_documents_do_not(ledger: SqlLedger) -> None:
    document = overall(ledger)
    assert document["orders"]["totalSynced"] == 3, "synced and shipped, as ever"
    counts = stats_text.state_counts(document["orders"])
    assert sum(counts.values()) == 7
    assert sum(ledger.orders.counts().values()) == 7


def test_every_order_with_a_failure_or_an_alert_is_listed_once(
    ledger: SqlLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.alerts.open(AlertKind.ORDER_OLD, "has waited for an hour", code="T-4")
    found = failing(ledger)
    codes = [one["vendureOrderCode"] for one in found]
    assert sorted(codes) == ["T-2", "T-4", "T-5", "T-6", "T-9"]
    by_code = dict(zip(codes, found, strict=True))
    assert [one["kind"] for one in by_code["T-4"]["alerts"]] == ["order.parked", "order.old"]
    assert by_code["T-2"]["syncStatus"] == "synced"
    assert (by_code["T-9"]["syncStatus"], by_code["T-9"]["retryCount"]) == (None, 0)
    assert set(by_code["T-9"]) == set(by_code["T-2"])
    assert by_code["T-6"]["alerts"] == []
    json.dumps(found)

    stats_text.show_failed(by_gravity(found), NOW)
    text = shown(capsys)
    assert text[0] == "5 orders have a failure or an alert"
    assert [line for line in text if line.startswith("T-")] == [
        "T-2: at VeraCore",
        "T-4: parked, next try next run",
        "T-5: parked, next try next run",
        "T-9: not in the ledger",
        "T-6: failed, tried again, next try in 5 min",
    ]
    assert text.count(f"    {UNKNOWN.message}") == 2, "the alert does not say it again"
    assert "    to do: correct what the message names, then `veracore-sync retry T-4`" in text


def test_one_order(ledger: SqlLedger, capsys: pytest.CaptureFixture[str]) -> None:
    row = ledger.orders.get("T-6")
    assert row is not None
    stats_text.show_order(order_life(ledger, row), NOW)
    text = shown(capsys)
    assert text[:4] == [
        "order T-6 (6 in Vendure): failed, tried again",
        "    no answer in time",
        "    failed attempts: 1",
        f"    next attempt or look-up: in 5 min, from {exact(NOW + timedelta(minutes=5))}",
    ]
    assert any(re.fullmatch(r"\S+ \S+ UTC +2 h ago +placed in the shop", line) for line in text)
    assert not any(".000Z" in line for line in text)


def test_runs_acts_and_differences(ledger: SqlLedger, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [
        {"startedAt": to_text(START), "endedAt": ended, "exitCode": code, "result": result}
        | {"command": "sync-orders", "pid": 1234}
        for ended, code, result in (
            (to_text(START + timedelta(seconds=75)), 0, {}),
            (to_text(START), 3, {}),
            (to_text(START), 3, {"errorClass": "validation", "error": "nothing believed"}),
            (to_text(START), 69, {"errorClass": "unavailable"}),
            (to_text(START), 3, {"mode": "changes"}),
            (None, None, {}),
        )
    ]
    stats_text.show_runs(runs, NOW)
    lines = shown(capsys)
    assert [re.split(r"  +", line)[-1] for line in lines[1:]] == [
        "done",
        "done; something new needs a person",
        "exit code 3: nothing believed",
        "exit code 69: unavailable",
        "done; only levels that may have changed were read; something new needs a person",
        "not ended: at work, or killed",
    ]
    assert "1 min  1234" in lines[1]
    stats_text.show_runs([], NOW)
    stats_text.show_audit([], NOW)
    stats_text.show_differences([], NOW)
    stats_text.show_failed([], NOW)
    assert shown(capsys) == [
        "no run is recorded",
        "nobody has acted through the Admin API or its page",
        "nothing is known to differ",
        "no order has a failure or an alert",
    ]


def test_many_alike_are_folded(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = open_ledger(None, clock=FakeClock())
    for number in range(40):
        ledger.alerts.open(AlertKind.ORDER_PARKED, "no such SKU", code=f"T-{number:02}")
    for number in range(40):
        ledger.alerts.open(AlertKind.ORDER_DRIFT, f"change {number}", code=f"U-{number:02}")
    stats_text.show_overall(overall(ledger), NOW)
    text = shown(capsys)
    assert text[0].startswith("80 orders need you: 40 changed in the shop after sending, 40 parked")
    assert len(text) < 100
    assert text[-1].startswith("11 other alerts: `veracore-sync stats --failed`")
    ledger.close()


def test_the_shops_and_their_sum(ledger: SqlLedger, capsys: pytest.CaptureFixture[str]) -> None:
    document = overall(ledger) | {"jobs": []}
    document["status"] = status_document(status_of(document, NOW))
    broken = CommandReport({}, error=ConfigError("orders.prices: is wrong"))
    show_shops({"one": CommandReport(document), "two": CommandReport(document), "three": broken})
    text = shown(capsys)
    assert text[1].split()[:9] == ["one", "1", "0", "1", "2", "0", "2", "1", "5"]
    assert text[3].split() == ["three", "cannot", "be", "read"]
    assert text[4].split() == ["in", "all", "2", "0", "2", "4", "0", "4", "2", "10"]
    assert text[5].startswith("one: 4 orders need you: ")
    assert text[7] == "three: orders.prices: is wrong"


@cache
def program() -> Any:
    return whole_program()


def commands_of(text: str) -> list[str]:
    return re.findall(r"`veracore-sync ([^`]+)`", text)


@pytest.mark.parametrize("kind", AlertKind)
def test_what_to_type_exists_and_is_what_the_walks_of_the_alert_do(kind: AlertKind) -> None:
    """tests/alerts/test_alert_walks.py walks what the long form says: it is obeyed, and ends."""
    for line in commands_of(ALERT_WORDS[kind].next):
        name, *rest = line.split()
        command = program().commands[name]
        known = {option for one in command.params for option in one.opts}
        assert {one for one in rest if one.startswith("--")} <= known, line
        if name not in LOOKING:
            assert f"{name} " in ALERTS[kind].what_to_do.replace("`", " "), line


def test_the_document_has_the_sentence(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        rig = HereRig(tmp_path, "http://127.0.0.1:9/admin-api", "u", "secret", sandbox)
        open_ledger(rig.ledger_path).close()
        found: Ended = rig.run("stats", "--json")
    assert found.json["status"]["level"] == "unused"
    assert found.json["status"]["sentence"].startswith("no sync has ended here yet")


def test_an_order_in_doubt_needs_nobody(ledger: SqlLedger) -> None:
    ledger.transitions.intend("T-7", Intent("T-7", (), "p", "s", ShopVersion("hash", START)))
    ledger.transitions.doubt("T-7", 1, OrderCause.LOST, LOST)
    found = [one for one in failing(ledger) if one["vendureOrderCode"] == "T-7"]
    assert [one["alerts"] for one in found] == [[]]


# ---- stats --check ------------------------------------------------------------------------------


def park_without_an_alert(made: SqlLedger) -> None:
    made.transitions.discover([Discovery("T-1", "1", START)])
    made.transitions.park("T-1", UNKNOWN, "settings")
    made.alerts.resolve(AlertKind.ORDER_PARKED, code="T-1")


def refuse_the_credentials(made: SqlLedger) -> None:
    made.refusals.remember("veracore", "credentials")


@pytest.mark.parametrize("happen", [park_without_an_alert, refuse_the_credentials])
def test_the_check_is_red_wherever_the_sentence_says_that_it_needs_you(
    tmp_path: Path, happen: Callable[[SqlLedger], None]
) -> None:
    with Sandbox() as sandbox:
        rig = HereRig(tmp_path, "http://127.0.0.1:9/admin-api", "u", "secret", sandbox)
        with closing(open_ledger(rig.ledger_path)) as made:
            made.runs.end(made.runs.begin("sync-orders"), 0, {})
            assert rig.run("stats", "--check").code == 0
            happen(made)
        found = rig.run("stats", "--check", "--json")
    assert found.json["status"]["level"] in ("attention", "trouble")
    assert found.code == 3


@pytest.mark.parametrize("view", ["--failed", "--runs", "--audit", "--differences", "--order=T-4"])
def test_the_check_goes_with_no_view_of_a_part(tmp_path: Path, view: str) -> None:
    with Sandbox() as sandbox:
        rig = HereRig(tmp_path, "http://127.0.0.1:9/admin-api", "u", "secret", sandbox)
        found = rig.run("stats", "--check", view)
    assert (found.code, found.out) == (2, "")
    assert "run `veracore-sync stats --check`" in found.err

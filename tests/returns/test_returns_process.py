"""`sync-returns` as a process: the simulator's returns become events and notes, each once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from held_answers import held_answers_time_out
from rig import HereRig, Rig

from veracore_sync.domain.failures import IN_A_ROW
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

FAILPOINT = "VERACORE_SYNC_TEST_FAILPOINT"
PERSONAL = ("Pat", "Example", "Sample Street", "78701", "pat@example.com")


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as made:
        made.state.add_variant("MUG", on_hand=50)
        yield made


@pytest.fixture(params=["oms", "order"])
def rig(request: pytest.FixtureRequest, shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env |= {
            "VERACORE_SYNC_VERACORE__FACE": request.param,
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_HOOKS__COMMAND": "/bin/true",
        }
        yield made
        made.end()


@pytest.fixture
def code(rig: Rig, shop: SmallShop) -> str:
    """An order of five mugs that VeraCore shipped."""
    rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 50}]})
    order = shop.state.place_order([("MUG", 5)])
    rig.sync("--allow-first-run")
    rig.control("ship", {"order": order.code})
    return str(order.code)


def come_back(rig: Rig, code: str, units: int = 1, days_ago: float = 0, **words: str) -> None:
    at = (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%S")
    lines = [{"sku": "MUG", "quantity": units, **words}]
    rig.control("returns", {"order": code, "lines": lines, "at": at})


def returns(rig: Rig, *arguments: str, exits: int = 0, **env: str) -> Any:
    ended = rig.run("sync-returns", "--json", *arguments, **env)
    assert ended.code == exits, (ended.code, ended.out, ended.err)
    return ended.json


def events(rig: Rig) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(rig.ledger_path)) as ledger:
        rows = ledger.execute("SELECT data FROM events WHERE type = 'return.received' ORDER BY seq")
        return [json.loads(row[0]) for row in rows]


def notes(shop: SmallShop, code: str) -> list[str]:
    history = shop.state.order(code).history
    return [one.data["note"] for one in history if one.kind == "ORDER_NOTE" and not one.public]


def later(rig: Rig) -> None:
    """The shop has certainly ended its work on what was asked for."""
    with closing(sqlite3.connect(rig.ledger_path)) as ledger, ledger:
        ledger.execute(
            "UPDATE receipts SET asked_at = '2026-01-01T00:00:00.000Z', asked_tick = NULL "
            "WHERE note = 'asked'"
        )


# ---- events ------------------------------------------------------------------------------------


def test_each_receipt_is_one_event_and_nothing_else_changes(
    rig: Rig, shop: SmallShop, code: str
) -> None:
    come_back(rig, code, 2, days_ago=1, reason="DMG", disposition="Scrap")
    before = shop.state.order(code)
    stock, history = rig.control("orders"), len(before.history)
    done = returns(rig)
    assert (done["receiptsListed"], done["receiptsNew"], done["available"]) == (1, 1, True)
    (event,) = events(rig)
    assert event == done["receipts"][0]
    slip = rig.placed()[code]["packages"][0]["slip"]
    expected = {
        "vendureOrderCode": code,
        "veracoreOrderId": code,
        "reference": code,
        "slip": slip,
        "productId": "MUG",
        "quantity": 2,
        "productReasonCode": "DMG",
        "disposition": "Scrap",
        "receivedAs": "Each",
    }
    assert {name: event[name] for name in expected} == expected
    assert rig.control("orders") == stock
    assert len(shop.state.order(code).history) == history
    again = returns(rig)
    assert (again["receiptsListed"], again["receiptsNew"]) == (1, 0)
    assert len(events(rig)) == 1
    with closing(sqlite3.connect(rig.ledger_path)) as ledger:
        kept = "\n".join(ledger.iterdump())
    assert not [word for word in PERSONAL if word in kept]


def test_equal_rows_are_counted(rig: Rig, code: str) -> None:
    at = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT12:00:00")
    one = {"order": code, "lines": [{"sku": "MUG", "quantity": 1}], "at": at}
    rig.control("returns", one)
    rig.control("returns", one)
    assert returns(rig)["receiptsNew"] == 2
    rig.control("returns", one)
    assert returns(rig)["receiptsNew"] == 1
    assert returns(rig)["receiptsNew"] == 0
    assert [event["quantity"] for event in events(rig)] == [1, 1, 1]


def test_a_dry_run_shows_them_and_changes_nothing(rig: Rig, code: str) -> None:
    for days in (0, 7, 14, 20):
        come_back(rig, code, 1, days_ago=days)
    before = rig.ledger_path.read_bytes()
    planned = returns(rig, "--dry-run")
    assert len(planned["plan"]) == 4
    assert planned["receiptsNew"] == 0
    assert rig.ledger_path.read_bytes() == before
    assert "4 would be reported" in rig.run("sync-returns", "--dry-run").out
    assert returns(rig)["receiptsNew"] == 4


def test_an_order_that_the_ledger_does_not_hold(rig: Rig, shop: SmallShop, code: str) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    come_back(rig, code)
    rig.ledger_path.unlink()
    done = returns(rig)
    (event,) = done["receipts"]
    assert (event["vendureOrderCode"], event["reference"]) == (None, code)
    assert (done["notesWritten"], notes(shop, code)) == (0, [])


def test_a_killed_run_reports_each_once(rig: Rig, code: str) -> None:
    come_back(rig, code, 1)
    come_back(rig, code, 2, days_ago=2)
    killed = Rig.run(rig, "sync-returns", **{FAILPOINT: "receipts recorded:kill"})
    assert killed.code == -9
    returns(rig)
    assert sorted(event["quantity"] for event in events(rig)) == [1, 2]


# ---- notes -------------------------------------------------------------------------------------


def test_a_note_is_written_once(rig: Rig, shop: SmallShop, code: str) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    come_back(rig, code, 2)
    come_back(rig, code, 1, days_ago=1)
    assert returns(rig)["notesWritten"] == 2
    assert returns(rig)["notesWritten"] == 0
    written = notes(shop, code)
    assert len(written) == 2
    assert any(one.startswith("VeraCore received 2 x MUG of slip ") for one in written)
    assert not [word for word in PERSONAL for one in written if word in one]


@pytest.mark.parametrize(("gap", "is_there"), [("note intended", False), ("note written", True)])
def test_a_kill_around_a_note_makes_no_second_one(
    rig: Rig, shop: SmallShop, code: str, gap: str, is_there: bool
) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    come_back(rig, code, 2)
    killed = Rig.run(rig, "sync-returns", **{FAILPOINT: f"{gap}:kill"})
    assert killed.code == -9
    assert len(notes(shop, code)) == is_there
    # The shop may still be at work on it.
    assert returns(rig)["notesWritten"] == 0
    assert len(notes(shop, code)) == is_there
    assert json.loads(rig.run("stats", "--json").out)["returns"]["notesWaiting"] == 1
    later(rig)
    returns(rig)
    assert len(notes(shop, code)) == 1
    assert json.loads(rig.run("stats", "--json").out)["returns"]["notesWaiting"] == 0
    later(rig)
    returns(rig)
    assert (len(notes(shop, code)), len(events(rig))) == (1, 1)


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "http_503", "hang_after"])
def test_a_lost_answer_makes_no_second_note(
    rig: Rig, shop: SmallShop, code: str, fault: str
) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    come_back(rig, code, 2)
    shop.add_faults([fault], operations=["NoteOrder"], count=1)
    with held_answers_time_out():
        done = returns(rig)
    assert (done["notesWritten"], done["errors"]) == (0, 1)
    later(rig)
    assert returns(rig)["errors"] == 0
    assert len(notes(shop, code)) == 1


def test_an_order_that_the_shop_no_longer_has_gets_none(
    rig: Rig, shop: SmallShop, code: str
) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    come_back(rig, code)
    del shop.state.orders[shop.state.order(code).id]
    del shop.state.by_code[code]
    done = returns(rig)
    assert (done["receiptsNew"], done["notesWritten"]) == (1, 0)
    assert "no longer has the order" in done["notes"][0]
    assert returns(rig)["notes"] == []


@pytest.mark.parametrize("bad", ["graphql_error_path", "null_fields", "html_500"])
def test_receipts_of_an_order_that_cannot_be_read_keep_no_note_from_another(
    rig: Rig, shop: SmallShop, code: str, bad: str
) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    for hours in range(4):
        come_back(rig, code, days_ago=hours / 24)
    other = shop.state.place_order([("MUG", 2)]).code
    rig.sync()
    rig.control("ship", {"order": other})
    come_back(rig, other)
    shop.add_faults([bad], operations=["ReadFulfilments"], order=code)
    for written in (1, 0):
        done = returns(rig)
        assert (done["notesWritten"], done["errors"]) == (written, 1)
    shop.clear_faults()
    assert returns(rig)["notesWritten"] == 4
    # Where the shop as a whole cannot be read, it is its failure.
    come_back(rig, other, days_ago=-0.01)
    shop.add_faults(["html_500"], operations=["ReadFulfilments"])
    returns(rig, exits=69)


def test_histories_of_which_none_can_be_read_are_the_shops_failure(
    rig: Rig, shop: SmallShop, code: str
) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    codes = [shop.state.place_order([("MUG", 1)]).code for _ in range(IN_A_ROW)]
    rig.sync()
    for one in codes:
        rig.control("ship", {"order": one})
        come_back(rig, one)
    shop.add_faults(["html_500"], operations=["ReadNotes"])
    returns(rig, exits=69)
    shop.clear_faults()
    assert returns(rig)["notesWritten"] == IN_A_ROW


def test_a_restored_ledger_has_no_note_written_again(rig: Rig, shop: SmallShop, code: str) -> None:
    rig.env["VERACORE_SYNC_RETURNS__NOTE"] = "true"
    copy = str(rig.folder / "copy.db")
    assert rig.run("ledger", "backup", copy).code == 0
    at = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    for _ in range(2):
        one = {"order": code, "lines": [{"sku": "MUG", "quantity": 1}], "at": at}
        rig.control("returns", one)
        returns(rig)
    written = notes(shop, code)
    assert len(set(written)) == 2
    assert rig.run("ledger", "restore", copy).code == 0
    rig.control("returns", one)
    assert returns(rig)["notesWritten"] == 1
    assert notes(shop, code)[:2] == written
    assert returns(rig)["notesWritten"] == 0


# ---- what VeraCore may answer ------------------------------------------------------------------


def test_an_answer_that_breaks_off(rig: Rig, shop: SmallShop) -> None:
    returns(rig)
    # So long that its first half is read in several pieces.
    rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 100}]})
    order = shop.state.place_order([("MUG", 40)]).code
    rig.sync("--allow-first-run")
    rig.control("ship", {"order": order})
    for number in range(40):
        come_back(rig, order, 1, days_ago=2 + number / 24, reason="D" * 5000)
    rig.control("faults", {"kinds": ["truncate"], "rate": 1, "operations": ["GetProductReturns"]})
    returns(rig, exits=69)
    # What was read whole is true; the rest is found by the next run.
    rig.control("faults", {"kinds": []})
    some = len(events(rig))
    assert 0 < some < 40
    assert returns(rig)["receiptsNew"] == 40 - some
    assert len(events(rig)) == 40


def test_a_row_that_cannot_be_read_is_named_and_passed_by(rig: Rig, code: str) -> None:
    come_back(rig, code, 1)
    come_back(rig, code, 3)
    spoil = {"pattern": "<ReturnQty>3<", "replacement": "<ReturnQty>three<"}
    lists = ["GetProductReturns"]
    rig.control("faults", {"kinds": ["rewrite"], "rate": 1, "operations": lists, **spoil})
    done = returns(rig)
    assert (done["receiptsNew"], done["errors"]) == (1, 1)
    assert f"order {code}, MUG" in done["notes"][0]
    returns(rig, "--dry-run")
    # It may have been this answer; if not, a person is told of it once.
    assert f"order {code}, MUG" in rig.run("sync-returns").err
    assert returns(rig)["errors"] == 1
    rig.control("faults", {"kinds": []})
    assert returns(rig)["receiptsNew"] == 1
    # Of the same order and product, and as bad: it is another one.
    rig.control("faults", {"kinds": ["rewrite"], "rate": 1, "operations": lists, **spoil})
    assert [rig.run("sync-returns").code for _ in range(3)] == [0, 3, 0]


UNKNOWN = "Server did not recognize the value of HTTP Header SOAPAction: GetProductReturns."


@pytest.mark.parametrize("words", [None, "Rights check 0x80 failed", UNKNOWN])
def test_an_account_without_returns_is_told_once(rig: Rig, code: str, words: str | None) -> None:
    come_back(rig, code)
    denied: dict[str, Any] = {"denied": ["GetProductReturns"]}
    rig.control("behaviour", denied | ({"denied_text": words} if words else {}))
    first = rig.run("sync-returns", "--json")
    assert (first.code, first.json["available"]) == (3, False)
    assert "does not list returned goods" in first.json["notes"][0]
    with closing(sqlite3.connect(rig.ledger_path)) as ledger, ledger:
        ledger.execute("DELETE FROM meta WHERE key = 'returns.unavailable_since'")
    told = rig.run("sync-returns")
    assert (told.code, "does not list returned goods" in told.err) == (3, True)
    for _ in range(2):
        quiet = rig.run("sync-returns")
        assert (quiet.code, quiet.err) == (0, "")
    assert rig.run("stats", "--check").code == 0
    assert json.loads(rig.run("stats", "--json").out)["returns"]["unavailableSince"]
    doctor = rig.run("doctor", "--json")
    levels = {one["name"]: one["level"] for one in doctor.json["findings"]}
    assert (doctor.code, levels["GetProductReturns"]) == (0, "warn")
    rig.control("behaviour", {"denied": []})
    done = returns(rig)
    assert (done["receiptsNew"], done["available"]) == (1, True)
    assert "again" in done["notes"][0]
    assert json.loads(rig.run("stats", "--json").out)["returns"]["unavailableSince"] is None


@pytest.mark.parametrize(
    ("everything", "exits"), [("bad_login", 77), ("html_500", 69), ("http_403", 69)]
)
def test_what_is_about_the_account_or_the_server_ends_it_as_everywhere(
    rig: Rig, code: str, everything: str, exits: int
) -> None:
    rig.control("faults", {"kinds": [everything], "rate": 1})
    returns(rig, exits=exits)
    with rig.ledger() as ledger:
        assert ledger.meta.get("returns.unavailable_since") is None


def test_a_refusal_of_everything_is_about_the_account(rig: Rig, code: str) -> None:
    everything = ["GetProductReturns", "GetProductAvailabilities", "GetOrderInfo"]
    rig.control("behaviour", {"denied": everything})
    returns(rig, exits=77)
    with rig.ledger() as ledger:
        assert ledger.meta.get("returns.unavailable_since") is None


def test_a_month_without_a_run_is_read_whole(rig: Rig, code: str) -> None:
    """Overlapping windows of a week: a day that two of them share is not reported twice."""
    for days in range(5):
        come_back(rig, code, 1, days_ago=7 * days)
    done = returns(rig)
    assert done["receiptsNew"] == 5
    assert len(rig.requests("GetProductReturns")) >= 4


# ---- the rest dialect --------------------------------------------------------------------------


def test_the_rest_dialect_has_none(shop: SmallShop, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, "rest")
        done = returns(made)
        assert (done["available"], done["receiptsListed"]) == (False, 0)
        assert "rest dialect" in done["notes"][0]


# ---- stats -------------------------------------------------------------------------------------


def test_stats_metrics_and_runs_show_it(rig: Rig, code: str, tmp_path: Path) -> None:
    assert "never run here: sync-inventory, sync-tracking, sync-returns" in rig.run("stats").out
    rig.env["VERACORE_SYNC_METRICS__TEXTFILE"] = str(tmp_path / "metrics.prom")
    come_back(rig, code, 1)
    returns(rig)
    shown = rig.run("stats").out
    assert any(line.startswith("sync-returns ") for line in shown.splitlines())
    assert "receipts of returned goods: 1" in shown
    part = json.loads(rig.run("stats", "--json").out)["returns"]
    assert (part["totalReceived"], part["lastExitCode"], part["isRunning"]) == (1, 0, False)
    assert part["lastResult"]["receiptsNew"] == 1
    metrics = (tmp_path / "metrics.prom").read_text()
    assert 'veracore_sync_job_overdue{job="returns"} 0' in metrics
    assert 'last_run_exit_code{command="sync-returns"} 0' in metrics

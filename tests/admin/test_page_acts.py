"""Acts from the page: confirmed, begun once, recorded, and waited for without blocking."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from admin_kit import READ
from page_world import CONFLICT, DRIFTED, PARKED, Pages, open_world

from veracore_sync.admin.actions import ActionOutcome
from veracore_sync.admin.acts import ACTS
from veracore_sync.admin.running import RunningActs
from veracore_sync.domain.errors import LedgerError

ORDER = {"name": PARKED}
GIVEN: dict[str, tuple[dict[str, str], dict[str, str], str, str | None]] = {
    "sync-orders": ({}, {}, "sync-orders", None),
    "force-inventory": ({}, {}, "sync-inventory", None),
    "allow-mass-change": ({}, {}, "sync-inventory --allow-mass-change", None),
    "inventory-sku": ({"name": "MUG-BLUE"}, {}, "sync-inventory", "MUG-BLUE"),
    "force-tracking": ({}, {}, "sync-tracking", None),
    "tracking-order": ({"name": DRIFTED}, {}, "sync-tracking", DRIFTED),
    "retry": (ORDER, {}, "retry", ORDER["name"]),
    "adopt": ({"name": CONFLICT}, {"id": "X-9"}, "resolve --adopt", CONFLICT),
    "new-id": (ORDER, {}, "resolve --new-id", ORDER["name"]),
    "skip": (ORDER, {}, "resolve --skip", ORDER["name"]),
    "cancel": ({"name": DRIFTED}, {}, "cancel", DRIFTED),
    "accept": ({"name": DRIFTED}, {"reason": "agreed"}, "resolve --accept", DRIFTED),
    "accept-difference": (
        {"name": "TEAPOT", "type": "stock_differs"},
        {"reason": "counted"},
        "reconcile --accept",
        "TEAPOT",
    ),
}
"""Of each act: what its address has, what a person fills in, and how it is recorded."""


WHY = {
    "outcome": "not sent",
    "reason": "placed before orders.not_before",
    "count": 4,
    "names": ["T-1", "T-2", "T-3", "T-4"],
    "next": "`veracore-sync config show`",
}


@pytest.fixture(scope="module")
def ledger_and_clock() -> Iterator[Any]:
    ledger, clock = open_world()
    with closing(ledger):
        yield ledger, clock


@pytest.fixture
def pages(ledger_and_clock: Any) -> Pages:
    """Acts change nothing of the ledger here, but its audit trail."""
    return Pages(*ledger_and_clock).log_in()


def address(name: str, given: dict[str, str]) -> str:
    return f"/act?action={name}" + "".join(f"&{key}={value}" for key, value in given.items())


def recorded(pages: Pages) -> int:
    return len([one for one in pages.ledger.audit.latest(10_000) if one.action != "log-in"])


def test_every_act_is_here() -> None:
    assert set(GIVEN) == set(ACTS)


@pytest.mark.parametrize("name", GIVEN)
def test_an_act_is_confirmed_done_once_and_recorded(pages: Pages, name: str) -> None:
    given, filled, action, target = GIVEN[name]
    before = recorded(pages)
    pages.go(address(name, given))
    assert ACTS[name].says.split(".")[0] in pages.text.replace("&#39;", "'")
    assert "veracore-sync " in pages.text
    assert (recorded(pages), pages.asked) == (before, []), "looking at it does nothing"
    form = pages.hidden() | filled
    pages.go("/act", form)
    assert pages.location.startswith("/running?form=")
    # Tried again, the order is parked as before, because nothing was sent here.
    title, outcome = ("Not done", "failed") if name == "retry" else ("Done", "done")
    assert f"<h1>{title}: " in pages.text
    assert len(pages.asked) == 1
    latest = pages.ledger.audit.latest(1)[0]
    assert (latest.action, latest.target, latest.outcome) == (action, target, outcome)
    assert latest.actor.who.startswith("act_token ")
    # Looking again, going back and sending the form once more begin nothing.
    pages.go(pages.location)
    pages.go("/act", form)
    assert f"<h1>{title}: " in pages.text
    assert (len(pages.asked), recorded(pages)) == (1, before + 1)


@pytest.mark.parametrize("name", GIVEN)
def test_who_may_only_view_begins_nothing(pages: Pages, name: str) -> None:
    given, filled, _, _ = GIVEN[name]
    reader = Pages(pages.ledger, pages.clock).log_in(READ)
    before = recorded(pages)
    assert reader.go(address(name, given)).status == 403
    assert 'class="stacked"' not in reader.text
    csrf = reader.text.partition('csrf_token" value="')[2].partition('"')[0]
    form = {"csrf_token": csrf, "action": name, "form": "x", **given, **filled}
    assert reader.go("/act", form).status == 403
    assert (reader.asked, recorded(pages)) == ([], before)


def test_a_form_of_nobody_or_of_another_site_begins_nothing(pages: Pages) -> None:
    form = pages.go(address("retry", ORDER)).hidden()
    for wrong in ({"csrf_token": "wrong"}, {"csrf_token": ""}):
        assert pages.answer("/act", form | wrong).status == 403
    assert pages.answer("/act", form, origin="https://evil.example").status == 403
    assert pages.answer("/act", form, sec_fetch_site="cross-site").status == 403
    stranger = Pages(pages.ledger, pages.clock)
    assert stranger.answer("/act", form).headers[0] == ("Location", "/login")
    for number in ("", "made-up", "x" * 5_000):
        assert pages.go("/act", form | {"form": number}).status == 409
        assert "Nothing was done" in pages.text
    assert pages.asked == []
    other = Pages(pages.ledger, pages.clock).log_in()
    other.handler = pages.handler
    other.log_in()
    csrf = other.go(address("retry", ORDER)).hidden()["csrf_token"]
    assert other.go("/act", form | {"csrf_token": csrf}).status == 409, (
        "the form of another session"
    )
    assert pages.asked == []


def test_what_is_missing_is_asked_for(pages: Pages) -> None:
    for name, given, fault in (
        ("accept", {"name": DRIFTED}, "Fill in the reason."),
        ("inventory-sku", {}, "Name the SKU."),
        ("accept-difference", {"name": "TEAPOT", "type": "no"}, "There is no such type"),
    ):
        form = pages.go(address(name, given)).hidden()
        assert pages.go("/act", form).status == 422
        assert fault in pages.text
        done = pages.hidden() | {"name": "TEAPOT", "reason": "why", "type": "stock_differs"}
        assert "<h1>Done" in pages.go("/act", done).text, "the same form goes on"
    assert pages.go("/act?action=skip&name=NONE").status == 404


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (ActionOutcome(True, None, {"submitted": 2, "parked": 1}), "2 sent, 1 parked."),
        (ActionOutcome(True, None, {}), "No order was due."),
        (ActionOutcome(True, sentences=("T-1: adopted",)), "T-1: adopted."),
        (ActionOutcome(True, None, {"news": ["T-9: refused"]}), "New: this needs you"),
        (
            ActionOutcome(True, None, {"skipped": 4, "reasons": [WHY]}),
            "4 not sent (T-1, T-2, T-3, …): placed before orders.not_before; ",
        ),
        (ActionOutcome(False, "another run holds the job; wait"), "Another run holds the job"),
    ],
)
def test_how_it_ended_is_said(pages: Pages, outcome: ActionOutcome, said: str) -> None:
    pages.done = lambda: outcome
    pages.confirm("/act?action=sync-orders")
    assert said in pages.text
    assert ("<h1>Done: " in pages.text) is outcome.success


@pytest.mark.parametrize("error", [LedgerError("the ledger is full"), KeyError("Pat Example")])
def test_a_failure_of_ours_is_said_without_what_it_holds(pages: Pages, error: Exception) -> None:
    def fail() -> ActionOutcome:
        raise error

    pages.done = fail
    pages.confirm("/act?action=sync-orders")
    assert "<h1>Not done: Sync orders now</h1>" in pages.text
    assert "Pat Example" not in pages.text
    assert pages.ledger.audit.latest(1)[0].outcome == "failed"


def test_a_long_act_is_waited_for_on_a_page_that_looks_again(pages: Pages) -> None:
    goes_on, begun = threading.Event(), threading.Event()

    def slow() -> ActionOutcome:
        begun.set()
        goes_on.wait(60)
        return ActionOutcome(True, None, {"submitted": 4})

    pages.done = slow
    (shop,) = pages.handler._shops.values()
    shop._running = RunningActs(pages.clock, at_once=1, patience=0.0)
    pages.confirm("/act?action=sync-orders")
    assert begun.wait(60)
    assert "<h1>Running: Sync orders now</h1>" in pages.text
    assert pages.headers["refresh"] == "2"
    where = pages.location
    pages.clock.forward(seconds=20)
    assert pages.go(where).headers["refresh"] == "7", "seldom, once it lasts"
    assert "It has run for 20 s." in pages.text
    assert pages.go("/").status == 200, "the page answers meanwhile"
    assert pages.confirm("/act?action=force-tracking").status == 409
    assert "Too many acts run at once" in pages.text
    assert not pages.handler.finish(0)
    goes_on.set()
    assert pages.handler.finish(30)
    assert "4 sent." in pages.go(where).text
    assert "refresh" not in pages.headers
    assert len(pages.asked) == 1
    stranger = Pages(pages.ledger, pages.clock)
    stranger.handler = pages.handler
    assert stranger.log_in().go(where).status == 404, "the act of another session"


def test_an_act_that_does_not_exist_is_a_page(pages: Pages) -> None:
    form = pages.go("/act?action=sync-orders").hidden() | {"action": "none"}
    assert pages.go("/act", form).status == 400
    assert "<h1>This address makes no sense</h1>" in pages.text
    assert pages.asked == []


def test_without_a_thread_nothing_is_done(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    form = pages.go("/act?action=sync-orders").hidden()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        for _ in range(6):
            assert pages.answer("/act", form).status == 409
    assert pages.asked == []
    assert "<h1>Done: " in pages.go("/act", form).text, "the same form goes on, and there is room"


def test_what_is_kept_of_an_act_is_bounded(pages: Pages) -> None:
    news = [f"T-{n}: refused" for n in range(60)]
    orders = [{"vendureOrderCode": "T-1"}] * 9
    pages.done = lambda: ActionOutcome(True, None, {"parked": 60, "orders": orders, "news": news})
    pages.confirm("/act?action=sync-orders")
    assert "60 parked." in pages.text
    assert "T-49: refused." in pages.text
    assert "T-50" not in pages.text
    assert "And 10 more." in pages.text


def test_an_alert_that_concerns_no_order_is_accepted(pages: Pages) -> None:
    pages.confirm("/act?action=accept&name=stock.drift", reason="counted")
    assert "<h1>Done: Accept it: stock.drift</h1>" in pages.text
    assert "/order?name=stock" not in pages.text
    assert pages.ledger.audit.latest(1)[0].target == "stock.drift"


def test_a_session_keeps_few_forms(pages: Pages) -> None:
    first = pages.go("/act?action=sync-orders").hidden()
    for _ in range(60):
        pages.go("/act?action=sync-orders")
    assert pages.go("/act", first).status == 409
    assert pages.asked == []

"""The page, in process: what it shows, whom it lets act, and that text stays text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from admin_kit import ACT, READ
from fakes import FakeClock
from page_world import CONFLICT, DRIFTED, NOW, PARKED, Pages, open_world

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.lists import PAGE_ROWS
from veracore_sync.admin.words import ago, exact
from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category, LedgerError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.states import OrderState
from veracore_sync.ledger import open_ledger

EVIL = "<script>alert('x')</script>\"&"
EVERY = (
    "/",
    "/orders",
    *(f"/orders/{state}" for state in OrderState),
    "/alerts",
    "/differences",
    "/runs",
    f"/order?name={DRIFTED}",
    "/search?name=T-1000",
    "/search?name=nothing",
    "/act?action=sync-orders",
    "/nothing",
)


@pytest.fixture(scope="module")
def world() -> Iterator[Pages]:
    """Only looked at."""
    ledger, clock = open_world()
    with closing(ledger):
        yield Pages(ledger, clock).log_in()


@pytest.fixture
def empty() -> Iterator[Pages]:
    clock = FakeClock(NOW)
    with closing(open_ledger(None, clock=clock)) as ledger:
        yield Pages(ledger, clock).log_in()


def text_of(page: str) -> str:
    """What a page says, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


# ---- the overview -------------------------------------------------------------------------------


def test_the_overview_begins_with_one_sentence(world: Pages) -> None:
    said = text_of(world.go("/").text)
    assert "1 changed in the shop after sending" in said
    heading = re.search(r"<h1>(.*?)</h1>", world.text, re.DOTALL)
    assert heading
    assert text_of(heading[1]) == "✕ 7 orders need you."
    for named in ("shop.example.com", "ACME at example.veracore.com", "veracore-sync 0."):
        assert named in said
    assert "As of 2026-03-16 09:40:12 UTC" in said


def test_an_empty_ledger_says_so(empty: Pages) -> None:
    said = text_of(empty.go("/").text)
    assert "so nothing is known" in said
    assert "10 states without an order" in said
    assert said.count("Nothing yet.") == 6, "each chart"
    assert empty.text.count("<svg class=") == 0


def test_a_tile_leads_to_its_list(world: Pages) -> None:
    world.go("/")
    links = re.findall(r'class="tile \w+" href="([^"]+)"><strong>([\d,]+)</strong>', world.text)
    counts = world.ledger.orders.counts()
    assert {path.removeprefix("/orders/"): int(count) for path, count in links} == counts
    folded = world.text[world.text.index("states without an order") :]
    assert 'href="/orders/failed"' in folded
    for path, count in links:
        listed = re.findall(r'href="/order\?name=', world.go(path).text)
        assert world.status == 200
        assert len(listed) == min(int(count), PAGE_ROWS), path


def test_alerts_say_how_grave_they_are_and_what_to_do(world: Pages) -> None:
    said = text_of(world.go("/alerts").text)
    for one in (
        f"urgent Order changed in the shop after sending {DRIFTED} · 3 h ago "
        "Units of MUG-BLUE in the shop: 1 → 2.",
        f"What to do: Make the same change at VeraCore, or veracore-sync resolve {DRIFTED}",
        "needs you Stock changes withheld",
    ):
        assert one in said
    assert said.index("urgent") < said.index("needs you")
    folded = re.search(r"<details[^>]*><summary>20 names</summary>([^<]*)</details>", world.text)
    assert folded
    assert folded[1].startswith("SPOON-00, SPOON-01")


def test_failures_have_a_mark_and_a_word(world: Pages) -> None:
    failed = re.findall(r'<span class="bad">(.*?)</span> VeraCore gave', world.go("/runs").text)
    assert failed or "✕" in text_of(world.text)
    assert "Failed: VeraCore gave no answer in time." in text_of(world.text)
    read = "412 levels compared, 9 written; only levels that may have changed were read."
    assert read in text_of(world.text)
    assert "the next full read is the next run." in text_of(world.go("/").text)


# ---- lists, search, orders ----------------------------------------------------------------------


def test_a_list_has_pages(world: Pages) -> None:
    seen: list[str] = []
    world.go("/orders/shipped")
    while True:
        seen += re.findall(r'name=([\w-]+)">', world.text)
        following = re.search(r'rel="next" href="([^"]+)"', world.text)
        if following is None:
            break
        world.go(html.unescape(following[1]))
        assert "First page" in world.text
    count = world.ledger.orders.counts()["shipped"]
    assert (len(seen), len(set(seen))) == (count, count)
    assert count > 2 * PAGE_ROWS, "or nothing was shown"


@pytest.mark.parametrize("before", ["x", "%00", "2026-01-01T00:00:00.000Z", "a%20b%20c", "~"])
def test_a_place_in_a_list_that_makes_no_sense_is_no_failure(world: Pages, before: str) -> None:
    for path in (f"/orders/shipped?before={before}", f"/alerts?page={before}"):
        assert world.go(path).status in (200, 400), path
    assert world.go(f"/differences?after={before}").status in (200, 400)


def test_a_search_is_by_how_a_name_begins_without_case(world: Pages) -> None:
    found = re.findall(r'name=(T-\d+)">', world.go("/search?name=t-10010").text)
    assert found == [f"T-10010{n}" for n in range(10)]
    assert f"Order {PARKED}" in world.go(f"/search?name={PARKED.lower()}").text
    assert world.location == f"/order?name={PARKED}"
    assert world.go("/search?name=zzz").status == 404
    assert "No such order" in world.text
    assert world.go("/search").status == 404


def test_the_page_of_an_order(world: Pages) -> None:
    said = text_of(world.go(f"/order?name={DRIFTED}").text)
    assert "What differs" in said
    for side in ("Ledger synced: 1 x MUG-BLUE", "Shop 2 x MUG-BLUE", "VeraCore 1 x MUG-BLUE"):
        assert side in said
    assert "Units of MUG-BLUE in the shop: 1 → 2." in said
    assert "Placed 2026-03-13 03:33:12 UTC (3 d ago)" in said
    assert 'href="https://shop.example.com/dashboard/orders/9107" rel="noreferrer"' in world.text
    assert "Slip" in said
    assert "to be brought to the shop" in said
    assert said.index("Placed in the shop") < said.index("Attempt 1: accepted")


def test_what_may_be_done_about_an_order_is_offered(world: Pages) -> None:
    def offered(name: str) -> set[str]:
        found = re.findall(r"/act\?action=([\w-]+)&amp;name=", world.go(f"/order?name={name}").text)
        return set(found)

    assert offered(PARKED) == {"retry", "skip"}
    assert offered(CONFLICT) == {"adopt", "new-id", "skip"}
    assert offered(DRIFTED) == {"tracking-order", "accept", "accept-difference"}
    reader = Pages(world.ledger, world.clock).log_in(READ)
    assert "/act?" not in reader.go(f"/order?name={DRIFTED}").text + reader.go("/").text


def test_what_is_not_there_is_a_page(world: Pages) -> None:
    for path in ("/nothing", "/orders/none", "/order?name=X", "/act?action=none", "/running"):
        assert world.go(path).status == 404, path
        assert world.headers["content-security-policy"]
        assert "<h1>No such" in world.text, path
        assert "To the overview" in world.text
    stranger = Pages(world.ledger, world.clock).go("/nothing")
    assert (stranger.status, "shop.example.com" in stranger.text) == (404, False)


def test_a_ledger_that_cannot_be_read_is_a_page_that_looks_again(
    empty: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(*_given: object) -> None:
        raise LedgerError("the ledger l.db is locked", hint="end what holds it")

    monkeypatch.setattr(empty.ledger.orders, "counts", locked)
    assert empty.go("/").status == 503
    assert "the ledger l.db is locked" in empty.text
    assert "end what holds it" in empty.text
    assert empty.headers["refresh"] == "10"
    assert "a page cannot be shown: the ledger l.db is locked" in caplog.text


# ---- refreshing ---------------------------------------------------------------------------------


def test_a_page_looks_again_by_itself_only_for_who_wants_that(world: Pages) -> None:
    assert (
        "refresh" not in world.go("/orders/shipped?before=2026-03-16T00:00:00.000Z%20T-1").headers
    )
    assert 'http-equiv="refresh"' not in world.text
    choice = re.search(r'href="([^"]+refresh=on)"', world.text)
    assert choice
    world.go(html.unescape(choice[1]))
    assert world.headers["refresh"] == "60"
    assert "before=2026-03-16" in choice[1]
    assert "stop that" in world.text


# ---- what browsers are told, and who gets in ----------------------------------------------------


@pytest.mark.parametrize("path", EVERY)
def test_every_page_is_safe_and_loads_nothing(world: Pages, path: str) -> None:
    world.go(path)
    policy = world.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert world.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script|\son\w+=|javascript:|\ssrc=| style=", world.text)
    addresses = set(re.findall(r"https?://[^/\"]+", world.text))
    assert addresses <= {"https://shop.example.com"}
    ids = re.findall(r'\sid="([^"]+)"', world.text)
    assert len(ids) == len(set(ids))


def test_markup_and_what_nobody_sees_stay_text(empty: Pages) -> None:
    ledger = empty.ledger
    ledger.transitions.discover([Discovery(EVIL, "1", NOW), Discovery("A\u202eB", "2", NOW)])
    ledger.transitions.park(EVIL, Failure(Category.VALIDATION, EVIL), "")
    ledger.alerts.open(AlertKind.STOCK_UNKNOWN, EVIL)
    for path in ("/", "/alerts", "/orders/parked", "/search?name=%3C", "/orders/pending"):
        empty.go(path)
        assert "<script" not in empty.text
        assert "\u202e" not in empty.text
    assert EVIL in html.unescape(empty.go("/orders/parked").text)


def test_a_cookie_is_kept_from_scripts_and_other_sites(empty: Pages) -> None:
    sent = dict(empty.answer("/login", {"token": READ}).headers)["Set-Cookie"]
    assert "HttpOnly" in sent
    assert "SameSite=Strict" in sent
    assert "Secure" not in sent
    assert Pages(empty.ledger, empty.clock).log_in("wrong-token-0123456789").status == 401
    ended = empty.go(
        "/logout", {"csrf_token": re.findall(r'csrf_token" value="([^"]+)', empty.text)[0]}
    )
    assert "Log in" in ended.text
    assert "Log in" in empty.go("/").text


def test_several_shops_have_the_same_pages(empty: Pages) -> None:
    house = Pages(empty.ledger, empty.clock, ("one", "two")).log_in()
    said = text_of(house.text)
    assert "All shops" in said
    assert "No sync has ended" in said
    assert house.go("/?refresh=on").headers["refresh"] == "60"
    for path in EVERY:
        own = f"/shops/two{path}"
        assert house.go(own).status in (200, 404)
        links = re.findall(r'(?:href|action)="(/[^"]*)"', house.text)
        outside = {one for one in links if not one.startswith("/shops/two/")}
        assert outside <= {"/", "/style.css", "/logout"}, path


def test_tokens_that_are_no_text_open_nothing() -> None:
    assert Tokens(READ, ACT).role("\ud800") is None


def test_the_page_and_the_api_agree(world: Pages) -> None:
    counts = world.ledger.orders.counts()
    tiles = dict(re.findall(r'href="/orders/(\w+)"><strong>([\d,]+)<', world.go("/orders").text))
    assert tiles == {state: str(count) for state, count in counts.items()}


def test_times_are_told_from_now() -> None:
    assert ago(to_text(NOW), NOW) == "now"
    assert ago("no time", NOW) == "no time"
    assert (ago(None, NOW), exact(None)) == ("", "")

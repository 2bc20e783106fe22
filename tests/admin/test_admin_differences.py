"""What ledger, shop and VeraCore disagree about, on the page and in the API, on both backends."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import ledger_server
import pytest
from fakes import START, FakeClock
from page_world import Pages

from veracore_sync.admin.actions import Actions
from veracore_sync.admin.api import AdminApi
from veracore_sync.clock import to_text
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.order_records import Discovery
from veracore_sync.jobs.reconcile.coverage import remember
from veracore_sync.jobs.reconcile.telling import accept, tell
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.ports.ledger import Ledger

CONTENT, UNSENT = DifferenceType.CONTENT_DIFFERS, DifferenceType.PAID_NOT_SENT
STOCK = DifferenceType.STOCK_DIFFERS
EVIL = 'SKU <b>:"'
LATER = START + timedelta(days=3)
ACTOR = Actor("read_token 01234567", "api", "127.0.0.1")
FIELDS = (
    "id type name detail veracoreId ledger shop warehouse since firstSeenAt lastSeenAt repair "
    "advice isAccepted acceptedAt reason"
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[SqlLedger]:
    place = ledger_server.new_place() if request.param == "postgres" else None
    made = open_ledger(place, clock=FakeClock())
    made.transitions.discover([Discovery("A", "id-A", START)])
    content = Difference(CONTENT, "A", "synced", "MUG 2", "MUG 1", START, veracore_id="VC-A")
    unsent = Difference(UNSENT, "A", "", "paid", "", LATER, repair="sync-orders --order A")
    tell(made, [content, unsent], ["A"], [CONTENT, UNSENT])
    tell(made, [Difference(STOCK, EVIL, "", "3", "2", None, ":x")], [EVIL], [STOCK])
    tell(made, [Difference(STOCK, "A", "", "3", "2", None)], ["A"], [STOCK])
    accept(made, CONTENT, "A", "they <agreed>")
    remember(made, START, in_scope=10, compared=9, unseen=1, complete=False)
    yield made
    made.close()


@pytest.fixture
def api(ledger: SqlLedger) -> AdminApi:
    actions = SimpleNamespace(ledger=ledger, by=lambda actor: None)
    return AdminApi(cast(Actions, actions))


def ask(api: AdminApi, query: str) -> dict[str, Any]:
    status, document = api.answer(json.dumps({"query": query}).encode(), "read", ACTOR)
    assert status == 200, document
    return document


def shown(ledger: Ledger, target: str) -> str:
    """The text of a page, on one line."""
    text = Pages(ledger, FakeClock(LATER)).log_in().go(target).text
    assert "<b>" not in text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_page_shows_each_with_its_repair(ledger: SqlLedger) -> None:
    text = shown(ledger, "/differences")
    assert "4 stand, 1 of them accepted" in text
    assert "9 of 10 orders compared, 1 could not be read; last complete: never" in text
    assert "Ledger nothing Shop paid VeraCore nothing" in text
    assert "What to do: Type veracore-sync sync-orders --order A ." in text
    assert "Accepted: they <agreed>" in text
    assert "paid_not_sent · for 0 s" in text
    assert "content_differs · for 3 d" in text
    assert EVIL in text
    assert "4 differences between ledger, shop and VeraCore, 1 of them accepted" in shown(
        ledger, "/"
    )


def test_a_sku_is_no_order_whatever_its_name(ledger: SqlLedger) -> None:
    text = Pages(ledger, FakeClock(LATER)).log_in().go("/differences").text
    of_orders = ledger.differences.of(["A"])
    assert text.count('<a href="/order?name=A">') == len(of_orders) - 1


def test_the_page_of_an_order_shows_its_own(ledger: SqlLedger) -> None:
    text = shown(ledger, "/order?name=A")
    assert "content_differs" in text
    assert "stock_differs" not in text
    assert "Reconcile found paid_not_sent" in text


def test_the_page_of_all_shops_counts_what_nobody_accepted(ledger: SqlLedger) -> None:
    house = Pages(ledger, FakeClock(LATER), ("east", "west")).log_in()
    assert house.text.count('<td data-label="Differences">3</td>') == 2


def test_a_ledger_that_was_never_compared_says_so() -> None:
    with closing(open_ledger(None)) as made:
        assert "were not compared yet" in shown(made, "/")


def test_the_api_tells_how_much_was_compared(api: AdminApi) -> None:
    query = "{ veracoreReconcileStats { lastSyncTime isRunning standing accepted types coverage } }"
    found = ask(api, query)["data"]["veracoreReconcileStats"]
    assert (found["standing"], found["accepted"], found["isRunning"]) == (4, 1, False)
    assert found["types"]["stock_differs"] == {"standing": 2, "accepted": 0}
    assert found["coverage"]["unseen"] == 1


def test_the_api_has_pages(api: AdminApi) -> None:
    whole = ask(api, f"{{ veracoreDifferences {{ {FIELDS} }} }}")["data"]["veracoreDifferences"]
    assert [(one["type"], one["name"]) for one in whole] == [
        ("content_differs", "A"),
        ("paid_not_sent", "A"),
        ("stock_differs", "A"),
        ("stock_differs", EVIL),
    ]
    assert whole[0]["reason"] == "they <agreed>"
    assert whole[1]["since"] == to_text(LATER)
    paged: list[Any] = []
    while True:
        after = f", after: {json.dumps(paged[-1]['id'])}" if paged else ""
        query = f"{{ veracoreDifferences(first: 1{after}) {{ {FIELDS} }} }}"
        page = ask(api, query)["data"]["veracoreDifferences"]
        if not page:
            break
        paged += page
    assert paged == whole


@pytest.mark.parametrize("name", ["A", "id-A"])
def test_the_api_has_those_of_one_order(api: AdminApi, name: str) -> None:
    query = f'{{ veracoreDifferences(orderId: "{name}", first: 1) {{ id type }} }}'
    (first,) = ask(api, query)["data"]["veracoreDifferences"]
    after = f'{{ veracoreDifferences(orderId: "{name}", after: "{first["id"]}") {{ type }} }}'
    assert ask(api, after)["data"]["veracoreDifferences"] == [{"type": "paid_not_sent"}]


@pytest.mark.parametrize("given", ['after: "x"', 'after: "a:\\u0000:b"', 'orderId: "\\u0000"'])
def test_what_is_no_id_is_refused(api: AdminApi, given: str) -> None:
    document = ask(api, f"{{ veracoreDifferences({given}) {{ id }} }}")
    assert document["data"] is None
    assert document["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_list_of_all_with_everything_is_within_the_limits(api: AdminApi) -> None:
    pages = " ".join(f"a{number}: veracoreDifferences {{ {FIELDS} }}" for number in range(7))
    assert "errors" not in ask(api, f"{{ {pages} }}")

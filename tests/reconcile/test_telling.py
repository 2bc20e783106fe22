"""A difference is told once, closed when it is gone, and accepted as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import START, FakeClock

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import DIFFERENCES, AgreedRow, Difference, DifferenceType
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.states import OrderCause
from veracore_sync.jobs import accept as accepting
from veracore_sync.jobs.reconcile.sides import Examined
from veracore_sync.jobs.reconcile.telling import ORDER_TYPES, accept, tell, tell_orders
from veracore_sync.jobs.tracking import overdue
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger

T = DifferenceType
DIFFERS = AlertKind.ORDER_DIFFERS


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Iterator[SqlLedger]:
    made = open_ledger(None, clock=clock, hooks=("command",))
    made.transitions.discover([Discovery("A", "id-A", START)])
    yield made
    made.close()


def differs(type: DifferenceType = T.CONTENT_DIFFERS, name: str = "A", **more: Any) -> Difference:
    repair = "" if type is T.CONTENT_DIFFERS else f"cancel {name}"
    return replace(Difference(type, name, "synced", "MUG 2", "MUG 1", START, repair=repair), **more)


def examined(*found: Difference, code: str = "A", **more: str) -> list[Examined]:
    return [Examined(code, found, **more)]


def alerts(ledger: SqlLedger) -> dict[str, str]:
    return {alert.key: alert.message for alert in ledger.alerts.standing()}


def opened(ledger: SqlLedger) -> int:
    return len(ledger.database.rows("SELECT 1 FROM events WHERE type = 'alert.opened'"))


def test_it_is_told_once_and_ends_when_it_is_gone(ledger: SqlLedger) -> None:
    found = examined(differs())
    (sentence,) = tell_orders(ledger, found)
    assert sentence == (
        "A: content_differs: ledger: synced; shop: MUG 2; VeraCore: MUG 1. "
        "Make the same change at VeraCore"
    )
    assert alerts(ledger) == {"order.differs:A:content_differs": sentence.removeprefix("A: ")}
    assert tell_orders(ledger, found) == []
    # Other evidence of what stands is shown, and is no news.
    assert tell_orders(ledger, examined(differs(shop="MUG 3"))) == []
    (message,) = alerts(ledger).values()
    assert "MUG 3" in message
    assert opened(ledger) == 1
    agreed = AgreedRow("A", to_text(START), "print")
    assert tell_orders(ledger, examined(), [agreed]) == []
    assert alerts(ledger) == {}
    assert ledger.differences.agreed_of(["A"]) == {"A": agreed}
    (sentence,) = tell_orders(ledger, found)
    assert opened(ledger) == 2


@pytest.mark.parametrize("why", [{"unseen": "it cannot be read"}, {"moving": "it was placed now"}])
def test_what_was_not_compared_changes_nothing(ledger: SqlLedger, why: dict[str, str]) -> None:
    tell_orders(ledger, examined(differs()))
    assert tell_orders(ledger, examined(differs(T.PAID_NOT_SENT), **why)) == []
    assert list(alerts(ledger)) == ["order.differs:A:content_differs"]
    assert len(ledger.differences.standing()) == 1


def test_only_types_that_were_looked_for_end(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs(), differs(T.ALLOCATED_SHORT)))
    tell_orders(ledger, examined(), types=ORDER_TYPES - {T.ALLOCATED_SHORT})
    assert list(alerts(ledger)) == ["order.differs:A:allocated_short"]


def test_details_of_a_type_share_an_alert(ledger: SqlLedger) -> None:
    first, second = (differs(T.SHIPPED_NOT_FULFILLED, detail=slip) for slip in ("1", "2"))
    assert len(tell_orders(ledger, examined(first))) == 1
    # The second slip is news, so the alert is reported again.
    (sentence,) = tell_orders(ledger, examined(first, second))
    assert "shipped_not_fulfilled (1)" in sentence
    assert "shipped_not_fulfilled (2)" in sentence
    assert "Repair: `veracore-sync cancel A`" in sentence
    assert tell_orders(ledger, examined(second)) == []
    (message,) = alerts(ledger).values()
    assert "(1)" not in message


TOLD = [(type, kind) for type in sorted(ORDER_TYPES) for kind in sorted(DIFFERENCES[type].told_by)]


@pytest.mark.parametrize(("type", "kind"), TOLD)
def test_what_another_alert_tells_is_told_when_that_one_has_ended(
    ledger: SqlLedger, type: DifferenceType, kind: AlertKind
) -> None:
    ledger.alerts.open(kind, "it is told", code="A")
    ledger.alerts.open(kind, "of another order", code="B")
    assert tell_orders(ledger, examined(differs(type))) == []
    assert tell_orders(ledger, examined(differs(type))) == []
    ledger.alerts.resolve(kind, code="A")
    assert len(tell_orders(ledger, examined(differs(type)))) == 1
    # A job has noticed it, too: two alerts about one cause would be one too many.
    ledger.alerts.open(kind, "it is told", code="A")
    assert tell_orders(ledger, examined(differs(type))) == []
    assert f"order.differs:A:{type}" not in alerts(ledger)
    assert (kind, "A") in {(one.kind, one.code) for one in ledger.alerts.standing()}


@pytest.mark.parametrize("ends", ["accepted", "gone"])
@pytest.mark.parametrize(("type", "kind"), [one for one in TOLD if one[1] in overdue.ONCE])
def test_what_stands_is_told_by_the_alert_of_a_job_for_as_long(
    ledger: SqlLedger, clock: FakeClock, type: DifferenceType, kind: AlertKind, ends: str
) -> None:
    """Such an alert ends by itself after a week: what it told would be told a second time."""

    def alert_of_the_job() -> bool:
        clock.forward(days=5)
        overdue.alert_waiting_shipments(ledger, clock, timedelta(0), TrackingReport())
        return (kind, "A") in {(one.kind, one.code) for one in ledger.alerts.standing()}

    ledger.alerts.open(kind, "it is told", code="A")
    for _ in range(3):
        assert tell_orders(ledger, examined(differs(type))) == []
        assert alert_of_the_job()
    assert opened(ledger) == 1
    if ends == "accepted":
        accept(ledger, type, "A", "given away")
    else:
        tell_orders(ledger, examined())
    assert not alert_of_the_job()
    assert opened(ledger) == 1


def test_what_was_accepted_is_news_with_other_evidence(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs(), differs(T.ALLOCATED_SHORT)))
    (row,) = accept(ledger, T.CONTENT_DIFFERS, "A", " agreed\nby phone ")
    assert row.reason == "agreed by phone"
    assert list(alerts(ledger)) == ["order.differs:A:allocated_short"]
    both = differs(), differs(T.ALLOCATED_SHORT)
    assert tell_orders(ledger, examined(*both)) == []
    (sentence,) = tell_orders(ledger, examined(differs(shop="MUG 9"), both[1]))
    assert "MUG 9" in sentence
    # What was accepted comes back: the alert ends again.
    assert tell_orders(ledger, examined(*both)) == []
    assert list(alerts(ledger)) == ["order.differs:A:allocated_short"]


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [("A", " \n", "with a reason"), ("B", "why", "B has no difference content_differs")],
)
def test_nothing_is_accepted_without_reason_or_difference(
    ledger: SqlLedger, name: str, reason: str, words: str
) -> None:
    tell_orders(ledger, examined(differs()))
    with pytest.raises(UsageError, match=words):
        accept(ledger, T.CONTENT_DIFFERS, name, reason)
    assert len(alerts(ledger)) == 1


def test_an_order_is_accepted_by_its_id_too(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs()))
    assert len(accept(ledger, T.CONTENT_DIFFERS, "id-A", "why")) == 1


def test_resolve_accepts_all_that_differs_of_an_order(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs(), differs(T.ALLOCATED_SHORT)))
    ledger.alerts.open(AlertKind.ORDER_SHORT, "2 will not ship", code="A")
    tell_orders(ledger, examined(differs(name="B"), code="B"))
    ended = accepting.accept(ledger, "A", "why")
    assert [alert.kind for alert in ended].count(DIFFERS) == 2
    assert list(alerts(ledger)) == ["order.differs:B:content_differs"]
    assert all(row.is_accepted for row in ledger.differences.of(["A"]))
    assert tell_orders(ledger, examined(differs(), differs(T.ALLOCATED_SHORT))) == []
    with pytest.raises(UsageError, match="no open alert"):
        accepting.accept(ledger, "A", "once more")


def test_resolve_accepts_what_another_alert_tells(ledger: SqlLedger) -> None:
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "units changed", code="A")
    tell_orders(ledger, examined(differs()))
    accepting.accept(ledger, "A", "why")
    assert tell_orders(ledger, examined(differs())) == []
    assert alerts(ledger) == {}


def test_resolve_ends_an_alert_whose_difference_is_gone(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs()))
    ledger.differences.ended([T.CONTENT_DIFFERS], ["A"])
    assert [one.kind for one in accepting.accept(ledger, "A", "why")] == [DIFFERS]
    assert alerts(ledger) == {}


def test_resolve_accepts_what_nobody_was_told(ledger: SqlLedger) -> None:
    ledger.differences.saw([differs()])
    assert accepting.accept(ledger, "A", "why") == []
    assert tell_orders(ledger, examined(differs())) == []


@pytest.mark.parametrize("type", [T.STOCK_DIFFERS, T.FOREIGN_AT_WAREHOUSE])
def test_what_concerns_no_order_shares_an_alert(ledger: SqlLedger, type: DifferenceType) -> None:
    names = [f"N{number}" for number in range(8)]
    every = [differs(type, name) for name in names]
    (sentence,) = tell(ledger, every, names, [type])
    assert sentence.startswith("8 differ: N0: ")
    assert sentence.endswith("and 3 more: `veracore-sync stats --differences`")
    (kind,) = alerts(ledger)
    assert kind in ("stock.differs:", "veracore.foreign:")
    assert tell(ledger, every, names, [type]) == []
    (sentence,) = tell(ledger, [*every, differs(type, "NEW")], [*names, "NEW"], [type])
    assert sentence.startswith("9 differ: NEW: ")
    accept(ledger, type, "NEW", "another system's")
    assert alerts(ledger)[kind].startswith("8 differ: N0")
    assert tell(ledger, [differs(type, "NEW")], [*names, "NEW"], [type]) == []
    assert alerts(ledger) == {}


def test_an_alert_about_stock_tells_of_the_skus_that_it_is_about(ledger: SqlLedger) -> None:
    ledger.alerts.open(AlertKind.STOCK_GUARDED, "a guard stopped the plan")
    found = [differs(T.STOCK_DIFFERS, "MUG", detail=AlertKind.STOCK_GUARDED)]
    assert tell(ledger, found, ["MUG"], [T.STOCK_DIFFERS]) == []
    found.append(differs(T.STOCK_DIFFERS, "TEE"))
    (sentence,) = tell(ledger, found, ["MUG", "TEE"], [T.STOCK_DIFFERS])
    assert sentence.startswith("1 differ: TEE: ")
    ledger.alerts.resolve(AlertKind.STOCK_GUARDED)
    tell(ledger, found, ["MUG", "TEE"], [T.STOCK_DIFFERS])
    assert alerts(ledger)["stock.differs:"].startswith("2 differ: ")


def test_a_failure_in_the_middle_stores_nothing(
    ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(ledger.alerts, "open", fail)
    with pytest.raises(ZeroDivisionError):
        tell_orders(ledger, examined(differs()), [AgreedRow("B", to_text(START), "print")])
    assert ledger.differences.standing() == []
    assert ledger.differences.agreed_of(["B"]) == {}


def test_what_the_orders_own_end_means_for_its_alert(ledger: SqlLedger) -> None:
    tell_orders(ledger, examined(differs(T.PAID_NOT_SENT)))
    ledger.transitions.skip("A", OrderCause.RESOLVED, "a person decided not to send it")
    assert alerts(ledger) == {}

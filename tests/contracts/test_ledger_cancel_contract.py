"""The contract of the port `Ledger`: cancellations after the hand-over."""

from __future__ import annotations

from fakes import START
from ledger_beds import HOUR, MINUTE, LedgerBed, accept, discover, kinds, state

from veracore_sync.clock import to_text
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.states import Applied, CancelState
from veracore_sync.ports.ledger import Ledger


def row(ledger: Ledger, code: str = "A") -> CancellationRow:
    found = ledger.cancellations.get(code)
    assert found is not None
    return found


def test_a_cancellation_from_the_wish_to_its_end(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "A")
    store = ledger.cancellations
    assert store.get("A") is None
    assert store.want("A", "A", "person") is Applied.DONE
    assert store.want("A", "A", "shop") is Applied.LOST
    assert [one.code for one in store.wanted()] == ["A"]
    assert [one.code for one in store.due(HOUR)] == ["A"]
    assert store.under_way() == store.wanted()
    assert store.ask("A") is Applied.DONE
    assert (row(ledger).state, row(ledger).asked) == (CancelState.ASKING, 1)
    assert store.due(HOUR) == store.wanted() == []
    store.asked("A", "no answer", START + MINUTE)
    assert (row(ledger).state, row(ledger).message) == (CancelState.UNKNOWN, "no answer")
    assert store.due(HOUR) == []
    ledger_bed.clock.forward(minutes=1)
    assert [one.code for one in store.due(HOUR)] == ["A"]
    store.saw_cancelled("A", START + HOUR)
    assert row(ledger).seen_at == to_text(START + MINUTE)
    store.look_again("A", START + HOUR, "open", is_open=True)
    assert (row(ledger).seen_at, row(ledger).looks) == (None, 1)
    store.saw_cancelled("A", START + HOUR)
    store.look_again("A", START + HOUR, None, is_open=False)
    assert (row(ledger).seen_at is not None, row(ledger).message) == (True, "open")
    assert store.confirm("A", "cancel it in the shop") is Applied.NEWS
    assert (row(ledger).state, state(ledger, "A")[0]) == (CancelState.CANCELLED, "cancelled")
    assert kinds(ledger) == ["order.cancelled"]


def test_a_request_that_never_left_is_not_counted(ledger: Ledger) -> None:
    accept(ledger, "A")
    store = ledger.cancellations
    store.want("A", "A", "shop")
    store.ask("A")
    store.not_asked("A", "refused", None)
    assert (row(ledger).state, row(ledger).asked) == (CancelState.WANTED, 0)
    store.ask("A")
    assert store.recover() == ["A"]
    assert (row(ledger).state, row(ledger).asked) == (CancelState.UNKNOWN, 1)
    store.ask("A")
    store.not_asked("A", "refused", None)
    # An earlier request may have been carried out.
    assert (row(ledger).state, row(ledger).asked) == (CancelState.UNKNOWN, 1)


def test_what_the_shop_cancelled_too_needs_nobody(ledger: Ledger) -> None:
    accept(ledger, "A")
    told = ledger.transitions.cancelled_in_shop("A", "run `cancel A`")
    assert (told, kinds(ledger)) == (Applied.NEWS, ["order.cancelled_in_shop"])
    assert ledger.transitions.cancelled_in_shop("A", "again") is Applied.DONE
    ledger.cancellations.want("A", "A", "shop")
    assert ledger.cancellations.confirm("A", "cancel it in the shop") is Applied.DONE
    assert (state(ledger, "A")[0], kinds(ledger)) == ("cancelled", [])


def test_a_shop_that_cancels_once_it_is_cancelled_there(ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.transitions.cancel("A", "A", "VeraCore cancelled it")
    assert kinds(ledger) == ["order.cancelled"]
    assert ledger.transitions.cancelled_in_shop("A", "run `cancel A`") is Applied.DONE
    assert kinds(ledger) == []
    assert ledger.transitions.cancelled_in_shop("B", "unknown") is Applied.LOST


def test_an_alert_that_was_closed_before_does_not_bring_another(ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.transitions.cancelled_in_shop("A", "run `cancel A`")
    ledger.alerts.resolve("order.cancelled_in_shop", code="A")
    assert ledger.transitions.cancel("A", "A", "VeraCore cancelled it") is Applied.DONE
    assert kinds(ledger) == []


def test_one_alert_tells_why_it_is_not_cancelled(ledger: Ledger) -> None:
    accept(ledger, "A")
    accept(ledger, "B")
    store = ledger.cancellations
    ledger.transitions.cancelled_in_shop("A", "run `cancel A`")
    for code in ("A", "B"):
        store.want(code, code, "person")
        assert store.refuse(code, "VeraCore does not") is Applied.NEWS
    told = {(one.code, one.kind, one.message) for one in ledger.alerts.standing()}
    assert told == {
        ("A", "order.cancelled_in_shop", "VeraCore does not"),
        ("B", "order.not_cancelled", "VeraCore does not"),
    }
    store.want("B", "B", "person")
    assert kinds(ledger) == ["order.cancelled_in_shop"]
    assert store.miss("B", "too late") is Applied.NEWS
    assert ledger.transitions.ship("B")
    assert kinds(ledger) == ["order.cancelled_in_shop"]


def test_what_left_is_told_once(ledger: Ledger) -> None:
    accept(ledger, "A")
    store = ledger.cancellations
    assert store.leave("A", "slip 1 left") is Applied.LOST
    store.want("A", "A", "person")
    assert store.leave("A", "slip 1 left") is Applied.NEWS
    assert (row(ledger).state, kinds(ledger)) == (
        CancelState.TOO_LATE,
        ["order.shipped_cancelled"],
    )
    ledger.alerts.resolve("order.shipped_cancelled", code="A")
    assert store.leave("A", "slip 1 left") is Applied.LOST


def test_what_a_person_accepted_of_the_shop_hides_no_later_failure(ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.transitions.cancelled_in_shop("A", "it ships")
    ledger.alerts.accept("A", "so be it")
    ledger.transitions.cancelled_in_shop("A", "it was cancelled in the shop")
    ledger.cancellations.want("A", "A", "person")
    ledger.cancellations.refuse("A", "it ships")
    assert [one.kind for one in ledger.alerts.standing()] == ["order.not_cancelled"]


def test_an_order_that_shipped_meanwhile_is_not_cancelled(ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.cancellations.want("A", "A", "person")
    ledger.transitions.ship("A")
    assert ledger.cancellations.confirm("A", "cancelled") is Applied.LOST
    assert (row(ledger).state, state(ledger, "A")) == (CancelState.WANTED, ("shipped", ""))


def test_a_wish_is_withdrawn_only_before_the_request(ledger: Ledger) -> None:
    discover(ledger, "A")
    store = ledger.cancellations
    store.want("A", "A", "person")
    assert store.withdraw("A") is Applied.DONE
    assert store.get("A") is None
    store.want("A", "A", "person")
    store.ask("A")
    assert store.withdraw("A") is Applied.LOST

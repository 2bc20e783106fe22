"""Cancelling after the hand-over: look-ups decide, whatever VeraCore answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from bench import Bench
from fakes import START, TELLS_LITTLE, make_order, make_settings

from veracore_sync.domain.cancellations import CancellationRow, WantedBy
from veracore_sync.domain.errors import AuthRefused, ProtocolError, UpstreamError, UsageError
from veracore_sync.domain.states import CancelState
from veracore_sync.domain.warehouse import Package, Shipment
from veracore_sync.jobs.cancel.command import CancelOrders, plan
from veracore_sync.jobs.cancel.plan import MAX_ASKED
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.ports.warehouse import LookUpFailed
from veracore_sync.waits import NET

GRACE = 180
PACKED = Package("UPS", "Ground", "1Z", None, None)


def sent(bench: Bench, *codes: str) -> None:
    """Orders that VeraCore has accepted."""
    bench.shop.add(*(make_order(code) for code in codes or ("A",)))
    bench.run()


def cancel_in_shop(bench: Bench, code: str = "A") -> None:
    bench.clock.forward(seconds=1)
    bench.shop.change(code, state="Cancelled", updated_at=bench.clock.now())


def command(bench: Bench, *codes: str) -> tuple[OrdersReport, CancelOrders]:
    work = CancelOrders(bench.context())
    work.execute(codes or ("A",))
    return work.report, work


def wish(bench: Bench, code: str = "A") -> CancellationRow:
    found = bench.ledger.cancellations.get(code)
    assert found is not None
    return found


def alerts(bench: Bench) -> list[str]:
    return [f"{one.code} {one.kind}" for one in bench.ledger.alerts.standing()]


def alert(bench: Bench, code: str = "A") -> str:
    """What `stats` says of the order's one alert."""
    [found] = [one.message for one in bench.ledger.alerts.standing() if one.code == code]
    return found


def error(bench: Bench, code: str = "A") -> str | None:
    """What `stats` says of the order besides its alerts."""
    found = {row.code: row.error_message for row in bench.ledger.orders.recent_errors()}
    assert found.get(code, "why") is not None
    return found.get(code)


def later(bench: Bench, times: int = 1, seconds: float = GRACE) -> list[str]:
    """Runs as a timer starts them; what newly needs a person."""
    news = []
    for _ in range(times):
        bench.clock.forward(seconds=seconds)
        news += bench.run().needs_person
    return news


def auto(bench: Bench, mode: str = "auto") -> None:
    bench.settings = make_settings(orders={"cancel": mode})


# ---- asked by a person ------------------------------------------------------------------------


def test_cancelled_is_what_two_look_ups_show(bench: Bench) -> None:
    sent(bench)
    cancel_in_shop(bench)
    assert later(bench) == [
        "A: it was cancelled in the shop after it went to VeraCore: run `veracore-sync cancel A`, "
        "or cancel it there by hand, or it will ship"
    ]
    report, work = command(bench)
    assert report.needs_person == []
    assert "a second one, by sync-orders, confirms that" in work.sentences["A"]
    assert (bench.state("A"), wish(bench).state) == ("synced", CancelState.UNKNOWN)
    assert later(bench, seconds=60) == []
    assert bench.state("A") == "synced"
    assert later(bench) == []
    assert (bench.state("A"), wish(bench).state) == ("cancelled", CancelState.CANCELLED)
    assert (alerts(bench), bench.warehouse.asked_to_cancel) == ([], ["A"])
    assert error(bench) is None
    assert later(bench, 3) == []


def test_an_order_that_the_shop_still_shows_as_paid(bench: Bench) -> None:
    sent(bench)
    _, work = command(bench)
    assert work.sentences["A"].endswith(
        "; the shop still shows it as PaymentSettled: cancel and refund it there"
    )
    [told] = later(bench, 2)
    assert "it is cancelled at VeraCore as asked, and not in the shop" in told
    assert alerts(bench) == ["A order.cancelled"]
    assert "and not in the shop" in str(error(bench))
    cancel_in_shop(bench)
    later(bench)
    assert (alerts(bench), error(bench)) == ([], None)


def test_an_order_that_was_never_sent_is_withdrawn_in_the_ledger_alone(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("refused")
    bench.run()
    assert bench.state("A") == "parked"
    looked_up = len(bench.warehouse.looked_up)
    report, work = command(bench)
    assert (report.needs_person, bench.state("A")) == ([], "skipped")
    assert work.sentences["A"].startswith("withdrawn: it is never sent; the shop still shows")
    assert (len(bench.warehouse.looked_up), bench.warehouse.asked_to_cancel) == (looked_up, [])
    later(bench, 3, 3600)
    assert (bench.state("A"), bench.warehouse.submissions) == ("skipped", {"A": 1})


@pytest.mark.parametrize("word", ["lost after", "lost before"])
def test_an_order_in_doubt_is_looked_up_first(bench: Bench, word: str) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.warehouse.script.extend(["", "lost before"])
    bench.run()
    if word == "lost after":
        bench.warehouse.held["b"] = replace(bench.warehouse.held["a"], id="B", reference="B")
    _, work = command(bench, "B")
    if word == "lost after":
        assert bench.warehouse.asked_to_cancel == ["B"]
        later(bench, 2)
        assert bench.state("B") == "cancelled"
        return
    assert "it is cancelled once a look-up shows that VeraCore has it" in work.sentences["B"]
    later(bench, 3)
    # Absent: it is never sent again, although the doubt ended so.
    assert (bench.state("B"), bench.warehouse.submissions["B"]) == ("skipped", 1)
    assert (bench.warehouse.asked_to_cancel, bench.ledger.cancellations.wanted()) == ([], [])


def test_a_wish_follows_an_order_that_is_adopted_under_another_id(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.warehouse.script.extend(["", "lost before"])
    bench.run()
    command(bench, "B")
    other = replace(bench.warehouse.held["a"], id="OTHER", reference="B")
    bench.warehouse.held["other"] = other
    bench.clock.forward(seconds=GRACE + 1)
    Resolver(bench.context()).adopt("B", "OTHER")
    later(bench, 3)
    assert bench.warehouse.asked_to_cancel == ["OTHER"]
    assert bench.state("B") == "cancelled"


def test_what_cannot_be_cancelled_is_refused_with_the_reason(bench: Bench) -> None:
    sent(bench, "A", "B", "C", "D")
    bench.ledger.transitions.ship("A")
    bench.ledger.transitions.cancel("B", "B", "cancelled there")
    with bench.ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET state = 'conflict' WHERE code = 'C'")
    report, work = command(bench, "A", "B", "C")
    assert work.sentences == {
        "A": "it is too late to cancel it: it has shipped",
        "B": "it is cancelled at VeraCore already",
        "C": "it is in conflict: decide first: `veracore-sync stats --order C`",
    }
    assert [one[:1] for one in report.needs_person] == ["A", "C"]
    bench.warehouse.capabilities = TELLS_LITTLE
    report, work = command(bench, "D")
    assert "the rest API of VeraCore cannot cancel an order" in work.sentences["D"]
    assert (len(report.needs_person), bench.ledger.cancellations.get("D")) == (1, None)


def test_a_wish_outlives_an_outage(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.down = True
    with pytest.raises(UpstreamError):
        command(bench)
    assert wish(bench).state is CancelState.WANTED
    bench.warehouse.down = False
    later(bench, 3)
    assert bench.state("A") == "cancelled"


def test_what_veracore_cancelled_by_itself_is_not_said_to_be_open(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.cancel("A")
    _, work = command(bench)
    assert work.sentences["A"].startswith("a look-up shows it as cancelled; a second one, by")
    assert bench.warehouse.asked_to_cancel == ["A"]


def test_dry_run_only_plans(bench: Bench) -> None:
    sent(bench)
    [step] = plan(bench.ledger, ["A", "A"], can_cancel=True)
    assert (step.deed, step.reason) == ("ask", "VeraCore has it as A")


# ---- what VeraCore answers is not believed ------------------------------------------------------


@pytest.mark.parametrize("word", ["", "lost after", "no, but yes"])
def test_done_whatever_was_said(bench: Bench, word: str) -> None:
    sent(bench)
    bench.warehouse.cancels.append(word)
    command(bench)
    later(bench, 2)
    assert (bench.state("A"), bench.warehouse.asked_to_cancel) == ("cancelled", ["A"])


@pytest.mark.parametrize("word", ["lost before", "yes, but no", "too late"])
def test_not_done_whatever_was_said(bench: Bench, word: str) -> None:
    sent(bench)
    cancel_in_shop(bench)
    later(bench)
    bench.warehouse.cancels.extend([word] * 99)
    command(bench)
    news = later(bench, 60, 300)
    assert bench.warehouse.asked_to_cancel == ["A"] * MAX_ASKED
    assert (bench.state("A"), wish(bench).state) == ("synced", CancelState.REFUSED)
    assert news == [
        f"A: VeraCore was asked {MAX_ASKED} times to cancel it and does not (its last answer: "
        f"{word}): cancel it there by hand, or it ships"
    ]
    assert alerts(bench) == ["A order.cancelled_in_shop"]
    assert f"A: {alert(bench)}" == news[0]
    # A person asks again, and this time it works.
    bench.warehouse.cancels.clear()
    command(bench)
    later(bench, 2)
    assert (bench.state("A"), alerts(bench)) == ("cancelled", [])


def test_requests_are_made_at_growing_pauses(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.cancels.extend(["yes, but no"] * 99)
    command(bench)
    moments = [bench.clock.now()]
    for _ in range(120):
        later(bench, 1, 60)
        if len(bench.warehouse.asked_to_cancel) > len(moments):
            moments.append(bench.clock.now())
    pauses = [b - a for a, b in pairwise(moments)]
    assert len(moments) == MAX_ASKED
    assert pauses == sorted(pauses)
    assert pauses[-1] > 2 * pauses[0]


@pytest.mark.parametrize("word", ["not connected", "429"])
def test_a_request_that_never_left_is_not_counted(bench: Bench, word: str) -> None:
    sent(bench)
    bench.warehouse.cancels.extend([word] * 20)
    with pytest.raises(UpstreamError):
        command(bench)
    later(bench, 19)
    assert (wish(bench).state, wish(bench).asked) == (CancelState.WANTED, 0)
    later(bench, 3)
    assert bench.state("A") == "cancelled"


def test_a_sighting_that_does_not_last_proves_nothing(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.cancels.extend(["yes, but no"] * 99)
    command(bench)
    record = bench.warehouse.held["a"]
    for _ in range(6):
        bench.warehouse.held["a"] = replace(record, status="cancelled")
        later(bench, 1, 3600)
        bench.warehouse.held["a"] = record
        later(bench, 1, 3600)
        assert bench.state("A") == "synced"


def test_a_slip_that_is_still_open_may_ship(bench: Bench) -> None:
    sent(bench)
    cancel_in_shop(bench)
    later(bench)
    command(bench)
    record = bench.warehouse.held["a"]
    waiting = replace(record, status="cancelled", shipments=(Shipment("7", None, (PACKED,)),))
    bench.warehouse.held["a"] = waiting
    news = later(bench, 100, 1800)
    assert (bench.state("A"), wish(bench).state) == ("synced", CancelState.REFUSED)
    assert "pick slip 7 is still open there and may ship: ask VeraCore" in news[0]


def test_one_unusable_answer_among_others_ends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(bench)
    command(bench)
    record = bench.warehouse.held["a"]
    waiting = replace(record, status="cancelled", shipments=(Shipment("7", None, (PACKED,)),))
    bench.warehouse.held["a"] = waiting
    later(bench, MAX_ASKED + 2, 3700)
    odd = LookUpFailed(ProtocolError("a fault", upstream="veracore"))
    with monkeypatch.context() as patch:
        patch.setattr(bench.warehouse, "look_up", lambda _: odd)
        assert later(bench, 1, 3700) == []
    bench.warehouse.held["a"] = record
    later(bench, 2, 3700)
    assert bench.state("A") == "cancelled"


def test_goods_that_have_left_are_too_late(bench: Bench) -> None:
    sent(bench)
    gone = replace(PACKED, shipped_at=START)
    record = bench.warehouse.held["a"]
    part = replace(record, status="shipped", shipments=(Shipment("7", None, (gone,)),))
    bench.warehouse.held["a"] = part
    report, work = command(bench)
    assert wish(bench).state is CancelState.TOO_LATE
    assert "VeraCore has shipped a part of it (slip 7)" in work.sentences["A"]
    assert len(report.needs_person) == 1
    assert bench.warehouse.asked_to_cancel == []
    assert alerts(bench) == ["A order.not_cancelled"]
    bench.warehouse.held["a"] = replace(part, status="complete", is_complete=True)
    report, work = command(bench)
    assert "it is too late to cancel it: VeraCore has shipped it (slip 7)" in work.sentences["A"]


MAY_NOT = "this web service user may not use CancelOrder at VeraCore"


def test_a_missing_permission_is_told_of_each_order_and_asked_once(bench: Bench) -> None:
    codes = [f"A{number}" for number in range(6)]
    auto(bench)
    sent(bench, *codes)
    bench.warehouse.cancels.extend(["no permission"] * 99)
    for code in codes:
        cancel_in_shop(bench, code)
    refused, *others = later(bench)
    assert refused.startswith(f"A0: {MAY_NOT} (\"Missing permission 'CancelOrder'\"): ")
    # The others are asked for by nobody, so a person has to know of each: they ship.
    assert others == [f"{code}: {alert(bench, code)}" for code in codes[1:]]
    assert later(bench, 20, 300) == []
    assert bench.warehouse.asked_to_cancel == ["A0"]
    # Also of one that is cancelled meanwhile.
    sent(bench, "B")
    cancel_in_shop(bench, "B")
    others += later(bench)
    for code, told in zip((*codes[1:], "B"), others, strict=True):
        assert told == f"{code}: {alert(bench, code)}"
        assert f"run `veracore-sync cancel {code}`, or cancel it there by hand" in told
    # The permission is added, and a person asks: the others follow by themselves.
    bench.warehouse.cancels.clear()
    command(bench, "A0")
    later(bench, 40, 300)
    assert {bench.state(code) for code in (*codes, "B")} == {"cancelled"}
    assert alerts(bench) == []


def test_after_a_day_one_order_shows_whether_the_account_may_cancel(bench: Bench) -> None:
    auto(bench)
    sent(bench, "A", "B", "C", "D")
    bench.warehouse.cancels.extend(["no permission"] * 99)
    for code in "ABCD":
        cancel_in_shop(bench, code)
    assert len(later(bench, 3)) == 4
    [refused] = [*later(bench, 1, NET.total_seconds()), *later(bench, 9)]
    assert bench.warehouse.asked_to_cancel == ["A", "B"]
    assert refused.startswith(f"B: {MAY_NOT}")
    bench.warehouse.cancels.clear()
    assert later(bench, 30, NET.total_seconds() / 10) == []
    assert [bench.state(code) for code in "ABCD"] == ["synced", "synced", "cancelled", "cancelled"]


@pytest.mark.parametrize("mode", ["ask", "auto"])
@pytest.mark.parametrize(("by", "asked"), [("person", 0), ("person", 1), ("shop", 1)])
def test_what_a_killed_run_wanted_is_told_when_the_account_may_not(
    bench: Bench, mode: str, by: WantedBy, asked: int
) -> None:
    """The wish outlives its command, and another order's answer says that none is asked for."""
    auto(bench, mode)
    sent(bench, "A", "B")
    store = bench.ledger.cancellations
    store.want("A", "a", by)
    if asked:
        store.ask("A")  # Killed in the request, which VeraCore never saw.
    bench.warehouse.cancels.extend(["no permission"] * 9)
    command(bench, "B")
    [told] = later(bench, 9)
    assert told.startswith(f"A: {MAY_NOT}: ")
    assert "`veracore-sync cancel A`" in told
    assert (wish(bench).state, alert(bench)) == ("refused", told.removeprefix("A: "))
    assert bench.warehouse.asked_to_cancel == ["B"]
    bench.warehouse.cancels.clear()
    command(bench)
    later(bench, 9)
    assert (bench.state("A"), alerts(bench)) == (
        "cancelled",
        ["B order.not_cancelled", "A order.cancelled"],
    )


def test_a_person_who_names_several_hears_of_each_that_the_account_may_not(bench: Bench) -> None:
    auto(bench)
    sent(bench, "A", "B")
    for code in "AB":
        cancel_in_shop(bench, code)
    bench.warehouse.cancels.extend(["no permission"] * 9)
    report, work = command(bench, "A", "B")
    assert [MAY_NOT in work.sentences[code] for code in "AB"] == [True, True]
    assert len(report.needs_person) == 2
    assert bench.warehouse.asked_to_cancel == ["A"]


@pytest.mark.parametrize("mode", ["ask", "auto"])
@pytest.mark.parametrize("is_down", [False, True])
def test_what_a_person_accepted_and_wants_cancelled_after_all_stays_told(
    bench: Bench, mode: str, is_down: bool
) -> None:
    auto(bench, "ask")
    sent(bench, "A", "B")
    cancel_in_shop(bench)
    later(bench)
    Resolver(bench.context()).accept("A", "we cancel it there by hand")
    auto(bench, mode)
    later(bench)
    bench.warehouse.cancels.extend(["no permission"] * 9)
    if is_down:
        command(bench, "B")
        bench.warehouse.down = True
    with suppress(UpstreamError):
        command(bench, "A")
    bench.warehouse.down = False
    later(bench, 9, 3600)
    assert alerts(bench)[-1:] == ["A order.not_cancelled"]
    assert wish(bench).state is CancelState.REFUSED


@pytest.mark.parametrize("mode", ["ask", "auto"])
def test_a_person_who_asks_again_during_an_outage_is_not_told_that_the_account_may_not(
    bench: Bench, mode: str
) -> None:
    auto(bench, mode)
    sent(bench, "A", "B")
    cancel_in_shop(bench, "B")
    bench.warehouse.cancels.append("no permission")
    command(bench)
    later(bench)
    bench.warehouse.cancels.append("not connected")
    with pytest.raises(UpstreamError):
        command(bench)  # The permission was added meanwhile.
    [told] = later(bench, 6)
    assert "A: it is cancelled at VeraCore as asked" in told
    assert bench.state("B") == ("cancelled" if mode == "auto" else "synced")


def test_what_was_asked_shows_in_time_although_the_account_may_not_by_now(bench: Bench) -> None:
    auto(bench)
    sent(bench, "A", "B")
    cancel_in_shop(bench)
    bench.warehouse.cancels.extend(["shows later", "no permission"])
    later(bench)
    command(bench, "B")
    later(bench, 5)
    assert bench.state("A") == "cancelled"


# ---- orders.cancel ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "ask"])
def test_nothing_is_asked_by_itself(bench: Bench, mode: str) -> None:
    auto(bench, mode)
    sent(bench)
    cancel_in_shop(bench)
    [told] = later(bench, 9)
    assert ("`veracore-sync cancel A`" in told) is (mode == "ask")
    assert bench.warehouse.asked_to_cancel == []


def test_auto_asks_for_what_the_shop_cancelled(bench: Bench) -> None:
    auto(bench)
    sent(bench, "A", "B")
    cancel_in_shop(bench)
    assert later(bench, 3) == []
    assert (bench.state("A"), bench.state("B")) == ("cancelled", "synced")
    assert (alerts(bench), bench.warehouse.asked_to_cancel) == ([], ["A"])


def test_auto_asks_although_a_person_accepted_the_alert_during_an_outage(bench: Bench) -> None:
    auto(bench)
    sent(bench)
    cancel_in_shop(bench)
    bench.shop.add(make_order("B"))
    bench.warehouse.down = True
    bench.stopped()
    assert "VeraCore is asked to cancel it" in alert(bench)
    Resolver(bench.context()).accept("A", "VeraCore is asked")
    bench.warehouse.down = False
    later(bench, 3)
    assert (bench.state("A"), bench.warehouse.asked_to_cancel) == ("cancelled", ["A"])


@pytest.mark.parametrize("mode", ["off", "ask", "auto"])
def test_of_an_order_in_conflict_veracore_is_not_said_to_be_asked(bench: Bench, mode: str) -> None:
    auto(bench, mode)
    sent(bench, "A", "B")
    with bench.ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET state = 'conflict' WHERE code = 'A'")
    cancel_in_shop(bench)
    [told] = later(bench, 3)
    assert told.endswith("after it went to VeraCore: cancel it there too, or it will ship")
    assert (alert(bench), bench.warehouse.asked_to_cancel) == (told.removeprefix("A: "), [])


def test_an_account_that_may_not_create_still_cancels(bench: Bench) -> None:
    auto(bench)
    sent(bench)
    cancel_in_shop(bench)
    for _ in range(2):
        bench.clock.forward(seconds=GRACE)
        bench.shop.add(make_order("B"))
        bench.warehouse.script.append("no permission")
        _, error = bench.stopped()
        assert isinstance(error, AuthRefused)
        assert "VeraCore refuses AddOrder, whatever the order" in error.message
    assert (bench.state("A"), bench.state("B")) == ("cancelled", "pending")
    assert (alerts(bench), bench.warehouse.asked_to_cancel) == ([], ["A"])


def test_auto_asks_for_no_order_of_which_units_were_cut(bench: Bench) -> None:
    auto(bench)
    sent(bench)
    lines = tuple(replace(one, quantity=1) for one in bench.shop.by_code["A"].lines)
    bench.shop.change("A", lines=lines, updated_at=bench.clock.now() + timedelta(seconds=1))
    later(bench, 3)
    assert bench.warehouse.asked_to_cancel == []


def test_auto_of_an_api_that_cannot_cancel_asks_a_person(bench: Bench) -> None:
    auto(bench)
    bench.warehouse.capabilities = TELLS_LITTLE
    sent(bench)
    cancel_in_shop(bench)
    [told] = later(bench, 3)
    assert told.endswith("cancel it there too, or it will ship")


# ---- runs that die ------------------------------------------------------------------------------


def test_a_killed_run_is_continued_by_look_ups(bench: Bench) -> None:
    sent(bench)
    bench.ledger.cancellations.want("A", "A", "person")
    bench.ledger.cancellations.ask("A")
    later(bench)
    # It shows the order open, so VeraCore is asked again; counted as the second time.
    assert (wish(bench).asked, bench.warehouse.asked_to_cancel) == (2, ["A"])
    later(bench, 2)
    assert bench.state("A") == "cancelled"


def test_a_killed_run_whose_request_worked_asks_no_second_time(bench: Bench) -> None:
    sent(bench)
    bench.ledger.cancellations.want("A", "A", "person")
    bench.ledger.cancellations.ask("A")
    bench.warehouse.cancel("A")
    later(bench, 3)
    assert (bench.state("A"), bench.warehouse.asked_to_cancel) == ("cancelled", ["A"])


def test_silence_is_asked_again_at_growing_pauses(bench: Bench) -> None:
    sent(bench, "A", "B")
    command(bench)
    bench.warehouse.down = True
    for _ in range(10):
        bench.clock.forward(seconds=GRACE)
        bench.run()
    assert bench.state("A") == "synced"
    assert 2 <= wish(bench).looks <= 6
    bench.warehouse.down = False
    later(bench, 3, 3600)
    assert bench.state("A") == "cancelled"


def test_an_order_whose_record_alone_cannot_be_read_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(bench, "A", "B")
    real = bench.warehouse.look_up
    broken = LookUpFailed(ProtocolError("its status is no text", upstream="veracore"))
    monkeypatch.setattr(bench.warehouse, "look_up", lambda i: broken if i == "A" else real(i))
    with pytest.raises(ProtocolError):
        command(bench, "A", "B")
    bench.clock.forward(seconds=60)
    news = later(bench, 20, 600)
    assert [told for told in news if told.startswith("A: ")] == [f"A: {alert(bench)}"]
    assert "VeraCore gives no usable answer about it" in alert(bench)
    assert (bench.state("B"), wish(bench).state) == ("cancelled", CancelState.REFUSED)
    monkeypatch.undo()
    command(bench)
    later(bench, 2)
    assert bench.state("A") == "cancelled"


@pytest.mark.parametrize("end", ["too_late", "refused"])
def test_a_sighting_after_the_end_that_does_not_last_is_forgotten(bench: Bench, end: str) -> None:
    sent(bench)
    record = bench.warehouse.held["a"]
    bench.ledger.cancellations.want("A", "A", "person")
    if end == "too_late":
        gone = replace(PACKED, shipped_at=START)
        record = replace(record, shipments=(Shipment("7", None, (gone,)),))
        bench.ledger.cancellations.miss("A", "it has left")
    else:
        bench.ledger.cancellations.refuse("A", "VeraCore does not")
    bench.warehouse.held["a"] = record
    bench.ledger.cancellations.saw_cancelled("A", START)
    assert later(bench, 3) == []
    assert (wish(bench).state, wish(bench).seen_at) == (end, None)
    assert bench.run().notices == []


def test_an_order_that_was_sent_again_can_be_cancelled_again(bench: Bench) -> None:
    auto(bench)
    sent(bench)
    command(bench)
    later(bench, 2)
    assert bench.state("A") == "cancelled"
    Resolver(bench.context()).new_id("A")
    later(bench)
    assert bench.state("A") == "synced"
    cancel_in_shop(bench)
    later(bench, 3)
    assert (bench.state("A"), alerts(bench)) == ("cancelled", [])


def test_adopting_ends_no_wish_so_that_what_is_sent_again_is_not_taken_for_cancelled(
    bench: Bench,
) -> None:
    sent(bench)
    command(bench)
    with pytest.raises(UsageError):
        Resolver(bench.context()).adopt("A", None)
    assert bench.state("A") == "synced"
    later(bench, 2)
    assert bench.state("A") == "cancelled"
    Resolver(bench.context()).new_id("A")
    later(bench, 5, 3600)
    assert (bench.state("A"), bench.row("A").veracore_id != "A") == ("synced", True)


@pytest.mark.parametrize("end", ["miss", "refuse"])
def test_what_a_person_cancelled_there_after_all_is_recorded_by_adopting(
    bench: Bench, end: str
) -> None:
    sent(bench)
    bench.ledger.cancellations.want("A", "A", "person")
    getattr(bench.ledger.cancellations, end)("A", "cancel it at VeraCore by hand, or it ships")
    bench.warehouse.held["a"] = replace(bench.warehouse.held["a"], status="cancelled")
    # No run of `sync-orders` looks that up any more.
    Resolver(bench.context()).adopt("A", None)
    assert (bench.state("A"), alerts(bench)) == ("cancelled", ["A order.cancelled"])
    Resolver(bench.context()).new_id("A")
    later(bench, 5, 3600)
    assert (bench.state("A"), bench.row("A").veracore_id != "A") == ("synced", True)


def test_what_ships_before_veracore_was_asked_is_not_said_to_have_been_asked(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.down = True
    with pytest.raises(UpstreamError):
        command(bench)
    bench.warehouse.down = False
    bench.ledger.transitions.ship("A")
    assert later(bench, 2) == ["A: VeraCore shipped it although it was to be cancelled"]
    assert bench.warehouse.asked_to_cancel == []


def test_an_order_that_shipped_meanwhile_is_told_once(bench: Bench) -> None:
    sent(bench)
    bench.warehouse.cancels.extend(["yes, but no"] * 9)
    command(bench)
    bench.ledger.transitions.ship("A")
    news = later(bench, 5, 3600)
    assert news == ["A: VeraCore shipped it although it was to be cancelled"]
    assert (wish(bench).state, alerts(bench)) == ("too_late", ["A order.shipped_cancelled"])

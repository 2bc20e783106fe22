"""What protects orders is taken out, one at a time: the check that it stands for then fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bench import Bench
from fakes import make_order

from veracore_sync.domain.order_records import Intent, OrderRow
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.transitions import OrderTransitions


def an_answer_is_lost(bench: Bench) -> None:
    """VeraCore stored the order, and the answer was lost: it is created once."""
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("lost after")
    bench.run()
    bench.clock.forward(minutes=10)
    bench.run()
    assert bench.warehouse.submissions == {"A": 1}


def a_send_begins(bench: Bench) -> None:
    """When the request leaves, another process sees what was intended."""
    bench.shop.add(make_order("A"))
    seen: list[tuple[str | None, int]] = []

    def look(_: object) -> None:
        other = open_ledger(bench.path, read_only=True)
        row = other.orders.get("A")
        seen.append((row.state if row else None, len(other.orders.attempts("A"))))
        other.close()

    bench.warehouse.before_submit = look
    bench.run()
    assert seen == [("sending", 1)]


def sent_again_without_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(self: DoubtResolver, rows: list[OrderRow]) -> None:
        for row in rows:
            self.ledger.transitions.resend(row.code)

    monkeypatch.setattr(DoubtResolver, "settle", settle)


def intended_after_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    intend, accept = OrderTransitions.intend, OrderTransitions.accept
    put_off: dict[str, Intent] = {}

    def late_intend(self: OrderTransitions, code: str, intent: Intent) -> int:
        put_off[code] = intent
        return 1

    def late_accept(self: OrderTransitions, code: str, attempt: int, sequence: int | None) -> None:
        accept(self, code, intend(self, code, put_off[code]), sequence)

    monkeypatch.setattr(OrderTransitions, "intend", late_intend)
    monkeypatch.setattr(OrderTransitions, "accept", late_accept)


CASES: list[Any] = [
    pytest.param(an_answer_is_lost, sent_again_without_a_look_up, id="the look-up"),
    pytest.param(a_send_begins, intended_after_the_send, id="the intent's commit"),
]


@pytest.mark.parametrize(("scenario", "mutation"), CASES)
def test_with_its_protection_it_holds(
    bench: Bench, scenario: Callable[[Bench], None], mutation: object
) -> None:
    scenario(bench)


@pytest.mark.parametrize(("scenario", "mutation"), CASES)
def test_without_it_fails(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[Bench], None],
    mutation: Callable[[pytest.MonkeyPatch], None],
) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        scenario(bench)

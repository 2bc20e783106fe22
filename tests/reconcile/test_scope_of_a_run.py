"""Which orders are looked up and when, as tables of the pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import content_of, make_order

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import AgreedRow
from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.pick_slips import PackageFact, SlipRow, fresh_slip
from veracore_sync.domain.states import OrderState, PickSlipState
from veracore_sync.domain.warehouse import ShippedRow
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.reconcile.scope import (
    DIFFERED,
    OPEN,
    TRIED,
    Need,
    Queue,
    fingerprint,
    has_moved,
    is_settled,
    is_suspect,
)
from veracore_sync.jobs.reconcile.sides import LedgerSide, OrderSides

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THEN = to_text(NOW - timedelta(days=2))
KEY = b"key"
LEFT: PackageFact = ("UPS", "Ground", "1Z", THEN, False)


def row(state: OrderState = OrderState.SYNCED, **changes: object) -> OrderRow:
    made = replace(fresh_row("A", "id-A", THEN), state=state, veracore_id="A")
    return replace(made, **changes)  # type: ignore[arg-type]


def slip(**changes: object) -> SlipRow:
    made = replace(fresh_slip("A", "A", "S1", [LEFT], THEN), state=PickSlipState.DONE)
    return replace(made, fulfilment_id="F1", **changes)  # type: ignore[arg-type]


def shop(state: str = "Shipped", *fulfilments: Fulfilment) -> WholeOrder:
    order = make_order("A")
    lines = tuple(replace(one, fulfilled=one.quantity) for one in order.lines)
    if state != "Shipped":
        lines = order.lines
    return WholeOrder(content_of(replace(order, state=state, lines=lines)), fulfilments)


MADE = Fulfilment("F1", "Shipped", "1Z", {"1": 2, "2": 1})
LISTED = ShippedRow("A", "A", "S1", "UPS", "Ground", "1Z", NOW)
DONE = OrderSides(
    "A", NOW, LedgerSide(row(OrderState.SHIPPED), (), (slip(),)), shop("Shipped", MADE)
)
SENT = OrderSides("A", NOW, LedgerSide(row()), shop("PaymentSettled"))


# ---- the queue --------------------------------------------------------------------------------


def needs(*codes: str) -> list[Need]:
    """``S3@5``: a suspect, three calls, compared at hour 5; ``a``: never compared, one call."""
    found = []
    for code in codes:
        name, _, at = code.partition("@")
        digits = "".join(filter(str.isdigit, name)) or "1"
        found.append(Need(code, int(digits), code[0] == "S", at))
    return found


@pytest.mark.parametrize(
    ("most", "waiting", "chosen"),
    [
        (10, "b@2 a@1 c", "c a@1 b@2"),
        (2, "b@2 a@1 c", "c a@1"),
        # Suspects come first, and take no more than half while others wait.
        (4, "a b c S@1 T S@3 S@2", "S@1 S@2 T a"),
        (4, "a S@1 S@2 S@3 S@4", "S@1 S@2 S@3 a"),
        (2, "S@1 S@2 S@3", "S@1 S@2"),
        (1, "a S@1", "S@1"),
        # An order of several ids goes as a whole; one with more than all, alone.
        (4, "a3 b3 c1", "a3"),
        (2, "a3 b@1", "a3"),
        (3, "S3@1 a", "S3@1"),
    ],
)
def test_what_a_run_chooses(most: int, waiting: str, chosen: str) -> None:
    queue = Queue(most)
    for need in needs(*waiting.split()):
        queue.add(need)
    assert queue.chosen() == chosen.split()
    assert queue.count == len(waiting.split())


def test_a_queue_keeps_no_more_than_it_needs() -> None:
    queue = Queue(3)
    for number in range(5000):
        queue.add(Need(f"{number:04}", 1, is_suspect=False, compared_at=f"{5000 - number:04}"))
    assert queue.count == 5000
    assert len(queue._others) <= 200
    assert queue.chosen() == ["4999", "4998", "4997"]


# ---- settled, suspect, moved --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "mark", "days", "settled"),
    [
        (DONE, "same", 2, True),
        (DONE, "same", 29, True),
        (DONE, "same", 31, False),
        (DONE, "same", -1, False),
        (DONE, "other", 2, False),
        (DONE, DIFFERED, 2, False),
        (DONE, TRIED, 2, False),
        (DONE, None, 2, False),
        (SENT, "same", 2, False),
        (replace(SENT, ledger=None), "same", 2, False),
    ],
)
def test_what_needs_no_look_up(
    sides: OrderSides, mark: str | None, days: int, settled: bool
) -> None:
    now = fingerprint(sides, KEY)
    at = to_text(NOW - timedelta(days=days))
    stored = now if mark == "same" else mark
    agreed = AgreedRow("A", at, stored) if stored is not None else None
    assert is_settled(sides, agreed, now, NOW) is settled


def test_a_fingerprint_tells_what_is_compared_and_nothing_else() -> None:
    assert DONE.ledger is not None
    assert DONE.shop is not None
    same = fingerprint(DONE, KEY)
    assert fingerprint(SENT, KEY) == OPEN
    assert same != fingerprint(DONE, b"other key")
    looked_at = replace(DONE.ledger, row=replace(DONE.ledger.row, checked_at=THEN))
    # A list forgets what has left long ago.
    for unchanged in (replace(DONE, listed=(LISTED,)), replace(DONE, ledger=looked_at)):
        assert fingerprint(unchanged, KEY) == same
    for changed in (
        replace(DONE, listed=(replace(LISTED, slip="S2"),)),
        replace(DONE, shop=shop("Shipped", replace(MADE, tracking_code="1Y"))),
        replace(DONE, shop=shop("Cancelled", MADE)),
        replace(DONE, shop=None),
        replace(DONE, ledger=replace(DONE.ledger, slips=())),
    ):
        assert fingerprint(changed, KEY) != same


@pytest.mark.parametrize(
    ("sides", "stored", "suspect"),
    [
        (SENT, None, False),
        (SENT, TRIED, False),
        (SENT, DIFFERED, True),
        (DONE, None, False),
        (DONE, OPEN, False),
        (DONE, "other", True),
        (replace(SENT, listed=(LISTED,)), None, True),
        (replace(DONE, listed=(LISTED,)), None, False),
        (replace(SENT, shop=shop("Cancelled")), None, True),
        (replace(DONE, shop=shop("Shipped")), None, True),
        (replace(DONE, shop=shop("PaymentSettled", MADE)), None, True),
        (replace(SENT, shop=shop("Shipped", MADE)), None, True),
        (replace(SENT, ledger=None), None, False),
        (replace(SENT, ledger=None, listed=(LISTED,)), None, True),
        (replace(SENT, shop=None), None, False),
    ],
)
def test_what_speaks_against_agreement(
    sides: OrderSides, stored: str | None, suspect: bool
) -> None:
    agreed = AgreedRow("A", THEN, stored) if stored is not None else None
    assert is_suspect(sides, agreed, fingerprint(sides, KEY)) is suspect


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        (LedgerSide(row()), False),
        (LedgerSide(row(checked_at=to_text(NOW))), False),
        (LedgerSide(row(OrderState.SHIPPED)), True),
        (LedgerSide(row(attempt=2)), True),
        (LedgerSide(row(updated_at=to_text(NOW + timedelta(seconds=1)))), True),
        # A clock that was wrong stored it.
        (LedgerSide(row(updated_at=to_text(NOW + timedelta(days=1)))), False),
        (LedgerSide(row(), (), (slip(),)), True),
        (None, True),
    ],
)
def test_what_moved_while_it_was_read(after: LedgerSide | None, moved: bool) -> None:
    since, until = to_text(NOW), to_text(NOW + timedelta(minutes=1))
    assert has_moved(LedgerSide(row()), after, since, until) is moved
    assert has_moved(after, LedgerSide(row()), since, until) is (
        moved and (after is None or after.row.updated_at == THEN)
    )
    assert not has_moved(None, None, since, until)

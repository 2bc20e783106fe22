"""The lists of the page: orders of a state, a search, alerts, differences, runs, acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from veracore_sync.admin.acts import ACTS
from veracore_sync.admin.words import Piece, ending, exact, pieces, sentence
from veracore_sync.clock import from_text
from veracore_sync.domain.advice import about
from veracore_sync.domain.differences import DIFFERENCES, ORDER_TYPES, DifferenceRow
from veracore_sync.domain.errors import HINTS, Category
from veracore_sync.domain.ledger_records import Run
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.readable import STATE_LABELS, span
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs import stats
from veracore_sync.ports.ledger import Ledger

PAGE_ROWS = 50
_REPAIRS = {"sync-inventory": "inventory-sku", "cancel": "cancel"}
"""The act that does what the command does, where the page has one."""
_DONE = (OrderState.SYNCED, OrderState.SHIPPED, OrderState.SKIPPED)
TONES: Mapping[OrderState, str] = {
    OrderState.PENDING: "calm",
    OrderState.SENDING: "calm",
    OrderState.IN_DOUBT: "warn",
    OrderState.FAILED: "warn",
    OrderState.PARKED: "bad",
    OrderState.CONFLICT: "bad",
    OrderState.CANCELLED: "bad",
    OrderState.SYNCED: "good",
    OrderState.SHIPPED: "good",
    OrderState.SKIPPED: "calm",
}
"""How a state is coloured; its name is always beside it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Args:
        rows: What is on it.
        following: The parameter of the next page; empty: this is the last.
        is_first: Whether nothing comes before.
    """

    rows: Sequence[Mapping[str, Any]]
    following: str = ""
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """A count that leads to its list."""

    path: str
    label: str
    count: int
    tone: str


def tiles(counts: Mapping[str, int]) -> list[Tile]:
    """A tile for each state; what needs a person comes first."""
    order = {"bad": 0, "warn": 1, "calm": 2, "good": 3}
    found = [
        Tile(f"/orders/{state}", label, counts[state], TONES[state])
        for state, label in STATE_LABELS.items()
    ]
    return sorted(found, key=lambda one: order[one.tone])


def orders_in(ledger: Ledger, state: OrderState, before: str) -> Page:
    """A page of the orders of a state, the one that was changed last first.

    Args:
        ledger: The ledger.
        state: Which.
        before: Where the page before ended; empty: the first page. What makes no sense is the first
            page, too.
    """
    at, _, code = before.partition(" ")
    rows = ledger.orders.latest((state,), PAGE_ROWS + 1, (at, code) if at and code else None)
    last = rows[PAGE_ROWS - 1] if len(rows) > PAGE_ROWS else None
    return Page(
        [order_line(row) for row in rows[:PAGE_ROWS]],
        f"{last.updated_at} {last.code}" if last is not None else "",
        not before,
    )


def order_line(row: OrderRow) -> dict[str, Any]:
    """An order as a line of a list."""
    return {
        "code": row.code,
        "veracore_id": row.veracore_id or "",
        "state": row.state,
        "tone": TONES[row.state],
        "why": sentence(row.error_message or ""),
        "to_do": what_to_do(row),
        "changed_at": row.updated_at,
        "next_attempt_at": row.next_attempt_at,
    }


def what_to_do(row: OrderRow) -> list[Piece]:
    """What a person does about an order, as pieces; nothing where its class has no hint."""
    if row.error_class is None or row.state in _DONE:
        return []
    hint = HINTS.get(Category(row.error_class), "")
    return pieces(sentence(about(hint, ORDER=row.code)))


def slice_of(rows: Sequence[Mapping[str, Any]], number: str) -> Page:
    """The page with that number, from 1, of a list that is in memory."""
    at = int(number) if number.isdecimal() and 0 < len(number) < 7 else 1
    begin = (max(1, at) - 1) * PAGE_ROWS
    more = len(rows) > begin + PAGE_ROWS
    return Page(rows[begin : begin + PAGE_ROWS], str(max(1, at) + 1) if more else "", at <= 1)


def differences_after(ledger: Ledger, after: str, now: datetime) -> Page:
    """A page of what stands."""
    parts = tuple(unquote(part) for part in after.split(":"))
    key = (parts[0], parts[1], parts[2]) if len(parts) == 3 else None
    rows = ledger.differences.some(PAGE_ROWS + 1, key)
    last = rows[PAGE_ROWS - 1] if len(rows) > PAGE_ROWS else None
    following = ":".join(quote(part, safe="") for part in last.difference.key) if last else ""
    return Page([difference_line(row, now) for row in rows[:PAGE_ROWS]], following, key is None)


def difference_line(row: DifferenceRow, now: datetime) -> dict[str, Any]:
    """A difference as a line of a list."""
    one = row.difference
    since = one.since or from_text(row.first_seen_at)
    return {
        "type": one.type,
        "name": one.name,
        "detail": one.detail,
        "is_of_order": one.type in ORDER_TYPES,
        "meaning": sentence(DIFFERENCES[one.type].meaning),
        "ledger": one.ledger or "nothing",
        "shop": one.shop or "nothing",
        "warehouse": one.warehouse or "nothing",
        "lasts": span(max(timedelta(0), now - since)),
        "to_do": _advice(row),
        "repair_act": ACTS.get(_REPAIRS.get(one.repair.partition(" ")[0], "")),
        "is_accepted": row.is_accepted,
        "reason": row.reason or "",
    }


def _advice(row: DifferenceRow) -> list[Piece]:
    advice: str = stats.difference_document(row)["advice"]
    begin, colon, command = advice.partition("Repair: ")
    if begin or not colon:
        return pieces(sentence(advice))
    return [Piece("Type "), Piece(command, is_code=True), Piece(".")]


def runs(found: Sequence[Run]) -> list[dict[str, Any]]:
    """Runs, the newest first."""
    lines = []
    for run in found:
        end = ending(run.command, run.exit_code, run.result)
        lines.append(
            {
                "command": run.command,
                "begun_at": run.started_at,
                "exact": exact(run.started_at),
                "lasted": _lasted(run),
                "words": sentence(end.words),
                "is_good": end.is_good,
            }
        )
    return lines


def _lasted(run: Run) -> str:
    if run.ended_at is None:
        return ""
    return span(from_text(run.ended_at) - from_text(run.started_at))


def acts(ledger: Ledger, limit: int) -> list[dict[str, Any]]:
    """Who acted, the newest first."""
    return [stats.audit_document(one) for one in ledger.audit.latest(limit)]

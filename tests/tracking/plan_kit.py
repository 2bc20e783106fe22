"""Orders of which something has shipped, in a few words each, for the planner's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.config import SkuSettings
from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.pick_slips import SlipRow, fresh_slip
from veracore_sync.domain.states import PickSlipState
from veracore_sync.domain.warehouse import Package, Product, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.actions import (
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    Close,
    Correct,
    EndOrder,
    Escalate,
    Fulfil,
    Hold,
    ReportIssue,
    Undo,
)
from veracore_sync.jobs.tracking.carriers import Carriers
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.rules import Rules

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
N1, N2, WORDS = "1Z999AA10123451", "1Z999AA10123452", "LTL Freight"
P = PickSlipState
MUG, TWO, THREE = ({"MUG": units} for units in (1, 2, 3))


DOUBLE = (
    "fulfilment f2 (Shipped) has the same units of slip 1 and the same code as f1: "
    "cancel one of them in the shop"
)


def at(minutes: float) -> str:
    return to_text(NOW + minutes * MINUTE)


def lines_of(units: Mapping[str, int] | None) -> tuple[RecordLine, ...] | None:
    return None if units is None else tuple(RecordLine(sku, n) for sku, n in units.items())


def left(code: str = N1) -> Package:
    return Package("UPS", "UPS Ground", code, NOW - 60 * MINUTE, None)


VOID = replace(left(), voided_at=NOW)
PACKED = replace(left(), shipped_at=None)


def slip(
    number: str, units: Mapping[str, int] | None, *packages: Package, odd: str = ""
) -> Shipment:
    made = () if odd else packages or (left(),)
    return Shipment(number, lines_of(units), made, odd)


def row(number: str, state: PickSlipState = P.OPEN, **facts: Any) -> SlipRow:
    given: dict[str, Any] = {"state": state, "tracking_code": N1, **facts}
    return replace(fresh_slip("A", "A", number, (), to_text(NOW)), **given)


def done(number: str = "1", id: str = "f1", **facts: Any) -> SlipRow:
    return row(number, **{"state": P.DONE, "fulfilment_id": id, "lines": {"1": 1}, **facts})


def intended(number: str = "1", ago: float = 9, **facts: Any) -> SlipRow:
    given = {"state": P.INTENDED, "lines": {"1": 1}, "intended_at": at(-ago), **facts}
    return row(number, **given)


def made(id: str, units: Mapping[str, int], state: str = "Shipped", code: str = N1) -> Fulfilment:
    return Fulfilment(id, state, code, units)


def told(action: Action) -> str:
    """An action in a few words."""
    match action:
        case Fulfil():
            return f"fulfil {action.slip} {dict(action.lines)}"
        case AdoptFulfilment():
            return f"adopt {action.slip} {action.fulfilment.id}"
        case AlreadyFulfilled():
            return f"covered {action.slip}"
        case Hold():
            minutes = None if action.until is None else (action.until - NOW) // MINUTE
            return f"hold {action.slip} {minutes} {action.reason[:38]}"
        case Escalate():
            return f"{action.kind} {action.slip} {action.message[:34]}"
        case Correct():
            return f"correct {action.slip} {action.before} {action.after}"
        case Undo():
            return f"undo {action.slip} {action.fulfilment.id}"
        case ReportIssue():
            return f"{action.kind} {action.message[:38]}"
        case EndOrder():
            return "end"
        case Close():
            return f"close {action.is_shipped}"


def plan(
    *slips: Shipment,
    ordered: Sequence[tuple[str, int]] = (("MUG", 3),),
    held: Mapping[str, int] | str | None = "as ordered",
    made: Sequence[Fulfilment] = (),
    rows: Sequence[SlipRow] = (),
    state: str = "PartiallyShipped",
    complete: bool = False,
    cut: bool = False,
    accepted: Sequence[str] = (),
    **rules: Any,
) -> list[str]:
    lines = tuple(Line(str(n), f"v{sku}", sku, count) for n, (sku, count) in enumerate(ordered, 1))
    shown = dict(ordered) if held == "as ordered" else held
    assert not isinstance(shown, str)
    products = tuple(Product(sku, units, 0) for sku, units in (shown or {}).items())
    record = WarehouseRecord(
        "A", "A", lines_of(shown), "shipped", complete, cut, products, tuple(slips)
    )
    known = {one.slip: one for one in rows}
    for one in slips:
        known.setdefault(one.slip, fresh_slip("A", "A", one.slip, (), to_text(NOW)))
    paid = frozenset({"PaymentSettled", "PartiallyShipped", "PartiallyDelivered"})
    by = Rules(
        names=SkuMap(SkuSettings(exclude=("GIFT",), kits={"BOX": {"CUP": 1, "LID": 1}})),
        carriers=Carriers({}),
        settle=timedelta(0),
        grace=5 * MINUTE,
        **{"states": paid, **rules},
    )
    order = FulfilledOrder("1", "A", state, "Regular", lines, tuple(made))
    return [
        told(one) for one in OrderPlan(record, (), known, order, by, NOW, accepted=accepted).plan()
    ]

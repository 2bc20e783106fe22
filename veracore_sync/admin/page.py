"""The pages: waiting orders, runs, alerts, and the history of an order; without any script.

The HTML is in ``templates/``; this module prepares the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from veracore_sync.admin.access import Role
from veracore_sync.admin.chart import runs_a_day
from veracore_sync.clock import from_text
from veracore_sync.domain.differences import ORDER_TYPES, DifferenceRow
from veracore_sync.domain.errors import HINTS, Category, LedgerError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.texts import visible
from veracore_sync.jobs import stats
from veracore_sync.ports.ledger import Ledger

_MOST_ORDERS = 100
_MOST_ACTS = 20
_MOST_DIFFERENCES = 100
_DAYS_FROM = 48
_WAITING = ("failed", "parked", "in_doubt", "conflict", "cancelled", "pending", "sending")
_CAN_RETRY = ("failed", "parked", "in_doubt")
_COUNTS = ("Pending", "Failed", "Parked", "InDoubt", "Conflict")
_ACTIONS = {
    "orders": ("", ""),
    "inventory": ("force-inventory", "Sync all stock"),
    "tracking": ("force-tracking", "Sync all tracking"),
}

TEMPLATES = Environment(
    loader=PackageLoader("veracore_sync.admin"),
    # Names, codes and messages come from the shop's customers, so escaping must be the default.
    autoescape=True,
    # What nobody sees is shown as a mark: a code must not turn the rest of its line around.
    finalize=lambda value: visible(value) if type(value) is str else value,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page, and of which shop.

    Args:
        csrf_token: The session's.
        role: What the session may do at this shop.
        shop: The shop's name; empty for the only shop, and for the page of all.
        several: Whether the server has several shops.
    """

    csrf_token: str
    role: Role = "read"
    shop: str = ""
    several: bool = False

    @property
    def may_act(self) -> bool:
        """Whether forms that act are shown."""
        return self.role == "act"


@dataclass(frozen=True, slots=True)
class ShopLine:
    """A shop on the page of all shops.

    Args:
        name: Its name.
        ledger: Its ledger; ``None``: it has none that can be read.
        why: Why not.
    """

    name: str
    ledger: Ledger | None = None
    why: str = ""


def login_page(flash: Sequence[str]) -> str:
    """The login form; `flash` is shown once."""
    return _render("login.html", None, flash)


def overview_page(ledger: Ledger, visit: Visit, now: datetime, flash: Sequence[str]) -> str:
    """Everything at a glance."""
    document = stats.overall(ledger)
    totals = [
        (name.removeprefix("total"), count)
        for name, count in document["orders"].items()
        if name.startswith("total")
    ]
    return _render(
        "overview.html",
        visit,
        flash,
        totals=totals,
        alerts=document["alerts"],
        most_orders=_MOST_ORDERS,
        orders=[_order(row) for row in ledger.orders.in_states(_WAITING, limit=_MOST_ORDERS)],
        compared=_compared(document["reconcile"]),
        differences=[
            _difference(row, now) for row in ledger.differences.standing(_MOST_DIFFERENCES)
        ],
        most_differences=_MOST_DIFFERENCES,
        jobs=list(_jobs(document)),
        chart=runs_a_day(ledger, now),
        upstreams=list(_upstreams(document)),
        webhooks=document["webhooks"],
        events=document["events"],
        acts=[stats.audit_document(one) for one in ledger.audit.latest(_MOST_ACTS)],
    )


def order_page(ledger: Ledger, row: OrderRow, visit: Visit, flash: Sequence[str]) -> str:
    """An order and its history."""
    life = stats.order_life(ledger, row)
    return _render(
        "order_history.html",
        visit,
        flash,
        order=_order(row),
        timeline=life["timeline"],
        differences=life["differences"],
    )


def shops_page(shops: Sequence[ShopLine], visit: Visit, flash: Sequence[str]) -> str:
    """A line for each shop of several."""
    return _render("shops.html", visit, flash, shops=[_shop(one) for one in shops])


def missing_page(name: str, visit: Visit) -> str:
    """The page for an order that the ledger does not hold."""
    return _render("missing.html", visit, (), name=name)


def _render(template: str, visit: Visit | None, flash: Sequence[str], **values: Any) -> str:
    return TEMPLATES.get_template(template).render(session=visit, flash=flash, **values)


def _shop(line: ShopLine) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": line.name, "why": line.why, "counts": []}
    if line.ledger is None:
        return shown
    try:
        document = stats.overall(line.ledger)
    except LedgerError as error:
        return {**shown, "why": error.message}
    orders = document["orders"]
    shown["counts"] = [orders[f"total{name}"] for name in _COUNTS]
    differ = document["reconcile"]
    return {
        **shown,
        "alerts": len(document["alerts"]),
        "differ": differ["standing"] - differ["accepted"],
        "succeeded_at": orders["lastSuccessTime"],
    }


def _order(row: OrderRow) -> dict[str, Any]:
    return {
        "code": row.code,
        "veracore_id": row.veracore_id,
        "state": row.state,
        "warnings": row.warnings,
        "why": row.error_message,
        "what_to_do": _what_to_do(row),
        "next_attempt_at": row.next_attempt_at,
        "can_retry": row.state in _CAN_RETRY,
    }


def _compared(part: Mapping[str, Any]) -> dict[str, Any]:
    coverage = part["coverage"]
    return {
        "standing": part["standing"],
        "accepted": part["accepted"],
        "coverage": stats.coverage_sentence(coverage) if coverage else "",
        "ended_at": coverage["endedAt"] if coverage else None,
        "complete_at": coverage["completeAt"] if coverage else None,
    }


def _difference(row: DifferenceRow, now: datetime) -> dict[str, Any]:
    document = stats.difference_document(row)
    since = row.difference.since or from_text(row.first_seen_at)
    is_of_order = row.difference.type in ORDER_TYPES
    return {**document, "is_of_order": is_of_order, "age": _age(now - since)}


def _age(span: timedelta) -> str:
    hours = max(0, int(span.total_seconds()) // 3600)
    return f"{hours // 24} days" if hours >= _DAYS_FROM else f"{hours} hours"


def _what_to_do(row: OrderRow) -> str | None:
    if row.error_class is None or row.state in ("synced", "shipped", "skipped"):
        return None
    return HINTS.get(Category(row.error_class))


def _jobs(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, (action, label) in _ACTIONS.items():
        part = document[name]
        yield {
            "name": name,
            "ended_at": part["lastSyncTime"],
            "succeeded_at": part["lastSuccessTime"],
            "result": _result(part),
            "action": action,
            "label": label,
        }


def _result(part: Mapping[str, Any]) -> str:
    if part["isRunning"]:
        return "running now"
    if part["lastSyncTime"] != part["lastSuccessTime"]:
        return f"exit {part['lastExitCode']}: {part['lastError'] or ''}".rstrip(": ")
    return ", ".join(f"{name} {count}" for name, count in (part.get("lastResult") or {}).items())


def _upstreams(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, end in document["upstreams"].items():
        yield {
            "name": name,
            "state": end["state"],
            "refused_since": end["credentialsRefusedSince"],
            "next_probe": end["nextProbe"],
        }

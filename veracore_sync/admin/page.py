"""The pages, without any script: this module prepares the values of what is in ``templates/``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from veracore_sync.admin import lists
from veracore_sync.admin.acts import ACTS, LONGEST_REASON, PageAct, acts_of
from veracore_sync.admin.alerts import alerts_view
from veracore_sync.admin.overview_charts import DAYS, charts_of
from veracore_sync.admin.running import RunningAct
from veracore_sync.admin.visit import REFRESH_SECONDS, Visit
from veracore_sync.admin.words import (
    SLIP_LABELS,
    ago,
    events_in_words,
    exact,
    folded,
    job_in_words,
    outcome_in_words,
    pieces,
    sentence,
    state_in_words,
)
from veracore_sync.clock import Clock
from veracore_sync.config import Settings
from veracore_sync.domain.differences import ORDER_TYPES, DifferenceType
from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.kinds import ACCEPTABLE
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import OrderState, PickSlipState
from veracore_sync.domain.texts import visible
from veracore_sync.jobs import stats
from veracore_sync.jobs.reconcile.coverage import last
from veracore_sync.jobs.status import StatusLevel, status_of, stock_read_of
from veracore_sync.ports.ledger import Ledger

_MOST_ALERTS = 10
_MOST_ACTS = 5
_LISTED = 100
_JOBS = {
    "orders": ("sync-orders", "sync-orders"),
    "inventory": ("sync-inventory", "force-inventory"),
    "tracking": ("sync-tracking", "force-tracking"),
    "returns": ("sync-returns", ""),
    "reconcile": ("reconcile", ""),
}
"""The command of each job, and the act that starts it."""
_TONES = {
    StatusLevel.OK: "good",
    StatusLevel.BUSY: "good",
    StatusLevel.UNUSED: "calm",
    StatusLevel.ATTENTION: "warn",
    StatusLevel.TROUBLE: "bad",
}
_EVENT_TONES = {"alert": "bad", "doubt": "warn", "difference": "warn", "resolved": "good"}
_MARKS = {"good": "✓", "calm": "·", "warn": "!", "bad": "✕"}
_UPSTREAMS = {"vendure": "Vendure", "veracore": "VeraCore"}
_BREAKERS = {
    "closed": "requests go out",
    "half_open": "one request tries whether it answers again",
    "open": "it kept failing, so requests pause",
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
TEMPLATES.filters.update(ago=ago, exact=exact, state=state_in_words)


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
    """The login form, with what is wrong."""
    return _render("login.html", None, flash=flash)


def shops_page(shops: Sequence[ShopLine], visit: Visit) -> str:
    """A line for each shop of several."""
    return _render("shops.html", visit, shops=[_shop(one, visit.now) for one in shops])


def problem_page(visit: Visit | None, title: str, *sentences: str) -> str:
    """What was asked for is not there, or cannot be done."""
    return _render("problem.html", visit, title=title, sentences=sentences)


def overview_page(ledger: Ledger, settings: Settings, clock: Clock, visit: Visit) -> str:
    """Everything at a glance."""
    document = stats.stats_document(ledger, settings, clock)
    status = status_of(document, visit.now)
    # What needs a person stands apart from why.
    first, _, rest = status.sentence.partition(": " if status.orders or status.others else "\n")
    alerts = alerts_view(document["alerts"])
    found = lists.tiles(ledger.orders.counts())
    return _render(
        "overview.html",
        visit,
        tone=_TONES[status.level],
        mark=_MARKS[_TONES[status.level]],
        status=pieces(sentence(first)),
        why=pieces(sentence(rest)),
        now_act=ACTS["sync-orders"],
        alerts=alerts[:_MOST_ALERTS],
        more_alerts=max(0, len(alerts) - _MOST_ALERTS),
        troubles=[sentence(f"{one['kind']}: {one['message']}") for one in document["jobs"]],
        tiles=[one for one in found if one.count],
        zeros=[one for one in found if not one.count],
        compared=_compared(document["reconcile"]),
        jobs=list(_jobs(ledger, document)),
        stock_read=sentence(stock_read_of(document["inventory"], visit.now)),
        charts=charts_of(ledger, visit.now),
        days=DAYS,
        upstreams=list(_upstreams(document)),
        queues=[
            {"words": sentence(one.words), "is_good": one.is_good}
            for one in events_in_words(document["events"], document["webhooks"])
        ],
        acts=lists.acts(ledger, _MOST_ACTS),
    )


def order_page(ledger: Ledger, row: OrderRow, visit: Visit) -> str:
    """An order: what is known of it, what to do, its history."""
    life = stats.order_life(ledger, row)
    alerts = [stats.alert_document(one) for one in ledger.alerts.standing() if one.code == row.code]
    can_accept = any(one["kind"] in ACCEPTABLE for one in alerts) or any(
        not one["isAccepted"] for one in life["differences"]
    )
    order = lists.order_line(row)
    if any(sentence(one["message"]) == order["why"] for one in alerts):
        # The alert says it, with what to do.
        order.update(why="", to_do=[])
    names = {one.name for one in acts_of(row, can_accept=can_accept)}
    return _render(
        "order.html",
        visit,
        order=order,
        fields=_fields(row, life),
        warnings=[sentence(one) for one in row.warnings],
        dashboard=visit.place.order_link(row.vendure_id) if visit.place else "",
        vendure_id=row.vendure_id,
        alerts=[{**one, "acts": []} for one in alerts_view(alerts)],
        order_acts=[act for name, act in ACTS.items() if name in names],
        differences=[
            lists.difference_line(one, visit.now)
            for one in ledger.differences.of([row.code])
            if one.difference.type in ORDER_TYPES
        ],
        accept_act=ACTS["accept-difference"],
        shipments=[
            {**one, "words": SLIP_LABELS[PickSlipState(one["state"])]} for one in life["shipments"]
        ],
        timeline=[
            {
                "at": entry["at"],
                "tone": _EVENT_TONES.get(entry["event"], "calm"),
                "message": folded(sentence(entry["message"])),
            }
            for entry in life["timeline"]
        ],
    )


def states_page(ledger: Ledger, visit: Visit) -> str:
    """How many orders are in each state."""
    return _render("states.html", visit, tiles=lists.tiles(ledger.orders.counts()))


def orders_page(page: lists.Page, state: OrderState, visit: Visit) -> str:
    """The orders of a state."""
    return _render("orders.html", visit, page=page, of_state=state)


def search_page(orders: Sequence[OrderRow], wanted: str, most: int, visit: Visit) -> str:
    """The orders that a search found."""
    return _render(
        "search.html",
        visit,
        page=lists.Page([lists.order_line(row) for row in orders]),
        wanted=wanted,
        most=most,
    )


def alerts_page(ledger: Ledger, number: str, visit: Visit) -> str:
    """All that needs a person."""
    found = alerts_view(stats.alert_document(one) for one in ledger.alerts.standing())
    return _render("alerts.html", visit, page=lists.slice_of(found, number), count=len(found))


def differences_page(ledger: Ledger, after: str, visit: Visit) -> str:
    """What ledger, shop and VeraCore disagree about."""
    summary = {**ledger.differences.summary(), "coverage": stats.coverage_document(last(ledger))}
    return _render(
        "differences.html",
        visit,
        compared=_compared(summary),
        page=lists.differences_after(ledger, after, visit.now),
        accept_act=ACTS["accept-difference"],
    )


def runs_page(ledger: Ledger, visit: Visit) -> str:
    """The newest runs, and who acted."""
    return _render(
        "runs.html",
        visit,
        runs=lists.runs(ledger.runs.latest(_LISTED)),
        acts=lists.acts(ledger, _LISTED),
    )


@dataclass(frozen=True, slots=True)
class Form:
    """A form that begins an act.

    Args:
        act: The act.
        number: Begins it once.
        fields: What was given so far.
        fault: What it lacks.
    """

    act: PageAct
    number: str
    fields: Mapping[str, str]
    fault: str = ""


def confirm_page(ledger: Ledger, form: Form, visit: Visit) -> str:
    """What an act does, and the button that begins it."""
    act, name = form.act, form.fields.get("name", "")
    row = ledger.orders.find(name) if act.about.startswith("order") and name else None
    guards = [
        folded(sentence(one.message))
        for one in ledger.alerts.standing()
        if (row is not None and one.code == row.code)
        or (act.name == "allow-mass-change" and one.kind == "stock.guarded")
        or (row is None and one.code is None and one.kind == name)
    ]
    order = lists.order_line(row) if row is not None else None
    if order is not None and guards:
        # They say it.
        order["why"] = ""
    return _render(
        "confirm.html",
        visit,
        act=act,
        question=act.question.replace("NAME", name or act.about),
        form=form,
        typed=act.typed(form.fields),
        order=order,
        reported=guards[:_MOST_ALERTS],
        types=list(DifferenceType),
        longest=LONGEST_REASON,
    )


def running_page(ledger: Ledger, running: RunningAct, visit: Visit, refresh_seconds: int) -> str:
    """An act that runs, or how it ended."""
    act = ACTS[running.name]
    what = f"{act.label}: {running.target}" if running.target else act.label
    outcome = running.outcome
    row = ledger.orders.find(running.target) if act.about.startswith("order") else None
    return _render(
        "running.html",
        visit,
        what=what,
        seconds=int((visit.now - running.begun_at).total_seconds()),
        refresh_seconds=refresh_seconds,
        has_ended=outcome is not None,
        success=outcome is not None and outcome.success,
        said=[
            folded(sentence(one))
            for one in (outcome_in_words(act.command, outcome) if outcome else ())
        ],
        news=[folded(sentence(one)) for one in (outcome.result.get("news", ()) if outcome else ())],
        order=row.code if row is not None else "",
    )


def _render(template: str, visit: Visit | None, **values: Any) -> str:
    given = {"flash": (), **values}
    return TEMPLATES.get_template(template).render(
        session=visit, refresh_every=REFRESH_SECONDS, **given
    )


def _shop(line: ShopLine, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": line.name, "why": line.why}
    if line.ledger is None:
        return shown
    try:
        document = stats.overall(line.ledger)
    except LedgerError as error:
        return {**shown, "why": error.message}
    orders, differ = document["orders"], document["reconcile"]
    status = status_of(document, now)
    return {
        **shown,
        "base": Visit("", shop=line.name).base,
        "tone": _TONES[status.level],
        "mark": _MARKS[_TONES[status.level]],
        "status": pieces(sentence(status.sentence)),
        "alerts": len(document["alerts"]),
        "waiting": sum(orders[f"total{name}"] for name in ("Pending", "Failed", "InDoubt")),
        "held": orders["totalParked"] + orders["totalConflict"],
        "differ": differ["standing"] - differ["accepted"],
        "succeeded_at": orders["lastSuccessTime"],
    }


def _fields(row: OrderRow, life: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is known of an order: a name, a text or a time, and which of the two it is."""
    cancelling = life["cancellation"]
    found = [
        ("VeraCore id", row.veracore_id or "", "text"),
        ("Code in the shop", row.reference if row.is_set_aside else "", "text"),
        ("Placed", row.placed_at or "", "time"),
        ("First seen", row.created_at, "time"),
        ("Last attempt", row.last_sync_attempt or "", "time"),
        ("At VeraCore since", row.last_successful_sync or "", "time"),
        ("In doubt since", row.doubt_since or "", "time"),
        ("Next attempt", row.next_attempt_at or "", "time"),
        ("Attempts", str(row.attempt) if row.attempt else "", "text"),
        ("Cancelled in the shop", row.shop_cancelled_at or "", "time"),
        (
            "Cancellation",
            sentence(cancelling["message"] or cancelling["state"].replace("_", " "))
            if cancelling
            else "",
            "text",
        ),
    ]
    return [one for one in found if one[1]]


def _compared(part: Mapping[str, Any]) -> dict[str, Any]:
    coverage = part["coverage"]
    return {
        "standing": part["standing"],
        "accepted": part["accepted"],
        "coverage": stats.coverage_sentence(coverage) if coverage else "",
        "ended_at": coverage["endedAt"] if coverage else None,
        "complete_at": coverage["completeAt"] if coverage else None,
    }


def _jobs(ledger: Ledger, document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, (command, act) in _JOBS.items():
        part = document[name]
        run = ledger.runs.last_ended(command)
        end = job_in_words(part, command, run.result if run else {})
        yield {
            "name": name,
            "ended_at": part["lastSyncTime"],
            "succeeded_at": part["lastSuccessTime"],
            "words": sentence(end.words),
            "is_good": end.is_good,
            "act": ACTS.get(act),
        }


def _upstreams(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, label in _UPSTREAMS.items():
        end = document["upstreams"][name]
        refused = end["credentialsRefusedSince"]
        words = "it refuses the credentials" if refused else _BREAKERS[end["state"]]
        yield {
            "name": label,
            "words": sentence(words),
            "is_good": end["state"] == "closed" and not refused,
            "since": refused or end["openedAt"],
            "next_probe": end["nextProbe"],
        }

"""The page: what waits and why, what ran, what stands, and an order's life; no script at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from veracore_sync.admin.access import Session
from veracore_sync.admin.chart import DAYS, chart
from veracore_sync.admin.markup import Html, join, table, tag
from veracore_sync.errors import HINTS, Category
from veracore_sync.jobs import stats
from veracore_sync.ledger import OrderRow
from veracore_sync.ports.ledger import Ledger

_SHOWN = 100
_WAITING = ("failed", "parked", "in_doubt", "conflict", "cancelled", "pending", "sending")
_RETRIED = ("failed", "parked", "in_doubt")
_COLOURS = {
    "synced": "good",
    "shipped": "good",
    "closed": "good",
    "parked": "bad",
    "conflict": "bad",
    "cancelled": "bad",
    "open": "bad",
    "failed": "warn",
    "in_doubt": "warn",
    "half_open": "warn",
}


def login_page(told: Sequence[str]) -> str:
    """Where a person gives a token."""
    form = tag(
        "form",
        tag(
            "label",
            "Token ",
            tag(
                "input",
                type="password",
                name="token",
                autocomplete="current-password",
                required=True,
            ),
        ),
        " ",
        tag("button", "Log in", type="submit"),
        method="post",
        action="/login",
    )
    hint = "admin.read_token looks, admin.act_token acts, too"
    return _page(
        "Log in", join([_told(told), tag("p", form), tag("p", hint, class_="quiet")]), None
    )


def overview_page(ledger: Ledger, session: Session, now: datetime, told: Sequence[str]) -> str:
    """Everything at a glance."""
    document = stats.overall(ledger)
    rows = ledger.orders.in_states(_WAITING, limit=_SHOWN)
    parts = [
        _told(told),
        _counts(document["orders"]),
        _alerts(document["alerts"]),
        tag("h2", "Orders that wait"),
        _orders(rows, session),
        tag("h2", "Stock and tracking"),
        _freshness(document, session),
        tag("h2", f"Runs of the last {DAYS} days (UTC, as all times here)"),
        chart(ledger, now),
        tag("h2", "Both ends"),
        _ends(document),
    ]
    return _page("veracore-sync", join(parts), session)


def order_page(ledger: Ledger, row: OrderRow, session: Session, told: Sequence[str]) -> str:
    """An order's life."""
    document = stats.order_life(ledger, row)
    facts = [
        ("State", _state(row.state)),
        ("VeraCore id", row.veracore_id),
        ("Why", row.error_message),
        ("What to do", _todo(row)),
        ("Next attempt", _when(row.next_attempt_at)),
    ]
    life = tag(
        "ol",
        *(tag("li", _when(one["at"]), " ", one["message"]) for one in document["timeline"]),
        class_="timeline",
    )
    parts = [
        _told(told),
        table("What is known", ("", "value"), [fact for fact in facts if fact[1]]),
        tag(
            "p",
            _actions(row, session),
            " ",
            _act("tracking-order", row.code, "Look for shipments", session),
        ),
        tag("h2", "Its life"),
        life,
    ]
    return _page(f"Order {row.code}", join(parts), session)


def missing_page(name: str, session: Session) -> str:
    """The ledger holds no such order."""
    words = tag("p", f"The ledger holds no order {name}. Codes are case-sensitive.")
    return _page("No such order", words, session)


# ---- parts ------------------------------------------------------------------------------------


def _page(title: str, content: Html, session: Session | None) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title if title == "veracore-sync" else f"{title} · veracore-sync"),
        tag("link", rel="stylesheet", href="/style.css"),
    )
    navigation: Html | None = None
    if session is not None:
        navigation = tag(
            "nav",
            tag("a", "Overview", href="/"),
            " ",
            tag(
                "form",
                tag("label", "Order ", tag("input", name="name", size=18)),
                " ",
                tag("button", "Show", type="submit"),
                method="get",
                action="/order",
            ),
            " ",
            _form("/logout", {}, "Log out", session),
            aria_label="Main",
        )
    body = tag(
        "body",
        tag("a", "To the content", href="#content", class_="skip"),
        tag("header", tag("h1", title), navigation),
        tag("main", content, id="content"),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


def _told(told: Sequence[str]) -> Html:
    return join(tag("p", one, class_="told", role="status") for one in told)


def _counts(orders: Mapping[str, Any]) -> Html:
    cards = (
        tag("li", tag("strong", count), name.removeprefix("total"))
        for name, count in orders.items()
        if name.startswith("total")
    )
    return tag("ul", *cards, class_="cards", aria_label="Orders by state")


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> Html:
    if not alerts:
        return tag("p", "Nothing needs a person.", class_="good")
    rows = [
        (_when(one["openedAt"]), one["kind"], _link(one["vendureOrderCode"]), one["message"])
        for one in alerts
    ]
    return join(
        [tag("h2", "Needs a person"), table("Alerts", ("since", "kind", "order", "message"), rows)]
    )


def _orders(rows: Sequence[OrderRow], session: Session) -> Html:
    if not rows:
        return tag("p", "None.", class_="quiet")
    cells = [
        (
            _link(row.code),
            _state(row.state),
            row.error_message,
            _todo(row),
            _when(row.next_attempt_at),
            _actions(row, session),
        )
        for row in rows
    ]
    columns = ("order", "state", "why", "what to do", "next attempt", "action")
    return table(f"At most {_SHOWN}, longest unchecked first", columns, cells)


def _todo(row: OrderRow) -> str | None:
    if row.error_class is None or row.state in ("synced", "shipped", "skipped"):
        return None
    return HINTS.get(Category(row.error_class))


def _actions(row: OrderRow, session: Session) -> Html | None:
    if row.state not in _RETRIED:
        return None
    return _act("retry", row.code, "Retry", session)


def _look(row: OrderRow, session: Session) -> Html | None:
    return _act("tracking-order", row.code, "Look for shipments", session)


def _freshness(document: Mapping[str, Any], session: Session) -> Html:
    rows = []
    for job, act, label in (
        ("orders", None, ""),
        ("inventory", "force-inventory", "Sync all stock"),
        ("tracking", "force-tracking", "Sync all tracking"),
    ):
        part = document[job]
        state = "running now" if part["isRunning"] else _failure(part)
        result = ", ".join(f"{k} {v}" for k, v in (part.get("lastResult") or {}).items())
        rows.append(
            (
                job,
                _when(part["lastSyncTime"]) or "never",
                _when(part["lastSuccessTime"]) or "never",
                state or result,
                _act(act, "", label, session) if act else None,
            )
        )
    one_sku = ""
    if session.role == "act":
        one_sku = tag(
            "p",
            _form(
                "/act",
                {"action": "inventory-sku"},
                "Sync this SKU",
                session,
                tag("label", "SKU ", tag("input", name="name", required=True)),
            ),
        )
    return join(
        [table("Last runs", ("job", "last end", "last success", "result", "action"), rows), one_sku]
    )


def _failure(part: Mapping[str, Any]) -> str:
    """How the last run failed; empty where it did not."""
    if part["lastSyncTime"] == part["lastSuccessTime"]:
        return ""
    return f"exit {part['lastExitCode']}: {part['lastError'] or ''}".rstrip(": ")


def _ends(document: Mapping[str, Any]) -> Html:
    rows: list[tuple[object, ...]] = []
    for name, end in document["upstreams"].items():
        refused = end["credentialsRefusedSince"]
        told = f"credentials refused since {refused}" if refused else end["nextProbe"]
        rows.append((name, _state(end["state"]), told))
    hooks = document["webhooks"]
    events = document["events"]
    rows.append(("webhooks", f"{hooks['waiting']} hints wait", hooks["oldestWaiting"]))
    told = [f"failing: {one['hook']}" for one in events["failing"]]
    told += [f"refused: {one['id']} by {one['hook']}" for one in events["blocked"]]
    rows.append(("events", f"{events['waiting']} wait", "; ".join(told) or None))
    return table("Breakers and queues", ("what", "state", ""), rows)


def _when(at: str | None) -> Html | None:
    """A moment to the minute; exactly, where it is pointed at."""
    if at is None:
        return None
    return tag("time", f"{at[:10]} {at[11:16]}", datetime=at, title=at)


def _link(code: str | None) -> Html | None:
    return tag("a", code, href=f"/order?name={quote(code, safe='')}") if code else None


def _state(state: str) -> Html:
    return tag("span", state, class_=_COLOURS.get(state, "quiet"))


def _act(action: str, name: str, label: str, session: Session) -> Html | None:
    if session.role != "act":
        return None
    spoken = f"{label} {name}".strip()
    return _form("/act", {"action": action, "name": name}, label, session, spoken=spoken)


def _form(
    action: str,
    hidden: Mapping[str, str],
    label: str,
    session: Session,
    *inside: Html,
    spoken: str | None = None,
) -> Html:
    fields = {**hidden, "forge": session.forge}
    return tag(
        "form",
        *(tag("input", type="hidden", name=name, value=value) for name, value in fields.items()),
        *inside,
        " " if inside else "",
        tag("button", label, type="submit", aria_label=spoken if spoken != label else None),
        method="post",
        action=action,
    )

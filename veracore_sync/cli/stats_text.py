"""What `stats` shows to people: one sentence first, then tables; zeros are left out.

The documents of ``--json`` keep every field and their own form (`veracore_sync.jobs.stats`).
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from veracore_sync.cli.output import on_terminal, say, table
from veracore_sync.clock import from_text
from veracore_sync.domain.alert_words import SEVERITY_LABELS
from veracore_sync.domain.readable import STATE_LABELS, counted, exact, relative, span
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.jobs.stats import coverage_sentence
from veracore_sync.jobs.status import (
    READ_WORDS,
    AlertGroup,
    alert_groups,
    status_of,
    stock_read_of,
)

_COUNTED = (
    ("totalPending", OrderState.PENDING),
    ("totalSending", OrderState.SENDING),
    ("totalInDoubt", OrderState.IN_DOUBT),
    ("totalFailed", OrderState.FAILED),
    ("totalParked", OrderState.PARKED),
    ("totalConflict", OrderState.CONFLICT),
    ("totalSynced", OrderState.SYNCED),
    ("totalShipped", OrderState.SHIPPED),
    ("totalCancelled", OrderState.CANCELLED),
    ("totalSkipped", OrderState.SKIPPED),
)
"""The totals of the document in the order of an order's life."""
_WIDEST = 100
_MAX_CODES = 12
_MAX_GROUPS = 30
_INDENT = "    "


def _below(text: str) -> None:
    """Write a line below a heading; on a terminal each of its rows is indented."""
    if not on_terminal():
        say(f"{_INDENT}{text}")
        return
    width = min(_WIDEST, shutil.get_terminal_size().columns) - len(_INDENT)
    rows = textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
    say(*(f"{_INDENT}{row}" for row in rows))


def state_counts(orders: Mapping[str, Any]) -> dict[OrderState, int]:
    """How many orders are in each state; they add up, as `totalSynced` does not."""
    counts = {state: int(orders[name]) for name, state in _COUNTED}
    # The document counts what has shipped as synced, too.
    counts[OrderState.SYNCED] -= counts[OrderState.SHIPPED]
    return counts


def ago(text: str | None, now: datetime) -> str:
    """A stored time as seen from now: ``"3 min ago"``; ``"never"`` for none."""
    return relative(from_text(text), now) if text else "never"


def lasting(since: str, now: datetime) -> str:
    """How long something has lasted: ``"for 3 min"``."""
    return f"for {span(now - from_text(since))}"


def show_overall(document: Mapping[str, Any], now: datetime) -> None:
    """Write the document of `stats` as text."""
    say(status_of(document, now).sentence)
    if document["rebuilding"]:
        say("`veracore-sync ledger rebuild --apply` goes on with it")
    _show_orders(document["orders"])
    _show_jobs(document, now)
    _show_returns(document["returns"], now)
    _show_reconcile(document["reconcile"], now)
    _show_upstreams(document["upstreams"], now)
    _show_events(document["events"], now)
    _show_failures(document, now)
    for trouble in document.get("jobs", ()):
        say(f"{trouble['kind']}: {trouble['message']}")
    _show_alerts(document["alerts"], now)


def _show_orders(orders: Mapping[str, Any]) -> None:
    counts = {state: count for state, count in state_counts(orders).items() if count}
    if not counts:
        return
    say()
    rows: list[tuple[str, int]] = [(STATE_LABELS[state], count) for state, count in counts.items()]
    table(["orders", ""], [*rows, ("in all", sum(counts.values()))])


def _show_jobs(document: Mapping[str, Any], now: datetime) -> None:
    parts = {command: document[job] for job, command in COMMANDS.items()}
    ran = {name: one for name, one in parts.items() if one["lastSyncTime"] or one["isRunning"]}
    if not ran:
        return
    say()
    rows = [
        (name, ago(one["lastSuccessTime"], now), ago(one["lastSyncTime"], now), _how(one))
        for name, one in ran.items()
    ]
    table(["job", "last success", "last attempt", ""], rows)
    never = [name for name in parts if name not in ran]
    if never:
        say(f"never run here: {', '.join(never)}")
    if stock_read := stock_read_of(document["inventory"], now):
        say(f"stock: {stock_read}")


def _how(part: Mapping[str, Any]) -> str:
    """How the last attempt ended, if not well; and whether one is at work."""
    words = []
    if part["lastSyncTime"] != part["lastSuccessTime"]:
        error = f": {part['lastError']}" if part["lastError"] else ""
        words.append(f"failed with exit code {part['lastExitCode']}{error}")
    if part["isRunning"]:
        words.append("at work now")
    return "; ".join(words)


def _show_returns(part: Mapping[str, Any], now: datetime) -> None:
    """Write what came back, if that is followed at all."""
    if part["lastSyncTime"] is None:
        return
    notes = f", {counted(part['notesWaiting'], 'note')} to write" if part["notesWaiting"] else ""
    say(f"receipts of returned goods: {part['totalReceived']:,}{notes}")
    if part["unavailableSince"]:
        say(f"VeraCore has not listed returned goods {lasting(part['unavailableSince'], now)}")


def _show_reconcile(part: Mapping[str, Any], now: datetime) -> None:
    """Write what the last comparison of both sides showed, if there was one."""
    if part["lastSyncTime"] is None and not part["standing"]:
        return
    coverage = part["coverage"]
    if coverage is not None:
        complete = ago(coverage["completeAt"], now)
        say(f"reconcile: {coverage_sentence(coverage)}; last complete {complete}")
    if not part["standing"]:
        return
    accepted = f", {part['accepted']} of them accepted" if part["accepted"] else ""
    types = ", ".join(f"{name} {one['standing']}" for name, one in part["types"].items())
    say(f"differences: {part['standing']}{accepted}: {types}")


def _show_upstreams(upstreams: Mapping[str, Any], now: datetime) -> None:
    """Write the upstreams with an open breaker or refused credentials."""
    for name, one in upstreams.items():
        if one["state"] != "closed":
            state, again = one["state"].replace("_", " "), ago(one["nextProbe"], now)
            since = lasting(one["openedAt"], now)
            say(f"circuit breaker of {name}: {state} {since}, asked again {again}")
        if one["credentialsRefused"]:
            since = lasting(one["credentialsRefusedSince"], now)
            say(
                f"{name} has refused the credentials {since}: correct {name}.* in the "
                "configuration, then `veracore-sync doctor`"
            )


def _show_events(events: Mapping[str, Any], now: datetime) -> None:
    """Write the events that cannot be delivered."""
    for one in events["failing"]:
        since = lasting(one["since"], now)
        say(f"the hook {one['hook']} has not accepted events {since}: {one['error']}")
    if events["blocked"]:
        say()
        table(
            ["refused event", "hook", "type", "order", "first", "tries", "behind", "why"],
            [
                (
                    one["id"],
                    one["hook"],
                    one["type"],
                    one["vendureOrderCode"],
                    ago(one["since"], now),
                    one["tries"],
                    one["waitingBehind"],
                    one["error"],
                )
                for one in events["blocked"]
            ],
        )


def _show_failures(document: Mapping[str, Any], now: datetime) -> None:
    """Write the newest failures that need nobody; the others are among the alerts."""
    alerted = {one["vendureOrderCode"] for one in document["alerts"]}
    orders = document["orders"]["recentErrors"]
    left = [one for one in orders if one["vendureOrderCode"] not in alerted]
    if not left:
        return
    say()
    table(
        ["order", "state", "next try", "why"],
        [
            (
                one["vendureOrderCode"],
                STATE_LABELS[OrderState(one["syncStatus"])],
                next_try(one, now),
                one["errorMessage"],
            )
            for one in left
        ],
    )


def next_try(order: Mapping[str, Any], now: datetime) -> str:
    """When an order is tried or looked up again, at the earliest."""
    if order["syncStatus"] in (OrderState.CONFLICT, OrderState.CANCELLED):
        return ""
    at = order["nextAttempt"]
    return "next run" if at is None or from_text(at) <= now else ago(at, now)


def _show_alerts(alerts: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write the alerts, the gravest first; each with what to do."""
    groups = alert_groups(alerts)
    if not groups:
        return
    say()
    for group in groups[:_MAX_GROUPS]:
        say(_heading(group, now))
        _below(group.message)
        _below(f"to do: {group.next}")
    if len(groups) > _MAX_GROUPS:
        rest = counted(len(groups) - _MAX_GROUPS, "other alert")
        say(f"{rest}: `veracore-sync stats --failed` and `veracore-sync stats --json`")


def _heading(group: AlertGroup, now: datetime) -> str:
    since = lasting(group.since, now)
    severity = SEVERITY_LABELS[group.severity]
    if not group.codes:
        return f"{severity}: {group.label} ({group.kind}) {since}"
    shown = ", ".join(group.codes[:_MAX_CODES])
    more = f" and {len(group.codes) - _MAX_CODES:,} more" if len(group.codes) > _MAX_CODES else ""
    count = counted(group.count, "order")
    return f"{severity}: {count} {group.label} ({group.kind}) {since}: {shown}{more}"


def show_order(document: Mapping[str, Any], now: datetime) -> None:
    """Write one order and its history."""
    code, state = document["vendureOrderCode"], OrderState(document["syncStatus"])
    at_veracore = document["veracoreOrderId"]
    known_as = f", {at_veracore} at VeraCore" if at_veracore else ""
    label = STATE_LABELS[state]
    say(f"order {code} ({document['vendureOrderId']} in Vendure{known_as}): {label}")
    for line in _about(document, now):
        _below(line)
    say()
    table(
        ["when", "", "what"],
        [
            (_when(one["at"]), ago(one["at"], now) if one["at"] else "", one["message"])
            for one in document["timeline"]
        ],
    )


def _about(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    if document["errorMessage"]:
        yield document["errorMessage"]
    if document["codeBefore"]:
        yield f"its code was {document['codeBefore']} until the shop gave that to another order"
    for one in document["earlierOrders"]:
        at = f", {one['veracoreOrderId']} at VeraCore" if one["veracoreOrderId"] else ""
        label = STATE_LABELS[OrderState(one["syncStatus"])]
        reference = document["codeBefore"] or document["vendureOrderCode"]
        yield f"another order had the code {reference}: {one['vendureOrderCode']}{at}: {label}"
    if document["retryCount"]:
        yield f"failed attempts: {document['retryCount']}"
    if document["nextAttempt"]:
        due = exact(from_text(document["nextAttempt"]))
        yield f"next attempt or look-up: {next_try(document, now)}, from {due}"
    yield from (f"warning: {warning}" for warning in document["warnings"])
    for one in document["alerts"]:
        yield f"{one['kind']} {lasting(one['openedAt'], now)}: {one['message']}"
        yield f"to do: {one['toDo']}"
    for one in document["differences"]:
        yield f"differs {lasting(one['firstSeenAt'], now)}: {_difference(one)}"


def _when(text: str | None) -> str:
    return exact(from_text(text)) if text else ""


def _difference(one: Mapping[str, Any]) -> str:
    sides = f"ledger: {one['ledger']}; shop: {one['shop']}; VeraCore: {one['warehouse']}"
    about = f" ({one['detail']})" if one["detail"] else ""
    return f"{one['type']}{about}: {sides}. {to_do(one)}"


def to_do(one: Mapping[str, Any]) -> str:
    """What repairs a difference, or why it stays."""
    return f"accepted: {one['reason']}" if one["isAccepted"] else str(one["advice"])


def show_failed(documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write every order that has a failure or an alert, the gravest first."""
    if not documents:
        say("no order has a failure or an alert")
        return
    say(f"{counted(len(documents), 'order has', 'orders have')} a failure or an alert")
    for one in documents:
        say()
        say(f"{one['vendureOrderCode']}: {_state_of(one, now)}")
        if one["errorMessage"]:
            _below(one["errorMessage"])
        for alert in one["alerts"]:
            if alert["message"] != one["errorMessage"]:
                since = lasting(alert["openedAt"], now)
                _below(f"{alert['kind']} {since}: {alert['message']}")
            _below(f"to do: {alert['toDo']}")


def _state_of(document: Mapping[str, Any], now: datetime) -> str:
    if document["syncStatus"] is None:
        return "not in the ledger"
    label = STATE_LABELS[OrderState(document["syncStatus"])]
    tries = f", next try {next_try(document, now)}" if next_try(document, now) else ""
    is_tried = document["syncStatus"] in (OrderState.FAILED, OrderState.IN_DOUBT, OrderState.PARKED)
    return f"{label}{tries}" if is_tried else label


def show_runs(documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write the latest runs, the newest first."""
    if not documents:
        say("no run is recorded")
        return
    rows = []
    for one in documents:
        started, ended = from_text(one["startedAt"]), one["endedAt"]
        took = span(from_text(ended) - started) if ended else ""
        pid = one["pid"]
        rows.append(
            (exact(started), relative(started, now), one["command"], took, str(pid), _ended(one))
        )
    table(["started", "", "command", "took", "pid", "how it ended"], rows)


def _ended(run: Mapping[str, Any]) -> str:
    code, result = run["exitCode"], run["result"]
    if code is None:
        return "not ended: at work, or killed"
    if result.get("errorClass"):
        error = result.get("error") or result["errorClass"]
        return f"exit code {code}: {error}"
    if code not in (0, 3):
        return f"exit code {code}"
    done = ["done"]
    if result.get("mode"):
        done.append(READ_WORDS[result["mode"]])
    if code == 3:
        done.append("something new needs a person")
    return "; ".join(done)


def show_audit(documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write who acted through the Admin API or its page."""
    if not documents:
        say("nobody has acted through the Admin API or its page")
        return
    names = ("who", "way", "address", "action", "target", "outcome")
    table(
        ["when", "", "who", "by", "from", "action", "on", "outcome"],
        [
            (_when(one["at"]), ago(one["at"], now), *(one[name] or "-" for name in names))
            for one in documents
        ],
    )


def show_differences(documents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write what reconcile found to differ, each with what repairs it."""
    if not documents:
        say("nothing is known to differ")
        return
    for one in documents:
        about = f" ({one['detail']})" if one["detail"] else ""
        since = lasting(one["firstSeenAt"], now)
        say(f"{one['name']}: {one['type']}{about} {since}")
        sides = (("ledger", "ledger"), ("shop", "shop"), ("VeraCore", "warehouse"))
        for side, name in sides:
            if one[name]:
                _below(f"{side}: {one[name]}")
        _below(to_do(one))

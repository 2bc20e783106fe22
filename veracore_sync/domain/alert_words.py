"""Alerts in words of people: how grave each kind is, what it is called, and what to type.

docs/troubleshoot.md has the long form (`veracore_sync.domain.kinds`). These are the lines that fit
beside an alert, in `stats` and on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from veracore_sync.domain.advice import ACCEPT, PROGRAM, about
from veracore_sync.domain.kinds import AlertKind


class Severity(IntEnum):
    """How soon a person should look; the lowest is the most urgent."""

    URGENT = 0  # goods leave wrongly, or nothing works, until somebody acts
    ACT = 1  # something waits for a person
    LOOK = 2  # nothing is lost by looking tomorrow


SEVERITY_LABELS = {
    Severity.URGENT: "urgent",
    Severity.ACT: "needs you",
    Severity.LOOK: "to look at",
}


@dataclass(frozen=True, slots=True)
class AlertWords:
    """What is said of a kind of alert in few words.

    Args:
        severity: How soon a person should look.
        label: What such an order is, after a count ("2 parked"); or what it is about.
        next: What to do; commands in backquotes, with ``CODE`` for the order's code.
    """

    severity: Severity
    label: str
    next: str


_ACCEPT = f"or `{PROGRAM} {ACCEPT}`"
_HISTORY = "`veracore-sync stats --order CODE`"
_STUCK = "end the process that the message names"
_DOWN = "nothing is lost; `veracore-sync doctor` says what is wrong"

ALERT_WORDS: Mapping[AlertKind, AlertWords] = {
    AlertKind.ORDER_PARKED: AlertWords(
        Severity.ACT,
        "parked",
        "correct what the message names, then `veracore-sync retry CODE`",
    ),
    AlertKind.ORDER_CONFLICT: AlertWords(
        Severity.ACT,
        "in conflict",
        "compare both sides, then `veracore-sync resolve CODE --adopt`, `--new-id` or `--skip`",
    ),
    AlertKind.ORDER_CANCELLED: AlertWords(
        Severity.ACT,
        "cancelled at VeraCore",
        "cancel and refund it in the shop, or `veracore-sync resolve CODE --new-id`; "
        'if it left by hand, `veracore-sync resolve CODE --accept "reason"`',
    ),
    AlertKind.ORDER_CANCELLED_IN_SHOP: AlertWords(
        Severity.URGENT,
        "cancelled in the shop only",
        "`veracore-sync cancel CODE`, or cancel it at VeraCore by hand, or it ships",
    ),
    AlertKind.ORDER_NOT_CANCELLED: AlertWords(
        Severity.URGENT,
        "not cancelled at VeraCore",
        "cancel it at VeraCore by hand, or `veracore-sync cancel CODE` again",
    ),
    AlertKind.ORDER_DRIFT: AlertWords(
        Severity.URGENT,
        "changed in the shop after sending",
        f"make the same change at VeraCore, {_ACCEPT}",
    ),
    AlertKind.ORDER_REFUNDED: AlertWords(
        Severity.ACT,
        "refunded after sending",
        f"cancel it at VeraCore if it must not ship, {_ACCEPT}",
    ),
    AlertKind.ORDER_UNPAID: AlertWords(
        Severity.ACT,
        "no longer paid",
        f"cancel it at VeraCore if it must not ship, {_ACCEPT}",
    ),
    AlertKind.ORDER_PASSED_BY: AlertWords(
        Severity.ACT,
        "partly shipped before this program saw it",
        f"send the rest by hand and fulfil it in the shop, {_ACCEPT}",
    ),
    AlertKind.ORDER_OLD: AlertWords(
        Severity.ACT, "waiting for too long", f"{_HISTORY} says what it waits for"
    ),
    AlertKind.ORDER_UNREADABLE: AlertWords(
        Severity.ACT,
        "unreadable in the shop",
        "check it in the shop's admin; `veracore-sync sync-orders --order CODE` asks again",
    ),
    AlertKind.ORDER_MISSING: AlertWords(
        Severity.URGENT,
        "missing at VeraCore",
        f"have VeraCore restore it, or ship it by hand, {_ACCEPT}",
    ),
    AlertKind.ORDER_SHORT: AlertWords(
        Severity.ACT,
        "short at VeraCore",
        f"add the units at VeraCore, or refund them in the shop, {_ACCEPT}",
    ),
    AlertKind.ORDER_SHORT_SHIPPED: AlertWords(
        Severity.ACT,
        "shipped short",
        f"cancel and refund the units in the shop, or send them anew, {_ACCEPT}",
    ),
    AlertKind.ORDER_SHORTFALL: AlertWords(
        Severity.LOOK,
        "sold without stock",
        f"if VeraCore cannot fill it, cancel and refund it in the shop, {_ACCEPT}",
    ),
    AlertKind.ORDER_BEYOND: AlertWords(
        Severity.LOOK,
        "shipped with more than ordered",
        f"have the units sent back, {_ACCEPT}",
    ),
    AlertKind.ORDER_VOIDED: AlertWords(
        Severity.ACT,
        "with void labels",
        f"cancel the fulfilment in the shop if nothing left, {_ACCEPT}",
    ),
    AlertKind.ORDER_UNFULFILLED: AlertWords(
        Severity.ACT,
        "with a fulfilment cancelled in the shop",
        f"fulfil it again if the goods left, {_ACCEPT}",
    ),
    AlertKind.ORDER_UNFULFILLABLE: AlertWords(
        Severity.ACT,
        "refused a fulfilment by Vendure",
        "correct the cause, then `veracore-sync sync-tracking --order CODE --force`",
    ),
    AlertKind.ORDER_DOUBLED: AlertWords(
        Severity.ACT, "fulfilled twice", f"cancel one of the fulfilments in the shop, {_ACCEPT}"
    ),
    AlertKind.ORDER_PENDING_BY_HAND: AlertWords(
        Severity.URGENT,
        "fulfilled by hand and not shipped",
        f"set that fulfilment to Shipped or cancel it in the shop, {_ACCEPT}",
    ),
    AlertKind.ORDER_UNANSWERED: AlertWords(
        Severity.ACT,
        "without a usable answer",
        "check it on that side; `veracore-sync sync-tracking --order CODE` asks again",
    ),
    AlertKind.TRACKING_UNLISTED: AlertWords(
        Severity.ACT,
        "shipments not listed",
        "`veracore-sync doctor` says whether the login may read shipments",
    ),
    AlertKind.ORDER_SHIPPED_CANCELLED: AlertWords(
        Severity.URGENT, "shipped although cancelled", f"stop the parcel, {_ACCEPT}"
    ),
    AlertKind.ORDER_SHIPMENT_WAITING: AlertWords(
        Severity.ACT,
        "with a shipment that waits",
        f"end what the message names, {_ACCEPT}",
    ),
    AlertKind.ORDER_DIFFERS: AlertWords(
        Severity.ACT,
        "different on two sides",
        "`veracore-sync stats --differences` says what to do; "
        "`veracore-sync reconcile --order CODE` compares again",
    ),
    AlertKind.STOCK_GUARDED: AlertWords(
        Severity.ACT,
        "stock changes withheld",
        "check `veracore-sync sync-inventory --dry-run`, "
        "then `veracore-sync sync-inventory --allow-mass-change`",
    ),
    AlertKind.STOCK_UNKNOWN: AlertWords(
        Severity.ACT,
        "SKUs that VeraCore does not report",
        "correct the SKU on either side, or set `skus.aliases`, `skus.exclude` or `skus.kits`; "
        "then `veracore-sync sync-inventory --full`",
    ),
    AlertKind.STOCK_UNREADABLE: AlertWords(
        Severity.ACT,
        "stock that cannot be read",
        "correct the records that the message names; every run tries again",
    ),
    AlertKind.STOCK_REFUSED: AlertWords(
        Severity.URGENT,
        "stock that Vendure refuses",
        "correct the cause in the shop; every run tries again",
    ),
    AlertKind.STOCK_DRIFT: AlertWords(
        Severity.LOOK,
        "units allocated without an order",
        'nothing is urgent; `veracore-sync resolve stock.drift --accept "reason"` ends it',
    ),
    AlertKind.STOCK_DIFFERS: AlertWords(
        Severity.ACT,
        "stock that differs",
        "`veracore-sync sync-inventory --dry-run` shows all",
    ),
    AlertKind.VERACORE_FOREIGN: AlertWords(
        Severity.LOOK,
        "unknown orders at VeraCore",
        "find out who placed them; `veracore-sync stats --differences` lists them",
    ),
    AlertKind.ORDERS_STUCK: AlertWords(Severity.URGENT, "sync-orders is stuck", _STUCK),
    AlertKind.INVENTORY_STUCK: AlertWords(Severity.URGENT, "sync-inventory is stuck", _STUCK),
    AlertKind.TRACKING_STUCK: AlertWords(Severity.ACT, "sync-tracking is stuck", _STUCK),
    AlertKind.RETURNS_STUCK: AlertWords(Severity.ACT, "sync-returns is stuck", _STUCK),
    AlertKind.RECONCILE_STUCK: AlertWords(Severity.ACT, "reconcile is stuck", _STUCK),
    AlertKind.VENDURE_DOWN: AlertWords(Severity.URGENT, "Vendure is down", _DOWN),
    AlertKind.VERACORE_DOWN: AlertWords(Severity.URGENT, "VeraCore is down", _DOWN),
    AlertKind.HOOKS_FAILING: AlertWords(
        Severity.ACT,
        "a hook accepts no events",
        "repair it, then `veracore-sync deliver --force`; or remove it from `hooks`",
    ),
    AlertKind.EVENTS_BLOCKED: AlertWords(
        Severity.ACT,
        "a hook refuses events",
        "repair it, then `veracore-sync deliver --force`",
    ),
}


_UNKNOWN = "docs/troubleshoot.md lists every kind of alert"


def words_of(kind: str) -> AlertWords:
    """The words of a kind; also of one that only another version of this program knows."""
    known = ALERT_WORDS.get(AlertKind(kind)) if kind in _KINDS else None
    return known or AlertWords(Severity.ACT, kind, _UNKNOWN)


def rank(kind: str) -> tuple[int, int]:
    """The place of a kind among all, the gravest first."""
    return words_of(kind).severity, _KINDS.get(kind, len(_KINDS))


_KINDS = {str(kind): number for number, kind in enumerate(AlertKind)}


def next_step(kind: str, code: str | None) -> str:
    """What to do about an alert, with the order's code in the commands, as a shell takes it."""
    text = words_of(kind).next
    return about(text, CODE=code) if code else text

"""Every kind of alert and event; docs and schemas are checked against this list.

A new kind needs a member and a row here, and the place that opens or emits it. The tables in
docs/troubleshoot.md and docs/events.md are generated from the rows by ``tests/generated_docs.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AlertKind(StrEnum):
    """What may need a person; an alert is open until its reason has ended."""

    ORDER_PARKED = "order.parked"
    ORDER_CONFLICT = "order.conflict"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_CANCELLED_IN_SHOP = "order.cancelled_in_shop"
    ORDER_NOT_CANCELLED = "order.not_cancelled"
    ORDER_DRIFT = "order.drift"
    ORDER_REFUNDED = "order.refunded"
    ORDER_UNPAID = "order.unpaid"
    ORDER_PASSED_BY = "order.passed_by"
    ORDER_OLD = "order.old"
    ORDER_UNREADABLE = "order.unreadable"
    ORDER_MISSING = "order.missing"
    ORDER_SHORT = "order.short"
    ORDER_SHORT_SHIPPED = "order.short_shipped"
    ORDER_SHORTFALL = "order.shortfall"
    ORDER_BEYOND = "order.beyond"
    ORDER_VOIDED = "order.voided"
    ORDER_UNFULFILLED = "order.unfulfilled"
    ORDER_UNFULFILLABLE = "order.unfulfillable"
    ORDER_DOUBLED = "order.doubled"
    ORDER_PENDING_BY_HAND = "order.pending_by_hand"
    ORDER_UNANSWERED = "order.unanswered"
    TRACKING_UNLISTED = "tracking.unlisted"
    ORDER_SHIPPED_CANCELLED = "order.shipped_cancelled"
    ORDER_SHIPMENT_WAITING = "order.shipment_waiting"
    ORDER_DIFFERS = "order.differs"
    STOCK_GUARDED = "stock.guarded"
    STOCK_UNKNOWN = "stock.unknown"
    STOCK_UNREADABLE = "stock.unreadable"
    STOCK_REFUSED = "stock.refused"
    STOCK_DRIFT = "stock.drift"
    STOCK_DIFFERS = "stock.differs"
    VERACORE_FOREIGN = "veracore.foreign"
    ORDERS_STUCK = "orders.stuck"
    INVENTORY_STUCK = "inventory.stuck"
    TRACKING_STUCK = "tracking.stuck"
    RETURNS_STUCK = "returns.stuck"
    RECONCILE_STUCK = "reconcile.stuck"
    VENDURE_DOWN = "vendure.down"
    VERACORE_DOWN = "veracore.down"
    HOOKS_FAILING = "hooks.failing"
    EVENTS_BLOCKED = "events.blocked"

    @property
    def is_event(self) -> bool:
        """Whether it is also an event with its own name: alerts about orders and stock are."""
        return self.startswith(("order.", "stock."))


class EventKind(StrEnum):
    """What is delivered to hooks, besides the alerts that are events with their own names."""

    ORDER_SYNCED = "order.synced"
    ORDER_PARTIALLY_SHIPPED = "order.partially_shipped"
    ORDER_SHIPPED = "order.shipped"
    TRACKING_UPDATED = "tracking.updated"
    TRACKING_CORRECTED = "tracking.corrected"
    RETURN_RECEIVED = "return.received"
    ALERT_OPENED = "alert.opened"
    ALERT_RESOLVED = "alert.resolved"


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """What the docs say about a kind of alert; kinds with equal texts share a row there.

    Args:
        what_to_do: What it means, and what ends it (docs/troubleshoot.md).
        when: When it is sent as an event with its own name (docs/events.md); else empty.
    """

    what_to_do: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """What docs/events.md says about a kind of event.

    Args:
        when: What has happened.
        data: The fields besides ``vendureOrderCode``.
    """

    when: str
    data: str


ALERT_DATA = "`message`, `openedAt`"
"""The fields of an alert that is an event with its own name."""

_DO_STUCK = (
    "A process has held the job longer than any run may last (it was stopped, or its disk "
    "hangs), so no other run can work. The message names the process: end it. The alert ends "
    "with the next run that gets the job."
)
_DO_DOWN = (
    "Unreachable for several requests in a row. Bring it back, or correct its address. The alert "
    "ends by itself with the first run that reaches it; `breaker reset` lets the next one try at "
    "once."
)
_ACCEPT = '`resolve CODE --accept "reason"`'
_AFTER_A_WEEK = "It ends by itself after a week, unless `reconcile` still finds it."
_WHEN_ORDER_PARKED = "an order needs a person before it can leave"
_WHEN_ORDER_DRIFT = (
    "the shop changed, cancelled or refunded an order that VeraCore holds, or it is no longer "
    "paid there, or one that has shipped was changed; each change again, after an "
    "`alert.resolved` of the one before"
)
_WHEN_ORDER_PASSED_BY = "an order was not sent, or has waited for too long"
_WHEN_ORDER_MISSING = (
    "VeraCore no longer finds an order that it accepted, or one of the sides gives no usable "
    "answer about it"
)
_WHEN_ORDER_SHORT = "VeraCore will ship less than was ordered, or shipped more"
_WHEN_ORDER_SHORTFALL = "Vendure allocated fewer units to an order than it sold"
_WHEN_ORDER_VOIDED = "a fulfilment and the goods no longer agree"
_WHEN_ORDER_SHIPPED_CANCELLED = "a shipment cannot be recorded in the shop"
_WHEN_STOCK_GUARDED = (
    "a guard withheld changes, SKUs cannot be matched, records cannot be read, Vendure "
    "rejected a level, or Vendure has allocated other units than its orders ask for "
    "(`vendureOrderCode` is `null`)"
)

ALERTS: Mapping[AlertKind, AlertEntry] = {
    AlertKind.ORDER_PARKED: AlertEntry(
        "Correct what the message names, in the shop, the configuration or at VeraCore; "
        "then `retry CODE`. Or never send it: `resolve CODE --skip`.",
        _WHEN_ORDER_PARKED,
    ),
    AlertKind.ORDER_CONFLICT: AlertEntry(
        "Compare both sides, then decide: `resolve CODE --adopt`, `resolve CODE --new-id` or "
        "`resolve CODE --skip`.",
        _WHEN_ORDER_PARKED,
    ),
    AlertKind.ORDER_CANCELLED: AlertEntry(
        "VeraCore cancelled the order. Cancel and refund it in the shop (this ends the "
        "alert), or send it again with `resolve CODE --new-id`. "
        f"Or {_ACCEPT}.",
        _WHEN_ORDER_PARKED,
    ),
    AlertKind.ORDER_CANCELLED_IN_SHOP: AlertEntry(
        "Run `cancel CODE`, or cancel it at VeraCore by hand, or it ships. With "
        '`orders.cancel = "auto"` the next runs ask VeraCore by themselves. The alert ends with '
        f"the look-ups that find nothing of it open there, or with {_ACCEPT}.",
        _WHEN_ORDER_DRIFT,
    ),
    AlertKind.ORDER_NOT_CANCELLED: AlertEntry(
        "`cancel` was asked for and VeraCore did not cancel the order; the message says why. "
        "Cancel it at VeraCore by hand, or run `cancel CODE` again. The alert ends when "
        f"VeraCore shows it as cancelled, when it has shipped, or with {_ACCEPT}.",
        "VeraCore does not cancel an order as asked, or has shipped it already",
    ),
    AlertKind.ORDER_DRIFT: AlertEntry(
        "Make the same change at VeraCore (for units that were fulfilled by hand: take them out "
        "of the order there). Units that the message says VeraCore does not "
        "hold (the order has shipped, or was cancelled or skipped) must be sent by hand. "
        "Each further change is reported again. The alert ends when the shop's order is as it "
        "was sent again, when VeraCore's record has the same units and only units had changed, "
        f"when the order has shipped, or with {_ACCEPT}.",
        _WHEN_ORDER_DRIFT,
    ),
    AlertKind.ORDER_REFUNDED: AlertEntry(
        "Money was given back after the order went to VeraCore, and its units are as they were: "
        "the parcel still ships. If it must not, cancel it at VeraCore; else "
        f"{_ACCEPT}. Ends with the shipment, too.",
        _WHEN_ORDER_DRIFT,
    ),
    AlertKind.ORDER_UNPAID: AlertEntry(
        "The order is no longer paid in the shop (its state went back, or a payment was "
        "cancelled); the parcel still ships. `Modifying` counts once it has lasted for an hour. "
        "The alert ends when it is paid again, with the shipment, or with "
        f"{_ACCEPT}.",
        _WHEN_ORDER_DRIFT,
    ),
    AlertKind.ORDER_PASSED_BY: AlertEntry(
        "The order was partly shipped before this program saw it; the rest is not sent. "
        "Send it by hand and fulfil it in the shop, or cancel it there: the alert ends when the "
        f"shop shows the order as shipped or cancelled. Or {_ACCEPT}.",
        _WHEN_ORDER_PASSED_BY,
    ),
    AlertKind.ORDER_OLD: AlertEntry(
        "The order has waited longer than an hour (one that failed in a way that may pass, that "
        "VeraCore refused, or that the shop keeps in `Modifying`: a day). "
        "`stats --order CODE` says what it waits for: "
        "end that. The alert ends when the order is sent, or with `resolve CODE --skip`.",
        _WHEN_ORDER_PASSED_BY,
    ),
    AlertKind.ORDER_UNREADABLE: AlertEntry(
        "For an hour the shop has given no usable answer about this order, or cannot "
        "list it, while it answers for others. The order is not sent, or its changes are "
        "not seen. Check it in the shop's admin and in the server's log; it is asked for "
        "again automatically, with growing pauses; `sync-orders --order CODE` asks at once. "
        "The alert ends with a usable answer (also that the shop does not have it), or with "
        f"{_ACCEPT}.",
        "the shop gives no usable answer about an order, or cannot list it "
        "(`vendureOrderCode` is `null` where not even its code is known)",
    ),
    AlertKind.ORDER_MISSING: AlertEntry(
        "VeraCore no longer finds an order that it accepted. Have VeraCore restore it: the next "
        "look-up ends the alert. Or ship it by hand: the alert ends when the shop shows the order "
        f"as shipped. Or {_ACCEPT}. This program does not send it again (`resolve --new-id` "
        "refuses): if VeraCore finds it after all, two parcels would leave.",
        _WHEN_ORDER_MISSING,
    ),
    AlertKind.ORDER_SHORT: AlertEntry(
        "VeraCore ships less than the shop asks for: an adopted order with other "
        "content, units cancelled there, or units added in the shop later. Add them at "
        "VeraCore, or cancel or refund them in the shop; the next look-up and stock run "
        "close the alert. Meanwhile these units are not for sale. "
        f"Or {_ACCEPT}.",
        _WHEN_ORDER_SHORT,
    ),
    AlertKind.ORDER_SHORT_SHIPPED: AlertEntry(
        "VeraCore completed the order with fewer units than ordered, without cancelling any "
        '("Product Not Found" at picking). It ships no more of it: these units stay unfulfilled '
        "in the shop. Cancel and refund them there; or send them by a new order and fulfil them "
        "there by hand. The alert ends with the next look-up after either, or when a later slip "
        f"ships them. Or {_ACCEPT}. Meanwhile these units are not for sale.",
        _WHEN_ORDER_SHORT,
    ),
    AlertKind.ORDER_SHORTFALL: AlertEntry(
        "Vendure sold these units and had not enough to allocate: two customers bought the "
        "last one at once, or the level sank while they paid. The order is sent and counted "
        "like any other. "
        "If VeraCore cannot fill it, cancel and refund it in the shop. The alert ends with the "
        "stock run after that, or after its units were fulfilled or allocated; "
        f"or with {_ACCEPT}.",
        _WHEN_ORDER_SHORTFALL,
    ),
    AlertKind.ORDER_BEYOND: AlertEntry(
        "VeraCore shipped more than the order contains. Have the units sent back, or give them "
        f"away; then {_ACCEPT}. {_AFTER_A_WEEK}",
        _WHEN_ORDER_SHORT,
    ),
    AlertKind.ORDER_VOIDED: AlertEntry(
        "All labels of a fulfilled slip are void. If nothing left, cancel the fulfilment in the "
        "shop: this ends the alert. Cancel and refund the units there too if they will not ship: "
        "else they stay allocated, which `stock.drift` reports. If the goods left by other means, "
        f"{_ACCEPT}. {_AFTER_A_WEEK}",
        _WHEN_ORDER_VOIDED,
    ),
    AlertKind.ORDER_UNFULFILLED: AlertEntry(
        "Someone cancelled the fulfilment in the shop, found with the next slip of the order "
        "(without one, `stock.drift` reports the units). If the goods left, create another by "
        f"hand: this ends the alert. If they did not, cancel the order, or {_ACCEPT}. "
        f"{_AFTER_A_WEEK}",
        _WHEN_ORDER_VOIDED,
    ),
    AlertKind.ORDER_UNFULFILLABLE: AlertEntry(
        "Vendure refuses the fulfilment; the message repeats the listed words of its answer. "
        "Correct the cause, then run `sync-tracking --order CODE --force`; or create the "
        f"fulfilment by hand. Or {_ACCEPT}.",
        _WHEN_ORDER_VOIDED,
    ),
    AlertKind.ORDER_DOUBLED: AlertEntry(
        "The shop has two fulfilments of the same units under the same code: cancel one "
        f"of them there; the next run ends the alert. Or {_ACCEPT}.",
        _WHEN_ORDER_VOIDED,
    ),
    AlertKind.ORDER_PENDING_BY_HAND: AlertEntry(
        "VeraCore shipped units that a person has put into a fulfilment that is not Shipped (for "
        "collection, say), so they may leave twice. If it is this shipment, set it to Shipped; if "
        "it is not, cancel it in the shop: the slip is then fulfilled. The next run ends the "
        f"alert. Or {_ACCEPT}: the fulfilment stays as it is, and the slip gets none.",
        _WHEN_ORDER_VOIDED,
    ),
    AlertKind.ORDER_UNANSWERED: AlertEntry(
        "For an hour VeraCore or the shop has given no usable answer about this order, "
        "or about one of its slips, so its shipments do not reach the shop; the message "
        "repeats the listed words of the answer, or names the slip and what of it cannot be "
        "read. Check the order on that side. It is asked about again at least every hour; "
        "`sync-tracking --order CODE` asks at once. "
        f"The alert ends with a usable answer, or with {_ACCEPT}.",
        _WHEN_ORDER_MISSING,
    ),
    AlertKind.TRACKING_UNLISTED: AlertEntry(
        "For an hour VeraCore's list of shipments could not be read. Orders are still "
        "looked up, `tracking.lookups_per_run` in a run. Check with `doctor` that the login may "
        "read shipments, or ask VeraCore; the alert ends with the first run that reads the list.",
    ),
    AlertKind.ORDER_SHIPPED_CANCELLED: AlertEntry(
        "VeraCore shipped an order that the shop or a person cancelled, or that it showed as "
        "cancelled: stop the parcel (the alert ends when VeraCore has voided its "
        f"labels), or charge for it and {_ACCEPT}. {_AFTER_A_WEEK}",
        _WHEN_ORDER_SHIPPED_CANCELLED,
    ),
    AlertKind.ORDER_SHIPMENT_WAITING: AlertEntry(
        "A slip has been open for a day; the message says what it waits for: end that, in the "
        "shop or at VeraCore. The alert ends when the slip has reached the shop, or with "
        f"{_ACCEPT}.",
        _WHEN_ORDER_SHIPPED_CANCELLED,
    ),
    AlertKind.ORDER_DIFFERS: AlertEntry(
        "`reconcile` found that ledger, shop and VeraCore disagree about this order; no other "
        "alert of the order says so. The message names the type ([each explained](reconcile.md)), "
        "what each side has, and what repairs it. There is an alert for each type. It ends when "
        "`reconcile` compares the order and finds that gone (`reconcile --order CODE` does at "
        "once), when the order is sent or will never be, or with "
        f'`reconcile --accept "reason" --type TYPE --order CODE`; {_ACCEPT} accepts all types. '
        "Other evidence after that is reported again.",
        "`reconcile` found that ledger, shop and VeraCore disagree about an order",
    ),
    AlertKind.STOCK_GUARDED: AlertEntry(
        "A guard withheld changes: check with `sync-inventory --dry-run`, then run it "
        "with `--allow-mass-change`.",
        _WHEN_STOCK_GUARDED,
    ),
    AlertKind.STOCK_UNKNOWN: AlertEntry(
        "SKUs that VeraCore does not report, or that several variants share: never raised. "
        "Correct the SKU on either side, or name it in `skus.aliases`, `skus.exclude` or "
        "`skus.kits`; the next full `sync-inventory` ends the alert.",
        _WHEN_STOCK_GUARDED,
    ),
    AlertKind.STOCK_UNREADABLE: AlertEntry(
        "For more than an hour these records (a row of VeraCore's stock, a variant or an "
        "open order of the shop) could not be read; the message says what is wrong with "
        "each. Levels that depend on them only go down; all others stay correct. Correct "
        "the records at VeraCore or in the shop; every run tries again.",
        _WHEN_STOCK_GUARDED,
    ),
    AlertKind.STOCK_REFUSED: AlertEntry(
        "Vendure rejected the levels of these SKUs, so too much of them may be for sale; "
        "the message repeats the listed words of its answer (a plugin, a database trigger). "
        "Correct the cause there; every run tries again.",
        _WHEN_STOCK_GUARDED,
    ),
    AlertKind.STOCK_DRIFT: AlertEntry(
        "Vendure has allocated other units than its open orders ask for. The units for "
        "sale already account for it, and nothing is urgent. The alert ends when the units agree, "
        'or with `resolve stock.drift --accept "reason"`, until they differ in another way.',
        _WHEN_STOCK_GUARDED,
    ),
    AlertKind.STOCK_DIFFERS: AlertEntry(
        "`reconcile` found SKUs of which the shop offers other units than VeraCore's stock "
        "allows, and the stock sync did not report why. `sync-inventory --sku SKU` writes one; "
        "`sync-inventory --dry-run` shows all. The alert is opened again when another SKU "
        "differs. It ends when `reconcile` finds that none does, or all that do were accepted "
        'with `reconcile --accept "reason" --type stock_differs --name SKU`.',
        "`reconcile` found SKUs of which the shop offers other units than VeraCore's stock allows "
        "(`vendureOrderCode` is `null`)",
    ),
    AlertKind.VERACORE_FOREIGN: AlertEntry(
        "`reconcile` found orders in VeraCore's list of shipments that neither the ledger nor "
        "the shop knows. Find out at VeraCore who placed them. Accept those of other systems: "
        '`reconcile --accept "reason" --type foreign_at_warehouse --name ID`. '
        "The alert is opened again when another is found.",
    ),
    AlertKind.ORDERS_STUCK: AlertEntry(_DO_STUCK),
    AlertKind.INVENTORY_STUCK: AlertEntry(_DO_STUCK),
    AlertKind.TRACKING_STUCK: AlertEntry(_DO_STUCK),
    AlertKind.RETURNS_STUCK: AlertEntry(_DO_STUCK),
    AlertKind.RECONCILE_STUCK: AlertEntry(_DO_STUCK),
    AlertKind.VENDURE_DOWN: AlertEntry(_DO_DOWN),
    AlertKind.VERACORE_DOWN: AlertEntry(_DO_DOWN),
    AlertKind.HOOKS_FAILING: AlertEntry(
        "A hook has not accepted events for an hour: repair it, then run `deliver --force`; or "
        "remove it from `hooks`.",
    ),
    AlertKind.EVENTS_BLOCKED: AlertEntry(
        "A hook keeps refusing an event, and later events of its order wait. Repair the "
        "hook, then run `deliver --force`; or skip the event with `deliver --skip "
        "EVENT_ID`. `stats` lists all of them.",
    ),
}

EVENTS: Mapping[EventKind, EventEntry] = {
    EventKind.ORDER_SYNCED: EventEntry(
        "VeraCore accepted the order, or it was found there",
        "`veracoreOrderId`, `adopted`",
    ),
    EventKind.ORDER_PARTIALLY_SHIPPED: EventEntry(
        "the shop's order reached that state",
        "`veracoreOrderId`",
    ),
    EventKind.ORDER_SHIPPED: EventEntry(
        "the shop's order reached that state",
        "`veracoreOrderId`",
    ),
    EventKind.TRACKING_UPDATED: EventEntry(
        "a fulfilment with its tracking is Shipped in the shop",
        "`veracoreOrderId`, `slip`, `fulfillmentId`, `carrier`, `service`, "
        "`trackingCode`, `packages`: `[{carrier, service, tracking, url}]`, `lines`: "
        "`[{sku, quantity}]`",
    ),
    EventKind.TRACKING_CORRECTED: EventEntry(
        "labels changed after that; Vendure cannot change a code, so tell the customer",
        "the same, and `previous`",
    ),
    EventKind.RETURN_RECEIVED: EventEntry(
        "goods came back to the warehouse: once for each receipt; nothing is refunded and no stock "
        "is changed (`vendureOrderCode` is `null` for an order that the ledger does not hold)",
        "`veracoreOrderId`, `reference`, `slip`, `productId`, `quantity`, `returnedAt`, "
        "`orderReasonCode`, `productReasonCode`, `disposition`, `receivedAs`",
    ),
    EventKind.ALERT_OPENED: EventEntry(
        "any of the alerts above, and those of upstreams and hooks (`vendure.down`, "
        "`veracore.down`, `tracking.unlisted`, `veracore.foreign`, `hooks.failing`, "
        "`events.blocked`) and of jobs (`orders.stuck`, `inventory.stuck`, `tracking.stuck`, "
        "`returns.stuck`, `reconcile.stuck`)",
        "`kind`, `message`, `openedAt`",
    ),
    EventKind.ALERT_RESOLVED: EventEntry(
        "it has ended",
        "`kind`, `openedAt`, `resolvedAt`",
    ),
}


ACCEPTABLE = frozenset(
    kind for kind in AlertKind if kind.startswith("order.") or kind == AlertKind.STOCK_DRIFT
) - {AlertKind.ORDER_PARKED, AlertKind.ORDER_CONFLICT, AlertKind.ORDER_OLD}
"""Alerts that a person may accept as they are. The others end with what they report, or with a
decision that says what becomes of the order (``retry``, ``resolve``)."""

HOOK_ALERTS = (AlertKind.HOOKS_FAILING, AlertKind.EVENTS_BLOCKED)
"""Alerts about a hook. Their own events never open such an alert: a hook that refuses the report
about itself would otherwise cause one report after another."""


def stuck_kind(job: str) -> str:
    """The kind of the alert for a job that is stuck; only jobs that timers start have one."""
    return f"{job}.stuck"

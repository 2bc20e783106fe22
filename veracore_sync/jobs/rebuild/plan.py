"""What a fresh ledger has to know of an order, from what the two sides show; pure.

The rules about whose record it is are those of every look-up (`interpret_lookup`), those about
slips and fulfilments are tracking's (`OrderPlan`): a rebuilt row is one that the jobs would have
come to by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from veracore_sync.config import OrdersSettings
from veracore_sync.domain.advice import command
from veracore_sync.domain.cancellations import left_slips
from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.fulfilments import SHIPPED_STATES
from veracore_sync.domain.held_orders import cancelled_units, totals, unit_key
from veracore_sync.domain.identity import left_before
from veracore_sync.domain.order_records import SentLines, ShopVersion
from veracore_sync.domain.orders import OrderContent
from veracore_sync.domain.pick_slips import Rows
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.adoption import why_another
from veracore_sync.jobs.orders.changes import PASSING_STATE, UNPAID_STATES, missing_units
from veracore_sync.jobs.orders.facets import facets, fulfilled_by_others
from veracore_sync.jobs.orders.ids import is_derived, most_absent, other_ids, warehouse_id
from veracore_sync.jobs.orders.interpret_lookup import (
    CancelledThere,
    as_sent,
    interpret_record,
    is_ours,
    may_stand_for,
)
from veracore_sync.jobs.orders.plan import WAITING_STATES, elsewhere_reason, foreign_reason
from veracore_sync.jobs.orders.render import Renderer, content_hash
from veracore_sync.jobs.rebuild.rebuilt import Certainty, RebuiltOrder, Shipped
from veracore_sync.jobs.rebuild.slips import (
    as_fulfilled,
    offers_of,
    shipped_of,
    units_there,
)
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.ports.warehouse import LookUp, LookUpFailed, Present

OTHER_UNITS = "VeraCore holds other units than the shop"
_S = OrderState


@dataclass(frozen=True, slots=True)
class RebuildRules:
    """The rules of one rebuild.

    Args:
        orders: ``[orders]``.
        renderer: Names the offers, and the SKUs that are not sent.
        tracking: Tracking's rules.
        types: The types of order that are sent.
        hash_key: The ledger's.
        id_taken: Whether an order other than the second argument has a VeraCore id.
        tells_content: Whether VeraCore shows reference and lines of an order.
    """

    orders: OrdersSettings
    renderer: Renderer
    tracking: Rules
    types: frozenset[str]
    hash_key: bytes
    id_taken: Callable[[str, str], bool]
    tells_content: bool = True


@dataclass(frozen=True, slots=True)
class BothSides:
    """An order of the shop, and what VeraCore shows of it.

    Args:
        order: The shop's.
        ids: The ids that it may have at VeraCore, from `ids_of`.
        seen: What look-ups found, by id.
        rows: What is listed of its packages, by id in lower case.
    """

    order: WholeOrder
    ids: tuple[str, ...]
    seen: Mapping[str, LookUp]
    rows: Mapping[str, Rows]


# ---- which ids are looked up ---------------------------------------------------------------------


def is_never_ours(order: WholeOrder, rules: RebuildRules) -> tuple[OrderCause, str] | None:
    """Why an order is not looked up at all: another configuration sends it, or none does."""
    content = order.content
    if rules.orders.claim(order.channels) == "others":
        return OrderCause.CHANNEL, elsewhere_reason(order.channels)
    early = rules.orders.not_before
    if early is not None and content.placed_at is not None and content.placed_at < early:
        return OrderCause.EARLY, "it was placed before orders.not_before"
    return None


def ids_of(order: WholeOrder, listed: Sequence[str], rules: RebuildRules) -> tuple[str, ...]:
    """The ids under which VeraCore may have an order, in the sequence of the look-ups.

    Args:
        listed: The ids under which VeraCore's list of shipments has the order's code.
    """
    prefixes, code = rules.orders.id_prefixes, order.code

    def is_taken(one: str) -> bool:
        return rules.id_taken(one, code)

    own = warehouse_id(code, prefixes[0], is_taken)
    more = [one for one in other_ids(code, prefixes, own, is_taken) if not is_taken(one)]
    others = [one for one in listed if not rules.id_taken(one, code)]
    found: dict[str, str] = {}
    for one in (own, *others, *more):
        found.setdefault(one.casefold(), one)
    return tuple(found.values())


def next_id(found: BothSides, rules: RebuildRules) -> str | None:
    """The id to look up next; ``None``: what was seen decides.

    As before a first send: an order that will ship ends it, and so do `most_absent` other ids in a
    row.
    """
    absent = 0
    prefixes = rules.orders.id_prefixes
    others = other_ids(
        found.order.code, prefixes, found.ids[0] if found.ids else "", lambda _: False
    )
    derived = {one.casefold() for one in others}
    for one in found.ids:
        seen = found.seen.get(one)
        if seen is None:
            return one
        if isinstance(seen, LookUpFailed):
            return None
        if isinstance(seen, Present):
            absent = 0
            if _judge(found.order, one, seen.record, rules).is_live:
                return None
        elif one.casefold() in derived:
            absent += 1
            if absent == most_absent(prefixes):
                return None
    return None


# ---- whose record it is --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one record is: this order, live or cancelled; or what speaks against it."""

    id: str
    record: WarehouseRecord
    is_live: bool = False
    is_cancelled: bool = False
    doubt: str = ""


def _judge(
    order: WholeOrder, veracore_id: str, record: WarehouseRecord, rules: RebuildRules
) -> _Judged:
    code, units = order.code, [*_may_have_been_sent(order, rules)]
    if left_before(record, order.content.placed_at):
        words = f"VeraCore shipped {record.id} before this order was placed"
        return _Judged(veracore_id, record, doubt=words)
    if not is_ours(code, record, units):
        words = f"VeraCore's order {record.id} has another reference, or other units"
        return _Judged(veracore_id, record, doubt=words)
    prefixes = rules.orders.id_prefixes
    if not is_derived(record.id, code, prefixes):
        why = why_another(as_fulfilled(order), record, None, prefixes)
        if why:
            return _Judged(veracore_id, record, doubt=why)
    known = replace(record, reference=code)
    if isinstance(interpret_record(code, known, []), CancelledThere):
        return _Judged(veracore_id, record, is_cancelled=True)
    if rules.orders.claim(order.channels) == "shared":
        words = f"VeraCore has it as {record.id}, and another configuration may have sent it"
        return _Judged(veracore_id, record, doubt=words)
    return _Judged(veracore_id, record, is_live=True)


def _may_have_been_sent(order: WholeOrder, rules: RebuildRules) -> Sequence[SentLines]:
    """The lines that may have been sent: all that is ordered, or without what was shipped."""
    return [
        tuple(_offers(order.content, rules, open_only=open_only).items())
        for open_only in (False, True)
    ]


def _offers(content: OrderContent, rules: RebuildRules, *, open_only: bool) -> Counter[str]:
    lines = content.lines
    counts = {one.id: one.open_quantity if open_only else one.quantity for one in lines}
    return offers_of(lines, counts, rules.renderer)


# ---- the plan ------------------------------------------------------------------------------------


def plan_order(found: BothSides, rules: RebuildRules, now: datetime) -> RebuiltOrder:
    """The row of an order, from everything that was seen of it."""
    order = found.order
    never = is_never_ours(order, rules)
    if never is not None:
        cause, why = never
        return _row(order, _S.SKIPPED, Certainty.PROVEN, why, cause)
    seen = [(one, found.seen.get(one)) for one in found.ids]
    judged = [
        _judge(order, one, there.record, rules) for one, there in seen if isinstance(there, Present)
    ]
    live = next((one for one in judged if one.is_live), None)
    if live is not None:
        return _accepted(found, live, rules, now)
    doubtful = next((one for one in judged if one.doubt), None)
    if any(isinstance(one, LookUpFailed) for one in found.seen.values()):
        return _unknown(order, rules)
    if doubtful is not None and (_may_be_sent(order, rules) or _may_leave(order, doubtful)):
        return _doubtful(order, doubtful)
    cancelled = next((one for one in reversed(judged) if one.is_cancelled), None)
    if cancelled is not None:
        return _cancelled(found, cancelled, rules, now)
    return _absent(order, rules)


def _row(
    order: WholeOrder,
    state: OrderState,
    certainty: Certainty,
    why: str,
    cause: OrderCause | None = None,
) -> RebuiltOrder:
    content = order.content
    return RebuiltOrder(
        code=order.code,
        vendure_id=content.id,
        placed_at=content.placed_at,
        state=state,
        certainty=certainty,
        why=why,
        cause=cause,
        is_cancelled_in_shop=content.state == "Cancelled",
    )


def _accepted(found: BothSides, one: _Judged, rules: RebuildRules, now: datetime) -> RebuiltOrder:
    order, record = found.order, one.record
    fulfilled = as_fulfilled(order)
    shipped = shipped_of(fulfilled, record, rules.tracking, now)
    shipped = replace(shipped, rows=found.rows.get(one.id.casefold(), {}))
    state, why = _S.SYNCED, f"VeraCore has it as {record.id}"
    if order.content.state in SHIPPED_STATES and _has_left(record):
        state, why = _S.SHIPPED, f"VeraCore has it as {record.id}, and the shop shows it as shipped"
    elif _has_ended_cancelled(order, record, shipped):
        state, why = _S.SHIPPED, "the shop has cancelled it"
    if not rules.tells_content:
        why += "; what it contains is not shown"
    return replace(
        _row(order, state, Certainty.PROVEN, why),
        veracore_id=one.id,
        record=record,
        version=_version(order.content, shipped.units, record, rules),
        wanted=units_there(fulfilled, record, shipped, rules.renderer),
        shipped=shipped,
        drift=_drift(order.content, record, rules) if state is _S.SYNCED else "",
    )


def _has_left(record: WarehouseRecord) -> bool:
    """Whether VeraCore shipped of it; one that only a person's fulfilments ended may leave yet."""
    return record.is_complete or bool(left_slips(record))


def _has_ended_cancelled(order: WholeOrder, record: WarehouseRecord, shipped: Shipped) -> bool:
    """Whether the shop has cancelled what VeraCore is done with, and no slip is to be reported."""
    is_over = order.content.state == "Cancelled" and record.is_complete
    return is_over and len(shipped.bound) == len(shipped.seen)


def _cancelled(found: BothSides, one: _Judged, rules: RebuildRules, now: datetime) -> RebuiltOrder:
    order, record = found.order, one.record
    wanted = tuple(_offers(order.content, rules, open_only=False).items())
    return replace(
        _row(order, _S.CANCELLED, Certainty.PROVEN, f"it was cancelled at VeraCore ({record.id})"),
        veracore_id=one.id,
        record=record,
        version=_version(order.content, {}, record, rules),
        wanted=wanted,
        shipped=Shipped(rows=found.rows.get(one.id.casefold(), {})),
    )


def _doubtful(order: WholeOrder, one: _Judged) -> RebuiltOrder:
    code = order.code
    takes = command("resolve CODE --adopt ID", CODE=code, ID=one.id)
    why = (
        f"{one.doubt}: nothing is sent until you decide: {takes} takes that one for it, "
        "`--new-id` sends it under another id, `--skip` leaves it out"
    )
    row = _row(order, _S.CONFLICT, Certainty.PROBABLE, why)
    # An id under which VeraCore may have another order of the shop is kept free for that one.
    is_whole = (one.record.reference or "").strip() == code
    return replace(row, veracore_id=one.id if is_whole else None)


def _unknown(order: WholeOrder, rules: RebuildRules) -> RebuiltOrder:
    row = _absent(order, rules)
    why = f"VeraCore gives no usable answer about it; {row.why}"
    return replace(row, certainty=Certainty.PROBABLE, why=why, is_unanswered=True)


def _may_be_sent(order: WholeOrder, rules: RebuildRules) -> bool:
    """Whether the shop's state still leads, or may lead back, to VeraCore."""
    state = order.content.state
    is_open = state in rules.orders.trigger_states or state in WAITING_STATES
    return is_open or state.startswith("Partially")


def _may_leave(order: WholeOrder, one: _Judged) -> bool:
    """Whether a record may be this order, which the shop is done with, and still ships.

    Nothing of its units is left in the shop that would show whose it is.
    """
    record = one.record
    is_open = record.status != "cancelled" and not record.is_complete
    return is_open and may_stand_for(record.reference or "", order.code)


def _absent(order: WholeOrder, rules: RebuildRules) -> RebuiltOrder:
    """VeraCore has none of it: its type and its state in the shop decide."""
    content = order.content
    if content.type not in rules.types:
        why = foreign_reason(content.type)
        return _row(order, _S.SKIPPED, Certainty.ABSENT, why, OrderCause.TYPE)
    if content.state in rules.orders.trigger_states:
        why = "VeraCore does not have it; it is looked up again before it is sent"
        return _row(order, _S.PENDING, Certainty.ABSENT, why)
    # One that comes back into a trigger state is looked up, and sent if it is absent then, too.
    why = f"it is {content.state} in the shop, and VeraCore does not have it"
    row = _row(order, _S.SKIPPED, Certainty.ABSENT, why, OrderCause.STATE)
    return replace(row, is_partly_shipped=content.state.startswith("Partially"))


# ---- what later changes are compared with --------------------------------------------------------


def _version(
    content: OrderContent, bound: Mapping[str, int], record: WarehouseRecord, rules: RebuildRules
) -> ShopVersion:
    key = rules.hash_key
    by_hand = _by_hand_before(content, bound, record, rules)
    known = _as_first_seen(facets(content, rules.orders.prices, key, by_hand))
    return ShopVersion(content_hash(content, key), content.updated_at, known)


def _as_first_seen(one: Facets) -> Facets:
    """Refunds and unpaid states are reported again: whether a person knows of them was lost."""
    goes_on = {*UNPAID_STATES, PASSING_STATE, "Cancelled"}
    state = "" if one.state in goes_on else one.state
    return replace(one, state=state, refunded=Decimal(0), is_refunded=False)


def _by_hand_before(
    content: OrderContent, bound: Mapping[str, int], record: WarehouseRecord, rules: RebuildRules
) -> Mapping[str, int]:
    """Units by SKU that were fulfilled by hand and that VeraCore never had.

    Those that it has, too, may leave twice: they are reported as a change.
    """
    by_hand = fulfilled_by_others(content, bound)
    if record.lines is None or not by_hand:
        return by_hand
    there, ordered = totals(as_sent(record.lines)), Counter[str]()
    for line in content.lines:
        ordered[line.sku] += line.quantity
    lacks = {
        sku: min(units, max(0, ordered[sku] - there[unit_key(rules.renderer.offer(sku))]))
        for sku, units in by_hand.items()
    }
    return {sku: units for sku, units in lacks.items() if units}


def _drift(content: OrderContent, record: WarehouseRecord, rules: RebuildRules) -> str:
    """How the units of a record differ from the shop's, in words; empty: in nothing."""
    if record.lines is None or content.state == "Cancelled":
        return ""
    held = rules.renderer.goods(as_sent(record.lines))
    lacks = missing_units(content, held, rules.renderer)
    wanted = totals(tuple(_offers(content, rules, open_only=False).items()))
    beyond = totals(held)
    beyond.subtract(totals(cancelled_units(record)))
    beyond.subtract(wanted)
    names = {unit_key(sku): sku for sku, _ in held}
    too_many = {names[key]: units for key, units in beyond.items() if units > 0 and key in names}
    if not lacks and not too_many:
        return ""
    words = [f"{units} x {sku} fewer" for sku, units in lacks.items()]
    words += [f"{units} x {sku} more" for sku, units in too_many.items()]
    return f"{OTHER_UNITS}: {', '.join(words)}; make them equal on both sides"

"""What a change in the shop means for an order that is sent, or never will be; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from veracore_sync.domain.advice import ACCEPT, command
from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.held_orders import totals, unit_key
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import AttemptRow, OrderRow, SentLines
from veracore_sync.domain.orders import Order, OrderContent
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState
from veracore_sync.jobs.orders.change_words import (
    changed_fields,
    counted_units,
    listed,
    other_words,
    price_words,
    unit_words,
)
from veracore_sync.jobs.orders.render import Renderer

CANCELLED, DRIFT = AlertKind.ORDER_CANCELLED_IN_SHOP, AlertKind.ORDER_DRIFT
REFUNDED, UNPAID = AlertKind.ORDER_REFUNDED, AlertKind.ORDER_UNPAID
KINDS = (CANCELLED, DRIFT, REFUNDED, UNPAID)
"""The alerts about changes in the shop."""

UNPAID_STATES = frozenset(
    {"AddingItems", "ArrangingPayment", "ArrangingAdditionalPayment", "PaymentAuthorized"}
)
"""States of the shop in which an order is not, or no longer, paid."""
PASSING_STATE = "Modifying"
"""An order is in it while a person works on it; it only counts if it lasts."""
LASTING = timedelta(hours=1)

_ENDED = {
    "shipped": "after VeraCore had shipped it",
    "cancelled": "after it was cancelled at VeraCore",
    "skipped": "after a person had skipped it",
}


def is_followed(row: OrderRow) -> bool:
    """Whether change detection is the only place that still notices units added to the order."""
    if row.state == OrderState.SKIPPED:
        return row.cause == OrderCause.RESOLVED
    return row.state in (
        OrderState.SENDING,
        OrderState.IN_DOUBT,
        OrderState.SYNCED,
        OrderState.CONFLICT,
        OrderState.SHIPPED,
        OrderState.CANCELLED,
    )


def has_ended(row: OrderRow) -> bool:
    """Whether VeraCore will ship nothing more of the order."""
    return row.state in _ENDED


# ---- units ----------------------------------------------------------------------------------


def held_lines(row: OrderRow, attempts: Sequence[AttemptRow]) -> SentLines | None:
    """What VeraCore has or shipped of an order; ``None`` if that is unknown."""
    if row.state in (OrderState.CANCELLED, OrderState.SKIPPED):
        return ()
    taken = [one.lines for one in attempts if one.outcome == AttemptOutcome.ACCEPTED and one.lines]
    if taken:
        return taken[-1]
    return () if row.state == OrderState.SHIPPED else None


def sent_lines(row: OrderRow, attempts: Sequence[AttemptRow]) -> SentLines | None:
    """What VeraCore was sent, whether it accepted it or not; ``None`` if that is unknown."""
    held = held_lines(row, attempts)
    return attempts[-1].lines if held is None and attempts else held


def missing_units(
    order: Order | OrderContent, held: SentLines | None, renderer: Renderer
) -> Mapping[str, int]:
    """The open units, by offer, that VeraCore does not have; empty if that is unknown."""
    if held is None:
        return {}
    spelled: dict[str, str] = {}
    opened: Counter[str] = Counter()
    ordered: Counter[str] = Counter()
    for line in order.lines:
        if not renderer.is_excluded(line.sku):
            offer = renderer.offer(line.sku)
            key = unit_key(offer)
            spelled.setdefault(key, offer)
            opened[key] += line.open_quantity
            ordered[key] += line.quantity
    there = totals(held)
    left = {spelled[key]: min(units, ordered[key] - there[key]) for key, units in opened.items()}
    return {offer: units for offer, units in sorted(left.items()) if units > 0}


def excess_units(
    order: Order | OrderContent, held: SentLines | None, renderer: Renderer
) -> Mapping[str, int]:
    """Units of the order's offers that VeraCore has beyond those that were ever ordered."""
    ordered: Counter[str] = Counter()
    for line in order.lines:
        if not renderer.is_excluded(line.sku):
            ordered[unit_key(renderer.offer(line.sku))] += line.quantity
    more = totals(held or ()) - ordered
    return {offer: units for offer, units in more.items() if offer in ordered}


def open_units(one: Facets) -> dict[str, int]:
    """Units by SKU without those that were fulfilled by hand."""
    return dict(Counter(one.units) - Counter(one.by_hand)) if one.by_hand else dict(one.units)


def agrees(
    now: Mapping[str, int],
    was: Mapping[str, int] | None,
    held: SentLines | None,
    sent: SentLines | None,
    renderer: Renderer,
) -> bool:
    """Whether VeraCore's record has the shop's units, or has changed by them at least.

    Args:
        now: The shop's units by SKU.
        was: The same when the order was sent; ``None`` if unknown.
        held: What the record shows; ``None`` if unknown.
        sent: The lines that were sent; ``None`` if unknown.
    """
    if held is None:
        return False
    wanted, there = offered_units(now, renderer), +totals(renderer.goods(held))
    if wanted == there:
        return True
    if was is None or sent is None:
        return False
    # Units that were fulfilled by hand before the order was sent are in neither difference.
    changed, changed_there = (
        _less(wanted, offered_units(was, renderer)),
        _less(there, totals(renderer.goods(sent))),
    )
    # What VeraCore has cut beyond that is reported by `order.short`.
    return bool(changed) and all(
        units >= changed_there.get(name, 0) if units < 0 else units <= changed_there.get(name, 0)
        for name, units in changed.items()
    )


def offered_units(units: Mapping[str, int], renderer: Renderer) -> Counter[str]:
    """Units by the key of VeraCore's offer, without those that it never has."""
    named = ((renderer.offer(sku), n) for sku, n in units.items() if not renderer.is_excluded(sku))
    return totals(named)


def _less(one: Counter[str], other: Counter[str]) -> dict[str, int]:
    names = one.keys() | other.keys()
    return {name: one[name] - other[name] for name in names if one[name] != other[name]}


# ---- the decision ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """An order as the shop has it now, and what is known of it.

    Args:
        row: The ledger's row.
        known: How it was compared last.
        sent: The facets of what was sent; ``None`` if a version of this program sent it that
            stored none, or another program.
        sent_lines: The lines that were sent; ``None`` if unknown.
        now: Its facets now.
        now_hash: The hash of its content now, as `OrderRow.content_hash`.
        missing: Open units by offer that VeraCore does not have.
        excess: Units by offer's key that it has beyond the order's.
        agrees: VeraCore's record has the shop's units.
        is_standing: There is an alert that the units differ.
        is_lasting: It has been in `PASSING_STATE` for `LASTING`.
    """

    row: OrderRow
    known: ComparedRow
    sent: Facets | None
    sent_lines: SentLines | None
    now: Facets
    now_hash: str
    missing: Mapping[str, int] = field(default_factory=dict)
    excess: Mapping[str, int] = field(default_factory=dict)
    agrees: bool = False
    is_standing: bool = False
    is_lasting: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether a person accepted the order as `ComparedRow.base` has it."""
        return self.known.accepted_at is not None and self.known.base is not None


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be reported: reported again only if `mark` is another.

    `words` are the changes alone, one each.
    """

    mark: str
    message: str
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a comparison.

    Args:
        notices: The alerts that must stand, by kind; the others of `KINDS` end.
        base: As `ComparedRow.base` from now on.
        keeps_drift: An alert that another job opened has not ended.
    """

    notices: Mapping[AlertKind, Notice]
    base: Facets | None
    keeps_drift: bool = False


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """The rules of one run.

    Args:
        renderer: Names the offers, and the SKUs that are not sent.
        trigger_states: States in which an order counts as paid.
    """

    renderer: Renderer
    trigger_states: Sequence[str]

    def is_quiet(self, was: Facets | None, now: Facets, known: ComparedRow) -> bool:
        """Whether there is certainly nothing to tell, to end or to store."""
        return not known.reported and was == now

    def judge(self, one: Comparison) -> Verdict:
        """What is to be reported of an order that was read."""
        if has_ended(one.row):
            return self._ended(one)
        if one.now.state == "Cancelled":
            return self._cancelled(one)
        was = one.known.base or one.sent
        if was is None:
            return self._unknown(one)
        words = self._content_words(was, one)
        return self._verdict(one, was, words, base=self._relaxed(one.known.base, one.now))

    # ---- VeraCore has it, or may have it -------------------------------------------------------

    def _cancelled(self, one: Comparison) -> Verdict:
        base = one.known.base
        if one.is_accepted and base is not None and base.state == "Cancelled":
            return Verdict({}, base)
        return Verdict({CANCELLED: Notice("Cancelled", "the shop cancelled it")}, base)

    def _content_words(self, was: Facets, one: Comparison) -> list[str]:
        excluded = self.renderer.is_excluded
        units = unit_words(was.units, one.now.units, excluded)
        units += unit_words(was.by_hand, one.now.by_hand, excluded, "units fulfilled by hand of")
        others = other_words(was, one.now)
        if units and one.agrees:
            # Whoever changed the units at VeraCore saw the order there, and its prices with them.
            return others
        return [*units, *others, *price_words(was, one.now)]

    def _unknown(self, one: Comparison) -> Verdict:
        """What was sent is known by its lines and the hash of its content alone, if at all."""
        before = one.row.content_hash
        # What came before the first comparison is unknown; refunds and unpaid states are reported.
        was = replace(one.now, state="", refunded=Decimal(0), is_refunded=False)
        differs = bool(one.missing or one.excess)
        if before == one.now_hash or (before is None and not differs):
            return self._verdict(one, was, [], base=was)
        if before is None:
            words = ["VeraCore holds other units"]
        else:
            words = self._offer_words(one.sent_lines, one.now) if one.sent_lines else []
            words = words or ["units, address or shipping"]
        return self._verdict(one, was, words, base=None)

    def _offer_words(self, sent: SentLines, now: Facets) -> list[str]:
        spelled = {unit_key(offer): offer for offer, _ in sent}
        spelled |= {unit_key(name): name for name in map(self.renderer.offer, now.units)}
        both = [
            {spelled[key]: n for key, n in units.items()}
            for units in (totals(sent), offered_units(now.units, self.renderer))
        ]
        return unit_words(both[0], both[1], lambda _: False)

    def _verdict(
        self, one: Comparison, was: Facets, words: Sequence[str], *, base: Facets | None
    ) -> Verdict:
        notices: dict[AlertKind, Notice] = {}
        code = one.row.code
        if words:
            lack = f"; VeraCore does not have {counted_units(one.missing)}" if one.missing else ""
            notices[DRIFT] = Notice(
                _content_mark(was, one.now),
                f"it was changed in the shop after it went to VeraCore: {listed(words)}{lack}; "
                f"make the same change at VeraCore, or {_accept(code)}",
                words,
            )
        money = self._refunded(was, one.now, code)
        if money is not None:
            notices[REFUNDED] = money
        unpaid = self._unpaid(was, one, is_reported=bool(words) and self._shows_more(was, one.now))
        if unpaid is not None:
            notices[UNPAID] = unpaid
        is_foreign = one.is_standing and DRIFT not in one.known.reported
        keeps = not words and is_foreign and not one.agrees
        return Verdict(notices, base, keeps_drift=keeps)

    def _refunded(self, was: Facets, now: Facets, code: str) -> Notice | None:
        if now.refunded <= was.refunded:
            return None
        amount = f"{now.refunded} {now.currency}"
        share = f"in full ({amount})" if now.is_refunded else f"in part ({amount} of {now.paid})"
        return Notice(
            _mark(amount, now.is_refunded),
            f"it was refunded {share} in the shop after it went to VeraCore; the parcel still "
            f"ships: cancel it at VeraCore if it must not ({_cancel(code)}), or "
            f"{_accept(code)}",
        )

    def _unpaid(self, was: Facets, one: Comparison, *, is_reported: bool) -> Notice | None:
        now, code = one.now, one.row.code
        went_back = now.state in UNPAID_STATES and now.state not in self.trigger_states
        is_passing = now.state == PASSING_STATE
        # What lacks because the order costs more is reported by what is new in it.
        is_known = is_reported and now.paid >= was.paid
        if now.state != was.state and (went_back or (is_passing and one.is_lasting)):
            since = " for more than an hour" if is_passing else ""
            why = f"it is in {now.state} in the shop{since}"
        elif now.owed > was.owed and not is_passing and not is_known:
            why = f"its payments in the shop lack {now.owed} {now.currency}"
        else:
            return None
        return Notice(
            _mark(now.state, now.owed),
            f"{why} after it went to VeraCore; the parcel still ships: bring the payment in "
            f"order, cancel it at VeraCore ({_cancel(code)}), or {_accept(code)}",
        )

    def _shows_more(self, was: Facets, now: Facets) -> bool:
        """Whether what is reported of a change may explain a higher total."""
        more = (sku for sku, units in now.units.items() if units > was.units.get(sku, 0))
        return bool(price_words(was, now)) or not all(map(self.renderer.is_excluded, more))

    def _relaxed(self, base: Facets | None, now: Facets) -> Facets | None:
        """An accepted base without what has ended meanwhile, which is news if it comes again."""
        if base is None:
            return None
        is_paid = now.state not in UNPAID_STATES and now.state != PASSING_STATE
        return replace(
            base,
            state=now.state if is_paid else base.state,
            refunded=min(base.refunded, now.refunded),
            owed=min(base.owed, now.owed),
        )

    # ---- VeraCore ships nothing more of it -----------------------------------------------------

    def _ended(self, one: Comparison) -> Verdict:
        row, now = one.row, one.now
        base = one.known.base
        is_first = one.known.state != row.state or one.known.compared_at is None
        if row.state != OrderState.SHIPPED and is_first:
            # Its cancellation's alert, or a person's decision to skip it, covers this content.
            base = base if one.is_accepted else one.known.seen or one.sent or self._as_sent(one)
        covered = base is not None and _same(base.units, now.units)
        is_covered = covered and (one.is_accepted or row.state != OrderState.SHIPPED)
        if not one.missing or is_covered:
            return Verdict({}, base)
        message = (
            f"it was changed in the shop {_ENDED[row.state]}: VeraCore does not have "
            f"{counted_units(one.missing)}; send that by hand, or {_accept(row.code)}"
        )
        words = (f"VeraCore does not have {counted_units(one.missing)}",)
        return Verdict({DRIFT: Notice(_mark(str(row.state), now.units), message, words)}, base)

    def _as_sent(self, one: Comparison) -> Facets | None:
        """The facets now, unless the content differs from what was sent."""
        is_known = one.row.content_hash is not None
        return None if is_known and one.row.content_hash != one.now_hash else one.now


def _cancel(code: str) -> str:
    return command("cancel CODE", CODE=code)


def _accept(code: str) -> str:
    return f"accept it with {command(ACCEPT, CODE=code)}"


def _same(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return {unit_key(sku): n for sku, n in one.items()} == {
        unit_key(sku): n for sku, n in other.items()
    }


def _content_mark(was: Facets, now: Facets) -> str:
    more: list[object] = [now.by_hand] if now.by_hand else []
    if fields := changed_fields(was, now):
        more.append({name: now.fields[name] for name in fields})
    return _mark(now.units, now.ship_to, now.shipping, now.prices, *more)


def _mark(*parts: object) -> str:
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(part: object) -> object:
    if isinstance(part, Mapping):
        return dict(part)
    return list(part) if isinstance(part, Iterable) and not isinstance(part, str) else part

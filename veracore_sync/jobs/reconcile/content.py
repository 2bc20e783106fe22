"""Whether VeraCore holds what the shop's order asks for now; pure.

What the shop changed after the order was sent is decided by `jobs.orders.changes`, with what a
person accepted of it. What VeraCore changed is compared here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from veracore_sync.clock import from_text
from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.held_orders import cancelled_units, totals, unit_key
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.change_words import unit_words
from veracore_sync.jobs.orders.changes import (
    DRIFT,
    LASTING,
    PASSING_STATE,
    Comparison,
    agrees,
    excess_units,
    has_ended,
    held_lines,
    missing_units,
    offered_units,
    open_units,
    sent_lines,
)
from veracore_sync.jobs.orders.facets import facets, fulfilled_by_hand
from veracore_sync.jobs.orders.render import content_hash
from veracore_sync.jobs.reconcile.account import Account, named_as_sent
from veracore_sync.jobs.reconcile.evidence import counted, joined, record_words, shop_words
from veracore_sync.jobs.reconcile.found import Found, OnItsWay, accepts
from veracore_sync.jobs.reconcile.rules import CompareRules
from veracore_sync.jobs.reconcile.sending import difference
from veracore_sync.jobs.reconcile.sides import LedgerSide, OrderSides

_SHORT = (AlertKind.ORDER_SHORT, AlertKind.ORDER_SHORT_SHIPPED)


def passes(side: LedgerSide, shop: WholeOrder, rules: CompareRules) -> bool:
    """Whether a person works on the shop's order now."""
    if shop.content.state != PASSING_STATE:
        return False
    since = side.compared.away_since if side.compared is not None else None
    return since is None or not _lasts(since, rules)


def _lasts(since: str, rules: CompareRules) -> bool:
    return rules.now - from_text(since) >= LASTING


def is_by_hand_lately(side: LedgerSide, shop: WholeOrder, rules: CompareRules) -> bool:
    """Whether ``sync-orders`` compared it a short time ago, before this was fulfilled by hand."""
    known = side.compared
    if known is None or known.compared_at is None:
        return False
    was = known.base or side.sent
    order = named_as_sent(side, shop.content)
    now = fulfilled_by_hand(order, was.by_hand if was else {}, lambda: side.slips)
    is_same = known.seen is not None and known.seen.by_hand == now
    return not is_same and rules.is_fresh(from_text(known.compared_at))


@dataclass(frozen=True, slots=True)
class _Compared:
    """An order's content now and before, and what VeraCore's record has of it."""

    one: Comparison
    held: SentLines | None
    was: Facets | None


def content_differs(
    sides: OrderSides, side: LedgerSide, shop: WholeOrder, account: Account, rules: CompareRules
) -> Iterator[Found]:
    """The difference, if there is one; what is not compared yet is on its way."""
    record, rules = account.record, rules.under(account.names)
    both = _compare(side, account, rules)
    reported = _told_words(both, rules)
    if reported and _is_news(side, both.one.now, rules):
        yield OnItsWay("the shop changed it a short time ago")
        return
    lacking = account.by_sku(account.lacking())
    units: Sequence[str] = ()
    if account.is_known and account.excess():
        # Units that one side changed too late have left: `shipped_not_ordered` tells of them.
        reported = [word for word in reported if not _is_of_units(word)]
    elif lacking:
        units = [f"VeraCore will not ship {counted(lacking)}"]
    elif not any(map(_is_of_units, reported)):
        units = _unit_words(both, side, record, rules)
    if units and accepts(sides, *_SHORT):
        units = ()
    if reported or units:
        yield difference(
            DifferenceType.CONTENT_DIFFERS,
            sides,
            _with(record_words(record), units),
            since=None,
            record=record,
            shop=_with(shop_words(shop), reported),
        )


def _with(words: str, more: Sequence[str]) -> str:
    return f"{words}: {joined(more)}" if more else words


def _is_of_units(word: str) -> bool:
    return word.startswith(("units of ", "VeraCore "))


def _compare(side: LedgerSide, account: Account, rules: CompareRules) -> _Compared:
    row, sent, order = side.row, side.sent, account.content
    known = side.compared or ComparedRow(row.code)
    was = known.base or sent
    by_hand = fulfilled_by_hand(order, was.by_hand if was else {}, lambda: side.slips)
    if was is not None and not rules.is_tracked and by_hand != was.by_hand:
        known = replace(known, base=replace(was, by_hand=by_hand))
    key = rules.planner.hash_key
    now = facets(order, rules.planner.settings.prices, key, by_hand, known.seen or was)
    shows_lines = account.record.lines is not None
    held = account.held if shows_lines else held_lines(row, side.attempts)
    lines, renderer = sent_lines(row, side.attempts), rules.renderer
    before = open_units(sent) if sent else None
    is_same = not has_ended(row) and agrees(open_units(now), before, held, lines, renderer)
    one = Comparison(
        row=row,
        known=known,
        sent=sent,
        sent_lines=lines,
        now=now,
        # What was stored with its facets is compared by these alone.
        now_hash=content_hash(order, key) if was is None or has_ended(row) else "",
        missing=missing_units(order, held, renderer),
        excess=excess_units(order, held, renderer),
        agrees=is_same,
        is_lasting=bool(known.away_since) and _lasts(known.away_since or "", rules),
    )
    return _Compared(one, held, known.base or sent)


def _told_words(both: _Compared, rules: CompareRules) -> list[str]:
    """What the shop changed since the order was sent, or since a person accepted it."""
    notice = rules.changes.judge(both.one).notices.get(DRIFT)
    if notice is None:
        return []
    # Units that were fulfilled by hand are compared by what VeraCore still holds of them.
    by_hand = _by_hand_words(both, rules)
    return [word for word in notice.words if word not in by_hand]


def _by_hand_words(both: _Compared, rules: CompareRules) -> Sequence[str]:
    was: Mapping[str, int] = both.was.by_hand if both.was is not None else {}
    excluded = rules.renderer.is_excluded
    return unit_words(was, both.one.now.by_hand, excluded, "units fulfilled by hand of")


def _is_news(side: LedgerSide, now: Facets, rules: CompareRules) -> bool:
    """Whether ``sync-orders`` compared it a short time ago, when it was not so: it will tell."""
    known = side.compared
    if known is None or known.compared_at is None or known.seen == now:
        return False
    return rules.is_fresh(from_text(known.compared_at))


def _unit_words(
    both: _Compared, side: LedgerSide, record: WarehouseRecord, rules: CompareRules
) -> Sequence[str]:
    """Units that VeraCore changed, or never had as they were sent."""
    one, held = both.one, both.held
    if record.lines is None or held is None:
        return ()
    if side.row.state is OrderState.SHIPPED and not (record.is_complete or one.is_accepted):
        # All that the shop asks for has left, so no alert stands about what is still to leave.
        names = {unit_key(sku): sku.strip() for sku, _ in held}
        more = {names[key]: units for key, units in one.excess.items() if key in names}
        return [f"VeraCore will ship {counted(more)} more"] if more else ()
    if side.row.state is not OrderState.SYNCED:
        return ()
    is_told = one.is_accepted or _is_of_its_lines(one, rules)
    if record.is_complete:
        # What it did with what it had is compared by what it shipped; the rest it never had.
        is_owed = one.missing and not is_told
        return [f"VeraCore will not ship {counted(one.missing)}"] if is_owed else ()
    if held == one.sent_lines and is_told and not cancelled_units(record):
        return ()
    wanted, there = offered_units(open_units(one.now), rules.renderer), _goods(held, rules)
    words = _part_words(record, held, wanted, rules)
    is_as_sent = is_told and one.sent_lines is not None and _goods(one.sent_lines, rules) == there
    if is_as_sent or (one.agrees and not one.missing):
        return words
    offers = (*map(rules.renderer.offer, one.now.units), *(sku.strip() for sku, _ in held))
    names = {unit_key(offer): offer for offer in offers}
    keys = sorted(key for key in there.keys() | wanted.keys() if there[key] != wanted[key])
    found = [f"{there[key]} of {names.get(key, key)}, not {wanted[key]}" for key in keys]
    return found or words


def _is_of_its_lines(one: Comparison, rules: CompareRules) -> bool:
    """Whether a later change shows as one since it was sent.

    What a lost ledger sent was adopted with the lines that VeraCore has, and with the shop's order
    as it was by then: it may have been changed before.
    """
    if one.excess or one.sent is None or one.sent_lines is None:
        return not one.excess
    wanted = +offered_units(open_units(one.sent), rules.renderer)
    sent = _goods(one.sent_lines, rules)
    if any(wanted[key] != sent[key] for key in wanted.keys() & sent.keys()):
        return False
    # Where an alias was changed since an earlier version sent it, no name of what was sent is
    # known: then it is the same if it is as many. What VeraCore has beside that was sent before a
    # setting excluded it, or named another SKU for services or of hooks.
    return (wanted - sent).total() <= (sent - wanted).total()


def _goods(lines: SentLines, rules: CompareRules) -> Counter[str]:
    return +totals(rules.renderer.goods(lines))


def _part_words(
    record: WarehouseRecord, held: SentLines, wanted: Mapping[str, int], rules: CompareRules
) -> Sequence[str]:
    """Parts of kits that VeraCore cancelled, and the shop still asks for: no line names them."""
    offers = totals(held)
    parts = {sku.strip(): n for sku, n in cancelled_units(record) if unit_key(sku) not in offers}
    due, there = _exploded(wanted, rules), _exploded(offers, rules)
    lacks = {}
    for sku, units in parts.items():
        key = unit_key(sku)
        # Of a kit that only VeraCore knows, nothing else shows how many the shop asks for.
        lacks[sku] = min(units, due[key] - there[key] + units) if key in there else units
    return [f"{units} x {sku} cancelled" for sku, units in sorted(lacks.items()) if units > 0]


def _exploded(offers: Mapping[str, int], rules: CompareRules) -> Counter[str]:
    found: Counter[str] = Counter()
    for offer, units in offers.items():
        for part, each in rules.tracking.names.exploded(offer).items():
            found[part] += each * units
    return found

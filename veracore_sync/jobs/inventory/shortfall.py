"""Open orders to which Vendure allocated fewer units than they ordered (docs/inventory.md).

The Admin API lists the allocations of a variant, and does not tell to which orders they belong. An
allocation and the change of the order that caused it are written in one transaction, so that their
moments are the same, or a second or two apart where the database takes the time of each statement.

Units may also be allocated to orders that are not open, such as one that is Shipped and whose
fulfilment was cancelled. They must not hide that an open order was allocated less than it ordered,
so where as much is allocated as the open orders ask for, or more, the moments alone decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.shop_stock import OpenOrder, StockAllocation
from veracore_sync.domain.staged_stock import Matched
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.ports.shop import ShopStock
from veracore_sync.ports.stock_staging import StagingStore

MAX_VARIANTS = 500
"""So many variants are looked at in a run at most."""
_PAGE = 200
_APART = timedelta(seconds=3)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """A variant whose allocated units differ from those that its open orders ask for."""

    variant_id: str
    sku: str
    allocated: int
    ordered: int


@dataclass(frozen=True, slots=True)
class Unallocated:
    """Open units of an order that are not allocated, of all that it ordered of the SKU."""

    sku: str
    ordered: int
    missing: int


@dataclass(slots=True)
class Shortfalls:
    """What was found.

    Args:
        by_code: The orders that are short.
        explained: By variant, the units that these orders lack.
        unjudged: Orders of which it is unknown, because the numbers contradict each other.
    """

    by_code: dict[str, list[Unallocated]] = field(default_factory=lambda: defaultdict(list))
    explained: dict[str, int] = field(default_factory=dict)
    unjudged: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Claim:
    """The units of one variant in an open order.

    Args:
        assigned: Units that were ever allocated to it.
        cancelled: Units that it no longer asks for.
        returned: Units of its cancelled fulfilments, which were allocated anew.
    """

    code: str
    placed_at: datetime
    ordered: int
    open: int
    assigned: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def lacks(self) -> int:
        """Units that were asked for at one time and not allocated so far."""
        return self.ordered + self.cancelled + self.returned - self.assigned

    def missing(self, *, released: bool = False) -> int:
        """Open units that are not allocated; fulfilled ones had been allocated, or never were.

        Args:
            released: Vendure takes what is cancelled from the allocated units, as long as there
                are any, although others had never been allocated.
        """
        gone = self.ordered - self.open + self.returned + (self.cancelled if released else 0)
        return self.open - min(self.open, max(0, self.assigned - gone))


def differing(book: StagingStore, demand: UnheldDemand, shop: ShopStock) -> list[Found]:
    """The variants whose allocated units differ from their open orders, in two reads of them.

    Orders change meanwhile, so one read is not enough; at most 500.
    """
    suspects = islice(_suspects(book, demand), MAX_VARIANTS)
    found: list[Found] = []
    while page := list(islice(suspects, _PAGE)):
        found.extend(_confirmed(page, shop, demand))
    return found


def is_any_short(book: StagingStore, demand: UnheldDemand) -> bool:
    """Whether fewer units of a variant are allocated than its open orders ask for."""
    return any(
        allocated < demand.ordered.get(match.variant.id, 0) for match, allocated in comparable(book)
    )


def agreeing(book: StagingStore, demand: UnheldDemand) -> Iterator[Found]:
    """The variants of open orders whose allocated units are as many as these ask for."""
    for match, allocated in comparable(book):
        ordered = demand.ordered.get(match.variant.id, 0)
        if ordered and allocated == ordered:
            yield Found(match.variant.id, match.variant.sku, allocated, ordered)


def _suspects(book: StagingStore, demand: UnheldDemand) -> Iterator[Matched]:
    for match, allocated in comparable(book):
        if allocated != demand.ordered.get(match.variant.id, 0):
            yield match


def comparable(book: StagingStore) -> Iterator[tuple[Matched, int]]:
    """Each variant that orders can be compared with, and how many of its units are allocated."""
    for match in book.matched():
        if match.variant.kind in ("plain", "kit"):
            yield match, sum(level[1] for level in match.variant.levels.values())


def _confirmed(page: Sequence[Matched], shop: ShopStock, demand: UnheldDemand) -> Iterator[Found]:
    again = shop.variants_by_id([match.variant.id for match in page])
    for match in page:
        variant = again.get(match.variant.id)
        before = sum(level[1] for level in match.variant.levels.values())
        if variant is not None and sum(level.allocated for level in variant.levels) == before:
            ordered = demand.ordered.get(variant.id, 0)
            yield Found(variant.id, match.variant.sku, before, ordered)


def shortfalls(
    found: Sequence[Found],
    shop: ShopStock,
    orders: Sequence[OpenOrder],
    *,
    thorough: bool = False,
) -> Shortfalls:
    """The orders to which fewer units are allocated than they ordered.

    Args:
        found: The variants to look at.
        shop: Asked for allocations.
        orders: The open ones.
        thorough: Look also where no units are missing in all. Units that belong to no open order
            may stay allocated for ever, and each variant costs a request or more.
    """
    result = Shortfalls()
    suspects = {one.variant_id: one for one in found if thorough or one.allocated < one.ordered}
    claims = _claims(suspects, orders)
    codes = {one.code for each in claims.values() for one in each}
    sure: dict[str, set[str]] = {}
    try:
        changes = shop.changes(sorted(codes))
        moments = {code: change.at for code, change in changes.items()}
        for variant_id, wanted in claims.items():
            since = min(one.placed_at for one in wanted) - _APART
            for one in wanted:
                if one.code in changes:
                    one.cancelled = changes[one.code].cancelled.get(variant_id, 0)
                    one.returned = changes[one.code].returned.get(variant_id, 0)
            sure[variant_id] = assign(wanted, shop.allocations(variant_id, since), moments)
    except UpstreamError:
        # Only alerts depend on it, and the levels must be written.
        result.unjudged = codes
        return result
    for variant_id, wanted in claims.items():
        suspect = suspects[variant_id]
        lacking = suspect.ordered - suspect.allocated
        if thorough and lacking < sum(one.missing() for one in wanted):
            unsure = [one for one in wanted if one.code not in sure[variant_id]]
            if lacking > 0:
                result.unjudged.update(one.code for one in unsure if one.missing())
            wanted = [one for one in wanted if one.code in sure[variant_id]]
            lacking = sum(one.missing() for one in wanted)
        least = sum(one.missing() for one in wanted)
        most = sum(one.missing(released=True) for one in wanted)
        released = least != lacking == most
        if least > lacking:
            result.unjudged.update(one.code for one in wanted)
            continue
        result.explained[variant_id] = lacking if released else least
        for one in wanted:
            missing = one.missing(released=released)
            if missing:
                lack = Unallocated(suspect.sku, one.ordered, missing)
                result.by_code[one.code].append(lack)
    return result


def _claims(suspects: Mapping[str, Found], orders: Sequence[OpenOrder]) -> dict[str, list[Claim]]:
    claims: dict[str, dict[str, Claim]] = {}
    for order in orders:
        for line in order.lines:
            if line.variant_id not in suspects or not line.quantity:
                continue
            placed_at = order.placed_at or _EARLIEST
            new = Claim(order.code, placed_at, 0, 0)
            claim = claims.setdefault(line.variant_id, {}).setdefault(order.code, new)
            claim.ordered += line.quantity
            claim.open += line.open_quantity
    return {id: list(of_it.values()) for id, of_it in claims.items()}


def assign(
    claims: Sequence[Claim],
    allocations: Sequence[StockAllocation],
    moments: Mapping[str, Mapping[datetime, int]],
) -> set[str]:
    """Give each allocation to the order whose change made it.

    First those with exactly the moment of a change; of the others each goes to the nearest order
    that lacks units, where one was changed about then.

    Args:
        claims: The orders.
        allocations: Oldest first, as the shop wrote them.
        moments: `Changes.at` of each order, by its code.

    Returns:
        The codes of the orders that got all of theirs by exact moments, and something at all.
    """
    exact: dict[datetime, list[Claim]] = defaultdict(list)
    for claim in claims:
        for moment in moments.get(claim.code, ()):
            exact[moment].append(claim)
    made: dict[datetime, list[StockAllocation]] = defaultdict(list)
    for one in allocations:
        made[one.at].append(one)
    left: list[StockAllocation] = []
    sure: set[str] = set()
    for moment, together in made.items():
        # Not every change asked for units, and one that did not may have had the same moment.
        same = [claim for claim in exact.get(moment, []) if claim.lacks > 0]
        numbers = [moments[claim.code][moment] for claim in same]
        if len(same) < len(together) or (len(same) > 1 and not all(numbers)):
            left += together
            continue
        # The shop locks the level while it allocates and notes the change, so both are written in
        # one order; who came too late got nothing, and has no allocation.
        in_turn = sorted(zip(numbers, range(len(same)), strict=True))
        for (_, at), one in zip(in_turn, together, strict=False):
            same[at].assigned += one.units
            sure.add(same[at].code)
    # An order is never allocated more than it asked for, and most get all of it.
    for one in sorted(left, key=lambda one: -one.units):
        near = [
            (
                _distance(one, moments.get(claim.code, ())),
                claim.lacks != one.units,
                claim.placed_at,
                at,
            )
            for at, claim in enumerate(claims)
            if claim.lacks >= one.units
        ]
        if near and min(near)[0] <= _APART:
            claims[min(near)[3]].assigned += one.units
    return {
        code for code in sure if all(_distance(one, moments.get(code, ())) > _APART for one in left)
    }


def _distance(allocation: StockAllocation, moments: Iterable[datetime]) -> timedelta:
    return min((abs(allocation.at - moment) for moment in moments), default=timedelta.max)

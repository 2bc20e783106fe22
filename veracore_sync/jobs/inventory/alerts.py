"""The alerts of ``sync-inventory``, each reported once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.readable import counted
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.plan import Guard
from veracore_sync.jobs.inventory.report import Drift, InventoryReport
from veracore_sync.jobs.inventory.shortfall import (
    Shortfalls,
    comparable,
    differing,
    is_any_short,
    shortfalls,
)
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.report import raise_alert, short_difference
from veracore_sync.ports.stock_staging import StagingStore

GUARD = "stock.guard"
REFUSED = "stock.refused_skus"
"""The ledger's key: the SKUs whose level Vendure refused, as a JSON list."""
_SHORT = AlertKind.ORDER_SHORT
_SHORTFALL = AlertKind.ORDER_SHORTFALL
_MAX_SHORT = 5
_NAMED = 20
CHECK = (
    "check the plan with `veracore-sync sync-inventory --dry-run`; if it is right, run "
    "`veracore-sync sync-inventory --allow-mass-change`"
)


@dataclass(slots=True)
class StockAlerts(RunPart[InventoryReport]):
    """Opens and resolves the alerts of stock."""

    def guarded(self, guard: Guard) -> None:
        """A guard stopped the plan, or a part of it."""
        sentence = f"{guard.sentence}; {CHECK}" if guard.name != "empty" else guard.sentence
        if self.ledger.meta.get(GUARD) != guard.name:
            self.ledger.alerts.resolve(AlertKind.STOCK_GUARDED)
            self.ledger.meta.put(GUARD, guard.name)
        raise_alert(self.ledger, self.report, AlertKind.STOCK_GUARDED, sentence)

    def not_guarded(self) -> None:
        """A full run wrote all that was planned."""
        self.ledger.alerts.resolve(AlertKind.STOCK_GUARDED)

    def unknown(self, book: StagingStore, *, full: bool) -> None:
        """SKUs that could not be matched: each is listed once, when it is new."""
        # Left unchanged, never guessed: no row at VeraCore is "unknown", not zero.
        standing = []
        for kind, words in (
            ("unknown", "{are} not in VeraCore's stock and {were} not changed"),
            (
                "ambiguous",
                "{are} shared by several variants, or spelled in two ways at VeraCore, "
                "and {are} only lowered",
            ),
        ):
            count, names = book.new_names(kind, _NAMED)
            if count:
                self.report.escalate(f"{_skus(count, words)}: {_listed(names, count)}")
            now = book.count_variants(kind)
            if now:
                standing.append(f"{_skus(now, words)}: {_listed(book.names(kind, _NAMED), now)}")
        if standing:
            self.ledger.alerts.open(AlertKind.STOCK_UNKNOWN, "; ".join(standing))
        elif full:
            self.ledger.alerts.resolve(AlertKind.STOCK_UNKNOWN)

    def refused(self, *, complete: bool) -> None:
        """Levels that Vendure refused: alerted again when another SKU is refused.

        Args:
            complete: The run tried to write every planned level.
        """
        refused = self.report.refused
        known = set(json.loads(self.ledger.meta.get(REFUSED) or "[]"))
        now = set(refused) if complete else known | set(refused)
        if now != known:
            self.ledger.meta.put(REFUSED, json.dumps(sorted(now)))
        if now - known or not now:
            self.ledger.alerts.resolve(AlertKind.STOCK_REFUSED)
        if not refused:
            return
        names = sorted(refused)
        sentence = (
            f"Vendure refused the stock of {len(names)} SKUs, of which too much may be for "
            f"sale: {', '.join(names)} ({refused[names[0]]}); every run tries again"
        )
        raise_alert(self.ledger, self.report, AlertKind.STOCK_REFUSED, sentence)

    def short(self, demand: UnheldDemand) -> None:
        """Orders that VeraCore accepted and will not ship completely: one alert each.

        An order that could not be examined keeps its alert; one that the alert about its short
        shipment names is not named twice.
        """
        standing = self.ledger.alerts.standing()
        named = {one.code for one in standing if one.kind == AlertKind.ORDER_SHORT_SHIPPED}
        short = {
            code: missing
            for code, missing in demand.short.items()
            if code not in named and not self._is_short_shipment_accepted(code)
        }
        for code, shortages in short.items():
            sentence = "; ".join(
                f"VeraCore has {max(0, one.held)} of {one.asked} {one.part}; "
                f"{one.missing} will not ship"
                for one in shortages[:_MAX_SHORT]
            )
            what = short_difference({one.part: one.missing for one in shortages})
            raise_alert(self.ledger, self.report, _SHORT, sentence, code=code, difference=what)
        for alert in standing:
            is_wrong = alert.code in short or alert.code in demand.unjudged
            if alert.kind == _SHORT and not is_wrong:
                self.ledger.alerts.resolve(_SHORT, code=alert.code)

    def _is_short_shipment_accepted(self, code: str) -> bool:
        accepted = self.ledger.alerts.accepted(code)
        return any(one.kind == AlertKind.ORDER_SHORT_SHIPPED for one in accepted)

    def drift(self, book: StagingStore, demand: UnheldDemand) -> None:
        """Alert if Vendure's allocated stock differs from its open orders.

        A variant counts only if a second read shows the same, because orders change meanwhile.
        """
        found = differing(book, demand, self.shop.stock)
        short = shortfalls(found, self.shop.stock, demand.orders)
        self._shortfalls(short, set())
        for one in found:
            ordered = one.ordered - short.explained.get(one.variant_id, 0)
            if one.allocated != ordered:
                self.report.drift.append(Drift(one.sku, one.allocated, ordered))
        if not self.report.drift:
            self.ledger.alerts.resolve(AlertKind.STOCK_DRIFT)
            return
        most_first = sorted(self.report.drift, key=lambda one: -abs(one.allocated - one.ordered))
        named = "; ".join(
            f"of {one.sku} {one.allocated} are allocated, {one.ordered} ordered"
            for one in most_first[:_MAX_SHORT]
        )
        more = len(most_first) - _MAX_SHORT
        sentence = (
            f"Vendure's allocated stock of {len(most_first)} SKUs differs from its open orders "
            f"({named}{f'; and {more} more' if more > 0 else ''}); the levels that are written "
            "compensate for it"
        )
        # Not the sentence: orders come and go, and the difference stays the same.
        by_sku = (f"{one.sku} {one.allocated - one.ordered:+}" for one in self.report.drift)
        what = ", ".join(sorted(by_sku))
        raise_alert(self.ledger, self.report, AlertKind.STOCK_DRIFT, sentence, difference=what)

    def shortfalls_among(
        self, book: StagingStore, demand: UnheldDemand, list_again: Callable[[], UnheldDemand]
    ) -> None:
        """Of the variants that a run of changes has read, the orders with less than they ordered.

        Args:
            book: The variants that were read.
            demand: Of the open orders.
            list_again: They may have been listed before the variants were read; one that was
                cancelled in between would seem to have less.
        """
        short = Shortfalls()
        if is_any_short(book, demand):
            demand = list_again()
            short = shortfalls(
                differing(book, demand, self.shop.stock), self.shop.stock, demand.orders
            )
        if demand.unread:
            # The units of one that cannot be read may be any variant's.
            return
        read = {match.variant.id for match, _ in comparable(book)}
        unjudged = {
            order.code
            for order in demand.orders
            if any(line.open_quantity and line.variant_id not in read for line in order.lines)
        }
        self._shortfalls(short, unjudged)

    def _shortfalls(self, found: Shortfalls, unjudged: Set[str]) -> None:
        """Orders with less allocated than they ordered: one alert each.

        Args:
            found: They, and of which orders it is unknown.
            unjudged: Others of which it is unknown.
        """
        for code, units in found.by_code.items():
            sentence = "; ".join(
                f"Vendure sold {one.ordered} {one.sku} and allocated {one.ordered - one.missing}"
                for one in units[:_MAX_SHORT]
            )
            what = short_difference({one.sku: one.missing for one in units})
            raise_alert(self.ledger, self.report, _SHORTFALL, sentence, code=code, difference=what)
        for alert in self.ledger.alerts.standing():
            is_wrong = alert.code in found.by_code or alert.code in found.unjudged | unjudged
            if alert.kind == _SHORTFALL and not is_wrong:
                self.ledger.alerts.resolve(_SHORTFALL, code=alert.code)


def _skus(count: int, words: str) -> str:
    are, were = ("is", "was") if count == 1 else ("are", "were")
    return f"{counted(count, 'SKU')} {words.format(are=are, were=were)}"


def _listed(names: Sequence[str], count: int) -> str:
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return ", ".join(names) + more

"""What a run of ``reconcile`` found: stored, reported once, closed when it is gone, accepted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from veracore_sync.domain.differences import (
    DIFFERENCES,
    NOT_OF_ORDERS,
    ORDER_TYPES,
    AgreedRow,
    Difference,
    DifferenceRow,
    DifferenceType,
)
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.reconcile.sides import Examined
from veracore_sync.jobs.reconcile.words import in_words
from veracore_sync.ports.ledger import Ledger

_IN_ONE_ALERT = 5


def tell_orders(
    ledger: Ledger,
    examined: Iterable[Examined],
    agreed: Iterable[AgreedRow] = (),
    types: Collection[DifferenceType] = ORDER_TYPES,
) -> list[str]:
    """Store what a page of orders showed, in one unit of work; returns what is news.

    Nothing is concluded of an order that was not compared.

    Args:
        ledger: The ledger.
        examined: The orders.
        agreed: Those of which all sides agreed.
        types: The types that were looked for: what stands of others is left as it is.
    """
    compared = [one for one in examined if one.is_compared]
    found = [difference for one in compared for difference in one.differences]
    with ledger.unit_of_work():
        ledger.differences.agreed(agreed)
        return tell(ledger, found, [one.code for one in compared], types)


def tell(
    ledger: Ledger,
    found: Collection[Difference],
    compared: Iterable[str],
    types: Collection[DifferenceType],
) -> list[str]:
    """Store what was found, end what is gone, and open and close alerts; returns what is news.

    Those of `NOT_OF_ORDERS` share an alert a type: they are reported once a run, not page by page.

    Args:
        ledger: The ledger.
        found: All that differs of what was compared.
        compared: The orders' codes, or other names, that were compared.
        types: The types that were looked for.
    """
    names = list(compared)
    with ledger.unit_of_work():
        news = {one.key for one in ledger.differences.saw(found)}
        gone = ledger.differences.ended(types, names, but={one.key for one in found})
        teller = _Teller(ledger, news)
        return teller.tell([*found, *(row.difference for row in gone)])


def accept(ledger: Ledger, type: DifferenceType, name: str, reason: str) -> list[DifferenceRow]:
    """A person accepts a difference as it is: its alert ends, and only other evidence is news.

    Args:
        ledger: The ledger.
        type: The type.
        name: The order's code or id, the SKU, or VeraCore's id.
        reason: The person's, kept in the ledger and shown by ``stats``.

    Raises:
        UsageError: There is no reason, or nothing to accept; nothing was changed.
    """
    if not reason.strip():
        raise UsageError("a difference is accepted with a reason", hint='`--accept "why"`')
    with ledger.unit_of_work():
        rows = _accept_all(ledger, type, name, reason)
        if not rows and type in ORDER_TYPES and (order := ledger.orders.find(name)) is not None:
            rows = _accept_all(ledger, type, order.code, reason)
    if not rows:
        raise UsageError(
            f"{name} has no difference {type}",
            hint="`veracore-sync stats --differences` lists those that stand",
        )
    return rows


def accept_order(ledger: Ledger, code: str, reason: str) -> list[DifferenceRow]:
    """A person accepts all that differs of an order. The caller has a unit of work."""
    types = {
        row.difference.type: None for row in ledger.differences.of([code]) if not row.is_accepted
    }
    return [
        row
        for type in types
        if type in ORDER_TYPES
        for row in _accept_all(ledger, type, code, reason)
    ]


def _accept_all(
    ledger: Ledger, type: DifferenceType, name: str, reason: str
) -> list[DifferenceRow]:
    rows = ledger.differences.accept(type, name, reason)
    _Teller(ledger, set()).tell([row.difference for row in rows])
    return rows


@dataclass(slots=True)
class _Teller:
    """Brings the alerts of some differences up to date within the caller's unit of work."""

    ledger: Ledger
    news: set[tuple[str, str, str]]

    def tell(self, touched: Sequence[Difference]) -> list[str]:
        if not touched:
            return []
        of_orders = [one for one in touched if one.type in ORDER_TYPES]
        reported = self._orders(of_orders) if of_orders else []
        for type in NOT_OF_ORDERS:
            if any(one.type is type for one in touched):
                reported += self._all_of(type)
        return reported

    def _orders(self, touched: Sequence[Difference]) -> list[str]:
        codes = dict.fromkeys(one.name for one in touched)
        stands: dict[tuple[str, DifferenceType], list[Difference]] = {}
        for row in self.ledger.differences.of(list(codes)):
            if row.difference.type in ORDER_TYPES and not row.is_accepted:
                of_type = row.difference.name, row.difference.type
                stands.setdefault(of_type, []).append(row.difference)
        alerts = self.ledger.alerts.standing()
        open_kinds = {(one.code, one.kind) for one in alerts}
        messages = {one.key: one.message for one in alerts}
        reported = []
        for code, type in dict.fromkeys((one.name, one.type) for one in touched):
            some = stands.get((code, type), [])
            key = f"{AlertKind.ORDER_DIFFERS}:{code}:{type}"
            if not some:
                if key in messages:
                    self.ledger.alerts.resolve(AlertKind.ORDER_DIFFERS, code=code, about=type)
                continue
            if any((code, kind) in open_kinds for kind in DIFFERENCES[type].told_by):
                # A job tells it, perhaps since a later moment: one cause has one alert.
                if key in messages:
                    self.ledger.alerts.resolve(AlertKind.ORDER_DIFFERS, code=code, about=type)
                continue
            message = _of_some(some)
            if messages.get(key) == message and not self._is_news(some):
                continue
            if self._open(AlertKind.ORDER_DIFFERS, message, some, code=code, about=type):
                reported.append(f"{code}: {message}")
        return reported

    def _all_of(self, type: DifferenceType) -> list[str]:
        kind = NOT_OF_ORDERS[type]
        alerts = {one.kind for one in self.ledger.alerts.standing()}
        # That alert does not report the others of the type.
        told_by = {kind for kind in DIFFERENCES[type].told_by if kind in alerts}
        some = [
            row.difference
            for row in self.ledger.differences.standing()
            if row.difference.type is type
            and not row.is_accepted
            and row.difference.detail not in told_by
        ]
        if not some:
            self.ledger.alerts.resolve(kind)
            return []
        # What is new comes first, because only so many are named.
        some.sort(key=lambda one: one.key not in self.news)
        message = f"{len(some)} differ: {_of_some(some, named=True)}"
        return [message] if self._open(kind, message, some) else []

    def _open(
        self,
        kind: AlertKind,
        message: str,
        some: Sequence[Difference],
        *,
        code: str | None = None,
        about: str = "",
    ) -> bool:
        again = self._is_news(some)
        return self.ledger.alerts.open(kind, message, code=code, about=about, again=again)

    def _is_news(self, some: Sequence[Difference]) -> bool:
        return any(one.key in self.news for one in some)


def _of_some(some: Sequence[Difference], *, named: bool = False) -> str:
    words = [
        f"{one.name}: {in_words(one)}" if named else in_words(one) for one in some[:_IN_ONE_ALERT]
    ]
    if len(some) > _IN_ONE_ALERT:
        words.append(f"and {len(some) - _IN_ONE_ALERT} more: `veracore-sync stats --differences`")
    return "; ".join(words)

"""Shipments of orders that this ledger did not send, but the shop knows: they are adopted.

After a lost ledger, or a go-live, orders that were already at the warehouse still get tracking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.failures import MAY_BE_A_RECORDS
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import Applied
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.adoption import (
    adopt_unknown,
    was_never_sent,
    why_another,
    why_not_in_shop,
)
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.unanswered import Unanswered
from veracore_sync.jobs.tracking.window import Listed
from veracore_sync.ports.warehouse import LookUpFailed, Present
from veracore_sync.waits import STRANGER, is_over

_KEPT = timedelta(days=30)
_TOGETHER = 50


@dataclass(slots=True)
class UnknownOrders(RunPart[TrackingReport]):
    """Listed orders that the ledger does not know as sent.

    Their references are looked up in the shop. Each order that is adopted is looked up at VeraCore
    once; the others are remembered for thirty days, so that they are not asked about in every run.

    Args:
        states: The shop's states in which something may be fulfilled.
        bad: Orders that could not be read.
    """

    states: frozenset[str]
    bad: Unanswered

    def adopt(self, listed: Sequence[Listed]) -> list[str]:
        """Adopt those that are orders of the shop in a state that allows it; their codes.

        Raises:
            SyncError: One of the two upstreams as a whole fails.
        """
        self.ledger.shipments.prune(self.clock.now() - _KEPT)
        found = {one.veracore_id.casefold(): one for one in (*self._noticed(), *listed)}
        held = self.ledger.orders.at_warehouse(list(found))
        unknown = [one for key, one in found.items() if key not in held]
        by_code = {one.reference: one for one in unknown if one.reference and self._is_due(one)}
        self.bad.keep_only(by_code)
        ours = self.ledger.orders.held(list(by_code))
        # Several orders of the shop had such a code: its reference names none of them for certain.
        shared = self.ledger.orders.set_aside_from(list(by_code))
        wanted = {
            code: one
            for code, one in by_code.items()
            if was_never_sent(ours.get(code)) and not self.bad.rests(code) and code not in shared
        }
        adopted = []
        for code, order in self._read(wanted):
            try:
                if self._adopt_one(by_code[code], order, ours):
                    adopted.append(code)
            except UpstreamError as error:
                self._notice(by_code[code])
                self.bad.failed(code, error)
            else:
                self.bad.worked(code)
        return adopted

    def _notice(self, one: Listed) -> None:
        self.ledger.shipments.noticed(one.veracore_id, one.reference)

    def _noticed(self) -> Iterator[Listed]:
        """Orders that could not be read and may have left the list since."""
        for one in self.ledger.shipments.unasked():
            yield Listed(one.veracore_id, one.reference)

    def _read(self, by_code: Mapping[str, Listed]) -> Iterator[tuple[str, FulfilledOrder | None]]:
        """The shop's orders by code: in batches, but earlier bad records one by one."""
        alone = [code for code in by_code if code in self.bad]
        together = [code for code in by_code if code not in self.bad]
        parts = [together[at : at + _TOGETHER] for at in range(0, len(together), _TOGETHER)]
        for part in (*parts, *([code] for code in alone)):
            yield from self._read_together(part, by_code)

    def _read_together(
        self, part: Sequence[str], by_code: Mapping[str, Listed]
    ) -> Iterator[tuple[str, FulfilledOrder | None]]:
        try:
            orders = self.shop.fulfilments.orders(part)
        except UpstreamError as error:
            if len(part) == 1:
                self._notice(by_code[part[0]])
                self.bad.failed(part[0], error)
                return
            if error not in MAY_BE_A_RECORDS:
                for code in part:
                    self._notice(by_code[code])
                self.bad.suspect(part, error)
                return
            # If the whole shop is failing, single reads would each wait for their time-out.
            self.shop.fulfilments.orders([self.ledger.meta.probe_id])
            middle = len(part) // 2
            yield from self._read_together(part[:middle], by_code)
            yield from self._read_together(part[middle:], by_code)
            return
        self.bad.answered("vendure")
        yield from ((code, orders.get(code)) for code in part)

    def _is_due(self, one: Listed) -> bool:
        seen = self.ledger.shipments.tracked(one.veracore_id)
        if seen is None or seen.asked_at is None:
            return True
        return is_over(from_text(seen.asked_at) + STRANGER, self.clock.now(), STRANGER)

    def _adopt_one(
        self, one: Listed, order: FulfilledOrder | None, ours: Mapping[str, OrderRow]
    ) -> bool:
        if order is None or why_not_in_shop(order, self.settings.orders, self.states):
            self.ledger.shipments.asked(one.veracore_id, one.reference)
            return False
        found = self.warehouse.look_up(one.veracore_id)
        if isinstance(found, LookUpFailed):
            raise found.error
        self.bad.answered("veracore")
        prefixes, row = self.settings.orders.id_prefixes, ours.get(order.code)
        if not isinstance(found, Present) or why_another(order, found.record, row, prefixes):
            self.ledger.shipments.asked(one.veracore_id, one.reference)
            return False
        if adopt_unknown(self.ledger, order, one.veracore_id, found.record) is Applied.LOST:
            return False
        self.report.record(order.code, "", "adopted")
        return True

"""Reading the warehouse's list of shipments."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.errors import SyncError, UpstreamError
from veracore_sync.domain.failures import NOT_BEGUN, ONLY_THIS_OPERATION
from veracore_sync.domain.warehouse import UnreadableShipment
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.progress import LISTING, counted
from veracore_sync.jobs.tracking.days import Days, days_to_ask
from veracore_sync.jobs.tracking.overdue import note_listed, note_unlisted
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.window import Listed, by_order, readable, unreadable_rows

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Listing(RunPart[TrackingReport]):
    """Lists what has shipped."""

    def days(self, last_complete: datetime | None) -> Days:
        """The days to list, given when the last complete run began."""
        return days_to_ask(
            self.clock.now(),
            self.settings.tracking_zone,
            last_complete=last_complete,
            not_before=self.settings.orders.not_before or self.ledger.meta.live_since,
            lookback_days=self.settings.tracking.lookback_days,
        )

    def read(self, days: Days) -> tuple[Mapping[str, Listed] | None, SyncError | None]:
        """What is listed on these days, by order; or ``None``, and why it cannot be read.

        Raises:
            SyncError: Orders cannot be looked up either.
        """
        self.context.progress(LISTING, 0, 0)
        rows = (row for first, last in days.parts() for row in self.warehouse.shipped(first, last))
        unreadable: list[UnreadableShipment] = []
        try:
            one_by_one = counted(rows, self.context.progress, LISTING)
            listed = by_order(readable(one_by_one, unreadable), self.settings.tracking_zone)
        except SyncError as error:
            is_upstreams = isinstance(error, UpstreamError) and error not in NOT_BEGUN
            if not is_upstreams and error not in ONLY_THIS_OPERATION:
                raise
            # Without the list, due orders and some others are still looked up one by one.
            _LOG.warning("shipments cannot be listed: %s", error.message)
            if not self.context.must_not_write:
                note_unlisted(self.ledger, self.clock, error.message, self.report)
            return None, error
        if not self.context.must_not_write:
            note_listed(self.ledger)
        if unreadable:
            self.report.notify(unreadable_rows(unreadable))
        return listed, None

"""Times that a wrong clock stored in the future: which, how many, and what follows; only reads.

One row for each kind of time that something waits for or is counted from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.domain.ledger_records import Ahead, MomentKind
from veracore_sync.ledger.database import Database
from veracore_sync.waits import ASKED, CANCELLATION, EVENT, HINT, SLIP, SPREAD

_SLACK = timedelta(minutes=1)
"""For a process that is writing right now, and for small corrections by NTP."""
_NO_WAIT = "it is not waited for"
_FIRST = "they are looked at first"
_OPEN = "state IN ('open', 'intended', 'added')"


def kinds(
    *, cooldown: timedelta, grace: timedelta, order_wait: timedelta
) -> tuple[MomentKind, ...]:
    """Every kind of time that is stored.

    Args:
        cooldown: How long a breaker stays open, before jitter.
        grace: How long an order in doubt waits for its second look-up.
        order_wait: How long any other order waits at most.
    """
    return (
        MomentKind("breakers.retry_at", _NO_WAIT, cooldown * SPREAD, "state <> 'closed'"),
        MomentKind("budgets.closed_until", _NO_WAIT, ASKED),
        MomentKind("budgets.filled_at", "it fills from now on"),
        MomentKind("refusals.tried_at", "they are tried once more"),
        MomentKind("orders.next_attempt_at", _NO_WAIT, order_wait, "state <> 'in_doubt'"),
        MomentKind("orders.next_attempt_at", _NO_WAIT, grace, "state = 'in_doubt'"),
        MomentKind("orders.checked_at", _FIRST),
        MomentKind("orders.created_at", "those that wait are alerted"),
        MomentKind("orders.doubt_since", "they are alerted"),
        MomentKind("orders.last_successful_sync", "another order is the newest"),
        MomentKind(
            "orders.shop_updated_at", "the shop's clock was ahead; they are watched all the same"
        ),
        MomentKind("compared.compared_at", "they are compared first"),
        MomentKind(
            "compared.shop_at", "the shop's clock was ahead; they are compared all the same"
        ),
        MomentKind("compared.away_since", "it counts from now on"),
        MomentKind("cancellations.next_attempt_at", _NO_WAIT, max(grace, CANCELLATION)),
        MomentKind("held.since", "VeraCore's stock is taken to be without them"),
        MomentKind("held.sent_at", "they count as sent by another"),
        MomentKind("hints.due_at", _NO_WAIT, HINT),
        MomentKind("hooks.next_attempt_at", _NO_WAIT, EVENT),
        MomentKind("hooks.failing_since", "they are alerted"),
        MomentKind("deliveries.next_attempt_at", _NO_WAIT, EVENT, "done_at IS NULL"),
        MomentKind("tracked.looked_at", _FIRST),
        MomentKind("tracked.asked_at", "the shop is asked again"),
        MomentKind("held.looked_at", _FIRST),
        MomentKind("slips.next_attempt_at", _NO_WAIT, SLIP, _OPEN),
        MomentKind("slips.since", "their packages settle from now on", where=_OPEN),
        MomentKind("alerts.opened_at", "they count from now on", where="resolved_at IS NULL"),
        MomentKind("runs.started_at", "the metrics do without them"),
        MomentKind("meta.created_at", "the next run takes it to be now"),
        MomentKind("meta.watch.updated_at", "30 days are read again"),
        MomentKind("meta.net.checked_at", "30 days are read again"),
        MomentKind("meta.net.deep_at", "30 days are read again"),
        MomentKind("meta.tracking.complete_at", "30 days are read again"),
        MomentKind("meta.returns.complete_at", "30 days are read again"),
    )


def ahead(database: Database, waits: Iterable[MomentKind], now: datetime) -> Iterator[Ahead]:
    """The stored times that lie further ahead than a correct clock puts them.

    Args:
        database: The ledger's.
        waits: As returned by `kinds`.
        now: The current time (UTC).

    Raises:
        LedgerError: It cannot be read.
    """
    for kind in waits:
        table, _, column = kind.place.partition(".")
        where, values = kind.where, [to_text(now + kind.longest + _SLACK)]
        if table == "meta":
            column, where, values = "value", "key = ?", [*values, column]
        row = database.row(
            f"SELECT count(*), max({column}) FROM {table} "  # noqa: S608 - our own words
            f"WHERE {column} > ? AND {where}",
            values,
        )
        if row is not None and row[0]:
            yield Ahead(kind, row[0], row[1])

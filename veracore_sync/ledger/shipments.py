"""What VeraCore shipped (tracked orders), and what became of each slip.

These rows are the work queue of the tracking job: a slip leaves it only by reaching an end state
(`SLIP_TRANSITIONS`), so no time cursor can lose a shipment.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from veracore_sync.clock import Clock, from_text, moment_of, tick, to_text
from veracore_sync.domain.order_history import SLIP_WORDS
from veracore_sync.domain.pick_slips import PackageFact, Rows, ShippingCost, SlipRow, TrackedRow
from veracore_sync.domain.states import (
    OPEN_SLIPS,
    SLIP_TRANSITIONS,
    Applied,
    PickSlipState,
    SlipAct,
)
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.history import History
from veracore_sync.ledger.sql import IN_LIST, as_list, in_sql
from veracore_sync.overdue import is_overdue
from veracore_sync.waits import SLIP, horizon, is_over_sql

_LOG = logging.getLogger(__name__)


class Shipments:
    """The tracked orders and slips of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._history = History(database, clock)

    def _now(self) -> str:
        return to_text(self._clock.now())

    # ---- reading ------------------------------------------------------------------------------

    def tracked(self, veracore_id: str) -> TrackedRow | None:
        """What is known of the shipping of that order, or ``None``."""
        row = self._db.row("SELECT * FROM tracked WHERE veracore_id = ?", (veracore_id,))
        return _tracked(row) if row else None

    def listed_since(self, day: str) -> list[TrackedRow]:
        """Our orders with a listed package that left on that day (``YYYY-MM-DD``) or later."""
        rows = self._db.rows(
            "SELECT * FROM tracked WHERE newest_day >= ? AND code IS NOT NULL", (day,)
        )
        return list(map(_tracked, rows))

    def slips(self, veracore_id: str) -> dict[str, SlipRow]:
        """The slips of an order by its VeraCore id, oldest first."""
        rows = self._db.rows(
            "SELECT * FROM slips WHERE veracore_id = ? ORDER BY first_seen_at, length(slip), slip",
            (veracore_id,),
        )
        return {row["slip"]: self._slip(row) for row in rows}

    def slips_of(self, code: str) -> list[SlipRow]:
        """The slips of an order by its code in the shop, oldest first."""
        rows = self._db.rows(
            "SELECT * FROM slips WHERE code = ? ORDER BY first_seen_at, length(slip), slip", (code,)
        )
        return [self._slip(row) for row in rows]

    def slips_by_code(self, codes: Sequence[str]) -> dict[str, list[SlipRow]]:
        """The slips of these orders by code, oldest first; only of those that have one."""
        found: dict[str, list[SlipRow]] = {}
        rows = self._db.rows(
            f"SELECT * FROM slips WHERE code {IN_LIST} "  # noqa: S608 - our own words
            "ORDER BY code, first_seen_at, length(slip), slip",
            (as_list(codes),),
        )
        for row in rows:
            found.setdefault(row["code"], []).append(self._slip(row))
        return found

    def tracked_by_code(self, codes: Sequence[str]) -> dict[str, TrackedRow]:
        """What is known of the shipping of these orders, by code, under their present ids."""
        rows = self._db.rows(
            "SELECT t.* FROM orders o JOIN tracked t ON t.veracore_id = o.veracore_id "  # noqa: S608
            f"AND t.code = o.code WHERE o.code {IN_LIST}",
            (as_list(codes),),
        )
        return {row["code"]: _tracked(row) for row in rows}

    def due(self) -> list[str]:
        """The codes of orders with a slip that is due."""
        # Not grouped by code: for that, SQLite reads every slip there ever was.
        rows = self._db.rows(
            "SELECT code FROM slips WHERE state IN ('open', 'intended', 'added') "  # noqa: S608
            f"AND {is_over_sql('next_attempt_at')} ORDER BY next_attempt_at, code",
            horizon(self._clock.now(), SLIP),
        )
        return list(dict.fromkeys(row["code"] for row in rows))

    def longest_unseen(self, limit: int, *, complete: bool | None = None) -> list[str]:
        """The codes of unshipped orders that VeraCore holds; see the port."""
        # An order that was never looked up counts from its acceptance. If new orders came first, a
        # busy shop's older ones would never be looked up again.
        rows = self._db.rows(
            "SELECT o.code FROM orders o LEFT JOIN tracked t ON t.veracore_id = o.veracore_id "
            "WHERE o.state = 'synced' AND o.veracore_id IS NOT NULL "
            "AND coalesce(?3, coalesce(t.complete, 0)) = coalesce(t.complete, 0) "
            "ORDER BY coalesce(t.looked_at <= ?1, TRUE), coalesce(t.looked_at, "
            "min(o.last_successful_sync, ?1), o.created_at), t.looked_at IS NOT NULL, o.code "
            "LIMIT ?2",
            (self._now(), limit, None if complete is None else int(complete)),
        )
        return [row["code"] for row in rows]

    def waiting_for(self, longest: timedelta) -> list[SlipRow]:
        """Slips that have been open for longer than that, or for an unknown time."""
        rows = self._db.rows(
            "SELECT * FROM slips WHERE state IN ('open', 'intended', 'added') "
            "ORDER BY since, code, slip"
        )
        # Not in SQL: `_slip` corrects a time that a wrong clock stored, by the slip's tick.
        now, found = self._clock.now(), map(self._slip, rows)
        return [one for one in found if is_overdue(from_text(one.since), now, longest)]

    def _slip(self, row: StoredRow) -> SlipRow:
        values: dict[str, Any] = dict(row)
        values["state"] = PickSlipState(values["state"])
        values["packages"] = tuple(tuple(one) for one in json.loads(values["packages"]))
        values["lines"] = json.loads(values["lines"]) if values["lines"] else None
        values["known"] = tuple(json.loads(values["known"])) if values["known"] else ()
        for column, ticked in _TICKED.items():
            moment = moment_of(values[ticked], self._clock)
            if moment is not None:
                # The tick is real time. By the stored text, a clock that was set forward would end
                # the wait at once: a second fulfilment while the first is still in progress, or a
                # tracking code before the labels have settled.
                values[column] = to_text(moment)
        return SlipRow(**values)

    # ---- what was seen ------------------------------------------------------------------------

    def asked(self, veracore_id: str, reference: str) -> None:
        """The shop was asked for that reference and has no such order."""
        now = self._now()
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO tracked (veracore_id, reference, asked_at, first_seen_at) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (veracore_id) DO UPDATE SET asked_at = ?",
                (veracore_id, reference, now, now, now),
            )

    def noticed(self, veracore_id: str, reference: str) -> None:
        """An order that the ledger does not hold was shipped, and could not be read."""
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO tracked (veracore_id, reference, first_seen_at) "
                "VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (veracore_id, reference, self._now()),
            )

    def unasked(self) -> list[TrackedRow]:
        """Orders that were `noticed` and have not been identified since."""
        rows = self._db.rows("SELECT * FROM tracked WHERE code IS NULL AND asked_at IS NULL")
        return list(map(_tracked, rows))

    def looked(
        self,
        code: str,
        veracore_id: str,
        *,
        reference: str,
        rows: Rows | None,
        seen: Mapping[str, Sequence[PackageFact]],
        costs: Mapping[str, ShippingCost] | None = None,
        complete: bool | None = None,
    ) -> None:
        """Record the slips that a look-up returned; a slip that changed is due at once.

        Args:
            code: The order.
            veracore_id: Its id at VeraCore.
            reference: As returned; empty if the dialect has none.
            rows: The packages in the list that caused the look-up, if a list did.
            seen: The packages by slip.
            costs: What they cost, by slip; ``None``: nothing is known of it.
            complete: Whether VeraCore has completed the order; ``None``: as before.
        """
        now = self._now()
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO tracked (veracore_id, code, reference, looked_at, first_seen_at) "
                "VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (veracore_id) DO UPDATE SET "
                "code = ?2, looked_at = ?4",
                (veracore_id, code, reference, now),
            )
            if complete is not None:
                connection.execute(
                    "UPDATE tracked SET complete = ? WHERE veracore_id = ?",
                    (int(complete), veracore_id),
                )
            if rows is not None:
                connection.execute(
                    "UPDATE tracked SET rows = ?, newest_day = ? WHERE veracore_id = ?",
                    (json.dumps(dict(rows)), max(rows.values(), default=None), veracore_id),
                )
            for slip, packages in seen.items():
                cost = (costs or {}).get(slip, ShippingCost())
                freight, charges = map(_amount, (cost.freight, cost.charges))
                row = (veracore_id, slip, code, _packed(packages), now, tick(self._clock))
                connection.execute(_SEE, (*row, _left_at(packages), freight, charges))

    # ---- what becomes of a slip ---------------------------------------------------------------

    def hold(self, row: SlipRow, reason: str, until: datetime | None, *, failed: bool) -> Applied:
        """The slip waits until then, or (``None``) until VeraCore shows something new."""
        return self._move(
            row,
            SlipAct.HOLD,
            reason=reason,
            next_attempt_at=to_text(until) if until else None,
            tries=row.tries + 1 if failed else row.tries,
        )

    def intend(
        self,
        row: SlipRow,
        lines: Mapping[str, int],
        *,
        method: str,
        tracking_code: str,
        known: Iterable[str],
        ends_by: datetime,
    ) -> Applied:
        """Commit the intent to fulfil the slip, before the request to the shop.

        Args:
            row: The slip.
            lines: Units by line id.
            method: The fulfilment's method.
            tracking_code: The fulfilment's tracking code.
            known: The ids of the fulfilments that the order already has.
            ends_by: When our side of the request has ended at the latest.

        Returns:
            `Applied.LOST` if the slip was changed meanwhile: then make no request.
        """
        # On disk first, with the fulfilments known so far: after a crash, the next run finds the
        # fulfilment that was made and adopts it. Without the intent it would make a second one.
        return self._move(
            row,
            SlipAct.INTEND,
            lines=json.dumps(dict(lines)),
            method=method,
            tracking_code=tracking_code,
            known=json.dumps(list(known)),
            intended_at=to_text(ends_by),
            intended_tick=tick(self._clock, ahead=ends_by - self._clock.now()),
            next_attempt_at=self._now(),
        )

    def unanswered(self, row: SlipRow, *, has_ended: bool) -> Applied:
        """The request has ended, and it is unknown whether it made a fulfilment.

        Args:
            row: The slip.
            has_ended: Whether the shop has finished too; otherwise it may still be working on it.
        """
        at = None if has_ended else self._now()
        ticked = None if has_ended else tick(self._clock)
        return self._move(row, SlipAct.UNANSWERED, intended_at=at, intended_tick=ticked)

    def close_requests(self, veracore_id: str) -> None:
        """Mark the requests of killed processes as ended; the caller holds the stock lock."""
        # A request is only made under the stock lock, so no live process has one in progress.
        now = self._now()
        for row in self.slips(veracore_id).values():
            if row.state is PickSlipState.INTENDED and (row.intended_at or "") > now:
                self.unanswered(row, has_ended=False)

    def withdraw(self, row: SlipRow) -> Applied:
        """The request made nothing: restore the slip as it was before the intent (`row`)."""
        before = {"intended_at": row.intended_at, "intended_tick": row.intended_tick}
        return self._move(row, SlipAct.WITHDRAW, row.state, **before)

    def add(
        self, row: SlipRow, fulfilment_id: str, lines: Mapping[str, int], tracking_code: str
    ) -> Applied:
        """The shop has that fulfilment of the slip, made now or earlier."""
        return self._move(
            row,
            SlipAct.ADD,
            fulfilment_id=fulfilment_id,
            lines=json.dumps(dict(lines)),
            tracking_code=tracking_code,
            next_attempt_at=self._now(),
        )

    def finish(self, row: SlipRow) -> Applied:
        """The slip's fulfilment is Shipped in the shop."""
        values = {"reason": None, "tries": 0}
        return self._move(row, SlipAct.FINISH, next_attempt_at=None, **values)

    def cover(self, row: SlipRow, tracking_code: str) -> Applied:
        """The slip's units are in fulfilments that were not made from it."""
        values = {"tracking_code": tracking_code}
        return self._move(row, SlipAct.COVER, next_attempt_at=None, **values)

    def hand_over(self, row: SlipRow, reason: str, *, failed: bool = False) -> Applied:
        """Hand the slip to a person; `failed`: count one more try."""
        values = {"reason": reason, "tries": row.tries + 1 if failed else row.tries}
        return self._move(row, SlipAct.HAND_OVER, next_attempt_at=None, **values)

    def reopen(self, code: str) -> None:
        """On a person's request: retry an order's failed or handed-over slips at once."""
        values = {"tries": 0, "next_attempt_at": self._now()}
        with self._db.transaction():
            for row in self.slips_of(code):
                if row.state in OPEN_SLIPS:
                    self._move(row, SlipAct.RETRY_NOW, **values)
                elif row.state is PickSlipState.HANDED and row.fulfilment_id is None:
                    self._move(row, SlipAct.REOPEN, PickSlipState.OPEN, **values)
                elif row.state is PickSlipState.HANDED and row.tries:
                    # The fulfilment was made and could not be set to Shipped: continue there. If
                    # nothing failed, a person has to decide about the fulfilment itself.
                    self._move(row, SlipAct.REOPEN, PickSlipState.ADDED, **values)

    def retry_now(self) -> None:
        """On a person's request: retry all failed slips at once."""
        now = self._now()
        with self._db.transaction():
            failed = (
                "SELECT * FROM slips WHERE state IN ('open', 'intended', 'added') "
                "AND tries > 0 AND next_attempt_at > ?"
            )
            for row in map(self._slip, self._db.rows(failed, (now,))):
                self._move(row, SlipAct.RETRY_NOW, next_attempt_at=now)

    def correct(self, row: SlipRow, tracking_code: str) -> Applied:
        """The packages got other labels after the slip was fulfilled."""
        return self._move(row, SlipAct.CORRECT, tracking_code=tracking_code)

    def prune(self, before: datetime) -> int:
        """Delete orders that are not ours and were first seen before then; returns how many."""
        with self._db.transaction() as connection:
            return connection.execute(
                "DELETE FROM tracked WHERE code IS NULL AND first_seen_at < ?", (to_text(before),)
            ).rowcount

    def _move(
        self, row: SlipRow, act: SlipAct, to: PickSlipState | None = None, /, **values: Any
    ) -> Applied:
        """Write a transition if the slip is in a state that allows it (compare and set)."""
        transition = SLIP_TRANSITIONS[act]
        state = transition.target(to)
        if state is not None:
            values["state"] = state
        values["updated_at"] = self._now()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        with self._db.transaction() as connection:
            changed = connection.execute(
                f"UPDATE slips SET {columns} "  # noqa: S608 - our own columns
                "WHERE veracore_id = :id AND slip = :slip "
                f"AND state IN ({in_sql(transition.sources)})",
                {**values, "id": row.veracore_id, "slip": row.slip},
            ).rowcount
            if changed and act in SLIP_WORDS:
                words = SLIP_WORDS[act].format_map(values)
                self._history.add(row.code, "shipment", f"slip {row.slip}: {words}")
        if changed:
            return Applied.DONE
        _LOG.warning(
            "order %s, slip %s was changed meanwhile: %s came too late, nothing changed",
            row.code,
            row.slip,
            act,
        )
        return Applied.LOST


_TICKED = {"since": "since_tick", "intended_at": "intended_tick"}

_SEE = """
INSERT INTO slips (veracore_id, slip, code, state, packages, since, next_attempt_at, first_seen_at,
    updated_at, since_tick, left_at, freight, charges)
VALUES (?1, ?2, ?3, 'open', ?4, ?5, ?5, ?5, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (veracore_id, slip) DO UPDATE SET
    packages = excluded.packages,
    since = CASE WHEN slips.packages = excluded.packages THEN min(slips.since, ?5) ELSE ?5 END,
    since_tick = CASE WHEN slips.packages = excluded.packages AND slips.since <= ?5
        THEN slips.since_tick ELSE ?6 END,
    next_attempt_at = CASE
        WHEN slips.state NOT IN ('open', 'intended', 'added') THEN NULL
        WHEN slips.tries > 0 AND slips.packages = excluded.packages THEN slips.next_attempt_at
        ELSE ?5 END,
    updated_at = ?5,
    left_at = ?7,
    freight = ?8,
    charges = ?9
"""


def _packed(packages: Sequence[PackageFact]) -> str:
    return json.dumps(sorted(map(list, packages), key=str), ensure_ascii=False)


def _left_at(packages: Sequence[PackageFact]) -> str | None:
    """When the last of the packages that are not void left; ``None``: none has."""
    left = [shipped_at for *_, shipped_at, is_void in packages if shipped_at and not is_void]
    return max(left, default=None)


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _tracked(row: StoredRow) -> TrackedRow:
    return TrackedRow(**{**dict(row), "rows": json.loads(row["rows"])})

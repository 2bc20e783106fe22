"""The transition of an order whose code the shop has given to another order."""

from __future__ import annotations

from typing import Any

from veracore_sync.domain.differences import NOT_OF_ORDERS
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, OrderRow
from veracore_sync.domain.states import (
    OPEN_SLIPS,
    QUEUED,
    TRANSITIONS,
    Applied,
    OrderAct,
    OrderCause,
    OrderState,
    PickSlipState,
)
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.queueing import Queueing
from veracore_sync.ledger.sql import in_sql

_OF_AN_ORDER = (
    "attempts",
    "held",
    "compared",
    "cancellations",
    "slips",
    "tracked",
    "alerts",
    "accepted",
    "history",
)
"""The tables with a column for an order's code. Events keep it: they are history."""
_ENDED_BY_VERACORE = (
    AlertKind.ORDER_CONFLICT,
    AlertKind.ORDER_CANCELLED_IN_SHOP,
    AlertKind.ORDER_NOT_CANCELLED,
    AlertKind.ORDER_SHIPPED_CANCELLED,
)
"""Alerts that stay: a parcel still leaves that must not."""
_GONE = "the shop no longer has it: another order has its code now"


class SettingAside(Queueing):
    """The transition of an order that loses its code."""

    def set_aside(self, row: OrderRow, name: str, found: Discovery | None) -> Applied:
        """Keep the order under another name, and record the one that has its code now.

        Attempts, holdings and slips follow; the VeraCore id stays its own.

        Args:
            row: The order, as it was read.
            name: A code that no order of the ledger has.
            found: The new order; ``None`` leaves its discovery to the run.

        Returns:
            `Applied.LOST` if the order was changed meanwhile; `Applied.NEWS` if a person has to
            decide about the new one.
        """
        # One transaction: killed at any point, the ledger has the earlier order alone, or both.
        with self._db.transaction() as connection:
            state = self._rename(connection, row, name)
            if state is None:
                return Applied.LOST
            if state in QUEUED:
                self._move(
                    connection,
                    name,
                    OrderAct.SKIP,
                    cause=OrderCause.STATE,
                    error_class=Category.VALIDATION,
                    error_message=_GONE,
                    next_attempt_at=None,
                )
            self._end_what_only_the_shop_could_end(connection, name)
            pass_failpoint("set aside")
            if found is None:
                return Applied.DONE
            self.discover([found])
            if found.state is not OrderState.CONFLICT or found.trouble is None:
                return Applied.DONE
            return self._alert(AlertKind.ORDER_CONFLICT, found.trouble.message, found.code)

    def _rename(self, connection: Transaction, row: OrderRow, name: str) -> str | None:
        """Rename the order, if it is as it was read; its state."""
        sources = in_sql(TRANSITIONS[OrderAct.SET_ASIDE].sources)
        stored = connection.execute(
            "SELECT * FROM orders WHERE code = :code AND vendure_id = :id "  # noqa: S608 - states
            f"AND coalesce(placed_at, '') = :placed_at AND state IN ({sources})",
            {"code": row.code, "id": row.vendure_id, "placed_at": row.placed_at or ""},
        ).fetchone()
        if stored is None:
            return None
        # A copy, because other tables refer to the code: they follow before the old row is deleted.
        # The copy gets its VeraCore id last, because that is unique.
        values: dict[str, Any] = dict(stored)
        values |= {"code": name, "shop_code": row.code, "veracore_id": None}
        values["updated_at"] = self._now()
        columns, places = ", ".join(values), ", ".join(f":{one}" for one in values)
        connection.execute(
            f"INSERT INTO orders ({columns}) VALUES ({places})",  # noqa: S608 - our own columns
            values,
        )
        self._rename_in_other_tables(connection, row.code, name)
        connection.execute("DELETE FROM orders WHERE code = :code", {"code": row.code})
        connection.execute(
            "UPDATE orders SET veracore_id = :id WHERE code = :name",
            {"id": stored["veracore_id"], "name": name},
        )
        return str(stored["state"])

    def _rename_in_other_tables(self, connection: Transaction, code: str, name: str) -> None:
        names = {"name": name, "code": code}
        for table in _OF_AN_ORDER:
            connection.execute(
                f"UPDATE {table} SET code = :name WHERE code = :code",  # noqa: S608 - our own tables
                names,
            )
        for table in ("alerts", "accepted"):
            # Behind the code of some stands which of several it is.
            connection.execute(
                f"UPDATE {table} SET key = kind || ':' || code || "  # noqa: S608 - constants
                "substr(key, length(kind) + length(:code) + 2) WHERE code = :name",
                names,
            )
        # They are about the order that has the code now, and nobody has compared that one.
        connection.execute("DELETE FROM agreed WHERE code = :code", names)
        connection.execute(
            "UPDATE differences SET ended_at = :now WHERE name = :code "  # noqa: S608 - constants
            f"AND ended_at IS NULL AND type NOT IN ({in_sql(NOT_OF_ORDERS)})",
            names | {"now": self._now()},
        )
        self._rename_what_is_remembered(connection, names)

    def _rename_what_is_remembered(self, connection: Transaction, names: dict[str, str]) -> None:
        # What is remembered of an order has a key that ends in its code. That the shop gave no
        # usable answer about it is over: it is not asked about it any more.
        of_it = (
            "length(key) > length(:code) + 1 "
            "AND substr(key, length(key) - length(:code)) = ':' || :code"
        )
        connection.execute(
            f"DELETE FROM meta WHERE substr(key, 1, 7) = 'unread:' AND {of_it}",  # noqa: S608
            names,
        )
        connection.execute(
            "UPDATE meta SET key = substr(key, 1, length(key) - length(:code)) || :name "  # noqa: S608
            f"WHERE {of_it}",
            names,
        )

    def _end_what_only_the_shop_could_end(self, connection: Transaction, name: str) -> None:
        connection.execute(
            "UPDATE slips SET state = :handed, reason = :reason, next_attempt_at = NULL, "  # noqa: S608
            f"updated_at = :now WHERE code = :name AND state IN ({in_sql(OPEN_SLIPS)})",
            {
                "handed": PickSlipState.HANDED,
                "reason": _GONE,
                "now": self._now(),
                "name": name,
            },
        )
        self._alerts.resolve_order(name, keep=_ENDED_BY_VERACORE)

"""The outbox: events, written in the transaction of the change that they tell of."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database


class Outbox:
    """The events of one ledger that wait for their hooks.

    Args:
        database: The ledger's.
        clock: The wall clock.
        hooks: The names of the hooks that get events; without any, no event is kept.
    """

    def __init__(self, database: Database, clock: Clock, hooks: Sequence[str]) -> None:
        self._db = database
        self._clock = clock
        self._hooks = tuple(hooks)

    def add(self, kind: str, code: str | None, data: Mapping[str, Any]) -> None:
        """Write an event, in the transaction that is open.

        Args:
            kind: For example ``order.synced`` (docs/events.md).
            code: The order's code, where it concerns one: its events are delivered in order.
            data: What happened, as JSON values.
        """
        if not self._hooks:
            return
        with self._db.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO events (id, type, code, at, data) VALUES (?, ?, ?, ?, ?)",
                (
                    f"evt_{secrets.token_hex(12)}",
                    kind,
                    code,
                    to_text(self._clock.now()),
                    json.dumps(dict(data), ensure_ascii=False),
                ),
            )
            connection.executemany(
                "INSERT INTO deliveries (seq, hook) VALUES (?, ?)",
                [(cursor.lastrowid, hook) for hook in self._hooks],
            )

"""Facts about the whole ledger: when it was created, for which pair, how far each scan came."""

from __future__ import annotations

import json
import logging
import operator
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.identity import in_another_channel
from veracore_sync.domain.ledger_records import ORDERS_LISTED
from veracore_sync.domain.states import QUEUED, AttemptOutcome
from veracore_sync.ledger.closed import ABOUT_MOVES, REBUILDING, refuse_closed
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.sql import in_sql
from veracore_sync.waits import is_ahead

_LOG = logging.getLogger(__name__)

_AT_FIRST = ("created_at", *ABOUT_MOVES)
_AHEAD = "shop.ahead_seconds"
ID_PREFIXES = "orders.id_prefixes"
"""The key of what `Meta.id_prefixes` returns, as JSON."""
_RESTORED = "restored_at"
STOCK_BASELINE = "stock.baseline"
"""The key of what `StockBaseline` says of all levels; without it, a stock run reads everything."""
_LIVE = "live_since"
_RECORDED_OF = {
    "shop": (
        "FROM orders",
        "FROM stock_skus",
        f"FROM meta WHERE key = '{ORDERS_LISTED}'",
    ),
    "warehouse": (
        f"FROM attempts WHERE coalesce(outcome, '') <> '{AttemptOutcome.NOT_SENT}'",
        f"FROM orders WHERE state NOT IN ({in_sql(QUEUED)})",
        "FROM tracked",
        "FROM stock_skus",
    ),
}
"""Where something is recorded of each side as soon as it has, or may have, answered."""
_SAME = "if it is the same {side} at another address, run `veracore-sync ledger rebind`; "
_CHANNEL = (
    "only vendure.channel_token differs: correct it, or leave it out; if the channel was given "
    "another token in Vendure, run `veracore-sync ledger rebind`; "
)
_ANOTHER = "for another one set another ledger.path, or ledger.schema_name"
_BACKUP = "name one of this {side}; an older backup is restored with the settings of its time first"
_TOLERANCE = timedelta(minutes=5)
_A_DAY = 86_400.0


def as_prefixes(stored: str | None) -> tuple[str, ...]:
    """What is stored under `ID_PREFIXES`."""
    return tuple(json.loads(stored or "[]"))


def _hint(side: str, held: str, ours: str) -> str:
    is_channel = side == "shop" and in_another_channel(held, ours)
    return (_CHANNEL if is_channel else _SAME.format(side=side)) + _ANOTHER


class Meta:
    """Key-value pairs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        marks = ", ".join("?" * len(_AT_FIRST))
        rows = database.rows(f"SELECT key, value FROM meta WHERE key IN ({marks})", _AT_FIRST)  # noqa: S608
        found = {row["key"]: row["value"] for row in rows}
        refuse_closed(found, database.place)
        if "created_at" not in found:
            self._initialise()

    def _initialise(self) -> None:
        alphabet = string.ascii_uppercase + string.digits
        facts = {
            "created_at": to_text(self._clock.now()),
            "probe_id": "".join(secrets.choice(alphabet) for _ in range(20)),
            "hash_key": secrets.token_hex(16),
        }
        with self._db.transaction() as connection:
            connection.executemany(
                # DO NOTHING: several processes may create the ledger at once; the first one wins.
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
                list(facts.items()),
            )

    def get(self, key: str) -> str | None:
        """The value, or ``None``."""
        value: str | None = self._db.value("SELECT value FROM meta WHERE key = ?", (key,))
        return value

    def put(self, key: str, value: str) -> None:
        """Set the value."""
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def moment(self, key: str) -> datetime | None:
        """The value as an aware UTC time; ``None`` if there is none or it lies in the future."""
        text = self.get(key)
        # These are cursors. One that a wrong clock put into the future would hide every change
        # until then, so it is ignored and the scan starts over.
        found = from_text(text) if text else None
        return None if found is None or is_ahead(found, self._clock.now()) else found

    @property
    def created_at(self) -> datetime:
        """When this ledger was created (UTC)."""
        return from_text(self._required("created_at"))

    def note_shop_clock(self, ahead_seconds: float | None) -> None:
        """Store how far the shop's clock was ahead of ours at the first response with a date."""
        # Only the first: go-live is compared with the shop's placement times, and what counts as
        # earlier must not change afterwards.
        if ahead_seconds is not None and self.get(_AHEAD) is None:
            self.put(_AHEAD, str(round(max(-_A_DAY, min(ahead_seconds, _A_DAY)))))

    @property
    def id_prefixes(self) -> tuple[str, ...]:
        """Each ``orders.id_prefix`` with which this ledger was used, the first one first."""
        return as_prefixes(self.get(ID_PREFIXES))

    def note_id_prefix(self, prefix: str) -> None:
        """Remember that ids are made with this prefix from now on."""
        # A restored ledger looks up what the one that it replaced may have sent, and a setting
        # that was changed in between no longer tells under which ids.
        if prefix in self.id_prefixes:
            return
        with self._db.transaction():
            # Read again: another host may just have noted its own.
            self.put(ID_PREFIXES, json.dumps(list(dict.fromkeys((*self.id_prefixes, prefix)))))

    @property
    def live_since(self) -> datetime:
        """The earliest go-live, by the shop's clock (UTC): older orders are not sent."""
        before = self.get(_LIVE)
        if before is not None:
            return from_text(before)
        # With a tolerance: an order that is wrongly taken for an earlier one is never sent, while
        # one too many is looked up at VeraCore first.
        return self.created_at - _TOLERANCE + min(timedelta(0), self._shop_ahead)

    @property
    def live_for_certain(self) -> datetime:
        """The latest go-live, by the shop's clock (UTC): later orders are certainly after it."""
        return self.created_at + max(timedelta(0), self._shop_ahead)

    def note_restored(self, now: datetime) -> None:
        """Record that this ledger replaced another one by a restore."""
        self.put(_RESTORED, to_text(now))
        # What the other ledger sent after the backup is unknown, so every order is looked up once
        # more before it is sent.
        with self._db.transaction() as connection:
            connection.execute("UPDATE orders SET looked_up = 0")
            # What it wrote as stock is unknown, too.
            connection.execute("DELETE FROM meta WHERE key = ?", (STOCK_BASELINE,))

    @property
    def rebuilding(self) -> str | None:
        """What `begin_rebuild` stored, while the ledger is being rebuilt."""
        return self.get(REBUILDING)

    def begin_rebuild(self, what: str) -> None:
        """Close the ledger for every other command that writes, until `end_rebuild`."""
        self.put(REBUILDING, what)

    def end_rebuild(self, now: datetime, live_since: datetime | None) -> None:
        """Everything that both sides can show is recorded; see the port."""
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key IN (?, ?)", (REBUILDING, STOCK_BASELINE))
            # Until now an earlier ledger may have sent orders: what was not found is looked up once
            # more before it is sent.
            self.put(_RESTORED, to_text(now))
            if live_since is not None:
                self.put(_LIVE, to_text(live_since))

    @property
    def unknown_until(self) -> datetime | None:
        """Orders placed before this (the shop's clock) may have been sent by a replaced ledger."""
        text = self.get(_RESTORED)
        return from_text(text) + max(timedelta(0), self._shop_ahead) if text else None

    @property
    def _shop_ahead(self) -> timedelta:
        return timedelta(seconds=float(self.get(_AHEAD) or 0))

    @property
    def probe_id(self) -> str:
        """An order id that cannot exist: 20 random characters, drawn once a ledger."""
        return self._required("probe_id")

    @property
    def hash_key(self) -> bytes:
        """The key of this ledger's hashes."""
        # Without a key, hashes of addresses or passwords could be guessed from a copy of the file.
        return bytes.fromhex(self._required("hash_key"))

    def _required(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def bind(
        self,
        shop: str,
        warehouse: str,
        *,
        is_same: Callable[[str, str], bool] = operator.eq,
        write: bool = True,
        is_own: bool = True,
    ) -> tuple[str, ...]:
        """Bind this ledger to one shop and one warehouse, or check that it is bound to these.

        One that holds nothing of a side yet is bound anew, because its address was mistyped.

        Args:
            shop: Admin API address and channel.
            warehouse: Dialect, base address and company.
            is_same: Whether two texts name one warehouse; its address may be written in many ways.
            write: Bind an unbound ledger.
            is_own: It is the ledger that the settings name, not a backup or another's.

        Returns:
            The sides, ``shop`` and ``warehouse``, that it was bound to anew.

        Raises:
            ConfigError: The ledger belongs to another pair.
        """
        anew = []
        if write:
            self._correct_created_at()
        for side, held, ours in self._differing(shop, warehouse, is_same):
            if held is not None and (not is_own or self._holds(side)):
                raise ConfigError(
                    f"this ledger belongs to the {side} {held}, not to {ours}",
                    hint=_hint(side, held, ours) if is_own else _BACKUP.format(side=side),
                )
            if write:
                self.put(f"identity.{side}", ours)
                anew += [side] if held is not None else []
        return tuple(anew)

    def apart(
        self, shop: str, warehouse: str, *, is_same: Callable[[str, str], bool] = operator.eq
    ) -> dict[str, tuple[str, str]]:
        """What this ledger is bound to, and what was named, of each side that `bind` refuses."""
        return {
            side: (held, ours)
            for side, held, ours in self._differing(shop, warehouse, is_same)
            if held is not None and self._holds(side)
        }

    def rebind(self, identities: Mapping[str, str]) -> None:
        """The same shop or warehouse has another address now: the identities of `bind`, by side."""
        with self._db.transaction():
            for side, identity in identities.items():
                self.put(f"identity.{side}", identity)
            # Until now another ledger may have served the new address, and sent orders.
            self.note_restored(self._clock.now())

    def _differing(
        self, shop: str, warehouse: str, is_same: Callable[[str, str], bool]
    ) -> Iterator[tuple[str, str | None, str]]:
        for side, ours, same in (("shop", shop, operator.eq), ("warehouse", warehouse, is_same)):
            held = self.get(f"identity.{side}")
            if held is None or not same(held, ours):
                yield side, held, ours

    def _holds(self, side: str) -> bool:
        return any(self._db.row(f"SELECT 1 {of} LIMIT 1") for of in _RECORDED_OF[side])

    def _correct_created_at(self) -> None:
        """Move a creation time that lies in the future back to now."""
        stored, now = self._required("created_at"), to_text(self._clock.now())
        if stored <= now:
            return
        # A ledger that was created under a clock years ahead would take every order for placed
        # before go-live, and send none. But the clock may be wrong now instead: so the corrected
        # time stays after every order that the ledger already holds, by more than `live_since` is
        # earlier, or orders that were dealt with before go-live would be sent.
        newest = self._db.value("SELECT max(placed_at) FROM orders")
        margin = _TOLERANCE - min(timedelta(0), self._shop_ahead) + timedelta(milliseconds=1)
        after = to_text(from_text(newest) + margin) if newest else now
        corrected = max(now, after)
        if stored > corrected:
            _LOG.warning(
                "the ledger's creation time %s lies in the future: corrected to %s",
                stored,
                corrected,
            )
            self.put("created_at", corrected)

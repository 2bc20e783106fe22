"""Facts about the ledger as a whole: when it was made, whom it serves, how far it has watched."""

from __future__ import annotations

import logging
import secrets
import string
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.errors import ConfigError
from veracore_sync.ledger.database import Database
from veracore_sync.waits import is_ahead

_LOG = logging.getLogger(__name__)

_AHEAD = "shop.ahead_seconds"
_RESTORED = "restored_at"
_ROOM = timedelta(minutes=5)
_A_DAY = 86_400.0


class Meta:
    """Key and value, read and written whole."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        if self.get("created_at") is None:
            self._initialise()

    def _initialise(self) -> None:
        alphabet = string.ascii_uppercase + string.digits
        born = {
            "created_at": to_text(self._clock.now()),
            "probe_id": "".join(secrets.choice(alphabet) for _ in range(20)),
            "hash_key": secrets.token_hex(16),
        }
        with self._db.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", list(born.items())
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
        """The value as an aware UTC moment; ``None`` where there is none, or it is still to come.

        It says how far something has come: what nobody can have reached is worth nothing.
        """
        text = self.get(key)
        found = from_text(text) if text else None
        return None if found is None or is_ahead(found, self._clock.now()) else found

    @property
    def created_at(self) -> datetime:
        """When this ledger was made (UTC)."""
        return from_text(self._certain("created_at"))

    def note_shop_clock(self, ahead_seconds: float | None) -> None:
        """Keep how far the shop's clock was ahead of ours when an answer first carried its time."""
        if ahead_seconds is not None and self.get(_AHEAD) is None:
            self.put(_AHEAD, str(round(max(-_A_DAY, min(ahead_seconds, _A_DAY)))))

    @property
    def live_since(self) -> datetime:
        """The earliest moment of the shop's clock at which this ledger was there (UTC).

        With room: that clock may run behind the one that its answers tell, and an order that is
        taken for an earlier one never leaves, while one too many is looked up before it is sent.
        """
        return self.created_at - _ROOM + min(timedelta(0), self._shop_ahead)

    @property
    def live_for_certain(self) -> datetime:
        """The latest moment of the shop's clock at which this ledger may not have been there."""
        return self.created_at + max(timedelta(0), self._shop_ahead)

    def note_restored(self, now: datetime) -> None:
        """It was put in another's place, whose sends since the backup nobody here knows."""
        self.put(_RESTORED, to_text(now))
        with self._db.transaction() as connection:
            connection.execute("UPDATE orders SET looked_up = 0")

    @property
    def unknown_until(self) -> datetime | None:
        """Up to when (by the shop's clock) another ledger may have sent what this one holds."""
        text = self.get(_RESTORED)
        return from_text(text) + max(timedelta(0), self._shop_ahead) if text else None

    @property
    def _shop_ahead(self) -> timedelta:
        return timedelta(seconds=float(self.get(_AHEAD) or 0))

    @property
    def probe_id(self) -> str:
        """An order id that cannot exist: 20 random characters, drawn once a ledger."""
        return self._certain("probe_id")

    @property
    def hash_key(self) -> bytes:
        """The key of this ledger's hashes, so that they tell nothing to anyone without it."""
        return bytes.fromhex(self._certain("hash_key"))

    def _certain(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def bind(self, shop: str, warehouse: str, *, write: bool = True) -> None:
        """Tie this ledger to one shop and one warehouse, or check that it is tied to these.

        Args:
            shop: Admin API address and channel.
            warehouse: Dialect, base address and company.
            write: Store the tie where there is none yet.

        Raises:
            ConfigError: The ledger belongs to another pair.
        """
        if write:
            self._initialise_by_now()
        for side, ours in (("shop", shop), ("warehouse", warehouse)):
            held = self.get(f"identity.{side}")
            if held is None and write:
                self.put(f"identity.{side}", ours)
            elif held is not None and held != ours:
                raise ConfigError(
                    f"this ledger belongs to the {side} {held}, not to {ours}",
                    hint="use another ledger.path for another pair; "
                    "orders of two pairs in one ledger would be confused",
                )

    def _initialise_by_now(self) -> None:
        """Orders placed before the ledger was made are never sent: it cannot be made in years.

        It may be now that is wrong: then no order that is held must come to have been placed later,
        or what somebody else dealt with before this ledger was made would be sent.
        """
        stored, now = self._certain("created_at"), to_text(self._clock.now())
        if stored <= now:
            return
        newest = self._db.value("SELECT max(placed_at) FROM orders")
        # `live_since` is so much earlier, and none of these may become one of its orders.
        room = _ROOM - min(timedelta(0), self._shop_ahead) + timedelta(milliseconds=1)
        after = to_text(from_text(newest) + room) if newest else now
        born = max(now, after)
        if stored > born:
            _LOG.warning("the ledger says that it was made at %s: taken to be %s", stored, born)
            self.put("created_at", born)

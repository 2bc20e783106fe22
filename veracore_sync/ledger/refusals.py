"""Refused credentials, remembered by a digest.

Trying refused credentials with every run could lock the account. They are tried once an hour, and
at once when they change. A digest with the ledger's key: no secret is stored.
"""

from __future__ import annotations

import hashlib
import hmac

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.meta import Meta
from veracore_sync.waits import TRIAL, is_over


class Refusals:
    """The refused credentials of one ledger."""

    def __init__(self, database: Database, meta: Meta, clock: Clock) -> None:
        self._db = database
        self._meta = meta
        self._clock = clock

    def _digest(self, credentials: str) -> str:
        return hmac.new(self._meta.hash_key, credentials.encode(), hashlib.sha256).hexdigest()

    def remember(self, upstream: str, credentials: str) -> None:
        """These credentials were refused just now, with a message that is listed for that."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO refusals (upstream, digest, refused_at, tried_at) "
                "VALUES (?1, ?2, ?3, ?3) "
                "ON CONFLICT (upstream) DO UPDATE SET digest = ?2, tried_at = ?3, refused_at = "
                "CASE WHEN refusals.digest = ?2 THEN refusals.refused_at ELSE ?3 END",
                (upstream, self._digest(credentials), now),
            )

    def forget(self, upstream: str) -> None:
        """The upstream's credentials were accepted, or a person wants them tried."""
        if self._db.row("SELECT 1 FROM refusals WHERE upstream = ?", (upstream,)) is None:
            return
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM refusals WHERE upstream = ?", (upstream,))

    def standing(self, upstream: str) -> str | None:
        """Since when the upstream refuses its credentials (a UTC text), or ``None``."""
        since: str | None = self._db.value(
            "SELECT refused_at FROM refusals WHERE upstream = ?", (upstream,)
        )
        return since

    def blocks(self, upstream: str, credentials: str) -> bool:
        """Whether these credentials are recorded as refused; writes nothing."""
        return self._standing_with(upstream, self._digest(credentials)) is not None

    def may_try(self, upstream: str, credentials: str) -> bool:
        """Whether to try these credentials; claims the hour's trial if they were refused."""
        wanted = self._digest(credentials)
        if self._standing_with(upstream, wanted) is None:
            return True
        with self._db.transaction() as connection:
            tried_at = self._standing_with(upstream, wanted)
            if tried_at is None:
                return True
            now = self._clock.now()
            if not is_over(from_text(tried_at) + TRIAL, now, TRIAL):
                return False
            connection.execute(
                "UPDATE refusals SET tried_at = ? WHERE upstream = ?", (to_text(now), upstream)
            )
        return True

    def _standing_with(self, upstream: str, digest: str) -> str | None:
        tried: str | None = self._db.value(
            "SELECT tried_at FROM refusals WHERE upstream = ? AND digest = ?", (upstream, digest)
        )
        return tried

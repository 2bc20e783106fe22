"""What each transaction tells the server at its beginning, because no session keeps it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

SETTINGS = """
SELECT set_config('search_path', $1, true), set_config('statement_timeout', $2, true),
    set_config('lock_timeout', $3, true),
    set_config('idle_in_transaction_session_timeout', $4, true),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)
"""
# With synchronous_commit off, a crash of the server loses the last commits. An intent that is lost
# after its request has left means a second order.


class TimeLimits(NamedTuple):
    """How many seconds the server lets a transaction wait; 0: for ever."""

    statement: float
    lock: float
    idle: float


def settings(schema: str, limits: TimeLimits) -> list[str]:
    """The values of `SETTINGS`."""
    return [f'"{schema}"', *(str(round(1000 * limit)) for limit in limits)]


def lock_key(schema: str) -> int:
    """The number of the advisory lock for which the writers of that schema wait."""
    digest = hashlib.blake2b(f"veracore-sync ledger {schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)

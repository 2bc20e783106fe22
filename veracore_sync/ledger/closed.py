"""Ledgers that may not be used: moved away, not complete yet, or of another version."""

from __future__ import annotations

import json
from collections.abc import Mapping

from veracore_sync.domain.errors import ConfigError, LedgerError, LedgerOutdated

MOVED = "moved"
"""In `meta` of a ledger that was moved away: which move, whereto, what to set now."""
INCOMING = "incoming"
"""In `meta` of a ledger that is not complete yet: which move, of which ledger."""
ARRIVED = "arrived"
"""In `meta` of a ledger that came by a move: which move it was."""
REBUILDING = "rebuilding"
"""In `meta` of a ledger that `ledger rebuild` has not filled yet: since when, from which day."""

ABOUT_MOVES = (MOVED, INCOMING, ARRIVED)
"""What a move does not copy: each place has its own."""


def refuse_closed(facts: Mapping[str, str], place: object) -> None:
    """Refuse a ledger that is not, or not yet, the one that is in use.

    Args:
        facts: What `meta` says of moves.
        place: Where this ledger is, in words.

    Raises:
        ConfigError: It was moved away.
        LedgerError: It is not complete.
    """
    if INCOMING in facts:
        raise incomplete(place)
    if MOVED in facts:
        seal = json.loads(facts[MOVED])
        raise ConfigError(
            f"the ledger {place} was moved to {seal['to']} at {seal['at']}; this one is sealed",
            hint=seal["hint"],
        )


def incomplete(place: object) -> LedgerError:
    """The error for a ledger that is being moved in."""
    return LedgerError(
        f"the ledger {place} is not complete: it is being moved there, or the move was interrupted",
        hint="wait for it; or run the same `veracore-sync ledger move --to PLACE` again, "
        "with the settings "
        "of the old place",
    )


def being_rebuilt(place: object) -> ConfigError:
    """The error for a ledger that does not know yet what an earlier one had sent."""
    return ConfigError(
        f"the ledger {place} is being rebuilt and does not know all orders yet: nothing is sent or "
        "written before it does",
        hint="run `veracore-sync ledger rebuild --apply`, which goes on where it stopped",
    )


def refuse_version(found: int, wanted: int, place: object, *, read_only: bool) -> None:
    """Refuse a ledger that is newer than this program, or older and may not be upgraded.

    Raises:
        LedgerError: It is.
    """
    if found > wanted:
        raise LedgerError(
            f"the ledger {place} was written by a newer veracore-sync",
            hint="upgrade veracore-sync on this host too, or restore the backup from before the "
            "upgrade",
        )
    if found < wanted and read_only:
        raise LedgerOutdated(
            f"the ledger {place} is from an older version, or empty",
            hint="run any sync command once, for example `veracore-sync sync-orders`: "
            "it upgrades the ledger",
        )

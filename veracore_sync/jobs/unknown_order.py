"""What is said where a command names an order that the ledger does not hold."""

from __future__ import annotations

import shlex

from veracore_sync.domain.errors import UsageError


def unknown_order(name: str) -> UsageError:
    """The error; its hint asks the shop about the order and sends nothing."""
    return UsageError(
        f"the ledger holds no order {name}",
        hint="check the code, which is case-sensitive; `veracore-sync sync-orders "
        f"--order {shlex.quote(name)} --dry-run` says what becomes of an order of the shop",
    )

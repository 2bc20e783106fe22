"""The order that a command is to act on, and what is said where there is none or no one."""

from __future__ import annotations

from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.ports.order_ledger import OrderStore


def order_to_act_on(orders: OrderStore, name: str) -> OrderRow:
    """The one order that can be meant by a code, a VeraCore id or a Vendure id.

    Raises:
        UsageError: The ledger holds none, or another order may be meant.
    """
    found = orders.named(name)
    if not found:
        raise unknown_order(name)
    row = found[0]
    # Where the shop counts its orders, a code that the ledger does not hold is another order's id.
    is_guess = len(found) > 1 or (name.isdigit() and row.reference.isdigit())
    if row.code != name and is_guess:
        codes = " and ".join(one.code for one in found)
        raise UsageError(
            f"no order in the ledger has the code {name}, which is an id of {codes}",
            hint="name the order that you mean by its code; "
            f"{command('stats --order CODE', CODE=row.code)} shows {row.code}",
        )
    return row


def unknown_order(name: str) -> UsageError:
    """The error; its hint asks the shop about the order and sends nothing."""
    return UsageError(
        f"the ledger holds no order {name}",
        hint="check the code, which is case-sensitive; "
        f"{command('sync-orders --order CODE --dry-run', CODE=name)} says what becomes of an order "
        "of the shop",
    )

"""Another order of the shop has the code of an order that the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import Category
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.order_records import Discovery, Failure, OrderRow
from veracore_sync.domain.orders import Order, OrderStub
from veracore_sync.domain.states import Applied, OrderState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.ports.ledger import Ledger


def stub_of(order: Order) -> OrderStub:
    """An order that was read in full, as a list shows it."""
    return OrderStub(
        id=order.id,
        code=order.code,
        state=order.state,
        type=order.type,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


@dataclass(slots=True)
class Identities(RunPart[OrdersReport]):
    """Sets the earlier order aside, so that neither is ever taken for the other."""

    def check(self, stubs: Iterable[OrderStub]) -> set[str]:
        """The codes among these that mean another order now; what had them before is set aside."""
        listed = {stub.code: stub for stub in stubs}
        held = self.ledger.orders.held(list(listed))
        changed = {
            code
            for code, row in held.items()
            if is_another(row, listed[code].id, listed[code].placed_at)
        }
        for code in sorted(changed):
            self.set_aside(held[code], listed[code])
        return changed

    def set_aside(self, row: OrderRow, stub: OrderStub) -> None:
        """Keep the earlier order under another name; the new one waits for a person.

        If nothing can have been sent under the code, no person is needed: the new order is then
        discovered like any other.
        """
        name = _free_name(self.ledger, row)
        found = _conflict(row, stub, name) if _may_be_at_veracore(row) else None
        if found is not None and stub.state == "Cancelled":
            found = _withdrawn(stub)
        message = found.trouble.message if found and found.trouble else f"it is kept as {name}"
        if self.context.must_not_write:
            self.report.notify(f"{row.code}: {message}")
            return
        change = self.ledger.transitions.set_aside(row, name, found)
        if change is Applied.LOST or found is None:
            self.report.notify(f"{row.code}: another order of the shop had this code: {message}")
            return
        self.report.applied(row.code, change, found.state, message)


def _may_be_at_veracore(row: OrderRow) -> bool:
    return row.attempt > 0 or row.veracore_id is not None


def _free_name(ledger: Ledger, row: OrderRow) -> str:
    name = f"{row.code}~{row.vendure_id}"
    while ledger.orders.get(name) is not None:
        name += "~"
    return name


def _conflict(row: OrderRow, stub: OrderStub, name: str) -> Discovery:
    as_id = f" as {row.veracore_id}" if row.veracore_id else ""
    message = (
        f"another order of the shop had this code: it went to VeraCore{as_id}, is {row.state} and "
        f"is kept in the ledger as {name}; this one is not sent until you decide: "
        f"{command('resolve CODE --new-id', CODE=row.code)} sends it under an id of its own, "
        "`--skip` leaves it out"
    )
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.CONFLICT,
        trouble=Failure(Category.CONFLICT, message),
    )


def _withdrawn(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        trouble=Failure(Category.VALIDATION, "it was cancelled in the shop before it was sent"),
    )

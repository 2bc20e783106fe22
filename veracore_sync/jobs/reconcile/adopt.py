"""Adopting one order that VeraCore has and the ledger does not know as sent."""

from __future__ import annotations

from dataclasses import dataclass

from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import NeedsPerson
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import HANDED_OVER, LOST_RACE, Applied, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.adoption import (
    adopt_unknown,
    was_never_sent,
    why_another,
    why_not_in_shop,
)
from veracore_sync.jobs.orders.interpret_lookup import Conflict, interpret_record
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.rebuild.slips import units_shown
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.tracking.rules import rules_of
from veracore_sync.ports.warehouse import LookUpFailed, Present


@dataclass(slots=True)
class Adopter(RunPart[OrdersReport]):
    """Adopts orders that a comparison found. The caller holds the lock of the orders job."""

    def adopt(self, code: str, veracore_id: str) -> str:
        """Adopt what VeraCore has under that id as the shop's order; what was done.

        Raises:
            NeedsPerson: The rules do not allow it; nothing was changed, or what a look-up proved.
            SyncError: A side did not answer.
        """
        # The caller holds the job lock, so an order in `sending` was left there by a killed run.
        self.ledger.transitions.recover()
        row = self.ledger.orders.get(code)
        if row is not None and row.state in HANDED_OVER:
            return self._known_as(row, veracore_id)
        order, record = self._order(code), self._record(veracore_id)
        prefixes = self.settings.orders.id_prefixes
        why = why_not_in_shop(order, self.settings.orders, self._states)
        why = why or self._why_shared(code)
        why = why or (why_another(order, record, row, prefixes) if order is not None else "")
        if why or order is None:
            adopts = command("resolve CODE --adopt ID", CODE=code, ID=veracore_id)
            raise NeedsPerson(
                f"it is not adopted: {why}",
                hint="cancel it at VeraCore if it must not ship; once the ledger holds it, "
                f"{adopts} adopts it all the same",
            )
        if row is not None and not was_never_sent(row):
            return self._adopt_known(row, record)
        if record.status == "cancelled":
            raise NeedsPerson(
                f"it is not adopted: VeraCore has cancelled {veracore_id}",
                hint="cancel and refund it in the shop",
            )
        units = units_shown(order, record, self.settings, self.clock.now())
        if adopt_unknown(self.ledger, order, veracore_id, record, units) is Applied.LOST:
            return LOST_RACE
        return f"adopted, VeraCore has it as {veracore_id}"

    @property
    def _states(self) -> frozenset[str]:
        # Also what has left: tracking then finds every slip fulfilled, and ends the order.
        return rules_of(self.settings).states | frozenset(SHIPPED_STATES)

    def _known_as(self, row: OrderRow, veracore_id: str) -> str:
        if (row.veracore_id or "").casefold() == veracore_id.casefold():
            return f"the ledger has it as {row.state} by now"
        raise NeedsPerson(
            f"VeraCore has it as {row.veracore_id} and as {veracore_id}, and both will ship",
            hint="cancel one of them at VeraCore, or accept it if it is a replacement",
        )

    def _order(self, code: str) -> FulfilledOrder | None:
        return self.shop.fulfilments.orders([code]).get(code)

    def _record(self, veracore_id: str) -> WarehouseRecord:
        found = self.warehouse.look_up(veracore_id)
        if isinstance(found, LookUpFailed):
            raise found.error
        if not isinstance(found, Present):
            raise NeedsPerson(
                f"it is not adopted: VeraCore no longer has {veracore_id}",
                hint="compare again with `veracore-sync reconcile`",
            )
        return found.record

    def _why_shared(self, code: str) -> str:
        if self.ledger.orders.set_aside_from([code]):
            return "several orders of the shop had this code, so its reference names none of them"
        return ""

    def _adopt_known(self, row: OrderRow, record: WarehouseRecord) -> str:
        """The order may have been sent, under this id or another: look-ups of all of them decide.

        Raises:
            NeedsPerson: They do not allow it, or a person decided that it is never sent.
        """
        adopts = command("resolve CODE --adopt ID", CODE=row.code, ID=record.id)
        by_person = f"{adopts} adopts it"
        if row.state is OrderState.CONFLICT:
            raise NeedsPerson(f"it is in conflict: {row.error_message or 'decide'}", hint=by_person)
        if row.state is OrderState.SKIPPED and row.cause is OrderCause.RESOLVED:
            raise NeedsPerson("a person decided not to send it", hint=by_person)
        sent = [one.lines for one in self.ledger.orders.attempts(row.code)]
        verdict = interpret_record(row.reference, record, sent)
        if isinstance(verdict, Conflict):
            raise NeedsPerson(f"it is not adopted: {verdict.trouble.message}", hint=by_person)
        return Resolver(self.context).adopt(row.code, record.id).sentence

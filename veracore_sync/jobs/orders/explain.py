"""What a run of ``sync-orders`` says of every order that it met: its outcome and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import HANDED_OVER, UNSENT, OrderState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.plan import WAITING_STATES
from veracore_sync.jobs.orders.reasons import (
    SENT,
    UNREAD,
    ReasonRules,
    being_cancelled,
    elsewhere,
    planned,
)
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.select import Selection
from veracore_sync.jobs.reasons import Why
from veracore_sync.ports.shop import Poll

_OPEN = (*UNSENT, OrderState.SENDING, OrderState.IN_DOUBT, OrderState.CONFLICT)


@dataclass(slots=True)
class Explainer(RunPart[OrdersReport]):
    """Gives each order its reason, once the run is over.

    Args:
        poll: What the shop listed; ``None``: it could not be listed.
        chosen: What the run wanted to work on.
    """

    poll: Poll | None = None
    chosen: Selection = field(default_factory=Selection)
    not_before: datetime | None = None

    def explain(self, stopped_by: SyncError | None = None) -> None:
        """Fill `RunReport.reasons`; answer who named orders.

        Args:
            stopped_by: What ended the run early.
        """
        stubs = self._stubs()
        rules = self._rules(stopped_by)
        plan = {action.code: action for action in self.report.plan or ()}
        outcomes, changes = self.report.outcomes, self.report.changes
        held = self._held([*stubs, *outcomes, *self.options.only])
        cancelling = {one.code: one for one in self.ledger.cancellations.under_way()}
        if not self.options.only:
            held |= self.ledger.orders.held(sorted(cancelling.keys() - held.keys()))
        aside = {stub.code: elsewhere(stub) for stub in self.chosen.elsewhere}
        also = () if self.options.only else cancelling
        for code in dict.fromkeys([*outcomes, *self._named_or_open(stubs, held), *also]):
            row, stub = held.get(code), stubs.get(code)
            if code in plan:
                self.report.reasons.add(planned(plan[code], row), code)
                continue
            if row is None and stub is None:
                continue  # the error that ended the run says so
            if outcomes.get(code) in ("submitted", "adopted"):
                why = Why(SENT if outcomes[code] == "submitted" else "already at VeraCore, adopted")
            elif code in self.report.unread:
                why = Why("cannot be read", self.report.unread[code], UNREAD)
            elif code in changes:
                why = Why("differs from the shop", changes[code])
            elif code in cancelling and row is not None and row.state in HANDED_OVER:
                why = being_cancelled(cancelling[code])
            elif row is None and code in aside:
                why = aside[code]
            else:
                why = rules.of(row, stub)
                if code in self.report.found and why.what != "parked":
                    why = replace(why, reason=self.report.found[code])
            self.report.reasons.add(why, code, is_new=code in outcomes or self._is_asked(code))
            if self._is_asked(code) and outcomes.get(code) in (None, "skipped"):
                said = f"{why.what}: {why.reason}" if why.reason else why.what
                self.report.notify_once(f"{code}: {said}")
        if not self.options.only:
            self._count_unpaid(rules, held, stubs)

    def _is_asked(self, code: str) -> bool:
        return code in self.options.only

    def _stubs(self) -> dict[str, OrderStub]:
        if self.poll is None:
            return {}
        listed = self.poll.waiting
        if self.options.only:
            listed += self.poll.moved
        return {stub.code: stub for stub in listed}

    def _rules(self, stopped_by: SyncError | None) -> ReasonRules:
        orders = self.settings.orders
        channel = self.poll.channel_code if self.poll is not None else ""
        rest = ""
        if stopped_by is not None:
            rest = f"the run ended before its turn: {stopped_by.message}"
        elif self.context.is_over:
            rest = "orders.max_run_minutes was over before its turn"
        elif self.options.limit is not None:
            rest = f"beyond --limit {self.options.limit}"
        return ReasonRules(
            triggers=orders.trigger_states,
            types=orders.sent_types(channel),
            not_before=self.not_before or self.ledger.meta.live_since,
            now=self.clock.now(),
            rest=rest,
        )

    def _held(self, codes: Sequence[str]) -> dict[str, OrderRow]:
        rows = self.ledger.orders.held(list(dict.fromkeys(codes)))
        if self.options.only:
            return rows
        return rows | {row.code: row for row in self.ledger.orders.in_states(_OPEN)}

    def _named_or_open(
        self, stubs: Mapping[str, OrderStub], held: Mapping[str, OrderRow]
    ) -> Iterable[str]:
        """Those that a person named; else all that are neither at VeraCore nor given up."""
        if self.options.only:
            return self.options.only
        rows = (row.code for row in held.values() if row.state not in HANDED_OVER)
        return [*(code for code in stubs if code not in held), *rows]

    def _count_unpaid(
        self, rules: ReasonRules, held: Mapping[str, OrderRow], known: Mapping[str, OrderStub]
    ) -> None:
        """Orders that no run lists, because their state in the shop is not one to send them in."""
        # One more request, so only where somebody reads the answer.
        states = sorted(WAITING_STATES - {*self.settings.orders.trigger_states})
        is_asked = self.options.is_read or self.options.dry_run
        if not states or not is_asked or self.poll is None or self.context.is_over:
            return
        try:
            found = self.shop.poll(
                trigger_states=states, moved_since=None, passed_states=(), passed_since=None
            )
        except SyncError as error:
            self.report.notify(f"orders that wait for payment are not shown: {error.message}")
            return
        stubs = [one for one in found.waiting if one.code not in held and one.code not in known]
        sent = self.ledger.orders.held([stub.code for stub in stubs])
        for stub in stubs:
            claim = self.settings.orders.claim(stub.channels)
            if stub.code not in sent and stub.type in rules.types and claim != "others":
                self.report.reasons.add(rules.of(None, stub), stub.code, is_new=False)

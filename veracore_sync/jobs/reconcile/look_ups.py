"""Look-ups of many orders at VeraCore, several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.failures import IN_A_ROW, REFUSES_ALL, read_error
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import look_ups_must_work
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.ports.concurrency import WAREHOUSE_LOOK_UPS
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

_CONTROLS = 3
_FINDS_NONE = "VeraCore finds none of the orders that it accepted, so an absence proves nothing"


@dataclass(slots=True)
class LookUps(RunPart[ReconcileReport]):
    """Looks orders up, and believes an absence only if look-ups find orders at all."""

    _finds_orders: bool = field(default=False, init=False)
    _is_ahead: bool = field(default=False, init=False)
    _begun: dict[str, Future[LookUp]] = field(default_factory=dict, init=False)

    @property
    def finds_orders(self) -> bool:
        """Whether an absence means anything: these credentials find some order, or, where VeraCore
        never accepted any, nothing can prove it."""
        return self._finds_orders or next(self._controls(), None) is None

    def of(self, ids: Sequence[str]) -> dict[str, LookUp]:
        """What the look-ups of these ids found.

        Raises:
            SyncError: VeraCore as a whole does not answer look-ups, or refuses them.
        """
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        found = self._all(wanted)
        self.report.looked_up += len(wanted)
        self.context.check_warehouse()
        failed = [one.error for one in found.values() if isinstance(one, LookUpFailed)]
        is_all = len(failed) == len(found) and len(failed) >= IN_A_ROW
        if is_all or any(error in REFUSES_ALL for error in failed):
            look_ups_must_work(self.warehouse, self.ledger)
        self._finds_orders |= any(isinstance(one, Present) for one in found.values())
        if not any(isinstance(one, Absent) for one in found.values()):
            return found
        is_proven = self._finds_any()
        return {id: self._believed(one, is_proven=is_proven) for id, one in found.items()}

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Within it, look-ups can be begun before they are asked for."""
        self._is_ahead = True
        try:
            yield
        finally:
            # A signal, or the end of the run's time: those that have not begun are dropped.
            for one in self._begun.values():
                one.cancel()
            self._is_ahead = False
            self._begun.clear()

    def begin(self, ids: Sequence[str]) -> None:
        """VeraCore is asked for these while others are compared; `of` gives what was found."""
        if self._is_ahead:
            for id in ids:
                if id not in self._begun:
                    self._begun[id] = self.context.concurrency.submit(
                        WAREHOUSE_LOOK_UPS, self.warehouse.look_up, id
                    )

    def _all(self, ids: Sequence[str]) -> dict[str, LookUp]:
        if self._is_ahead:
            self.begin(ids)
            return {id: self._begun.pop(id).result() for id in ids}
        found = self.context.concurrency.map(WAREHOUSE_LOOK_UPS, self.warehouse.look_up, ids)
        with closing(found):
            return dict(zip(ids, found, strict=True))

    def _finds_any(self) -> bool:
        """Whether the credentials find any order that VeraCore accepted.

        Another company, or an account that may not look up, finds none, and the ledger would seem
        to be wrong about all of them. Where none was ever accepted, nothing can be proven.
        """
        controls = list(dict.fromkeys(self._controls()))
        for id in controls[:_CONTROLS]:
            if self._finds_orders:
                break
            self._finds_orders = isinstance(self.warehouse.look_up(id), Present)
            self.report.looked_up += 1
        return self._finds_orders or not controls

    def _controls(self) -> Iterator[str]:
        newest = self.ledger.orders.newest_synced()
        states = (OrderState.SYNCED, OrderState.SHIPPED)
        rows = [newest] if newest is not None else []
        for row in (*rows, *self.ledger.orders.in_states(states, _CONTROLS)):
            if row.veracore_id is not None:
                yield row.veracore_id

    def _believed(self, found: LookUp, *, is_proven: bool) -> LookUp:
        """The look-up, or, of an absence that proves nothing, that nothing is known."""
        if not isinstance(found, Absent) or self._finds_orders:
            return found
        if is_proven and found.unless is None:
            return found
        error = read_error(Occurrence.NOT_UNDERSTOOD, _FINDS_NONE, upstream="veracore")
        return LookUpFailed(found.unless or error)

"""The gate before every request: the run's end, known refusals, the breaker, the rate budget."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Protocol

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.failures import OVERLOADED, slows_down
from veracore_sync.transport.overload import note_overload


class BreakerStore(Protocol):
    """A circuit breaker that outlives the process."""

    def before(self, *, creating: bool) -> None:
        """Allow a request, or raise `BreakerOpen`."""

    def after(self, what: Occurrence | None) -> None:
        """Count what happened."""


class BudgetStore(Protocol):
    """A rate budget that is shared by processes."""

    def spend(self) -> None:
        """Take one request from the budget; may wait."""

    def penalise(self, retry_after: float | None) -> None:
        """Slow down."""


class LedgerGate:
    """A gate whose breaker and budget are kept in the ledger.

    Args:
        breaker: Of the upstream and the job family.
        budget: Of the upstream; ``None`` where it has none.
        admit: Called once, before the first request; raises if the credentials are known to be
            refused.
        run_limit: Returns when the run ends (monotonic).
        confirm: Raises if this process may have lost its job.
    """

    def __init__(
        self,
        breaker: BreakerStore,
        budget: BudgetStore | None,
        admit: Callable[[], None],
        run_limit: Callable[[], float] = lambda: math.inf,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self._breaker = breaker
        self._budget = budget
        self._admit = admit
        self._run_limit = run_limit
        self._confirm = confirm
        self._admitted = False
        self._admitting = threading.Lock()
        self.upstream_answered = False
        """Whether a working upstream has answered."""

    @property
    def run_ends_at(self) -> float:
        """When the run ends, also inside a request (monotonic)."""
        return self._run_limit()

    def before(self, *, creating: bool) -> None:
        """Allow a request.

        Raises:
            AuthRefused: These credentials were refused and have not changed since.
            BreakerOpen: The upstream was down a moment ago.
            RateLimited: The budget is used up for longer than a run should wait.
            LeaseLost: Another process may have this one's job.
        """
        # Known refusals first: refused credentials are not tried again with every run.
        if not self._admitted:
            # The hourly trial of refused credentials is claimed once, for all threads.
            with self._admitting:
                if not self._admitted:
                    self._admit()
                    self._admitted = True
        self._breaker.before(creating=creating)
        if self._budget is not None:
            self._budget.spend()
        # Last: a process may have been stopped, or waited, until now.
        self._confirm()

    def after(self, what: Occurrence | None, retry_after: float | None) -> None:
        """Report an outcome to breaker and budget."""
        self.upstream_answered = self.upstream_answered or what is None
        is_too_much = slows_down(what, retry_after)
        if is_too_much or what in OVERLOADED:
            note_overload()
        self._breaker.after(what)
        if self._budget is not None and is_too_much:
            self._budget.penalise(retry_after)

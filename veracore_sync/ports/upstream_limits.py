"""What all processes know of an upstream: breakers, rate budgets and refused credentials."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from veracore_sync.domain.errors import Occurrence
from veracore_sync.domain.ledger_records import BreakerRow


class CircuitBreaker(Protocol):
    """One breaker, as one process sees it."""

    def before(self, *, creating: bool) -> None:
        """Allow a request, claim the probe, or refuse.

        Raises:
            BreakerOpen: It is open, another process probes, or a create would be the probe.
        """

    def after(self, what: Occurrence | None) -> None:
        """Record the outcome of a request; ``None``: the upstream answered normally."""


class CircuitBreakers(Protocol):
    """The breakers, one per upstream and job family."""

    def all(self) -> list[BreakerRow]:
        """Every breaker that ever counted a failure."""

    def one(
        self,
        upstream: str,
        family: str,
        *,
        threshold: int,
        cooldown: timedelta,
        forced: bool = False,
        read_only: bool = False,
    ) -> CircuitBreaker:
        """The breaker of one upstream for one job family."""

    def reset(self, upstream: str | None = None) -> int:
        """Close all breakers, or one upstream's; returns how many were not closed."""


class RateBudget(Protocol):
    """The limit on requests to one upstream."""

    def spend(self) -> None:
        """Take one request from the budget; wait for it if necessary.

        Raises:
            RateLimited: The wait would be longer than half a minute.
        """

    def penalise(self, retry_after: float | None) -> None:
        """The upstream asked us to slow down: halve the rate, pause for `retry_after` seconds."""


class RateBudgets(Protocol):
    """The budgets, one per upstream."""

    def of(self, upstream: str, per_minute: int) -> RateBudget:
        """The budget of one upstream; 0 requests per minute: no limit."""

    def clear_penalties(self, upstream: str | None = None) -> None:
        """Forget the reduced rate and pause of every upstream, or of that one."""


class RefusalStore(Protocol):
    """Credentials that were refused, remembered by a digest."""

    def remember(self, upstream: str, credentials: str) -> None:
        """These credentials were refused just now, with a message that is listed for that."""

    def forget(self, upstream: str) -> None:
        """The upstream's credentials were accepted, or a person wants them tried."""

    def standing(self, upstream: str) -> str | None:
        """Since when the upstream refuses its credentials (a UTC text), or ``None``."""

    def blocks(self, upstream: str, credentials: str) -> bool:
        """Whether these credentials are recorded as refused; writes nothing."""

    def may_try(self, upstream: str, credentials: str) -> bool:
        """Whether to try these credentials; claims the hour's trial if they were refused."""
